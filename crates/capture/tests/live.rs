//! The engine on real rings, in network namespaces with veth pairs. Needs root, and fails without; `baleen_ring::lab` says how
//! to leave it out.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../filter/tests/common/mod.rs"]
mod common;
mod wire;

use baleen_capture::engine::{CaptureRequest, EndReason, Format, Interfaces, Limits, RunningCapture};
use baleen_filter::{End, Filter, FiveTuple};
use baleen_pcapfile::{Item, Reader};
use baleen_ring::lab::Injector;
use baleen_types::LinkType;
use common::{Recipe, all_frames, expressions, frames};
use std::time::{Duration, Instant};
use wire::{TCPDUMP_SNAPLEN, Tcpdump, assert_run, engine, finish, laboratory, numbered, numbers, on, packets};

#[test]
fn every_packet_is_in_the_file_once_and_in_order() {
    let Some(_ns) = laboratory() else { return };
    for format in [Format::Pcap, Format::PcapNg] {
        let running = engine(64).start(&CaptureRequest { format, ..on("rx0") }).unwrap();
        let sender = Injector::open("tx0").unwrap();
        for number in 0..10_000 {
            sender.send(&numbered(number)).unwrap();
        }
        running.handle().stop();
        sender.send(&numbered(77_777)).unwrap();
        let (file, outcome) = finish(running);
        assert_eq!(
            (outcome.ended, outcome.dropped, outcome.packets),
            (EndReason::Stopped, 0, 10_000)
        );
        assert_run(&numbers(&file), 0..10_000);
        for (number, (_, bytes)) in (0..).zip(packets(&file)) {
            assert!(bytes == numbered(number), "packet {number} differs");
        }
    }
}

#[test]
fn limits_are_exact_to_the_packet_and_the_byte() {
    let Some(_ns) = laboratory() else { return };
    let sender = Injector::open("tx0").unwrap();
    for limit in [1u32, 2, 999, 1000] {
        let limits = Limits {
            packets: Some(u64::from(limit)),
            ..Limits::default()
        };
        let running = engine(16).start(&CaptureRequest { limits, ..on("rx0") }).unwrap();
        for number in 0..1500 {
            sender.send(&numbered(number)).unwrap();
        }
        let (file, outcome) = finish(running);
        assert_eq!(
            (outcome.ended, outcome.packets),
            (EndReason::PacketLimit, u64::from(limit))
        );
        assert_run(&numbers(&file), 0..limit);
    }
    let sizes: Vec<u64> = (0..100).map(|number| numbered(number).len() as u64).collect();
    let sum: u64 = sizes[..50].iter().sum();
    for (limit, expected) in [(sum - 1, 49), (sum, 50), (sum + sizes[50] - 1, 50)] {
        let limits = Limits {
            bytes: Some(limit),
            ..Limits::default()
        };
        let running = engine(16).start(&CaptureRequest { limits, ..on("rx0") }).unwrap();
        for number in 0..100 {
            sender.send(&numbered(number)).unwrap();
        }
        let (file, outcome) = finish(running);
        assert_eq!(outcome.ended, EndReason::ByteLimit);
        assert_run(&numbers(&file), 0..expected);
    }
}

#[test]
fn silence_and_noise_both_end_on_time() {
    let Some(_ns) = laboratory() else { return };
    let limits = Limits {
        duration: Some(Duration::from_millis(500)),
        ..Limits::default()
    };
    for is_noisy in [false, true] {
        let running = engine(64).start(&CaptureRequest { limits, ..on("rx0") }).unwrap();
        let begin = Instant::now();
        if is_noisy {
            let sender = Injector::open("tx0").unwrap();
            let mut number = 0;
            while begin.elapsed() < Duration::from_millis(700) {
                sender.send(&numbered(number)).unwrap();
                number += 1;
            }
        }
        let (file, outcome) = finish(running);
        assert_eq!(outcome.ended, EndReason::TimeLimit);
        assert!(outcome.elapsed >= Duration::from_millis(500) && outcome.elapsed < Duration::from_secs(3));
        assert_eq!(outcome.packets > 0, is_noisy);
        let mut reader = Reader::new(file.as_slice()).unwrap();
        let end = u64::try_from(outcome.started.as_nanos()).unwrap() + 500_000_000;
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Packet(packet) = item {
                assert!(packet.stamp_nanos.unwrap() < end);
            }
        }
    }
}

