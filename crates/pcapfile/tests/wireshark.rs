//! What we write, read by capinfos and tshark.
#![allow(clippy::unwrap_used, reason = "tests")]

use baleen_pcapfile::{Direction, Record, classic, ng};
use baleen_types::LinkType;
use std::fs;
use std::path::Path;
use std::process::Command;

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program)
        .args(words)
        .output()
        .unwrap_or_else(|e| panic!("{program} is needed: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// An ARP request, so that tshark has something to dissect.
const ARP: [u8; 42] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1,
    0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
];
const STAMP: u64 = 1_700_000_000_123_456_789;

fn fields(file: &Path, names: &[&str]) -> String {
    let mut words = vec!["-n", "-r", file.to_str().unwrap(), "-T", "fields"];
    for name in names {
        words.extend(["-e", name]);
    }
    run("tshark", &words)
}

#[test]
fn classic_files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, precision, epoch) in [
        ("micros.pcap", classic::Precision::Micros, "1700000000.123456000"),
        ("nanos.pcap", classic::Precision::Nanos, "1700000000.123456789"),
    ] {
        let mut out = Vec::new();
        classic::put_header(&mut out, LinkType::ETHERNET, 262_144, precision);
        classic::put_packet(&mut out, &Record::new(STAMP, 60, &ARP), precision);
        let file = folder.path().join(name);
        fs::write(&file, out).unwrap();
        let text = fields(
            &file,
            &["frame.time_epoch", "frame.len", "frame.cap_len", "arp.dst.proto_ipv4"],
        );
        assert_eq!(text.trim(), format!("{epoch}\t60\t42\t10.0.0.2"));
        let info = run("capinfos", &["-t", "-E", "-c", file.to_str().unwrap()]);
        assert!(
            info.contains("Ethernet") && info.contains("Number of packets:   1"),
            "{info}"
        );
    }
}

#[test]
fn pcapng_with_everything_in_it() {
    let mut out = Vec::new();
    let section = ng::Section {
        hardware: "x86_64".to_owned(),
        os: "Linux".to_owned(),
        application: "Baleen test".to_owned(),
        comments: vec!["capture of a test".to_owned()],
    };
    ng::put_section(&mut out, &section);
    for (name, link) in [("eth0", LinkType::ETHERNET), ("any", LinkType::LINUX_SLL2)] {
        ng::put_interface(
            &mut out,
            &ng::Interface {
                link,
                snaplen: 262_144,
                name: name.to_owned(),
                description: format!("interface {name}"),
                filter: "arp or ip".to_owned(),
                mac: Some([2, 0, 0, 0, 0, 1]),
                speed: Some(1_000_000_000),
            },
        );
    }
    let first = Record {
        direction: Some(Direction::Inbound),
        ..Record::new(STAMP, 60, &ARP)
    };
    ng::put_packet(&mut out, &first);
    let cooked = [8, 6, 0, 0, 0, 0, 0, 3, 0, 1, 1, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let second = Record {
        interface: 1,
        pieces: [&cooked, &ARP[14..], &[]],
        dropped: 12,
        ..Record::new(STAMP + 1, 48, &[])
    };
    ng::put_packet(&mut out, &second);
    for interface in 0..2 {
        ng::put_statistics(
            &mut out,
            &ng::Statistics {
                interface,
                stamp_nanos: STAMP + 2,
                received: Some(20),
                accepted: Some(14),
                os_dropped: Some(12),
                delivered: Some(2),
                ..ng::Statistics::default()
            },
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.pcapng");
    fs::write(&file, &out).unwrap();
    let text = fields(
        &file,
        &[
            "frame.time_epoch",
            "frame.interface_name",
            "frame.packet_flags_direction",
            "arp.dst.proto_ipv4",
        ],
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("1700000000.123456789\teth0\t") && lines[0].ends_with("10.0.0.2"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("1700000000.123456790\tany\t") && lines[1].ends_with("10.0.0.2"),
        "{text}"
    );
    let info = run("capinfos", &[file.to_str().unwrap()]);
    for expected in [
        "Number of packets:   2",
        "Baleen test",
        "x86_64",
        "capture of a test",
        "Name = eth0",
        "Filter string = arp or ip",
        "Time resolution = 0x09",
        "Number of stat entries = 1",
    ] {
        assert!(info.contains(expected), "{expected} is not in {info}");
    }
}
