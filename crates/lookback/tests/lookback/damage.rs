//! What disks and kills do: packets may be missing then, and are counted; none is ever wrong.

use crate::lab::{Lab, Packet, all, ask, packets, record, seen, segments_in, small, tuple};
use baleen_lookback::{Lookback, Recorder};
use std::fs;
use std::path::{Path, PathBuf};

fn wanted(packets: &[Packet]) -> Vec<(u64, Vec<u8>)> {
    let kept = |packet: &Packet| (packet.stamp, packet.bytes[..packet.bytes.len().min(160)].to_vec());
    packets.iter().map(kept).collect()
}

fn append_all(recorder: &mut Recorder, packets: &[Packet]) {
    for (n, packet) in packets.iter().enumerate() {
        packet.append(recorder);
        if n % 40 == 39 {
            recorder.flush();
        }
    }
    recorder.flush();
}

/// A segment as a kill leaves it, in a folder of its own.
fn killed(lab: &Lab, packets: &[Packet]) -> (tempfile::TempDir, PathBuf) {
    let ring = lab.open();
    let mut recorder = record(&ring);
    append_all(&mut recorder, packets);
    let left = lab.as_after_a_kill();
    let path = left.path().join(segments_in(left.path()).pop().unwrap());
    (left, path)
}

fn is_part_of(some: &[(u64, Vec<u8>)], all: &[(u64, Vec<u8>)]) -> bool {
    let mut rest = all.iter();
    some.iter().all(|one| rest.any(|other| other == one))
}

/// Opens what is left and reads all, by every way there is.
fn read(lab: &Lab, folder: &Path, all_packets: &[(u64, Vec<u8>)]) -> (Lookback, usize) {
    let ring = lab.open_in(folder);
    let sample = ask(&ring, &all(100_000));
    let found = seen(&sample);
    assert!(is_part_of(&found, all_packets), "a packet that never was");
    let filter = tuple(6, (0x0a00_0001, 1000), (0xc0a8_0001, 443));
    let narrowed = ask(&ring, &baleen_lookback::Query { filter, ..all(100_000) });
    assert!(is_part_of(&seen(&narrowed), all_packets), "a packet that never was");
    (ring, found.len())
}

#[test]
fn a_write_torn_at_any_byte_costs_what_was_in_it() {
    for lab in [Lab::new(small()), Lab::sealed(small())] {
        let packets = packets(200);
        let (left, path) = killed(&lab, &packets);
        let (whole, wanted) = (fs::read(&path).unwrap(), wanted(&packets));
        let mut before = 0;
        let (mut torn, mut clean) = (0, 0);
        // Every byte of the last block, whose chunks have no directory yet, and some of those before.
        let last_block = whole.len() - 2500;
        for length in (0..last_block).step_by(211).chain(last_block..=whole.len()) {
            fs::write(&path, &whole[..length]).unwrap();
            let (ring, found) = read(&lab, left.path(), &wanted);
            // The more is there, the more is found, in order.
            assert!(found >= before, "{length}: {found} after {before}");
            before = found;
            let stats = ring.stats();
            assert_eq!(stats.damaged, 0, "{length}");
            match stats.torn {
                0 => clean += 1,
                1 => torn += 1,
                more => panic!("{more} torn of one at {length}"),
            }
        }
        assert_eq!(before, packets.len());
        assert!(torn > clean, "{torn} {clean}");
        // What is torn is left as it is, and a new segment is begun.
        fs::write(&path, &whole[..whole.len() - 100]).unwrap();
        let (ring, found) = read(&lab, left.path(), &wanted);
        assert!(found < packets.len() && found > packets.len() / 2);
        let mut recorder = record(&ring);
        packets[0].append(&mut recorder);
        recorder.flush();
        assert_eq!(segments_in(left.path()).len(), 2);
        assert_eq!(ask(&ring, &all(100_000)).packets.len(), found + 1);
    }
}

