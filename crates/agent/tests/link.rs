//! The whole agent against the whole door, over real connections: the bad first.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_agent::{Error, Identity};
use baleen_capture::{Capture, Status};
use baleen_filter::{End, FiveTuple};
use baleen_types::AgentId;
use common::{Host, World, cut, linked, orders, owner, server_at, settings, until};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A world with one bucket and one agent that is linked.
async fn world() -> (World, Host, common::Program) {
    let world = World::new().await;
    world.make_bucket(owner(), "taken").await;
    let host = Host::enrol(&world, "far01").await;
    let program = host.start();
    linked(&world, &host).await;
    (world, host, program)
}

async fn object(world: &World, capture: &Capture) -> Vec<u8> {
    let key = format!("pcap_{}.pcap", capture.id);
    world.read("taken", &key).await.expect("the object is there")
}

#[tokio::test]
async fn only_the_server_that_a_token_names_gets_it() {
    let world = World::new().await;
    let token = world.token(owner(), "far01").await;
    let at = server_at(world.address);
    let other = World::new().await;
    let foreign = other.token(owner(), "far01").await;
    let wrong_secret = {
        let mut words: Vec<_> = token.split('.').map(str::to_owned).collect();
        words[2] = "0".repeat(40);
        words.join(".")
    };
    for (token, expected) in [
        ("", "no enrolment token"),
        ("blagent1.x", "no enrolment token"),
        (foreign.as_str(), "not the server that this agent knows"),
        (wrong_secret.as_str(), "401"),
    ] {
        let refused = baleen_agent::enrol(&at, token, "host").await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(token.is_empty() || !format!("{refused:?}").contains(token));
    }
    // A name that the certificate is not for.
    let by_address = baleen_agent::ServerAddress::parse(&format!("127.0.0.1:{}", world.address.port())).unwrap();
    let refused = baleen_agent::enrol(&by_address, &token, "host").await.unwrap_err();
    assert!(matches!(refused, Error::Stranger { .. }), "{refused}");
    let nobody = baleen_agent::enrol(&server_at(([127, 0, 0, 1], 1).into()), &token, "host").await;
    assert!(matches!(nobody.unwrap_err(), Error::Unreachable { .. }));
    // None of that has used it up.
    let identity = baleen_agent::enrol(&at, &token, "host").await.unwrap();
    assert_eq!(world.fleet.agents(owner()).await.unwrap()[0].id, identity.id);
    let again = baleen_agent::enrol(&at, &token, "host").await.unwrap_err();
    assert!(again.to_string().contains("401"), "{again}");
}

/// What keeps an agent from its link is found before it runs.
#[tokio::test]
async fn a_greeting_tells_what_a_link_would() {
    let world = World::new().await;
    let host = Host::enrol(&world, "far01").await;
    let at = server_at(world.address);
    let by_address = baleen_agent::ServerAddress::parse(&format!("127.0.0.1:{}", world.address.port())).unwrap();
    let identity = Some(&host.identity);
    assert!(baleen_agent::greet(&at, identity).await.is_ok());
    assert!(baleen_agent::greet(&at, None).await.is_ok());
    for identity in [identity, None] {
        let refused = baleen_agent::greet(&by_address, identity).await.unwrap_err();
        assert!(matches!(refused, Error::Stranger { .. }), "{refused}");
        assert!(refused.advice(identity.is_some())[0].contains("agents.names"));
    }
    // Whom it does not know, and by whom it is not known.
    let other = World::new().await;
    let refused = baleen_agent::greet(&server_at(other.address), identity)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Stranger { .. }), "{refused}");
    // Nothing has come of it there.
    assert!(!world.fleet.seat(host.identity.id).unwrap().is_connected());
    world.fleet.remove(owner(), host.identity.id).await.unwrap();
    let refused = baleen_agent::greet(&at, identity).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { status: 401, .. }), "{refused}");
    assert!(refused.advice(true).join(" ").contains("remove identity.json"));
    assert!(refused.advice(false).join(" ").contains("make another one"));
    let nobody = baleen_agent::greet(&server_at(([127, 0, 0, 1], 1).into()), identity).await;
    assert!(matches!(nobody.unwrap_err(), Error::Unreachable { .. }));
}

#[tokio::test]
async fn an_agent_is_seen_with_its_interfaces_and_its_space() {
    let (world, host, mut program) = world().await;
    let seat = world.fleet.seat(host.identity.id).unwrap();
    let seen = seat.how_it_is();
    assert_eq!((seen.release.as_str(), seen.interfaces.len()), ("1.2.3", 1));
    assert_eq!(
        (seen.interfaces[0].name.as_str(), seen.interfaces[0].is_up),
        ("lo", true)
    );
    until("it has said how it is", || seat.how_it_is().free_bytes == 256 << 20).await;
    program.stop.stop();
    assert!(program.ended().await.is_ok());
    until("it is gone", || !seat.is_connected()).await;
}

