//! Passwords as owners and admins set them.

use super::*;
use crate::records::{StoredConnection, encode};
use crate::{LoginKind, NewSession};
use baleen_meta::Request;

fn new(text: &str) -> NewPassword {
    NewPassword::parse(&Secret::new(text)).unwrap()
}

impl World {
    async fn change(&self, principal: &Principal, old: &str, new: &str) -> String {
        let (old, new) = (Secret::new(old), Secret::new(new));
        why(self
            .iam
            .change_password(&by(principal), &old, &new, self.fresh_address())
            .await)
    }
}

#[tokio::test]
async fn an_owner_changes_the_password() {
    let world = World::new().await;
    let (asking, other) = (
        world.ann(PASSWORD, "").await.unwrap(),
        world.ann(PASSWORD, "").await.unwrap(),
    );
    assert_eq!(world.change(&asking, OTHER, "Password01").await, "Denied");
    assert_eq!(world.change(&asking, PASSWORD, "short").await, "Policy(TooShort)");
    assert!(
        world.is_live(&asking).await && world.is_live(&other).await,
        "a refusal changes nothing"
    );
    assert_eq!(world.change(&asking, PASSWORD, OTHER).await, "ok");
    assert!(world.is_live(&asking).await, "the session that asked goes on");
    assert!(!world.is_live(&other).await, "others end");
    assert_eq!(why(world.ann(PASSWORD, "").await), "Denied");
    assert_eq!(why(world.ann(OTHER, "").await), "ok");
    assert_eq!(
        world.change(&with_key(&asking), OTHER, PASSWORD).await,
        "ok",
        "an access key may, with the password"
    );
    assert!(!world.is_live(&asking).await, "a change by key ends every log-in");
}

#[tokio::test]
async fn the_old_password_cannot_be_guessed_by_a_stolen_session() {
    let world = World::new().await;
    let ann = world.ann(PASSWORD, "").await.unwrap();
    for _ in 0..5 {
        assert_eq!(world.change(&ann, OTHER, "Password01").await, "Denied");
    }
    assert_eq!(world.change(&ann, PASSWORD, "Password01").await, "Denied", "held back");
    assert_eq!(
        why(world.ann(PASSWORD, "").await),
        "Denied",
        "the same counter as logging in"
    );
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.change(&ann, PASSWORD, "Password01").await, "ok");
}

#[tokio::test]
async fn a_password_that_must_change_must_differ() {
    let world = World::new().await;
    let by_root = by(&world.root);
    world
        .iam
        .update_login_profile(&by_root, world.ann.id, None, Some(true))
        .await
        .unwrap();
    let done = world
        .log_in(Some(world.account), "ann@example.com", PASSWORD, "")
        .await
        .unwrap();
    assert!(done.user.must_change_password);
    let ann = world.principal(&done.session.id).await.unwrap();
    assert!(ann.caller().unwrap().session().unwrap().must_change_password);
    assert_eq!(
        world.change(&ann, PASSWORD, PASSWORD).await,
        format!("Policy({:?})", PolicyViolation::Unchanged)
    );
    assert_eq!(world.change(&ann, PASSWORD, OTHER).await, "ok");
    let ann = world.principal(&done.session.id).await.unwrap();
    assert!(
        !ann.caller().unwrap().session().unwrap().must_change_password,
        "felt at once"
    );
    assert_eq!(
        world.change(&ann, OTHER, OTHER).await,
        "ok",
        "otherwise nothing is said against the same one"
    );
}

