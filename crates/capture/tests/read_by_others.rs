//! Every kind of file that the engine writes, read by capinfos, tshark and mergecap without a complaint. The packets are those of
//! real programs. Needs root, and fails without; `baleen_ring::lab` says how to leave it out.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../filter/tests/common/mod.rs"]
mod common;
mod wire;

use baleen_capture::AddressKey;
use baleen_capture::engine::{
    CaptureRequest, Format, Interfaces, Limits, Masking, PART_BYTES_MIN, Rotation, RunningCapture, SNAPLEN_MIN,
};
use baleen_filter::Filter;
use baleen_pcapfile::ng::{self, Statistics};
use baleen_ring::lab::{Injector, Tunnel};
use common::real_frames;
use futures::StreamExt as _;
use std::path::Path;
use std::process::Command;
use wire::{engine, engine_with, eventually, laboratory, on};

/// What a program prints of a file; it has nothing to complain of.
fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = complaints
        .lines()
        .filter(|line| !line.contains("Running as user"))
        .collect();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{program} {words:?}: {complaints:?}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn count(file: &Path) -> u64 {
    let text = run("capinfos", &["-M", "-c", file.to_str().unwrap()]);
    let (_, count) = text.split_once("Number of packets:").unwrap();
    count.trim().parse().unwrap()
}

/// Checks files of one capture, which hold so many packets together.
fn check(name: &str, files: &[Vec<u8>], expected: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut counted = 0;
    let mut paths = Vec::new();
    for (number, bytes) in files.iter().enumerate() {
        let path = folder.path().join(format!("{number}.file"));
        std::fs::write(&path, bytes).unwrap();
        let packets = count(&path);
        let lines = run(
            "tshark",
            &["-n", "-r", path.to_str().unwrap(), "-T", "fields", "-e", "frame.number"],
        );
        assert_eq!(lines.lines().count() as u64, packets, "{name}");
        counted += packets;
        paths.push(path.to_str().unwrap().to_owned());
    }
    assert_eq!(counted, expected, "{name}");
    let merged = folder.path().join("merged");
    let mut words = vec!["-w", merged.to_str().unwrap()];
    words.extend(paths.iter().chain(&paths).map(String::as_str));
    run("mergecap", &words);
    assert_eq!(count(&merged), 2 * expected, "{name}, merged with itself");
}

/// Takes all parts; the files that they make.
fn files(mut running: RunningCapture) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = Vec::new();
    while let Some(part) = running.parts.blocking_next() {
        files.resize(part.file as usize + 1, Vec::new());
        files[part.file as usize].extend_from_slice(&part.bytes);
    }
    files
}

fn send_all(sender: &Injector) -> usize {
    let frames = real_frames();
    for frame in &frames {
        sender.send(frame).unwrap();
    }
    frames.len()
}

