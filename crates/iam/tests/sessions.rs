//! Sessions: what they may, how long, and what ends them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::{
    AssumeRole, AuthMethod, LoginKind, MadeCustomer, NewSession, OpenedSession, SessionBeginning, SessionLength,
    SessionName, UserChange, UserInfo,
};
use baleen_policy::{Action, Ask, Context, Principal, Resource, Role, SessionKind, authorize};
use baleen_runtime::Clock as _;
use baleen_tenancy::{ModifyCustomer, WantedStatus};
use baleen_types::{AccessKeyId, CustomerName};
use common::{ALLOW, World, grant, new_policy, why};
use std::time::Duration;

fn role(secs: u32) -> AssumeRole {
    AssumeRole {
        name: SessionName::parse("test").unwrap(),
        length: SessionLength::assumed(Some(secs)).unwrap(),
        policy: None,
        policy_arns: Vec::new(),
        origin: Some("192.0.2.1".parse().unwrap()),
    }
}

fn login(secs: u32) -> NewSession {
    NewSession {
        kind: LoginKind::Password,
        length: SessionLength::login(Some(secs)).unwrap(),
        with_second_factor: true,
        origin: None,
    }
}

async fn principal(world: &World, id: &AccessKeyId) -> Principal {
    world
        .iam
        .credential(id)
        .await
        .unwrap()
        .found()
        .unwrap()
        .principal
        .clone()
}

/// A session derived from a credential.
async fn derive(world: &World, from: &AccessKeyId, ask: AssumeRole) -> Result<OpenedSession, baleen_iam::Error> {
    let by = grant(&principal(world, from).await, Action::StsAssumeRole);
    world.iam.assume_role(&by, ask).await
}

async fn log_in(world: &World, user: &UserInfo, secs: u32) -> AccessKeyId {
    world.iam.open_session(user, login(secs)).await.unwrap().id
}

#[tokio::test]
async fn a_derived_session_is_the_same_user_for_a_while() {
    for world in World::each().await {
        let user = world.user("user").await;
        let key = world.key_of(&user).await;
        world.attach(&user, &world.policy("Policy").await).await.unwrap();
        let opened = derive(&world, &key, role(900)).await.unwrap();
        assert!(opened.id.as_str().starts_with("STX") && opened.id.as_str().len() == 24);
        let known = world.iam.credential(&opened.id).await.unwrap().found().unwrap();
        assert_eq!(known.secret.expose(), opened.secret.expose());
        let token = opened.token.unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.expose().as_bytes());
        assert_eq!(known.token_hash.unwrap(), digest.as_ref());
        let caller = known.principal.caller().unwrap();
        assert_eq!((caller.user.id, caller.policies.len()), (user.id, 1));
        assert!(caller.bounds.sets().is_empty());
        let session = caller.session().unwrap();
        assert!(matches!(session.kind, SessionKind::Derived));
        world.clock.advance(Duration::from_secs(899));
        assert_eq!(world.force_of(&opened.id).await, Ok(1));
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(world.force_of(&opened.id).await, Err("expired"), "from the cache");
        let restarted = common::service(&world.meta, &world.clock, 8);
        assert_eq!(
            common::force_of(&restarted, &opened.id).await,
            Err("expired"),
            "from the store"
        );
        world.iam.sweep_sessions().await.unwrap();
        assert_eq!(
            common::force_of(&restarted, &opened.id).await,
            Err("expired"),
            "told apart for a while"
        );
        world.clock.advance(Duration::from_secs(3600));
        world.iam.sweep_sessions().await.unwrap();
        assert_eq!(common::force_of(&restarted, &opened.id).await, Err("unknown"));
    }
}

