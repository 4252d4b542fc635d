use super::*;
use crate::SEALED;
use crate::record::mark as mark_row;
use baleen_keyring::{KeyFile, Keyring};
use baleen_runtime::{ManualClock, SeededEntropy};
use std::time::Duration;

struct Bench {
    kms: Arc<Kms>,
    meta: Meta,
    keyring: Arc<Keyring>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let meta = Meta::open_model();
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let keyring = Keyring::open(baleen_keyring::Parts {
        meta: meta.clone(),
        file: KeyFile::at(folder.path().join("master.key")),
        kinds: SEALED.to_vec(),
        clock: clock.clone(),
        entropy: SeededEntropy::new(1),
    })
    .await
    .unwrap();
    let kms = Kms::new(Parts {
        meta: meta.clone(),
        sealer: keyring.sealer().clone(),
        clock: clock.clone(),
        entropy: SeededEntropy::new(2),
    });
    Bench {
        kms,
        meta,
        keyring,
        clock,
        _folder: folder,
    }
}

fn account(n: u64) -> AccountId {
    AccountId::from_entropy(n)
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

fn none() -> EncryptionContext {
    EncryptionContext::default()
}

/// Tells keys apart without showing them.
fn mark(key: &BaseKey) -> [u8; 32] {
    key.check(&[0; 16])
}

#[tokio::test]
async fn the_life_of_a_key() {
    let Bench { kms, clock, .. } = bench().await;
    let (me, key) = (account(1), name("evidence"));
    let made = kms.create(me, &key, "case 17").await.unwrap();
    assert_eq!(
        (made.versions, made.is_enabled, made.description.as_str()),
        (1, true, "case 17")
    );
    assert!(matches!(kms.create(me, &key, "").await, Err(Error::AlreadyExists(_))));
    let reference = KeyReference::parse("alias/evidence");
    let first = kms.newest(me, Some(&reference), &none()).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let rotated = kms.rotate(me, &key).await.unwrap();
    assert_eq!(rotated.versions, 2);
    assert_eq!(rotated.rotated.since(rotated.created), Duration::from_secs(60));
    let second = kms.newest(me, Some(&reference), &none()).await.unwrap();
    assert_eq!((first.version, second.version), (1, 2));
    assert_ne!(mark(&first.key), mark(&second.key));
    let again = kms.open_version(me, (&key, 1), &none()).await.unwrap();
    assert_eq!(mark(&first.key), mark(&again));

    assert!(!kms.set_enabled(me, &key, false).await.unwrap().is_enabled);
    assert!(matches!(
        kms.newest(me, Some(&reference), &none()).await,
        Err(Error::Disabled(_))
    ));
    assert!(matches!(
        kms.open_version(me, (&key, 1), &none()).await,
        Err(Error::Disabled(_))
    ));
    assert!(matches!(kms.rotate(me, &key).await, Err(Error::Disabled(_))));
    kms.set_enabled(me, &key, true).await.unwrap();
    assert!(kms.open_version(me, (&key, 1), &none()).await.is_ok());
    assert!(matches!(
        kms.open_version(me, (&key, 3), &none()).await,
        Err(Error::Damaged(_))
    ));
    assert!(matches!(
        kms.open_version(me, (&key, 0), &none()).await,
        Err(Error::Damaged(_))
    ));
}

#[tokio::test]
async fn keys_are_their_accounts_own() {
    let Bench { kms, .. } = bench().await;
    let key = name("evidence");
    kms.create(account(1), &key, "").await.unwrap();
    let arn = format!("arn:aws:kms:local:{}:key/evidence", account(1));
    for text in ["evidence", arn.as_str()] {
        let reference = KeyReference::parse(text);
        assert!(kms.newest(account(1), Some(&reference), &none()).await.is_ok());
        let foreign = kms.newest(account(2), Some(&reference), &none()).await;
        assert!(matches!(foreign, Err(Error::NoSuchKey(_))), "{text}");
    }
    assert!(matches!(kms.rotate(account(2), &key).await, Err(Error::NoSuchKey(_))));
    assert_eq!(kms.list(account(2)).await.unwrap(), []);
}

#[tokio::test]
async fn the_default_key_is_made_once_and_by_nobody() {
    let Bench { kms, .. } = bench().await;
    let made = kms.create(account(1), &KeyName::of_default(), "").await;
    assert!(matches!(made, Err(Error::AlreadyExists(_))));
    let [one, other] = [
        kms.newest(account(1), None, &none()).await,
        kms.newest(account(1), None, &none()).await,
    ];
    assert_eq!(mark(&one.unwrap().key), mark(&other.unwrap().key));
    let listed = kms.list(account(1)).await.unwrap();
    assert_eq!((listed.len(), listed[0].name.as_str()), (1, "aws/s3"));
}

/// Bodies are sealed under a lost key, and another one in its place would hide that.
#[tokio::test]
async fn a_lost_key_is_never_replaced() {
    let Bench { kms, meta, .. } = bench().await;
    let (me, named) = (account(1), name("evidence"));
    kms.create(me, &named, "").await.unwrap();
    kms.newest(me, None, &none()).await.unwrap();
    for lost in [&KeyName::of_default(), &named] {
        let key = row(me, lost.as_str());
        let stored = meta.get(&key).await.unwrap().unwrap();
        meta.commit(Request::new().delete(key.clone())).await.unwrap();
        let before = meta.scan(Scan::prefix(&[])).await.unwrap();
        let reference = KeyReference::parse(lost.as_str());
        let refused = [
            kms.newest(me, (*lost == named).then_some(&reference), &none())
                .await
                .map(drop),
            kms.open_version(me, (lost, 1), &none()).await.map(drop),
            kms.rotate(me, lost).await.map(drop),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(Error::Damaged(_))), "{lost}: {refused:?}");
        }
        let made = kms.create(me, &named, "").await;
        assert!(
            matches!(made, Err(Error::Damaged(_) | Error::AlreadyExists(_))),
            "{made:?}"
        );
        assert_eq!(meta.scan(Scan::prefix(&[])).await.unwrap(), before);
        meta.commit(Request::new().put(key, stored)).await.unwrap();
        assert!(kms.open_version(me, (lost, 1), &none()).await.is_ok());
    }
    // What is left of a lost key goes with its account.
    meta.commit(Request::new().delete(row(me, "evidence"))).await.unwrap();
    assert_eq!(kms.purge_account(me).await.unwrap(), 1);
    assert_eq!(meta.scan(Scan::prefix(&mark_row(me, ""))).await.unwrap(), []);
    kms.create(me, &named, "").await.unwrap();
}

