//! Captures of several sites at once, merged into one file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::GROUP_LOOKED_AT_EVERY;
use baleen_capture::{
    Accounts, CaptureError, Counts, CreateCapture, CreateSchedule, DestinationSettings, Format, Limited, Limits,
    Rotation, Site, Sites, Status,
};
use baleen_pcapfile::{Item, Reader, Record, ng};
use baleen_types::{CaptureId, LinkType, SiteName};
use common::agent::{SimAgent, SimCatch};
use common::s3::{Act, Call, FakeS3};
use common::schedules::wanted;
use common::{Disk, World, account, request, to};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;

const URI: &str = "s3://evidence/case-17?region=eu-1";

/// Bytes of each packet.
const BYTES: usize = 60;

/// So much of all captures waits to be merged.
const STAGED_MAX: u64 = 20_000;

/// Captures that the server of these tests takes at once.
const ROOMS: u64 = 6;

/// What the sites see: stamps by the clock of each.
const SEEN: [(&str, i64, &[u64]); 3] = [
    ("lab01", 0, &[1000, 4000, 7000, 10_000]),
    // Its clock is before ours, so this was at 1500, 2500, 5000 and 9000.
    ("lab02", 500, &[2000, 3000, 5500, 9500]),
    ("lab03", -1000, &[2000, 5000]),
];

/// All of that in order: the time by our clock, and the site's place.
const MERGED: [(u64, u32); 10] = [
    (1000, 0),
    (1500, 1),
    (2500, 1),
    (3000, 2),
    (4000, 0),
    (5000, 1),
    (6000, 2),
    (7000, 0),
    (9000, 1),
    (10_000, 0),
];

struct Group {
    world: World,
    agents: Vec<Arc<SimAgent>>,
    staging: TempDir,
}

async fn group() -> Group {
    let group = group_on(Disk::new(), 2, tempfile::tempdir().unwrap());
    group.world.make_bucket(account(1), "evidence").await;
    group.world.prove(account(1), URI).await;
    group
}

/// A process on given disks. `seed` has to differ for each on the same disks.
fn group_on(disk: Disk, seed: u64, staging: TempDir) -> Group {
    group_at(DestinationSettings::default(), disk, seed, staging)
}

/// The same with other stores.
fn group_at(destinations: DestinationSettings, disk: Disk, seed: u64, staging: TempDir) -> Group {
    let (begun, catches) = mpsc::unbounded_channel();
    let agents: Vec<_> = SEEN.iter().map(|_| SimAgent::into(begun.clone())).collect();
    let site = |((name, ahead, _), agent): (&(&str, i64, &[u64]), &Arc<SimAgent>)| {
        if *ahead != 0 {
            agent.set_clock(*ahead);
        }
        Site {
            name: SiteName::parse(name).unwrap(),
            groups: Vec::new(),
            accounts: Accounts::All,
            agent: agent.clone(),
        }
    };
    let sites = Sites::new(SEEN.iter().zip(&agents).map(site).collect());
    let sites = sites.merging_in(&staging.path().join("staging"), STAGED_MAX, disk.clock.clone());
    let world = World::with_sites(disk, seed, destinations, (sites, catches));
    Group { world, agents, staging }
}

impl Group {
    /// The captures that so many of the sites begin, by their names.
    async fn caught(&self, count: usize) -> BTreeMap<String, SimCatch> {
        let mut caught = BTreeMap::new();
        for _ in 0..count {
            let catch = self.world.caught().await;
            caught.insert(catch.order.site.to_string(), catch);
        }
        assert_eq!(caught.len(), count, "each site once");
        caught
    }

