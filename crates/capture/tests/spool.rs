//! What waits on the disk while a store does not keep up, and what the next start makes of it when the process is killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::{DELIVERING_MAX, UNDELIVERED_MAX, UNDELIVERED_WITH_ROOM_MAX};
use baleen_capture::{
    Capture, CaptureError, CaptureFilter, CreateCapture, DestinationSettings, Format, Rotation, SpoolSettings, Status,
};
use baleen_runtime::Clock as _;
use baleen_types::{AccountId, CaptureId};
use common::agent::SimCatch;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, PATIENCE, World, account, request, to};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};

const URI: &str = "s3://bucket/dir";

/// Bytes of a piece; the store of these tests takes parts of any size.
const PIECE_BYTES: usize = 100_000;

/// What a piece takes on the disk, about.
const FILE_BYTES: u64 = 100_200;

/// A process on a store that lasts, with a spool.
struct Lab {
    disk: Disk,
    store: Arc<FakeS3>,
    settings: DestinationSettings,
    dir: TempDir,
    _elsewhere: Runtime,
}

impl Lab {
    fn new(bytes_max: u64) -> Self {
        let elsewhere = Runtime::new().unwrap();
        let store = elsewhere.block_on(FakeS3::start());
        let settings = DestinationSettings {
            s3: Some(store.configured()),
            ..DestinationSettings::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::new();
        disk.spool = Some(SpoolSettings {
            folder: dir.path().join("spool"),
            bytes_max,
        });
        Self {
            disk,
            store,
            settings,
            dir,
            _elsewhere: elsewhere,
        }
    }

    fn world(&self, seed: u64) -> World {
        let world = World::on(self.disk.clone(), seed, self.settings.clone());
        world.agent.set_buffers(4);
        world
    }

    /// Proves the bucket of these tests to be an account's.
    async fn prove(&self, world: &World, me: AccountId) {
        let ownership = world.captures.create_ownership(me, &to(URI)).await.unwrap();
        let path = format!("/bucket/dir/{}", ownership.file_name);
        let text = String::from_utf8(self.store.object(&path).unwrap().to_vec()).unwrap();
        world.captures.validate_ownership(me, &to(URI), &text).await.unwrap();
    }

    /// A capture that has begun.
    async fn begin(&self, world: &World, rotation: Rotation) -> (Capture, SimCatch) {
        let me = account(1);
        self.prove(world, me).await;
        let asked = CreateCapture {
            format: Format::PcapNg,
            rotation,
            ..request(me, URI)
        };
        let created = world.captures.create(asked).await.unwrap();
        let catch = world.caught().await;
        (world.until(me, created.id, Status::Running).await, catch)
    }

    /// The files of all parts on the disk.
    fn spooled(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let Ok(folders) = std::fs::read_dir(self.dir.path().join("spool")) else {
            return found;
        };
        for folder in folders.flatten() {
            let files = std::fs::read_dir(folder.path()).into_iter().flatten().flatten();
            found.extend(files.map(|file| file.path()));
        }
        found.retain(|path| path.extension().is_some_and(|ending| ending == "part"));
        found.sort();
        found
    }

    /// Has the store take no more than it is given permits for.
    fn slowed(&self) -> Arc<Semaphore> {
        let pace = Arc::new(Semaphore::new(0));
        self.store.slow_down(Arc::clone(&pace));
        pace
    }

    /// Waits until so many parts are on the disk.
    async fn until_spooled(&self, count: usize) {
        eventually(|| self.spooled().len() == count).await;
    }

    fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.store
            .object(&format!("/bucket/{name}"))
            .map(|bytes| bytes.to_vec())
    }

    /// Captures of the first account which are over and of which the store takes nothing; while these are too many, time goes on.
    async fn undelivered(&self, world: &World, count: usize) -> Vec<CaptureId> {
        let mut undelivered = Vec::new();
        while undelivered.len() < count {
            match self.over(world, account(1)).await {
                Ok(id) => undelivered.push(id),
                Err(CaptureError::Overdue) => hurried(world, tokio::time::sleep(Duration::from_millis(5))).await,
                Err(error) => panic!("{error}"),
            }
        }
        undelivered
    }

    /// A capture of one packet, which is over at once.
    async fn over(&self, world: &World, me: AccountId) -> Result<CaptureId, CaptureError> {
        let id = world.create(me, URI).await?.id;
        let catch = world.caught().await;
        catch.counts(1, PIECE_BYTES as u64);
        catch.finish(piece(0)).await;
        let is_over = |capture: &Capture| !matches!(capture.status, Status::Pending | Status::Running);
        world.until_that(me, id, is_over).await;
        Ok(id)
    }

    /// The next process: how the capture ends there. Its clock goes on, so that pauses pass.
    fn next_start(&self, seed: u64, id: CaptureId) -> Capture {
        in_a_process(async {
            let world = self.world(seed);
            world.captures.recover().await.unwrap();
            let over = world.until_that(account(1), id, |capture| capture.status.is_terminal());
            let over = hurried(&world, over).await;
            eventually(|| self.spooled().is_empty()).await;
            over
        })
    }
}

/// Waits for something while the clock goes on.
async fn hurried<T>(world: &World, work: impl Future<Output = T>) -> T {
    hurried_by(world, Duration::from_millis(100), work).await
}

