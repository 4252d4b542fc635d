//! Federated log-ins.

use super::*;

impl World {
    async fn federate(&self) {
        let done = self
            .iam
            .set_auth_method(&by(&self.root), self.ann.id, AuthMethod::Federated)
            .await;
        done.unwrap();
    }

    async fn redeem(&self, code: &Secret) -> Outcome {
        let length = SessionLength::login(None).unwrap();
        self.iam.redeem_login_code(code, length, self.fresh_address()).await
    }
}

#[tokio::test]
async fn a_code_opens_one_session_within_a_minute() {
    let world = World::new().await;
    world.federate().await;
    let code = world
        .iam
        .issue_login_code(world.account, "Ann@example.com")
        .await
        .unwrap();
    let done = world.redeem(&code).await.unwrap();
    assert_eq!(done.user.id, world.ann.id);
    assert!(world.principal(&done.session.id).await.is_some());
    assert_eq!(why(world.redeem(&code).await), "BadLoginCode", "used");
    let state = world.iam.login_state(world.account, world.ann.id).await.unwrap();
    assert_eq!(state.last_login, Some(now(&world)));

    let code = world
        .iam
        .issue_login_code(world.account, "ann@example.com")
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(why(world.redeem(&code).await), "ok");
    let code = world
        .iam
        .issue_login_code(world.account, "ann@example.com")
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(why(world.redeem(&code).await), "BadLoginCode", "too late");
    for wrong in ["", "00", &"0".repeat(64), &"x".repeat(1 << 20)] {
        assert_eq!(why(world.redeem(&Secret::new(wrong)).await), "BadLoginCode");
    }
}

#[tokio::test]
async fn only_federated_users_of_the_account_itself() {
    let world = World::new().await;
    let issue = |account, name: &'static str| {
        let iam = Arc::clone(&world.iam);
        async move { why(iam.issue_login_code(account, name).await) }
    };
    assert_eq!(
        issue(world.account, "ann@example.com").await,
        "Denied",
        "she has a password"
    );
    world.federate().await;
    assert_eq!(issue(world.account, "ann@example.com").await, "ok");
    for name in [
        "bob@example.com",
        "root",
        "",
        "ann@example.com\0",
        "ann@example.com<!---->",
    ] {
        assert_eq!(issue(world.account, name).await, "Denied", "{name}");
    }
    assert_eq!(
        issue(AccountId::from_entropy(9), "ann@example.com").await,
        "Denied",
        "another customer's provider"
    );
}

#[tokio::test]
async fn a_code_dies_with_the_way_it_was_made() {
    let world = World::new().await;
    world.federate().await;
    let code = world
        .iam
        .issue_login_code(world.account, "ann@example.com")
        .await
        .unwrap();
    world
        .iam
        .set_auth_method(&by(&world.root), world.ann.id, AuthMethod::Password)
        .await
        .unwrap();
    world.federate().await;
    assert_eq!(why(world.redeem(&code).await), "BadLoginCode");
}
