use super::*;
use crate::part::OpenPart;
use baleen_capture::Counts;

const ID: OrderId = OrderId {
    capture: [0xab; 16],
    generation: 3,
};

const OWNER: &str = "one";

fn counts(packets: u64) -> Counts {
    Counts {
        packets,
        bytes: packets * 10,
        dropped: 1,
    }
}

fn ended(parts: u32, trouble: Option<&str>) -> Ended {
    Ended {
        counts: baleen_agentwire::Counts {
            packets: 77,
            ..baleen_agentwire::Counts::default()
        },
        parts,
        trouble: trouble.map(str::to_owned),
        missing: None,
    }
}

/// An order whose parts have 100 bytes, in pieces of 30.
struct Writing {
    folder: OrderFolder,
    open: OpenPart,
    pieces: u8,
    parts: Vec<(PartHead, Bytes)>,
}

impl Writing {
    fn new(spool: &Spool) -> Self {
        Self {
            folder: spool.create(ID).unwrap(),
            open: OpenPart::new(100),
            pieces: 0,
            parts: Vec::new(),
        }
    }

    fn pieces(mut self, pieces: u8) -> Self {
        for _ in 0..pieces {
            self.pieces += 1;
            let piece = [self.pieces; 30];
            self.open.push(&piece, counts(self.pieces.into()));
            self.folder.append(&self.open.head(), &piece);
            if self.open.is_full() {
                self.close(false);
            }
        }
        self
    }

    fn close(&mut self, ends_file: bool) {
        let (head, bytes) = self.open.close(ends_file).unwrap();
        self.folder.close(&head);
        self.parts.push((head, bytes));
    }
}

/// What is in a folder beside the mark of its owner.
fn left(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().file_name() != OWNER_FILE)
        .count()
}

fn recovered(dir: &Path) -> Recovered {
    let (_, mut found) = Spool::open(dir, 10_000, OWNER).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// The numbers, lengths and packets of what is to be sent; that the bytes are those is looked at.
fn shown(recovered: &Recovered) -> Vec<(u32, u64, u64, bool)> {
    let show = |head: &PartHead| {
        let bytes = recovered.folder.read(head).unwrap();
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes);
        assert_eq!(crc, u64::from(head.crc32c));
        (head.number, head.length, head.after.packets, head.ends_file)
    };
    recovered.parts.iter().map(show).collect()
}

#[test]
fn what_a_killed_process_left_is_sent_to_the_last_piece() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, found) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    assert!(found.is_empty());
    let writing = Writing::new(&spool).pieces(10);
    // Twice, since the process that finds it may be killed too.
    for _ in 0..2 {
        let found = recovered(dir.path());
        assert_eq!(
            shown(&found),
            [(0, 120, 4, false), (1, 120, 8, false), (2, 60, 10, true)]
        );
        assert_eq!((found.id, found.ended.parts), (ID, 3));
        assert_eq!(found.ended.counts.packets, 10);
    }
    assert!(
        recovered(dir.path())
            .ended
            .trouble
            .unwrap()
            .contains("ended while it captured")
    );
    // What is in the store is not sent again.
    writing.folder.stored(&writing.parts[0].0);
    assert_eq!(shown(&recovered(dir.path())), [(1, 120, 8, false), (2, 60, 10, true)]);
    assert!(!part_path(&dir.path().join(name_of(ID)), 0).exists());
}

#[test]
fn an_end_that_was_noted_is_told_as_it_was() {
    for (trouble, at_a_border) in [(None, false), (Some("the interface went away"), false), (None, true)] {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
        let mut writing = Writing::new(&spool).pieces(if at_a_border { 8 } else { 10 });
        if !at_a_border {
            writing.close(true);
        }
        let parts = u32::try_from(writing.parts.len()).unwrap();
        writing.folder.ended(&ended(parts, trouble));
        for (head, _) in &writing.parts {
            assert_eq!(recovered(dir.path()).ended, ended(parts, trouble));
            writing.folder.stored(head);
        }
        let found = recovered(dir.path());
        assert_eq!((found.ended, found.parts.len()), (ended(parts, trouble), 0));
    }
}

