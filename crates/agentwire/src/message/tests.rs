//! The bytes of each message, as they have always been: agents and servers of different releases speak to each other.

use super::*;
use crate::frame::{Frames, encode};

const ORDER: OrderId = OrderId {
    capture: [0xab; 16],
    generation: 300,
};

const COUNTS: Counts = Counts {
    packets: 1,
    bytes: 200,
    dropped: 0,
};

fn check<M: Message + PartialEq + std::fmt::Debug>(message: &M, expected: &str) {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).unwrap();
    let order = hex::encode(ORDER.capture);
    assert_eq!(
        hex::encode(&bytes[5..]),
        expected.replace("ORDER", &order),
        "{message:?}"
    );
    let mut frames = Frames::<M>::default();
    frames.push(&bytes);
    assert_eq!(frames.take().unwrap().as_ref(), Some(message));
}

#[test]
fn of_agents() {
    let interface = Interface {
        name: "eth0".to_owned(),
        link: 1,
        is_up: true,
    };
    check(
        &ToServer::Hello(Hello {
            protocol: 1,
            release: "0.1".to_owned(),
            boot: [0x11; 16],
            interfaces: vec![interface],
            held: vec![ORDER],
        }),
        concat!(
            "000103302e31",
            "11111111111111111111111111111111",
            "01",
            "04657468300101",
            "01",
            "ORDER",
            "ac02"
        ),
    );
    check(&ToServer::Pong { t1: 1, t2: -1, t3: 2 }, "01020104");
    check(
        &ToServer::Beat(Beat {
            orders: vec![(ORDER, COUNTS)],
            free_bytes: 5,
        }),
        "0201ORDERac0201c8010005",
    );
    check(
        &ToServer::Refused {
            order: ORDER,
            why: "no".to_owned(),
        },
        "03ORDERac02026e6f",
    );
    check(
        &ToServer::Began {
            order: ORDER,
            interfaces: 2,
        },
        "04ORDERac0202",
    );
    check(
        &ToServer::Ended(
            ORDER,
            Ended {
                counts: COUNTS,
                parts: 1,
                trouble: None,
                missing: Some("x".to_owned()),
            },
        ),
        "05ORDERac0201c801000100010178",
    );
}

#[test]
fn of_servers() {
    check(&ToAgent::Welcome { protocol: 1 }, "0001");
    check(&ToAgent::Ping { t1: 3 }, "0106");
    let tuple = Tuple {
        source: TupleEnd {
            addresses: vec![Addresses::V4([10, 0, 0, 0], 8)],
            ports: vec![PortRange { first: 1, last: 443 }],
        },
        destination: TupleEnd::default(),
        protocol: Some(6),
        bidirectional: true,
    };
    let begin = |filter| Begin {
        site: "a".to_owned(),
        filter,
        exclude: Vec::new(),
        time_ms: 1000,
        packets: 2,
        bytes: 3,
        format: FileFormat::PcapNg,
        snaplen: None,
        part_bytes: 4,
        mask: Mask {
            headers_only: true,
            zero_payload: false,
        },
    };
    let rest = "00e807020301".to_owned() + "0004" + "0100";
    for (filter, expected) in [
        (OrderFilter::All, "00".to_owned()),
        (OrderFilter::Expression("tcp".to_owned()), "0103746370".to_owned()),
        (
            OrderFilter::Tuple(tuple),
            "0201000a00000008".to_owned() + "0101bb03" + "0000" + "0106" + "01",
        ),
        (OrderFilter::Rules("x".to_owned()), "030178".to_owned()),
    ] {
        check(
            &ToAgent::Begin(ORDER, begin(filter)),
            &format!("02ORDERac020161{expected}{rest}"),
        );
    }
    let job = |address_key| Job {
        address_key,
        ..Job::plain(begin(OrderFilter::All))
    };
    assert_eq!(job(None).asked(ORDER), ToAgent::Begin(ORDER, begin(OrderFilter::All)));
    let masked = job(Some(AddressKey([0xab; 32])));
    check(
        &masked.asked(ORDER),
        &format!("07ORDERac02016100{rest}{}", "ab".repeat(32)),
    );
    // It goes into no log.
    assert!(format!("{:?}", masked.asked(ORDER)).ends_with("AddressKey(..))"));
    assert_eq!([job(None).protocol(), masked.protocol()], [1, 2]);
    let live = |address_key, interfaces: &[&str]| Job {
        live: Some(interfaces.iter().map(|name| (*name).to_owned()).collect()),
        ..job(address_key)
    };
    for (job, behind) in [
        (live(None, &["lo"]), "0001026c6f".to_owned()),
        (
            live(Some(AddressKey([0xab; 32])), &[]),
            format!("01{}00", "ab".repeat(32)),
        ),
    ] {
        assert_eq!(job.protocol(), 2);
        check(&job.asked(ORDER), &format!("08ORDERac02016100{rest}{behind}"));
    }
    assert!(live(None, &["a\nb"]).asked(ORDER).check().is_err());
    assert!(live(None, &["x"; 65]).asked(ORDER).check().is_err());
    check(&ToAgent::Show(ORDER, 300), "09ORDERac02ac02");
    check(&ToAgent::Stop(ORDER), "03ORDERac02");
    check(&ToAgent::Forget(ORDER), "04ORDERac02");
    check(&ToAgent::Renew, "05");
    check(
        &ToAgent::Bye {
            why: "x".to_owned(),
            come_back: true,
        },
        "06017801",
    );
}

#[test]
fn networks_are_as_they_were() {
    for network in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::1/128"] {
        let network: IpNet = network.parse().unwrap();
        assert_eq!(Addresses::of(network).network(), Some(network));
    }
    assert_eq!(Addresses::V4([1, 2, 3, 4], 33).network(), None);
    assert_eq!(Addresses::V6([0; 16], 129).network(), None);
}

/// A server keeps them of each agent, and they go into messages.
#[test]
fn names_of_interfaces_are_short_and_plain() {
    let hello = |names: &[&str]| {
        let interface = |name: &&str| Interface {
            name: (*name).to_owned(),
            link: 1,
            is_up: true,
        };
        ToServer::Hello(Hello {
            interfaces: names.iter().map(interface).collect(),
            ..Hello::default()
        })
    };
    let longest = "x".repeat(127);
    assert_eq!(hello(&["eth0", &longest]).check(), Ok(()));
    for bad in ["", "a\nb", "\u{7f}", &format!("{longest}x")] {
        assert!(hello(&[bad]).check().is_err(), "{bad:?}");
    }
    assert_eq!(hello(&["x"; 64]).check(), Ok(()));
    assert!(hello(&["x"; 65]).check().is_err());
}
