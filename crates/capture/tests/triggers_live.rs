//! Watches and triggers on real rings, in network namespaces with veth pairs. Needs root, and fails without; `baleen_ring::lab` says
//! how to leave it out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use async_trait::async_trait;
use baleen_capture::engine::{Engine, Interfaces, Seen, Settings, Watch, WatchRequest};
use baleen_capture::{
    Budget, CaptureError, CaptureFilter, CreateSchedule, DestinationSettings, EmbeddedAgent, EmbeddedSettings,
    NotTaken, RunOutcome, ScheduleName, ScheduleWitness, SentFilter, Status, Trigger, TripsOn, When,
};
use baleen_filter::{Filter, FiveTuple};
use baleen_ring::lab::{Injector, Namespace};
use baleen_runtime::SystemClock;
use baleen_types::{AccountId, CaptureId, ScheduleId};
use common::{Disk, PATIENCE, World, account, request};
use std::sync::Arc;
use std::time::{Duration, Instant};

const URI: &str = "s3://evidence/case?region=eu-1";

fn laboratory() -> Option<Namespace> {
    if !Namespace::is_possible() {
        return None;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    Some(ns)
}

fn engine() -> Engine {
    Engine::new(Settings::default(), SystemClock::new()).unwrap()
}

fn of(filter: &str) -> WatchRequest {
    WatchRequest {
        interfaces: Interfaces::Named(vec!["rx0".to_owned()]),
        filter: Filter::expression(filter).unwrap(),
        exclude: Vec::new(),
        never: Vec::new(),
        promiscuous: true,
    }
}

/// A UDP datagram over IPv4 between two ports, in a frame of `size` bytes.
fn datagram(source: u16, destination: u16, size: usize) -> Vec<u8> {
    let mut frame = vec![0_u8; size];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
    let length = u16::try_from(size - 14).unwrap();
    frame[14] = 0x45;
    frame[16..18].copy_from_slice(&length.to_be_bytes());
    frame[22] = 64;
    frame[23] = 17;
    frame[26..30].copy_from_slice(&[10, 0, 0, 1]);
    frame[30..34].copy_from_slice(&[10, 0, 0, 2]);
    frame[34..36].copy_from_slice(&source.to_be_bytes());
    frame[36..38].copy_from_slice(&destination.to_be_bytes());
    frame[38..40].copy_from_slice(&(length - 20).to_be_bytes());
    frame
}

fn until(watch: &Watch, holds: impl Fn(Seen) -> bool) -> Seen {
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = watch.seen();
        if holds(seen) {
            return seen;
        }
        assert!(Instant::now() < end, "it stays {seen:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is asked for is counted, each packet once with its length on the wire, and nothing else.
#[test]
fn packets_are_counted_by_a_filter_in_the_kernel() {
    let Some(_ns) = laboratory() else { return };
    let sender = Injector::open("tx0").unwrap();
    let engine = engine();
    let all = engine.watch(&of("udp")).unwrap();
    let dns = engine.watch(&of("udp dst port 53")).unwrap();
    let others = engine
        .watch(&WatchRequest {
            exclude: vec![FiveTuple {
                destination: baleen_filter::End {
                    ports: vec![53..=53],
                    ..Default::default()
                },
                ..FiveTuple::default()
            }],
            ..of("udp")
        })
        .unwrap();
    for number in 0..20_000_u16 {
        let (port, size) = if number % 10 == 0 { (53, 1000) } else { (99, 100) };
        sender.send(&datagram(number, port, size)).unwrap();
    }
    let wanted = |packets, bytes| Seen { packets, bytes };
    for (watch, wanted) in [
        (&all, wanted(20_000, 2_000 * 1_000 + 18_000 * 100)),
        (&dns, wanted(2_000, 2_000 * 1_000)),
        (&others, wanted(18_000, 18_000 * 100)),
    ] {
        assert_eq!(
            until(watch, |seen| seen.packets >= wanted.packets).packets,
            wanted.packets
        );
        assert_eq!(watch.seen(), wanted);
        assert!(watch.trouble().is_none());
    }
}

#[test]
fn an_interface_that_goes_is_told_and_one_that_is_not_there_refused() {
    let Some(ns) = laboratory() else { return };
    let engine = engine();
    let watch = engine.watch(&of("udp")).unwrap();
    ns.ip(&["link", "del", "rx0"]);
    let end = Instant::now() + PATIENCE;
    while watch.trouble().is_none() {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(watch.trouble().unwrap().contains("rx0 was removed"));
    assert!(engine.watch(&of("udp")).is_err());
}

/// Threads end with their watches: a trigger that is set off again and again leaves none behind.
#[test]
fn watches_leave_nothing_behind() {
    let Some(_ns) = laboratory() else { return };
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let name =
            |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("comm")).ok();
        tasks
            .filter_map(name)
            .filter(|name| name.starts_with("watch-rx0"))
            .count()
    };
    let engine = engine();
    let before = threads();
    for _ in 0..20 {
        drop(engine.watch(&of("udp")).unwrap());
    }
    let end = Instant::now() + PATIENCE;
    while threads() > before {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Everybody;

#[async_trait]
impl ScheduleWitness for Everybody {
    async fn may_act(&self, _: AccountId) -> Result<bool, CaptureError> {
        Ok(true)
    }

    async fn began(&self, _: AccountId, _: ScheduleId, _: CaptureId) -> Result<(), NotTaken> {
        Ok(())
    }
}

/// A real packet begins a real capture, whose file has what came behind it.
#[test]
fn a_real_packet_sets_off_a_capture() {
    let Some(_ns) = laboratory() else { return };
    // Made inside, so that all of its threads are.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let agent = EmbeddedAgent::new(
            engine(),
            EmbeddedSettings {
                interfaces: Interfaces::Named(vec!["rx0".to_owned()]),
                ..EmbeddedSettings::default()
            },
        );
        let world = World::with_agent(Disk::new(), 2, DestinationSettings::default(), agent);
        let me = account(1);
        world.make_bucket(me, "evidence").await;
        world.prove(me, URI).await;
        let mut capture = request(me, URI);
        capture.limits.packets = 3;
        let made = world.captures.create_schedule(CreateSchedule {
            name: ScheduleName::parse("dns").unwrap(),
            when: When::Trigger(Trigger {
                on: TripsOn::Packet,
                filter: CaptureFilter::Expression("udp port 53".to_owned()),
                sent_filter: SentFilter::default(),
            }),
            budget: Budget {
                runs: 1,
                packets: None,
                bytes: None,
            },
            capture,
        });
        let made = made.await.unwrap();
        let witness: Arc<dyn ScheduleWitness> = Arc::new(Everybody);
        let sender = Injector::open("tx0").unwrap();
        let end = Instant::now() + PATIENCE;
        let mut others = 0;
        let id = loop {
            assert!(Instant::now() < end);
            world.captures.run_schedules(&witness).await.unwrap();
            world.disk.clock.advance(Duration::from_millis(250));
            tokio::time::sleep(Duration::from_millis(20)).await;
            // What does not match sets nothing off.
            sender.send(&datagram(7, 99, 100)).unwrap();
            others += 1;
            let runs = world.captures.schedule(me, made.id).await.unwrap().runs;
            assert!(runs.is_empty() || others > 20, "{runs:?}");
            if others > 20 {
                sender.send(&datagram(7, 53, 100)).unwrap();
            }
            // Noted before it is let in.
            if let Some(RunOutcome::Began(began)) = runs.first().map(|run| &run.outcome)
                && began.found.is_some()
            {
                break began.capture;
            }
        };
        world
            .until_that(me, id, |capture| capture.status != Status::Pending)
            .await;
        for number in 0..3 {
            sender.send(&datagram(number, 99, 100)).unwrap();
        }
        let done = world.until(me, id, Status::Success).await;
        assert_eq!(done.counts.packets, 3);
        assert!(world.read("evidence", &format!("case/pcap_{id}.pcap")).await.is_some());
    });
}
