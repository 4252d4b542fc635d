use super::*;
use crate::capture::{Counts, Status};
use crate::sink::SentPart;

const OWNER: u64 = 1;

fn owner() -> (AccountId, CaptureId) {
    (AccountId::from_entropy(OWNER), CaptureId::from_bytes([7; 16]))
}

/// A record of a capture that has counted so many packets.
fn stored(state: StoredState, packets: u64, is_stop_asked: bool) -> StoredCapture {
    let mut stored = capture::old_record(state);
    (stored.packets, stored.bytes, stored.dropped) = (packets, packets * 100, 3);
    stored.stop_requested_ns = is_stop_asked.then_some(9);
    stored.message = None;
    stored
}

fn kept(number: u16, packets: u64, ends_file: bool) -> Kept {
    Kept {
        part: SentPart {
            number,
            tag: "\"tag\"".to_owned(),
        },
        part_bytes: 8 << 20,
        after: Counts {
            packets,
            bytes: packets * 100,
            dropped: 2,
        },
        ends_file,
        taken: Timestamp::from_secs(1),
    }
}

/// Decides, and checks the status, the packets and a piece of the message.
fn check(mut record: StoredCapture, kept: &[Kept], expected: (StoredState, u64, &str)) -> StoredCapture {
    let was_active = record.is_active();
    let change = decide(&mut record, owner(), kept, Timestamp::from_secs(5));
    let (state, packets, words) = expected;
    assert_eq!((record.state, record.packets), (state, packets), "{record:?}");
    let message = record.message.clone().unwrap_or_default();
    assert!(message.contains(words), "{message}");
    let Change::Store(further, settled) = change else {
        panic!("it is stored");
    };
    assert_eq!(
        matches!(settled, Settled::Complete { again: false }),
        !record.status().is_terminal()
    );
    // The account may begin another one; that this one is unfinished stays known.
    let lets_go = Request::new().delete(capture::active_key(owner().0));
    assert_eq!(further, if was_active { lets_go } else { Request::new() });
    assert_eq!(record.modified_ns, 5_000_000_000);
    record
}

#[test]
fn what_was_stored_is_kept() {
    use StoredState::{ConversionPending, ConversionRunning, Failed, Pending, Running};
    let one = [kept(1, 70, false)];
    let whole = [kept(1, 70, false), kept(2, 90, true)];
    let empty = [kept(1, 0, true)];
    for (state, counted, is_stop_asked, parts, expected) in [
        (
            Pending,
            0,
            false,
            &[][..],
            (Failed, 0, "before a part of its file was stored"),
        ),
        (
            Running,
            50,
            false,
            &[],
            (Failed, 50, "before a part of its file was stored"),
        ),
        (
            ConversionPending,
            50,
            true,
            &[],
            (Failed, 50, "before a part of its file was stored"),
        ),
        // The counts are those of the file, be they higher than what was stored last or lower.
        (
            Running,
            50,
            false,
            &one,
            (
                ConversionRunning,
                70,
                "its first 70 packets, and what was caught after them is lost",
            ),
        ),
        (
            Running,
            75,
            false,
            &one,
            (ConversionRunning, 70, "its first 70 packets, and at least 5 more"),
        ),
        (
            ConversionPending,
            90,
            true,
            &one,
            (ConversionRunning, 70, "at least 20 more"),
        ),
        // Killed before the run was noted, which comes after the agent has begun.
        (Pending, 0, false, &one, (ConversionRunning, 70, "its first 70 packets")),
        (
            Running,
            50,
            false,
            &whole,
            (ConversionRunning, 90, "all that was caught is in the file"),
        ),
        (
            ConversionPending,
            90,
            false,
            &whole,
            (ConversionRunning, 90, "all that was caught is in the file"),
        ),
        // As without a kill: an empty file is a success when a stop was asked for.
        (
            ConversionPending,
            0,
            false,
            &empty,
            (Failed, 0, "no packet had been caught"),
        ),
        (
            ConversionPending,
            0,
            true,
            &empty,
            (ConversionRunning, 0, "all that was caught is in the file"),
        ),
    ] {
        let record = check(stored(state, counted, is_stop_asked), parts, expected);
        if record.state == ConversionRunning {
            assert_eq!(record.packets_seen, Some(counted.max(record.packets)));
            assert_eq!((record.bytes, record.dropped), (record.packets * 100, 2));
        } else {
            assert_eq!((record.packets_seen, record.dropped), (None, 3));
        }
    }
}

#[test]
fn what_was_decided_stays() {
    for (state, is_settled) in [
        (
            StoredState::ConversionRunning,
            (|s| matches!(s, Settled::Complete { again: true })) as fn(&Settled) -> bool,
        ),
        (StoredState::Failed, |s| matches!(s, Settled::Abort)),
    ] {
        let before = stored(state, 75, false);
        let mut record = before.clone();
        match decide(&mut record, owner(), &[kept(1, 70, false)], Timestamp::from_secs(5)) {
            Change::Leave(settled) => assert!(is_settled(&settled)),
            Change::Store(..) => panic!("{state:?} is not stored again"),
        }
        assert_eq!(record, before);
    }
    assert!(Status::from(StoredState::Failed).is_terminal());
}

/// Parts of one size are cut within packets, and none is noted.
#[test]
fn a_file_of_parts_that_were_not_noted_may_be_there() {
    let mut before = stored(StoredState::ConversionRunning, 75, false);
    before.parts_v1.clear();
    let record = check(before, &[], (StoredState::Failed, 75, "whole, or it is not there"));
    assert!(record.status().is_terminal());
}
