//! Samples of what went by: their life, their file, and whose turn it is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::{OFFSET_AHEAD_MAX, OFFSET_BACK_MAX, SAMPLE_ANSWERED_WITHIN, SAMPLE_EVERY};
use baleen_capture::{
    Accounts, AgentError, Asked, Capture, CaptureError, CaptureFile, CaptureFilter, CreateSample, DestinationSettings,
    Format, Kind, Limited, Past, SentFilter, Status,
};
use baleen_filter::{Filter, Rules};
use baleen_lookback::{Found, Interface, Sample};
use baleen_objects::{CreateBucket, captures_bucket};
use baleen_types::{ByteRange, CaptureId, LinkType, RegionName, ServedRange, Timestamp};
use common::agent::Asked as AskedPast;
use common::{Disk, World, account, request};
use futures::StreamExt as _;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

fn sample(n: u64) -> CreateSample {
    CreateSample {
        account: account(n),
        time: Duration::from_secs(60),
        until: None,
        packets: 100,
        filter: CaptureFilter::All,
        sent_filter: SentFilter::default(),
        format: Format::Pcap,
        asked: Asked::of(b"{}", false),
    }
}

fn past(packets: &[(i64, &[u8])]) -> Past {
    let found = |(second, bytes): &(i64, &[u8])| Found {
        stamp: Timestamp::from_secs(*second),
        interface: 0,
        direction: None,
        original_length: 1500,
        bytes: (*bytes).into(),
    };
    Past {
        sample: Sample {
            packets: packets.iter().map(found).collect(),
            interfaces: vec![Interface {
                name: "eth0".into(),
                link: LinkType::ETHERNET,
            }],
            ..Sample::default()
        },
        kept_since: Some(Timestamp::EPOCH),
    }
}

/// Answers each question in the same way.
fn answering(mut asked: UnboundedReceiver<AskedPast>, past: Result<Past, AgentError>) {
    tokio::spawn(async move {
        while let Some(question) = asked.recv().await {
            let _ = question.answer.send(past.clone());
        }
    });
}

async fn read(file: CaptureFile) -> Vec<u8> {
    let mut body = file.body;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes.len() as u64, file.range.length);
    bytes
}

async fn download(world: &World, capture: &Capture) -> Vec<u8> {
    let opened = world
        .captures
        .open_sample(capture.account, capture.id, None)
        .await
        .unwrap();
    assert_eq!(opened.name, format!("pcap_{}.{}", capture.id, capture.format.suffix()));
    assert_eq!(opened.range, ServedRange::whole(opened.size));
    read(opened).await
}