#[tokio::test]
async fn a_derived_session_is_held_to_its_policies() {
    let world = World::new().await;
    let user = world.user("user").await;
    let key = world.key_of(&user).await;
    let arn = world.policy("Bound").await;
    let asks = |policy: Option<String>, arns: usize| AssumeRole {
        policy,
        policy_arns: vec![arn.clone(); arns],
        ..role(900)
    };
    for (policy, arns, expected) in [
        (None, 1, "ok"),
        (Some(ALLOW.to_owned()), 0, "ok"),
        (Some(ALLOW.to_owned()), 10, "ok"),
        (None, 11, "limit"),
        (Some(String::new()), 0, "malformed"),
        (Some("{".to_owned()), 0, "malformed"),
        (Some(" ".repeat(2_049)), 0, "invalid"),
    ] {
        let outcome = derive(&world, &key, asks(policy.clone(), arns)).await;
        assert_eq!(why(outcome), expected, "{policy:?} and {arns}");
    }
    // What is held to something derives only if that lets it.
    let held = derive(&world, &key, asks(Some(ALLOW.to_owned()), 2)).await.unwrap();
    let by = principal(&world, &held.id).await;
    let context = Context::new(world.clock.now());
    let ask = Ask {
        principal: &by,
        action: Action::StsAssumeRole,
        resource: Resource::OwnAccount,
        context: &context,
    };
    assert!(authorize(&ask).is_err());
    let lets = ALLOW.replace("s3:GetObject", "sts:AssumeRole");
    let opened = derive(&world, &key, asks(Some(lets), 2)).await.unwrap();
    assert_eq!(opened.packed_percent, 2);
    let caller = principal(&world, &opened.id).await;
    let sets: Vec<_> = caller
        .caller()
        .unwrap()
        .bounds
        .sets()
        .iter()
        .map(|set| set.len())
        .collect();
    assert_eq!(sets, [3], "one set, of which any may allow");
    let deeper = derive(&world, &opened.id, asks(None, 1)).await.unwrap();
    let caller = principal(&world, &deeper.id).await;
    let sets: Vec<_> = caller
        .caller()
        .unwrap()
        .bounds
        .sets()
        .iter()
        .map(|set| set.len())
        .collect();
    assert_eq!(sets, [3, 1], "and one more, which has to allow too");
    let by = world.by(Action::IamCreatePolicy);
    let long = format!("{}{ALLOW}", " ".repeat(9_000));
    let made = world.iam.create_policy(&by, new_policy("Long", &long)).await.unwrap();
    let long = baleen_iam::PolicyArn::parse(&made.arn()).unwrap();
    let ask = AssumeRole {
        policy_arns: vec![long.clone(), long],
        ..role(900)
    };
    let refused = derive(&world, &key, ask).await;
    assert!(matches!(refused, Err(baleen_iam::Error::PackedPolicyTooLarge { .. })));
}

/// Each way to end something ends what was derived from it, at the next request.
#[tokio::test]
async fn what_ends_a_session_ends_what_was_derived_from_it() {
    #[derive(Clone, Copy, Debug)]
    enum End {
        Key,
        Deactivated,
        FirstSession,
        AllSessions,
        Role,
        AuthMethod,
        User,
    }
    use End::{AllSessions, AuthMethod as Method, Deactivated, FirstSession, Key, Role as NewRole, User};
    for (from_login, end, expected) in [
        (false, Key, "unknown"),
        (false, Deactivated, "unknown"),
        (false, FirstSession, "unknown"),
        (false, AllSessions, "unknown"),
        (false, NewRole, "unknown"),
        (true, FirstSession, "unknown"),
        (true, AllSessions, "unknown"),
        (true, Method, "unknown"),
        (true, NewRole, "unknown"),
        (true, User, "suspended"),
    ] {
        let world = World::new().await;
        let iam = &world.iam;
        let by = world.by(Action::IamUpdateUser);
        let user = world.user("user").await;
        let key = world.key_of(&user).await;
        let first = if from_login {
            iam.delete_access_key(&by, user.id, &key).await.unwrap();
            log_in(&world, &user, 3600).await
        } else {
            derive(&world, &key, role(3600)).await.unwrap().id
        };
        // A login whose password has to change derives nothing; this user's has not.
        let deeper = if from_login {
            first.clone()
        } else {
            derive(&world, &first, role(900)).await.unwrap().id
        };
        assert_eq!(world.force_of(&deeper).await, Ok(0), "{end:?}");
        match end {
            Key => iam.delete_access_key(&by, user.id, &key).await.unwrap(),
            Deactivated => iam.update_access_key(&by, user.id, &key, false).await.unwrap(),
            FirstSession => iam.end_session(&by, user.id, &first).await.unwrap(),
            AllSessions => iam.end_sessions(&by, user.id).await.unwrap(),
            Method => iam.set_auth_method(&by, user.id, AuthMethod::Federated).await.unwrap(),
            NewRole => {
                let change = UserChange {
                    role: Some(Role::Admin),
                    ..UserChange::default()
                };
                iam.update_user(&by, user.id, &change).await.unwrap();
            }
            User => iam.delete_user(&by, user.id).await.unwrap(),
        }
        assert_eq!(world.force_of(&deeper).await, Err(expected), "{end:?}");
        let restarted = common::service(&world.meta, &world.clock, 8);
        assert_eq!(
            common::force_of(&restarted, &deeper).await,
            Err(expected),
            "{end:?}, from the store"
        );
    }
}

