//! Managed and inline policies, from beginning to end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::{Description, NewPolicy, PageRequest, Path, PathPrefix, PolicyArn, PolicyFilter, Tags, VersionNumber};
use baleen_policy::Action;
use common::{ALLOW, World, new_policy, policy_name, why};

fn version(text: &str) -> VersionNumber {
    VersionNumber::parse(text).unwrap()
}

#[tokio::test]
async fn a_policy_comes_and_goes() {
    for world in World::each().await {
        let iam = &world.iam;
        let by = world.by(Action::IamCreatePolicy);
        let new = NewPolicy {
            path: Path::parse("/red/").unwrap(),
            description: Description::parse("Reads").unwrap(),
            ..new_policy("Policy", ALLOW)
        };
        let made = iam.create_policy(&by, new).await.unwrap();
        assert!(made.id.starts_with("ANPA") && made.id.len() == 21, "{}", made.id);
        assert_eq!(made.arn(), format!("arn:aws:iam::{}:policy/red/Policy", world.account));
        assert_eq!(
            why(iam.create_policy(&by, new_policy("POLICY", ALLOW)).await),
            "exists",
            "whatever the path"
        );
        let arn = PolicyArn::parse(&made.arn()).unwrap();
        assert_eq!(iam.find_policy(world.account, &arn).await.unwrap(), made);
        for (text, expected) in [
            ("arn:aws:iam::000000000000:policy/red/Policy", "ok"),
            ("arn:aws:iam::000000000000:policy/Policy", "no such entity"),
            ("arn:aws:iam::000000000000:policy/red/policy", "no such entity"),
            ("arn:aws:iam::123456789012:policy/red/Policy", "not allowed"),
        ] {
            let arn = PolicyArn::parse(text).unwrap();
            assert_eq!(why(iam.find_policy(world.account, &arn).await), expected, "{text}");
        }
        iam.delete_policy(&by, &arn).await.unwrap();
        assert_eq!(why(iam.delete_policy(&by, &arn).await), "no such entity");
        let again = iam.create_policy(&by, new_policy("Policy", ALLOW)).await.unwrap();
        assert_ne!(again.id, made.id);
    }
}

