use super::*;
use crate::{Record, classic, ng};
use proptest::prelude::*;

fn drain(bytes: &[u8]) -> (usize, bool, u64, bool) {
    let Ok(mut reader) = Reader::new(bytes) else {
        return (0, false, 0, true);
    };
    let mut packets = 0;
    loop {
        match reader.next_item() {
            Ok(Some(Item::Packet(_))) => packets += 1,
            Ok(Some(_)) => {}
            Ok(None) => return (packets, reader.is_cut(), reader.intact_bytes(), false),
            Err(_) => return (packets, reader.is_cut(), reader.intact_bytes(), true),
        }
    }
}

fn sample_ng() -> Vec<u8> {
    let mut out = Vec::new();
    ng::put_section(&mut out, &ng::Section::default());
    let interface = ng::Interface::new(LinkType::ETHERNET, 100, "a");
    ng::put_interface(&mut out, &interface);
    for n in 0..5 {
        ng::put_packet(&mut out, &Record::new(n, 60, &[7; 60]));
    }
    ng::put_statistics(&mut out, &Statistics::default());
    out
}

fn sample_classic() -> Vec<u8> {
    let mut out = Vec::new();
    classic::put_header(&mut out, LinkType::ETHERNET, 100, classic::Precision::Micros);
    for n in 0..5 {
        classic::put_packet(&mut out, &Record::new(n, 60, &[7; 60]), classic::Precision::Micros);
    }
    out
}

#[test]
fn a_cut_file_ends_before_the_cut() {
    for (file, head) in [(sample_ng(), 28 + 4 + 32), (sample_classic(), 24)] {
        let (packets, is_cut, intact, failed) = drain(&file);
        assert_eq!((packets, is_cut, intact, failed), (5, false, file.len() as u64, false));
        for length in head..file.len() {
            let (packets, is_cut, intact, failed) = drain(&file[..length]);
            assert!(!failed, "{length}");
            let end = usize::try_from(intact).unwrap();
            assert_eq!(is_cut, end != length, "{length}");
            // What is left after cutting there is whole, and has the same packets.
            assert_eq!(drain(&file[..end]), (packets, false, intact, false));
        }
    }
}

#[test]
fn both_byte_orders() {
    // The classic sample with each word turned round; its packets are sevens.
    let mut big = Vec::new();
    big.extend(0xa1b2_c3d4u32.to_be_bytes());
    big.extend([0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 1]);
    big.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 60, 7, 7]);
    let mut reader = Reader::new(big.as_slice()).unwrap();
    reader.next_item().unwrap();
    assert!(matches!(
        reader.next_item().unwrap(),
        Some(Item::Packet(p)) if p.stamp_nanos == Some(1_000_002_000) && p.bytes == [7, 7] && p.original_length == 60
    ));
    let mut ng = Vec::new();
    ng.extend([0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0]);
    ng.extend([0xff; 8]);
    ng.extend([0, 0, 0, 28]);
    ng.extend([0, 0, 0, 1, 0, 0, 0, 20, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20]);
    ng.extend([0, 0, 0, 3, 0, 0, 0, 20, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 20]);
    let mut reader = Reader::new(ng.as_slice()).unwrap();
    assert!(matches!(reader.next_item().unwrap(), Some(Item::Interface(i)) if i.link == LinkType::RAW));
    assert!(
        matches!(reader.next_item().unwrap(), Some(Item::Packet(p)) if p.bytes == [1, 2, 3] && p.stamp_nanos.is_none())
    );
}

#[test]
fn other_files_are_refused() {
    for bytes in [
        &b""[..],
        b"PK",
        b"GIF89a whatever follows",
        &[0xd4, 0xc3, 0xb2, 0xa1, 9, 9, 9, 9],
    ] {
        assert!(Reader::new(bytes).is_err());
    }
}

#[test]
fn an_impossible_length_takes_no_memory() {
    let mut file = sample_classic();
    let at = file.len();
    file.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
    let mut reader = Reader::new(file.as_slice()).unwrap();
    let error = loop {
        match reader.next_item() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the length was believed"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Damaged { at: offset, .. } if offset == at as u64));
    assert!(reader.buffer.capacity() < 1 << 20);
    assert_eq!(reader.next_item().unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn damaged_files_never_panic(flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8), ng in any::<bool>()) {
        let mut file = if ng { sample_ng() } else { sample_classic() };
        for (at, value) in flips {
            let at = at.index(file.len());
            file[at] = value;
        }
        let (packets, _, intact, _) = drain(&file);
        prop_assert!(packets <= 20 && intact <= file.len() as u64 + 4);
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0usize..4) {
        let mut file: Vec<u8> = match magic {
            0 => sample_ng()[..28].to_vec(),
            1 => sample_classic()[..24].to_vec(),
            2 => 0x0a0d_0d0au32.to_le_bytes().to_vec(),
            _ => Vec::new(),
        };
        file.extend(bytes);
        drain(&file);
    }
}