/// The same in steps of this length: what takes an hour comes sooner in longer ones.
async fn hurried_by<T>(world: &World, step: Duration, work: impl Future<Output = T>) -> T {
    let hurry = async {
        loop {
            world.disk.clock.advance(step);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = hurry => unreachable!("it never ends"),
    }
}

/// Why an account cannot begin a capture, if it is not its filter.
async fn refused(world: &World, account: AccountId) -> Option<CaptureError> {
    let asked = CreateCapture {
        filter: CaptureFilter::Expression("port port".to_owned()),
        ..request(account, URI)
    };
    let refused = world.captures.create(asked).await.unwrap_err();
    Some(refused).filter(|error| !matches!(error, CaptureError::Filter(_)))
}

/// Waits until an account has as many captures that are not delivered as it may.
async fn until_refused(world: &World, account: AccountId) {
    let wait = async {
        while !matches!(refused(world, account).await, Some(CaptureError::Overdue)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, hurried(world, wait)).await.unwrap();
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

fn in_a_process<T>(life: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(life)
}

fn piece(number: u64) -> Vec<u8> {
    let word = format!("piece {number:06} ");
    word.bytes().cycle().take(PIECE_BYTES).collect()
}

fn pieces(numbers: std::ops::Range<u64>) -> Vec<u8> {
    numbers.flat_map(piece).collect()
}

/// Hands over a piece; false if it is not taken soon.
async fn hand_over(catch: &SimCatch, number: u64) -> bool {
    catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
    let taken = tokio::time::timeout(Duration::from_millis(700), catch.part(piece(number))).await;
    taken.unwrap_or(false)
}

/// A store that takes nothing of the parts from this one on.
fn stops_at(part: u32) -> impl FnMut(&Call) -> Act + Send + 'static {
    move |call| match call {
        Call::Part(number) if *number >= part => Act::Hang,
        _ => Act::Serve,
    }
}

#[test]
fn a_store_that_stands_still_gets_all_of_it_afterwards() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, Rotation::default()).await;
        let pace = lab.slowed();
        for number in 0..40 {
            assert!(hand_over(&catch, number).await, "piece {number} waits in memory");
        }
        // With the one that is being sent, and without one that may still wait in memory.
        eventually(|| lab.spooled().len() >= 39).await;
        for path in lab.spooled() {
            let raw = std::fs::read(path).unwrap();
            assert!(!raw.windows(6).any(|window| window == b"piece "), "it is sealed");
        }
        pace.add_permits(Semaphore::MAX_PERMITS / 2);
        catch.counts(41, 41 * PIECE_BYTES as u64);
        catch.finish(piece(40)).await;
        let done = world.until(account(1), capture.id, Status::Success).await;
        assert_eq!((done.counts.packets, done.message), (41, None));
        assert!(lab.object(done.object.as_str()).unwrap() == pieces(0..41));
        lab.until_spooled(0).await;
        let left = std::fs::read_dir(lab.dir.path().join("spool")).unwrap().count();
        assert_eq!(left, 0, "the folder of the capture goes too");
    });
}

#[test]
fn a_store_that_keeps_up_touches_no_disk() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, Rotation::default()).await;
        for number in 0..10 {
            assert!(hand_over(&catch, number).await);
            eventually(|| {
                lab.store
                    .calls()
                    .contains(&Call::Part(u32::try_from(number + 1).unwrap()))
            })
            .await;
        }
        catch.finish(piece(10)).await;
        let done = world.until(account(1), capture.id, Status::Success).await;
        assert!(lab.object(done.object.as_str()).unwrap() == pieces(0..11));
    });
}

/// At the bound, or on a disk that takes nothing, it is as without a spool: the agent waits, which drops and counts.
#[test]
fn beyond_the_bound_the_agent_waits() {
    for is_broken in [false, true] {
        // As much is left as the one account has.
        let lab = Lab::new(20 * FILE_BYTES);
        if is_broken {
            std::fs::write(lab.dir.path().join("spool"), b"no folder").unwrap();
        }
        in_a_process(async {
            let world = lab.world(2);
            let (capture, catch) = lab.begin(&world, Rotation::default()).await;
            let pace = lab.slowed();
            let mut taken = 0;
            while hand_over(&catch, taken).await {
                taken += 1;
                assert!(taken < 20, "there is no bound");
            }
            assert!(if is_broken { taken < 5 } else { taken >= 10 }, "{taken}");
            assert!(lab.spooled().len() <= 10);
            pace.add_permits(Semaphore::MAX_PERMITS / 2);
            let done = async {
                catch.counts(taken + 1, (taken + 1) * PIECE_BYTES as u64);
                // The one that was not taken may be on its way all the same.
                catch.end(None);
                drop(catch);
                world.until(account(1), capture.id, Status::Success).await
            };
            let done = hurried(&world, done).await;
            let object = lab.object(done.object.as_str()).unwrap();
            assert!(object == pieces(0..taken) || object == pieces(0..taken + 1));
        });
    }
}

/// Fills the spool behind so many parts that the store took, and kills the process.
fn killed(lab: &Lab, sent: u32, all: u64, rotation: Rotation, file_of: impl Fn(u64) -> (u16, bool)) -> CaptureId {
    lab.store.script(stops_at(sent + 1));
    let (id, _catch) = in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, rotation).await;
        for number in 0..all {
            catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
            let (file, ends_file) = file_of(number);
            assert!(catch.piece_of(file, piece(number), ends_file).await);
        }
        // With the last one: what the store took may be there for a moment yet.
        let last = format!("{:010}.part", all - 1);
        let is_last_there = || lab.spooled().last().is_some_and(|path| path.ends_with(&last));
        eventually(is_last_there).await;
        lab.until_spooled(usize::try_from(all - u64::from(sent)).unwrap()).await;
        (capture.id, catch)
    });
    lab.store.script(|_| Act::Serve);
    id
}