/// Flips a bit of every byte; `ended` is a segment with its contents, else it is one of a kill.
fn flip_all(lab: &Lab, folder: &Path, path: &Path, count: usize, wanted: &[(u64, Vec<u8>)]) {
    let whole = fs::read(path).unwrap();
    let (mut harmless, mut costly) = (0, 0);
    // Every byte but those between the heads and the first block; where all is sealed, one in three.
    let step = if lab.key.is_some() { 3 } else { 1 };
    for at in (0..100).chain(2040..2140).chain((4090..whole.len()).step_by(step)) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(path, &flipped).unwrap();
        let (ring, found) = read(lab, folder, wanted);
        // At most a chunk of a kibibyte is lost: 13 of these packets.
        assert!(found + 14 >= count, "{at}: {found} of {count}");
        if found < count {
            costly += 1;
            let sample = ask(&ring, &all(100_000));
            assert!(
                sample.damaged + ring.stats().damaged + ring.stats().torn > 0,
                "{at}: nobody says so"
            );
        } else {
            harmless += 1;
        }
    }
    assert!(costly > 1000 && harmless > 100, "{costly} {harmless}");
}

#[test]
fn a_flipped_bit_costs_one_chunk_at_most() {
    for lab in [Lab::new(small()), Lab::sealed(small())] {
        let packets = packets(90);
        let wanted = wanted(&packets);
        let (left, path) = killed(&lab, &packets);
        flip_all(&lab, left.path(), &path, packets.len(), &wanted);
    }
}

#[test]
fn a_flipped_bit_in_a_segment_that_was_ended_costs_no_more() {
    for lab in [Lab::new(small()), Lab::sealed(small())] {
        let packets = packets(90);
        let (ring, wanted) = (lab.open(), wanted(&packets));
        let mut recorder = record(&ring);
        append_all(&mut recorder, &packets);
        drop((recorder, ring));
        let path = lab.dir.path().join(lab.segments().pop().unwrap());
        flip_all(&lab, lab.dir.path(), &path, packets.len(), &wanted);
    }
}

#[test]
fn pages_that_never_reached_the_disk_are_missed_and_told() {
    let lab = Lab::new(small());
    let packets = packets(400);
    let wanted = wanted(&packets);
    let (left, path) = killed(&lab, &packets);
    let whole = fs::read(&path).unwrap();
    for page in 1..whole.len() / 4096 {
        let mut holed = whole.clone();
        holed[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(&path, &holed).unwrap();
        let (ring, found) = read(&lab, left.path(), &wanted);
        assert!(found < packets.len() && found > packets.len() / 2, "{page}: {found}");
        assert!(ring.stats().damaged + ring.stats().torn > 0, "{page}");
    }
}

#[test]
fn files_of_others_are_left_alone_and_hostile_ones_are_no_segment() {
    let lab = Lab::new(small());
    let names = ["0000000000000007.seg", "notes.txt", "00000000000000XY.seg"];
    for name in names {
        fs::write(lab.dir.path().join(name), vec![0x42; 20_000]).unwrap();
    }
    let ring = lab.open();
    assert_eq!((ring.stats().damaged, ring.stats().segments), (1, 1));
    let mut recorder = record(&ring);
    for packet in &packets(5) {
        packet.append(&mut recorder);
    }
    recorder.flush();
    assert_eq!(ask(&ring, &all(10)).packets.len(), 5);
    assert!(names.iter().all(|name| lab.dir.path().join(name).exists()));
    // Numbers go on behind the highest that was seen.
    assert_eq!(lab.segments()[1], "0000000000000008.seg");
}

/// A head that stands in the bytes of a packet is none: the checksums begin with a salt that nobody outside knows.
#[test]
fn a_chunk_in_a_packet_is_no_chunk() {
    let victim = Lab::new(small());
    let (_left, path) = killed(&victim, &packets(40));
    let forged = fs::read(&path).unwrap()[4096..4096 + 160].to_vec();
    let lab = Lab {
        entropy: baleen_runtime::SeededEntropy::new(8),
        ..Lab::new(small())
    };
    let sent: Vec<_> = (0..40u64)
        .map(|n| Packet::new(packets(1)[0].stamp + n, forged.clone()))
        .collect();
    let wanted = wanted(&sent);
    let (left, path) = killed(&lab, &sent);
    let whole = fs::read(&path).unwrap();
    for at in (4096..whole.len()).step_by(7) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        fs::write(&path, &flipped).unwrap();
        read(&lab, left.path(), &wanted);
    }
}
