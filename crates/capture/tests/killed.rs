//! What a kill in each phase of a capture leaves, and what the next start makes of it. The file is real: what is read back
//! is compared packet by packet.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{Capture, CreateCapture, DestinationSettings, Format, Recovered, Status};
use baleen_meta::Scan;
use baleen_meta::keys::Table;
use baleen_pcapfile::classic::Precision;
use baleen_pcapfile::{Item, Reader, Record, classic, ng};
use baleen_types::{AccountId, CaptureId, LinkType};
use common::agent::SimCatch;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, World, account, request, to};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const URI: &str = "s3://evidence/case-17";
const PACKET_BYTES: usize = 60_000;
/// Packets of a part, so that it is above 5 MiB.
const PACKETS: u64 = 90;

/// Runs a process in a runtime of its own; when that is dropped, every task of the process is gone at once.
fn in_a_process<T>(life: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(life)
}

/// Some packets of a file, which begins with its head; they are numbered from `first`.
fn packets(format: Format, first: u64, count: u64) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        Format::Pcap if first == 0 => classic::put_header(&mut out, LinkType::ETHERNET, 262_144, Precision::Micros),
        Format::PcapNg if first == 0 => {
            ng::put_section(&mut out, &ng::Section::default());
            let interface = ng::Interface::new(LinkType::ETHERNET, 262_144, "eth0");
            ng::put_interface(&mut out, &interface);
        }
        Format::Pcap | Format::PcapNg => {}
    }
    for number in first..first + count {
        let mut bytes = vec![0; PACKET_BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let record = Record {
            interface: 0,
            stamp_nanos: 1_800_000_000_000_000_000 + number * 1000,
            original_length: u32::try_from(PACKET_BYTES).unwrap(),
            pieces: [&bytes, &[], &[]],
            direction: None,
            dropped: 0,
        };
        match format {
            Format::Pcap => classic::put_packet(&mut out, &record, Precision::Micros),
            Format::PcapNg => ng::put_packet(&mut out, &record),
        }
    }
    out
}

/// The numbers of a file's packets, and how many statistics it has.
fn read(file: &[u8]) -> (Vec<u64>, usize) {
    let mut reader = Reader::new(file).unwrap();
    let (mut numbers, mut statistics) = (Vec::new(), 0);
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Packet(packet) => numbers.push(u64::from_be_bytes(packet.bytes[..8].try_into().unwrap())),
            Item::Statistics(_) => statistics += 1,
            Item::Interface(_) | Item::Other(_) => {}
        }
    }
    (numbers, statistics)
}

/// Delivers whole parts, and waits until they are noted.
async fn deliver(world: &World, catch: &SimCatch, format: Format, parts: u64) {
    for part in 0..parts {
        catch.counts((part + 1) * PACKETS, (part + 1) * PACKETS * PACKET_BYTES as u64);
        assert!(catch.part(packets(format, part * PACKETS, PACKETS)).await);
    }
    noted(&world.disk, parts).await;
}