#[test]
fn an_interface_that_goes_away_ends_the_capture_with_what_came() {
    let Some(ns) = laboratory() else { return };
    let running = engine(16).start(&on("rx0")).unwrap();
    let sender = Injector::open("tx0").unwrap();
    for number in 0..100 {
        sender.send(&numbered(number)).unwrap();
    }
    ns.ip(&["link", "del", "rx0"]);
    let (file, outcome) = finish(running);
    assert_eq!(outcome.ended, EndReason::InterfaceGone);
    assert!(outcome.interfaces[0].is_gone);
    assert_run(&numbers(&file), 0..100);
}

#[test]
fn several_interfaces_share_one_file_and_one_limit() {
    let Some(ns) = laboratory() else { return };
    ns.veth("tx1", "rx1");
    let limits = Limits {
        packets: Some(500),
        ..Limits::default()
    };
    let interfaces = Interfaces::Named(vec!["rx0".to_owned(), "rx1".to_owned(), "rx0".to_owned()]);
    let running = engine(16)
        .start(&CaptureRequest {
            interfaces,
            limits,
            ..CaptureRequest::default()
        })
        .unwrap();
    assert_eq!(running.interfaces().len(), 2);
    let senders = [Injector::open("tx0").unwrap(), Injector::open("tx1").unwrap()];
    for number in 0..400 {
        for sender in &senders {
            sender.send(&numbered(number)).unwrap();
        }
    }
    let (file, outcome) = finish(running);
    assert_eq!((outcome.ended, outcome.packets), (EndReason::PacketLimit, 500));
    let packets = packets(&file);
    assert_eq!(packets.len(), 500);
    for lane in [0, 1] {
        let own = packets.iter().filter(|(index, _)| *index == lane).count() as u64;
        assert_eq!(own, outcome.interfaces[lane as usize].written);
    }
}

