//! What is left of root's ways in after a reset of root: none but the new ones.

use super::*;
use crate::{RootCredentials, TokenLookup, TokenOptions};
use std::path::Path as FilePath;

fn read(file: &FilePath) -> RootCredentials {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

async fn is_known(world: &World, token: &str) -> bool {
    let found = world.iam.token(&Secret::new(token)).await.unwrap();
    matches!(found, TokenLookup::Found(_))
}

#[tokio::test]
async fn nothing_that_let_root_in_lets_it_in_again() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let (iam, root) = (&world.iam, world.root.user().unwrap().id);
    let account = Some(world.account);

    // Root has all it can have: a second key, another token, a password, a log-in, a second factor, an open reset token.
    let second = iam.create_access_key(&by(&world.root), root).await.unwrap();
    let options = TokenOptions {
        label: "a script".to_owned(),
        ..TokenOptions::default()
    };
    let token = iam.create_token(&by(&world.root), root, options).await.unwrap().token;
    assert!(is_known(&world, token.expose()).await);
    let first = iam.make_reset_token(world.account, root, true).await.unwrap();
    let password = Secret::new(PASSWORD);
    iam.reset_password(&first, &password, world.from(world.fresh_address()))
        .await
        .unwrap();
    let opened = world.log_in(account, "root", PASSWORD, "").await.unwrap();
    let session = world.principal(&opened.session.id).await.unwrap();
    let prepared = iam.prepare_second_factor(&by(&session)).await.unwrap();
    let code = secret_of(&prepared.secret_base32).code_at(now(&world));
    iam.enable_second_factor(&by(&session), &code, world.fresh_address())
        .await
        .unwrap();
    let open = iam.issue_reset_token(&by(&session), root).await.unwrap();
    let ann = world.ann(PASSWORD, "").await.unwrap();

    let reset = iam
        .reset_root(&crate::root::tests::reseller(), &RootOverrides::default(), &file)
        .await
        .unwrap();
    assert_eq!((reset.access_keys, reset.api_tokens), (2, 2));
    let old = world.root.caller().unwrap();
    let Credential::AccessKey(first_key) = &old.credential else {
        panic!("root signs with a key")
    };
    for key in [first_key, &second.info.id] {
        assert!(world.principal(key).await.is_none(), "{key}");
    }
    assert!(!is_known(&world, token.expose()).await);
    assert!(!world.is_live(&session).await);
    assert_eq!(why(world.log_in(account, "root", PASSWORD, "").await), "Denied");
    let late = iam
        .reset_password(&open, &password, world.from(world.fresh_address()))
        .await;
    assert_eq!(why(late), "BadResetToken");
    assert!(world.is_live(&ann).await, "others go on");

    let made = read(&file);
    let key = AccessKeyId::parse(&made.access_key_id).unwrap();
    assert_eq!(world.principal(&key).await.unwrap().user().unwrap().id, root);
    assert!(is_known(&world, &made.api_token.unwrap()).await);
    iam.reset_password(
        &reset.reset_token,
        &Secret::new(OTHER),
        world.from(world.fresh_address()),
    )
    .await
    .unwrap();
    assert_eq!(
        why(world.log_in(account, "root", OTHER, "").await),
        "ok",
        "the second factor is off"
    );
}

#[tokio::test]
async fn what_the_operator_sets_stays() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let (id, secret) = ("AKIAROOTROOTROOTROOT", "0123456789abcdef0123456789abcdef");
    let token = "ffeeddccbbaa99887766554433221100";
    let set = RootOverrides::parse(Some(id), Some(secret), Some(token)).unwrap();
    // Also when it is what root has already.
    for _ in 0..2 {
        world
            .iam
            .reset_root(&crate::root::tests::reseller(), &set, &file)
            .await
            .unwrap();
        let made = read(&file);
        assert_eq!(
            (made.access_key_id.as_str(), made.secret_access_key.as_str()),
            (id, secret)
        );
        assert!(world.principal(&AccessKeyId::parse(id).unwrap()).await.is_some());
        assert!(is_known(&world, token).await);
    }
}

#[tokio::test]
async fn a_store_without_a_root_is_told() {
    let (meta, clock) = (Meta::open_model(), ManualClock::new(Timestamp::EPOCH));
    let (iam, _) = service(&meta, &clock, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let refused = iam
        .reset_root(&crate::root::tests::reseller(), &RootOverrides::default(), &file)
        .await;
    assert!(matches!(refused, Err(Error::NoSuchEntity { .. })));
    assert!(!file.exists());
}
