use super::*;
use crate::INSTRUCTIONS_MAX;

fn end(addresses: &[&str], ports: &[RangeInclusive<u16>]) -> End {
    End {
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        ports: ports.to_vec(),
    }
}

#[test]
fn contradictions_are_refused() {
    let port = || end(&[], &[80..=80]);
    for wrong in [
        FiveTuple {
            source: port(),
            protocol: Some(1),
            ..FiveTuple::default()
        },
        FiveTuple {
            destination: port(),
            protocol: Some(50),
            ..FiveTuple::default()
        },
        FiveTuple {
            source: end(&["10.0.0.1/32"], &[]),
            destination: end(&["::1/128"], &[]),
            ..FiveTuple::default()
        },
        FiveTuple {
            source: end(&["10.0.0.1/32", "::/0"], &[]),
            ..FiveTuple::default()
        },
        #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake")]
        FiveTuple {
            source: end(&[], &[80..=79]),
            ..FiveTuple::default()
        },
        FiveTuple {
            source: end(&["10.0.0.0/8"; END_ITEMS_MAX + 1], &[]),
            ..FiveTuple::default()
        },
    ] {
        assert!(matches!(wrong.check(), Err(Error::Tuple(_))), "{wrong}");
    }
    for right in [
        FiveTuple::default(),
        FiveTuple {
            source: port(),
            protocol: Some(132),
            ..FiveTuple::default()
        },
        FiveTuple {
            protocol: Some(255),
            ..FiveTuple::default()
        },
    ] {
        assert_eq!(right.check(), Ok(()), "{right}");
    }
}

#[test]
fn the_largest_tuple_fits() {
    let full = || End {
        addresses: (0..END_ITEMS_MAX)
            .map(|n| format!("2001:db8:0:{n:x}::1/128").parse().unwrap())
            .collect(),
        ports: (0..END_ITEMS_MAX)
            .map(|n| u16::try_from(n * 10).unwrap())
            .map(|n| n..=n + 5)
            .collect(),
    };
    let tuple = FiveTuple {
        source: full(),
        destination: full(),
        protocol: None,
        bidirectional: true,
    };
    let program = tuple.compile(LinkType::ETHERNET).unwrap();
    assert!(
        program.instructions().len() <= INSTRUCTIONS_MAX,
        "{}",
        program.instructions().len()
    );
}

#[test]
fn unknown_links_are_refused() {
    assert_eq!(
        FiveTuple::default().compile(LinkType::RADIOTAP),
        Err(Error::TupleLink(LinkType::RADIOTAP))
    );
}

#[test]
fn descriptions() {
    for (tuple, text) in [
        (FiveTuple::default(), "ip or ip6"),
        (
            FiveTuple {
                source: end(&["10.0.0.1/32"], &[]),
                destination: end(&["10.1.0.0/16"], &[443..=443, 8000..=8100]),
                protocol: Some(6),
                bidirectional: true,
            },
            "tcp and src host 10.0.0.1 and dst net 10.1.0.0/16 and (dst port 443 or dst portrange 8000-8100) (both directions)",
        ),
    ] {
        assert_eq!(tuple.to_string(), text);
    }
}
