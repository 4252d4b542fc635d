//! The engine on interfaces that are not always there, on tunnels, and on packets larger than any wire carries. Needs root, and
//! fails without; `baleen_ring::lab` says how to leave it out.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../filter/tests/common/mod.rs"]
mod common;
mod wire;

use baleen_capture::engine::{CaptureRequest, EndReason, Format, Limits, RunningCapture};
use baleen_filter::Filter;
use baleen_ring::lab::{Injector, Namespace, Tunnel};
use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use wire::{
    TCPDUMP_SNAPLEN, Tcpdump, assert_run, behind_the_link, engine, finish, laboratory, link_header, numbered, numbers,
    on, packets, statistics,
};

/// Numbers from here on are of frames that only ask whether the link is there.
const PROBES: u32 = 1_000_000;

/// Sends until something comes by: the carrier is there a little after the interface.
fn until_the_link_is_back(running: &RunningCapture, sender: &Injector, probe: u32) {
    let before = running.handle().progress().packets;
    let end = Instant::now() + Duration::from_secs(20);
    while running.handle().progress().packets == before {
        assert!(Instant::now() < end, "nothing came after the interface was up again");
        let _ = sender.send(&numbered(PROBES + probe));
        std::thread::yield_now();
    }
}

#[test]
fn an_interface_that_goes_down_comes_back_and_is_renamed_is_still_the_same() {
    let Some(ns) = laboratory() else { return };
    let running = engine(64).start(&on("rx0")).unwrap();
    let sender = Injector::open("tx0").unwrap();
    let names = ["rx0", "moved0", "moved1"];
    let mut sent = 0;
    for (name, next) in names.iter().zip(&names[1..]) {
        for number in sent..sent + 100 {
            sender.send(&numbered(number)).unwrap();
        }
        sent += 100;
        ns.ip(&["link", "set", name, "down"]);
        // Nobody takes this one.
        let _ = sender.send(&numbered(sent));
        ns.ip(&["link", "set", name, "name", next]);
        ns.ip(&["link", "set", next, "up"]);
        until_the_link_is_back(&running, &sender, sent);
    }
    for number in sent..sent + 100 {
        sender.send(&numbered(number)).unwrap();
    }
    running.handle().stop();
    let (file, outcome) = finish(running);
    assert_eq!((outcome.ended, outcome.dropped), (EndReason::Stopped, 0));
    assert!(!outcome.interfaces[0].is_gone);
    // What the file calls it is the name it had when the file began.
    assert_eq!(outcome.interfaces[0].name, "rx0");
    let all = numbers(&file);
    let kept: Vec<u32> = all.iter().copied().filter(|number| *number < PROBES).collect();
    assert_run(&kept, 0..sent + 100);
    // The counters of the interface are found whatever it is called; they have what the ring has.
    let last = statistics(&file).pop().unwrap();
    assert_eq!(last.received, Some(all.len() as u64));
    assert_eq!(
        (last.accepted, last.delivered),
        (Some(all.len() as u64), Some(all.len() as u64))
    );
}

#[test]
fn a_capture_whose_interface_is_down_ends_on_time() {
    let Some(ns) = laboratory() else { return };
    let limits = Limits {
        duration: Some(Duration::from_millis(1500)),
        ..Limits::default()
    };
    let running = engine(16).start(&CaptureRequest { limits, ..on("rx0") }).unwrap();
    Injector::open("tx0").unwrap().send(&numbered(0)).unwrap();
    ns.ip(&["link", "set", "rx0", "down"]);
    let (file, outcome) = finish(running);
    assert_eq!(
        (outcome.ended, outcome.interfaces[0].is_gone),
        (EndReason::TimeLimit, false)
    );
    assert_run(&numbers(&file), 0..1);
}

#[test]
fn one_that_is_removed_while_it_is_down_ends_the_capture() {
    let Some(ns) = laboratory() else { return };
    let running = engine(16).start(&on("rx0")).unwrap();
    Injector::open("tx0").unwrap().send(&numbered(0)).unwrap();
    ns.ip(&["link", "set", "rx0", "down"]);
    ns.ip(&["link", "set", "rx0", "name", "moved0"]);
    ns.ip(&["link", "del", "moved0"]);
    let (file, outcome) = finish(running);
    assert_eq!(
        (outcome.ended, outcome.interfaces[0].is_gone),
        (EndReason::InterfaceGone, true)
    );
    assert_run(&numbers(&file), 0..1);
}

/// The IP packets among the frames of the other tests.
fn ip_packets() -> Vec<Vec<u8>> {
    let frames = common::frames().into_iter();
    let is_ip = |frame: &Vec<u8>| matches!(frame[12..14], [0x08, 0x00] | [0x86, 0xdd]) && frame.len() > 34;
    frames.filter(is_ip).map(|frame| frame[14..].to_vec()).collect()
}