/// Parts that are there and cannot be delivered are none: the server was told how many it gets.
#[test]
fn an_end_that_was_corrected_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    let mut writing = Writing::new(&spool).pieces(10);
    writing.close(true);
    writing.folder.stored(&writing.parts[0].0);
    writing.folder.ended(&ended(3, None));
    writing.folder.ended(&ended(1, Some("the server did not take part 1")));
    for _ in 0..2 {
        let found = recovered(dir.path());
        assert_eq!(found.ended, ended(1, Some("the server did not take part 1")));
        assert!(found.parts.is_empty());
    }
}

#[test]
fn after_every_cut_what_is_sent_is_a_run_from_the_first_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    let mut writing = Writing::new(&spool).pieces(6);
    writing.close(true);
    writing.folder.ended(&ended(2, None));
    let whole: Vec<u8> = writing.parts.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
    let folder = dir.path().join(name_of(ID));
    for file in ["part-0", "part-1", "journal"] {
        let length = std::fs::metadata(folder.join(file)).unwrap().len();
        for cut in 0..=length {
            let copy = tempfile::tempdir().unwrap();
            let copied = copy.path().join(name_of(ID));
            std::fs::create_dir(&copied).unwrap();
            for entry in std::fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), copied.join(entry.file_name())).unwrap();
            }
            File::options()
                .write(true)
                .open(copied.join(file))
                .unwrap()
                .set_len(cut)
                .unwrap();
            let found = recovered(copy.path());
            let sent: Vec<u8> = found
                .parts
                .iter()
                .flat_map(|head| found.folder.read(head).unwrap().to_vec())
                .collect();
            assert!(whole.starts_with(&sent), "{file} cut at {cut}");
            assert_eq!(sent.len() % 30, 0, "{file} cut at {cut}: a piece is whole");
            let is_whole = sent.len() == whole.len();
            // All of it without a trouble, or less with one.
            assert!(is_whole || found.ended.trouble.is_some(), "{file} cut at {cut}");
            if let Some(last) = found.parts.last() {
                assert!(last.ends_file && found.parts.iter().filter(|part| part.ends_file).count() == 1);
                let expected = u64::try_from(sent.len() / 30).unwrap();
                assert_eq!(last.after.packets, expected);
                assert!(found.ended.trouble.is_none() || found.ended.counts.packets == expected);
            }
            assert_eq!(found.ended.parts, u32::try_from(found.parts.len()).unwrap());
        }
    }
}

#[test]
fn what_finds_no_space_stays_in_memory_and_the_next_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), 200, OWNER).unwrap();
    let writing = Writing::new(&spool).pieces(8);
    assert_eq!(spool.free(), 200 - 120);
    let (first, second) = (writing.parts[0].0, writing.parts[1].0);
    assert!(writing.folder.read(&first).is_ok());
    assert!(writing.folder.read(&second).is_err());
    writing.folder.stored(&first);
    assert_eq!(spool.free(), 200);
    let writing = writing.pieces(4);
    assert!(writing.folder.read(&writing.parts[2].0).is_ok());
    // What a process left with a part in its memory ends before it.
    let found = recovered(dir.path());
    assert_eq!(
        (found.parts.len(), found.ended.parts, found.ended.counts.packets),
        (0, 1, 4)
    );
    writing.folder.remove();
    assert_eq!(spool.free(), 200);
    assert_eq!(left(dir.path()), 0);
    // What comes too late makes nothing.
    let _ = writing.pieces(4);
    assert_eq!((left(dir.path()), spool.free()), (0, 200));
}

#[test]
fn what_is_not_ours_stays() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "lost+found",
        "0123-1",
        &format!("{}-01", CaptureId::from_bytes([1; 16])),
    ] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    assert!(Spool::open(dir.path(), 1000, OWNER).unwrap().1.is_empty());
    assert_eq!(left(dir.path()), 3);
    // An order without a journal had just begun.
    std::fs::create_dir(dir.path().join(name_of(ID))).unwrap();
    let found = recovered(dir.path());
    assert_eq!((found.parts.len(), found.ended.parts), (0, 0));
    assert!(found.ended.trouble.is_some());
}