#[tokio::test]
async fn a_session_opened_while_sessions_were_ended_is_ended() {
    let world = World::new().await;
    let seen = world.user("user").await;
    world
        .iam
        .end_sessions(&world.by(Action::IamUpdateUser), seen.id)
        .await
        .unwrap();
    let opened = world.iam.open_session(&seen, login(60)).await.unwrap();
    assert_eq!(world.force_of(&opened.id).await, Err("unknown"));
}

#[tokio::test]
async fn sessions_are_listed_and_bounded() {
    let world = World::new().await;
    let user = world.user("user").await;
    let key = world.key_of(&user).await;
    let by = world.by(Action::IamGetUser);
    let first = log_in(&world, &user, 60).await;
    let second = derive(&world, &key, role(900)).await.unwrap();
    let mut listed = world.iam.list_sessions(&by, user.id).await.unwrap();
    listed.sort_by_key(|s| s.expires);
    assert_eq!(
        listed.iter().map(|s| s.id.clone()).collect::<Vec<_>>(),
        [first, second.id.clone()]
    );
    assert_eq!(listed[0].began, SessionBeginning::Login);
    assert_eq!(
        (listed[1].began, listed[1].parent.as_ref()),
        (SessionBeginning::Derived, Some(&key))
    );
    assert_eq!(listed[1].origin, Some("192.0.2.1".parse().unwrap()));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.iam.list_sessions(&by, user.id).await.unwrap().len(), 1);

    let mut from = key;
    for depth in 1..=9 {
        let outcome = derive(&world, &from, role(900)).await;
        if depth == 9 {
            assert_eq!(why(outcome), "limit", "a chain has eight");
        } else {
            from = outcome.unwrap().id;
        }
    }
    for _ in 0..1_000 {
        if world.iam.open_session(&user, login(60)).await.is_err() {
            break;
        }
    }
    assert_eq!(why(world.iam.open_session(&user, login(60)).await), "limit");
    world.clock.advance(Duration::from_secs(2 * 3600));
    world.iam.sweep_sessions().await.unwrap();
    world
        .iam
        .open_session(&user, login(60))
        .await
        .expect("the sweep makes room");
}

/// Neither a leaked key nor a reseller keeps a user from logging in, and what was made with the key goes with it.
#[tokio::test]
async fn what_credentials_make_takes_no_room_from_logins() {
    let world = World::new().await;
    let user = world.user("user").await;
    let key = world.key_of(&user).await;
    let by = grant(&principal(&world, &key).await, Action::StsAssumeRole);
    for _ in 0..1_000 {
        world.iam.assume_role(&by, role(43_200)).await.unwrap();
    }
    assert_eq!(why(world.iam.assume_role(&by, role(900)).await), "limit");
    log_in(&world, &user, 60).await;
    let manages = world.by(Action::IamDeleteAccessKey);
    world
        .iam
        .update_access_key(&manages, user.id, &key, false)
        .await
        .unwrap();
    let other = world.key_of(&user).await;
    let limited = derive(&world, &other, role(900)).await;
    assert_eq!(why(limited), "limit", "what is switched off may come back");
    world.iam.delete_access_key(&manages, user.id, &key).await.unwrap();
    derive(&world, &other, role(900))
        .await
        .expect("what is over makes room");

    // Logins that were ended make room at once.
    for _ in 0..999 {
        log_in(&world, &user, 43_200).await;
    }
    assert_eq!(why(world.iam.open_session(&user, login(60)).await), "limit");
    world.iam.end_sessions(&manages, user.id).await.unwrap();
    let user = world.iam.get_user(world.account, user.id).await.unwrap();
    log_in(&world, &user, 60).await;
}