#[test]
fn what_a_killed_process_left_is_sent_by_the_next() {
    for sent in [0, 3] {
        let lab = Lab::new(1 << 30);
        let id = killed(&lab, sent, 12, Rotation::default(), |_| (0, false));
        let over = lab.next_start(3, id);
        let message = over.message.clone().unwrap();
        assert_eq!((over.status, over.counts.packets), (Status::Success, 12), "{message}");
        assert!(message.contains("its first 12 packets"), "{message}");
        // Parts are too small here for statistics behind them.
        assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..12));
        assert_eq!(lab.store.open_uploads(), 0);
    }
}

#[test]
fn a_process_that_is_killed_while_it_sends_leaves_the_rest_to_the_next() {
    let lab = Lab::new(1 << 30);
    let id = killed(&lab, 2, 12, Rotation::default(), |_| (0, false));
    lab.store.script(stops_at(8));
    in_a_process(async {
        let world = lab.world(3);
        world.captures.recover().await.unwrap();
        eventually(|| lab.store.calls().contains(&Call::Part(8))).await;
        // The account may capture meanwhile.
        let now = world.captures.get(account(1), id).await.unwrap();
        assert_eq!(now.status, Status::ConversionPending);
        assert!(world.create(account(1), URI).await.is_ok());
    });
    assert_eq!(lab.spooled().len(), 5);
    lab.store.script(|_| Act::Serve);
    let over = lab.next_start(4, id);
    assert_eq!((over.status, over.counts.packets), (Status::Success, 12));
    assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..12));
}

#[test]
fn what_does_not_continue_or_does_not_open_is_given_up_with_all_behind_it() {
    for (name, spoil, whole) in [
        ("torn", (|path| std::fs::write(path, b"").unwrap()) as fn(&PathBuf), 7),
        ("gone", |path| std::fs::remove_file(path).unwrap(), 7),
        (
            "damaged",
            |path| {
                let mut raw = std::fs::read(path).unwrap();
                let last = raw.len() - 1;
                raw[last] ^= 1;
                std::fs::write(path, raw).unwrap();
            },
            7,
        ),
    ] {
        let lab = Lab::new(1 << 30);
        let id = killed(&lab, 2, 12, Rotation::default(), |_| (0, false));
        spoil(&lab.spooled()[5]);
        let over = lab.next_start(3, id);
        assert_eq!((over.status, over.counts.packets), (Status::Success, whole), "{name}");
        assert!(over.message.unwrap().contains("lost"), "{name}");
        assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..whole), "{name}");
    }
}

/// What cannot be looked at for a moment is not what does not open: nothing of it is removed.
#[test]
fn what_cannot_be_read_for_a_while_is_sent_when_it_can() {
    for is_folder in [false, true] {
        let lab = Lab::new(1 << 30);
        let id = killed(&lab, 2, 12, Rotation::default(), |_| (0, false));
        let part = lab.spooled()[5].clone();
        let hidden = if is_folder {
            part.parent().unwrap().to_owned()
        } else {
            part
        };
        let aside = lab.dir.path().join("aside");
        std::fs::rename(&hidden, &aside).unwrap();
        // Opening it fails, and not since it is not there.
        std::os::unix::fs::symlink(&hidden, &hidden).unwrap();
        in_a_process(async {
            let world = lab.world(3);
            world.captures.recover().await.unwrap();
            hurried(&world, tokio::time::sleep(Duration::from_millis(100))).await;
            let waits = world.captures.get(account(1), id).await.unwrap();
            assert_eq!(waits.status, Status::ConversionPending);
            std::fs::remove_file(&hidden).unwrap();
            std::fs::rename(&aside, &hidden).unwrap();
            let over = hurried(&world, world.until(account(1), id, Status::Success)).await;
            assert_eq!(over.counts.packets, 12, "{:?}", over.message);
            assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..12));
        });
    }
}

/// Each part that is sent from the disk is in memory meanwhile.
#[test]
fn no_more_are_sent_from_the_disk_at_once_after_a_kill() {
    let count = DELIVERING_MAX + 2;
    let lab = Lab::new(1 << 30);
    let sent_since = |before: usize| {
        let calls = lab.store.calls();
        calls[before..].iter().filter(|call| **call == Call::Part(1)).count()
    };
    lab.store.script(stops_at(1));
    in_a_process(async {
        let world = lab.world(2);
        let accounts: Vec<_> = (1..=count.div_ceil(UNDELIVERED_MAX) as u64).map(account).collect();
        for account in &accounts {
            lab.prove(&world, *account).await;
        }
        let mut over = 0;
        while over < count {
            match lab.over(&world, accounts[over / UNDELIVERED_MAX]).await {
                Ok(_) => over += 1,
                Err(CaptureError::Overdue) => hurried(&world, tokio::time::sleep(Duration::from_millis(5))).await,
                Err(error) => panic!("{error}"),
            }
        }
        hurried(&world, lab.until_spooled(count)).await;
    });
    let before = lab.store.calls().len();
    in_a_process(async {
        let world = lab.world(3);
        world.captures.recover().await.unwrap();
        eventually(|| sent_since(before) >= DELIVERING_MAX).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(sent_since(before), DELIVERING_MAX);
    });
    // A store that says no is asked again later, and meanwhile those of others have their turn.
    lab.store.script(|call| match call {
        Call::Part(_) => Act::Fail(503, "SlowDown"),
        _ => Act::Serve,
    });
    let before = lab.store.calls().len();
    in_a_process(async {
        let world = lab.world(4);
        world.captures.recover().await.unwrap();
        // The clock stands: each is tried three times by the client, and then no more.
        eventually(|| sent_since(before) == 3 * count).await;
    });
}