/// After another enrolment the server may be another, too.
#[test]
fn what_waits_is_for_the_server_of_who_has_put_it_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("spool");
    // One that somebody made with the rights of all.
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    let (spool, _) = Spool::open(&folder, 10_000, "one").unwrap();
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    Writing::new(&spool).pieces(10);
    std::fs::create_dir(folder.join("lost+found")).unwrap();
    assert_eq!(Spool::open(&folder, 10_000, "one").unwrap().1.len(), 1);
    assert_eq!(Spool::open(&folder, 10_000, "two").unwrap().1.len(), 0);
    // Also for the one that comes back.
    assert_eq!(Spool::open(&folder, 10_000, "one").unwrap().1.len(), 0);
    assert!(folder.join("lost+found").exists() && !folder.join(name_of(ID)).exists());
    // A release before this one left no mark.
    Writing::new(&spool).pieces(10);
    std::fs::remove_file(folder.join(OWNER_FILE)).unwrap();
    assert_eq!(Spool::open(&folder, 10_000, "two").unwrap().1.len(), 1);
}

/// A file system may keep the removal of a part and lose the line that says why.
#[test]
fn a_part_that_is_gone_was_stored() {
    for is_ended in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
        let mut writing = Writing::new(&spool).pieces(10);
        if is_ended {
            writing.close(true);
            writing.folder.ended(&ended(3, None));
        }
        let journal = dir.path().join(name_of(ID)).join("journal");
        let before = std::fs::read(&journal).unwrap();
        writing.folder.stored(&writing.parts[0].0);
        std::fs::write(&journal, before).unwrap();
        for _ in 0..2 {
            let found = recovered(dir.path());
            assert_eq!(shown(&found), [(1, 120, 8, false), (2, 60, 10, true)], "{is_ended}");
            assert_eq!((found.ended.parts, found.ended.trouble.is_none()), (3, is_ended));
        }
    }
}

/// A mark that a loss of power emptied is nobody's, and what lies there is worth gigabytes.
#[test]
fn a_mark_that_is_empty_is_none() {
    for damaged in [&b""[..], &[0; 3]] {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
        Writing::new(&spool).pieces(10);
        std::fs::write(dir.path().join(OWNER_FILE), damaged).unwrap();
        assert_eq!(shown(&recovered(dir.path())).len(), 3);
        assert_eq!(std::fs::read(dir.path().join(OWNER_FILE)).unwrap(), OWNER.as_bytes());
    }
}

/// On a full disk delivering makes room; to be delivered it has to be opened.
#[test]
fn a_spool_that_cannot_be_marked_yet_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    Writing::new(&spool).pieces(10);
    std::fs::remove_file(dir.path().join(OWNER_FILE)).unwrap();
    // No file can be made by that name.
    std::fs::create_dir(dir.path().join("owner.new")).unwrap();
    let (_, found) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    assert_eq!(shown(&found[0]).len(), 3);
    // A mark of another has to go, or the next start would take what is ours for theirs.
    std::fs::write(dir.path().join(OWNER_FILE), "two").unwrap();
    assert!(Spool::open(dir.path(), 10_000, OWNER).is_err());
}

#[test]
fn a_part_that_the_disk_has_changed_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    let writing = Writing::new(&spool).pieces(4);
    let head = writing.parts[0].0;
    assert!(writing.folder.read(&head).is_ok());
    let path = part_path(&dir.path().join(name_of(ID)), 0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(
        writing.folder.read(&head).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );
}

#[test]
fn an_order_that_cannot_be_read_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    Writing::new(&spool).pieces(2);
    let other = OrderId { generation: 4, ..ID };
    let damaged = dir.path().join(name_of(other));
    std::fs::create_dir_all(damaged.join("journal")).unwrap();
    std::fs::write(damaged.join("part-0"), [0; 700]).unwrap();
    let (spool, found) = Spool::open(dir.path(), 10_000, OWNER).unwrap();
    assert_eq!((found.len(), found[0].id), (1, ID));
    assert!(damaged.exists(), "it is left for who looks after the host");
    assert_eq!(spool.free(), 10_000 - 60 - 700, "what it takes is counted");
}
