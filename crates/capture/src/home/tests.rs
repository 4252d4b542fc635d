use super::*;
use crate::sink::Sink as _;
use crate::{Parts, Settings, Sites};
use baleen_blob::{Blobs, Settings as BlobSettings};
use baleen_meta::Meta;
use baleen_objects::{Encrypted, Objects};
use baleen_remote::Connections;
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown, Supervisor};
use baleen_sealing::Sealer;
use baleen_types::{BucketName, Timestamp};
use bytes::Bytes;
use futures::StreamExt as _;
use zeroize::Zeroizing;

fn captures(dir: &std::path::Path) -> Arc<Captures> {
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let entropy = SeededEntropy::new(1);
    let sealer = Arc::new(Sealer::new(&Zeroizing::new([7; 32])));
    let meta = Meta::open_model();
    let volume = BlobSettings {
        segment_bytes: 1 << 20,
        segment_body_bytes_max: 256 << 10,
        reserve_bytes: 0,
        io_jobs_max: 8,
        transfer_bytes_max: 4 << 20,
    };
    let objects = Objects::new(
        baleen_objects::Settings::default(),
        baleen_objects::Parts {
            meta: meta.clone(),
            blobs: Blobs::open(dir, volume, entropy.clone()).unwrap(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            sealer: sealer.clone(),
        },
    );
    let parts = Parts {
        meta,
        objects,
        sites: Sites::default(),
        sealer,
        supervisor: Supervisor::new(clock.clone(), Shutdown::new()),
        clock,
        entropy,
        connections: Connections::new(),
    };
    Captures::new(Settings::default(), parts)
}

fn account() -> AccountId {
    AccountId::parse("000000000017").unwrap()
}

async fn read(captures: &Captures, key: &str) -> Result<Vec<u8>, ObjectError> {
    let key = ObjectKey::parse(key).unwrap();
    let mut opened = captures.open_at_home(account(), &key, Selection::Whole).await?;
    assert_eq!(opened.head.encrypted, Encrypted::Managed, "whatever its bucket says");
    let mut bytes = Vec::new();
    while let Some(piece) = opened.body.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    Ok(bytes)
}

#[tokio::test]
async fn it_is_made_when_it_is_needed_and_is_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let captures = captures(dir.path());
    let objects = Arc::clone(&captures.parts.objects);
    let name = BucketName::parse("baleen-captures-000000000017").unwrap();
    assert!(matches!(
        read(&captures, "a").await,
        Err(ObjectError::NoSuchBucket(missing)) if missing == name
    ));

    let key = ObjectKey::parse("a").unwrap();
    for turn in ["made", "found", "made anew"] {
        // Many captures at once need it.
        let at_once = (0..8).map(|_| captures.home(account()));
        for home in futures::future::join_all(at_once).await {
            home.unwrap();
        }
        let home = captures.home(account()).await.unwrap();
        home.put(&key, Bytes::from_static(b"packets"), "text/plain")
            .await
            .unwrap();
        assert_eq!(read(&captures, "a").await.unwrap(), b"packets", "{turn}");
        let made = objects.head_bucket(&name).await.unwrap();
        assert_eq!((made.owner, made.region), (account(), captures.region.clone()));
        let block = objects.setting::<PublicAccessBlock>(&name).await.unwrap();
        assert_eq!(block, Some(PublicAccessBlock::ALL));
        if turn == "found" {
            let at = ObjectPath {
                bucket: name.clone(),
                key: key.clone(),
            };
            objects.delete(&at).await.unwrap();
            assert!(matches!(read(&captures, "a").await, Err(ObjectError::NoSuchKey(_))));
            objects.delete_bucket(&name).await.unwrap();
        }
    }
}
