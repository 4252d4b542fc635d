use super::*;
use baleen_filter::Filter;
use baleen_lookback::Sample;

/// A packet of that second, whose bytes say which site it is of.
fn packet(second: i64, site: u8) -> Found {
    Found {
        stamp: Timestamp::from_secs(second),
        interface: 0,
        direction: None,
        original_length: 60,
        bytes: Box::new([site]),
    }
}

fn past(site: u8, seconds: &[i64]) -> Past {
    Past {
        sample: Sample {
            packets: seconds.iter().map(|second| packet(*second, site)).collect(),
            interfaces: vec![Interface {
                name: "eth0".into(),
                link: LinkType::ETHERNET,
            }],
            ..Sample::default()
        },
        kept_since: Some(Timestamp::from_secs(0)),
    }
}

fn asked(limit: usize) -> PastQuery {
    PastQuery {
        window: Timestamp::from_secs(100)..Timestamp::from_secs(200),
        filter: Filter::All,
        limit,
    }
}

fn site(n: u8) -> SiteName {
    SiteName::parse(&format!("lab{n}")).unwrap()
}

#[test]
fn packets_of_several_sites_are_one_row() {
    let found = vec![
        (site(1), Ok(past(1, &[101, 103, 105]))),
        (site(2), Ok(past(2, &[102, 103, 104]))),
        (site(3), Err(AgentError("it is away".to_owned()))),
    ];
    let all = gather(found.clone(), &asked(100)).unwrap();
    let row: Vec<_> = all
        .packets
        .iter()
        .map(|p| (p.stamp.as_secs(), p.bytes[0], p.interface))
        .collect();
    assert_eq!(
        row,
        [
            (101, 1, 0),
            (102, 2, 1),
            (103, 1, 0),
            (103, 2, 1),
            (104, 2, 1),
            (105, 1, 0)
        ]
    );
    let names: Vec<_> = all.interfaces.iter().map(|interface| &*interface.name).collect();
    assert_eq!(names, ["lab1/eth0", "lab2/eth0"]);
    assert_eq!(all.notes, ["nothing of site lab3: it is away"]);

    // The newest over all of them.
    let newest = gather(found[..2].to_vec(), &asked(4)).unwrap();
    let stamps: Vec<_> = newest.packets.iter().map(|p| p.stamp.as_secs()).collect();
    assert_eq!(stamps, [103, 103, 104, 105]);
    assert_eq!(
        newest.notes,
        ["only the newest 4 packets are in the file, there may be older ones"]
    );

    let one = gather(found[..1].to_vec(), &asked(3)).unwrap();
    assert_eq!(
        (&*one.interfaces[0].name, one.notes.len()),
        ("eth0", 0),
        "exactly as many as there are"
    );
    let none = gather(found[2..].to_vec(), &asked(3));
    assert_eq!(none, Err("site lab3: it is away".to_owned()));
}

#[test]
fn what_is_missing_is_told() {
    let at = Timestamp::from_secs(150);
    let shown = "1970-01-01T00:02:30.000000Z";
    let edited = |edit: fn(&mut Past)| {
        let mut past = past(1, &[160]);
        edit(&mut past);
        past
    };
    for (past, notes) in [
        (edited(|_| ()), vec![]),
        (
            edited(|past| past.kept_since = Some(Timestamp::from_secs(150))),
            vec![format!("nothing is kept from before {shown}")],
        ),
        (edited(|past| past.kept_since = Some(Timestamp::from_secs(100))), vec![]),
        (
            edited(|past| {
                past.kept_since = None;
                past.sample.packets.clear();
            }),
            vec!["no packet has been kept yet".to_owned()],
        ),
        (
            edited(|past| past.sample.complete_from = Some(Timestamp::from_secs(150))),
            vec![format!(
                "as much as is allowed was read: before {shown} there may be more"
            )],
        ),
        (
            edited(|past| past.sample.damaged = 1),
            vec!["one place of what is kept is damaged".to_owned()],
        ),
        (
            edited(|past| {
                past.sample.damaged = 3;
                (past.sample.dropped, past.sample.left_out, past.sample.cut) = (2, 5, 1000);
            }),
            vec![
                "3 places of what is kept are damaged".to_owned(),
                "about 7 packets of that time were lost before they could be kept".to_owned(),
            ],
        ),
        (
            edited(|past| past.sample.links_left_out = vec![LinkType::RAW]),
            vec![format!(
                "the filter has no meaning on links of type {}, whose packets are left out",
                LinkType::RAW
            )],
        ),
    ] {
        let all = gather(vec![(site(1), Ok(past.clone()))], &asked(100)).unwrap();
        assert_eq!(all.notes, notes, "{past:?}");
    }
    // Full, and not all was looked at: that is one thing.
    let mut full = past(1, &[150, 151]);
    full.sample.complete_from = Some(at);
    let all = gather(vec![(site(1), Ok(full))], &asked(2)).unwrap();
    assert_eq!(
        all.notes,
        ["only the newest 2 packets are in the file, there may be older ones"]
    );
}