    /// Waits until nothing is staged: that goes when the end of a capture is stored.
    async fn staging_is_empty(&self) {
        let wait = async {
            while !self.is_staging_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(common::PATIENCE, wait)
            .await
            .expect("it is removed");
    }

    async fn no_upload_is_open(&self) {
        let wait = async {
            while self.world.open_uploads("evidence").await > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(common::PATIENCE, wait)
            .await
            .expect("they are aborted");
    }

    fn is_staging_empty(&self) -> bool {
        is_empty(&self.staging.path().join("staging"))
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

fn at_lab(format: Format) -> CreateCapture {
    CreateCapture {
        site: SiteName::parse("LAB").unwrap(),
        format,
        ..request(account(1), URI)
    }
}

fn stamps_of(site: &str) -> &'static [u64] {
    SEEN.iter().find(|(name, ..)| *name == site).unwrap().2
}

/// The file of a site that saw packets with these stamps.
fn file(stamps: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    ng::put_section(&mut out, &ng::Section::default());
    let interface = ng::Interface::new(LinkType::ETHERNET, 262_144, "eth0");
    ng::put_interface(&mut out, &interface);
    for stamp in stamps {
        ng::put_packet(&mut out, &Record::new(*stamp, 60, &[7; BYTES]));
    }
    ng::put_statistics(&mut out, &ng::Statistics::default());
    out
}

/// A site delivers what it saw, and ends.
async fn deliver(catch: SimCatch, stamps: &[u64]) {
    catch.counts(stamps.len() as u64, (stamps.len() * BYTES) as u64);
    catch.finish(file(stamps)).await;
}

async fn deliver_all(caught: BTreeMap<String, SimCatch>) {
    for (site, catch) in caught {
        deliver(catch, stamps_of(&site)).await;
    }
}

/// The packets of a file, as time and interface, and the names of its interfaces.
fn read(bytes: &[u8]) -> (Vec<(u64, u32)>, Vec<String>) {
    let mut reader = Reader::new(bytes).unwrap();
    let (mut packets, mut interfaces) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Interface(interface) => interfaces.push(interface.name),
            Item::Packet(packet) => packets.push((packet.stamp_nanos.unwrap(), packet.interface)),
            Item::Statistics(_) | Item::Other(_) => {}
        }
    }
    assert!(!reader.is_cut());
    (packets, interfaces)
}

#[tokio::test]
async fn a_group_is_captured_at_all_its_sites_into_one_file() {
    let group = group().await;
    let me = account(1);
    for format in [Format::PcapNg, Format::Pcap] {
        let created = group.world.captures.create(at_lab(format)).await.unwrap();
        assert_eq!(created.site.as_str(), "LAB");
        let caught = group.caught(3).await;
        for catch in caught.values() {
            assert_eq!((catch.order.capture, catch.order.format), (created.id, Format::PcapNg));
            catch.counts(2, 120);
        }
        let running = group.world.until(me, created.id, Status::Running).await;
        assert_eq!(running.counts.packets, 6, "those of all");
        assert!(!group.is_staging_empty());
        deliver_all(caught).await;
        let done = group.world.until(me, created.id, Status::Success).await;
        assert_eq!(done.message, None);
        let counts = Counts {
            packets: 10,
            bytes: 600,
            dropped: 0,
        };
        assert_eq!(done.counts, counts);
        let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
        let (packets, interfaces) = read(&bytes);
        match format {
            Format::PcapNg => {
                assert_eq!(packets, MERGED);
                assert_eq!(interfaces, ["lab01/eth0", "lab02/eth0", "lab03/eth0"]);
                assert!(common::contains(&bytes, "its clock was -1000 ns before the server's"));
            }
            // In microseconds, and of interfaces it knows nothing.
            Format::Pcap => assert_eq!(packets, MERGED.map(|(stamp, _)| (stamp / 1000 * 1000, 0))),
        }
        group.staging_is_empty().await;
    }
}

#[tokio::test]
async fn limits_are_exact_over_all_sites() {
    let group = group().await;
    for (packets, bytes, expected) in [
        (1, 1_000_000, 1),
        (5, 1_000_000, 5),
        (10, 1_000_000, 10),
        (10_000, 300, 5),
        (10_000, 299, 4),
        (10_000, 601, 10),
        (3, 120, 2),
    ] {
        let limits = Limits {
            time: Duration::from_secs(20),
            packets,
            bytes,
        };
        let request = CreateCapture {
            limits,
            ..at_lab(Format::PcapNg)
        };
        let created = group.world.captures.create(request).await.unwrap();
        let caught = group.caught(3).await;
        let is_enough = packets <= 10 || bytes <= 600;
        for (site, catch) in &caught {
            assert_eq!(catch.order.limits, limits, "any one of them may see all of it");
            let seen = stamps_of(site).len() as u64;
            catch.counts(seen, seen * BYTES as u64);
        }
        if is_enough {
            for catch in caught.values() {
                let stopped = catch.stopped();
                let clock = &group.world.disk.clock;
                let ticking = async {
                    loop {
                        clock.advance(GROUP_LOOKED_AT_EVERY);
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    () = stopped => {}
                    () = ticking => {}
                }
            }
        }
        deliver_all(caught).await;
        let done = group.world.until(account(1), created.id, Status::Success).await;
        let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
        assert_eq!(read(&bytes).0, MERGED[..expected], "{packets} {bytes:?}");
        let counts = (done.counts.packets, done.counts.bytes);
        assert_eq!(counts, (expected as u64, (expected * BYTES) as u64));
    }
}

#[tokio::test]
async fn those_who_fail_are_named_and_the_others_delivered() {
    let group = group().await;
    let me = account(1);
    group.agents[1].refuse("no such interface: eth7");
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    let mut caught = group.caught(2).await;
    let ending = caught.remove("lab03").unwrap();
    ending.counts(2, 120);
    assert!(ending.piece(file(stamps_of("lab03")), true).await);
    ending.end(Some("interface eth0 vanished"));
    drop(ending);
    deliver_all(caught).await;
    let done = group.world.until(me, created.id, Status::Success).await;
    let message = done.message.unwrap();
    for named in [
        "site lab02 did not begin: no such interface: eth7",
        "site lab03 ended early: interface eth0 vanished",
    ] {
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(done.counts.packets, 6, "those of lab03 are there");

    // One of them is away, so that two are left.
    group.agents[2].set_away(true);
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    deliver_all(group.caught(1).await).await;
    let done = group.world.until(me, created.id, Status::Success).await;
    let message = done.message.unwrap();
    assert!(message.contains("site lab03 is not connected"), "{message}");

    // None begins.
    group.agents[0].refuse("no right to capture");
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    let failed = group.world.until(me, created.id, Status::Failed).await;
    let message = failed.message.unwrap();
    assert!(
        message.contains("lab01 did not begin: no right to capture"),
        "{message}"
    );
    group.staging_is_empty().await;

    // Of the group one is left; that it is not all of it is told.
    group.agents[1].set_away(true);
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    let failed = group.world.until(me, created.id, Status::Failed).await;
    assert_eq!(
        failed.message.as_deref(),
        Some("site lab02 is not connected; site lab03 is not connected; site lab01 did not begin: no right to capture")
    );
}

/// Whoever takes the file for that of all sites is told that it is not.
#[tokio::test]
async fn what_one_site_alone_captures_of_a_group_says_so() {
    let group = group().await;
    let me = account(1);
    group.agents[1].set_away(true);
    group.agents[2].set_away(true);
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    deliver_all(group.caught(1).await).await;
    let done = group.world.until(me, created.id, Status::Success).await;
    assert_eq!(done.counts.packets, 4);
    assert_eq!(
        done.message.as_deref(),
        Some("site lab02 is not connected; site lab03 is not connected")
    );
}

/// A stop is a person's word: who is away is waited for some seconds, and not as long as the fleet waits.
#[tokio::test]
async fn a_stop_does_not_wait_for_who_is_away() {
    for has_delivered in [false, true] {
        let group = group().await;
        let me = account(1);
        let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
        let mut caught = group.caught(3).await;
        let away = caught.remove("lab02").unwrap();
        if has_delivered {
            away.counts(4, 240);
            assert!(away.piece(file(stamps_of("lab02")), false).await);
        }
        group.world.until(me, created.id, Status::Running).await;
        group.agents[1].set_away(true);
        group.world.captures.stop(me, created.id).await.unwrap();
        deliver_all(caught).await;
        let ticking = async {
            loop {
                group.world.disk.clock.advance(Duration::from_secs(5));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let done = tokio::select! {
            done = group.world.until(me, created.id, Status::Success) => done,
            () = ticking => unreachable!("it goes on"),
        };
        assert_eq!(
            done.message.as_deref(),
            Some("site lab02 ended early: it was away when the capture was stopped")
        );
        assert_eq!(done.counts.packets, if has_delivered { 10 } else { 6 });
        drop(away);
    }
}

#[tokio::test]
async fn what_one_merged_file_cannot_be_is_refused() {
    let group = group().await;
    let rotating = CreateCapture {
        rotation: Rotation {
            bytes: None,
            every: Some(Duration::from_secs(5)),
        },
        ..at_lab(Format::PcapNg)
    };
    let schedule = CreateSchedule {
        capture: rotating.clone(),
        ..wanted("nightly", "@daily", 1)
    };
    for refused in [
        group.world.captures.create(rotating).await.map(drop),
        group.world.captures.create_schedule(schedule).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        let is_rotation = matches!(
            &refused,
            CaptureError::Limit {
                of: Limited::Rotation,
                ..
            }
        );
        assert!(
            is_rotation && refused.to_string().contains("LAB is several sites"),
            "{refused}"
        );
    }
    group.agents[1].set_links(&[LinkType::RAW]);
    let created = group.world.captures.create(at_lab(Format::Pcap)).await.unwrap();
    let failed = group.world.until(account(1), created.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("ask for pcapng"));
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    deliver_all(group.caught(3).await).await;
    group.world.until(account(1), created.id, Status::Success).await;
}

#[tokio::test]
async fn a_stop_reaches_all_and_nothing_is_a_file_too() {
    let group = group().await;
    let me = account(1);
    for format in [Format::PcapNg, Format::Pcap] {
        let created = group.world.captures.create(at_lab(format)).await.unwrap();
        let caught = group.caught(3).await;
        group.world.until(me, created.id, Status::Running).await;
        group.world.captures.stop(me, created.id).await.unwrap();
        for (_, catch) in caught {
            catch.stopped().await;
            deliver(catch, &[]).await;
        }
        let done = group.world.until(me, created.id, Status::Success).await;
        assert_eq!(done.counts, Counts::default());
        let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
        assert_eq!(read(&bytes).0, []);
    }
}

/// Its bucket is taken from the account's list meanwhile: the members are stopped, and nothing is left.
#[tokio::test]
async fn a_capture_that_is_given_up_ends_everywhere() {
    let group = group().await;
    let me = account(1);
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    let caught = group.caught(3).await;
    group.world.until(me, created.id, Status::Running).await;
    let ownership = group.world.captures.list_ownerships(me).await.unwrap().remove(0);
    group.world.captures.delete_ownership(me, ownership.id).await.unwrap();
    for (site, catch) in caught {
        catch.stopped().await;
        deliver(catch, stamps_of(&site)).await;
    }
    group.world.until(me, created.id, Status::Failed).await;
    group.staging_is_empty().await;
    group.no_upload_is_open().await;
    assert_eq!(
        group
            .world
            .keys("evidence")
            .await
            .iter()
            .filter(|key| key.contains("pcap_"))
            .count(),
        0
    );
}

/// A process that is killed when so many of the sites have delivered: the capture, and the folder with what is staged of it.
fn staged_and_killed(disk: &Disk, seed: u64, delivered: usize) -> (CaptureId, TempDir) {
    let (me, is_first) = (account(1), delivered == SEEN.len());
    // Dropped with its runtime, every task of the first process is gone at once.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let left = runtime.block_on(async {
        let group = group_on(disk.clone(), seed, tempfile::tempdir().unwrap());
        if is_first {
            group.world.make_bucket(me, "evidence").await;
            group.world.prove(me, URI).await;
        }
        let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
        let caught = group.caught(3).await;
        for (site, _, stamps) in SEEN.iter().take(delivered) {
            let catch = &caught[*site];
            catch.counts(stamps.len() as u64, (stamps.len() * BYTES) as u64);
            assert!(catch.part(file(stamps)).await);
            // Taken when a further one is: the channel has room for one.
            assert!(catch.part(file(&[])).await);
            assert!(catch.part(file(&[])).await);
        }
        group.world.until(me, created.id, Status::Running).await;
        (created.id, group.staging, caught)
    });
    runtime.shutdown_background();
    // Behind the kill, or its captures would be ending while it is killed, and threads of it still write then, as none of a killed process do.
    let (id, staging, caught) = left;
    drop(caught);
    (id, staging)
}

/// The process is gone in the middle: what its sites had delivered by then is in the file.
#[test]
fn what_was_staged_outlives_a_kill() {
    let (disk, me) = (Disk::new(), account(1));
    for (seed, delivered, expected) in [
        (10, 3, &MERGED[..]),
        (20, 1, &[(1000, 0), (4000, 0), (7000, 0), (10_000, 0)][..]),
        (30, 0, &[]),
    ] {
        let (id, staging) = staged_and_killed(&disk, seed, delivered);
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let folder = staging.path().to_owned();
            let strange = folder.join("staging").join(common::account(7).to_string());
            std::fs::create_dir_all(&strange).unwrap();
            let group = group_on(disk.clone(), seed + 1, staging);
            group.world.captures.recover().await.unwrap();
            assert!(!strange.exists(), "it is of no capture");
            let status = if delivered == 0 {
                Status::Failed
            } else {
                Status::Success
            };
            let done = group.world.until(me, id, status).await;
            let message = done.message.unwrap();
            assert!(message.contains("the server ended unexpectedly"), "{message}");
            if delivered > 0 {
                let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
                assert_eq!(read(&bytes).0, expected);
                assert_eq!(done.counts.packets, expected.len() as u64);
            }
            // That of one that failed is aborted behind its end.
            group.no_upload_is_open().await;
            // The account is free again.
            let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
            deliver_all(group.caught(3).await).await;
            group.world.until(me, created.id, Status::Success).await;
        });
    }
}

/// Changes a bit of what the first site had delivered.
fn damage_first_site(staging: &TempDir, id: CaptureId) {
    let of_first = staging.path().join("staging").join(id.to_string()).join("0.sealed");
    let mut bytes = std::fs::read(&of_first).unwrap();
    // In the first block behind its length.
    bytes[100] ^= 1;
    std::fs::write(&of_first, bytes).unwrap();
}

/// A bit that the disk has changed costs what one site had delivered from there on, and nothing of the others, whose agents have forgotten it.
#[test]
fn what_is_damaged_of_one_site_is_missing_and_told() {
    let (disk, me) = (Disk::new(), account(1));
    let (id, staging) = staged_and_killed(&disk, 10, SEEN.len());
    damage_first_site(&staging, id);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let group = group_on(disk.clone(), 11, staging);
        group.world.captures.recover().await.unwrap();
        let done = group.world.until(me, id, Status::Success).await;
        let message = done.message.unwrap();
        assert!(
            message.contains("site lab01: what it had delivered is damaged"),
            "{message}"
        );
        let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
        let (packets, interfaces) = read(&bytes);
        let times = |packets: &[(u64, u32)]| packets.iter().map(|packet| packet.0).collect::<Vec<_>>();
        let others: Vec<_> = MERGED.iter().copied().filter(|packet| packet.1 != 0).collect();
        assert_eq!(times(&packets), times(&others));
        assert_eq!(done.counts.packets, others.len() as u64);
        assert!(
            interfaces.iter().all(|name| !name.starts_with("lab01")),
            "{interfaces:?}"
        );
        group.staging_is_empty().await;
    });
}

