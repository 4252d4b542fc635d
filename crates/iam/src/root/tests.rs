mod first_releases;

use super::*;
use crate::{Iam, Parts};
use baleen_meta::Meta;
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::Sealer;
use baleen_tenancy::Tenancy;
use baleen_types::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use zeroize::Zeroizing;

fn iam(meta: &Meta, seed: u64) -> Arc<Iam> {
    Iam::new(Parts {
        meta: meta.clone(),
        tenancy: tenancy(meta),
        sealer: Arc::new(Sealer::new(&Zeroizing::new([3; 32]))),
        clock: ManualClock::new(Timestamp::from_secs(1)),
        entropy: SeededEntropy::new(seed),
    })
}

/// Tells whether a token is root's, with all its rights.
async fn knows(iam: &Iam, token: &str) -> bool {
    match iam.token(&Secret::new(token)).await.unwrap() {
        crate::TokenLookup::Found(known) => known.principal.caller().unwrap().bounds.sets().is_empty(),
        crate::TokenLookup::Unknown | crate::TokenLookup::Suspended => false,
    }
}

pub(crate) fn tenancy(meta: &Meta) -> Arc<Tenancy> {
    Tenancy::new(
        baleen_tenancy::Settings::new(Vec::new()),
        baleen_tenancy::Parts {
            meta: meta.clone(),
            clock: ManualClock::new(Timestamp::from_secs(1)),
            entropy: SeededEntropy::new(7),
        },
    )
}

pub(crate) fn reseller() -> CustomerName {
    CustomerName::parse("baleen").unwrap()
}

fn overrides(id: Option<&str>, secret: Option<&str>, token: Option<&str>) -> RootOverrides {
    RootOverrides::parse(id, secret, token).unwrap()
}

const KEY: &str = "AKIAROOTROOTROOTROOT";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "ffeeddccbbaa99887766554433221100";

#[tokio::test]
async fn the_first_start_makes_root_and_the_next_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let meta = Meta::open_model();
    let none = RootOverrides::default();
    assert_eq!(
        iam(&meta, 1).ensure_root(&reseller(), &none, &file).await.unwrap(),
        RootStart::Created
    );
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let made = read_file(&file).unwrap();
    assert_eq!(
        iam(&meta, 2).ensure_root(&reseller(), &none, &file).await.unwrap(),
        RootStart::Kept
    );

    let iam = iam(&meta, 3);
    let id = AccessKeyId::parse(&made.access_key_id).unwrap();
    for _ in 0..2 {
        let key = iam
            .credential(&id)
            .await
            .unwrap()
            .found()
            .expect("known, from the store and from the cache");
        assert_eq!(key.secret.expose(), made.secret_access_key);
        assert_eq!(key.principal.user().unwrap().project.to_string(), made.project_id);
        assert_eq!(key.principal.user().unwrap().account.to_string(), made.account_id);
    }
    let token = Secret::new(made.api_token.unwrap());
    for (text, known) in [
        (token.expose(), true),
        (token.expose().to_uppercase().as_str(), true),
        ("", false),
        ("0", false),
        (&"0".repeat(32), false),
        (&"z".repeat(1 << 20), false),
    ] {
        assert_eq!(knows(&iam, text).await, known, "{text:.40}");
    }
    assert!(
        iam.credential(&AccessKeyId::parse("AKIAUNKNOWNUNKNOWNUN").unwrap())
            .await
            .unwrap()
            .found()
            .is_none()
    );
}

#[tokio::test]
async fn the_environment_replaces_what_it_names_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let meta = Meta::open_model();
    let iam = iam(&meta, 1);
    iam.ensure_root(&reseller(), &RootOverrides::default(), &file)
        .await
        .unwrap();
    let before = read_file(&file).unwrap();
    let old_id = AccessKeyId::parse(&before.access_key_id).unwrap();
    assert!(iam.credential(&old_id).await.unwrap().found().is_some());

    let wanted = overrides(Some(KEY), Some(SECRET), None);
    assert_eq!(
        iam.ensure_root(&reseller(), &wanted, &file).await.unwrap(),
        RootStart::Replaced
    );
    assert_eq!(
        iam.ensure_root(&reseller(), &wanted, &file).await.unwrap(),
        RootStart::Kept
    );
    assert!(
        iam.credential(&old_id).await.unwrap().found().is_none(),
        "the old key ends at once, cached or not"
    );
    let key = iam
        .credential(&AccessKeyId::parse(KEY).unwrap())
        .await
        .unwrap()
        .found()
        .unwrap();
    assert_eq!(key.secret.expose(), SECRET);
    let after = read_file(&file).unwrap();
    assert_eq!(
        (after.account_id, &after.api_token),
        (before.account_id, &before.api_token)
    );

    assert!(knows(&iam, before.api_token.as_deref().unwrap()).await);
    let wanted = overrides(None, None, Some(TOKEN));
    assert_eq!(
        iam.ensure_root(&reseller(), &wanted, &file).await.unwrap(),
        RootStart::Replaced
    );
    assert!(
        !knows(&iam, &before.api_token.unwrap()).await,
        "the old token ends at once, cached or not"
    );
    assert!(knows(&iam, TOKEN).await);
    assert_eq!(read_file(&file).unwrap().access_key_id, KEY);
}

#[tokio::test]
async fn a_lost_file_does_not_bring_an_old_token_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let iam = iam(&Meta::open_model(), 1);
    iam.ensure_root(&reseller(), &RootOverrides::default(), &file)
        .await
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    iam.ensure_root(&reseller(), &overrides(Some(KEY), Some(SECRET), None), &file)
        .await
        .unwrap();
    assert_eq!(read_file(&file).unwrap().api_token, None);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_no_root() {
    let folder = tempfile::tempdir().unwrap();
    let iam = iam(&Meta::open_model(), 1);
    let nowhere = folder.path().join("missing/root-credentials.json");
    assert!(matches!(
        iam.ensure_root(&reseller(), &RootOverrides::default(), &nowhere).await,
        Err(Error::File { .. })
    ));
    assert!(iam.read_root().await.unwrap().is_none());
}

#[tokio::test]
async fn another_master_key_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let meta = Meta::open_model();
    iam(&meta, 1)
        .ensure_root(&reseller(), &RootOverrides::default(), &file)
        .await
        .unwrap();
    let id = AccessKeyId::parse(&read_file(&file).unwrap().access_key_id).unwrap();
    let other = Iam::new(Parts {
        tenancy: tenancy(&meta),
        meta,
        sealer: Arc::new(Sealer::new(&Zeroizing::new([4; 32]))),
        clock: ManualClock::new(Timestamp::EPOCH),
        entropy: SeededEntropy::new(9),
    });
    let error = other.credential(&id).await.unwrap_err();
    assert!(error.to_string().contains("master key"), "{error}");
}

#[test]
fn malformed_overrides_are_refused() {
    for (id, secret, token) in [
        (Some(KEY), None, None),
        (None, Some(SECRET), None),
        (Some("short"), Some(SECRET), None),
        (Some(KEY), Some("short"), None),
        (Some(KEY), Some("sixteen characters with blanks"), None),
        (None, None, Some("not a token")),
        (None, None, Some("FFEEDDCCBBAA99887766554433221100")),
    ] {
        let refused = RootOverrides::parse(id, secret, token).unwrap_err().to_string();
        assert!(!refused.contains(SECRET) && !refused.contains("FFEEDD"), "{refused}");
    }
}
