//! The door of agents over real connections: the bad first.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_agentwire::limits::LOST_AFTER;
use baleen_agentwire::{Counts, Ended, PROTOCOL, ToAgent, ToServer};
use baleen_capture::{Status, order_of};
use baleen_http::DrainReport;
use baleen_runtime::Clock as _;
use baleen_types::{AccountId, CaptureId};
use bytes::Bytes;
use common::{Agent, Connection, Identity, Key, Part, World, hello, owner, put, put_later};
use futures::StreamExt as _;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

const PART: &str = "/agent/v1/parts/0123456789abcdef0123456789abcdef/1/0/0";

fn other() -> AccountId {
    AccountId::parse("123456789013").unwrap()
}

#[tokio::test]
async fn who_is_nobody_gets_nowhere() {
    let world = World::new().await;
    let removed = world.enrol(&world.token(owner(), "far01").await).await.unwrap();
    world.fleet.remove(owner(), removed.id.unwrap()).await.unwrap();
    for identity in [None, Some(&removed)] {
        let mut connection = world.connect(identity).await.unwrap();
        for (method, path) in [
            (Method::POST, "/agent/v1/link"),
            (Method::POST, "/agent/v1/renew"),
            (Method::GET, "/agent/v1/renew"),
            (Method::PUT, PART),
            (Method::GET, "/agent/v1/agents"),
            (Method::GET, "/"),
            (Method::GET, "/agent/v1/parts/x/y/z/.."),
        ] {
            let (status, _) = connection.send(method, path, &[], Bytes::new()).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    // A certificate of another authority does not even come in.
    let key = rcgen::KeyPair::generate().unwrap();
    let forged = rcgen::CertificateParams::new(vec!["agent".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let forged = Identity {
        id: None,
        certificate: forged.der().to_vec(),
        key: key.serialize_der(),
    };
    if let Ok(mut connection) = world.connect(Some(&forged)).await {
        // TLS 1.3 tells a client late.
        assert!(!connection.is_answered().await);
    }
    // An agent is told what there is, and what there is not.
    let agent = world.enrol(&world.token(owner(), "far01").await).await.unwrap();
    let mut connection = world.connect(Some(&agent)).await.unwrap();
    for (method, path, expected) in [
        (Method::GET, "/agent/v1/nothing", StatusCode::NOT_FOUND),
        (Method::GET, "/agent/v1/link", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/agent/v1/renew", StatusCode::BAD_REQUEST),
        (Method::PUT, PART, StatusCode::BAD_REQUEST),
    ] {
        let (status, body) = connection.send(method, path, &[], Bytes::new()).await;
        assert_eq!(status, expected, "{path}: {}", String::from_utf8_lossy(&body));
    }
}

#[tokio::test]
async fn a_token_is_good_once() {
    let world = World::new().await;
    let token = world.token(owner(), "far01").await;
    let tried = futures::future::join_all((0..8).map(|_| world.enrol(&token))).await;
    assert_eq!(tried.iter().filter(|tried| tried.is_ok()).count(), 1);
    assert!(
        tried
            .iter()
            .all(|tried| matches!(tried, Ok(_) | Err(StatusCode::UNAUTHORIZED)))
    );
    // It is in the log of the account, without the token.
    let book = world.book.0.lock().unwrap();
    let deeds: Vec<_> = book.iter().filter_map(|event| event.deed.as_ref()).collect();
    assert_eq!(
        (deeds.len(), deeds[0].account, deeds[0].action),
        (1, Some(owner()), "pcaps:EnrolAgent")
    );
    assert!(!format!("{book:?}").contains(&token[22..62]));
}

#[tokio::test]
async fn what_is_no_enrolment_is_refused() {
    let world = World::new().await;
    let token = world.token(owner(), "far01").await;
    let good = Key::new().enrolment(&token);
    let with = |name: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let stranger = Key::new().enrolment(&token);
    for (body, expected) in [
        (String::new(), StatusCode::BAD_REQUEST),
        ("[]".to_owned(), StatusCode::BAD_REQUEST),
        ("{".repeat(4_000), StatusCode::BAD_REQUEST),
        ("x".repeat(1 << 20), StatusCode::BAD_REQUEST),
        (with("more", 1.into()), StatusCode::BAD_REQUEST),
        (with("publicKey", "!".into()), StatusCode::BAD_REQUEST),
        (with("publicKey", "".into()), StatusCode::BAD_REQUEST),
        (
            with("publicKey", stranger["publicKey"].clone()),
            StatusCode::BAD_REQUEST,
        ),
        (
            with("signature", stranger["signature"].clone()),
            StatusCode::BAD_REQUEST,
        ),
        (with("name", "".into()), StatusCode::BAD_REQUEST),
        (with("token", "blagent1.x".into()), StatusCode::UNAUTHORIZED),
    ] {
        // From another place each time: none is kept from trying.
        world.clock.advance(Duration::from_mins(1));
        let mut connection = world.connect(None).await.unwrap();
        let (status, answer) = connection
            .send(Method::POST, "/agent/v1/enrol", &[], body.clone().into())
            .await;
        assert_eq!(status, expected, "{}", body.get(..80).unwrap_or(&body));
        assert!(!String::from_utf8_lossy(&answer).contains(&token[22..62]));
    }
    assert!(world.enrol(&token).await.is_ok(), "nothing used it up");
}

#[tokio::test]
async fn a_certificate_is_renewed() {
    let world = World::new().await;
    let agent = world.enrol(&world.token(owner(), "far01").await).await.unwrap();
    let mut connection = world.connect(Some(&agent)).await.unwrap();
    // Not with a proof for another certificate.
    let (status, _) = connection.json("renew", &Key::new().renewal(&[0; 32])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let key = Key::new();
    let (status, answer) = connection.json("renew", &key.renewal(&agent.sha256())).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let renewed = key.identity(&answer);
    assert_eq!(renewed.id, agent.id);
    let mut connection = world.connect(Some(&renewed)).await.unwrap();
    let (status, _) = connection
        .send(Method::GET, "/agent/v1/nothing", &[], Bytes::new())
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // The old one is somebody for ten minutes.
    let mut before = world.connect(Some(&agent)).await.unwrap();
    for (minutes, expected) in [(9, StatusCode::NOT_FOUND), (1, StatusCode::UNAUTHORIZED)] {
        world.clock.advance(Duration::from_mins(minutes));
        let (status, _) = before.send(Method::GET, "/agent/v1/nothing", &[], Bytes::new()).await;
        assert_eq!(status, expected);
    }
}

/// Begins a capture, with the agent saying that it does.
async fn begun(world: &World, agent: &mut Agent, account: AccountId, site: &str, bucket: &str) -> CaptureId {
    world.make_bucket(account, bucket).await;
    let capture = world.create(account, site, bucket).await;
    let ToAgent::Begin(order, begin) = agent.hear().await else {
        panic!("something else is said")
    };
    assert_eq!((order, begin.packets), (order_of(capture.id), 10_000));
    agent.link.say(&ToServer::Began { order, interfaces: 1 });
    world.until(account, capture.id, Status::Running).await;
    capture.id
}

fn end(agent: &Agent, capture: CaptureId, parts: u32) {
    let ended = Ended {
        counts: Counts {
            packets: u64::from(parts),
            bytes: u64::from(parts) * (6 << 20),
            dropped: 0,
        },
        parts,
        trouble: None,
        missing: None,
    };
    agent.link.say(&ToServer::Ended(order_of(capture), ended));
}

#[tokio::test]
async fn a_capture_of_an_agent_becomes_an_object() {
    let world = World::new().await;
    let mut agent = world.agent(owner(), "far01").await;
    let capture = begun(&world, &mut agent, owner(), "FAR", "catches").await;
    let bytes: Vec<Vec<u8>> = (0..3).map(|n| vec![n + 1; if n == 2 { 77 } else { 6 << 20 }]).collect();
    for (number, bytes) in (0..).zip(&bytes) {
        let part = Part::new(capture, number, bytes.clone(), number == 2);
        if number < 2 {
            assert_eq!(agent.put(&part).await, StatusCode::NO_CONTENT);
            // Its answer may have been lost.
            assert_eq!(agent.put(&part).await, StatusCode::NO_CONTENT);
        } else {
            end(&agent, capture, 3);
            assert_eq!(agent.put(&part).await, StatusCode::NO_CONTENT);
        }
    }
    let done = world.until(owner(), capture, Status::Success).await;
    assert_eq!((done.counts.packets, done.message), (3, None));
    let object = world.read("catches", &format!("pcap_{capture}.pcap")).await.unwrap();
    assert!(object == bytes.concat(), "{} bytes", object.len());
    assert_eq!(agent.hear().await, ToAgent::Forget(order_of(capture)));
    // Nothing more of it is taken.
    let late = Part::new(capture, 3, vec![1; 100], true);
    assert_eq!(agent.put(&late).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_shown_reaches_who_watches_and_nobody_else_shows_it() {
    let world = World::new().await;
    let mut agent = world.agent(owner(), "far01").await;
    let mut stranger = world.agent(other(), "near02").await;
    let capture = begun(&world, &mut agent, owner(), "far01", "catches").await;
    let path = |view: u32| format!("/agent/v1/views/{capture}/1/{view}");
    let post = async |connection: &mut Connection, path: String, bytes: &'static [u8]| {
        let sent = connection.send(Method::POST, &path, &[], Bytes::from_static(bytes));
        sent.await.0
    };
    // It was not asked for.
    assert_eq!(post(&mut agent.connection, path(1), b"x").await, StatusCode::NOT_FOUND);
    let follow = || {
        let captures = Arc::clone(&world.captures);
        tokio::spawn(async move { captures.follow(owner(), capture).await })
    };
    let watched = follow();
    let ToAgent::Show(order, view) = agent.hear().await else {
        panic!("something else is said")
    };
    assert_eq!(order, order_of(capture));
    let strange = post(&mut stranger.connection, path(view), b"x").await;
    assert_eq!(strange, StatusCode::NOT_FOUND);
    for path in [path(view + 1), path(view).replace("/1/", "/2/")] {
        assert_eq!(post(&mut agent.connection, path, b"x").await, StatusCode::NOT_FOUND);
    }
    let seen = async {
        let watched = watched.await.unwrap().unwrap();
        watched.body.map(|bytes| bytes.unwrap()).collect::<Vec<_>>().await
    };
    let (sent, seen) = tokio::join!(post(&mut agent.connection, path(view), b"a file"), seen);
    assert_eq!((sent, &seen.concat()[..]), (StatusCode::NO_CONTENT, &b"a file"[..]));
    assert_eq!(
        post(&mut agent.connection, path(view), b"x").await,
        StatusCode::NOT_FOUND
    );
    // Nobody watches any more, and nothing goes by that would tell.
    let watched = follow();
    let ToAgent::Show(_, view) = agent.hear().await else {
        panic!("something else is said")
    };
    let (send, answered) = agent.connection.begin(Method::POST, &path(view));
    send.send(Bytes::from_static(b"head")).unwrap();
    drop(watched.await.unwrap().unwrap());
    assert_eq!(answered.await.unwrap(), StatusCode::NO_CONTENT);
    drop(send);
}

#[tokio::test]
async fn only_what_was_ordered_is_taken() {
    let world = World::new().await;
    let mut agent = world.agent(owner(), "far01").await;
    let mut stranger = world.agent(other(), "near02").await;
    let capture = begun(&world, &mut agent, owner(), "far01", "catches").await;
    let good = Part::new(capture, 0, vec![7; 6 << 20], false);
    let unknown = CaptureId::from_bytes([3; 16]);
    for (part, expected) in [
        (
            Part {
                capture: unknown,
                ..good.clone()
            },
            StatusCode::NOT_FOUND,
        ),
        (
            Part {
                number: 1,
                ..good.clone()
            },
            StatusCode::CONFLICT,
        ),
        (
            Part {
                crc32c: Some(1),
                ..good.clone()
            },
            StatusCode::BAD_REQUEST,
        ),
        (
            Part {
                bytes: vec![7; 1 << 20].into(),
                ..good.clone()
            },
            StatusCode::BAD_REQUEST,
        ),
        (
            Part {
                packets: 10_001,
                ..good.clone()
            },
            StatusCode::BAD_REQUEST,
        ),
        (
            Part {
                packet_bytes: u64::MAX,
                ..good.clone()
            },
            StatusCode::BAD_REQUEST,
        ),
        (
            Part {
                packet_bytes: 1,
                ..good.clone()
            },
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(agent.put(&part).await, expected);
    }
    // Which would be the next is told.
    let headers = [
        ("content-length", "0"),
        ("x-crc32c", "00000000"),
        ("x-packets", "1"),
        ("x-bytes", "1"),
    ];
    let headers = headers
        .into_iter()
        .chain([("x-dropped", "0"), ("x-ends-file", "false")]);
    let headers: Vec<_> = headers.map(|(name, value)| (name, value.to_owned())).collect();
    let path = format!("/agent/v1/parts/{capture}/1/0/5");
    let (_, body) = agent.connection.send(Method::PUT, &path, &headers, Bytes::new()).await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&body["error"]["code"], &body["error"]["next"]),
        (&"OutOfOrder".into(), &0.into())
    );
    // Somebody else's capture is not there for another agent, and not for nobody.
    assert_eq!(stranger.put(&good).await, StatusCode::NOT_FOUND);
    let mut nobody = world.connect(None).await.unwrap();
    assert_eq!(put(&mut nobody, &good).await, StatusCode::UNAUTHORIZED);
    // Nor does what it says of it change anything.
    stranger.link.say(&ToServer::Ended(
        order_of(capture),
        Ended {
            counts: Counts::default(),
            parts: 0,
            trouble: None,
            missing: None,
        },
    ));
    assert_eq!(agent.put(&good).await, StatusCode::NO_CONTENT);
    let changed = Part {
        bytes: vec![8; 6 << 20].into(),
        ..good.clone()
    };
    assert_eq!(agent.put(&changed).await, StatusCode::CONFLICT);
    // Headers that lie, or are missing.
    for (name, value) in [
        ("x-crc32c", "0"),
        ("x-crc32c", "+0000001"),
        ("x-packets", "-1"),
        ("x-packets", "01"),
        ("x-packets", "18446744073709551616"),
        ("x-ends-file", "yes"),
    ] {
        let mut headers = vec![
            ("content-length", "0".to_owned()),
            ("x-crc32c", "00000000".to_owned()),
            ("x-packets", "1".to_owned()),
            ("x-bytes", "1".to_owned()),
            ("x-dropped", "0".to_owned()),
            ("x-ends-file", "false".to_owned()),
        ];
        headers.iter_mut().find(|header| header.0 == name).unwrap().1 = value.to_owned();
        let path = format!("/agent/v1/parts/{capture}/1/0/1");
        let (status, body) = agent.connection.send(Method::PUT, &path, &headers, Bytes::new()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(String::from_utf8_lossy(&body).contains(name), "{name}: {body:?}");
    }
    let last = Part::new(capture, 1, vec![9; 10], true);
    end(&agent, capture, 2);
    assert_eq!(agent.put(&last).await, StatusCode::NO_CONTENT);
    world.until(owner(), capture, Status::Success).await;
}

/// Puts a part that is never taken, until the answer is the expected one.
async fn put_until(agent: &mut Agent, part: &Part, expected: StatusCode) {
    let tried = async { while agent.put(part).await != expected {} };
    tokio::time::timeout(common::PATIENCE, tried)
        .await
        .expect("it is answered so");
}

/// Of many at once two are read; the others are told to come back.
#[tokio::test]
async fn parts_at_once_are_bounded() {
    let world = World::new().await;
    let mut agent = world.agent(owner(), "far01").await;
    let capture = begun(&world, &mut agent, owner(), "far01", "catches").await;
    let part = Part::new(capture, 0, vec![7; 6 << 20], false);
    // While two are on their way a third is not even read, which would show that its checksum is wrong.
    let wrong = Part {
        crc32c: Some(1),
        ..part.clone()
    };
    assert_eq!(agent.put(&wrong).await, StatusCode::BAD_REQUEST);
    // One that comes behind a third is refused itself, and is announced again.
    let mut slow = Vec::new();
    let open = async {
        loop {
            slow.push(put_later(&agent.connection, &part));
            slow.push(put_later(&agent.connection, &part));
            if agent.put(&wrong).await == StatusCode::CONFLICT {
                return;
            }
        }
    };
    tokio::time::timeout(common::PATIENCE, open).await.unwrap();
    for _ in 0..3 {
        assert_eq!(agent.put(&wrong).await, StatusCode::CONFLICT);
    }
    drop(slow);
    put_until(&mut agent, &wrong, StatusCode::BAD_REQUEST).await;
    let mut connections = Vec::new();
    for _ in 0..16 {
        connections.push(world.connect(Some(&agent.identity)).await.unwrap());
    }
    let sent = connections.iter_mut().map(|connection| put(connection, &part));
    let statuses = futures::future::join_all(sent).await;
    assert!(
        statuses
            .iter()
            .all(|status| [StatusCode::NO_CONTENT, StatusCode::CONFLICT].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&StatusCode::NO_CONTENT));
    end(&agent, capture, 2);
    assert_eq!(
        agent.put(&Part::new(capture, 1, vec![1; 5], true)).await,
        StatusCode::NO_CONTENT
    );
    world.until(owner(), capture, Status::Success).await;
    let object = world.read("catches", &format!("pcap_{capture}.pcap")).await.unwrap();
    assert_eq!(object.len(), (6 << 20) + 5);
}

/// Parts that find no room do not hold up the link of the same connection.
#[tokio::test]
async fn a_full_room_holds_up_no_link() {
    let world = World::with_room(16 << 20).await;
    let mut agent = world.agent(owner(), "far01").await;
    let capture = begun(&world, &mut agent, owner(), "far01", "catches").await;
    // Longer than the share of an agent.
    let part = Part::new(capture, 0, vec![7; 6 << 20], false);
    let slow = put_later(&agent.connection, &part);
    slow.send(vec![7; 3 << 20].into()).unwrap();
    for _ in 0..4 {
        assert_eq!(agent.put(&part).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    world.captures.stop(owner(), capture).await.unwrap();
    assert_eq!(agent.hear().await, ToAgent::Stop(order_of(capture)));
    drop(slow);
    let last = Part::new(capture, 0, vec![1; 5], true);
    end(&agent, capture, 1);
    let tried = async { while agent.put(&last).await != StatusCode::NO_CONTENT {} };
    tokio::time::timeout(common::PATIENCE, tried).await.unwrap();
    world.until(owner(), capture, Status::Success).await;
}

/// An account that is disabled or deleted has no agents.
#[tokio::test]
async fn agents_of_a_barred_account_are_shut_out() {
    let world = World::new().await;
    let token = world.token(owner(), "far01").await;
    let mut agent = world.agent(owner(), "far01").await;
    *world.gate.0.lock().unwrap() = Some(owner());
    for (method, path) in [
        (Method::POST, "/agent/v1/link"),
        (Method::POST, "/agent/v1/renew"),
        (Method::PUT, PART),
        (Method::GET, "/agent/v1/nothing"),
    ] {
        let (status, _) = agent.connection.send(method, path, &[], Bytes::new()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    // Told as one whose token is none.
    assert_eq!(world.enrol(&token).await.err(), Some(StatusCode::UNAUTHORIZED));
    while world.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(baleen_agentwire::limits::PING_PERIOD);
    assert!(matches!(agent.hear().await, ToAgent::Bye { come_back: true, .. }));
    assert_eq!(agent.link.hear().await, None);
    // Another's are served as before, and its own when it is let in again.
    world.agent(other(), "near02").await;
    *world.gate.0.lock().unwrap() = None;
    assert!(world.enrol(&token).await.is_ok());
}

#[tokio::test]
async fn a_link_ends_when_it_must() {
    let world = World::new().await;
    // What is no frame, and what must not be said.
    for bad in [
        vec![0xff; 8],
        vec![2, 0, 0, 0, 0, 99],
        Vec::from(*b"GET / HTTP/1.1\r\n\r\n"),
    ] {
        let mut agent = world.agent(owner(), "far01").await;
        agent.link.say.send(bad.into()).unwrap();
        assert!(matches!(agent.hear().await, ToAgent::Bye { come_back: true, .. }));
        assert_eq!(agent.link.hear().await, None);
        assert!(!world.fleet.seat(agent.id()).unwrap().is_connected());
    }
    let mut twice = world.agent(owner(), "far01").await;
    twice.link.say(&hello());
    assert!(matches!(twice.hear().await, ToAgent::Bye { .. }));
    // Removed: told not to come back, and unknown on the connection that it has.
    let mut removed = world.agent(owner(), "far01").await;
    world.fleet.remove(owner(), removed.id()).await.unwrap();
    assert!(matches!(removed.hear().await, ToAgent::Bye { come_back: false, .. }));
    assert_eq!(removed.link.hear().await, None);
    let (status, _) = removed
        .connection
        .send(Method::POST, "/agent/v1/link", &[], Bytes::new())
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // Another link of the same agent takes its place.
    let mut agent = world.agent(owner(), "far01").await;
    let mut second = world.connect(Some(&agent.identity)).await.unwrap();
    let mut link = second.link().await;
    link.say(&hello());
    assert_eq!(link.hear().await, Some(ToAgent::Welcome { protocol: PROTOCOL }));
    assert_eq!(agent.link.hear().await, None);
    // Silent for too long.
    while world.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(LOST_AFTER);
    assert!(matches!(link.hear().await, Some(ToAgent::Bye { come_back: true, .. })));
    assert_eq!(link.hear().await, None);
}

/// A link that stands asks for the renewal, and ends with the certificate.
#[tokio::test]
async fn a_certificate_ends_on_a_standing_connection() {
    let world = World::new().await;
    let mut agent = world.agent(owner(), "far01").await;
    let day = Duration::from_hours(24);
    let nothing = async |agent: &mut Agent| {
        let sent = agent
            .connection
            .send(Method::GET, "/agent/v1/nothing", &[], Bytes::new());
        sent.await.0
    };
    assert_eq!(nothing(&mut agent).await, StatusCode::NOT_FOUND);
    world.clock.advance(day * 60);
    // It was silent for long, and comes back. It is asked to renew when the link has stood for a moment, or one that cannot would deliver nothing.
    while agent.link.hear().await.is_some() {}
    let mut link = agent.connection.link().await;
    link.say(&hello());
    assert_eq!(link.hear().await, Some(ToAgent::Welcome { protocol: PROTOCOL }));
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(link.hear().await, Some(ToAgent::Renew));
    while link.hear().await.is_some() {}
    let mut link = agent.connection.link().await;
    link.say(&hello());
    assert_eq!(link.hear().await, Some(ToAgent::Welcome { protocol: PROTOCOL }));
    world.clock.advance(day * 30);
    assert!(matches!(link.hear().await, Some(ToAgent::Bye { .. })));
    assert_eq!(nothing(&mut agent).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_stop_says_good_bye_and_waits_for_no_agent() {
    let world = World::new().await;
    let mut agent = world.agent(owner(), "far01").await;
    let began = world.clock.monotonic();
    world.shutdown.stop();
    assert!(matches!(agent.hear().await, ToAgent::Bye { come_back: true, .. }));
    assert_eq!(agent.link.hear().await, None);
    drop(agent);
    assert_eq!(world.served.await.unwrap(), DrainReport { cut: 0 });
    assert_eq!(world.clock.monotonic(), began);
}
