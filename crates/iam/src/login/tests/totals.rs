//! What is kept of an account's users is what there is, after each thing that changes it.

use super::*;
use crate::UserChange;
use crate::totals::tests::{checked, forget};

#[tokio::test]
async fn totals_follow_every_change() {
    let world = World::new().await;
    let (iam, account, ann) = (&world.iam, world.account, world.ann.id);
    let by_root = by(&world.root);
    let sums = || checked(iam, account);
    let role = |role| UserChange {
        role: Some(role),
        ..UserChange::default()
    };
    assert_eq!(sums().await, (2, 0, 0));
    world.second_factor().await;
    assert_eq!(sums().await, (2, 0, 1));
    let cleared = UserChange {
        clears_second_factor: true,
        ..UserChange::default()
    };
    for _ in 0..2 {
        iam.update_user(&by_root, ann, &cleared).await.unwrap();
        assert_eq!(sums().await, (2, 0, 0));
    }
    let (secret, codes) = world.second_factor().await;
    let session = by(&world.ann(PASSWORD, codes[0].expose()).await.unwrap());
    assert_eq!(sums().await, (2, 0, 1));
    world.clock.advance(Duration::from_secs(60));
    let code = Secret::new(secret.code_at(now(&world)));
    for code in [Some(&code), None] {
        let disabled = iam.disable_second_factor(&session, code, world.fresh_address());
        disabled.await.unwrap();
        assert_eq!(sums().await, (2, 0, 0));
    }
    for (wanted, admins) in [(Role::Admin, 1), (Role::Admin, 1), (Role::User, 0), (Role::Admin, 1)] {
        iam.update_user(&by_root, ann, &role(wanted)).await.unwrap();
        assert_eq!(sums().await, (2, admins, 0));
    }
    assert!(iam.update_user(&by_root, ann, &role(Role::Root)).await.is_err());
    world.second_factor().await;
    assert_eq!(sums().await, (2, 1, 1));
    iam.set_auth_method(&by_root, ann, AuthMethod::Federated).await.unwrap();
    assert_eq!(sums().await, (2, 1, 0));
    iam.set_auth_method(&by_root, ann, AuthMethod::Password).await.unwrap();
    let password = NewPassword::parse(&Secret::new(PASSWORD)).unwrap();
    let set = iam.update_login_profile(&by_root, ann, Some(&password), Some(false));
    set.await.unwrap();
    world.second_factor().await;
    let token = iam.issue_reset_token(&by_root, ann).await.unwrap();
    let other = Secret::new(OTHER);
    let reset = iam.reset_password(&token, &other, world.from(world.fresh_address()));
    reset.await.unwrap();
    assert_eq!(sums().await, (2, 1, 1), "a reset leaves the second factor");
    let kept = iam.count_logins(account).await.unwrap();

    world.meta.commit(forget(account)).await.unwrap();
    assert_eq!(
        iam.count_logins(account).await.unwrap(),
        kept,
        "read, of an account of before"
    );
    assert_eq!(iam.count_users(account).await.unwrap().admins, 1);
    world.meta.commit(crate::totals::begin(account)).await.unwrap();

    iam.delete_user(&by_root, ann).await.unwrap();
    assert_eq!(sums().await, (1, 0, 0));
    assert_eq!(
        iam.count_logins(account).await.unwrap().last,
        kept.last,
        "it was then all the same"
    );
}