#[tokio::test]
async fn documents_are_looked_at_before_they_are_stored() {
    let world = World::new().await;
    let by = world.by(Action::IamCreatePolicy);
    let spaces = " ".repeat(10_000);
    for (document, expected) in [
        (String::new(), "malformed"),
        ("[]".to_owned(), "malformed"),
        ("{".to_owned(), "malformed"),
        (format!("{spaces}{ALLOW}"), "ok"),
        (format!(r#"{{"a":"{}"}}"#, "x".repeat(6_144)), "limit"),
        (format!("{}{ALLOW}", " ".repeat(62_000)), "limit"),
    ] {
        let n = document.len();
        let outcome = world
            .iam
            .create_policy(&by, new_policy(&format!("P{n}"), &document))
            .await;
        assert_eq!(why(outcome), expected, "{n} bytes");
    }
}

#[tokio::test]
async fn versions_are_numbered_once() {
    for world in World::each().await {
        let iam = &world.iam;
        let by = world.by(Action::IamCreatePolicyVersion);
        let arn = world.policy("Policy").await;
        for n in 2..=5 {
            let made = iam.create_policy_version(&by, &arn, ALLOW, n == 3).await.unwrap();
            assert_eq!((made.number.to_string(), made.is_default), (format!("v{n}"), n == 3));
        }
        assert_eq!(why(iam.create_policy_version(&by, &arn, ALLOW, false).await), "limit");
        assert_eq!(
            why(iam.delete_policy_version(&by, &arn, version("v3")).await),
            "IsDefaultVersion"
        );
        assert_eq!(
            why(iam.delete_policy_version(&by, &arn, version("v6")).await),
            "no such entity"
        );
        assert_eq!(why(iam.delete_policy(&by, &arn).await), "HasVersions");
        iam.delete_policy_version(&by, &arn, version("v5")).await.unwrap();
        let made = iam.create_policy_version(&by, &arn, ALLOW, false).await.unwrap();
        assert_eq!(made.number, version("v6"), "v5 is not used again");
        assert_eq!(
            why(iam.set_default_version(&by, &arn, version("v5")).await),
            "no such entity"
        );
        iam.set_default_version(&by, &arn, version("v6")).await.unwrap();
        assert_eq!(
            iam.find_policy(world.account, &arn).await.unwrap().default_version,
            version("v6")
        );
        let page = PageRequest::new(None, Some(3)).unwrap();
        let listed = iam.list_policy_versions(&by, &arn, &page).await.unwrap();
        let numbers: Vec<_> = listed.items.iter().map(|v| v.number.to_string()).collect();
        assert_eq!(numbers, ["v1", "v2", "v3"]);
        let page = PageRequest::new(listed.next.as_deref(), None).unwrap();
        let rest = iam.list_policy_versions(&by, &arn, &page).await.unwrap();
        let numbers: Vec<_> = rest
            .items
            .iter()
            .map(|v| (v.number.to_string(), v.is_default))
            .collect();
        assert_eq!(numbers, [("v4".to_owned(), false), ("v6".to_owned(), true)]);
        let read = iam
            .get_policy_version(world.account, &arn, version("v1"))
            .await
            .unwrap();
        assert_eq!((read.document.as_str(), read.is_default), (ALLOW, false));
    }
}

#[tokio::test]
async fn policies_are_attached_and_detached() {
    for world in World::each().await {
        let iam = &world.iam;
        let by = world.by(Action::IamAttachUserPolicy);
        let user = world.user("user").await;
        let key = world.key_of(&user).await;
        let mut arns = Vec::new();
        for n in 0..11 {
            arns.push(world.policy(&format!("Policy{n:02}")).await);
        }
        for (n, arn) in arns[..10].iter().enumerate() {
            assert_eq!(world.force_of(&key).await, Ok(n));
            world.attach(&user, arn).await.unwrap();
        }
        world
            .attach(&user, &arns[0])
            .await
            .expect("attaching again changes nothing");
        assert_eq!(world.force_of(&key).await, Ok(10));
        assert_eq!(why(world.attach(&user, &arns[10]).await), "limit");
        assert_eq!(why(world.detach(&user, &arns[10]).await), "no such entity");
        assert_eq!(iam.find_policy(world.account, &arns[0]).await.unwrap().attachments, 1);
        assert!(iam.is_attached(world.account, user.id, &arns[0]).await.unwrap());
        assert_eq!(why(iam.delete_policy(&by, &arns[0]).await), "IsAttached");

        let all = PathPrefix::default();
        let mut names = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let ask = PageRequest::new(marker.as_deref(), Some(4)).unwrap();
            let page = iam.attached_policies(&by, user.id, &all, &ask).await.unwrap();
            names.extend(page.items.into_iter().map(|p| p.name));
            marker = page.next;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(names, (0..10).map(|n| format!("Policy{n:02}")).collect::<Vec<_>>());

        for arn in &arns[..10] {
            world.detach(&user, arn).await.unwrap();
        }
        assert_eq!(world.force_of(&key).await, Ok(0));
        assert_eq!(iam.find_policy(world.account, &arns[0]).await.unwrap().attachments, 0);
        iam.delete_policy(&by, &arns[0]).await.unwrap();
    }
}

#[tokio::test]
async fn the_users_of_a_policy_are_listed_in_pages() {
    let world = World::new().await;
    let iam = &world.iam;
    let by = world.by(Action::IamListEntitiesForPolicy);
    let arn = world.policy("Policy").await;
    let other = world.policy("Policy2").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let user = world.user(&format!("user{n}")).await;
        world.attach(&user, &arn).await.unwrap();
        world.attach(&user, &other).await.unwrap();
        ids.push(user.id);
    }
    ids.sort();
    let (mut found, mut marker, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let ask = PageRequest::new(marker.as_deref(), Some(2)).unwrap();
        let page = iam
            .users_of_policy(&by, &arn, &PathPrefix::default(), &ask)
            .await
            .unwrap();
        found.extend(page.items.iter().map(|u| u.id));
        pages += 1;
        marker = page.next;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (ids, 3));
    let attached = PolicyFilter {
        only_attached: true,
        ..PolicyFilter::default()
    };
    world.policy("Unattached").await;
    let listed = iam
        .list_policies(&world.by(Action::IamListPolicies), &attached, &PageRequest::first())
        .await
        .unwrap();
    assert_eq!(
        listed
            .items
            .iter()
            .map(|p| (p.name.as_str(), p.attachments))
            .collect::<Vec<_>>(),
        [("Policy", 5), ("Policy2", 5)]
    );
}

#[tokio::test]
async fn inline_policies_have_room_together() {
    let world = World::new().await;
    let iam = &world.iam;
    let by = world.by(Action::IamPutUserPolicy);
    let user = world.user("user").await;
    let key = world.key_of(&user).await;
    let sized = |chars: usize| {
        let start = r#"{"Version":"2012-10-17","Id":""#;
        let end = r#"","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        format!("{start}{}{end}", "x".repeat(chars - start.len() - end.len()))
    };
    let (one, two) = (policy_name("one"), policy_name("Two"));
    iam.put_user_policy(&by, user.id, &one, &sized(2_048)).await.unwrap();
    assert_eq!(
        why(iam.put_user_policy(&by, user.id, &one, &sized(2_049)).await),
        "limit"
    );
    assert_eq!(why(iam.put_user_policy(&by, user.id, &two, &sized(100)).await), "limit");
    iam.put_user_policy(&by, user.id, &one, &sized(1_948)).await.unwrap();
    iam.put_user_policy(&by, user.id, &two, &sized(100)).await.unwrap();
    assert_eq!(world.force_of(&key).await, Ok(2));
    assert_eq!(iam.get_user_policy(&by, user.id, &two).await.unwrap(), sized(100));
    let names = iam
        .list_user_policies(&by, user.id, &PageRequest::first())
        .await
        .unwrap()
        .items;
    assert_eq!(names, ["Two", "one"]);
    iam.delete_user_policy(&by, user.id, &one).await.unwrap();
    assert_eq!(why(iam.delete_user_policy(&by, user.id, &one).await), "no such entity");
    assert_eq!(why(iam.get_user_policy(&by, user.id, &one).await), "no such entity");
    assert_eq!(why(iam.put_user_policy(&by, user.id, &one, "{").await), "malformed");
    assert_eq!(world.force_of(&key).await, Ok(1));
}

#[tokio::test]
async fn tags_of_a_policy() {
    let world = World::new().await;
    let by = world.by(Action::IamTagPolicy);
    let arn = world.policy("Policy").await;
    let tags = Tags::parse(vec![("team".to_owned(), "red".to_owned())]).unwrap();
    world.iam.tag_policy(&by, &arn, &tags).await.unwrap();
    assert_eq!(world.iam.find_policy(world.account, &arn).await.unwrap().tags.len(), 1);
    world.iam.untag_policy(&by, &arn, &["TEAM".to_owned()]).await.unwrap();
    assert_eq!(world.iam.find_policy(world.account, &arn).await.unwrap().tags.len(), 0);
}

#[tokio::test]
async fn a_policy_is_not_deleted_under_an_attachment() {
    for round in 0..20 {
        let world = World::over(baleen_meta::Meta::open_model(), 100 + round).await;
        let by = world.by(Action::IamDeletePolicy);
        let (user, arn) = (world.user("user").await, world.policy("Policy").await);
        let key = world.key_of(&user).await;
        let (attached, deleted) = tokio::join!(world.attach(&user, &arn), world.iam.delete_policy(&by, &arn));
        assert_ne!(attached.is_ok(), deleted.is_ok(), "one of both");
        assert_eq!(world.force_of(&key).await, Ok(usize::from(attached.is_ok())));
    }
}