#[tokio::test]
async fn what_is_captured_is_delivered_whole() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (order, feed) = program.begun().await;
    assert_eq!((order.capture, order.limits.packets), (capture.id, 10_000));
    // Each address of the server, by which it may be reached.
    let addresses = tokio::net::lookup_host(("localhost", host.line.address.port()))
        .await
        .unwrap();
    for address in addresses {
        let is_left_out = |five: &FiveTuple| {
            let End { addresses, ports } = &five.destination;
            five.bidirectional
                && five.protocol == Some(6)
                && five.source == End::default()
                && *addresses == [address.ip().into()]
                && *ports == [address.port()..=address.port()]
        };
        assert!(order.exclude.iter().any(is_left_out), "{address}: {:?}", order.exclude);
    }
    world.until(owner(), capture.id, Status::Running).await;
    let mut whole = feed.catch_mib(20);
    whole.extend(feed.catch(100));
    feed.end(None);
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert_eq!((done.counts.packets, done.message), (81, None));
    assert!(object(&world, &capture).await == whole);
    let spool = settings(host.line.address, host.folder.path()).spool();
    until("nothing is left", || orders(&spool).is_empty()).await;
}

#[tokio::test]
async fn a_stop_is_heard_and_what_was_caught_is_delivered() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    let caught = feed.catch(1000);
    world.captures.stop(owner(), capture.id).await.unwrap();
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert!(feed.stop.is_stopping());
    assert_eq!(done.counts.packets, 1);
    assert!(object(&world, &capture).await == caught);
}

#[tokio::test]
async fn what_an_agent_will_not_do_is_told_to_who_asked() {
    let (world, host, program) = world().await;
    *program.capturer.refusal.lock().unwrap() = Some("eth7 is down".to_owned());
    let capture = world.create(owner(), &host.site, "taken").await;
    let failed = world.until(owner(), capture.id, Status::Failed).await;
    assert_eq!(failed.message.as_deref(), Some("eth7 is down"));
    let spool = settings(host.line.address, host.folder.path()).spool();
    until("nothing is left", || orders(&spool).is_empty()).await;
}

#[tokio::test]
async fn what_the_owner_allows_holds_whatever_is_ordered() {
    let world = World::new().await;
    world.make_bucket(owner(), "taken").await;
    let host = Host::enrol(&world, "far01").await;
    let mut allowed = settings(host.line.address, host.folder.path());
    allowed.allowed.time_max = Some(Duration::from_secs(19));
    let program = host.start_with(allowed.clone());
    linked(&world, &host).await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let failed = world.until(owner(), capture.id, Status::Failed).await;
    assert!(failed.message.unwrap().contains("19 s at most"));
    program.kill();
    allowed.allowed.time_max = None;
    allowed.allowed.packets_per_second_max = Some(10);
    let seat = world.fleet.seat(host.identity.id).unwrap();
    until("it is gone", || !seat.is_connected()).await;
    let mut program = host.start_with(allowed);
    linked(&world, &host).await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    let caught = feed.catch_mib(10);
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert!(done.message.unwrap().contains("more than 10 packets a second"));
    assert!(object(&world, &capture).await == caught);
}

#[tokio::test]
async fn a_cut_line_loses_nothing() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    let mut whole = Vec::new();
    for _ in 0..2 {
        whole.extend(feed.catch_mib(9));
        cut(&world, &host).await;
        whole.extend(feed.catch_mib(17));
        host.line.mend();
        linked(&world, &host).await;
    }
    // The end is told by a link after that on which it happened.
    cut(&world, &host).await;
    whole.extend(feed.catch(77));
    feed.end(None);
    host.line.mend();
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert_eq!((done.counts.packets, done.message), ((9 + 17) * 8 + 1, None));
    assert!(object(&world, &capture).await == whole);
}