#[test]
fn promiscuous_mode_is_entered_when_asked_for_and_left_again() {
    let Some(ns) = laboratory() else { return };
    let promiscuity = || {
        let output = ns.command("ip", &["-d", "link", "show", "rx0"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, rest) = text.split_once("promiscuity ").unwrap();
        rest.split_whitespace().next().unwrap().parse::<u32>().unwrap()
    };
    for promiscuous in [true, false] {
        let running = engine(4)
            .start(&CaptureRequest {
                promiscuous,
                ..on("rx0")
            })
            .unwrap();
        assert_eq!(promiscuity(), u32::from(promiscuous));
        running.handle().stop();
        finish(running);
        let end = Instant::now() + Duration::from_secs(5);
        while promiscuity() != 0 {
            assert!(Instant::now() < end, "the interface stays promiscuous");
        }
    }
}

#[test]
fn a_packet_of_the_largest_size_is_whole() {
    let Some(_ns) = laboratory() else { return };
    let limits = Limits {
        packets: Some(1),
        ..Limits::default()
    };
    let request = CaptureRequest {
        limits,
        filter: Filter::expression("ether proto 0x88b5").unwrap(),
        ..on("lo")
    };
    let running = engine(4).start(&request).unwrap();
    let mut large = numbered(5);
    large.resize(65_536, 0xee);
    Injector::open("lo").unwrap().send(&large).unwrap();
    let (file, outcome) = finish(running);
    assert_eq!(outcome.ended, EndReason::PacketLimit);
    assert!(packets(&file).iter().all(|(_, bytes)| *bytes == large));
}

#[test]
fn the_snap_length_cuts_with_tags_and_without() {
    let Some(_ns) = laboratory() else { return };
    let limits = Limits {
        packets: Some(2),
        ..Limits::default()
    };
    let running = engine(4)
        .start(&CaptureRequest {
            limits,
            snaplen: 64,
            ..on("rx0")
        })
        .unwrap();
    let sender = Injector::open("tx0").unwrap();
    let plain = Recipe {
        payload: 500,
        ..Recipe::default()
    }
    .build();
    let tagged = Recipe {
        tags: vec![(0x8100, 5)],
        payload: 500,
        ..Recipe::default()
    }
    .build();
    sender.send(&plain).unwrap();
    sender.send(&tagged).unwrap();
    let (file, _) = finish(running);
    let packets: Vec<Vec<u8>> = packets(&file).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(packets, [plain[..64].to_vec(), tagged[..64].to_vec()]);
}

#[test]
fn the_upload_is_never_captured() {
    let Some(_ns) = laboratory() else { return };
    let frames = frames();
    let upload = FiveTuple {
        source: End {
            addresses: vec!["10.0.0.1/32".parse().unwrap()],
            ports: Vec::new(),
        },
        destination: End {
            addresses: vec!["10.0.0.2/32".parse().unwrap()],
            ports: vec![80..=80, 443..=443],
        },
        protocol: Some(6),
        bidirectional: true,
    };
    let program = upload.compile(LinkType::ETHERNET).unwrap();
    let running = engine(16)
        .start(&CaptureRequest {
            exclude: vec![upload],
            ..on("rx0")
        })
        .unwrap();
    let sender = Injector::open("tx0").unwrap();
    for frame in &frames {
        sender.send(frame).unwrap();
    }
    running.handle().stop();
    let (file, _) = finish(running);
    let expected = frames.iter().filter(|frame| !program.matches(frame)).count();
    let found = packets(&file);
    assert_eq!(found.len(), expected);
    assert!(expected < frames.len() && found.iter().all(|(_, frame)| !program.matches(frame)));
}

#[test]
fn malformed_packets_of_strangers_are_captured_beside_an_upload() {
    let Some(_ns) = laboratory() else { return };
    let upload = |from: &str, to: &str| {
        let end = |address: &str| End {
            addresses: vec![address.parse().unwrap()],
            ports: Vec::new(),
        };
        FiveTuple {
            source: end(from),
            destination: End {
                ports: vec![443..=443],
                ..end(to)
            },
            protocol: Some(6),
            bidirectional: true,
        }
    };
    // IP headers that break off, and an extension header that runs past the end of its packet.
    let mut frames: Vec<Vec<u8>> = (0..10)
        .map(|length| [b"ddddddssssss\x08\x00", &[0x45; 10][..length]].concat())
        .collect();
    let mut runs_out = b"ddddddssssss\x86\xdd".to_vec();
    runs_out.extend([0x60, 0, 0, 0, 0, 8, 0, 64]);
    runs_out.extend([0x20; 32]);
    runs_out.extend([60, 255, 1, 4, 0, 0, 0, 0]);
    frames.push(runs_out);
    let request = CaptureRequest {
        exclude: vec![
            upload("10.0.0.1/32", "10.0.0.2/32"),
            upload("2001:db8::1/128", "2001:db8::2/128"),
        ],
        ..on("rx0")
    };
    let running = engine(16).start(&request).unwrap();
    let sender = Injector::open("tx0").unwrap();
    for frame in &frames {
        sender.send(frame).unwrap();
    }
    running.handle().stop();
    let (file, _) = finish(running);
    let found: Vec<Vec<u8>> = packets(&file).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(found, frames);
}

#[test]
fn any_sees_every_interface_with_its_tags() {
    let Some(_ns) = laboratory() else { return };
    let filter = Filter::expression("vlan 10 and udp port 53").unwrap();
    let running = engine(16).start(&CaptureRequest { filter, ..on("any") }).unwrap();
    assert_eq!(running.interfaces()[0].link, LinkType::LINUX_SLL2);
    let sender = Injector::open("tx0").unwrap();
    let tagged = |number, destination_port| {
        Recipe {
            tags: vec![(0x8100, number)],
            transport: 17,
            destination_port,
            ..Recipe::default()
        }
        .build()
    };
    for frame in [
        tagged(10, 53),
        tagged(11, 53),
        tagged(10, 54),
        Recipe::default().build(),
    ] {
        sender.send(&frame).unwrap();
    }
    running.handle().stop();
    let (file, _) = finish(running);
    // Received on rx0 with the tag beside it; on its way out of tx0 the injected tag is in the frame.
    let received: Vec<Vec<u8>> = packets(&file)
        .into_iter()
        .map(|(_, bytes)| bytes)
        .filter(|b| b[10] != 4)
        .collect();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0][..2], [0x81, 0x00]);
    assert_eq!(received[0][20..], tagged(10, 53)[14..]);
}

