//! What the object service does without HTTP above it: durable puts, gets and listing pages, at 16 and 64 tasks.
//!
//! `cargo run --release -p baleen-objects --example putbench -- FOLDER [SECONDS [--encrypt]]`; the folder should be on the disk that
//! is meant, and is filled with up to some GiB. `putbench FOLDER --keys 100000 10000000` fills it with so many keys, one number
//! after the other, and measures pages of 1000 from any key on at each; `--pages 10000000` measures them in a folder so filled.
//! `putbench DATA --served 10000000` puts so many keys of twelve digits, in no order, into the bucket `bench` of the data folder of a
//! server that has it and is stopped: what is listed over HTTP then. Figures of one machine compare with figures of the same minute
//! only.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark for developers")]

use baleen_blob::Blobs;
use baleen_meta::{FjallSettings, Meta};
use baleen_objects::{
    CreateBucket, Encrypt, Expect, ListObjects, ObjectHeaders, Objects, Parts, PutObject, Selection, Settings, Tags,
    WriteCondition, body_from_bytes,
};
use baleen_runtime::{SystemClock, SystemEntropy};
use baleen_sealing::{MasterKey, Sealer};
use baleen_types::{AccountId, BucketName, ObjectKey, ObjectPath, RegionName};
use bytes::Bytes;
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Ticks of the kernel's process times in a second (USER_HZ, fixed on Linux).
const TICKS_PER_SECOND: u64 = 100;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "target/putbench".into()));
    let mut arguments = arguments.peekable();
    if arguments.next_if_eq("--served").is_some() {
        let keys = arguments.next().unwrap().parse().unwrap();
        SERVED.set(keys).unwrap();
        fill_up(&open(&folder).await, 0, keys).await;
        return;
    }
    let objects = open(&folder).await;
    if arguments.next_if_eq("--pages").is_some() {
        return pages(&objects, arguments.next().unwrap().parse().unwrap(), 5000).await;
    }
    if arguments.next_if_eq("--keys").is_some() {
        let mut keys = 0;
        for more in arguments {
            let more: u64 = more.parse().unwrap();
            fill_up(&objects, keys, more).await;
            keys = more;
            pages(&objects, keys, 500).await;
        }
        return;
    }
    let seconds = arguments.next().map_or(5, |text| text.parse().unwrap());
    println!(
        "{:>8} {:>6} {:>5} {:>10} {:>9} {:>9} {:>9} {:>8}",
        "size", "tasks", "what", "per s", "p50 us", "p99 us", "CPU us", "MiB/s"
    );
    for size in [4096, 65_536, 1 << 20] {
        for tasks in [1, 16, 64] {
            let span = Duration::from_secs(seconds);
            let counter = Arc::new(AtomicU64::new(0));
            measure("put", size, tasks, span, || put(objects.clone(), counter.clone(), size)).await;
            let written = counter.load(Relaxed);
            let reads = Arc::new(AtomicU64::new(0));
            measure("get", size, tasks, span, || {
                get(objects.clone(), reads.clone(), size, written)
            })
            .await;
        }
    }
    list(&objects).await;
    println!("peak memory: {} MiB", peak_memory_kib() / 1024);
}

async fn open(folder: &Path) -> Arc<Objects> {
    let entropy = SystemEntropy::new();
    let objects = Objects::new(
        Settings::default(),
        Parts {
            meta: Meta::open_fjall(&folder.join("meta"), FjallSettings::default()).unwrap(),
            blobs: Blobs::open(&folder.join("blob"), baleen_blob::Settings::default(), entropy.clone()).unwrap(),
            clock: SystemClock::new(),
            entropy,
            sealer: Arc::new(Sealer::new(&MasterKey::new([1; 32]))),
        },
    );
    objects.recover().await.unwrap();
    let owner = AccountId::from_entropy(1);
    let region = RegionName::parse("local").unwrap();
    // It is there already when the folder was used before.
    drop(
        objects
            .create_bucket(CreateBucket {
                owner,
                name: bucket(),
                region,
                object_lock: false,
            })
            .await,
    );
    objects
}

/// How many keys the folder of a server is filled with, if it is that.
static SERVED: OnceLock<u64> = OnceLock::new();

fn bucket() -> BucketName {
    let name = if SERVED.get().is_some() { "bench" } else { "putbench" };
    BucketName::parse(name).unwrap()
}

/// Keys of about 80 bytes in 100 folders, in no order of their time.
fn at(size: usize, n: u64) -> ObjectPath {
    if let Some(keys) = SERVED.get() {
        // Each number once, as long as their count is no multiple of the prime.
        let key = format!("{:012}", n.wrapping_mul(7_368_787) % keys);
        return ObjectPath {
            bucket: bucket(),
            key: ObjectKey::parse(key).unwrap(),
        };
    }
    let scattered = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let key = format!(
        "captures/of-some-size/{size}/folder-{:02}/object-{scattered:016x}-{n:012}.pcapng",
        n % 100
    );
    ObjectPath {
        bucket: bucket(),
        key: ObjectKey::parse(key).unwrap(),
    }
}

async fn put(objects: Arc<Objects>, counter: Arc<AtomicU64>, size: usize) {
    let n = counter.fetch_add(1, Relaxed);
    let mut bytes = vec![0; size];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    let request = PutObject {
        at: at(size, n),
        body: body_from_bytes(bytes),
        length: Some(size as u64),
        headers: ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: Tags::default(),
        expect: Expect::default(),
        condition: WriteCondition::None,
        acl: baleen_types::Acl::default(),
        encrypt: if std::env::args().any(|argument| argument == "--encrypt") {
            Encrypt::Managed
        } else {
            Encrypt::AsBucket
        },
    };
    objects.put(request).await.unwrap();
}

