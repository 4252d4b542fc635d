//! Whose a credential is that lets nobody in: told for the audit log, whatever became of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::{Iam, LoginKind, MadeCustomer, NewSession, SessionLength, TokenOptions};
use baleen_policy::{Action, Principal, SessionKind};
use baleen_tenancy::{ModifyCustomer, WantedStatus};
use baleen_types::{AccessKeyId, CustomerName, Secret};
use common::World;
use std::time::Duration;

async fn owner(iam: &Iam, id: &AccessKeyId) -> Option<Principal> {
    let owner = iam.owner_of_credential(id).await.unwrap();
    let caller = owner.as_ref().and_then(Principal::caller);
    assert!(
        caller.is_none_or(|caller| caller.policies.is_empty()),
        "it proves nothing"
    );
    owner
}

#[tokio::test]
async fn a_key_is_its_user_s_as_long_as_it_is_there() {
    for world in World::each().await {
        let user = world.user("ann@example.com").await;
        let key = world.key_of(&user).await;
        world.attach(&user, &world.policy("Policy").await).await.unwrap();
        let is_hers = async || {
            let owner = owner(&world.iam, &key).await;
            owner.is_some_and(|owner| owner.user().unwrap().id == user.id)
        };
        assert!(is_hers().await);
        let update = world.by(Action::IamUpdateAccessKey);
        world
            .iam
            .update_access_key(&update, user.id, &key, false)
            .await
            .unwrap();
        assert_eq!(world.force_of(&key).await, Err("unknown"));
        assert!(is_hers().await, "inactive");
        let delete = world.by(Action::IamDeleteAccessKey);
        world.iam.delete_access_key(&delete, user.id, &key).await.unwrap();
        assert!(!is_hers().await);
        let nobody = AccessKeyId::parse("AKIAIOSFODNN7UNKNOWN").unwrap();
        assert!(owner(&world.iam, &nobody).await.is_none());
    }
}

#[tokio::test]
async fn sessions_and_tokens_have_owners_too_also_of_a_customer_that_may_not_act() {
    let world = World::new().await;
    let (iam, name) = (&world.iam, CustomerName::parse("newcorp").unwrap());
    let new = common::new_customer(&name);
    let MadeCustomer { customer, root, .. } = iam
        .create_customer(&world.by(Action::IamRsCreateCustomer), &new, None)
        .await
        .unwrap();
    let modify = async |change: ModifyCustomer| {
        let by = world.by(Action::IamRsModifyCustomer);
        world.tenancy.modify(&by, &name, change).await.unwrap();
    };
    modify(ModifyCustomer {
        assume_role_enabled: Some(true),
        ..ModifyCustomer::default()
    })
    .await;
    let login = NewSession {
        kind: LoginKind::Password,
        length: SessionLength::login(None).unwrap(),
        with_second_factor: false,
        origin: None,
    };
    let login = iam.open_session(&root, login).await.unwrap().id;
    let by = world.by(Action::StsRsAssumeCustomerRole);
    let length = SessionLength::login(None).unwrap();
    let assumed = iam.assume_customer_role(&by, &name, length, None).await.unwrap().id;
    modify(ModifyCustomer {
        status: Some(WantedStatus::Disabled),
        ..ModifyCustomer::default()
    })
    .await;
    for over in [false, true] {
        if over {
            world.clock.advance(Duration::from_hours(24));
        }
        for (id, is_reseller) in [(&login, false), (&assumed, true)] {
            assert!(world.force_of(id).await.is_err());
            let owner = owner(iam, id).await.unwrap();
            let caller = owner.caller().unwrap();
            assert_eq!((caller.user.account, caller.user.id), (customer.account, root.id));
            let by = match &caller.session().unwrap().kind {
                SessionKind::Reseller { by } => Some(by.user.account),
                _ => None,
            };
            assert_eq!(by, is_reseller.then_some(world.account));
        }
    }
    let token = iam
        .create_token(
            &world.by(Action::CapturesManageTokens),
            world.root.principal.user().unwrap().id,
            TokenOptions::labelled("upload"),
        )
        .await
        .unwrap();
    let owner = iam.owner_of_token(&token.token).await.unwrap().unwrap();
    assert_eq!(owner.user().unwrap().account, world.account);
    for hostile in ["", "0", "no token of ours\n", &"f".repeat(32), &"f".repeat(10_000)] {
        assert!(iam.owner_of_token(&Secret::new(hostile)).await.unwrap().is_none());
    }
}