/// Nobody waits for what cannot come, also when the end was told before.
#[tokio::test]
async fn a_delivery_that_fails_after_the_end_is_told() {
    for is_restarted in [false, true] {
        let (world, host, mut program) = world().await;
        let capture = world.create(owner(), &host.site, "taken").await;
        let (_, feed) = program.begun().await;
        world.until(owner(), capture.id, Status::Running).await;
        cut(&world, &host).await;
        let whole = feed.catch_mib(25);
        feed.end(None);
        let spool = settings(host.line.address, host.folder.path()).spool();
        let order = orders(&spool).remove(0);
        let length = |part: &str| std::fs::metadata(order.join(part)).map_or(0, |found| found.len());
        until("all of it is on disk", || length("part-3") == 1 << 20).await;
        let damage = || {
            let part = std::fs::File::options().write(true).open(order.join("part-2")).unwrap();
            part.set_len(7).unwrap();
        };
        if is_restarted {
            program.kill();
            let _next = host.start();
            damage();
            host.line.mend();
            let done = world.until(owner(), capture.id, Status::Success).await;
            assert!(done.message.unwrap().contains("cannot be read"));
            assert!(object(&world, &capture).await == whole[..16 << 20]);
            continue;
        }
        damage();
        host.line.mend();
        let done = world.until(owner(), capture.id, Status::Success).await;
        assert!(done.message.unwrap().contains("cannot be read"));
        assert_eq!(done.counts.packets, 64);
        assert!(object(&world, &capture).await == whole[..16 << 20]);
        until("nothing is left", || orders(&spool).is_empty()).await;
    }
}

#[tokio::test]
async fn a_stop_that_came_while_the_line_was_cut_is_heard_afterwards() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    let caught = feed.catch(1000);
    cut(&world, &host).await;
    world.captures.stop(owner(), capture.id).await.unwrap();
    host.line.mend();
    world.until(owner(), capture.id, Status::Success).await;
    assert!(object(&world, &capture).await == caught);
}

/// However the process ends, what it had on disk is delivered by the next one, to the last piece.
#[tokio::test]
async fn a_killed_agent_leaves_what_it_had() {
    for mib in [0, 1, 8, 20] {
        let (world, host, mut program) = world().await;
        let capture = world.create(owner(), &host.site, "taken").await;
        let (_, feed) = program.begun().await;
        world.until(owner(), capture.id, Status::Running).await;
        let mut whole = feed.catch(24).to_vec();
        whole.extend(feed.catch_mib(mib));
        let spool = settings(host.line.address, host.folder.path()).spool();
        let seat = world.fleet.seat(host.identity.id).unwrap();
        until("all of it is on disk or delivered", || {
            let order = orders(&spool).remove(0);
            let held = |entry: std::io::Result<std::fs::DirEntry>| {
                let entry = entry.unwrap();
                let is_part = entry.file_name().to_string_lossy().starts_with("part-");
                if is_part {
                    entry.metadata().map_or(0, |found| found.len())
                } else {
                    0
                }
            };
            let held: u64 = std::fs::read_dir(order).unwrap().map(held).sum();
            held == whole.len() as u64 % (8 << 20) || held == whole.len() as u64
        })
        .await;
        program.kill();
        until("it is gone", || !seat.is_connected()).await;
        let _next = host.start();
        let done = world.until(owner(), capture.id, Status::Success).await;
        assert!(done.message.unwrap().contains("the agent was ended while it captured"));
        assert_eq!(done.counts.packets, 1 + 4 * mib as u64);
        assert!(object(&world, &capture).await == whole, "{mib} MiB");
        until("nothing is left", || orders(&spool).is_empty()).await;
    }
}

#[tokio::test]
async fn an_agent_that_is_stopped_delivers_first() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    let whole = feed.catch_mib(10);
    program.stop.stop();
    assert!(program.ended().await.is_ok());
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert!(done.message.unwrap().contains("the agent was stopped"));
    assert!(object(&world, &capture).await == whole);
}

#[tokio::test]
async fn what_the_server_does_not_want_any_more_is_thrown_away() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    feed.catch_mib(2);
    cut(&world, &host).await;
    // It was away for too long; that the capture is overdue comes later.
    world.clock.advance(Duration::from_secs(605));
    world.fleet.give_up_after(Duration::from_mins(10));
    let failed = world.until(owner(), capture.id, Status::Failed).await;
    let message = failed.message.unwrap();
    assert!(message.contains("did not come back"), "{message}");
    host.line.mend();
    let spool = settings(host.line.address, host.folder.path()).spool();
    until("nothing is left", || orders(&spool).is_empty()).await;
    linked(&world, &host).await;
}

#[tokio::test]
async fn parts_without_space_on_disk_wait_in_memory() {
    let world = World::new().await;
    world.make_bucket(owner(), "taken").await;
    let host = Host::enrol(&world, "far01").await;
    let mut program = host.start_with(baleen_agent::Settings {
        spool_bytes: 1 << 20,
        ..settings(host.line.address, host.folder.path())
    });
    linked(&world, &host).await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    cut(&world, &host).await;
    let whole = feed.catch_mib(40);
    // Two parts of 8 MiB, in pieces of 256 KiB, are as much as is taken; the rest is the engine's, and then the kernel's.
    let taken = || feed.taken.load(Ordering::SeqCst);
    until("two parts are taken", || taken() == 64).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert_eq!(taken(), 64);
    }
    host.line.mend();
    feed.end(None);
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert_eq!((done.counts.packets, done.message), (160, None));
    assert!(object(&world, &capture).await == whole);
}