#[tokio::test]
async fn a_resellers_sessions_take_the_room_of_who_made_them() {
    let world = World::new().await;
    let name = CustomerName::parse("newcorp").unwrap();
    let new = common::new_customer(&name);
    let by = world.by(Action::IamRsCreateCustomer);
    let root = world.iam.create_customer(&by, &new, None).await.unwrap().root;
    let change = ModifyCustomer {
        assume_role_enabled: Some(true),
        ..ModifyCustomer::default()
    };
    let modifies = world.by(Action::IamRsModifyCustomer);
    world.tenancy.modify(&modifies, &name, change).await.unwrap();
    let by = world.by(Action::StsRsAssumeCustomerRole);
    let length = SessionLength::login(None).unwrap();
    let theirs = world
        .iam
        .assume_customer_role(&by, &name, length, None)
        .await
        .unwrap()
        .id;
    let maker = by.user().unwrap().id;
    let own = world.iam.list_sessions(&by, maker).await.unwrap();
    assert!(
        own.iter().all(|session| session.id != theirs),
        "it is none of the maker's account"
    );
    let session = world.iam.credential(&theirs).await.unwrap().found().unwrap();
    let as_root = common::grant(&session.principal, Action::IamGetUser);
    let listed = world.iam.list_sessions(&as_root, root.id).await.unwrap();
    assert_eq!(listed.iter().map(|s| &s.id).collect::<Vec<_>>(), [&theirs]);
    for _ in 1..1_000 {
        world.iam.assume_customer_role(&by, &name, length, None).await.unwrap();
    }
    assert_eq!(
        why(world.iam.assume_customer_role(&by, &name, length, None).await),
        "limit"
    );
    for _ in 0..3 {
        log_in(&world, &root, 60).await;
    }
    world.clock.advance(Duration::from_secs(3_600));
    let opened = world.iam.assume_customer_role(&by, &name, length, None).await;
    assert_eq!(
        world.force_of(&opened.unwrap().id).await,
        Ok(0),
        "an hour later, unswept"
    );
}

#[tokio::test]
async fn lengths_have_a_range() {
    for (secs, assumed, login) in [
        (None, true, true),
        (Some(0), false, false),
        (Some(59), false, false),
        (Some(60), false, true),
        (Some(899), false, true),
        (Some(900), true, true),
        (Some(43_200), true, true),
        (Some(43_201), false, false),
    ] {
        assert_eq!(SessionLength::assumed(secs).is_ok(), assumed, "{secs:?}");
        assert_eq!(SessionLength::login(secs).is_ok(), login, "{secs:?}");
    }
}

#[tokio::test]
async fn a_reseller_acts_for_a_customer_that_lets_it() {
    for world in World::each().await {
        let iam = &world.iam;
        let tenancy = &world.tenancy;
        let name = CustomerName::parse("newcorp").unwrap();
        let new = common::new_customer(&name);
        let by = world.by(Action::IamRsCreateCustomer);
        let MadeCustomer { customer, root, .. } = iam.create_customer(&by, &new, None).await.unwrap();
        assert_eq!((root.role, root.name.as_str()), (Role::Root, "root@newcorp.example"));
        assert!(matches!(
            iam.create_customer(&by, &new, None).await,
            Err(baleen_iam::Error::Tenancy(baleen_tenancy::Error::CustomerExists(_)))
        ));
        let by = world.by(Action::StsRsAssumeCustomerRole);
        let length = SessionLength::login(None).unwrap();
        assert_eq!(
            why(iam.assume_customer_role(&by, &name, length, None).await),
            "not allowed",
            "not switched on"
        );
        let switch = async |on: bool| {
            let change = ModifyCustomer {
                assume_role_enabled: Some(on),
                ..ModifyCustomer::default()
            };
            tenancy
                .modify(&world.by(Action::IamRsModifyCustomer), &name, change)
                .await
                .unwrap();
        };
        switch(true).await;
        let opened = iam.assume_customer_role(&by, &name, length, None).await.unwrap();
        assert!(opened.token.is_none());
        let caller = principal(&world, &opened.id).await;
        let user = caller.user().unwrap();
        assert_eq!(
            (user.account, user.id, user.role),
            (customer.account, root.id, Role::Root)
        );
        let by_whom = |principal: &Principal| match &principal.caller().unwrap().session().unwrap().kind {
            SessionKind::Reseller { by } => by.user.account,
            other => panic!("{other:?}"),
        };
        assert_eq!(by_whom(&caller), world.account);
        let context = Context::new(world.clock.now());
        let derives = Ask {
            principal: &caller,
            action: Action::StsAssumeRole,
            resource: Resource::OwnAccount,
            context: &context,
        };
        assert!(authorize(&derives).is_err(), "what ends with a switch derives nothing");

        switch(false).await;
        assert_eq!(world.force_of(&opened.id).await, Err("suspended"));
        switch(true).await;
        assert_eq!(world.force_of(&opened.id).await, Ok(0));
        let disable = ModifyCustomer {
            status: Some(WantedStatus::Disabled),
            ..ModifyCustomer::default()
        };
        let own = log_in(&world, &root, 3600).await;
        assert_eq!(world.force_of(&own).await, Ok(0));
        tenancy
            .modify(&world.by(Action::IamRsModifyCustomer), &name, disable)
            .await
            .unwrap();
        for id in [&own, &opened.id] {
            assert_eq!(world.force_of(id).await, Err("suspended"), "the customer is disabled");
        }
    }
}
