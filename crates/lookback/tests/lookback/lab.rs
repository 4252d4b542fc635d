//! A ring in a folder of its own, and packets for it.

use baleen_filter::{End, Filter, FiveTuple};
use baleen_lookback::{Lookback, Parts, Query, Recorder, Sample, Settings, Shape};
use baleen_pcapfile::{Direction, Record};
use baleen_runtime::{Clock, ManualClock, SeededEntropy};
use baleen_sealing::blocks::BaseKey;
use baleen_types::{LinkType, Timestamp};
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// 2026-01-01, in nanoseconds.
pub(crate) const START: u64 = 1_767_225_600_000_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Small pieces, so that a few packets make many.
pub(crate) fn small() -> Settings {
    Settings {
        bytes: 1 << 20,
        flow_bytes: None,
        shape: Shape {
            segment_bytes: 64 << 10,
            chunk_bytes: 1 << 10,
        },
        ..Settings::of(1 << 30)
    }
}

pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) settings: Settings,
    pub(crate) key: Option<BaseKey>,
    pub(crate) entropy: Arc<SeededEntropy>,
}

impl Lab {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(at(START)),
            settings,
            key: None,
            entropy: SeededEntropy::new(7),
        }
    }

    pub(crate) fn sealed(settings: Settings) -> Self {
        Self {
            key: Some(key(1)),
            ..Self::new(settings)
        }
    }

    pub(crate) fn open(&self) -> Lookback {
        self.open_in(self.dir.path())
    }

    pub(crate) fn open_in(&self, folder: &Path) -> Lookback {
        self.try_open(folder, self.key.clone()).unwrap()
    }

    pub(crate) fn try_open(&self, folder: &Path, key: Option<BaseKey>) -> Result<Lookback, baleen_lookback::Error> {
        let parts = Parts {
            key,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        };
        Lookback::open(folder, self.settings, parts)
    }

    /// What a process that is killed now leaves, without what it has in memory.
    pub(crate) fn as_after_a_kill(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in self.segments() {
            std::fs::copy(self.dir.path().join(&name), copy.path().join(&name)).unwrap();
        }
        copy
    }

    pub(crate) fn segments(&self) -> Vec<String> {
        segments_in(self.dir.path())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_nanos().cast_unsigned()
    }
}

pub(crate) fn segments_in(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.strip_suffix(".seg").is_some()).collect();
    names.sort();
    names
}

pub(crate) fn key(first: u8) -> BaseKey {
    BaseKey::new(Zeroizing::new([first; 32]), b"lookback test")
}

pub(crate) fn at(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(nanos.cast_signed())
}

/// A packet as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) stamp: u64,
    pub(crate) interface: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Packet {
    pub(crate) fn new(stamp: u64, bytes: Vec<u8>) -> Self {
        Self {
            stamp,
            interface: 0,
            bytes,
        }
    }

    pub(crate) fn original_length(&self) -> u32 {
        self.bytes.len() as u32 + 7
    }

    pub(crate) fn direction(&self) -> Option<Direction> {
        [None, Some(Direction::Inbound), Some(Direction::Outbound)][(self.stamp % 3) as usize]
    }

    /// In three pieces, as packets come.
    pub(crate) fn append(&self, recorder: &mut Recorder) {
        let (head, rest) = self.bytes.split_at(self.bytes.len().min(12));
        let (middle, tail) = rest.split_at(rest.len().min(4));
        recorder.append(&Record {
            interface: self.interface,
            pieces: [head, middle, tail],
            direction: self.direction(),
            ..Record::new(self.stamp, self.original_length(), &[])
        });
    }
}

pub(crate) fn all(limit: usize) -> Query {
    Query {
        window: at(0)..Timestamp::from_nanos(i64::MAX),
        filter: Filter::All,
        limit,
        scan_bytes_max: u64::MAX,
    }
}

pub(crate) fn within(window: Range<u64>, filter: Filter) -> Query {
    Query {
        window: at(window.start)..at(window.end),
        filter,
        ..all(10_000)
    }
}

pub(crate) fn ask(ring: &Lookback, query: &Query) -> Sample {
    ring.query(query, &|| false).unwrap()
}

/// Stamp and bytes of what was found.
pub(crate) fn seen(sample: &Sample) -> Vec<(u64, Vec<u8>)> {
    let packets = sample.packets.iter();
    packets
        .map(|p| (p.stamp.as_nanos().cast_unsigned(), p.bytes.to_vec()))
        .collect()
}

/// A UDP or TCP frame over IPv4 with so many bytes behind its ports.
pub(crate) fn frame(protocol: u8, source: (u32, u16), destination: (u32, u16), payload: usize) -> Vec<u8> {
    let mut out = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0".to_vec();
    let total = (20 + 20 + payload) as u16;
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&total.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
    out.extend_from_slice(&source.0.to_be_bytes());
    out.extend_from_slice(&destination.0.to_be_bytes());
    out.extend_from_slice(&source.1.to_be_bytes());
    out.extend_from_slice(&destination.1.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
    out.extend((0..payload).map(|n| (n * 31) as u8));
    out
}

pub(crate) fn host(address: u32) -> ipnet::IpNet {
    IpAddr::from(address.to_be_bytes()).into()
}

pub(crate) fn tuple(protocol: u8, source: (u32, u16), destination: (u32, u16)) -> Filter {
    let end = |(address, port): (u32, u16)| End {
        addresses: vec![host(address)],
        ports: vec![port..=port],
    };
    Filter::Tuple(FiveTuple {
        source: end(source),
        destination: end(destination),
        protocol: Some(protocol),
        bidirectional: true,
    })
}

/// A recorder with one Ethernet interface, number 0.
pub(crate) fn record(ring: &Lookback) -> Recorder {
    let mut recorder = ring.record().unwrap();
    assert_eq!(recorder.interface("eth0", LinkType::ETHERNET).unwrap(), 0);
    recorder
}

/// So many packets, of a few conversations, a millisecond apart.
pub(crate) fn packets(count: u64) -> Vec<Packet> {
    let one = |n: u64| {
        let source = (0x0a00_0001 + (n % 5) as u32, 1000 + (n % 11) as u16);
        let destination = (0xc0a8_0001 + (n % 3) as u32, 443);
        Packet::new(
            START + n * SECOND / 1000,
            frame(6, source, destination, (n % 90) as usize),
        )
    };
    (0..count).map(one).collect()
}
