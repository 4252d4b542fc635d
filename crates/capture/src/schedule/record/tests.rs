use super::*;
use crate::limits::RUNS_KEPT;
use crate::schedule::keys::{due_key, in_due_key, key, slot_in_key};
use baleen_meta::record::encode;
use baleen_types::CaptureId;

fn sample() -> StoredSchedule {
    StoredSchedule {
        id: [1; 16],
        name: "nightly".to_owned(),
        when: StoredWhen::Cron("0 3 * * *".to_owned()),
        runs_a_day: 2,
        packets_a_day: Some(3),
        bytes_a_day: None,
        site: "lab01".to_owned(),
        destination: "s3://evidence".to_owned(),
        time_limit_ns: 1_000_000_000,
        packet_limit: 4,
        byte_limit: 5,
        is_pcapng: false,
        snaplen: None,
        rotation: None,
        mask: None,
        filter: StoredFilter::All,
        sent_tuple: None,
        sent_bidirectional: false,
        sent_expression: None,
        sent_rules: None,
        asked_sha256: [2; 32],
        is_paused: false,
        created_ns: 6,
        due_ns: Some(7),
        day: 8,
        used_runs: 0,
        used_packets: 0,
        used_bytes: 0,
        open: None,
        runs: Vec::new(),
    }
}

/// The bytes of this release, which later ones read.
#[test]
fn a_schedule_is_stored_in_these_bytes() {
    let wanted = [
        "01",
        "01010101010101010101010101010101",
        "07",
        "6e696768746c79",
        "00",
        "09",
        "302033202a202a202a",
        "02",
        "0103",
        "00",
        "05",
        "6c61623031",
        "0d",
        "73333a2f2f65766964656e6365",
        "8094ebdc03",
        "04",
        "05",
        "00",
        "00",
        "00",
        "00",
        "00",
        "00",
        "00",
        "00",
        "00",
        "0202020202020202020202020202020202020202020202020202020202020202",
        "00",
        "0c",
        "010e",
        "10",
        "00",
        "00",
        "00",
        "00",
        "00",
    ];
    assert_eq!(hex::encode(encode(&sample()).unwrap()), wanted.concat());
}

#[test]
fn what_is_skipped_alike_is_one_entry_and_the_rest_is_bounded() {
    let mut record = sample();
    let id = CaptureId::from_bytes([9; 16]);
    record.note_begun(1, None, id);
    assert_eq!((record.used_runs, record.open.unwrap().capture), (1, [9; 16]));
    for due in 2..100 {
        record.note_skipped(due, due, 1, "busy".to_owned());
    }
    assert_eq!(record.runs.len(), 2);
    record.take_back(CaptureId::from_bytes([8; 16]));
    assert_eq!(record.used_runs, 1, "that was another");
    record.take_back(id);
    assert_eq!((record.used_runs, record.open, record.runs.len()), (0, None, 1));
    for due in 100..200 {
        record.note_skipped(due, due, 1, format!("reason {due}"));
    }
    assert_eq!(record.runs.len(), RUNS_KEPT);
    record.note_skipped(1, 1, 1, "x".repeat(10_000));
    assert!(encode(&record).unwrap().len() < baleen_meta::VALUE_BYTES_MAX);
}

#[test]
fn keys_are_read_as_they_are_written() {
    let account = AccountId::from_entropy(5);
    assert_eq!(slot_in_key(&key(account, 19)).unwrap(), 19);
    assert_eq!(in_due_key(&due_key(77, account, 3)).unwrap(), (77, account, 3));
    assert!(in_due_key(&key(account, 19)).is_err());
    assert!(due_key(-1, account, 0) < due_key(1, account, 0));
}