#[test]
fn every_kind_of_file_is_read_without_a_complaint() {
    let Some(ns) = laboratory() else { return };
    ns.veth("tx1", "rx1");
    let sender = Injector::open("tx0").unwrap();
    let named = |names: &[&str]| Interfaces::Named(names.iter().map(|name| (*name).to_owned()).collect());
    let masked = Masking {
        addresses: Some(AddressKey::new([0x5a; 32])),
        zero_payload: true,
        ..Masking::default()
    };
    let rotated = Rotation {
        bytes: Some(PART_BYTES_MIN as u64),
        every: None,
    };
    let expression = |text: &str| Filter::expression(text).unwrap();
    for format in [Format::Pcap, Format::PcapNg] {
        let plain = CaptureRequest { format, ..on("rx0") };
        let kinds = [
            ("plain", plain.clone()),
            (
                "of a filter",
                CaptureRequest {
                    filter: expression("tcp"),
                    ..plain.clone()
                },
            ),
            (
                "cut packets",
                CaptureRequest {
                    snaplen: SNAPLEN_MIN,
                    ..plain.clone()
                },
            ),
            ("any", CaptureRequest { format, ..on("any") }),
            (
                "several interfaces",
                CaptureRequest {
                    interfaces: named(&["rx0", "rx1"]),
                    ..plain.clone()
                },
            ),
            (
                "masked",
                CaptureRequest {
                    masking: masked.clone(),
                    ..plain.clone()
                },
            ),
            (
                "rotated",
                CaptureRequest {
                    rotation: rotated,
                    ..plain.clone()
                },
            ),
            (
                "with comments",
                CaptureRequest {
                    comments: vec!["Größe \u{1f40b}".to_owned(), String::new()],
                    ..plain.clone()
                },
            ),
        ];
        for (name, request) in kinds {
            for rings in [1, 3] {
                let running = engine_with(16, rings).start(&request).unwrap();
                let handle = running.handle();
                let sent: usize = (0..4).map(|_| send_all(&sender)).sum();
                handle.stop();
                let files = files(running);
                let outcome = handle.blocking_ended();
                assert_eq!(outcome.dropped, 0, "{name}");
                assert_eq!(files.len() > 1, request.rotation.is_some(), "{name}");
                if request.filter == Filter::All && request.interfaces != named(&["any"]) {
                    assert_eq!(outcome.packets, sent as u64, "{name}");
                }
                check(&format!("{name}, {format:?}"), &files, outcome.packets);
            }
        }
        // None at all, and no link header.
        let running = engine(4).start(&plain).unwrap();
        running.handle().stop();
        check("empty", &files(running), 0);
        let tunnel = Tunnel::new("tun0", 65534).unwrap();
        ns.ip(&["link", "set", "tun0", "up"]);
        let running = engine(4).start(&CaptureRequest { format, ..on("tun0") }).unwrap();
        for frame in real_frames().iter().filter(|frame| frame[12..14] == [8, 0]) {
            tunnel.send(&frame[14..]).unwrap();
        }
        running.handle().stop();
        let handle = running.handle();
        let files = files(running);
        check("of a tunnel", &files, handle.blocking_ended().packets);
    }
}

/// What a kill leaves, with what the next start puts behind it; and what somebody sees who looks from the middle on.
#[test]
fn what_is_cut_and_what_is_followed_are_files_too() {
    let Some(_ns) = laboratory() else { return };
    let sender = Injector::open("tx0").unwrap();
    for format in [Format::Pcap, Format::PcapNg] {
        let limits = Limits::default();
        let request = CaptureRequest {
            format,
            limits,
            ..on("rx0")
        };
        let mut running = engine(64).start(&request).unwrap();
        let handle = running.handle();
        let first = send_all(&sender) as u64;
        eventually("they are taken in", || handle.progress().packets == first);
        let followed = handle.follow().unwrap();
        let mut sent = first;
        // Two parts of 8 MiB and some more.
        while handle.progress().file_bytes < 20 << 20 {
            sent += send_all(&sender) as u64;
            let all = sent;
            eventually("they are taken in", || handle.progress().packets == all);
        }
        handle.stop();
        let mut run = Vec::new();
        let mut until = 0;
        while let Some(part) = running.parts.blocking_next() {
            if part.number <= 2 {
                run.extend_from_slice(&part.bytes);
                until = part.packets_until;
            }
        }
        assert!(until > 0 && until < sent);
        check("a run of parts", &[run.clone()], until);
        if format == Format::PcapNg {
            let statistics = Statistics {
                delivered: Some(until),
                ..Statistics::default()
            };
            ng::put_statistics_with_comment(&mut run, &statistics, "cut here");
            check("a run of parts with its end", &[run], until);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen: Vec<u8> = runtime.block_on(followed.map(|piece| piece.to_vec()).concat());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("followed");
        std::fs::write(&path, &seen).unwrap();
        let lines = run_lines(&path);
        assert!(lines > 0 && lines as u64 <= sent - first, "{lines}");
        check("followed", &[seen], lines as u64);
    }
}

fn run_lines(file: &Path) -> usize {
    run(
        "tshark",
        &["-n", "-r", file.to_str().unwrap(), "-T", "fields", "-e", "frame.number"],
    )
    .lines()
    .count()
}
