//! Reset tokens.

use super::*;

impl World {
    pub(super) async fn reset(&self, token: &Secret, password: &str) -> String {
        let password = Secret::new(password);
        why(self
            .iam
            .reset_password(token, &password, self.from(self.fresh_address()))
            .await)
    }
}

#[tokio::test]
async fn for_another_user_the_old_password_dies_at_once() {
    let world = World::new().await;
    let session = world.ann(PASSWORD, "").await.unwrap();
    let token = world
        .iam
        .issue_reset_token(&by(&world.root), world.ann.id)
        .await
        .unwrap();
    assert!(token.expose().len() >= 64);
    assert!(!world.is_live(&session).await);
    assert_eq!(why(world.ann(PASSWORD, "").await), "Denied");
    assert_eq!(world.reset(&token, OTHER).await, "ok");
    assert_eq!(world.reset(&token, OTHER).await, "BadResetToken", "used");
    let done = world
        .log_in(Some(world.account), "ann@example.com", OTHER, "")
        .await
        .unwrap();
    assert!(!done.user.must_change_password, "she chose it herself");
}

#[tokio::test]
async fn for_oneself_it_takes_a_log_in_and_keeps_the_password() {
    let world = World::new().await;
    let ann = world.ann(PASSWORD, "").await.unwrap();
    assert_eq!(
        why(world.iam.issue_reset_token(&by(&with_key(&ann)), world.ann.id).await),
        "NotLoggedIn"
    );
    let token = world.iam.issue_reset_token(&by(&ann), world.ann.id).await.unwrap();
    assert!(world.is_live(&ann).await);
    assert_eq!(why(world.ann(PASSWORD, "").await), "ok");
    assert_eq!(world.reset(&token, OTHER).await, "ok");
    assert!(!world.is_live(&ann).await, "log-ins end with the password");
}

#[tokio::test]
async fn tokens_that_are_not_in_force() {
    let world = World::new().await;
    let by_root = by(&world.root);
    let (iam, id) = (&world.iam, world.ann.id);
    let older = iam.issue_reset_token(&by_root, id).await.unwrap();
    let newer = iam.issue_reset_token(&by_root, id).await.unwrap();
    assert_eq!(
        world.reset(&older, OTHER).await,
        "BadResetToken",
        "a newer one voids it"
    );
    assert_eq!(world.reset(&newer, "short").await, "Policy(TooShort)");
    assert_eq!(
        world.reset(&newer, OTHER).await,
        "ok",
        "a bad password does not use it up"
    );
    for wrong in ["", "pwdreset-", &newer.expose().to_uppercase(), &"x".repeat(1 << 20)] {
        assert_eq!(
            world.reset(&Secret::new(wrong), "short").await,
            "BadResetToken",
            "{wrong:.20}"
        );
    }

    let at_the_end = iam.issue_reset_token(&by_root, id).await.unwrap();
    world.clock.advance(Duration::from_secs(6 * 3600 - 1));
    assert_eq!(world.reset(&at_the_end, OTHER).await, "ok");
    let late = iam.issue_reset_token(&by_root, id).await.unwrap();
    world.clock.advance(Duration::from_secs(6 * 3600));
    assert_eq!(world.reset(&late, OTHER).await, "BadResetToken", "six hours");

    let voided = iam.issue_reset_token(&by_root, id).await.unwrap();
    let password = NewPassword::parse(&Secret::new(PASSWORD)).unwrap();
    iam.update_login_profile(&by_root, id, Some(&password), None)
        .await
        .unwrap();
    assert_eq!(
        world.reset(&voided, OTHER).await,
        "BadResetToken",
        "a password was set meanwhile"
    );

    let orphan = iam.issue_reset_token(&by_root, id).await.unwrap();
    iam.delete_user(&by_root, id).await.unwrap();
    assert_eq!(world.reset(&orphan, OTHER).await, "BadResetToken", "the user is gone");
}

