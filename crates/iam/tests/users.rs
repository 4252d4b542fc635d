//! Users and their keys, from beginning to end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::{AuthMethod, Iam, NewUser, PageRequest, Path, PathPrefix, PersonName, Tags, UserChange, UserCounts};
use baleen_meta::Meta;
use baleen_policy::{Action, Role};
use baleen_types::{AccessKeyId, UserId};
use common::{ALLOW, World, name, new_user, policy_name, why};
use std::time::Duration;

#[tokio::test]
async fn a_user_comes_and_goes() {
    for world in World::each().await {
        let iam = &world.iam;
        let by = world.by(Action::IamCreateUser);
        let new = NewUser {
            name: name("Ann@example.com"),
            path: Path::parse("/red/").unwrap(),
            tags: Tags::parse(vec![("team".to_owned(), "red".to_owned())]).unwrap(),
        };
        let ann = iam.create_user(&by, new).await.unwrap();
        assert_eq!(
            ann.arn(),
            format!("arn:aws:iam::{}:user/red/Ann@example.com", world.account)
        );
        assert_eq!((ann.role, ann.must_change_password), (Role::User, true));
        assert_eq!(why(iam.create_user(&by, new_user("aNN@example.com")).await), "exists");
        assert_eq!(
            iam.find_user(world.account, &name("ANN@EXAMPLE.COM")).await.unwrap(),
            ann
        );
        assert_eq!(iam.get_user(world.account, ann.id).await.unwrap(), ann);
        assert_eq!(why(iam.find_user(world.account, &name("bob")).await), "no such entity");

        iam.delete_user(&by, ann.id).await.unwrap();
        assert_eq!(why(iam.delete_user(&by, ann.id).await), "no such entity");
        assert_eq!(why(iam.find_user(world.account, &ann.name).await), "no such entity");
        let again = iam.create_user(&by, new_user("ann@example.com")).await.unwrap();
        assert_ne!(again.id, ann.id, "an id is not used again");
    }
}

#[tokio::test]
async fn an_id_that_is_taken_or_was_is_not_given_out() {
    use baleen_runtime::{Entropy, ManualClock};
    use std::sync::Arc;
    /// Draws the same number some times, then others.
    struct Stuck(std::sync::atomic::AtomicU64);
    impl Entropy for Stuck {
        fn fill(&self, bytes: &mut [u8]) {
            let draw = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let number = if draw < 4 { 7 } else { draw };
            bytes.fill(0);
            let n = bytes.len().min(8);
            bytes[..n].copy_from_slice(&number.to_le_bytes()[..n]);
        }
    }
    let world = World::new().await;
    let iam = Iam::new(baleen_iam::Parts {
        meta: world.meta.clone(),
        tenancy: common::tenancy(&world.meta, &world.clock, 5),
        sealer: Arc::new(baleen_sealing::Sealer::new(&zeroize::Zeroizing::new(common::MASTER))),
        clock: ManualClock::new(baleen_types::Timestamp::EPOCH),
        entropy: Arc::new(Stuck(0.into())),
    });
    let by = world.by(Action::IamCreateUser);
    let first = iam.create_user(&by, new_user("first")).await.unwrap();
    let second = iam.create_user(&by, new_user("second")).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.id, UserId::from_entropy(7));
    iam.delete_user(&by, first.id).await.unwrap();
    let iam = Iam::new(baleen_iam::Parts {
        meta: world.meta.clone(),
        tenancy: common::tenancy(&world.meta, &world.clock, 5),
        sealer: Arc::new(baleen_sealing::Sealer::new(&zeroize::Zeroizing::new(common::MASTER))),
        clock: ManualClock::new(baleen_types::Timestamp::EPOCH),
        entropy: Arc::new(Stuck(0.into())),
    });
    assert_ne!(iam.create_user(&by, new_user("third")).await.unwrap().id, first.id);
}

