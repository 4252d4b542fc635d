use super::*;
use baleen_meta::record;

/// A record of an older release.
pub(crate) fn old_record(state: StoredState) -> StoredCapture {
    v1(state).into()
}

fn v1(state: StoredState) -> v1::StoredCaptureV1 {
    let parts = if state == StoredState::ConversionRunning {
        vec![1, 2]
    } else {
        vec![]
    };
    v1::StoredCaptureV1 {
        site: "lab01".to_owned(),
        destination: "s3://evidence/case-17".to_owned(),
        ownership: [3; 16],
        object: "case-17/pcap_1.pcap".to_owned(),
        time_limit_ns: 20_000_000_000,
        packet_limit: 10_000,
        byte_limit: 1_000_000_000,
        is_pcapng: true,
        sent_tuple: Some("{}".to_owned()),
        sent_bidirectional: true,
        sent_expression: None,
        state,
        submitted_ns: 1,
        started_ns: Some(2),
        ended_ns: (state == StoredState::Success).then_some(4),
        stop_requested_ns: Some(3),
        packets: 5,
        bytes: 500,
        dropped: 6,
        message: Some("the server was stopped".to_owned()),
        upload: Some("upload-1".to_owned()),
        parts: parts
            .into_iter()
            .map(|number| SentPart {
                number,
                tag: format!("\"{number}\""),
            })
            .collect(),
    }
}

/// As an older release wrote them: one mid-run, one that was being completed, and one that was over.
const RUNNING: &str = "01056c616230311573333a2f2f65766964656e63652f636173652d3137030303030303030303030303030303031363617365\
     2d31372f706361705f312e706361708090dfc04a904e8094ebdc030101027b7d01000102010400010605f4030601167468652073657276657220\
     7761732073746f70706564010875706c6f61642d3100";
const COMPLETING: &str = "01056c616230311573333a2f2f65766964656e63652f636173652d3137030303030303030303030303030303031363617365\
     2d31372f706361705f312e706361708090dfc04a904e8094ebdc030101027b7d01000302010400010605f4030601167468652073657276657220\
     7761732073746f70706564010875706c6f61642d310201032231220203223222";
const OVER: &str = "01056c616230311573333a2f2f65766964656e63652f636173652d3137030303030303030303030303030303031363617365\
     2d31372f706361705f312e706361708090dfc04a904e8094ebdc030101027b7d0100040201040108010605f40306011674686520736572766572\
     207761732073746f70706564010875706c6f61642d3100";

#[test]
fn captures_of_the_first_shape() {
    for (bytes, state, modified_ns, parts) in [
        (RUNNING, StoredState::Running, 3, 0),
        (COMPLETING, StoredState::ConversionRunning, 3, 2),
        (OVER, StoredState::Success, 4, 0),
    ] {
        let bytes = hex::decode(bytes).unwrap();
        assert_eq!(record::encode(&v1(state)).unwrap(), bytes, "{state:?}");
        let migrated: StoredCapture = record::decode(&bytes).unwrap();
        assert_eq!(migrated, old_record(state));
        assert_eq!(
            (migrated.origin, migrated.kind),
            (StoredOrigin::Pcaps, StoredKind::Full)
        );
        assert_eq!((migrated.modified_ns, migrated.parts_v1.len()), (modified_ns, parts));
        assert_eq!(
            migrated.counts(),
            Counts {
                packets: 5,
                bytes: 500,
                dropped: 6
            }
        );
        let again = record::encode(&migrated).unwrap();
        assert_eq!(again[0], 2);
        assert_eq!(record::decode::<StoredCapture>(&again).unwrap(), migrated);
        // One byte less or more is no record.
        for damaged in [&again[..again.len() - 1], &[&again[..], &[0]].concat()] {
            assert!(record::decode::<StoredCapture>(damaged).is_err());
        }
    }
}

#[test]
fn counts_in_the_end_are_those_of_the_files() {
    for (name, packets, seen, held, message, expected) in [
        ("all", 9, None, 9, None, None),
        ("all, with a note", 9, None, 9, Some("a"), Some("a")),
        ("more than was counted last", 5, None, 9, None, None),
        (
            "one is lost",
            9,
            None,
            5,
            Some("a"),
            Some("its files hold 5 packets, and 4 more had been caught and are lost; a"),
        ),
        (
            "killed",
            9,
            Some(9),
            9,
            None,
            Some("its files hold 9 packets, and what was caught after them is lost"),
        ),
        (
            "killed, and one is lost",
            9,
            Some(12),
            5,
            None,
            Some("its files hold 5 packets, and at least 7 more had been caught and are lost"),
        ),
    ] {
        let mut record = old_record(StoredState::ConversionRunning);
        (record.packets, record.packets_seen) = (packets, seen);
        let held = Counts {
            packets: held,
            bytes: held * 100,
            dropped: 0,
        };
        let told = record.count_files(held, message.map(str::to_owned));
        assert_eq!(told.as_deref(), expected, "{name}");
        let counts = record.counts();
        assert_eq!(
            (counts.packets, counts.bytes, counts.dropped),
            (held.packets, held.bytes, 6),
            "{name}"
        );
    }
    // Cut twice: what was seen first counts.
    let mut record = old_record(StoredState::Running);
    for (packets, seen) in [(4, 5), (3, 5), (8, 8)] {
        record.cut_counts(Counts {
            packets,
            ..Counts::default()
        });
        assert_eq!((record.packets, record.packets_seen), (packets, Some(seen)));
    }
}
