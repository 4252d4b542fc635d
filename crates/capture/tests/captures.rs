//! The life of captures into our own store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::{LISTED_CAPTURES_MAX, PROGRESS_SAVED_EVERY, REPEATED_WITHIN};
use baleen_capture::{Asked, CaptureError, CaptureFilter, Counts, Format, Limits, Status};
use baleen_filter::{End, FiveTuple, Rules};
use baleen_types::{CaptureId, LinkType, ObjectPath, SiteName};
use common::{World, account, big_part, request, to};
use std::time::Duration;

const URI: &str = "s3://evidence/case-17?region=eu-1";

/// A file without packets, as the engine makes it: its head.
const EMPTY_FILE: &[u8] = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";

async fn world() -> World {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    world.prove(account(1), URI).await;
    world
}

fn key(id: CaptureId) -> String {
    format!("case-17/pcap_{id}.pcap")
}

#[tokio::test]
async fn from_request_to_object() {
    let world = world().await;
    let me = account(1);
    let created = world.create(me, URI).await.unwrap();
    assert_eq!(created.status, Status::Pending);
    assert_eq!((created.destination.as_str(), created.site.as_str()), (URI, "LAB01"));
    assert_eq!(created.object.as_str(), key(created.id));
    assert_eq!(created.time_left, Some(Duration::from_secs(20)));

    let catch = world.caught().await;
    assert_eq!((catch.order.capture, catch.order.site.as_str()), (created.id, "lab01"));
    let running = world.until(me, created.id, Status::Running).await;
    assert_eq!((running.counts, running.message), (Counts::default(), None));

    // Progress is live, and stored every few seconds.
    catch.counts(7, 700);
    assert_eq!(world.captures.get(me, created.id).await.unwrap().counts.packets, 7);
    assert!(catch.part(big_part(1)).await);
    world.disk.clock.advance(PROGRESS_SAVED_EVERY);
    let left = world.captures.get(me, created.id).await.unwrap().time_left;
    assert_eq!(left, Some(Duration::from_secs(20).saturating_sub(PROGRESS_SAVED_EVERY)));
    assert!(
        world.read("evidence", &key(created.id)).await.is_none(),
        "nothing is visible before the end"
    );

    catch.counts(9, 900);
    catch.end(None);
    let over = world.until(me, created.id, Status::ConversionPending).await;
    assert_eq!((over.counts.packets, over.time_left), (9, None));
    catch.part(&b"tail"[..]).await;
    drop(catch);
    let done = world.until(me, created.id, Status::Success).await;
    assert_eq!((done.counts.packets, done.counts.bytes, done.message), (9, 900, None));
    assert!(done.ended.is_some() && done.stop_requested.is_none());
    let bytes = world.read("evidence", &key(created.id)).await.unwrap();
    assert_eq!((bytes.len(), &bytes[5 << 20..]), ((5 << 20) + 4, &b"tail"[..]));
    let at = ObjectPath {
        bucket: to(URI).bucket().clone(),
        key: created.object,
    };
    let opened = world
        .disk
        .objects
        .open(&at, baleen_objects::Selection::Whole)
        .await
        .unwrap();
    assert_eq!(
        opened.head.headers.content_type.as_deref(),
        Some("application/vnd.tcpdump.pcap")
    );
    assert_eq!(world.open_uploads("evidence").await, 0);
}

#[tokio::test]
async fn encrypted_where_that_is_asked_for() {
    use baleen_objects::{Encrypted, Selection};
    for (uri, expected) in [
        ("s3://evidence/case-17?sse=AES256", Encrypted::Managed),
        ("s3://evidence/case-17", Encrypted::No),
    ] {
        let world = World::new();
        world.make_bucket(account(1), "evidence").await;
        let ownership = world.prove(account(1), uri).await;
        let created = world.create(account(1), uri).await.unwrap();
        let catch = world.caught().await;
        catch.counts(1, 60);
        catch.part(big_part(1)).await;
        catch.finish(&b"tail"[..]).await;
        let done = world.until(account(1), created.id, Status::Success).await;
        for key in [to(uri).key(&ownership.file_name), done.object] {
            let at = ObjectPath {
                bucket: to(uri).bucket().clone(),
                key,
            };
            let (head, _) = world.disk.objects.head(&at, Selection::Whole).await.unwrap();
            assert_eq!(head.encrypted, expected, "{uri} {}", at.key);
        }
        let bytes = world.read("evidence", &key(created.id)).await.unwrap();
        assert_eq!(bytes.len(), (5 << 20) + 4);
    }
}