/// A start that cannot look at it does not take it for nothing: it looks again.
#[test]
fn what_cannot_be_looked_at_just_now_is_looked_for_again() {
    let (disk, me) = (Disk::new(), account(1));
    let (id, staging) = staged_and_killed(&disk, 10, SEEN.len());
    // A link to itself where a file is looked for: the disk says that it cannot, and not that there is none; and the file takes its place at once.
    let at = |name| staging.path().join("staging").join(id.to_string()).join(name);
    for (name, hidden) in [("members", "list"), ("1.sealed", "second")] {
        std::fs::rename(at(name), at(hidden)).unwrap();
        std::os::unix::fs::symlink(name, at(name)).unwrap();
    }
    let show = [("members", "list"), ("1.sealed", "second")].map(|(name, hidden)| (at(name), at(hidden)));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let group = group_on(disk.clone(), 11, staging);
        let recovered = group.world.captures.recover().await.unwrap();
        assert_eq!((recovered.completing, recovered.failed), (1, 0));
        let hurry = async {
            for (name, hidden) in show {
                for _ in 0..50 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    group.world.disk.clock.advance(Duration::from_secs(1));
                }
                std::fs::rename(&hidden, &name).unwrap();
            }
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                group.world.disk.clock.advance(Duration::from_secs(1));
            }
        };
        let done = tokio::select! {
            done = group.world.until(me, id, Status::Success) => done,
            () = hurry => unreachable!("it never ends"),
        };
        let message = done.message.unwrap();
        assert!(!message.contains("damaged"), "{message}");
        let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
        assert_eq!(read(&bytes).0, MERGED);
        group.staging_is_empty().await;
    });
}