#[test]
fn files_of_a_capture_that_rotates_are_sent_too() {
    let lab = Lab::new(1 << 30);
    let rotation = Rotation {
        bytes: Some(1 << 20),
        every: None,
    };
    // Four pieces each, the last one open.
    let id = killed(&lab, 2, 10, rotation, |number| {
        (u16::try_from(number / 4).unwrap(), number % 4 == 3)
    });
    let over = lab.next_start(3, id);
    assert_eq!(
        (over.status, over.counts.packets),
        (Status::Success, 10),
        "{:?}",
        over.message
    );
    let files = over.files.iter().map(|file| lab.object(file.object.as_str()).unwrap());
    let files: Vec<Vec<u8>> = files.collect();
    assert!(files == [pieces(0..4), pieces(4..8), pieces(8..10)]);
    assert_eq!(lab.store.open_uploads(), 0);
}

/// Where a store that stands still keeps a capture: one file is over, and of the next nothing is noted. What is in it is not counted twice.
#[test]
fn a_process_that_is_killed_between_two_files_has_no_packet_twice() {
    let lab = Lab::new(1 << 30);
    let rotation = Rotation {
        bytes: Some(1 << 20),
        every: None,
    };
    let mut begun = 0;
    lab.store.script(move |call| {
        begun += u32::from(*call == Call::Begin);
        if *call == Call::Begin && begun > 1 {
            Act::Hang
        } else {
            Act::Serve
        }
    });
    let (id, _catch) = in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, rotation).await;
        for number in 0..10 {
            catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
            let file = u16::try_from(number / 4).unwrap();
            assert!(catch.piece_of(file, piece(number), number % 4 == 3).await);
        }
        // Those of the first file are gone when the second is begun.
        let has_begun = || lab.store.calls().iter().filter(|call| **call == Call::Begin).count() == 2;
        eventually(has_begun).await;
        lab.until_spooled(6).await;
        (capture.id, catch)
    });
    lab.store.script(|_| Act::Serve);
    let over = lab.next_start(3, id);
    let packets: Vec<_> = over.files.iter().map(|file| file.packets).collect();
    assert_eq!(
        (over.status, over.counts.packets, packets),
        (Status::Success, 10, vec![4, 4, 2])
    );
}

/// What a start finds takes its room before requests come.
#[test]
fn what_a_killed_process_left_counts_as_taken() {
    let lab = Lab::new(20 * FILE_BYTES);
    killed(&lab, 0, 8, Rotation::default(), |_| (0, false));
    lab.store.script(stops_at(1));
    in_a_process(async {
        let world = lab.world(3);
        lab.prove(&world, account(2)).await;
        world.captures.recover().await.unwrap();
        world.create(account(2), URI).await.unwrap();
        let catch = world.caught().await;
        let mut taken = 0;
        while hand_over(&catch, taken).await {
            taken += 1;
            assert!(taken < 20, "there is no bound");
        }
        // Of the 12 that are left, as much as it leaves to others.
        assert_eq!(lab.spooled().len(), 8 + 6);
    });
}

#[test]
fn what_belongs_to_no_capture_goes_at_the_start() {
    let lab = Lab::new(1 << 30);
    let strange = lab.dir.path().join("spool/somebody-else");
    std::fs::create_dir_all(&strange).unwrap();
    std::fs::write(strange.join("0000000000.part"), b"x").unwrap();
    in_a_process(async {
        lab.world(2).captures.recover().await.unwrap();
    });
    assert!(!strange.exists());
}

/// A stop of the server while the store stands still: what waits is on the disk, also what would have room in memory.
#[test]
fn a_stop_leaves_what_the_store_did_not_take_to_the_next_start() {
    let lab = Lab::new(1 << 30);
    lab.store.script(stops_at(1));
    let id = in_a_process(async {
        let world = lab.world(2);
        world.agent.set_buffers(8);
        let (capture, catch) = lab.begin(&world, Rotation::default()).await;
        for number in 0..2 {
            assert!(hand_over(&catch, number).await);
        }
        assert!(lab.spooled().is_empty());
        world.supervisor.shutdown().stop();
        catch.stopped().await;
        // What is known of it by then is said by the next process.
        catch.end_with(None, Some("eth7 was removed"));
        catch.piece(piece(2), true).await;
        drop(catch);
        lab.until_spooled(3).await;
        assert!(hurried(&world, world.supervisor.drain(PATIENCE)).await);
        capture.id
    });
    lab.store.script(|_| Act::Serve);
    let over = lab.next_start(3, id);
    assert_eq!((over.status, over.counts.packets), (Status::Success, 2));
    let message = over.message.unwrap();
    assert!(
        message.contains("the server was stopped; eth7 was removed"),
        "{message}"
    );
    assert!(!message.contains("unexpectedly"), "{message}");
    assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..3));
}