#[tokio::test]
async fn never_for_root_by_somebody_else() {
    let world = World::new().await;
    let ann = world.ann(PASSWORD, "").await.unwrap();
    let root = world.root.user().unwrap().id;
    assert_eq!(why(world.iam.issue_reset_token(&by(&ann), root).await), "not allowed");
    let token = world.iam.make_reset_token(world.account, root, true).await.unwrap();
    assert_eq!(world.reset(&token, OTHER).await, "ok", "its own token is good");
    assert_eq!(why(world.log_in(Some(world.account), "root", OTHER, "").await), "ok");
}

#[tokio::test]
async fn a_reset_leaves_the_second_factor_on() {
    let world = World::new().await;
    let (secret, _) = world.second_factor().await;
    let token = world
        .iam
        .issue_reset_token(&by(&world.root), world.ann.id)
        .await
        .unwrap();
    assert_eq!(world.reset(&token, OTHER).await, "ok");
    assert_eq!(why(world.ann(OTHER, "").await), "SecondFactorRequired");
    assert_eq!(why(world.ann(OTHER, &secret.code_at(now(&world))).await), "ok");
}

#[tokio::test]
async fn guessing_tokens_is_held_back_by_address() {
    let world = World::new().await;
    let source = world.fresh_address();
    let guess = |n: u32| {
        let world = &world;
        async move {
            let token = Secret::new(format!("pwdreset-{n:064x}"));
            why(world
                .iam
                .reset_password(&token, &Secret::new(OTHER), world.from(source))
                .await)
        }
    };
    for n in 0..20 {
        assert_eq!(guess(n).await, "BadResetToken");
    }
    assert_eq!(guess(20).await, "throttled");
}

/// Rows that are none, before and behind good ones, keep none of the three sweeps from its work.
#[tokio::test]
async fn damaged_rows_are_passed_over() {
    use baleen_meta::keys::{KeyWriter, Table};
    use baleen_meta::{Request, Scan};
    let world = World::new().await;
    world.ann(PASSWORD, "").await.unwrap();
    let issued = world.iam.issue_reset_token(&by(&world.root), world.ann.id).await;
    issued.unwrap();
    let once = crate::records::StoredOnce { until_ns: 0 };
    let used = crate::records::StoredOnce::key(&[7; 32]);
    let mut request = Request::new().put(used, crate::records::encode(&once).unwrap());
    let tables = [Table::Session, Table::SamlReplay, Table::ResetToken];
    for table in tables {
        // Of no version that is known, and nothing at all.
        for (place, value) in [(0, &b"\xff\xff\xff"[..]), (0xff, b"")] {
            request = request.put(KeyWriter::new(table).fixed(&[place; 4]).finish(), value.to_vec());
        }
    }
    world.meta.commit(request).await.unwrap();
    world.clock.advance(Duration::from_secs(24 * 3600));
    world.iam.sweep_sessions().await.unwrap();
    world.iam.sweep_used_assertions().await.unwrap();
    world.iam.sweep_reset_tokens().await.unwrap();
    for table in tables {
        let left = world.meta.scan(Scan::prefix(&KeyWriter::new(table).finish())).await;
        assert_eq!(left.unwrap().len(), 2, "{table:?}: the damaged ones alone");
    }
}

#[tokio::test]
async fn what_is_over_is_swept_away() {
    let world = World::new().await;
    let rows = |table| {
        let meta = world.meta.clone();
        let prefix = baleen_meta::keys::KeyWriter::new(table).finish();
        async move { meta.scan(baleen_meta::Scan::prefix(&prefix)).await.unwrap().len() }
    };
    use baleen_meta::keys::Table;
    world
        .iam
        .issue_reset_token(&by(&world.root), world.ann.id)
        .await
        .unwrap();
    world.iam.sweep_reset_tokens().await.unwrap();
    assert_eq!(rows(Table::ResetToken).await, 1);
    world.clock.advance(Duration::from_secs(6 * 3600));
    world.iam.sweep_reset_tokens().await.unwrap();
    assert_eq!(rows(Table::ResetToken).await, 0);
    assert_eq!(
        why(world.iam.issue_reset_token(&by(&world.root), world.ann.id).await),
        "ok"
    );
}
