//! Masked packets, as Wireshark sees them: what was right is right, and no address is to be found.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../filter/tests/common/mod.rs"]
mod common;

use baleen_capture::AddressKey;
use baleen_capture::engine::{CaptureRequest, Engine, Format, Interfaces, Masking, Settings};
use baleen_packet::masking::Mask;
use baleen_pcapfile::{Item, Reader, Record, classic};
use baleen_ring::lab::Namespace;
use baleen_runtime::SystemClock;
use baleen_types::LinkType;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SUMS: [&str; 6] = [
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "icmpv6.checksum.status",
    "gre.checksum.status",
];
const GOOD: &str = "1";
const BAD: &str = "0";

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {words:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// For each packet of a file, whether each checksum of it is right; of one inside another they stand behind each other.
fn checksums(file: &Path) -> Vec<Vec<String>> {
    let mut words = vec!["-n", "-r", file.to_str().unwrap(), "-T", "fields", "-E", "occurrence=a"];
    for preference in [
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
    ] {
        words.extend(["-o", preference]);
    }
    for name in SUMS {
        words.extend(["-e", name]);
    }
    let text = run("tshark", &words);
    text.lines()
        .map(|line| line.split('\t').map(ToOwned::to_owned).collect())
        .collect()
}

fn written(path: &Path, packets: &[(Vec<u8>, usize)]) {
    let mut out = Vec::new();
    classic::put_header(&mut out, LinkType::ETHERNET, 262_144, classic::Precision::Nanos);
    for (number, (bytes, original)) in (1u64..).zip(packets) {
        let original = u32::try_from(*original).unwrap();
        let record = Record::new(1_700_000_000_000_000_000 + number, original, bytes);
        classic::put_packet(&mut out, &record, classic::Precision::Nanos);
    }
    std::fs::write(path, out).unwrap();
}

fn every_masking() -> Vec<(&'static str, Masking)> {
    let addresses = Some(AddressKey::new([7; 32]));
    let masking = |headers_only, zero_payload, addresses: &Option<AddressKey>| Masking {
        headers_only,
        zero_payload,
        addresses: addresses.clone(),
    };
    vec![
        ("headers only", masking(true, false, &None)),
        ("no payload", masking(false, true, &None)),
        ("addresses", masking(false, false, &addresses)),
        ("all of it", masking(true, true, &addresses)),
    ]
}

/// Puts right checksums into a frame, where it is a plain one.
fn put_right(frame: &mut [u8]) {
    let mut at = 12;
    while matches!(frame[at..at + 2], [0x81, 0] | [0x88, 0xA8]) {
        at += 4;
    }
    let (kind, packet) = frame[at..].split_at_mut(2);
    let sum = |parts: &[&[u8]]| {
        let bytes = parts.concat();
        let pairs = bytes
            .chunks(2)
            .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)));
        let sum = pairs.sum::<u64>();
        let sum = (sum & 0xFFFF) + (sum >> 16);
        (!u16::try_from((sum & 0xFFFF) + (sum >> 16)).unwrap()).to_be_bytes()
    };
    let (protocol, header, total, addresses) = match *kind {
        [8, 0] => {
            let header = usize::from(packet[0] & 15) * 4;
            let checksum = sum(&[&packet[..header]]);
            packet[10..12].copy_from_slice(&checksum);
            if u16::from_be_bytes([packet[6], packet[7]]) & 0x3FFF > 0 {
                return;
            }
            let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            (packet[9], header, total, packet[12..20].to_vec())
        }
        [0x86, 0xDD] => {
            let total = 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
            (packet[6], 40, total, packet[8..40].to_vec())
        }
        _ => return,
    };
    let content = &mut packet[header..total];
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let pseudo = [&addresses[..], &[0, protocol], &length].concat();
    let (at, pseudo) = match protocol {
        6 => (16, &pseudo[..]),
        17 => (6, &pseudo[..]),
        58 => (2, &pseudo[..]),
        1 => (2, &[][..]),
        _ => return,
    };
    let checksum = sum(&[pseudo, content]);
    content[at..at + 2].copy_from_slice(&checksum);
}

