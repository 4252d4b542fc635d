//! Rings on real interfaces, in a namespace of their own, and a tcpdump beside them.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use baleen_capture::engine::{CaptureRequest, Engine, Interfaces, Outcome, RunningCapture, Settings};
use baleen_pcapfile::ng::Statistics;
use baleen_pcapfile::{Item, Reader};
use baleen_ring::lab::Namespace;
use baleen_runtime::SystemClock;
use baleen_types::LinkType;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A namespace with the pair `tx0` and `rx0`, which this thread has entered.
pub fn laboratory() -> Option<Namespace> {
    if !Namespace::is_possible() {
        return None;
    }
    let ns = Namespace::new();
    ns.veth("tx0", "rx0");
    ns.enter();
    Some(ns)
}

pub fn engine(blocks: usize) -> Engine {
    engine_with(blocks, 1)
}

/// One with so many rings for each interface, each of so many blocks.
pub fn engine_with(blocks: usize, rings: usize) -> Engine {
    let mut settings = Settings {
        rings,
        ..Settings::default()
    };
    settings.ring.block_bytes = 512 * 1024;
    settings.ring.blocks = blocks;
    settings.ring.retire = Duration::from_millis(20);
    Engine::new(settings, SystemClock::new()).unwrap()
}

pub fn on(name: &str) -> CaptureRequest {
    CaptureRequest {
        interfaces: Interfaces::Named(vec![name.to_owned()]),
        ..CaptureRequest::default()
    }
}

/// An experimental frame that carries its number.
pub fn numbered(number: u32) -> Vec<u8> {
    let mut frame = vec![0u8; 64 + (number as usize * 13) % 1400];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame
}

pub fn finish(mut running: RunningCapture) -> (Vec<u8>, Outcome) {
    let mut file = Vec::new();
    while let Some(part) = running.parts.blocking_next() {
        file.extend_from_slice(&part.bytes);
    }
    (file, running.handle().blocking_ended())
}

/// Every packet of a file, as (interface, bytes).
pub fn packets(file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut reader = Reader::new(file).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Packet(packet) = item {
            found.push((packet.interface, packet.bytes.to_vec()));
        }
    }
    found
}

pub fn numbers(file: &[u8]) -> Vec<u32> {
    packets(file)
        .iter()
        .filter(|(_, bytes)| bytes[12..14] == [0x88, 0xb5])
        .map(|(_, bytes)| u32::from_be_bytes(bytes[14..18].try_into().unwrap()))
        .collect()
}

pub fn assert_run(found: &[u32], expected: std::ops::Range<u32>) {
    let first_wrong = found.iter().copied().zip(expected.clone()).find(|(a, b)| a != b);
    assert!(
        found.len() == expected.len() && first_wrong.is_none(),
        "{} packets, {first_wrong:?}",
        found.len()
    );
}

/// Expressions which libpcap 1.10 optimises wrongly for a live Ethernet handle: on the path of a tag beside the packet it
/// loads from where only the path of a tag in the packet has to look. `tcpdump -O` judges right, and as we do.
pub const OPTIMISED_WRONGLY: [&str; 1] = ["ip or (vlan and ip) or (vlan and vlan and ip)"];

/// Bytes that it keeps of a packet: no more, since its ring has as much for each; where it cuts it keeps two fewer.
pub const TCPDUMP_SNAPLEN: u32 = 700;

/// A tcpdump that writes what it sees of one interface into a file.
pub struct Tcpdump {
    child: Child,
    file: std::path::PathBuf,
}

impl Tcpdump {
    pub fn start(ns: &Namespace, interface: &str, expression: &str, file: &Path) -> Self {
        let optimise = if OPTIMISED_WRONGLY.contains(&expression) {
            "-O"
        } else {
            "-n"
        };
        let words = [
            optimise,
            "-i",
            interface,
            "-n",
            "--immediate-mode",
            "-U",
            "-s",
            "700",
            "-B",
            "4096",
            "-Z",
            "root",
            "-w",
            file.to_str().unwrap(),
            expression,
        ];
        let mut child = ns
            .command("tcpdump", &words)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("listening on"));
        assert!(listening, "tcpdump does not start with {expression}");
        Self {
            child,
            file: file.to_owned(),
        }
    }

    fn written(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap_or_default()
    }

    /// Waits until as many bytes are written as such packets take, and ends it. One that is missing or another one shows
    /// in what it wrote.
    pub fn stop_after(self, packets_expected: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let file = self.stop_behind(packets_expected, |_| 0);
        packets(&file).into_iter().map(|(_, bytes)| bytes).collect()
    }

    /// The same, with the file and a further header in front of each packet, by the type of its link.
    pub fn stop_behind(mut self, packets_expected: &[Vec<u8>], header: impl Fn(LinkType) -> usize) -> Vec<u8> {
        let is_whole = |file: &[u8]| {
            let Some(link) = file.get(20..22) else { return false };
            let more = 16 + header(LinkType::new(u16::from_le_bytes([link[0], link[1]])));
            file.len() >= 24 + packets_expected.iter().map(|packet| more + packet.len()).sum::<usize>()
        };
        let end = Instant::now() + Duration::from_secs(20);
        while !is_whole(&self.written()) && Instant::now() < end {
            std::thread::yield_now();
        }
        let killed = std::process::Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        self.child.wait().unwrap();
        self.written()
    }
}

/// Of a test that fails in between nothing is left that goes on writing.
impl Drop for Tcpdump {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes of a link header that is no Ethernet's.
pub fn link_header(link: LinkType) -> usize {
    match link {
        LinkType::RAW => 0,
        LinkType::LINUX_SLL2 => 20,
        LinkType::LINUX_SLL => 16,
        other => panic!("{other:?}"),
    }
}

/// Every packet as it stands behind its link header, of a file without Ethernet.
pub fn behind_the_link(file: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(file).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Packet(packet) = item {
            found.push(packet.bytes[link_header(packet.link)..].to_vec());
        }
    }
    found
}

/// All statistics of a file, in order.
pub fn statistics(file: &[u8]) -> Vec<Statistics> {
    let mut reader = Reader::new(file).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Statistics(statistics) = item {
            found.push(statistics);
        }
    }
    found
}

/// Waits for something that another thread or the kernel does soon.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}