#[test]
fn what_cannot_be_captured_is_said() {
    let Some(ns) = laboratory() else { return };
    ns.ip(&["link", "set", "rx0", "down"]);
    let text = |request: &CaptureRequest| engine(4).start(request).unwrap_err().to_string();
    assert!(text(&on("rx0")).contains("is down"));
    assert!(text(&on("nosuch0")).contains("there is no network interface `nosuch0`"));
    assert!(text(&CaptureRequest::default()).contains("default route"));
    let both = Interfaces::Named(vec!["any".to_owned(), "tx0".to_owned()]);
    assert!(
        text(&CaptureRequest {
            interfaces: both,
            ..CaptureRequest::default()
        })
        .contains("`any`")
    );
    let cooked = CaptureRequest {
        filter: Filter::expression("ether host 02:00:00:00:00:01").unwrap(),
        ..on("any")
    };
    assert!(engine(4).start(&cooked).is_err());
    // Each type of link once, so that a filter can be judged before it is let in.
    let links = |names: &[&str]| Interfaces::Named(names.iter().map(|name| (*name).to_owned()).collect()).links();
    assert_eq!(links(&["any"]).unwrap(), [LinkType::LINUX_SLL2]);
    assert_eq!(links(&["tx0", "lo"]).unwrap(), [LinkType::ETHERNET]);
    assert!(links(&["rx0"]).unwrap_err().to_string().contains("is down"));
    assert!(links(&["any", "lo"]).is_err() && Interfaces::DefaultRoute.links().is_err());
}

/// Runs tcpdump and our engine with the same expressions on the same traffic, and our program on each frame by itself.
fn compare_with_tcpdump(interface: &str, is_receiving: bool) {
    let Some(ns) = laboratory() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Real packets break off where tcpdump would cut them.
    let mut frames = all_frames();
    for frame in &mut frames {
        frame.truncate(TCPDUMP_SNAPLEN as usize - 10);
    }
    let all = expressions();
    for (group, chunk) in all.chunks(48).enumerate() {
        let dumps: Vec<Tcpdump> = chunk
            .iter()
            .enumerate()
            .map(|(n, text)| Tcpdump::start(&ns, interface, text, &folder.path().join(format!("{group}-{n}.pcap"))))
            .collect();
        let ours: Vec<RunningCapture> = chunk
            .iter()
            .map(|text| {
                let request = CaptureRequest {
                    filter: Filter::expression(text).unwrap(),
                    snaplen: TCPDUMP_SNAPLEN,
                    format: Format::Pcap,
                    ..on(interface)
                };
                engine(8).start(&request).unwrap()
            })
            .collect();
        let sender = Injector::open("tx0").unwrap();
        for frame in &frames {
            sender.send(frame).unwrap();
        }
        for running in &ours {
            running.handle().stop();
        }
        for ((text, running), dump) in chunk.iter().zip(ours).zip(dumps) {
            let (file, outcome) = finish(running);
            assert_eq!(outcome.dropped, 0, "{text}");
            let got: Vec<Vec<u8>> = packets(&file).into_iter().map(|(_, bytes)| bytes).collect();
            let expected = dump.stop_after(&got);
            assert!(
                got == expected,
                "{text}: {} packets, tcpdump has {}",
                got.len(),
                expected.len()
            );
            if is_receiving {
                let program = Filter::expression(text).unwrap().compile(LinkType::ETHERNET).unwrap();
                let alone: Vec<&Vec<u8>> = frames.iter().filter(|frame| program.matches(frame)).collect();
                assert!(
                    got.iter().eq(alone.iter().copied()),
                    "{text}: {} live, {} alone",
                    got.len(),
                    alone.len()
                );
            }
        }
    }
}