#[tokio::test]
async fn what_hangs_from_a_user_keeps_it() {
    let world = World::new().await;
    let iam = &world.iam;
    let by = world.by(Action::IamDeleteUser);
    let user = world.user("user").await;
    let key = world.key_of(&user).await;
    let policy = world.policy("Policy").await;
    world.attach(&user, &policy).await.unwrap();
    let own = policy_name("own");
    iam.put_user_policy(&by, user.id, &own, ALLOW).await.unwrap();

    assert_eq!(why(iam.delete_user(&by, user.id).await), "HasAccessKeys");
    iam.delete_access_key(&by, user.id, &key).await.unwrap();
    assert_eq!(why(iam.delete_user(&by, user.id).await), "HasAttachedPolicies");
    world.detach(&user, &policy).await.unwrap();
    assert_eq!(why(iam.delete_user(&by, user.id).await), "HasInlinePolicies");
    iam.delete_user_policy(&by, user.id, &own).await.unwrap();
    iam.delete_user(&by, user.id).await.unwrap();

    let root = world.root.principal.user().unwrap();
    assert_eq!(why(iam.delete_user(&by, root.id).await), "IsOneself");
    let admin = world.user("admin").await;
    let key = world.key_of(&admin).await;
    let as_admin = iam.credential(&key).await.unwrap().found().unwrap();
    let by = common::grant(&as_admin.principal, Action::IamDeleteUser);
    assert_eq!(why(iam.delete_user(&by, root.id).await), "IsRoot");
}

#[tokio::test]
async fn a_user_is_changed() {
    for world in World::each().await {
        let iam = &world.iam;
        let by = world.by(Action::IamUpdateUser);
        let (ann, bob) = (world.user("ann").await, world.user("bob").await);
        let key = world.key_of(&ann).await;
        let named = |text: &str| UserChange {
            name: Some(name(text)),
            ..UserChange::default()
        };
        assert_eq!(why(iam.update_user(&by, ann.id, &named("BOB")).await), "exists");
        let changed = iam.update_user(&by, ann.id, &named("ANN")).await.unwrap();
        assert_eq!((changed.id, changed.name.as_str()), (ann.id, "ANN"));
        let change = UserChange {
            path: Some(Path::parse("/blue/").unwrap()),
            first_name: Some(PersonName::parse("Ann").unwrap()),
            last_name: Some(PersonName::parse("Lee").unwrap()),
            role: Some(Role::Admin),
            ..named("anna")
        };
        let changed = iam.update_user(&by, ann.id, &change).await.unwrap();
        assert_eq!(changed.role, Role::Admin);
        assert_eq!(iam.find_user(world.account, &name("Anna")).await.unwrap(), changed);
        assert_eq!(why(iam.find_user(world.account, &name("ann")).await), "no such entity");
        let known = iam.credential(&key).await.unwrap().found().unwrap();
        let user = known.principal.user().unwrap();
        assert_eq!(
            (user.arn(), user.role),
            (changed.arn(), Role::Admin),
            "its key knows it"
        );
        iam.update_user(&by, bob.id, &named("ann")).await.unwrap();

        let role = |role| UserChange {
            role: Some(role),
            ..UserChange::default()
        };
        let root = world.root.principal.user().unwrap().id;
        for (id, wanted) in [(ann.id, Role::Root), (root, Role::Admin)] {
            assert_eq!(why(iam.update_user(&by, id, &role(wanted)).await), "not allowed");
        }
        let by = common::grant(&known.principal, Action::IamUpdateUser);
        assert_eq!(
            why(iam.update_user(&by, ann.id, &role(Role::User)).await),
            "not allowed"
        );
        assert_eq!(
            iam.count_users(world.account).await.unwrap(),
            UserCounts {
                users: 3,
                admins: 1,
                roots: 1
            }
        );
    }
}

#[tokio::test]
async fn tags_of_a_user() {
    let world = World::new().await;
    let iam = &world.iam;
    let by = world.by(Action::IamTagUser);
    let user = world.user("user").await;
    let tags = |pairs: &[(&str, &str)]| {
        Tags::parse(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()).unwrap()
    };
    iam.tag_user(&by, user.id, &tags(&[("team", "red"), ("cost", "7")]))
        .await
        .unwrap();
    iam.tag_user(&by, user.id, &tags(&[("Team", "blue")])).await.unwrap();
    let now = iam.get_user(world.account, user.id).await.unwrap().tags;
    assert_eq!(
        now,
        [
            ("cost".to_owned(), "7".to_owned()),
            ("Team".to_owned(), "blue".to_owned())
        ]
    );
    iam.untag_user(&by, user.id, &["TEAM".to_owned(), "other".to_owned()])
        .await
        .unwrap();
    assert_eq!(iam.get_user(world.account, user.id).await.unwrap().tags.len(), 1);
    let many: Vec<_> = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    assert_eq!(
        why(iam.tag_user(&by, user.id, &Tags::parse(many).unwrap()).await),
        "limit"
    );
}