#[tokio::test]
async fn from_request_to_file() {
    let world = World::new();
    let mut asked = world.agent.look_back();
    let me = account(1);
    let now = world.disk.clock_now();
    let until = Timestamp::from_secs(now.as_secs() - 3600);
    let request = CreateSample {
        until: Some(until),
        filter: CaptureFilter::Rules(Rules::parse("ip.proto == tcp").unwrap()),
        sent_filter: SentFilter {
            rules: Some("ip.proto == tcp".to_owned()),
            ..SentFilter::default()
        },
        ..sample(1)
    };
    let captures = world.captures.clone();
    let create = tokio::spawn(async move { captures.create_sample(request).await.unwrap() });
    let question = asked.recv().await.unwrap();
    let from = Timestamp::from_secs(until.as_secs() - 60);
    assert_eq!(
        (question.query.window.clone(), question.query.limit),
        (from..until, 100)
    );
    assert_eq!(
        question.query.filter,
        Filter::Rules(Rules::parse("ip.proto == tcp").unwrap())
    );

    // Whoever looks meanwhile sees it; there is nothing to stop, and nothing to download yet.
    let pending = &world.captures.list(me).await.unwrap()[0];
    assert_eq!((pending.status, pending.kind), (Status::Pending, Kind::Sample(until)));
    assert_eq!(pending.time_left, None);
    let id = pending.id;
    assert!(matches!(
        world.captures.stop(me, id).await,
        Err(CaptureError::NotStoppable(_))
    ));
    let early = world.captures.open_sample(me, id, None).await;
    assert!(matches!(early, Err(CaptureError::NotReady(_))));

    let mut found = past(&[(from.as_secs(), &[7; 200]), (from.as_secs() + 1, b"short")]);
    found.sample.damaged = 2;
    question.answer.send(Ok(found)).unwrap();
    let done = create.await.unwrap();
    assert_eq!(
        (done.id, done.status, done.kind),
        (id, Status::Success, Kind::Sample(until))
    );
    assert_eq!((done.counts.packets, done.counts.bytes), (2, 165));
    assert_eq!(done.message.as_deref(), Some("2 places of what is kept are damaged"));
    assert_eq!(done.sent_filter.rules.as_deref(), Some("ip.proto == tcp"));
    assert_eq!(world.captures.get(me, id).await.unwrap(), done);

    let bytes = download(&world, &done).await;
    // Head, and two packets: the first cut to 160 bytes.
    assert_eq!(bytes.len(), 24 + 16 + 160 + 16 + 5);
    assert_eq!(bytes[16..20], 160u32.to_le_bytes());
    assert_eq!(bytes[32..40], [160u32.to_le_bytes(), 1500u32.to_le_bytes()].concat());
    assert!(bytes.ends_with(b"short"));
    let bucket = captures_bucket(me);
    assert_eq!(world.keys(bucket.as_str()).await, [done.object.to_string()]);
    assert_eq!(done.destination, format!("s3://{bucket}"));

    for (range, wanted) in [
        (ByteRange::Between { first: 0, last: 3 }, Some(0..4)),
        (ByteRange::From { first: 216 }, Some(216..221)),
        (ByteRange::Suffix { bytes: 5 }, Some(216..221)),
        (ByteRange::Suffix { bytes: 1000 }, Some(0..221)),
        (ByteRange::Between { first: 220, last: 999 }, Some(220..221)),
        (ByteRange::From { first: 221 }, None),
    ] {
        let opened = world.captures.open_sample(me, id, Some(range)).await;
        match (opened, wanted) {
            (Ok(opened), Some(wanted)) => {
                assert_eq!(opened.range.first, wanted.start as u64, "{range:?}");
                assert_eq!(opened.size, 221);
                assert_eq!(read(opened).await, bytes[wanted], "{range:?}");
            }
            (Err(CaptureError::Range { size: 221 }), None) => {}
            (opened, _) => panic!("{range:?}: {opened:?}"),
        }
    }
    // To another account it is not there, and its file is its owner's to delete.
    let foreign = world.captures.open_sample(account(2), id, None).await;
    assert!(matches!(foreign, Err(CaptureError::NoSuchCapture(_))));
    let at = baleen_types::ObjectPath {
        bucket,
        key: done.object.clone(),
    };
    world.disk.objects.delete(&at).await.unwrap();
    let gone = world.captures.open_sample(me, id, None).await;
    assert!(matches!(gone, Err(CaptureError::FileGone(_))));
}

#[tokio::test]
async fn a_sample_without_packets_is_an_empty_file() {
    let world = World::new();
    answering(world.agent.look_back(), Ok(past(&[])));
    for (n, format, empty) in [(1, Format::Pcap, 24), (2, Format::PcapNg, 0)] {
        let request = CreateSample { format, ..sample(n) };
        let done = world.captures.create_sample(request).await.unwrap();
        assert_eq!(
            (done.status, done.counts.packets, &done.message),
            (Status::Success, 0, &None)
        );
        let bytes = download(&world, &done).await;
        assert!(bytes.len() == empty || format == Format::PcapNg && bytes.starts_with(b"\x0a\x0d\x0d\x0a"));
    }
}