/// One part on the disk is gone bad: the capture ends there, as one whose process was killed, with what the store had.
#[test]
fn what_the_store_has_is_kept_when_a_part_on_the_disk_does_not_open() {
    let rotation = Rotation {
        bytes: Some(1 << 20),
        every: None,
    };
    for rotation in [Rotation::default(), rotation] {
        let lab = Lab::new(1 << 30);
        in_a_process(async {
            let world = lab.world(2);
            let (capture, catch) = lab.begin(&world, rotation).await;
            let pace = lab.slowed();
            let file_of = |number: u64| match rotation.bytes {
                Some(_) => (u16::try_from(number / 4).unwrap(), number % 4 == 3),
                None => (0, false),
            };
            for number in 0..8 {
                catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
                let (file, ends_file) = file_of(number);
                assert!(catch.piece_of(file, piece(number), ends_file).await);
            }
            eventually(|| lab.spooled().len() >= 7).await;
            let is_sixth = |path: &PathBuf| path.ends_with("0000000005.part");
            let path = lab.spooled().into_iter().find(is_sixth).unwrap();
            let mut raw = std::fs::read(&path).unwrap();
            *raw.last_mut().unwrap() ^= 1;
            std::fs::write(&path, raw).unwrap();
            pace.add_permits(Semaphore::MAX_PERMITS / 2);
            catch.stopped().await;
            catch.end(None);
            drop(catch);
            let over = world.until_that(account(1), capture.id, |capture| capture.status.is_terminal());
            let over = hurried(&world, over).await;
            let message = over.message.unwrap();
            assert_eq!((over.status, over.counts.packets), (Status::Success, 5), "{message}");
            assert!(message.contains("could not be read back"), "{message}");
            assert!(message.contains("3 more had been caught and are lost"), "{message}");
            assert!(!message.contains("unexpectedly"), "{message}");
            let objects = match rotation.bytes {
                Some(_) => over.files.iter().map(|file| file.object.clone()).collect(),
                None => vec![over.object],
            };
            let objects = objects.iter().map(|key| lab.object(key.as_str()).unwrap());
            assert!(objects.collect::<Vec<_>>().concat() == pieces(0..5));
            lab.until_spooled(0).await;
            assert_eq!(lab.store.open_uploads(), 0);
        });
    }
}

/// One that the disk does not give for a moment is no bad one.
#[test]
fn a_part_that_cannot_be_read_just_now_is_read_again() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, Rotation::default()).await;
        let pace = lab.slowed();
        for number in 0..8 {
            catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
            assert!(catch.part(piece(number)).await);
        }
        eventually(|| lab.spooled().len() >= 7).await;
        let is_sixth = |path: &PathBuf| path.ends_with("0000000005.part");
        let path = lab.spooled().into_iter().find(is_sixth).unwrap();
        // A directory opens, and gives no byte.
        let hidden = path.with_extension("hidden");
        std::fs::rename(&path, &hidden).unwrap();
        std::fs::create_dir(&path).unwrap();
        pace.add_permits(Semaphore::MAX_PERMITS / 2);
        catch.end(None);
        drop(catch);
        hurried(&world, lab.until_spooled(3)).await;
        hurried(&world, tokio::time::sleep(Duration::from_millis(50))).await;
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(&hidden, &path).unwrap();
        let over = world.until_that(account(1), capture.id, |capture| capture.status.is_terminal());
        let over = hurried(&world, over).await;
        assert_eq!((over.status, over.message), (Status::Success, None));
        assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..8));
        lab.until_spooled(0).await;
    });
}

/// Rooms are for captures that take memory: a store that takes nothing keeps none of them, and another account captures.
#[test]
fn a_capture_whose_rest_is_on_the_disk_gives_its_room_back() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        for number in 1..=7 {
            lab.prove(&world, account(number)).await;
        }
        let pace = lab.slowed();
        let mut overdue = lab.undelivered(&world, UNDELIVERED_WITH_ROOM_MAX).await;
        assert!(lab.spooled().is_empty(), "they may still be in time");
        overdue.extend(
            lab.undelivered(&world, UNDELIVERED_MAX - UNDELIVERED_WITH_ROOM_MAX)
                .await,
        );
        hurried(&world, lab.until_spooled(overdue.len())).await;
        until_refused(&world, account(1)).await;
        // All the rooms of the server.
        let mut others = Vec::new();
        for number in 2..=7 {
            let created = loop {
                match world.create(account(number), URI).await {
                    Err(CaptureError::Busy) => tokio::time::sleep(Duration::from_millis(1)).await,
                    created => break created.unwrap(),
                }
            };
            others.push((created, world.caught().await));
        }
        assert!(matches!(refused(&world, account(1)).await, Some(CaptureError::Overdue)));
        pace.add_permits(Semaphore::MAX_PERMITS / 2);
        for id in overdue {
            let done = hurried(&world, world.until(account(1), id, Status::Success)).await;
            assert!(lab.object(done.object.as_str()).unwrap() == piece(0));
        }
        lab.until_spooled(0).await;
        assert!(refused(&world, account(1)).await.is_none(), "all is delivered");
    });
}

