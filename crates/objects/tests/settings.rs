//! Settings of buckets: each kind by itself, seen in the bucket's record, gone with the bucket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::record::first_version;
use baleen_objects::{BucketSetting, ObjectError, SettingKind, Settled};
use common::{Store, bucket, model};
use serde::{Deserialize, Serialize};

macro_rules! setting {
    ($name:ident, $kind:ident) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct $name(String);

        first_version!($name, "test");

        impl BucketSetting for $name {
            const KIND: SettingKind = SettingKind::$kind;
        }
    };
}
setting!(Policy, Policy);
setting!(Tagging, Tagging);

async fn read<S: BucketSetting>(store: &Store) -> Option<S> {
    store.objects.setting(&bucket("bucket")).await.unwrap()
}

#[tokio::test]
async fn settings_are_kept_by_kind_and_end_with_their_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let settled = || async { store.objects.head_bucket(&bucket("bucket")).await.unwrap().settings };
    let mut states = vec![settled().await.key()];
    let set = |policy: Option<&'static str>| {
        let policy = policy.map(|text| Policy(text.to_owned()));
        let objects = store.objects.clone();
        async move { objects.put_setting(&bucket("bucket"), policy.as_ref()).await }
    };
    for policy in [Some("a"), Some("b"), None, None, Some("b")] {
        set(policy).await.unwrap();
        assert_eq!(read::<Policy>(&store).await, policy.map(|text| Policy(text.to_owned())));
        assert_eq!(read::<Tagging>(&store).await, None);
        assert_eq!(settled().await.has(SettingKind::Policy), policy.is_some());
        states.push(settled().await.key());
    }
    states.sort_unstable();
    states.dedup();
    assert_eq!(states.len(), 6, "every change is another state");
    // Whoever has seen another state changes nothing: of this bucket, and of the next of its name.
    let seen = settled().await;
    let put_in = |seen: Settled, text: &str| {
        let (objects, policy) = (store.objects.clone(), Policy(text.to_owned()));
        async move {
            objects
                .put_setting_in(&bucket("bucket"), Some(seen), Some(&policy))
                .await
        }
    };
    let tags = Tagging("t".to_owned());
    store.objects.put_setting(&bucket("bucket"), Some(&tags)).await.unwrap();
    assert_eq!(read::<Policy>(&store).await, Some(Policy("b".to_owned())));
    assert!(matches!(put_in(seen, "late").await, Err(ObjectError::Contended)));
    assert_eq!(read::<Policy>(&store).await, Some(Policy("b".to_owned())));
    let seen = settled().await;
    put_in(seen, "b").await.unwrap();
    assert!(matches!(put_in(seen, "late").await, Err(ObjectError::Contended)));
    let seen = settled().await;
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    assert!(matches!(set(Some("c")).await, Err(ObjectError::NoSuchBucket(_))));
    store.make_bucket("bucket").await;
    assert!(matches!(put_in(seen, "late").await, Err(ObjectError::Contended)));
    assert_eq!(read::<Policy>(&store).await, None);
    assert_eq!(read::<Tagging>(&store).await, None);
    assert!(!settled().await.has(SettingKind::Policy));
}
