use super::*;
use crate::capture::{Counts, StoredState, old_record};

const MIN: u64 = PART_BYTES_MIN;

#[test]
fn a_cut_file_gets_statistics_where_it_can() {
    let now = Timestamp::from_secs(1000);
    for (name, interfaces, is_pcapng, is_cut, (number, part_bytes, ends_file), expected) in [
        ("one interface", Some(1), true, true, (3, MIN, false), Some(true)),
        (
            "counts of several are not told apart",
            Some(2),
            true,
            true,
            (3, MIN, false),
            Some(false),
        ),
        (
            "nor those of who knows how many",
            None,
            true,
            true,
            (3, MIN, false),
            Some(false),
        ),
        (
            "classic pcap has no place for it",
            Some(1),
            false,
            true,
            (3, MIN, false),
            None,
        ),
        ("not cut", Some(1), true, false, (3, MIN, false), None),
        ("it has its end", Some(1), true, true, (3, MIN, true), None),
        (
            "nothing may be behind so small a part",
            Some(1),
            true,
            true,
            (3, MIN - 1, false),
            None,
        ),
        (
            "the last but one number",
            Some(1),
            true,
            true,
            (9999, MIN, false),
            Some(true),
        ),
        ("no number is left", Some(1), true, true, (10_000, MIN, false), None),
    ] {
        let mut record = old_record(StoredState::ConversionRunning);
        (record.interfaces, record.is_pcapng) = (interfaces, is_pcapng);
        record.packets_seen = is_cut.then_some(100);
        let last = Kept {
            part: SentPart {
                number,
                tag: String::new(),
            },
            part_bytes,
            after: Counts {
                packets: 70,
                bytes: 7000,
                dropped: 2,
            },
            ends_file,
            taken: Timestamp::from_secs(900),
        };
        let tail = tail(&record, last.after.packets, std::slice::from_ref(&last), now);
        assert_eq!(tail.is_some(), expected.is_some(), "{name}");
        let (Some((behind, bytes)), Some(with_counts)) = (tail, expected) else {
            continue;
        };
        assert_eq!(behind.get(), number + 1);
        // Behind a file as it may be, it is read as statistics.
        let mut file = Vec::new();
        ng::put_section(&mut file, &ng::Section::default());
        ng::put_interface(
            &mut file,
            &ng::Interface::new(baleen_types::LinkType::ETHERNET, 65535, "eth0"),
        );
        file.extend_from_slice(&bytes);
        let mut reader = baleen_pcapfile::Reader::new(&file[..]).unwrap();
        let mut told = Vec::new();
        while let Some(item) = reader.next_item().unwrap() {
            if let baleen_pcapfile::Item::Statistics(statistics) = item {
                told.push((statistics.stamp_nanos, statistics.os_dropped, statistics.delivered));
            }
        }
        let counts = if with_counts { (Some(2), Some(70)) } else { (None, None) };
        assert_eq!(told, [(900_000_000_000, counts.0, counts.1)], "{name}");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            text.contains("70 packets are in this file, and 2 had been dropped"),
            "{text}"
        );
    }
    assert_eq!(tail(&old_record(StoredState::ConversionRunning), 0, &[], now), None);
}