#[tokio::test]
async fn one_at_a_time() {
    let world = world().await;
    let me = account(1);
    let tries = futures::future::join_all((0..4).map(|_| {
        let captures = world.captures.clone();
        tokio::spawn(async move { captures.create(request(account(1), URI)).await })
    }))
    .await;
    let (started, refused): (Vec<_>, Vec<_>) = tries.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!((started.len(), refused.len()), (1, 3));
    let first = started.into_iter().next().unwrap().unwrap();
    for error in refused {
        assert!(
            matches!(error, Err(CaptureError::Active(id)) if id == first.id),
            "{error:?}"
        );
    }
    // Another account is not kept from its own.
    world.make_bucket(account(2), "other").await;
    world.prove(account(2), "s3://other").await;
    let other = world.create(account(2), "s3://other").await.unwrap();
    let (one, two) = (world.caught().await, world.caught().await);
    let (mine, theirs) = if one.order.capture == first.id {
        (one, two)
    } else {
        (two, one)
    };

    // When packets are no longer taken, the next may begin, though the first is still being uploaded.
    mine.counts(1, 60);
    mine.end(None);
    world.until(me, first.id, Status::ConversionPending).await;
    let second = world.create(me, URI).await.unwrap();
    let next = world.caught().await;
    assert_eq!(next.order.capture, second.id);
    mine.finish(&b"first"[..]).await;
    world.until(me, first.id, Status::Success).await;
    // The end of the first does not let a third begin.
    assert!(matches!(world.create(me, URI).await, Err(CaptureError::Active(id)) if id == second.id));
    next.counts(1, 60);
    next.finish(&b"second"[..]).await;
    world.until(me, second.id, Status::Success).await;
    theirs.counts(1, 60);
    theirs.finish(&b"theirs"[..]).await;
    world.until(account(2), other.id, Status::Success).await;
    let listed = world.captures.list(me).await.unwrap();
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn more_than_the_server_takes() {
    let world = World::new();
    for number in 1..=3 {
        let (me, bucket) = (account(number), format!("evidence-{number}"));
        world.make_bucket(me, &bucket).await;
        world.prove(me, &format!("s3://{bucket}")).await;
    }
    let create = |number| {
        let world = &world;
        async move { world.create(account(number), &format!("s3://evidence-{number}")).await }
    };
    let mut uploading = Vec::new();
    for number in [1, 1, 1, 2, 2, 2] {
        let capture = create(number).await.unwrap();
        let catch = world.caught().await;
        catch.counts(1, 60);
        catch.end(None);
        world
            .until(account(number), capture.id, Status::ConversionPending)
            .await;
        uploading.push((capture.id, catch));
    }
    // Who has that many which are not delivered is told of these.
    assert!(matches!(create(2).await, Err(CaptureError::Overdue)));
    assert!(matches!(create(3).await, Err(CaptureError::Busy)));
    // What an agent on another host keeps takes no memory here.
    world.agent.set_elsewhere(true);
    let elsewhere = create(3).await.unwrap();
    let catch = world.caught().await;
    catch.counts(1, 60);
    catch.finish(&b"x"[..]).await;
    world.until(account(3), elsewhere.id, Status::Success).await;
    world.agent.set_elsewhere(false);
    let (id, catch) = uploading.pop().unwrap();
    catch.finish(&b"x"[..]).await;
    world.until(account(2), id, Status::Success).await;
    let again = async {
        while create(3).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(common::PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn nothing_caught() {
    let world = world().await;
    let me = account(1);
    // By its limits: failed, without an object.
    let created = world.create(me, URI).await.unwrap();
    world.caught().await.finish(EMPTY_FILE).await;
    let failed = world.until(me, created.id, Status::Failed).await;
    assert_eq!(
        failed.message.as_deref(),
        Some("no packet was seen at site lab01 in the time given")
    );
    assert!(world.read("evidence", &key(created.id)).await.is_none());
    assert_eq!(world.open_uploads("evidence").await, 0);

    // The vendor's words, where there was a filter.
    let mut filtered = request(me, URI);
    filtered.filter = CaptureFilter::Expression("tcp".to_owned());
    filtered.sent_filter.expression = Some("tcp".to_owned());
    let created = world.captures.create(filtered).await.unwrap();
    world.caught().await.finish(EMPTY_FILE).await;
    let failed = world.until(me, created.id, Status::Failed).await;
    assert_eq!(
        failed.message.as_deref(),
        Some("no packet matched the filter in the time given")
    );

    // Stopped: success, with an empty file.
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    world.until(me, created.id, Status::Running).await;
    world.captures.stop(me, created.id).await.unwrap();
    catch.stopped().await;
    catch.finish(EMPTY_FILE).await;
    let done = world.until(me, created.id, Status::Success).await;
    assert_eq!((done.counts.packets, done.message), (0, None));
    assert_eq!(done.stop_requested, Some(world.disk.clock_now()));
    assert_eq!(world.read("evidence", &key(created.id)).await.unwrap(), EMPTY_FILE);
}

#[tokio::test]
async fn stopping() {
    let world = world().await;
    let me = account(1);
    let unknown = CaptureId::from_bytes([1; 16]);
    assert!(matches!(
        world.captures.stop(me, unknown).await,
        Err(CaptureError::NoSuchCapture(_))
    ));
    let created = world.create(me, URI).await.unwrap();
    // Somebody else's is not there.
    for answer in [
        world.captures.stop(account(2), created.id).await.err(),
        world.captures.get(account(2), created.id).await.err(),
    ] {
        assert!(matches!(answer, Some(CaptureError::NoSuchCapture(_))));
    }
    assert!(world.captures.list(account(2)).await.unwrap().is_empty());
    // Also before the agent began.
    world.captures.stop(me, created.id).await.unwrap();
    let again = world.captures.stop(me, created.id).await;
    assert!(matches!(again, Err(CaptureError::NotStoppable(_))));
    let catch = world.caught().await;
    catch.stopped().await;
    catch.counts(3, 300);
    catch.finish(&b"three"[..]).await;
    let done = world.until(me, created.id, Status::Success).await;
    assert_eq!(done.counts.packets, 3);
    let late = world.captures.stop(me, created.id).await;
    assert!(matches!(late, Err(CaptureError::NotStoppable(_))));
}

#[tokio::test]
async fn a_destination_deleted_meanwhile() {
    let world = world().await;
    let me = account(1);
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    catch.counts(3, 300);
    world.captures.delete_ownership(me, created.ownership).await.unwrap();
    catch.stopped().await;
    catch.finish(&b"three"[..]).await;
    let failed = world.until(me, created.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("deleted"));
    assert_eq!(failed.counts.packets, 3, "the count stays true");
    assert!(world.read("evidence", &key(created.id)).await.is_none());
    assert_eq!(world.open_uploads("evidence").await, 0);
    assert!(matches!(world.create(me, URI).await, Err(CaptureError::NotProven(_))));
}

#[tokio::test]
async fn only_into_proven_destinations() {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    let not_proven = |answer: Result<_, CaptureError>| matches!(answer, Err(CaptureError::NotProven(_)));
    assert!(not_proven(world.create(account(1), URI).await));
    let ownership = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    assert!(not_proven(world.create(account(1), URI).await));
    let text = world.challenge(URI, &ownership).await;
    world
        .captures
        .validate_ownership(account(1), &to(URI), &text)
        .await
        .unwrap();
    assert!(
        not_proven(world.create(account(2), URI).await),
        "proven by another account"
    );
    assert!(
        not_proven(world.create(account(1), "s3://evidence/case-18").await),
        "another directory"
    );
    assert!(
        world.create(account(1), "s3://evidence/case-17/").await.is_ok(),
        "the same, spelled otherwise"
    );
}

#[tokio::test]
async fn sites_and_groups() {
    let world = world().await;
    let with_site = |name: &str| {
        let mut asked = request(account(1), URI);
        asked.site = SiteName::parse(name).unwrap();
        asked
    };
    for name in ["ord", "lab", "lab02", "lab1"] {
        let found = world.captures.create(with_site(name)).await;
        match name {
            "lab" => {
                let id = found.unwrap().id;
                world.caught().await.finish(EMPTY_FILE).await;
                world.until(account(1), id, Status::Failed).await;
            }
            _ => assert!(matches!(found, Err(CaptureError::NoSite(_))), "{name}: {found:?}"),
        }
    }
    assert!(world.captures.create(with_site("Everywhere")).await.is_ok());
}

#[tokio::test]
async fn an_agent_that_is_away() {
    let world = world().await;
    world.agent.set_away(true);
    for site in ["lab01", "lab", "everywhere"] {
        let mut asked = request(account(1), URI);
        asked.site = SiteName::parse(site).unwrap();
        let refused = world.captures.create(asked).await;
        assert!(
            matches!(refused, Err(CaptureError::NoAgentConnected(_))),
            "{site} {refused:?}"
        );
    }
    assert!(world.captures.list(account(1)).await.unwrap().is_empty());
    world.agent.set_away(false);
    assert!(world.create(account(1), URI).await.is_ok());
}

#[tokio::test]
async fn a_request_that_is_sent_again() {
    let world = world().await;
    let me = account(1);
    let asked = |body: &str, is_repeated| baleen_capture::CreateCapture {
        asked: Asked::of(body.as_bytes(), is_repeated),
        ..request(me, URI)
    };
    let tasks = async |body: &str, is_repeated| world.captures.create(asked(body, is_repeated)).await;
    // The first may come late: then it is the first all the same.
    let created = tasks("a", true).await.unwrap();
    let catch = world.caught().await;
    world.until(me, created.id, Status::Running).await;
    catch.counts(3, 300);
    let is_refused = |answer| matches!(answer, Err(CaptureError::Active(id)) if id == created.id);
    let again = tasks("a", true).await.unwrap();
    assert_eq!(
        (again.id, again.status, again.counts.packets),
        (created.id, Status::Running, 3)
    );
    // Neither who does not say that it repeats, nor who asks for something else.
    assert!(is_refused(tasks("a", false).await));
    assert!(is_refused(tasks("b", true).await));
    // Nor who comes when no client would still repeat it.
    world
        .disk
        .clock
        .advance(REPEATED_WITHIN.saturating_sub(Duration::from_millis(1)));
    assert!(tasks("a", true).await.is_ok());
    world.disk.clock.advance(Duration::from_millis(1));
    assert!(is_refused(tasks("a", true).await));
    catch.finish(&b"three"[..]).await;
    world.until(me, created.id, Status::Success).await;
    // What is over was answered, or is not waited for any more: this is a capture of its own.
    let second = tasks("a", true).await.unwrap();
    assert_ne!(second.id, created.id);
    // Another account sends the same.
    world.make_bucket(account(2), "other").await;
    world.prove(account(2), "s3://other").await;
    let theirs = baleen_capture::CreateCapture {
        asked: Asked::of(b"a", true),
        ..request(account(2), "s3://other")
    };
    let theirs = world.captures.create(theirs).await.unwrap();
    assert!(theirs.id != second.id && theirs.account == account(2));
    assert_eq!(world.captures.list(me).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_length_of_what_is_kept_of_a_packet() {
    let world = world().await;
    for (snaplen, is_taken) in [
        (None, true),
        (Some(31), false),
        (Some(32), true),
        (Some(262_144), true),
        (Some(262_145), false),
    ] {
        let mut asked = request(account(1), URI);
        asked.snaplen = snaplen;
        match world.captures.create(asked).await {
            Ok(created) => {
                assert!(is_taken && created.snaplen == snaplen, "{snaplen:?}");
                let catch = world.caught().await;
                assert_eq!(catch.order.snaplen, snaplen);
                catch.finish(EMPTY_FILE).await;
                world.until(account(1), created.id, Status::Failed).await;
            }
            Err(error) => assert!(
                !is_taken && matches!(error, CaptureError::Limit { .. }),
                "{snaplen:?} {error}"
            ),
        }
    }
}

#[tokio::test]
async fn an_agent_that_cannot() {
    let world = world().await;
    world.agent.refuse("the network interface eth9 does not exist");
    let created = world.create(account(1), URI).await.unwrap();
    let failed = world.until(account(1), created.id, Status::Failed).await;
    assert_eq!(
        failed.message.as_deref(),
        Some("the network interface eth9 does not exist")
    );
    assert_eq!(world.open_uploads("evidence").await, 0);
}

#[tokio::test]
async fn trouble_on_the_way() {
    let world = world().await;
    let me = account(1);
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    catch.end(Some("the network interface eth0 was removed"));
    catch.part(EMPTY_FILE).await;
    drop(catch);
    let failed = world.until(me, created.id, Status::Failed).await;
    assert_eq!(
        failed.message.as_deref(),
        Some("the network interface eth0 was removed")
    );

    // What was caught before is kept, and what is missing is said.
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    catch.counts(2, 200);
    catch.end(Some("the network interface eth0 was removed"));
    catch.part(&b"two"[..]).await;
    drop(catch);
    let done = world.until(me, created.id, Status::Success).await;
    assert!(done.message.unwrap().contains("eth0 was removed"));
    assert_eq!(world.read("evidence", &key(created.id)).await.unwrap(), b"two");
}

#[tokio::test]
async fn one_interface_of_several_that_was_lost() {
    const LOST: &str = "the network interface eth0 was removed while the capture ran";
    let world = world().await;
    let me = account(1);
    for (packets, is_stopped, status) in [
        (2, false, Status::Success),
        (2, true, Status::Success),
        (0, true, Status::Success),
        (0, false, Status::Failed),
    ] {
        let created = world.create(me, URI).await.unwrap();
        let catch = world.caught().await;
        world.until(me, created.id, Status::Running).await;
        catch.counts(packets, packets * 100);
        if is_stopped {
            world.captures.stop(me, created.id).await.unwrap();
            catch.stopped().await;
        }
        catch.end_with(None, Some(LOST));
        catch.part(EMPTY_FILE).await;
        drop(catch);
        let done = world.until(me, created.id, status).await;
        assert_eq!(done.message.as_deref(), Some(LOST), "{packets} {is_stopped}");
    }
}

#[tokio::test]
async fn a_bucket_that_vanishes() {
    let world = world().await;
    let me = account(1);
    let bucket = to(URI).bucket().clone();
    let empty_bucket = async || {
        for name in world.keys("evidence").await {
            let key = baleen_types::ObjectKey::parse(name).unwrap();
            let at = ObjectPath {
                bucket: bucket.clone(),
                key,
            };
            world.disk.objects.delete(&at).await.unwrap();
        }
        world.disk.objects.delete_bucket(&bucket).await
    };
    // Midway. Where the store keeps a bucket with open uploads, there is nothing to see.
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    catch.counts(5, 500);
    catch.part(big_part(1)).await;
    if empty_bucket().await.is_ok() {
        catch.part(big_part(2)).await;
        catch.stopped().await;
        catch.end(None);
        drop(catch);
        let failed = world.until(me, created.id, Status::Failed).await;
        assert_eq!(failed.counts.packets, 5);
        assert!(
            failed
                .message
                .unwrap()
                .starts_with("the bucket did not take the capture")
        );
        // Somebody else takes the name.
        world.make_bucket(account(2), "evidence").await;
    } else {
        catch.end(None);
        drop(catch);
        world.until(me, created.id, Status::Success).await;
        empty_bucket().await.unwrap();
        world.make_bucket(account(2), "evidence").await;
    }
    let created = world.create(me, URI).await.unwrap();
    let failed = world.until(me, created.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("not yours any more"));
    assert!(world.keys("evidence").await.is_empty());
    assert_eq!(world.open_uploads("evidence").await, 0);
}

#[tokio::test]
async fn stopping_the_server() {
    let world = world().await;
    let me = account(1);
    let created = world.create(me, URI).await.unwrap();
    let catch = world.caught().await;
    catch.counts(4, 400);
    let supervisor = world.supervisor.clone();
    let drained = tokio::spawn(async move { supervisor.drain(common::PATIENCE).await });
    catch.stopped().await;
    assert!(matches!(world.create(me, URI).await, Err(CaptureError::Stopping)));
    catch.finish(&b"four"[..]).await;
    assert!(drained.await.unwrap(), "the upload is finished within the deadline");
    let done = world.captures.get(me, created.id).await.unwrap();
    assert_eq!((done.status, done.counts.packets), (Status::Success, 4));
    assert!(done.message.unwrap().contains("the server was stopped"));
}

#[tokio::test]
async fn a_caller_who_goes_away() {
    let world = world().await;
    let captures = world.captures.clone();
    // Dropped at its first wait for the task that admits and runs.
    let create = tokio::spawn(async move { captures.create(request(account(1), URI)).await });
    let catch = world.caught().await;
    create.abort();
    let id = catch.order.capture;
    catch.counts(1, 60);
    catch.finish(&b"one"[..]).await;
    world.until(account(1), id, Status::Success).await;
}

#[tokio::test]
async fn the_newest_fifty() {
    let world = world().await;
    let mut made = Vec::new();
    for _ in 0..=LISTED_CAPTURES_MAX {
        let created = world.create(account(1), URI).await.unwrap();
        world.caught().await.finish(EMPTY_FILE).await;
        world.until(account(1), created.id, Status::Failed).await;
        world.disk.clock.advance(Duration::from_millis(1));
        made.push(created.id);
    }
    made.reverse();
    made.truncate(LISTED_CAPTURES_MAX);
    let listed: Vec<_> = world
        .captures
        .list(account(1))
        .await
        .unwrap()
        .iter()
        .map(|c| c.id)
        .collect();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn limits_and_filters() {
    let world = world().await;
    let limits = |secs: f64, packets: u64, bytes: u64| Limits {
        time: Duration::from_secs_f64(secs),
        packets,
        bytes,
    };
    for (wrong, limits) in [
        (true, limits(0.999, 1, 1)),
        (true, limits(300.001, 1, 1)),
        (true, limits(1.0, 0, 1)),
        (true, limits(1.0, 10_001, 1)),
        (true, limits(1.0, 1, 0)),
        (true, limits(1.0, 1, 1_000_000_001)),
        (false, limits(1.0, 1, 1)),
        (false, limits(300.0, 10_000, 1_000_000_000)),
    ] {
        let mut asked = request(account(1), URI);
        asked.limits = limits;
        let answer = world.captures.create(asked).await;
        assert_eq!(matches!(answer, Err(CaptureError::Limit { .. })), wrong, "{limits:?}");
        if let Ok(created) = answer {
            let catch = world.caught().await;
            assert_eq!(catch.order.limits, limits);
            catch.finish(EMPTY_FILE).await;
            world.until(account(1), created.id, Status::Failed).await;
        }
    }
    let impossible = FiveTuple {
        source: End {
            ports: vec![53..=53],
            ..End::default()
        },
        protocol: Some(1),
        ..FiveTuple::default()
    };
    for filter in [
        CaptureFilter::Expression("tcp prt 443".to_owned()),
        CaptureFilter::Tuple(impossible),
    ] {
        let mut asked = request(account(1), URI);
        asked.filter = filter;
        assert!(matches!(
            world.captures.create(asked).await,
            Err(CaptureError::Filter(_))
        ));
    }
    // libpcap knows no Ethernet address on `any`, and neither five-tuples nor rules know radiotap's headers.
    let addressed = CaptureFilter::Expression("ether host 02:00:00:00:00:01".to_owned());
    let tuple = CaptureFilter::Tuple(FiveTuple {
        protocol: Some(17),
        ..FiveTuple::default()
    });
    let rules = CaptureFilter::Rules(Rules::parse("ip.ttl == 1").unwrap());
    for (links, filter, why) in [
        (&[LinkType::LINUX_SLL2][..], addressed.clone(), "at site lab01"),
        (
            &[LinkType::ETHERNET, LinkType::LINUX_SLL2],
            addressed.clone(),
            "LINUX_SLL2",
        ),
        (&[LinkType::RADIOTAP], tuple, "five-tuple"),
        (&[LinkType::RADIOTAP], rules, "Rules language"),
    ] {
        world.agent.set_links(links);
        let mut asked = request(account(1), URI);
        asked.filter = filter;
        let refused = world.captures.create(asked).await.unwrap_err();
        assert!(matches!(refused, CaptureError::FilterAtSite { .. }), "{refused:?}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
    assert!(
        world.captures.list(account(1)).await.unwrap().len() == 2,
        "none was let in"
    );
    // Where it is possible, or nobody can tell, it is let in.
    for links in [&[LinkType::ETHERNET][..], &[]] {
        world.agent.set_links(links);
        let mut asked = request(account(1), URI);
        asked.filter = addressed.clone();
        let created = world.captures.create(asked).await.unwrap();
        world.caught().await.finish(EMPTY_FILE).await;
        world.until(account(1), created.id, Status::Failed).await;
    }
    let mut asked = request(account(1), URI);
    asked.filter = CaptureFilter::Expression("udp port 53".to_owned());
    asked.format = Format::PcapNg;
    let created = world.captures.create(asked).await.unwrap();
    assert!(created.object.as_str().ends_with(".pcapng"));
    assert_eq!(world.caught().await.order.filter.to_string(), "udp port 53");
}

#[tokio::test]
async fn who_may_not_capture_has_nothing_compiled() {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    let wrong = || baleen_capture::CreateCapture {
        filter: CaptureFilter::Expression("no such thing".to_owned()),
        ..common::request(account(1), "s3://evidence/case-17")
    };
    let refused = world.captures.create(wrong()).await;
    assert!(matches!(refused, Err(CaptureError::NotProven(_))), "{refused:?}");
    world.prove(account(1), "s3://evidence/case-17").await;
    let refused = world.captures.create(wrong()).await;
    assert!(matches!(refused, Err(CaptureError::Filter(_))), "{refused:?}");
    world.create(account(1), "s3://evidence/case-17").await.unwrap();
    let refused = world.captures.create(wrong()).await;
    assert!(matches!(refused, Err(CaptureError::Active(_))), "{refused:?}");
}