#[test]
fn received_packets_are_judged_as_tcpdump_judges_them() {
    compare_with_tcpdump("rx0", true);
}

#[test]
fn sent_packets_are_judged_as_tcpdump_judges_them() {
    compare_with_tcpdump("tx0", false);
}

/// The kernel runs the programs of the Rules language as our interpreter does, also beside what is excluded, on an interface
/// and on `any`.
#[test]
fn rules_are_judged_by_the_kernel_as_they_are_alone() {
    let Some(_ns) = laboratory() else { return };
    let frames = all_frames();
    for text in [
        "ip.src == 10.0.0.1 and tcp.dstport in {22 80..90}",
        "ip.src in {10.0.0.0/30 2001:db8::/126} xor ip.proto == udp",
        "not tcp.dstport == 80",
        "ip.ver == 6 and ip.proto == tcp and not tcp.flags.syn",
        "tcp.flags & 0x12 and ip.ttl >= 64 or ip.frag_offset > 0 or ip.opt.type == 1",
        "udp.srcport != 53 or icmp.type eq 8 or ip.dst in {2001:db8::3..2001:db8::ffff}",
        "not (ip.ver == 4 xor ip.len > 100 xor ip.dont_frag)",
    ] {
        let filter = Filter::rules(text).unwrap();
        let excluded = FiveTuple {
            source: End {
                addresses: vec!["10.0.0.77/32".parse().unwrap()],
                ..End::default()
            },
            ..FiveTuple::default()
        };
        let start = |interface: &str| {
            let request = CaptureRequest {
                filter: filter.clone(),
                exclude: vec![excluded.clone()],
                ..on(interface)
            };
            engine(8).start(&request).unwrap()
        };
        let (wire, any) = (start("rx0"), start("any"));
        let sender = Injector::open("tx0").unwrap();
        for frame in &frames {
            sender.send(frame).unwrap();
        }
        wire.handle().stop();
        any.handle().stop();
        let on = |link| {
            let program = filter.compile(link).unwrap();
            program.excluding(&[excluded.compile(link).unwrap()]).unwrap()
        };
        let (ethernet, cooked) = (on(LinkType::ETHERNET), on(LinkType::LINUX_SLL2));
        let expected: Vec<&Vec<u8>> = frames.iter().filter(|frame| ethernet.matches(frame)).collect();
        assert!((1..frames.len()).contains(&expected.len()), "{text}");
        let got = packets(&finish(wire).0);
        assert!(
            got.iter().map(|(_, bytes)| bytes).eq(expected.iter().copied()),
            "{text}: {} live, {} alone",
            got.len(),
            expected.len()
        );
        // What was received; on its way out an injected tag is in the frame.
        let got = packets(&finish(any).0);
        let received: Vec<&Vec<u8>> = got.iter().map(|(_, bytes)| bytes).filter(|b| b[10] != 4).collect();
        assert_eq!(received.len(), expected.len(), "{text}");
        assert!(received.iter().all(|frame| cooked.matches(frame)), "{text}");
    }
}