/// Tunnels have no link header, and kinds of their own: `tun`, and those over IP. The kernel's types of interface stand for
/// them here, so that no module is needed.
#[test]
fn tunnels_are_captured_as_tcpdump_captures_them() {
    const TUN: u16 = 65534;
    const IPIP: u16 = 768;
    const SIT: u16 = 776;
    const GRE: u16 = 778;
    let Some(ns) = laboratory() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sent = ip_packets();
    for (name, hardware) in [("tun0", TUN), ("ipip0", IPIP), ("sit0", SIT), ("gre0", GRE)] {
        let tunnel = Tunnel::new(name, hardware).unwrap();
        ns.ip(&["link", "set", name, "mtu", "9000", "up"]);
        let expressions = [
            "",
            "ip",
            "ip6",
            "tcp port 80",
            "udp and not port 53",
            "host 10.0.0.1",
            "icmp or icmp6",
            "ip[8] > 10",
            "tcp[tcpflags] & tcp-syn != 0",
            "net 2001:db8::/64",
        ];
        let dumps: Vec<Tcpdump> = (0..)
            .zip(expressions)
            .map(|(n, text)| Tcpdump::start(&ns, name, text, &folder.path().join(format!("{name}-{n}.pcap"))))
            .collect();
        let start = |text: &str| {
            let filter = if text.is_empty() {
                Filter::All
            } else {
                Filter::expression(text).unwrap()
            };
            let request = CaptureRequest {
                filter,
                snaplen: TCPDUMP_SNAPLEN,
                format: Format::Pcap,
                ..on(name)
            };
            engine(8).start(&request).unwrap()
        };
        let ours = expressions.map(start);
        for packet in &sent {
            tunnel.send(packet).unwrap();
        }
        for running in &ours {
            running.handle().stop();
        }
        for ((text, running), dump) in expressions.iter().zip(ours).zip(dumps) {
            let (file, outcome) = finish(running);
            assert_eq!(outcome.dropped, 0, "{name}: {text}");
            let got = behind_the_link(&file);
            let theirs = behind_the_link(&dump.stop_behind(&got, link_header));
            assert!(
                !got.is_empty() && (text.is_empty() == (got.len() == sent.len())),
                "{name}: {text}"
            );
            assert!(
                got == theirs,
                "{name}: {text}: {} packets, tcpdump has {}",
                got.len(),
                theirs.len()
            );
        }
    }
}

/// The bytes of one direction of a conversation over IPv6, put in their places.
fn stream_of(frames: &[Vec<u8>], port: u16, length: usize) -> Vec<Option<u8>> {
    let mut stream = vec![None; length];
    let mut first = None;
    for frame in frames {
        let (ip, mut at) = (&frame[14..], 40);
        if frame[12..14] != [0x86, 0xdd] {
            continue;
        }
        let mut next = ip[6];
        // The length of a jumbogram stands in a header of its own.
        if next == 0 {
            next = ip[at];
            at += 8 * (1 + usize::from(ip[at + 1]));
        }
        let tcp = &ip[at..];
        if next != 6 || tcp[2..4] != port.to_be_bytes() {
            continue;
        }
        let number = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
        if tcp[13] & 2 != 0 {
            first = Some(number.wrapping_add(1));
            continue;
        }
        let begin = number.wrapping_sub(first.unwrap()) as usize;
        // What is behind the end of the stream has no bytes of it.
        let places = stream.get_mut(begin..).unwrap_or_default();
        for (place, byte) in places.iter_mut().zip(&tcp[usize::from(tcp[12] >> 4) * 4..]) {
            *place = Some(*byte);
        }
    }
    stream
}

#[test]
fn packets_above_64_kib_are_whole() {
    const BYTES: usize = 16 << 20;
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    // As networks with BIG TCP have it.
    ns.ip(&["link", "set", "lo", "gso_max_size", "200000", "gro_max_size", "200000"]);
    ns.run(
        "sysctl",
        &[
            "-qw",
            "net.ipv6.conf.all.disable_ipv6=0",
            "net.ipv6.conf.lo.disable_ipv6=0",
        ],
    );
    ns.run("ip", &["addr", "add", "::1/128", "dev", "lo"]);
    ns.enter();
    let running = engine(128).start(&on("lo")).unwrap();
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let sent: Vec<u8> = (0..BYTES).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect();
    let receiver = std::thread::spawn(move || {
        let mut all = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut all).unwrap();
        all
    });
    TcpStream::connect(address).unwrap().write_all(&sent).unwrap();
    assert!(receiver.join().unwrap() == sent);
    running.handle().stop();
    let (file, outcome) = finish(running);
    assert_eq!(outcome.dropped, 0);
    let frames: Vec<Vec<u8>> = packets(&file).into_iter().map(|(_, bytes)| bytes).collect();
    let large = frames.iter().filter(|frame| frame.len() > 65_536 + 14).count();
    assert!(
        large > 0,
        "the largest has {:?} bytes",
        frames.iter().map(Vec::len).max()
    );
    let stream = stream_of(&frames, address.port(), BYTES);
    let wrong = stream
        .iter()
        .zip(&sent)
        .position(|(caught, sent)| *caught != Some(*sent));
    assert_eq!(wrong, None, "of {} frames, {large} are large", frames.len());
}