#[tokio::test]
async fn requests_that_are_wrong_take_no_turn() {
    let world = World::new();
    let refused = world.captures.create_sample(sample(1)).await;
    assert!(
        matches!(refused, Err(CaptureError::NoLookBack)),
        "nothing is kept anywhere"
    );

    answering(world.agent.look_back(), Ok(past(&[])));
    let now = world.disk.clock_now();
    let before = |time: Duration| Timestamp::from_nanos(now.as_nanos() - i64::try_from(time.as_nanos()).unwrap());
    let nano = Duration::from_nanos(1);
    for (what, of, request) in [
        (
            "no time",
            Limited::Time,
            CreateSample {
                time: Duration::from_millis(999),
                ..sample(1)
            },
        ),
        (
            "too long",
            Limited::Time,
            CreateSample {
                time: Duration::from_millis(300_001),
                ..sample(1)
            },
        ),
        (
            "no packets",
            Limited::Packets,
            CreateSample {
                packets: 0,
                ..sample(1)
            },
        ),
        (
            "too many",
            Limited::Packets,
            CreateSample {
                packets: 10_001,
                ..sample(1)
            },
        ),
        (
            "future",
            Limited::Offset,
            CreateSample {
                until: Some(now.plus(OFFSET_AHEAD_MAX + nano)),
                ..sample(1)
            },
        ),
        (
            "long ago",
            Limited::Offset,
            CreateSample {
                until: Some(before(OFFSET_BACK_MAX + nano)),
                ..sample(1)
            },
        ),
    ] {
        match world.captures.create_sample(request).await {
            Err(CaptureError::Limit { of: found, .. }) => assert_eq!(found, of, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    let filter = CaptureFilter::Expression("port of call".to_owned());
    let refused = world.captures.create_sample(CreateSample { filter, ..sample(1) }).await;
    assert!(matches!(refused, Err(CaptureError::Filter(_))));
    world.agent.set_links(&[LinkType::LINUX_SLL2]);
    let filter = CaptureFilter::Expression("ether host 02:00:00:00:00:01".to_owned());
    let refused = world.captures.create_sample(CreateSample { filter, ..sample(1) }).await;
    assert!(matches!(refused, Err(CaptureError::FilterAtSite { .. })));
    assert_eq!(world.captures.list(account(1)).await.unwrap(), []);

    // At the edges all is well.
    for (n, until) in [(1, now.plus(OFFSET_AHEAD_MAX)), (2, before(OFFSET_BACK_MAX))] {
        let request = CreateSample {
            until: Some(until),
            ..sample(n)
        };
        let done = world.captures.create_sample(request).await.unwrap();
        assert_eq!((done.status, done.kind), (Status::Success, Kind::Sample(until)));
    }
    // Who comes too soon is told first what is wrong with the request.
    let filter = CaptureFilter::Expression("port of call".to_owned());
    let wrong = CreateSample { filter, ..sample(1) };
    let refused = world.captures.create_sample(wrong).await;
    assert!(matches!(refused, Err(CaptureError::Filter(_))), "{refused:?}");
    let refused = world.captures.create_sample(sample(1)).await;
    assert!(matches!(refused, Err(CaptureError::TooSoon { .. })), "{refused:?}");
}

/// The seconds for which it is too soon, if it is.
fn left(refused: Result<Capture, CaptureError>) -> Option<u64> {
    match refused {
        Ok(_) => None,
        Err(CaptureError::TooSoon { left, .. }) => Some(left.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn one_sample_a_minute_for_each_account() {
    let disk = Disk::new();
    let world = World::on(disk.clone(), 2, DestinationSettings::default());
    answering(world.agent.look_back(), Ok(past(&[])));
    // Of many at once one gets the turn.
    let at_once = (0..16).map(|_| world.captures.create_sample(sample(1)));
    let made: Vec<_> = futures::future::join_all(at_once).await.into_iter().map(left).collect();
    assert_eq!(made.iter().filter(|left| left.is_none()).count(), 1);
    assert_eq!(made.iter().filter(|left| **left == Some(60)).count(), 15);
    assert_eq!(world.captures.list(account(1)).await.unwrap().len(), 1);
    // Another account has its own.
    assert_eq!(left(world.captures.create_sample(sample(2)).await), None);

    disk.clock.advance(Duration::from_secs(20));
    assert_eq!(left(world.captures.create_sample(sample(1)).await), Some(40));
    drop(world);
    let world = World::on(disk.clone(), 3, DestinationSettings::default());
    answering(world.agent.look_back(), Ok(past(&[])));
    world.captures.recover().await.unwrap();
    assert_eq!(
        left(world.captures.create_sample(sample(1)).await),
        Some(40),
        "also after a restart"
    );
    disk.clock.advance(Duration::from_secs(40));
    assert_eq!(left(world.captures.create_sample(sample(1)).await), None);

    // A full capture has nothing to do with it, and goes on beside samples.
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), "s3://evidence").await;
    let full = world
        .captures
        .create(request(account(1), "s3://evidence"))
        .await
        .unwrap();
    let catch = world.caught().await;
    world.until(account(1), full.id, Status::Running).await;
    assert_eq!(left(world.captures.create_sample(sample(1)).await), Some(60));
    disk.clock.advance(SAMPLE_EVERY);
    assert_eq!(left(world.captures.create_sample(sample(1)).await), None);
    let refused = world.captures.create(request(account(1), "s3://evidence")).await;
    assert!(matches!(refused, Err(CaptureError::Active(id)) if id == full.id));
    let not_here = world.captures.open_sample(account(1), full.id, None).await;
    assert!(matches!(not_here, Err(CaptureError::NotASample(_))));
    catch.end(None);
}

#[tokio::test]
async fn a_request_that_is_repeated_gets_its_sample() {
    let world = World::new();
    answering(world.agent.look_back(), Ok(past(&[])));
    let asking = |body: &[u8], is_repeated| CreateSample {
        asked: Asked::of(body, is_repeated),
        ..sample(1)
    };
    let first = world.captures.create_sample(asking(b"a", false)).await.unwrap();
    for (body, is_repeated, is_same) in [(b"a", true, true), (b"a", false, false), (b"b", true, false)] {
        let again = world.captures.create_sample(asking(body, is_repeated)).await;
        match again {
            Ok(capture) => assert!(is_same && capture.id == first.id),
            Err(CaptureError::TooSoon { last, .. }) => assert!(!is_same && last == first.id),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn what_takes_longer_is_answered_before_its_end() {
    let world = World::new();
    let mut asked = world.agent.look_back();
    let captures = world.captures.clone();
    let create = tokio::spawn(async move { captures.create_sample(sample(1)).await.unwrap() });
    let question = asked.recv().await.unwrap();
    while world.disk.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    world.disk.clock.advance(SAMPLE_ANSWERED_WITHIN);
    let pending = create.await.unwrap();
    assert_eq!(pending.status, Status::Pending);
    question.answer.send(Ok(past(&[(1, b"x")]))).unwrap();
    let done = world.until(account(1), pending.id, Status::Success).await;
    assert_eq!(done.counts.packets, 1);
}

#[tokio::test]
async fn one_that_fails_gives_its_turn_back() {
    let world = World::new();
    let mut asked = world.agent.look_back();
    for (what, message) in [
        (
            "trouble",
            "nothing could be had of what went by: site lab01: the ring is away",
        ),
        ("panic", "an internal error ended this sample"),
    ] {
        let captures = world.captures.clone();
        let create = tokio::spawn(async move { captures.create_sample(sample(1)).await.unwrap() });
        let question = asked.recv().await.unwrap();
        match what {
            "trouble" => question
                .answer
                .send(Err(AgentError("the ring is away".to_owned())))
                .unwrap(),
            _ => drop(question),
        }
        let failed = create.await.unwrap();
        assert_eq!(
            (failed.status, failed.message.as_deref()),
            (Status::Failed, Some(message)),
            "{what}"
        );
        let file = world.captures.open_sample(account(1), failed.id, None).await;
        assert!(matches!(file, Err(CaptureError::SampleFailed(why)) if why == message));
    }
    answering(asked, Ok(past(&[])));
    assert_eq!(left(world.captures.create_sample(sample(1)).await), None);
    assert_eq!(left(world.captures.create_sample(sample(1)).await), Some(60));
}

#[tokio::test]
async fn the_next_start_settles_what_a_kill_left() {
    let disk = Disk::new();
    // In a process that ends with its runtime, as by a kill, while the agent is being asked.
    let on = disk.clone();
    let id: CaptureId = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let id = runtime.block_on(async {
            let world = World::on(on, 2, DestinationSettings::default());
            let mut asked = world.agent.look_back();
            let captures = world.captures.clone();
            tokio::spawn(async move { captures.create_sample(sample(1)).await });
            let _question = asked.recv().await.unwrap();
            world.captures.list(account(1)).await.unwrap()[0].id
        });
        runtime.shutdown_background();
        id
    })
    .join()
    .unwrap();
    let world = World::on(disk, 3, DestinationSettings::default());
    let recovered = world.captures.recover().await.unwrap();
    assert_eq!((recovered.failed, recovered.completing), (1, 0));
    let failed = world.captures.get(account(1), id).await.unwrap();
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.unwrap().starts_with("the server ended unexpectedly"));
    assert_eq!(
        world.captures.recover().await.unwrap(),
        baleen_capture::Recovered::default()
    );
    // Nothing of it keeps the account from being purged.
    let purged = world.captures.purge_account(account(1)).await.unwrap();
    assert_eq!(purged.unfinished, 0);
    assert_eq!(world.captures.list(account(1)).await.unwrap(), []);
}

#[tokio::test]
async fn a_site_is_there_for_its_accounts_alone() {
    let world = World::of_accounts(Accounts::Only(vec![account(2)]));
    answering(world.agent.look_back(), Ok(past(&[])));
    let refused = world.captures.create_sample(sample(1)).await;
    assert!(matches!(refused, Err(CaptureError::NoLookBack)));
    assert_eq!(left(world.captures.create_sample(sample(2)).await), None);
}

#[tokio::test]
async fn where_there_is_no_place_for_a_file_nothing_is_begun() {
    let world = World::new();
    answering(world.agent.look_back(), Ok(past(&[])));
    for n in 0..baleen_objects::limits::BUCKETS_PER_ACCOUNT_MAX {
        let new = CreateBucket {
            owner: account(1),
            name: baleen_types::BucketName::parse(&format!("bucket-{n}")).unwrap(),
            region: RegionName::parse("us-east-1").unwrap(),
            object_lock: false,
        };
        world.disk.objects.create_bucket(new).await.unwrap();
    }
    for _ in 0..2 {
        let refused = world.captures.create_sample(sample(1)).await;
        assert!(matches!(refused, Err(CaptureError::NoHome(_))), "{refused:?}");
    }
    assert_eq!(world.captures.list(account(1)).await.unwrap(), []);
}
