use super::*;
use baleen_agentwire::{AddressKey, Begin, FileFormat, Job, Live, Mask, OrderFilter};

fn id(capture: u8, generation: u32) -> OrderId {
    OrderId {
        capture: [capture; 16],
        generation,
    }
}

fn begin() -> Begin {
    Begin {
        site: "far".to_owned(),
        filter: OrderFilter::All,
        exclude: Vec::new(),
        time_ms: 1000,
        packets: 10,
        bytes: 1000,
        format: FileFormat::Pcap,
        snaplen: None,
        part_bytes: 8 << 20,
        mask: Mask::default(),
    }
}

fn job(address_key: Option<AddressKey>) -> Job {
    Job {
        address_key,
        ..Job::plain(begin())
    }
}

fn ended(packets: u64) -> Ended {
    Ended {
        counts: Counts {
            packets,
            ..Counts::default()
        },
        parts: 1,
        trouble: None,
        missing: None,
    }
}

fn held(hello: ToServer) -> Vec<OrderId> {
    match hello {
        ToServer::Hello(hello) => hello.held,
        other => panic!("{other:?}"),
    }
}

fn begin_of(desk: &mut Desk, id: OrderId) -> Deed {
    desk.hear(ToAgent::Begin(id, begin()))
}

#[test]
fn an_order_says_what_becomes_of_addresses() {
    let (order, key) = (id(1, 1), AddressKey([9; 32]));
    let deed = Desk::default().hear(ToAgent::BeginMasked(order, begin(), key.clone()));
    assert_eq!(deed, Deed::Start(order, Box::new(job(Some(key.clone())))));
    let live = Live {
        address_key: Some(key.clone()),
        interfaces: vec!["lo".to_owned()],
    };
    let shown = Job {
        live: Some(live.interfaces.clone()),
        ..job(Some(key))
    };
    let deed = Desk::default().hear(ToAgent::BeginLive(order, begin(), live));
    assert_eq!(deed, Deed::Start(order, Box::new(shown)));
}

#[test]
fn an_order_is_begun_once_and_each_time_answered_with_how_far_it_is() {
    let mut desk = Desk::default();
    let order = id(1, 1);
    assert_eq!(begin_of(&mut desk, order), Deed::Start(order, Box::new(job(None))));
    assert_eq!((begin_of(&mut desk, order), desk.say()), (Deed::Nothing, vec![]));
    desk.began(order, 2);
    let began = vec![ToServer::Began { order, interfaces: 2 }];
    assert_eq!((desk.say(), desk.say()), (began.clone(), vec![]));
    assert_eq!((begin_of(&mut desk, order), desk.say()), (Deed::Nothing, began));
    assert_eq!(desk.hear(ToAgent::Stop(order)), Deed::Stop(order));
    desk.ended(order, &ended(7));
    let end = vec![ToServer::Ended(order, ended(7))];
    assert_eq!((desk.say(), desk.say()), (end.clone(), vec![]));
    assert_eq!((begin_of(&mut desk, order), desk.say()), (Deed::Nothing, end));
    assert_eq!(desk.hear(ToAgent::Forget(order)), Deed::Forget(order));
    // What comes too late changes nothing.
    desk.ended(order, &ended(8));
    assert_eq!((desk.say(), desk.capturing()), (vec![], 0));
}

#[test]
fn a_new_link_hears_all_again() {
    let mut desk = Desk::default();
    let [beginning, running, over, refused] = [1, 2, 3, 4].map(|n| id(n, 1));
    for order in [beginning, running, over, refused] {
        begin_of(&mut desk, order);
    }
    desk.began(running, 1);
    desk.began(over, 1);
    desk.ended(over, &ended(3));
    desk.say();
    desk.refused(refused, "no");
    let hello = desk.greet("1.0", [9; 16], Vec::new());
    assert_eq!(held(hello), [beginning, running, over]);
    assert_eq!(
        desk.say(),
        [
            ToServer::Began {
                order: running,
                interfaces: 1
            },
            ToServer::Ended(over, ended(3))
        ]
    );
    // Asked again, what was refused is looked at again.
    assert!(matches!(begin_of(&mut desk, refused), Deed::Start(..)));
    desk.refused(refused, "no");
    let no = ToServer::Refused {
        order: refused,
        why: "no".to_owned(),
    };
    assert_eq!((desk.say(), desk.say()), (vec![no], vec![]));
    assert_eq!(desk.capturing(), 2);
}

