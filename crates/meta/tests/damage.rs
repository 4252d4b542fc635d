//! Flipped bytes in every kind of stored file: the store refuses to open, or a read fails, or the answer is right. A wrong
//! value or a missing key without an error is a failure.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use baleen_meta::{Error, FjallSettings, Meta, Request, Scan};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Flips for each kind of file.
const FLIPS: usize = 20;

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// Small buffers, so that a small store has tables and value files.
fn settings() -> FjallSettings {
    FjallSettings {
        write_buffer_bytes: 256 * 1024,
        ..FjallSettings::default()
    }
}

/// Bytes that do not repeat, from a seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    };
    (0..length).map(step).collect()
}

/// Fills a store with small and large values until it has every kind of file, and returns what is in it.
async fn fill(folder: &Path) -> Contents {
    let meta = Meta::open_fjall(folder, settings()).unwrap();
    let mut contents = Contents::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    for round in 0.. {
        let mut request = Request::new();
        for at in 0..20_u64 {
            let seed = round * 20 + at;
            let key = format!("O{:016x}", seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes();
            let value = noise(seed, if at % 10 == 0 { 4096 } else { 200 });
            request = request.put(key.clone(), value.clone());
            contents.insert(key, value);
        }
        meta.commit(request).await.unwrap();
        if round > 60 && has_files(&folder.join("keyspaces/1/tables")) && has_files(&folder.join("keyspaces/1/blobs")) {
            break;
        }
        assert!(Instant::now() < deadline, "no table was written");
    }
    for round in 0..20_u64 {
        let key = format!("B{round}").into_bytes();
        meta.commit(Request::new().put(key.clone(), key.clone())).await.unwrap();
        contents.insert(key.clone(), key);
    }
    contents
}

/// A kind of stored file.
struct Kind {
    name: &'static str,
    matches: fn(&str) -> bool,
    /// Leave out the note of a clean stop, as after a kill.
    killed: bool,
}

const KINDS: [Kind; 9] = [
    Kind {
        name: "journal",
        matches: |path| path.contains(".jnl"),
        killed: false,
    },
    Kind {
        name: "journal after a kill",
        matches: |path| path.contains(".jnl"),
        killed: true,
    },
    Kind {
        name: "table",
        matches: |path| path.contains("keyspaces/1/tables/"),
        killed: false,
    },
    Kind {
        name: "value file",
        matches: |path| path.contains("keyspaces/1/blobs/"),
        killed: false,
    },
    Kind {
        name: "table list",
        matches: |path| path.contains("keyspaces/1/v"),
        killed: false,
    },
    Kind {
        name: "table list pointer",
        matches: |path| path.ends_with("keyspaces/1/current"),
        killed: false,
    },
    Kind {
        name: "catalogue",
        matches: |path| path.contains("keyspaces/0/"),
        killed: false,
    },
    Kind {
        name: "engine format",
        matches: |path| path.ends_with("/version"),
        killed: false,
    },
    Kind {
        name: "our notes",
        matches: |path| path.ends_with("-format") || path.ends_with("-cleanly"),
        killed: false,
    },
];

/// A stored file: its path in the store, its bytes without the zeros at the end (a journal has them in advance), and its
/// length with them.
struct Stored {
    path: PathBuf,
    bytes: Vec<u8>,
    length: u64,
}

impl Stored {
    fn is(&self, kind: &Kind) -> bool {
        !self.bytes.is_empty() && (kind.matches)(&format!("/{}", self.path.display()))
    }

    fn write(&self, folder: &Path, bytes: &[u8]) {
        let target = folder.join(&self.path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(target).unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(self.length).unwrap();
    }
}

/// All files of a store, in a stable order.
fn files(folder: &Path) -> Vec<Stored> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(mut bytes) = std::fs::read(&path) else { continue };
            let length = bytes.len() as u64;
            let zeros = [0; 4096];
            while bytes.ends_with(&zeros) {
                bytes.truncate(bytes.len() - zeros.len());
            }
            bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            found.push(Stored {
                path: path.strip_prefix(folder).unwrap().to_owned(),
                bytes,
                length,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// How a damaged store behaved.
#[derive(Debug, Default)]
struct Seen {
    refused: u32,
    failed: u32,
    right: u32,
}

/// Opens and reads everything, by key and by scan. Panics on a wrong answer.
async fn read_all(folder: &Path, contents: &Contents, seen: &mut Seen, context: &str) {
    let meta = match Meta::open_fjall(folder, settings()) {
        Ok(meta) => meta,
        Err(error) => {
            assert!(!matches!(error, Error::InUse { .. }), "{context}: {error}");
            seen.refused += 1;
            return;
        }
    };
    let mut failed = false;
    for (key, value) in contents {
        match meta.get(key).await {
            Ok(found) => assert_eq!(found.as_deref(), Some(value.as_slice()), "{context}: {key:?}"),
            Err(_) => failed = true,
        }
    }
    let (mut from, mut expected) = (Bound::Included(b"A".to_vec()), contents.iter());
    loop {
        let scan = Scan::range(from, Bound::Excluded(b"Y".to_vec())).limit(1000);
        let Ok(page) = meta.scan(scan).await else {
            failed = true;
            break;
        };
        for entry in &page {
            let found = Some((entry.key.as_ref(), entry.value.as_ref()));
            let right = expected.next().map(|(key, value)| (key.as_slice(), value.as_slice()));
            assert_eq!(found, right, "{context}: scan");
        }
        let Some(last) = page.last() else { break };
        from = Bound::Excluded(last.key.to_vec());
    }
    assert!(failed || expected.next().is_none(), "{context}: scan ended early");
    if failed { seen.failed += 1 } else { seen.right += 1 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn flipped_bytes_are_never_silent() {
    let root = tempfile::tempdir().unwrap();
    let original = root.path().join("original");
    let contents = fill(&original).await;
    let original = files(&original);
    // An exhaustive search, for a change of the engine: EVERY_BYTE_OF=catalogue.
    let exhaustive = std::env::var("EVERY_BYTE_OF").unwrap_or_default();
    for kind in &KINDS {
        let mut seen = Seen::default();
        let targets: Vec<_> = original.iter().filter(|file| file.is(kind)).collect();
        assert!(!targets.is_empty(), "{}", kind.name);
        let all = kind.name == exhaustive;
        let total = targets.iter().map(|file| file.bytes.len()).max().unwrap() * targets.len();
        for flip in 0..if all { total } else { FLIPS } {
            let target = targets[flip % targets.len()];
            let at = if all { flip / targets.len() } else { flip * 7_919_993 } % target.bytes.len();
            let damaged = root.path().join("damaged");
            for file in &original {
                file.write(&damaged, &file.bytes);
            }
            if kind.killed {
                std::fs::remove_file(damaged.join("stopped-cleanly")).unwrap();
            }
            let mut bytes = target.bytes.clone();
            bytes[at] ^= if flip % 2 == 0 { 1 << (flip / 2 % 8) } else { 0xff };
            target.write(&damaged, &bytes);
            let context = format!("{} {}, byte {at} of {}", kind.name, target.path.display(), bytes.len());
            read_all(&damaged, &contents, &mut seen, &context).await;
            std::fs::remove_dir_all(&damaged).unwrap();
        }
        println!("{}: {seen:?}", kind.name);
    }
}
