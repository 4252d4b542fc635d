use super::*;
use crate::ChecksumAlgorithm::{Crc32c, Sha256};
use baleen_blob::{Blobs, Settings};
use baleen_runtime::SeededEntropy;
use futures::FutureExt;

fn buffers(folder: &std::path::Path) -> Buffers {
    let blobs = Blobs::open(folder, Settings::default(), SeededEntropy::new(1)).unwrap();
    blobs.buffers().clone()
}

/// However fast it comes, in batches, as copies or as a rest, with or without looking after it in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_digested_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (gang, buffers) = (Gang::new(), buffers(folder.path()));
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    for (piece, is_gathered, is_looked_after) in [
        (1, true, false),
        (999_999, true, false),
        (10_000, false, true),
        (65_536, false, false),
        (700_000, false, true),
        (3_000_000, false, false),
    ] {
        for algorithm in [Crc32c, Sha256] {
            let bytes = Bytes::copy_from_slice(if piece == 1 { &body[..5000] } else { &body });
            let mut alone = Hasher::new([algorithm]);
            alone.update(&bytes);
            let mut digester = Digester::new(Hasher::new([algorithm]), &gang, &buffers);
            let mut left = bytes;
            while left.len() > piece {
                let some = left.split_to(piece);
                if is_gathered {
                    digester.gather(&some).await.unwrap();
                } else {
                    digester.digest(vec![some]).await.unwrap();
                }
                if is_looked_after {
                    digester.digest(Vec::new()).await.unwrap();
                }
            }
            let digests = digester.finish(std::iter::once(&left[..])).await.unwrap();
            assert_eq!(digests, alone.finish(), "{piece} {algorithm:?}");
        }
    }
}

/// With the runtime's threads gone the digest never comes: that is an error wherever it is noticed.
#[test]
fn a_digest_that_was_given_up_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (gang, buffers) = (Gang::new(), buffers(folder.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    let _guard = handle.enter();
    for is_looked_after in [false, true] {
        let digested = async {
            let batch = || vec![Bytes::from_static(b"some")];
            let mut digester = Digester::new(Hasher::new([Crc32c]), &gang, &buffers);
            digester.digest(batch()).await.unwrap();
            if is_looked_after {
                digester.digest(Vec::new()).await.unwrap();
            }
            let next = digester.digest(batch()).await;
            let end = digester.finish(std::iter::empty()).await;
            assert!(next.is_err() || end.is_err());
            assert!(end.is_err());
        };
        digested.now_or_never().expect("nothing is waited for that never comes");
    }
}