#[test]
fn a_generation_that_was_overtaken_means_nothing() {
    let mut desk = Desk::default();
    begin_of(&mut desk, id(1, 2));
    assert_eq!(begin_of(&mut desk, id(1, 1)), Deed::Nothing);
    assert!(matches!(begin_of(&mut desk, id(1, 3)), Deed::Start(..)));
    assert!(matches!(begin_of(&mut desk, id(2, 1)), Deed::Start(..)));
}

#[test]
fn what_is_too_much_or_unknown_is_refused() {
    let mut desk = Desk::default();
    for n in 0..ORDERS_MAX {
        let n = u8::try_from(n).unwrap();
        assert!(matches!(begin_of(&mut desk, id(n, 1)), Deed::Start(..)));
    }
    let more = id(200, 1);
    assert_eq!(begin_of(&mut desk, more), Deed::Nothing);
    assert_eq!(desk.hear(ToAgent::Stop(id(201, 1))), Deed::Nothing);
    let whys: Vec<_> = desk
        .say()
        .into_iter()
        .map(|said| match said {
            ToServer::Refused { order, why } => (order, why),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        whys[..],
        [(id(201, 1), UNKNOWN.to_owned()), (more, TOO_MANY.to_owned())]
    );
    // Of a server that asks without end nothing is kept.
    for n in 0..1000 {
        desk.hear(ToAgent::Stop(id(1, n + 5)));
        begin_of(&mut desk, id(201, n));
    }
    desk.say();
    assert_eq!(held(desk.greet("", [0; 16], Vec::new())).len(), ORDERS_MAX);
}

#[test]
fn words_are_cut_where_a_letter_ends() {
    let mut desk = Desk::default();
    begin_of(&mut desk, id(1, 1));
    desk.refused(id(1, 1), &"ä".repeat(TEXT_BYTES_MAX));
    let [ToServer::Refused { why, .. }] = &desk.say()[..] else {
        panic!()
    };
    assert_eq!(why.len(), TEXT_BYTES_MAX);
    assert_eq!(text("aä"), "aä");
}

#[test]
fn a_beat_says_what_each_has_caught() {
    let mut desk = Desk::default();
    begin_of(&mut desk, id(1, 1));
    let counts = ended(5).counts;
    desk.counted(id(1, 1), counts);
    desk.counted(id(9, 1), counts);
    assert_eq!(
        desk.beat(77),
        ToServer::Beat(Beat {
            orders: vec![(id(1, 1), counts)],
            free_bytes: 77
        })
    );
    desk.recovered(id(3, 1), ended(9));
    assert_eq!(held(desk.greet("", [0; 16], Vec::new())), [id(1, 1), id(3, 1)]);
}

#[test]
fn more_than_may_be_told_is_told_in_turns() {
    let mut desk = Desk::default();
    let orders = u8::try_from(ORDERS_MAX).unwrap() + 6;
    for capture in 0..orders {
        desk.recovered(id(capture, 1), ended(1));
    }
    let greet = |desk: &mut Desk| held(desk.greet("1.2.3", [0; 16], Vec::new()));
    let first = greet(&mut desk);
    assert_eq!(first.len(), ORDERS_MAX);
    let ToServer::Beat(beat) = desk.beat(0) else { panic!() };
    assert_eq!(beat.orders.len(), ORDERS_MAX);
    for order in first {
        desk.hear(ToAgent::Forget(order));
    }
    assert_eq!(greet(&mut desk).len(), 6);
}
