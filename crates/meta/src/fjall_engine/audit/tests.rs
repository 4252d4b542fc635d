use super::*;
use crate::{FjallSettings, Meta, Request};

/// Makes a store with a few records, stopped cleanly.
async fn store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let meta = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
    for at in 0..10_u8 {
        meta.commit(Request::new().put([b'O', at], vec![at; 100]))
            .await
            .unwrap();
    }
    folder
}

fn refusal(store: &Path) -> String {
    Meta::open_fjall(store, FjallSettings::default())
        .map(drop)
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn what_the_engine_writes_is_understood() {
    let store = store().await;
    assert_eq!(check(store.path()).unwrap(), Found::Store);
    let [(number, path)] = &journal::files(store.path()).unwrap()[..] else {
        panic!("one journal")
    };
    let mut batches = 0;
    let (end, tail) = journal::walk(path, |_| batches += 1).unwrap();
    assert_eq!((batches, tail), (10, Tail::Clean));
    assert_eq!(read_note(store.path()).unwrap(), Some(vec![(*number, end)]));
}

#[tokio::test]
async fn a_journal_that_lost_its_end_after_a_clean_stop_is_refused() {
    let store = store().await;
    let (_, path) = journal::files(store.path()).unwrap().pop().unwrap();
    let mut ends = Vec::new();
    journal::walk(&path, |span| ends.push(span.end)).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(ends[8]).unwrap();
    let message = refusal(store.path());
    assert!(
        message.starts_with("metadata journal ") && message.contains("0.jnl is damaged"),
        "{message}"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(refusal(store.path()).contains("0.jnl is damaged: it is missing"));
}

#[tokio::test]
async fn damage_is_told_with_role_file_and_advice() {
    let store = store().await;
    let (_, path) = journal::files(store.path()).unwrap().pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let message = refusal(store.path());
    for part in [
        "metadata journal",
        "0.jnl",
        "at byte 0",
        "restore",
        "nothing in it has been changed",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn an_open_store_is_in_use() {
    let folder = store().await;
    let _meta = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
    assert!(matches!(check(folder.path()), Err(Error::InUse { .. })));
}

#[tokio::test]
async fn a_store_that_lost_the_engine_s_files_is_not_made_anew() {
    for lost in ["lock", "version"] {
        let store = store().await;
        std::fs::remove_file(store.path().join(lost)).unwrap();
        assert!(refusal(store.path()).contains(&format!("{lost} is damaged")), "{lost}");
    }
}

#[test]
fn notes_are_read_back_and_damaged_ones_are_none() {
    let folder = tempfile::tempdir().unwrap();
    note_clean_stop(folder.path()).unwrap();
    assert_eq!(read_note(folder.path()).unwrap(), Some(vec![]));
    for text in ["", "sum 0", "1 2\nsum 0000000000000000\n", "nonsense"] {
        assert_eq!(parse_note(text), None, "{text:?}");
    }
    forget_clean_stop(folder.path()).unwrap();
    forget_clean_stop(folder.path()).unwrap();
    assert_eq!(read_note(folder.path()).unwrap(), None);
}