async fn get(objects: Arc<Objects>, counter: Arc<AtomicU64>, size: usize, written: u64) {
    let n = counter.fetch_add(1, Relaxed).wrapping_mul(7919) % written;
    let mut body = objects.open(&at(size, n), Selection::Whole).await.unwrap().body;
    let mut got = 0;
    while let Some(piece) = body.next().await {
        let piece: Bytes = piece.unwrap();
        got += piece.len();
    }
    assert_eq!(got, size);
}

/// Runs `work` again and again in `tasks` tasks, and prints how often and how fast.
async fn measure<W: Future<Output = ()> + Send + 'static>(
    what: &str,
    size: usize,
    tasks: usize,
    span: Duration,
    work: impl Fn() -> W + Send + Sync,
) {
    let start = Instant::now();
    let cpu_before = cpu_ticks();
    let (results, mut answers) = tokio::sync::mpsc::channel(tasks);
    let work = &work;
    let workers = futures::future::join_all((0..tasks).map(|_| {
        let results = results.clone();
        async move {
            let mut micros = Vec::new();
            while start.elapsed() < span {
                let began = Instant::now();
                // Each on the runtime, as requests of connections are.
                tokio::spawn(work()).await.unwrap();
                micros.push(u64::try_from(began.elapsed().as_micros()).unwrap());
            }
            results.send(micros).await.unwrap();
        }
    }));
    workers.await;
    drop(results);
    let mut micros = Vec::new();
    while let Some(more) = answers.recv().await {
        micros.extend(more);
    }
    micros.sort_unstable();
    let count = micros.len() as u64;
    let elapsed_micros = u64::try_from(start.elapsed().as_micros()).unwrap();
    let per_second = count * 1_000_000 / elapsed_micros;
    let cpu_micros = (cpu_ticks() - cpu_before) * 1_000_000 / TICKS_PER_SECOND / count.max(1);
    let at = |percent: usize| micros.get(micros.len() * percent / 100).copied().unwrap_or_default();
    let mib = (per_second * size as u64) >> 20;
    println!(
        "{size:>8} {tasks:>6} {what:>5} {per_second:>10} {:>9} {:>9} {cpu_micros:>9} {mib:>8}",
        at(50),
        at(99)
    );
}

/// Bytes of the objects that are put to be listed.
const TINY: usize = 16;

/// After so many the rate is told, which shows whether it falls.
const FILLED_AT_ONCE: u64 = 1_000_000;

/// Puts so many tiny objects, as fast as it goes.
async fn fill_up(objects: &Arc<Objects>, mut keys: u64, wanted: u64) {
    while keys < wanted {
        let end = wanted.min(keys + FILLED_AT_ONCE);
        fill(objects, keys..end).await;
        keys = end;
    }
}

async fn fill(objects: &Arc<Objects>, numbers: std::ops::Range<u64>) {
    let (begun, end) = (Instant::now(), numbers.end);
    let count = numbers.end - numbers.start;
    let next = Arc::new(AtomicU64::new(numbers.start));
    let tasks = (0..512).map(|_| {
        let (objects, next) = (objects.clone(), next.clone());
        tokio::spawn(async move {
            // Each of the tasks takes the number that is next, and the last ones a few too many.
            while next.load(Relaxed) < end {
                put(objects.clone(), next.clone(), TINY).await;
            }
        })
    });
    for done in futures::future::join_all(tasks).await {
        done.unwrap();
    }
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap().max(1);
    println!("{count} keys put, {}/s", count * 1000 / millis);
}

/// Measures so many pages of 1000 that begin anywhere among so many keys.
async fn pages(objects: &Arc<Objects>, keys: u64, count: u64) {
    let mut micros = Vec::new();
    for round in 0..count {
        let from = at(TINY, round.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys);
        let request = ListObjects {
            bucket: bucket(),
            prefix: String::new(),
            delimiter: String::new(),
            after: Some(from.key.as_str().to_owned()),
            max_keys: 1000,
        };
        let begun = Instant::now();
        let page = objects.list(request, |_| ()).await.unwrap();
        micros.push(begun.elapsed().as_micros());
        assert!(page.entries.len() == 1000 || page.next.is_none());
    }
    micros.sort_unstable();
    let at = |percent: usize| micros[micros.len() * percent / 100];
    println!(
        "{keys} keys: a page of 1000 takes {} us (p50), {} us (p99)",
        at(50),
        at(99)
    );
}

/// Lists all, page by page, and then the folders of one size.
async fn list(objects: &Arc<Objects>) {
    let start = Instant::now();
    let (mut keys, mut pages, mut after) = (0, 0, None);
    loop {
        let request = ListObjects {
            bucket: bucket(),
            prefix: String::new(),
            delimiter: String::new(),
            after,
            max_keys: 1000,
        };
        let page = objects.list(request, |_| ()).await.unwrap();
        keys += page.entries.len() as u128;
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let micros = start.elapsed().as_micros();
    println!(
        "listed {keys} keys: {} per s, {} us a page",
        keys * 1_000_000 / micros.max(1),
        micros / pages
    );
    let start = Instant::now();
    let prefix = "captures/of-some-size/4096/".to_owned();
    let request = ListObjects {
        bucket: bucket(),
        prefix,
        delimiter: "/".into(),
        after: None,
        max_keys: 1000,
    };
    let page = objects.list(request, |_| ()).await.unwrap();
    println!(
        "listed {} common prefixes in {} us",
        page.common_prefixes.len(),
        start.elapsed().as_micros()
    );
}

/// Processor time of this process so far.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
