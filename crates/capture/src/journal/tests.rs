use super::*;
use proptest::prelude::*;

fn kept(number: u16) -> Kept {
    let part = SentPart {
        number,
        tag: format!("\"tag-{number}\""),
    };
    let piece = Piece {
        file: 0,
        bytes: vec![0; usize::from(number)].into(),
        ends_file: number == 9,
        after: Counts {
            packets: u64::from(number) * 10,
            bytes: u64::from(number) * 1000,
            dropped: 1,
        },
    };
    Kept::of(&piece, part, Timestamp::from_secs(i64::from(number)))
}

fn owner(n: u64) -> (AccountId, CaptureId) {
    (AccountId::from_entropy(n), CaptureId::from_bytes([7; 16]))
}

async fn commit(meta: &Meta, request: Request) {
    assert!(meta.commit(request).await.unwrap().is_committed());
}

#[tokio::test]
async fn parts_are_read_as_they_were_noted() {
    let meta = Meta::open_model();
    for number in [3, 1, 2] {
        commit(&meta, note(owner(1), 0, &kept(number)).unwrap()).await;
    }
    // Another file, and another account, are others.
    commit(&meta, note(owner(1), 1, &kept(9)).unwrap()).await;
    commit(&meta, note(owner(2), 0, &kept(1)).unwrap()).await;
    assert_eq!(read(&meta, owner(1), 0).await.unwrap(), [kept(1), kept(2), kept(3)]);
    // Sent again: the store has the last.
    let mut again = kept(2);
    again.part.tag = "\"other\"".to_owned();
    commit(&meta, note(owner(1), 0, &again).unwrap()).await;
    assert_eq!(read(&meta, owner(1), 0).await.unwrap(), [kept(1), again, kept(3)]);

    commit(&meta, forget(&meta, owner(1)).await.unwrap()).await;
    for file in [0, 1] {
        assert_eq!(read(&meta, owner(1), file).await.unwrap(), []);
    }
    assert_eq!(read(&meta, owner(2), 0).await.unwrap(), [kept(1)]);
}

#[tokio::test]
async fn nothing_is_read_behind_a_gap() {
    for (numbers, whole) in [(&[2, 3][..], 0), (&[1, 3], 1), (&[1, 2, 4, 5], 2)] {
        let meta = Meta::open_model();
        for number in numbers {
            commit(&meta, note(owner(1), 0, &kept(*number)).unwrap()).await;
        }
        assert_eq!(read(&meta, owner(1), 0).await.unwrap().len(), whole, "{numbers:?}");
    }
}

#[tokio::test]
async fn as_many_parts_as_an_upload_may_have() {
    let meta = Meta::open_model();
    for number in 1..=u16::try_from(engine::PARTS_MAX).unwrap() {
        commit(&meta, note(owner(1), 0, &kept(number)).unwrap()).await;
    }
    let read = read(&meta, owner(1), 0).await.unwrap();
    assert_eq!((read.len(), read.last().unwrap()), (10_000, &kept(10_000)));
    commit(&meta, forget(&meta, owner(1)).await.unwrap()).await;
    assert!(meta.scan(Scan::prefix(b"")).await.unwrap().is_empty());
}

proptest! {
    #[test]
    fn damaged_rows_are_errors(bytes: Vec<u8>) {
        // Whatever it is, it is told and nothing panics.
        let _ = store::decode::<StoredPart>(bytes.into());
    }
}

#[tokio::test]
async fn more_parts_are_forgotten_than_one_request_can() {
    let meta = Meta::open_model();
    let files = 3;
    for file in 0..files {
        let parts = u16::try_from(SCAN_ENTRIES_MAX / 2).unwrap();
        let all = (1..=parts).map(|number| note(owner(1), file, &kept(number)).unwrap());
        commit(&meta, all.fold(Request::new(), Request::and)).await;
    }
    commit(&meta, forget(&meta, owner(1)).await.unwrap()).await;
    assert!(!read(&meta, owner(1), files - 1).await.unwrap().is_empty());
    forget_rest(&meta, owner(1)).await.unwrap();
    for file in 0..files {
        assert_eq!(read(&meta, owner(1), file).await.unwrap(), []);
    }
}