#[tokio::test]
async fn the_way_to_log_in() {
    let world = World::new().await;
    let iam = &world.iam;
    let by = world.by(Action::IamRsSetUserAuthMethod);
    let user = world.user("user").await;
    iam.set_auth_method(&by, user.id, AuthMethod::Federated).await.unwrap();
    let now = iam.get_user(world.account, user.id).await.unwrap();
    assert_eq!((now.auth, now.must_change_password), (AuthMethod::Federated, false));
    let root = world.root.principal.user().unwrap().id;
    assert_eq!(
        why(iam.set_auth_method(&by, root, AuthMethod::Federated).await),
        "not allowed"
    );
}

#[tokio::test]
async fn users_are_listed_in_pages() {
    for world in World::each().await {
        let iam = &world.iam;
        for n in 0..7 {
            let path = Path::parse(if n % 2 == 0 { "/even/" } else { "/odd/" }).unwrap();
            let new = NewUser {
                path,
                ..new_user(&format!("user{n}"))
            };
            iam.create_user(&world.by(Action::IamCreateUser), new).await.unwrap();
        }
        let by = world.by(Action::IamListUsers);
        for (prefix, items, expected) in [
            (
                "",
                3,
                &[
                    &["root", "user0", "user1"][..],
                    &["user2", "user3", "user4"],
                    &["user5", "user6"],
                ][..],
            ),
            ("/even", 2, &[&["user0", "user2"], &["user4", "user6"]]),
            ("/even/", 4, &[&["user0", "user2", "user4", "user6"]]),
            ("/none/", 4, &[&[]]),
        ] {
            let prefix = PathPrefix::parse(prefix).unwrap();
            let mut marker: Option<String> = None;
            for (n, names) in expected.iter().enumerate() {
                let ask = PageRequest::new(marker.as_deref(), Some(items)).unwrap();
                let page = iam.list_users(&by, &prefix, &ask).await.unwrap();
                let found: Vec<_> = page.items.iter().map(|u| u.name.as_str()).collect();
                assert_eq!(found, *names);
                assert_eq!(page.next.is_some(), n + 1 < expected.len(), "{names:?}");
                marker = page.next;
            }
        }
    }
}

#[tokio::test]
async fn a_marker_is_for_who_got_it_and_for_what_was_asked() {
    let world = World::new().await;
    let iam = &world.iam;
    let user = world.user("other").await;
    let key = world.key_of(&user).await;
    let other = iam.credential(&key).await.unwrap().found().unwrap();
    let by = world.by(Action::IamListUsers);
    let all = PathPrefix::default();
    let ask = PageRequest::new(None, Some(1)).unwrap();
    let marker = iam.list_users(&by, &all, &ask).await.unwrap().next.unwrap();
    assert!(marker.len() <= 320, "the client's model allows no more");
    let ask = PageRequest::new(Some(&marker), None).unwrap();
    assert_eq!(iam.list_users(&by, &all, &ask).await.unwrap().items.len(), 1);

    let foreign = common::grant(&other.principal, Action::IamListUsers);
    assert_eq!(why(iam.list_users(&foreign, &all, &ask).await), "invalid");
    let elsewhere = world.by(Action::IamListPolicies);
    assert_eq!(
        why(iam
            .list_policies(&elsewhere, &baleen_iam::PolicyFilter::default(), &ask)
            .await),
        "invalid"
    );
    for wrong in ["", "x", "user0", &"A".repeat(4096), &marker[1..], &format!("{marker}A")] {
        let ask = PageRequest::new(Some(wrong), None).unwrap();
        assert_eq!(why(iam.list_users(&by, &all, &ask).await), "invalid", "{wrong}");
    }
}