#[tokio::test]
async fn an_agent_that_is_removed_ends() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    world.fleet.remove(owner(), host.identity.id).await.unwrap();
    let ended = program.ended().await;
    assert!(
        matches!(&*ended, Err(Error::SentAway(why)) if why.contains("removed")),
        "{ended:?}"
    );
    until("it captures no more", || feed.stop.is_stopping()).await;
    world.until(owner(), capture.id, Status::Failed).await;
}

#[tokio::test]
async fn a_certificate_is_renewed_and_stored_before_it_is_shown() {
    let (world, host, program) = world().await;
    let before = Identity::load(host.folder.path()).unwrap().unwrap();
    // Nothing was heard for so long, so this link ends. The next is told to renew when it has stood for a moment.
    cut(&world, &host).await;
    world.clock.advance(Duration::from_hours(24 * 61));
    host.line.mend();
    linked(&world, &host).await;
    world.clock.advance(Duration::from_secs(11));
    until("another one is stored", || {
        Identity::load(host.folder.path()).unwrap().unwrap() != before
    })
    .await;
    let after = Identity::load(host.folder.path()).unwrap().unwrap();
    assert!(after.id == before.id && after.authority == before.authority && *after.key != *before.key);
    until("it is shown", || world.fleet.seat(after.id).unwrap().is_connected()).await;
    // The program that starts with it is known.
    drop(program);
    let _next = host.start();
    linked(&world, &host).await;
}

/// The one there is goes on, on the same link: a renewal is no reason to deliver nothing.
#[tokio::test]
async fn a_certificate_that_cannot_be_stored_is_no_loop() {
    let (world, host, mut program) = world().await;
    let before = Identity::load(host.folder.path()).unwrap().unwrap();
    // Where the new one would be written.
    let in_the_way = host.folder.path().join("identity.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let renewals = || {
        let book = world.book.0.lock().unwrap();
        let deeds = book.iter().filter_map(|event| event.deed.as_ref());
        deeds.filter(|deed| deed.action == "pcaps:RenewAgent").count()
    };
    let seat = world.fleet.seat(host.identity.id).unwrap();
    cut(&world, &host).await;
    world.clock.advance(Duration::from_hours(24 * 61));
    host.line.mend();
    linked(&world, &host).await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    let mut whole = Vec::new();
    for _ in 0..3 {
        whole.extend(feed.catch_mib(9));
        // The server says it to each link that has stood for a moment.
        world.clock.advance(Duration::from_secs(11));
        until("it was tried once", || renewals() == 1).await;
        cut(&world, &host).await;
        host.line.mend();
        linked(&world, &host).await;
    }
    feed.end(None);
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert_eq!(done.message, None);
    assert!(object(&world, &capture).await == whole);
    assert_eq!(renewals(), 1);
    assert_eq!(Identity::load(host.folder.path()).unwrap().unwrap(), before);
    // The next process renews with it.
    drop(program);
    std::fs::remove_dir(&in_the_way).unwrap();
    until("it is gone", || !seat.is_connected()).await;
    let _next = host.start();
    linked(&world, &host).await;
    world.clock.advance(Duration::from_secs(11));
    until("another one is stored", || {
        Identity::load(host.folder.path()).unwrap().unwrap() != before
    })
    .await;
}

#[tokio::test]
async fn many_links_one_after_the_other_leave_nothing_behind() {
    let (world, host, mut program) = world().await;
    let capture = world.create(owner(), &host.site, "taken").await;
    let (_, feed) = program.begun().await;
    world.until(owner(), capture.id, Status::Running).await;
    let seat = world.fleet.seat(host.identity.id).unwrap();
    let mut whole = Vec::new();
    for _ in 0..5 {
        whole.extend(feed.catch(1000));
        // Another connection of the same agent takes its place.
        drop(seat.attach().unwrap());
        linked(&world, &host).await;
    }
    feed.end(None);
    let done = world.until(owner(), capture.id, Status::Success).await;
    assert_eq!(done.counts.packets, 5);
    assert!(object(&world, &capture).await == whole);
    assert_eq!(world.fleet.seats().len(), 1);
    assert_ne!(host.identity.id, AgentId::from_bytes([0; 16]));
}