/// A store of an earlier release has keys without marks.
#[tokio::test]
async fn a_key_from_before_is_marked_when_it_is_used() {
    let Bench { kms, meta, .. } = bench().await;
    let (me, mark) = (account(1), mark_row(account(1), KeyName::DEFAULT));
    let made = kms.newest(me, None, &none()).await.unwrap();
    meta.commit(Request::new().delete(mark.clone())).await.unwrap();
    kms.open_version(me, (&made.name, 1), &none()).await.unwrap();
    assert_eq!(meta.get(&mark).await.unwrap(), None, "reading changes nothing");
    let found = kms.newest(me, None, &none()).await.unwrap();
    assert_eq!(self::mark(&found.key), self::mark(&made.key));
    assert!(meta.get(&mark).await.unwrap().is_some());
}

#[tokio::test]
async fn another_context_is_another_key() {
    let Bench { kms, .. } = bench().await;
    let bound = EncryptionContext::new([("case".to_owned(), "17".to_owned())]).unwrap();
    let one = kms.newest(account(1), None, &bound).await.unwrap();
    let other = kms.newest(account(1), None, &none()).await.unwrap();
    assert_ne!(mark(&one.key), mark(&other.key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_that_are_made_at_once_are_no_more_than_may_be() {
    let Bench { kms, .. } = bench().await;
    let tasks: Vec<_> = (0..KEYS_PER_ACCOUNT_MAX + 50)
        .map(|n| {
            let kms = Arc::clone(&kms);
            tokio::spawn(async move { kms.create(account(1), &name(&format!("k{n}")), "").await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(matches!(error, Error::TooManyKeys), "{error:?}"),
        }
    }
    assert_eq!(
        (made, kms.list(account(1)).await.unwrap().len()),
        (KEYS_PER_ACCOUNT_MAX, KEYS_PER_ACCOUNT_MAX)
    );
}

#[tokio::test]
async fn limits_hold() {
    let Bench { kms, .. } = bench().await;
    let key = name("k0");
    for n in 0..KEYS_PER_ACCOUNT_MAX {
        kms.create(account(1), &name(&format!("k{n}")), "").await.unwrap();
    }
    assert!(matches!(
        kms.create(account(1), &name("more"), "").await,
        Err(Error::TooManyKeys)
    ));
    for _ in 1..VERSIONS_PER_KEY_MAX {
        kms.rotate(account(1), &key).await.unwrap();
    }
    assert!(matches!(
        kms.rotate(account(1), &key).await,
        Err(Error::TooManyVersions)
    ));
    assert!(kms.open_version(account(1), (&key, 100), &none()).await.is_ok());
    assert_eq!(kms.purge_account(account(1)).await.unwrap(), KEYS_PER_ACCOUNT_MAX);
    assert_eq!(kms.list(account(1)).await.unwrap(), []);
}

#[tokio::test]
async fn keys_outlive_a_change_of_the_master_key_and_lie_sealed() {
    let bench = bench().await;
    let Bench { kms, meta, keyring, .. } = &bench;
    let key = name("evidence");
    kms.create(account(1), &key, "").await.unwrap();
    kms.rotate(account(1), &key).await.unwrap();
    let before = kms.open_version(account(1), (&key, 1), &none()).await.unwrap();
    let status = keyring.rotate(|_| {}).await.unwrap();
    let kind = &status.sealed.kinds[0];
    assert_eq!((kind.name, kind.records, kind.resealed), ("encryption keys", 1, 2));
    keyring.retire(|_| {}).await.unwrap();
    let after = kms.open_version(account(1), (&key, 1), &none()).await.unwrap();
    assert_eq!(mark(&before), mark(&after));
    // A version in another's place does not open.
    let stored = row(account(1), "evidence");
    let mut swapped: StoredKey = record::decode(&meta.get(&stored).await.unwrap().unwrap()).unwrap();
    swapped.versions.swap(0, 1);
    let put = Request::new().put(stored, record::encode(&swapped).unwrap());
    assert!(meta.commit(put).await.unwrap().is_committed());
    assert!(matches!(
        kms.open_version(account(1), (&key, 1), &none()).await,
        Err(Error::Damaged(_))
    ));
}