#[tokio::test]
async fn keys_of_a_user() {
    for world in World::each().await {
        let iam = &world.iam;
        let by = world.by(Action::IamCreateAccessKey);
        let (user, other) = (world.user("user").await, world.user("other").await);
        let made = iam.create_access_key(&by, user.id).await.unwrap();
        let second = world.key_of(&user).await;
        assert_eq!(why(iam.create_access_key(&by, user.id).await), "limit");
        let known = iam.credential(&made.info.id).await.unwrap().found().unwrap();
        assert_eq!(known.secret.expose(), made.secret.expose());
        let listed = iam
            .list_access_keys(&by, user.id, &PageRequest::first())
            .await
            .unwrap()
            .items;
        assert_eq!(listed.len(), 2);
        assert!(listed.contains(&made.info));

        let id = &made.info.id;
        for outcome in [
            iam.update_access_key(&by, other.id, id, false).await,
            iam.delete_access_key(&by, other.id, id).await,
            iam.delete_access_key(&by, user.id, &AccessKeyId::parse("AKIAUNKNOWNUNKNOWNUN").unwrap())
                .await,
        ] {
            assert_eq!(why(outcome), "no such entity");
        }
        assert_eq!(world.force_of(id).await, Ok(0));
        iam.update_access_key(&by, user.id, id, false).await.unwrap();
        assert_eq!(world.force_of(id).await, Err("unknown"));
        iam.update_access_key(&by, user.id, id, true).await.unwrap();
        assert_eq!(world.force_of(id).await, Ok(0));
        iam.delete_access_key(&by, user.id, id).await.unwrap();
        assert_eq!(world.force_of(id).await, Err("unknown"));
        assert_eq!(why(iam.find_access_key(world.account, id).await), "no such entity");
        assert_eq!(world.force_of(&second).await, Ok(0));
    }
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    let world = World::new().await;
    let iam = &world.iam;
    let user = world.user("user").await;
    let key = world.key_of(&user).await;
    let last = async || iam.find_access_key(world.account, &key).await.unwrap().last_used;
    let region_of = |used: Option<baleen_iam::LastUse>| used.map(|used| used.region);
    assert_eq!(last().await, None);
    iam.note_use(&key, "s3", "one");
    assert_eq!(region_of(last().await).as_deref(), Some("one"), "before it is written");
    iam.write_uses().await.unwrap();
    world.clock.advance(Duration::from_secs(30));
    iam.note_use(&key, "s3", "two");
    assert_eq!(
        region_of(last().await).as_deref(),
        Some("one"),
        "half a minute is too soon"
    );
    world.clock.advance(Duration::from_secs(30));
    iam.note_use(&key, "s3", "three");
    iam.note_use(&AccessKeyId::parse("AKIAUNKNOWNUNKNOWNUN").unwrap(), "s3", "x");
    iam.write_uses().await.unwrap();
    iam.delete_access_key(&world.by(Action::IamDeleteAccessKey), user.id, &key)
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(60));
    iam.note_use(&key, "s3", "four");
    iam.write_uses().await.unwrap();
    assert_eq!(
        why(iam.find_access_key(world.account, &key).await),
        "no such entity",
        "a note brings no key back"
    );

    let key = world.key_of(&user).await;
    iam.note_use(&key, "sts", "one");
    iam.write_uses().await.unwrap();
    let restarted = common::service(&world.meta, &world.clock, 9);
    let used = restarted
        .find_access_key(world.account, &key)
        .await
        .unwrap()
        .last_used
        .unwrap();
    assert_eq!((used.service.as_str(), used.region.as_str()), ("sts", "one"));
}

#[tokio::test]
async fn two_who_make_the_same_user_make_one() {
    let world = World::over(Meta::open_model(), 3).await;
    let by = world.by(Action::IamCreateUser);
    let tries = (0..16).map(|_| world.iam.create_user(&by, new_user("same")));
    let outcomes = futures::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    assert!(
        outcomes
            .into_iter()
            .all(|o| ["ok", "exists"].contains(&why(o).as_str()))
    );
}

#[tokio::test]
async fn many_who_make_keys_make_two() {
    let world = World::over(Meta::open_model(), 3).await;
    let by = world.by(Action::IamCreateAccessKey);
    let user = world.user("user").await;
    let tries = (0..16).map(|_| world.iam.create_access_key(&by, user.id));
    let outcomes = futures::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 2);
}