#[test]
fn what_was_right_is_right_and_what_was_wrong_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = Vec::new();
    for (number, mut frame) in common::frames().into_iter().enumerate() {
        // Of each three, two are right.
        if number % 3 > 0 {
            put_right(&mut frame);
        }
        let original = frame.len();
        plain.push((frame, original));
    }
    let before_file = folder.path().join("before.pcap");
    written(&before_file, &plain);
    let before = checksums(&before_file);
    assert_eq!(before.len(), plain.len());
    let mut seen = 0;
    for (name, masking) in every_masking() {
        let mut mask = Mask::new(&masking);
        let masked: Vec<(Vec<u8>, usize)> = plain
            .iter()
            .map(|(bytes, original)| {
                let mut kept = bytes.clone();
                mask.apply(LinkType::ETHERNET, &mut kept, u32::try_from(*original).unwrap());
                (kept, *original)
            })
            .collect();
        let file = folder.path().join("after.pcap");
        written(&file, &masked);
        for (number, (before, after)) in before.iter().zip(checksums(&file)).enumerate() {
            for (sum, (was, is)) in SUMS.iter().zip(before.iter().zip(&after)) {
                let is: Vec<&str> = is.split(',').collect();
                for (place, was) in was.split(',').enumerate() {
                    // Of a packet that was cut, Wireshark does not tell, and what was cut off it does not see.
                    let now = is.get(place).copied().unwrap_or_default();
                    let wrong = if was == GOOD { BAD } else { GOOD };
                    assert!(
                        !(was == GOOD || was == BAD) || now != wrong,
                        "{name}, frame {}, {sum}: was {before:?}, is {after:?}",
                        number + 1
                    );
                    seen += usize::from(was == GOOD && now == GOOD);
                }
            }
        }
    }
    assert!(seen > 4000, "{seen} checksums were looked at");
}

/// What this machine's own stack sends over a loopback: checksums left to a card, super-packets, DNS, errors.
#[test]
fn real_traffic() {
    if !Namespace::is_possible() {
        return;
    }
    let ns = Namespace::new();
    ns.enter();
    run("sysctl", &["-q", "-w", "net.ipv6.conf.all.disable_ipv6=0"]);
    for words in [
        &["link", "set", "lo", "up"][..],
        &["address", "add", "198.51.100.77/32", "dev", "lo"],
        &["address", "add", "203.0.113.99/32", "dev", "lo"],
        &[
            "address",
            "add",
            "2001:db8:feed:beef:1234:5678:9abc:def1/128",
            "dev",
            "lo",
            "nodad",
        ],
    ] {
        run("ip", words);
    }
    let engine = Engine::new(Settings::default(), SystemClock::new()).unwrap();
    let request = CaptureRequest {
        interfaces: Interfaces::Named(vec!["lo".to_owned()]),
        filter: baleen_filter::Filter::expression("host 198.51.100.77 or ip6").unwrap(),
        masking: Masking {
            addresses: Some(AddressKey::new([9; 32])),
            ..Masking::default()
        },
        format: Format::PcapNg,
        snaplen: 200,
        ..CaptureRequest::default()
    };
    let mut running = engine.start(&request).unwrap();
    for (from, to) in [
        ("203.0.113.99", "198.51.100.77"),
        (
            "2001:db8:feed:beef:1234:5678:9abc:def1",
            "2001:db8:feed:beef:1234:5678:9abc:def1",
        ),
    ] {
        exchange(from, to);
    }
    running.handle().stop();
    let mut file = Vec::new();
    while let Some(part) = running.parts.blocking_next() {
        file.extend_from_slice(&part.bytes);
    }
    let outcome = running.handle().blocking_ended();
    assert!(outcome.packets > 20 && outcome.dropped == 0, "{outcome:?}");
    for run in [
        &[198, 51, 100, 77][..],
        &[203, 0, 113, 99],
        &[0xFE, 0xED, 0xBE, 0xEF],
        b"198.51",
        b"hunter2",
    ] {
        assert!(!file.windows(run.len()).any(|window| window == run), "{run:?}");
    }
    let mut reader = Reader::new(&file[..]).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Packet(packet) = item {
            assert!(packet.bytes.len() <= 200, "cut after masking");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("real.pcapng");
    std::fs::write(&path, &file).unwrap();
    let told = checksums(&path);
    let of = |index: usize| told.iter().flat_map(|line| line[index].split(',')).collect::<Vec<_>>();
    for (index, name) in SUMS.iter().enumerate() {
        assert!(!of(index).contains(&BAD), "{name}: {told:?}");
    }
    for index in [0, 1, 2, 3] {
        assert!(of(index).contains(&GOOD), "{}: {told:?}", SUMS[index]);
    }
    let names = run(
        "tshark",
        &["-r", path.to_str().unwrap(), "-n", "-T", "fields", "-e", "dns.qry.name"],
    );
    let names: BTreeSet<&str> = names.lines().filter(|name| !name.is_empty()).collect();
    assert!(names.contains("www.example.org"), "{names:?}");
}

/// Talks over TCP and UDP, and to a port where nobody is.
fn exchange(from: &str, to: &str) {
    let listener = TcpListener::bind((to, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let text = b"PASS hunter2 ".repeat(8000);
    let sender = std::thread::spawn(move || {
        client.write_all(&text).unwrap();
        text.len()
    });
    let mut all = Vec::new();
    server.read_to_end(&mut all).unwrap();
    assert_eq!(sender.join().unwrap(), all.len());
    // A question for a name, to a port of name servers; nobody is there, so that it comes back in an error.
    let mut question = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["www", "example", "org", ""] {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.bytes());
    }
    question.extend([0, 1, 0, 1]);
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect((to, 53)).unwrap();
    socket.send(&question).unwrap();
    assert!(socket.recv(&mut [0; 10]).is_err(), "refused");
}