/// A start that is itself stopped leaves it to the next one.
#[test]
fn what_was_staged_outlives_a_stop_of_the_next_process() {
    let (disk, me) = (Disk::new(), account(1));
    let (id, staging) = staged_and_killed(&disk, 10, SEEN.len());
    let staging = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let group = group_on(disk.clone(), 11, staging);
        group.world.supervisor.shutdown().stop();
        group.world.captures.recover().await.unwrap();
        assert!(group.world.supervisor.drain(common::PATIENCE).await);
        let left = group.world.captures.get(me, id).await.unwrap();
        // It may have been merged before it was looked whether the process stops.
        assert_ne!(left.status, Status::Failed, "{left:?}");
        group.staging
    });
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let group = group_on(disk.clone(), 12, staging);
        group.world.captures.recover().await.unwrap();
        let done = group.world.until(me, id, Status::Success).await;
        let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
        assert_eq!(read(&bytes).0, MERGED);
    });
}

/// Stops a process and lets its clock go on: whether all of it has ended in time.
async fn is_drained(world: &World) -> bool {
    let hurry = async {
        loop {
            world.disk.clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        drained = world.supervisor.drain(common::PATIENCE) => drained,
        () = hurry => unreachable!("it never ends"),
    }
}

/// Waits until a store is asked for something, behind so many calls.
async fn called(store: &FakeS3, behind: usize, call: Call) {
    let wait = async {
        while !store.calls()[behind..].contains(&call) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(common::PATIENCE, wait)
        .await
        .expect("the store is asked for it");
}

#[test]
fn a_stop_leaves_what_was_staged_to_the_next_start() {
    stopped_and_merged_later(false);
}

/// What the process that is stopped could not know is told by the one that finds it.
#[test]
fn what_is_damaged_between_a_stop_and_the_next_start_is_told() {
    stopped_and_merged_later(true);
}

/// What is staged is safe: no stop waits for a store that takes nothing, whatever it is asked for. And who waits for it keeps no room from others.
fn stopped_and_merged_later(is_damaged: bool) {
    const ELSEWHERE: &str = "s3://bucket/dir";
    let elsewhere = tokio::runtime::Runtime::new().unwrap();
    let store = elsewhere.block_on(FakeS3::start());
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let (disk, me) = (Disk::new(), account(1));
    let on = |seed, staging| group_at(settings.clone(), disk.clone(), seed, staging);
    let asked = CreateCapture {
        destination: to(ELSEWHERE),
        ..at_lab(Format::PcapNg)
    };
    let first = Box::pin(async {
        let group = on(2, tempfile::tempdir().unwrap());
        let captures = &group.world.captures;
        let ownership = captures.create_ownership(me, &to(ELSEWHERE)).await.unwrap();
        let text = store.object(&format!("/bucket/dir/{}", ownership.file_name)).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        captures.validate_ownership(me, &to(ELSEWHERE), &text).await.unwrap();
        store.script(|call| match call {
            Call::Part(_) => Act::Hang,
            _ => Act::Serve,
        });
        let created = captures.create(asked.clone()).await.unwrap();
        deliver_all(group.caught(3).await).await;
        called(&store, 0, Call::Part(1)).await;
        assert!(is_drained(&group.world).await, "it waits for the store");
        assert!(!group.is_staging_empty());
        (created.id, group.staging)
    });
    let (id, staging) = tokio::runtime::Runtime::new().unwrap().block_on(first);
    let begun = store.calls().len();
    store.script(|call| match call {
        Call::Begin => Act::Hang,
        _ => Act::Serve,
    });
    let second = Box::pin(async {
        let group = on(3, staging);
        group.world.captures.recover().await.unwrap();
        called(&store, begun, Call::Begin).await;
        assert!(is_drained(&group.world).await, "it waits for the store");
        group.staging
    });
    let staging = tokio::runtime::Runtime::new().unwrap().block_on(second);
    if is_damaged {
        damage_first_site(&staging, id);
    }
    let begun = store.calls().len();
    store.script(|call| match call {
        Call::Begin => Act::Fail(503, "SlowDown"),
        _ => Act::Serve,
    });
    let third = Box::pin(async {
        let group = on(4, staging);
        let world = &group.world;
        world.captures.recover().await.unwrap();
        called(&store, begun, Call::Begin).await;
        let mut others = Vec::new();
        for number in 11..11 + ROOMS {
            let (bucket, other) = (format!("evidence-{number}"), account(number));
            world.make_bucket(other, &bucket).await;
            let uri = format!("s3://{bucket}/case?region=eu-1");
            world.prove(other, &uri).await;
            let one_site = CreateCapture {
                site: SiteName::parse("lab01").unwrap(),
                ..request(other, &uri)
            };
            let created = world.captures.create(one_site).await.expect("it holds no room");
            others.push((other, created.id, world.caught().await));
        }
        store.script(|_| Act::Serve);
        let (other, other_id, catch) = others.pop().unwrap();
        deliver(catch, stamps_of("lab01")).await;
        world.until(other, other_id, Status::Success).await;
        let hurry = async {
            loop {
                world.disk.clock.advance(Duration::from_millis(100));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let done = tokio::select! {
            done = world.until(me, id, Status::Success) => done,
            () = hurry => unreachable!("it never ends"),
        };
        let bytes = store.object(&format!("/bucket/{}", done.object.as_str())).unwrap();
        let message = done.message.unwrap();
        assert!(message.starts_with("the capture may have ended early"), "{message}");
        let of_damage = "; site lab01: what it had delivered is damaged";
        assert_eq!(message.contains(of_damage), is_damaged, "{message}");
        if is_damaged {
            assert_eq!(read(&bytes).0.len(), MERGED.len() - stamps_of("lab01").len());
        } else {
            assert_eq!(read(&bytes).0, MERGED);
        }
        assert_eq!(store.open_uploads(), 0);
        group.staging_is_empty().await;
    });
    tokio::runtime::Runtime::new().unwrap().block_on(third);
}

/// There is no room for more: what was taken before is in the file, and the member is named. A piece that is not kept is not acknowledged.
#[tokio::test]
async fn a_member_that_cannot_be_kept_is_delivered_up_to_there() {
    let group = group().await;
    let me = account(1);
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    let mut caught = group.caught(3).await;
    let (site, _, stamps) = SEEN[1];
    let long = caught.remove(site).unwrap();
    long.counts(4, 240);
    assert!(long.part(file(stamps)).await);
    assert!(long.part(vec![0; usize::try_from(STAGED_MAX).unwrap()]).await);
    long.stopped().await;
    assert!(!long.part(&b"nobody takes it any more"[..]).await);
    long.end(None);
    drop(long);
    deliver_all(caught).await;
    let done = group.world.until(me, created.id, Status::Success).await;
    let message = done.message.unwrap();
    assert!(
        message.contains("site lab02 ended early: what it captured could not be kept"),
        "{message}"
    );
    let bytes = group.world.read("evidence", done.object.as_str()).await.unwrap();
    assert_eq!(read(&bytes).0, MERGED);
    group.staging_is_empty().await;
    // The room is there again.
    let created = group.world.captures.create(at_lab(Format::PcapNg)).await.unwrap();
    deliver_all(group.caught(3).await).await;
    let done = group.world.until(me, created.id, Status::Success).await;
    assert_eq!((done.message, done.counts.packets), (None, 10));
}