/// A place for one part is for a part: between two tries it is nobody's, so that those behind dead stores give their rooms back too.
#[test]
fn captures_that_wait_for_dead_stores_keep_no_place_over_their_pauses() {
    let count = DELIVERING_MAX + 2;
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        let dead: Vec<_> = (1..=count.div_ceil(UNDELIVERED_MAX) as u64).map(account).collect();
        let others: Vec<_> = (101..=106).map(account).collect();
        for account in dead.iter().chain(&others) {
            lab.prove(&world, *account).await;
        }
        lab.store.script(|call| match call {
            Call::Part(_) => Act::Fail(503, "SlowDown"),
            _ => Act::Serve,
        });
        let mut over = Vec::new();
        while over.len() < count {
            let owner = dead[over.len() / UNDELIVERED_MAX];
            match lab.over(&world, owner).await {
                Ok(id) => over.push((owner, id)),
                Err(CaptureError::Overdue | CaptureError::Busy) => {
                    hurried(&world, tokio::time::sleep(Duration::from_millis(5))).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        hurried(&world, lab.until_spooled(count)).await;
        // All the rooms of the server.
        for other in others {
            let create = async {
                loop {
                    match world.create(other, URI).await {
                        Err(CaptureError::Busy) => tokio::time::sleep(Duration::from_millis(1)).await,
                        created => break created.unwrap(),
                    }
                }
            };
            let created = tokio::time::timeout(PATIENCE, hurried(&world, create)).await;
            created.expect("nobody keeps a room");
            drop(world.caught().await);
        }
        lab.store.script(|_| Act::Serve);
        for (owner, id) in over {
            let done = hurried(&world, world.until(owner, id, Status::Success)).await;
            assert!(lab.object(done.object.as_str()).unwrap() == piece(0));
        }
    });
}

/// One that takes a part now and then is waited for, but not for weeks: then the capture ends with what it has.
#[test]
fn a_store_that_takes_a_part_an_hour_is_given_up_after_a_day() {
    const EVERY: Duration = Duration::from_mins(30);
    let count = 60;
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, Rotation::default()).await;
        let (clock, mut taken) = (Arc::clone(&world.disk.clock), world.disk.clock.monotonic());
        lab.store.script(move |call| match call {
            Call::Part(_) if clock.monotonic() < taken + EVERY => {
                clock.advance(EVERY / 3);
                Act::Fail(503, "SlowDown")
            }
            Call::Part(_) => {
                taken = clock.monotonic();
                Act::Serve
            }
            _ => Act::Serve,
        });
        for number in 0..count {
            catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
            assert!(catch.part(piece(number)).await);
        }
        catch.end(None);
        drop(catch);
        let over = world.until_that(account(1), capture.id, |capture| capture.status.is_terminal());
        let over = hurried_by(&world, Duration::from_millis(500), over).await;
        let (message, packets) = (over.message.unwrap(), over.counts.packets);
        assert_eq!(over.status, Status::Success, "{message}");
        assert!((1..50).contains(&packets), "{packets}");
        let lost = format!(
            "the file holds its first {packets} packets, and at least {} more",
            count - packets
        );
        assert!(
            message.contains(&lost) && !message.contains("unexpectedly"),
            "{message}"
        );
        assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..packets));
        lab.until_spooled(0).await;
    });
}

/// One that takes no more for an hour does not cost what it has, on the disk of this server or not.
#[test]
fn what_the_store_has_is_kept_when_it_takes_no_more() {
    for bytes_max in [1, 1 << 30] {
        let lab = Lab::new(bytes_max);
        in_a_process(async {
            let world = lab.world(2);
            let (capture, catch) = lab.begin(&world, Rotation::default()).await;
            lab.store.script(|call| match call {
                Call::Part(number) if *number > 3 => Act::Fail(503, "SlowDown"),
                _ => Act::Serve,
            });
            for number in 0..5 {
                catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
                assert!(catch.part(piece(number)).await);
            }
            catch.end(None);
            drop(catch);
            let over = world.until_that(account(1), capture.id, |capture| capture.status.is_terminal());
            let over = hurried_by(&world, Duration::from_secs(5), over).await;
            let message = over.message.unwrap();
            assert_eq!((over.status, over.counts.packets), (Status::Success, 3), "{message}");
            assert!(
                message.contains("at least 2 more had been caught and are lost"),
                "{message}"
            );
            assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..3));
            assert_eq!(lab.store.open_uploads(), 0);
        });
    }
}

/// Where the disk takes nothing of them they keep their rooms, and are soon too many.
#[test]
fn an_account_whose_captures_keep_their_rooms_leaves_others_to_the_rest() {
    let lab = Lab::new(1);
    in_a_process(async {
        let world = lab.world(2);
        for number in 1..=2 {
            lab.prove(&world, account(number)).await;
        }
        let pace = lab.slowed();
        let overdue = lab.undelivered(&world, UNDELIVERED_WITH_ROOM_MAX).await;
        until_refused(&world, account(1)).await;
        world.create(account(2), URI).await.unwrap();
        pace.add_permits(Semaphore::MAX_PERMITS / 2);
        for id in overdue {
            hurried(&world, world.until(account(1), id, Status::Success)).await;
        }
        assert!(refused(&world, account(1)).await.is_none());
    });
}

/// No time goes by: what counts is what a store has not taken.
#[test]
fn one_capture_behind_the_other_into_a_dead_store_is_refused_before_others_find_no_room() {
    for bytes_max in [1, 1 << 30] {
        let lab = Lab::new(bytes_max);
        in_a_process(async {
            let world = lab.world(2);
            for number in 1..=2 {
                lab.prove(&world, account(number)).await;
            }
            lab.store.script(stops_at(1));
            let mut over = 0;
            let why = loop {
                match lab.over(&world, account(1)).await {
                    Ok(_) => over += 1,
                    Err(why) => break why,
                }
            };
            assert!(matches!(why, CaptureError::Overdue), "{why:?}");
            assert_eq!(over, UNDELIVERED_WITH_ROOM_MAX);
            world.create(account(2), URI).await.unwrap();
        });
    }
}

