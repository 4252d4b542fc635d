//! What is said between a server and an agent that comes and goes.

use super::*;
use baleen_agentwire::limits::{LOST_AFTER, dropped_max};
use baleen_agentwire::{AddressKey, Beat, Begin, FileFormat, OrderFilter, ToServer};
use baleen_runtime::ManualClock;
use baleen_types::Timestamp;

const ID: OrderId = OrderId {
    capture: [1; 16],
    generation: 1,
};

const OTHER: OrderId = OrderId {
    capture: [2; 16],
    generation: 1,
};

fn seat() -> (Arc<ManualClock>, Arc<Seat>) {
    let clock = ManualClock::new(Timestamp::from_secs(1_000));
    let seat = Seat::new(
        (AccountId::parse("123456789012").unwrap(), AgentId::from_bytes([9; 16])),
        "host".to_owned(),
        (SiteName::parse("a").unwrap(), Vec::new()),
        false,
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    (clock, seat)
}

fn job() -> Job {
    Job::plain(begin())
}

fn begin() -> Begin {
    Begin {
        site: "a".to_owned(),
        filter: OrderFilter::All,
        exclude: Vec::new(),
        time_ms: 1,
        packets: 1_000,
        bytes: 100_000,
        format: FileFormat::Pcap,
        snaplen: None,
        part_bytes: 1,
        mask: baleen_agentwire::Mask::default(),
    }
}

fn hello(held: &[OrderId]) -> ToServer {
    ToServer::Hello(Hello {
        protocol: 7,
        held: held.to_vec(),
        ..Hello::default()
    })
}

/// A connection that has greeted.
fn greeted(seat: &Arc<Seat>, held: &[OrderId]) -> Attached {
    let attached = seat.attach().unwrap();
    attached.take(hello(held)).unwrap();
    attached
}

/// What was said by now, without the welcome.
fn said(attached: &mut Attached) -> Vec<ToAgent> {
    let mut said = Vec::new();
    while let Ok(message) = attached.inbox.try_recv() {
        if message != (ToAgent::Welcome { protocol: PROTOCOL }) {
            said.push(message);
        }
    }
    said
}

/// The same, whichever version is spoken.
fn said_of(attached: &mut Attached) -> Vec<ToAgent> {
    let mut said = said(attached);
    said.retain(|message| !matches!(message, ToAgent::Welcome { .. }));
    said
}

fn counts(packets: u64) -> Counts {
    Counts {
        packets,
        bytes: packets * 100,
        dropped: 0,
    }
}

fn ended(packets: u64) -> Ended {
    Ended {
        counts: counts(packets),
        parts: 1,
        trouble: None,
        missing: None,
    }
}

#[test]
fn who_does_not_greet_is_cut_off() {
    for (messages, expected) in [
        (vec![ToServer::Beat(Beat::default())], Protocol::NoGreeting),
        (vec![hello(&[]), hello(&[])], Protocol::GreetedTwice),
        (vec![ToServer::Hello(Hello::default())], Protocol::Version),
    ] {
        let (_, seat) = seat();
        let attached = seat.attach().unwrap();
        assert!(!seat.is_connected());
        let mut last = None;
        for message in messages {
            last = Some(attached.take(message));
        }
        assert_eq!(last, Some(Err(expected)));
    }
}

#[test]
fn an_end_that_is_told_again_may_have_fewer_parts_and_no_more() {
    let (_, seat) = seat();
    let attached = greeted(&seat, &[]);
    let order = seat.order(ID, job()).unwrap();
    let end = |parts, trouble: Option<&str>| {
        let ended = Ended {
            parts,
            trouble: trouble.map(str::to_owned),
            ..ended(5)
        };
        attached.take(ToServer::Ended(ID, ended)).unwrap();
        let known = order.status().ended.unwrap();
        (known.parts, known.trouble)
    };
    assert_eq!(end(3, None), (3, None));
    assert_eq!(end(3, Some("again")), (3, None));
    assert_eq!(end(4, Some("more")), (3, None));
    let short = Some("a part cannot be read".to_owned());
    assert_eq!(end(1, short.as_deref()), (1, short));
    seat.state.lock().end_all(LOST);
    assert_eq!(order.status().ended.unwrap().parts, 1);
    // What was given up here is no more what the agent says.
    let order = seat.order(OTHER, job()).unwrap();
    attached
        .take(ToServer::Began {
            order: OTHER,
            interfaces: 1,
        })
        .unwrap();
    seat.state.lock().end_all(LOST);
    attached.take(ToServer::Ended(OTHER, ended(5))).unwrap();
    assert_eq!(order.status().ended.unwrap().parts, u32::MAX);
}

#[test]
fn who_sends_parts_is_not_silent() {
    let (clock, seat) = seat();
    // Before the greeting nobody is there.
    let attached = seat.attach().unwrap();
    seat.hear_part();
    assert!(!seat.is_connected());
    attached.take(hello(&[])).unwrap();
    for _ in 0..10 {
        clock.advance(LOST_AFTER.saturating_sub(Duration::from_secs(1)));
        seat.give_up_after(LOST_AFTER);
        assert!(seat.is_connected() && attached.until_lost() == Duration::from_secs(1));
        seat.hear_part();
        assert_eq!(attached.until_lost(), LOST_AFTER);
    }
    clock.advance(LOST_AFTER);
    assert!(!seat.is_connected() && attached.until_lost() == Duration::ZERO);
}

#[test]
fn the_time_that_an_agent_is_away_is_known() {
    let (clock, seat) = seat();
    let away = || seat.state.lock().presence.away(clock.monotonic()).as_secs();
    let pass = |seconds| clock.advance(Duration::from_secs(seconds));
    pass(10);
    assert_eq!(away(), 10);
    let attached = seat.attach().unwrap();
    pass(5);
    assert_eq!(away(), 15, "it has not greeted");
    attached.take(hello(&[])).unwrap();
    pass(7);
    assert_eq!(away(), 15);
    // Another connection in its place, and then none.
    let other = seat.attach().unwrap();
    other.take(hello(&[])).unwrap();
    drop(attached);
    pass(3);
    assert!((15..=25).contains(&away()));
    let before = away();
    drop(other);
    pass(100);
    assert_eq!(away(), before + 100);
    let _back = greeted(&seat, &[]);
    pass(100);
    assert_eq!(away(), before + 100);
}

#[tokio::test]
async fn an_order_goes_its_way() {
    let (_, seat) = seat();
    assert!(seat.order(ID, job()).is_err());
    let mut attached = greeted(&seat, &[]);
    let order = seat.order(ID, job()).unwrap();
    assert!(seat.order(ID, job()).is_err(), "twice at once");
    assert_eq!(said(&mut attached), [ToAgent::Begin(ID, begin())]);
    // What is told of orders that are not its own changes nothing.
    for message in [
        ToServer::Began {
            order: OTHER,
            interfaces: 1,
        },
        ToServer::Ended(OTHER, ended(5)),
        ToServer::Refused {
            order: OTHER,
            why: "x".to_owned(),
        },
    ] {
        attached.take(message).unwrap();
    }
    assert_eq!(order.status(), OrderStatus::default());
    attached
        .take(ToServer::Began {
            order: ID,
            interfaces: 2,
        })
        .unwrap();
    assert_eq!(order.until(|status| status.began.is_some()).await.began, Some(2));
    let beat = |packets| {
        ToServer::Beat(Beat {
            orders: vec![(ID, counts(packets))],
            free_bytes: 7,
        })
    };
    attached.take(beat(5)).unwrap();
    attached.take(beat(3)).unwrap();
    assert_eq!(order.status().counts, counts(5), "counts never go down");
    // Too late to be refused.
    attached
        .take(ToServer::Refused {
            order: ID,
            why: "x".to_owned(),
        })
        .unwrap();
    assert_eq!(order.status().refused, None);
    order.stop();
    order.stop();
    assert_eq!(said(&mut attached), [ToAgent::Stop(ID)]);
    attached.take(ToServer::Ended(ID, ended(9))).unwrap();
    attached.take(ToServer::Ended(ID, ended(1))).unwrap();
    assert_eq!(order.until(|status| status.ended.is_some()).await.ended, Some(ended(9)));
    drop(order);
    assert_eq!(said(&mut attached), [ToAgent::Forget(ID)]);
}

/// What an agent says goes into records and into numbers of the whole server.
#[tokio::test]
async fn counts_are_those_that_were_ordered_at_most() {
    let lie = Counts {
        packets: u64::MAX,
        bytes: u64::MAX,
        dropped: u64::MAX,
    };
    let most = Counts {
        packets: 1_000,
        bytes: 100_000,
        dropped: dropped_max(1),
    };
    let (_, seat) = seat();
    let attached = greeted(&seat, &[]);
    let order = seat.order(ID, job()).unwrap();
    let beat = Beat {
        orders: vec![(ID, lie)],
        free_bytes: 0,
    };
    attached.take(ToServer::Beat(beat)).unwrap();
    assert_eq!(order.status().counts, most);
    let end = Ended {
        counts: lie,
        ..ended(1)
    };
    attached.take(ToServer::Ended(ID, end)).unwrap();
    assert_eq!(order.status().ended.unwrap().counts, most);
}

#[tokio::test]
async fn orders_are_bounded() {
    let (_, seat) = seat();
    let _attached = greeted(&seat, &[]);
    let id = |generation| OrderId { generation, ..ID };
    let mut orders: Vec<_> = (0..64).map(|n| seat.order(id(n), job()).unwrap()).collect();
    assert_eq!(seat.order(OTHER, job()).err(), Some(OrderRefused::TooMany));
    orders.pop();
    assert!(seat.order(OTHER, job()).is_ok());
}

#[tokio::test]
async fn a_connection_that_was_cut_is_taken_up_again() {
    let (clock, seat) = seat();
    let mut attached = greeted(&seat, &[]);
    let order = seat.order(ID, job()).unwrap();
    // It is cut before the order came through: it is said again.
    said(&mut attached);
    drop(attached);
    assert!(!seat.is_connected());
    let mut attached = greeted(&seat, &[]);
    assert_eq!(said(&mut attached), [ToAgent::Begin(ID, begin())]);
    attached
        .take(ToServer::Began {
            order: ID,
            interfaces: 1,
        })
        .unwrap();
    drop(attached);
    // A stop that it did not hear, and something that it holds of before.
    order.stop();
    clock.advance(LOST_AFTER * 10);
    seat.give_up_after(LOST_AFTER * 20);
    let mut attached = greeted(&seat, &[ID, OTHER]);
    assert_eq!(said(&mut attached), [ToAgent::Forget(OTHER), ToAgent::Stop(ID)]);
    assert_eq!(order.status().ended, None);
    // It was restarted and holds nothing.
    drop(attached);
    let _attached = greeted(&seat, &[]);
    let end = order.status().ended.unwrap();
    assert_eq!(end.trouble.as_deref(), Some(FORGOTTEN));
}

#[tokio::test]
async fn who_stays_away_is_given_up() {
    let (clock, seat) = seat();
    let attached = greeted(&seat, &[]);
    let (order, other) = (seat.order(ID, job()).unwrap(), seat.order(OTHER, job()).unwrap());
    attached
        .take(ToServer::Began {
            order: ID,
            interfaces: 1,
        })
        .unwrap();
    let away = LOST_AFTER * 4;
    clock.advance(LOST_AFTER);
    assert!(!seat.is_connected(), "silent, though the connection stands");
    seat.give_up_after(away);
    assert_eq!(attached.take(ToServer::Beat(Beat::default())), Err(Protocol::Replaced));
    assert_eq!(order.status().ended, None);
    clock.advance(away);
    seat.give_up_after(away);
    assert_eq!(order.status().ended.unwrap().trouble.as_deref(), Some(LOST));
    assert_eq!(other.status().refused.as_deref(), Some(LOST));
}

/// A connection is not an agent: what never greets is away, however often it comes and however much it says.
#[test]
fn who_links_and_does_not_greet_is_away() {
    let step = Duration::from_secs(5);
    let away = LOST_AFTER * 4;
    type Come = fn(&Arc<Seat>) -> Option<Attached>;
    let ways: [(&str, Come); 4] = [
        ("it links and goes", |seat| seat.attach().map(drop).ok().and(None)),
        ("it links and is silent", |seat| seat.attach().ok()),
        ("it speaks no version", |seat| {
            let attached = seat.attach().unwrap();
            assert_eq!(attached.take(ToServer::Hello(Hello::default())), Err(Protocol::Version));
            None
        }),
        ("it sends bytes that are no words, and parts", |seat| {
            let attached = seat.attach().unwrap();
            attached.hear();
            seat.hear_part();
            Some(attached)
        }),
    ];
    for (way, come) in ways {
        let (clock, seat) = seat();
        let attached = greeted(&seat, &[]);
        let order = seat.order(ID, job()).unwrap();
        let message = ToServer::Began {
            order: ID,
            interfaces: 1,
        };
        attached.take(message).unwrap();
        drop(attached);
        let mut waited = Duration::ZERO;
        let mut link = None;
        while order.status().ended.is_none() {
            assert!(waited < away * 2, "{way}");
            clock.advance(step);
            waited += step;
            drop(link.take());
            link = come(&seat);
            seat.give_up_after(away);
        }
        assert_eq!(order.status().ended.unwrap().trouble.as_deref(), Some(LOST), "{way}");
        assert!(waited >= away, "{way}: {waited:?}");
    }
}

/// What a process of before had begun is waited for from when it is taken up, however long the start took until then.
#[test]
fn what_is_taken_up_is_waited_for_from_then_on() {
    let (clock, seat) = seat();
    let away = LOST_AFTER * 4;
    clock.advance(away * 2);
    let order = seat.adopt(ID, job()).unwrap();
    seat.give_up_after(away);
    assert_eq!((order.status().ended, order.away()), (None, away * 2));
    clock.advance(away);
    seat.give_up_after(away);
    assert_eq!(order.status().ended.unwrap().trouble.as_deref(), Some(LOST));
}

/// What is asked for privacy's sake is done or refused, and never left out.
#[tokio::test]
async fn a_release_is_asked_for_what_it_knows() {
    let masked = Job {
        address_key: Some(AddressKey([1; 32])),
        ..job()
    };
    let greeted_as = |seat: &Arc<Seat>, protocol| {
        let attached = seat.attach().unwrap();
        let hello = Hello {
            protocol,
            ..Hello::default()
        };
        attached.take(ToServer::Hello(hello)).unwrap();
        attached
    };
    for (protocol, is_asked) in [(1, false), (2, true), (3, true)] {
        let (_, seat) = seat();
        let mut attached = greeted_as(&seat, protocol);
        let ordered = seat.order(ID, masked.clone());
        assert_eq!(ordered.as_ref().err(), (!is_asked).then_some(&OrderRefused::TooOld));
        let said = said_of(&mut attached);
        assert_eq!(said, is_asked.then(|| masked.asked(ID)).into_iter().collect::<Vec<_>>());
    }
    // It comes back as an older one before it has begun.
    let (_, seat) = seat();
    let _newer = greeted_as(&seat, 2);
    let order = seat.order(ID, masked).unwrap();
    let mut older = greeted_as(&seat, 1);
    assert_eq!(said_of(&mut older), []);
    assert_eq!(order.status().refused.as_deref(), Some(TOO_OLD));
}

#[tokio::test]
async fn the_newer_connection_counts() {
    let (_, seat) = seat();
    let mut old = greeted(&seat, &[]);
    let mut new = greeted(&seat, &[]);
    said(&mut old);
    assert_eq!(old.next().await, None);
    assert_eq!(old.take(ToServer::Beat(Beat::default())), Err(Protocol::Replaced));
    drop(old);
    assert!(seat.is_connected());
    seat.order(ID, job()).unwrap();
    assert_eq!(said(&mut new).first(), Some(&ToAgent::Begin(ID, begin())));
}

#[tokio::test]
async fn who_takes_nothing_is_cut_off() {
    let (_, seat) = seat();
    let mut attached = greeted(&seat, &[]);
    for n in 0..u32::try_from(OUTBOX_MAX).unwrap() {
        let id = OrderId { generation: n, ..ID };
        // Said and taken back, so that two messages wait.
        drop(seat.order(id, job()));
    }
    assert!(!seat.is_connected());
    // What waited is still said, and then it ends.
    let mut waited = 0;
    while attached.next().await.is_some() {
        waited += 1;
    }
    assert_eq!(waited, OUTBOX_MAX);
}

#[test]
fn clocks_are_compared() {
    let (clock, seat) = seat();
    let attached = greeted(&seat, &[]);
    let now = clock.now().as_nanos();
    let ahead = 5_000_000_000;
    attached
        .take(ToServer::Pong {
            t1: now - 2_000_000,
            t2: now - 1_000_000 + ahead,
            t3: now - 1_000_000 + ahead,
        })
        .unwrap();
    let seen = seat.how_it_is().clock.unwrap();
    assert_eq!((seen.offset_ns, seen.bound_ns), (ahead, 1_000_001));
}