#[tokio::test]
async fn profiles_are_made_changed_and_taken_away() {
    let world = World::new().await;
    let (iam, by_root, id) = (&world.iam, by(&world.root), world.ann.id);
    let profile = iam.login_profile(world.account, id).await.unwrap();
    assert!(!profile.must_change_password);
    assert_eq!(
        why(iam.create_login_profile(&by_root, id, &new(OTHER), true).await),
        "exists"
    );
    let session = world.ann(PASSWORD, "").await.unwrap();
    iam.update_login_profile(&by_root, id, Some(&new(OTHER)), None)
        .await
        .unwrap();
    assert!(!world.is_live(&session).await, "log-ins end at once");
    assert_eq!(why(world.ann(PASSWORD, "").await), "Denied");
    assert_eq!(why(world.ann(OTHER, "").await), "ok");
    iam.delete_login_profile(&by_root, id).await.unwrap();
    assert_eq!(why(world.ann(OTHER, "").await), "Denied");
    assert_eq!(why(iam.delete_login_profile(&by_root, id).await), "no such entity");
    assert!(iam.login_profile(world.account, id).await.is_err());
    let made = iam
        .create_login_profile(&by_root, id, &new(PASSWORD), true)
        .await
        .unwrap();
    assert!(made.must_change_password);
    assert_eq!(why(world.ann(PASSWORD, "").await), "ok");
}

#[tokio::test]
async fn nobody_sets_the_password_of_root_or_an_own_one_this_way() {
    let world = World::new().await;
    let ann = world.ann(PASSWORD, "").await.unwrap();
    let root = world.root.user().unwrap().id;
    for (who, whose) in [(&world.root, root), (&ann, root), (&ann, world.ann.id)] {
        let granted = by(who);
        let password = new(OTHER);
        assert_eq!(
            why(world.iam.create_login_profile(&granted, whose, &password, false).await),
            "not allowed"
        );
        assert_eq!(
            why(world
                .iam
                .update_login_profile(&granted, whose, Some(&password), None)
                .await),
            "not allowed"
        );
        assert_eq!(
            why(world.iam.delete_login_profile(&granted, whose).await),
            "not allowed"
        );
    }
}

#[tokio::test]
async fn a_federated_user_keeps_nothing_of_ours() {
    let world = World::new().await;
    let (iam, by_root, id) = (&world.iam, by(&world.root), world.ann.id);
    world.second_factor().await;
    let token = iam.issue_reset_token(&by_root, id).await.unwrap();
    iam.set_auth_method(&by_root, id, AuthMethod::Federated).await.unwrap();
    assert_eq!(
        why(iam.update_login_profile(&by_root, id, Some(&new(OTHER)), None).await),
        "Federated"
    );
    assert_eq!(
        why(iam.create_login_profile(&by_root, id, &new(OTHER), false).await),
        "Federated"
    );
    assert_eq!(why(iam.issue_reset_token(&by_root, id).await), "Federated");
    let reset = iam
        .reset_password(&token, &Secret::new(OTHER), world.from(world.fresh_address()))
        .await;
    assert_eq!(why(reset), "BadResetToken");
    // All that is looked at of a connection is that it is there.
    let connection = StoredConnection {
        id: [7; 16],
        provider: String::new(),
        entity_id: String::new(),
        sso_url: String::new(),
        certificates: Vec::new(),
        valid_until_ns: None,
        sealed_key: Vec::new(),
        key_certificate: Vec::new(),
        created_ns: 0,
        updated_ns: 0,
        is_ending: false,
    };
    let request = Request::new().put(StoredConnection::key(world.account), encode(&connection).unwrap());
    world.meta.commit(request).await.unwrap();
    let proven = NewSession {
        kind: LoginKind::Federated(connection.id),
        length: SessionLength::login(None).unwrap(),
        with_second_factor: false,
        origin: None,
    };
    let seen = iam.get_user(world.account, id).await.unwrap();
    let session = iam.open_session(&seen, proven).await.unwrap();
    let ann = world.principal(&session.id).await.unwrap();
    assert_eq!(world.change(&ann, PASSWORD, OTHER).await, "Federated");
    assert_eq!(why(iam.prepare_second_factor(&by(&ann)).await), "Federated");
    iam.set_auth_method(&by_root, id, AuthMethod::Password).await.unwrap();
    assert!(!world.is_live(&ann).await);
    assert_eq!(
        iam.login_state(world.account, id).await.unwrap(),
        super::super::LoginState::default()
    );
}
