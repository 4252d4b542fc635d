//! Measures what a durable commit and a read cost: `cargo run --release -p baleen-meta --example commit_rate [FOLDER]`.
//!
//! Each commit is what a small PUT makes: a record of 300 bytes, a counter add, acknowledged after the sync. With a
//! folder as argument, the disk under it is measured, else that of the temporary folder.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]

use baleen_meta::{FjallSettings, Meta, Request, Scan};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SECONDS: u32 = 3;

struct Case {
    waiters: u64,
    value_bytes: usize,
}

#[tokio::main]
async fn main() {
    let root: PathBuf = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(root).unwrap();
    let meta = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
    for value_bytes in [300, 4096] {
        for waiters in [1, 16, 64] {
            commits(&meta, &Case { waiters, value_bytes }).await;
        }
    }
    reads(&meta).await;
    codec();
}

/// Commits from several tasks for a while.
async fn commits(meta: &Meta, case: &Case) {
    let cpu = cpu_ticks();
    let (next, deadline) = (
        Arc::new(AtomicU64::new(0)),
        Instant::now() + Duration::from_secs(u64::from(SECONDS)),
    );
    let mut tasks = tokio::task::JoinSet::new();
    let value_bytes = case.value_bytes;
    for _ in 0..case.waiters {
        let (meta, next) = (meta.clone(), next.clone());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let started = Instant::now();
                if started > deadline {
                    return latencies;
                }
                let number = next.fetch_add(1, Ordering::Relaxed);
                let request = Request::new()
                    .put(key(value_bytes, number), value(number, value_bytes))
                    .add("Cbucket", 1);
                assert!(meta.commit(request).await.unwrap().is_committed());
                latencies.push(started.elapsed());
            }
        });
    }
    let mut latencies: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    latencies.sort_unstable();
    let rate = latencies.len() / SECONDS as usize;
    let at = |part: usize| latencies[latencies.len() * part / 100].as_micros();
    println!(
        "commit {} B, {:2} waiters: {rate:6}/s, p50 {:4} us, p99 {:5} us, {} us of CPU each",
        value_bytes,
        case.waiters,
        at(50),
        at(99),
        (cpu_ticks() - cpu) * MICROSECONDS_PER_TICK / latencies.len() as u64,
    );
}

/// What Linux counts processor time in, here.
const MICROSECONDS_PER_TICK: u64 = 10_000;

/// Processor time of this process so far, user and system.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// An object key in one of 1000 directories, in random order.
fn key(group: usize, number: u64) -> Vec<u8> {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "O{group:08}captures/site-{:03}/2026/{random:016x}/{number:020}.pcapng",
        random % 1000
    )
    .into_bytes()
}

fn value(number: u64, bytes: usize) -> Vec<u8> {
    let mut state = number | 1;
    let half = (0..bytes / 2).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()[7]
    });
    let mut value: Vec<u8> = half.collect();
    value.resize(bytes, 0);
    value
}

/// Reads on this thread and by hand-over to a blocking thread.
async fn reads(meta: &Meta) {
    const READS: u32 = 20_000;
    let started = Instant::now();
    for number in 0..READS {
        meta.get(&key(300, u64::from(number))).await.unwrap();
    }
    println!("get, inline: {:?} each", started.elapsed() / READS);
    let started = Instant::now();
    for _ in 0..READS {
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
    println!("hand-over to a blocking thread: {:?} each", started.elapsed() / READS);
    for limit in [100, 128, 1000, 10_000] {
        let started = Instant::now();
        let rounds = 20;
        let mut found = 0;
        for _ in 0..rounds {
            found = meta.scan(Scan::prefix(b"O00000300").limit(limit)).await.unwrap().len();
        }
        println!("scan of {found}: {:?} each", started.elapsed() / rounds);
    }
}

/// A record of a few hundred bytes through the codec.
fn codec() {
    use baleen_meta::record::{self, first_version};

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Object {
        size: u64,
        etag: [u8; 16],
        changed: i64,
        content_type: String,
        checksum: Option<[u8; 8]>,
        metadata: Vec<(String, String)>,
        extents: Vec<(u32, u64, u32)>,
    }

    first_version!(Object, "object");

    const ROUNDS: u32 = 200_000;
    let object = Object {
        size: 123_456,
        etag: [7; 16],
        changed: 1_790_000_000_000_000_000,
        content_type: "application/vnd.tcpdump.pcap".into(),
        checksum: Some([3; 8]),
        metadata: (0..4)
            .map(|at| (format!("name-{at}"), "some value of usual length".into()))
            .collect(),
        extents: vec![(1, 2, 3); 4],
    };
    let started = Instant::now();
    let mut bytes = bytes::Bytes::new();
    for _ in 0..ROUNDS {
        bytes = record::encode(std::hint::black_box(&object)).unwrap();
    }
    println!("encode a record of {} B: {:?}", bytes.len(), started.elapsed() / ROUNDS);
    let started = Instant::now();
    for _ in 0..ROUNDS {
        std::hint::black_box(record::decode::<Object>(std::hint::black_box(&bytes)).unwrap());
    }
    println!("decode it: {:?}", started.elapsed() / ROUNDS);
}