async fn noted(disk: &Disk, parts: u64) {
    let all = async {
        while rows(disk, Table::CapturePart).await as u64 != parts {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(common::PATIENCE, all).await.unwrap();
}

async fn rows(disk: &Disk, table: Table) -> usize {
    disk.meta.scan(Scan::prefix(&[table as u8])).await.unwrap().len()
}

fn asked(me: AccountId, format: Format) -> CreateCapture {
    CreateCapture {
        format,
        ..request(me, URI)
    }
}

/// The next process: what it recovers, and how the capture ends.
async fn next_start(disk: &Disk, seed: u64, id: CaptureId) -> (Recovered, Capture) {
    let world = World::on(disk.clone(), seed, DestinationSettings::default());
    let recovered = world.captures.recover().await.unwrap();
    let over = world.until_that(account(1), id, |c| c.status.is_terminal()).await;
    assert!(world.supervisor.drain(common::PATIENCE).await);
    (recovered, over)
}

/// Until when a process lives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The agent has begun, and packets are counted.
    Running,
    /// Capturing is over, and not all is delivered.
    Over,
    /// Capturing is over, and all parts are noted.
    Delivered,
}

#[test]
fn a_kill_in_each_phase() {
    const COMPLETED: Recovered = Recovered {
        failed: 0,
        completing: 1,
        going_on: 0,
    };
    const FAILED: Recovered = Recovered {
        failed: 1,
        completing: 0,
        going_on: 0,
    };
    for format in [Format::Pcap, Format::PcapNg] {
        for (phase, parts, expected) in [
            (Phase::Running, 0, FAILED),
            (Phase::Running, 1, COMPLETED),
            (Phase::Running, 3, COMPLETED),
            (Phase::Over, 0, FAILED),
            (Phase::Over, 1, COMPLETED),
            (Phase::Over, 3, COMPLETED),
            (Phase::Delivered, 0, COMPLETED),
            (Phase::Delivered, 1, COMPLETED),
            (Phase::Delivered, 3, COMPLETED),
        ] {
            let name = format!("{format:?} {phase:?} {parts}");
            let disk = Disk::new();
            let me = account(1);
            let mut in_file = parts * PACKETS;
            // Its end of the parts outlives the process, which so completes nothing by itself.
            let (id, _catch) = in_a_process(async {
                let world = World::on(disk.clone(), 2, DestinationSettings::default());
                world.make_bucket(me, "evidence").await;
                world.prove(me, URI).await;
                let created = world.captures.create(asked(me, format)).await.unwrap();
                let catch = world.caught().await;
                world.until(me, created.id, Status::Running).await;
                deliver(&world, &catch, format, parts).await;
                // More than the parts have.
                catch.counts(in_file + 10, 0);
                if phase != Phase::Running {
                    catch.end(None);
                    world.until(me, created.id, Status::ConversionPending).await;
                }
                if phase == Phase::Delivered {
                    catch.piece(packets(format, in_file, 10), true).await;
                    noted(&disk, parts + 1).await;
                    in_file += 10;
                }
                (created.id, catch)
            });
            let (recovered, over) = in_a_process(next_start(&disk, 3, id));
            assert_eq!(recovered, expected, "{name}");
            let message = over.message.as_deref().unwrap();
            assert!(message.contains("server ended unexpectedly"), "{name}: {message}");
            in_a_process(async {
                let world = World::on(disk.clone(), 4, DestinationSettings::default());
                assert_eq!(world.open_uploads("evidence").await, 0, "{name}");
                let file = world.read("evidence", over.object.as_str()).await;
                if expected == FAILED {
                    assert_eq!((over.status, file), (Status::Failed, None), "{name}");
                } else {
                    let (numbers, statistics) = read(&file.unwrap());
                    assert_eq!(numbers, (0..in_file).collect::<Vec<_>>(), "{name}");
                    let is_cut = phase != Phase::Delivered;
                    assert_eq!(statistics == 1, is_cut && format == Format::PcapNg, "{name}");
                    assert_eq!((over.status, over.counts.packets), (Status::Success, in_file), "{name}");
                    assert_eq!(message.contains("lost"), is_cut, "{name}: {message}");
                }
                for table in [Table::CapturePart, Table::CaptureUnfinished, Table::CaptureActive] {
                    assert_eq!(rows(&disk, table).await, 0, "{name} {table:?}");
                }
                // The account may capture again, and another start has nothing to do.
                assert_eq!(world.captures.recover().await.unwrap(), Recovered::default());
                assert!(world.create(me, URI).await.is_ok());
                world.caught().await.finish(packets(Format::Pcap, 0, 0)).await;
            });
        }
    }
}

#[test]
fn counts_are_the_files_after_a_kill_alone() {
    let disk = Disk::new();
    let me = account(1);
    let (id, _catch) = in_a_process(async {
        let world = World::on(disk.clone(), 2, DestinationSettings::default());
        world.make_bucket(me, "evidence").await;
        world.prove(me, URI).await;
        let created = world.create(me, URI).await.unwrap();
        let catch = world.caught().await;
        deliver(&world, &catch, Format::Pcap, 1).await;
        catch.counts(PACKETS + 5, 0);
        catch.end(None);
        let over = world.until(me, created.id, Status::ConversionPending).await;
        assert_eq!(over.counts.packets, PACKETS + 5);
        (created.id, catch)
    });
    let (_, done) = in_a_process(next_start(&disk, 3, id));
    assert_eq!((done.status, done.counts.packets), (Status::Success, PACKETS));
    assert!(
        done.message
            .unwrap()
            .contains("at least 5 more had been caught and are lost")
    );
    // From then on they stay.
    let (_, again) = in_a_process(next_start(&disk, 4, id));
    assert_eq!(again.counts, done.counts);
}

/// A remote store, and a capture whose process dies behind one part.
struct Cut {
    disk: Disk,
    store: Arc<FakeS3>,
    settings: DestinationSettings,
    id: CaptureId,
    /// Where the store runs.
    _elsewhere: Runtime,
}

fn cut(format: Format, script: impl FnMut(&Call) -> Act + Send + 'static) -> Cut {
    let disk = Disk::new();
    let me = account(1);
    let elsewhere = Runtime::new().unwrap();
    let store = elsewhere.block_on(FakeS3::start());
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let id = in_a_process(async {
        let world = World::on(disk.clone(), 2, settings.clone());
        let ownership = world.captures.create_ownership(me, &to(URI)).await.unwrap();
        let path = format!("/evidence/case-17/{}", ownership.file_name);
        let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
        world.captures.validate_ownership(me, &to(URI), &text).await.unwrap();
        let created = world.captures.create(asked(me, format)).await.unwrap();
        let catch = world.caught().await;
        deliver(&world, &catch, format, 1).await;
        created.id
    });
    store.script(script);
    Cut {
        disk,
        store,
        settings,
        id,
        _elsewhere: elsewhere,
    }
}

impl Cut {
    /// The next process; the clock goes on, so that pauses pass.
    fn next_start(&self, seed: u64) -> Capture {
        in_a_process(async {
            let world = World::on(self.disk.clone(), seed, self.settings.clone());
            world.captures.recover().await.unwrap();
            let hurry = async {
                loop {
                    world.disk.clock.advance(Duration::from_millis(100));
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                over = world.until_that(account(1), self.id, |c| c.status.is_terminal()) => over,
                () = hurry => unreachable!("it never ends"),
            }
        })
    }

    /// A process that dies when the store was called so.
    fn killed_at(&self, seed: u64, last: &Call) {
        in_a_process(async {
            let world = World::on(self.disk.clone(), seed, self.settings.clone());
            world.captures.recover().await.unwrap();
            while self.store.calls().last() != Some(last) {
                tokio::task::yield_now().await;
            }
        });
    }

    fn file(&self, capture: &Capture) -> Option<(Vec<u64>, usize)> {
        let object = self.store.object(&format!("/evidence/{}", capture.object));
        object.map(|bytes| read(&bytes))
    }
}

type Script = Box<dyn FnMut(&Call) -> Act + Send>;

/// The statistics in the file of a success; none of a failure.
type Expected = Option<usize>;

#[test]
fn what_the_store_says_when_a_cut_file_is_completed() {
    const ALL: Expected = Some(1);
    const WITHOUT_TAIL: Expected = Some(0);
    let mut away = 7;
    let mut tail_away = 7;
    let scripts: [(&str, Script, Expected); 6] = [
        ("as it should", Box::new(|_| Act::Serve), ALL),
        (
            "away for a while",
            Box::new(move |call| match call {
                Call::Complete if away > 0 => {
                    away -= 1;
                    Act::Fail(503, "SlowDown")
                }
                _ => Act::Serve,
            }),
            ALL,
        ),
        (
            "away when the tail comes",
            Box::new(move |call| match call {
                Call::Part(2) if tail_away > 0 => {
                    tail_away -= 1;
                    Act::Fail(503, "SlowDown")
                }
                _ => Act::Serve,
            }),
            ALL,
        ),
        (
            "takes no further part",
            Box::new(|call| match call {
                Call::Part(_) => Act::Fail(403, "AccessDenied"),
                _ => Act::Serve,
            }),
            WITHOUT_TAIL,
        ),
        (
            "knows the part no more",
            Box::new(|call| match call {
                Call::Complete => Act::Fail(400, "InvalidPart"),
                _ => Act::Serve,
            }),
            None,
        ),
        (
            "has lost the upload",
            Box::new(|call| match call {
                Call::Part(_) | Call::Complete => Act::Fail(404, "NoSuchUpload"),
                _ => Act::Serve,
            }),
            None,
        ),
    ];
    for (name, script, expected) in scripts {
        let cut = cut(Format::PcapNg, script);
        let over = cut.next_start(3);
        let message = over.message.clone().unwrap();
        let (status, words) = match expected {
            Some(_) => (Status::Success, "its first 90 packets"),
            None => (Status::Failed, "the bucket did not take the capture"),
        };
        assert_eq!(over.status, status, "{name}: {message}");
        assert!(message.contains(words), "{name}: {message}");
        let file = expected.map(|statistics| ((0..PACKETS).collect::<Vec<_>>(), statistics));
        assert_eq!(cut.file(&over), file, "{name}");
        in_a_process(async { assert_eq!(rows(&cut.disk, Table::CapturePart).await, 0, "{name}") });
    }
}

#[test]
fn a_completion_of_a_cut_file_that_is_killed_too() {
    for (name, last, at) in [
        ("before the tail", Act::Hang, Call::Part(2)),
        ("behind the tail", Act::ServeAndHang, Call::Part(2)),
        ("before the completion", Act::Hang, Call::Complete),
        ("behind the completion", Act::ServeAndHang, Call::Complete),
    ] {
        let (mut last, hangs_at) = (Some(last), at.clone());
        let cut = cut(Format::PcapNg, move |call| match call {
            call if *call == hangs_at => last.take().unwrap_or(Act::Serve),
            _ => Act::Serve,
        });
        cut.killed_at(3, &at);
        let over = cut.next_start(4);
        assert_eq!(
            (over.status, over.counts.packets),
            (Status::Success, PACKETS),
            "{name}: {:?}",
            over.message
        );
        assert_eq!(cut.file(&over), Some(((0..PACKETS).collect(), 1)), "{name}");
        assert_eq!(cut.store.open_uploads(), 0, "{name}");
    }
}

#[test]
fn a_destination_that_was_deleted_meanwhile() {
    let cut = cut(Format::Pcap, |_| Act::Serve);
    in_a_process(async {
        let world = World::on(cut.disk.clone(), 3, cut.settings.clone());
        let capture = world.captures.get(account(1), cut.id).await.unwrap();
        world
            .captures
            .delete_ownership(account(1), capture.ownership)
            .await
            .unwrap();
    });
    let failed = cut.next_start(4);
    assert_eq!((failed.status, cut.file(&failed)), (Status::Failed, None));
    assert!(failed.message.unwrap().contains("deleted"));
}

#[test]
fn uploads_that_no_record_knows() {
    let disk = Disk::new();
    let me = account(1);
    let id = in_a_process(async {
        let world = World::on(disk.clone(), 2, DestinationSettings::default());
        world.make_bucket(me, "evidence").await;
        world.prove(me, URI).await;
        let created = world.create(me, URI).await.unwrap();
        let _catch = world.caught().await;
        world.until(me, created.id, Status::Running).await;
        // As when the store's answer to the first try was lost; and one that is somebody's own, whose name begins alike.
        for key in [created.object.to_string(), format!("{}.copy", created.object)] {
            begin_upload(&world, &key).await;
        }
        assert_eq!(world.open_uploads("evidence").await, 3);
        created.id
    });
    let (_, failed) = in_a_process(next_start(&disk, 3, id));
    assert_eq!(failed.status, Status::Failed);
    in_a_process(async {
        let world = World::on(disk.clone(), 4, DestinationSettings::default());
        assert_eq!(world.open_uploads("evidence").await, 1, "the one that is not ours");
        assert_eq!(rows(&disk, Table::CaptureUnfinished).await, 0);
    });
}

async fn begin_upload(world: &World, key: &str) {
    let create = baleen_objects::CreateUpload {
        initiator: None,
        at: baleen_types::ObjectPath {
            bucket: to(URI).bucket().clone(),
            key: baleen_types::ObjectKey::parse(key).unwrap(),
        },
        headers: baleen_objects::ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: baleen_objects::Tags::default(),
        checksum_algorithm: None,
        checksum_kind: None,
        acl: baleen_types::Acl::default(),
        encrypt: baleen_objects::Encrypt::AsBucket,
    };
    world.disk.objects.create_upload(create).await.unwrap();
}