/// A store that is always two captures behind, as one is which takes a second for each part: nobody is refused.
#[test]
fn one_capture_behind_the_other_into_a_store_that_keeps_up_is_let_in() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        lab.prove(&world, account(1)).await;
        let takes = Arc::new(Notify::new());
        let waits = Arc::clone(&takes);
        lab.store.script(move |call| match call {
            Call::Part(_) => Act::Wait(Arc::clone(&waits)),
            _ => Act::Serve,
        });
        let mut over = Vec::new();
        for number in 0..8_usize {
            over.push(lab.over(&world, account(1)).await.unwrap());
            if let Some(behind) = number.checked_sub(2) {
                takes.notify_one();
                world.until(account(1), over[behind], Status::Success).await;
            }
        }
    });
}

/// One that takes all parts and completes nothing is as dead.
#[test]
fn captures_that_are_never_completed_count_as_well() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        for number in 1..=2 {
            lab.prove(&world, account(number)).await;
        }
        lab.store.script(|call| match call {
            Call::Complete => Act::Fail(503, "SlowDown"),
            _ => Act::Serve,
        });
        for _ in 0..UNDELIVERED_MAX {
            let id = lab.over(&world, account(1)).await.unwrap();
            world.until(account(1), id, Status::ConversionRunning).await;
        }
        let refused = lab.over(&world, account(1)).await;
        assert!(matches!(refused, Err(CaptureError::Overdue)), "{refused:?}");
    });
    // No start makes it forgotten.
    in_a_process(async {
        let world = lab.world(3);
        assert_eq!(world.captures.recover().await.unwrap().completing, UNDELIVERED_MAX);
        let refused = lab.over(&world, account(1)).await;
        assert!(matches!(refused, Err(CaptureError::Overdue)), "{refused:?}");
        world.create(account(2), URI).await.unwrap();
        lab.store.script(|_| Act::Serve);
        let let_in = async {
            while world.create(account(1), URI).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, hurried(&world, let_in)).await.unwrap();
    });
}

#[test]
fn captures_that_the_next_start_sends_count_as_well() {
    let lab = Lab::new(1 << 30);
    lab.store.script(stops_at(1));
    let overdue = in_a_process(async {
        let world = lab.world(2);
        lab.prove(&world, account(1)).await;
        let overdue = lab.undelivered(&world, UNDELIVERED_MAX).await;
        hurried(&world, lab.until_spooled(overdue.len())).await;
        overdue
    });
    in_a_process(async {
        let world = lab.world(3);
        world.captures.recover().await.unwrap();
        until_refused(&world, account(1)).await;
    });
    lab.store.script(|_| Act::Serve);
    for (seed, id) in (4..).zip(overdue) {
        let over = lab.next_start(seed, id);
        assert_eq!((over.status, over.counts.packets), (Status::Success, 1));
    }
}

/// Whoever deletes a destination is not waited for by a store that takes nothing, nor is anything sent there any more.
#[test]
fn what_waits_for_a_destination_that_was_deleted_is_given_up() {
    let lab = Lab::new(1 << 30);
    let id = killed(&lab, 1, 4, Rotation::default(), |_| (0, false));
    lab.store.script(stops_at(1));
    let before = lab.store.calls().len();
    in_a_process(async {
        let world = lab.world(3);
        world.captures.recover().await.unwrap();
        eventually(|| lab.store.calls()[before..].contains(&Call::Part(2))).await;
        let [ownership] = &world.captures.list_ownerships(account(1)).await.unwrap()[..] else {
            panic!("it is one");
        };
        world.captures.delete_ownership(account(1), ownership.id).await.unwrap();
        let failed = world.until(account(1), id, Status::Failed).await;
        let message = failed.message.unwrap();
        assert!(message.contains("deleted from this account's list"), "{message}");
        lab.until_spooled(0).await;
        let sent = lab.store.calls()[before..].to_vec();
        assert!(!sent.contains(&Call::Part(3)), "{sent:?}");
    });
}

/// The same holds for what is only to be completed.
#[test]
fn what_is_only_to_be_completed_for_a_deleted_destination_is_given_up() {
    let (one_file, several) = (None, Some(1 << 20));
    for bytes in [one_file, several] {
        let lab = Lab::new(1 << 30);
        lab.store.script(|call| match call {
            Call::Complete => Act::Fail(503, "SlowDown"),
            _ => Act::Serve,
        });
        // The client asks three times, and then it waits for the clock.
        let asked = |behind: usize| {
            let calls = lab.store.calls();
            calls[behind..].iter().filter(|call| **call == Call::Complete).count()
        };
        let id = in_a_process(async {
            let world = lab.world(2);
            let (capture, catch) = lab.begin(&world, Rotation { bytes, every: None }).await;
            catch.counts(1, PIECE_BYTES as u64);
            catch.finish(piece(0)).await;
            eventually(|| asked(0) == 3).await;
            capture.id
        });
        let before = lab.store.calls().len();
        in_a_process(async {
            let world = lab.world(3);
            assert_eq!(world.captures.recover().await.unwrap().completing, 1);
            eventually(|| asked(before) == 3).await;
            let [ownership] = &world.captures.list_ownerships(account(1)).await.unwrap()[..] else {
                panic!("it is one");
            };
            world.captures.delete_ownership(account(1), ownership.id).await.unwrap();
            lab.store.script(|_| Act::Serve);
            let failed = world.until(account(1), id, Status::Failed).await;
            let message = failed.message.unwrap();
            assert!(message.contains("deleted from this account's list"), "{message}");
            assert!(lab.object(failed.object.as_str()).is_none());
            assert_eq!(lab.store.open_uploads(), 0);
        });
    }
}

/// As for a part: the store cannot begin the second file for some minutes, and nothing is lost.
#[test]
fn a_store_that_begins_no_further_file_is_waited_for_as_with_a_part() {
    let lab = Lab::new(1 << 30);
    let rotation = Rotation {
        bytes: Some(1 << 20),
        every: None,
    };
    in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, rotation).await;
        let opens = world.disk.clock_now().plus(Duration::from_mins(10));
        let clock = Arc::clone(&world.disk.clock);
        lab.store.script(move |call| {
            if *call == Call::Begin && clock.now() < opens {
                Act::Fail(503, "SlowDown")
            } else {
                Act::Serve
            }
        });
        for number in 0..10 {
            catch.counts(number + 1, (number + 1) * PIECE_BYTES as u64);
            let file = u16::try_from(number / 4).unwrap();
            assert!(catch.piece_of(file, piece(number), number % 4 == 3).await);
        }
        catch.end(None);
        drop(catch);
        let clock = &world.disk.clock;
        let done = world.until(account(1), capture.id, Status::Success);
        let done = hurried_by(&world, Duration::from_secs(1), done).await;
        assert!(clock.now() >= opens, "the store was away");
        assert_eq!((done.message, done.files.len()), (None, 3));
    });
}

/// Where the store takes nothing, a stop does not wait for it: all that is left is on the disk.
#[test]
fn a_stop_does_not_wait_for_a_store_that_takes_nothing() {
    for is_overdue in [false, true] {
        let lab = Lab::new(1 << 30);
        lab.store.script(stops_at(2));
        let id = in_a_process(async {
            let world = lab.world(2);
            let (capture, catch) = lab.begin(&world, Rotation::default()).await;
            for number in 0..3 {
                assert!(hand_over(&catch, number).await);
            }
            eventually(|| lab.store.calls().contains(&Call::Part(2))).await;
            let drained = if is_overdue {
                catch.finish(piece(3)).await;
                hurried(&world, lab.until_spooled(3)).await;
                hurried(&world, world.supervisor.drain(PATIENCE)).await
            } else {
                let ending = async {
                    catch.stopped().await;
                    catch.finish(piece(3)).await;
                };
                let drain = hurried(&world, world.supervisor.drain(PATIENCE));
                tokio::join!(drain, ending).0
            };
            assert!(drained, "it waits for the store");
            assert_eq!(lab.spooled().len(), 3);
            capture.id
        });
        lab.store.script(|_| Act::Serve);
        let over = lab.next_start(3, id);
        assert_eq!(
            (over.status, over.counts.packets),
            (Status::Success, 3),
            "{:?}",
            over.message
        );
        assert!(lab.object(over.object.as_str()).unwrap() == pieces(0..4));
    }
}

/// A capture that its user had stopped is as it should be, also if the server was stopped before its store had all of it.
#[test]
fn what_a_stop_leaves_of_a_capture_that_was_over_has_nothing_missing() {
    for rotation in [
        Rotation::default(),
        Rotation {
            bytes: Some(1 << 20),
            every: None,
        },
    ] {
        let lab = Lab::new(1 << 30);
        lab.store.script(stops_at(1));
        let id = in_a_process(async {
            let world = lab.world(2);
            let (capture, catch) = lab.begin(&world, rotation).await;
            for number in 0..3 {
                assert!(hand_over(&catch, number).await);
            }
            world.captures.stop(account(1), capture.id).await.unwrap();
            catch.stopped().await;
            catch.finish(piece(3)).await;
            hurried(&world, lab.until_spooled(4)).await;
            assert!(hurried(&world, world.supervisor.drain(PATIENCE)).await);
            capture.id
        });
        lab.store.script(|_| Act::Serve);
        let over = lab.next_start(3, id);
        assert_eq!(
            (over.status, over.counts.packets, over.message),
            (Status::Success, 3, None)
        );
    }
}

/// One that does take parts is waited for, as long as the server does.
#[test]
fn a_stop_waits_for_a_store_that_is_slow() {
    let lab = Lab::new(1 << 30);
    in_a_process(async {
        let world = lab.world(2);
        let (capture, catch) = lab.begin(&world, Rotation::default()).await;
        let pace = lab.slowed();
        for number in 0..5 {
            assert!(hand_over(&catch, number).await);
        }
        world.supervisor.shutdown().stop();
        catch.stopped().await;
        catch.finish(piece(5)).await;
        for sent in 1..=6 {
            pace.add_permits(PIECE_BYTES);
            world.disk.clock.advance(Duration::from_secs(2));
            if sent < 6 {
                eventually(|| lab.store.calls().contains(&Call::Part(sent))).await;
            }
        }
        let done = world.until(account(1), capture.id, Status::Success).await;
        assert!(lab.object(done.object.as_str()).unwrap() == pieces(0..6));
    });
}
