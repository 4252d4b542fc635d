//! An account at a glance: complete, in order, in pages that are bounded in entries and in bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::limits::{DETAILS_BYTES_MAX, DOCUMENT_BYTES_MAX};
use baleen_iam::{Detail, DetailFilter, NewPolicy, PageRequest};
use baleen_policy::Action;
use common::{ALLOW, World, new_policy, policy_name, why};

const ALL: DetailFilter = DetailFilter {
    users: true,
    policies: true,
};

fn name(detail: &Detail) -> String {
    match detail {
        Detail::User(detail) => detail.user.name.to_string(),
        Detail::Policy(detail) => detail.policy.name.clone(),
    }
}

impl World {
    /// The names on each page.
    async fn pages(&self, filter: DetailFilter, items: u32) -> Vec<Vec<String>> {
        let by = self.by(Action::IamGetAccountAuthorizationDetails);
        let (mut pages, mut marker) = (Vec::new(), None::<String>);
        loop {
            let ask = PageRequest::new(marker.as_deref(), Some(items)).unwrap();
            let page = self.iam.account_details(&by, filter, &ask).await.unwrap();
            pages.push(page.items.iter().map(name).collect());
            marker = page.next;
            if marker.is_none() {
                return pages;
            }
        }
    }
}

#[tokio::test]
async fn everything_is_on_some_page_once() {
    for world in World::each().await {
        let by = world.by(Action::IamPutUserPolicy);
        let (red, _) = (world.policy("red").await, world.policy("Blue").await);
        let ann = world.user("ann@example.com").await;
        world.user("Bob@example.com").await;
        world.attach(&ann, &red).await.unwrap();
        let own = policy_name("own");
        world.iam.put_user_policy(&by, ann.id, &own, ALLOW).await.unwrap();
        world.iam.create_policy_version(&by, &red, ALLOW, true).await.unwrap();

        let names = ["ann@example.com", "Bob@example.com", "root", "Blue", "red"];
        for items in 1..=6 {
            let expected: Vec<Vec<String>> = names
                .chunks(items as usize)
                .map(|page| page.iter().map(ToString::to_string).collect())
                .collect();
            assert_eq!(world.pages(ALL, items).await, expected, "{items}");
        }
        let users = DetailFilter { policies: false, ..ALL };
        assert_eq!(world.pages(users, 2).await.concat(), names[..3]);
        let policies = DetailFilter { users: false, ..ALL };
        assert_eq!(world.pages(policies, 1).await.concat(), names[3..]);
        let nothing = DetailFilter { users: false, ..users };
        assert_eq!(world.pages(nothing, 1).await, [Vec::<String>::new()]);

        let by = world.by(Action::IamGetAccountAuthorizationDetails);
        let page = world
            .iam
            .account_details(&by, ALL, &PageRequest::first())
            .await
            .unwrap();
        let Detail::User(detail) = &page.items[0] else {
            panic!("a user comes first")
        };
        assert_eq!(detail.user.id, ann.id);
        assert_eq!(detail.inline, [("own".to_owned(), ALLOW.to_owned())]);
        assert_eq!(
            detail.attached.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            ["red"]
        );
        let Detail::Policy(detail) = &page.items[4] else {
            panic!("policies come last")
        };
        let versions: Vec<_> = detail
            .versions
            .iter()
            .map(|v| (v.number.to_string(), v.is_default))
            .collect();
        assert_eq!(versions, [("v1".to_owned(), false), ("v2".to_owned(), true)]);
        assert_eq!(
            (detail.policy.attachments, detail.versions[0].document.as_str()),
            (1, ALLOW)
        );

        let counts = world.iam.count_account(world.account).await.unwrap();
        assert_eq!((counts.users, counts.policies, counts.root_keys), (3, 2, 1));
        assert!(!counts.root_login.has_password && !counts.has_provider && counts.second_factors == 0);
    }
}

#[tokio::test]
async fn long_documents_make_short_pages() {
    let world = World::new().await;
    let by = world.by(Action::IamCreatePolicy);
    let document = format!("{}{ALLOW}", " ".repeat(DOCUMENT_BYTES_MAX - ALLOW.len()));
    let a_page = DETAILS_BYTES_MAX.div_ceil(DOCUMENT_BYTES_MAX);
    for n in 0..=a_page {
        let new = NewPolicy {
            document: document.clone(),
            ..new_policy(&format!("P{n:03}"), ALLOW)
        };
        world.iam.create_policy(&by, new).await.unwrap();
    }
    let policies = DetailFilter { users: false, ..ALL };
    let lengths: Vec<_> = world.pages(policies, 1000).await.iter().map(Vec::len).collect();
    assert_eq!(lengths, [a_page, 1]);
}

#[tokio::test]
async fn a_marker_is_that_of_the_same_list() {
    let world = World::new().await;
    world.user("ann@example.com").await;
    let by = world.by(Action::IamListUsers);
    let one = PageRequest::new(None, Some(1)).unwrap();
    let page = world
        .iam
        .list_users(&by, &baleen_iam::PathPrefix::default(), &one)
        .await
        .unwrap();
    let by = world.by(Action::IamGetAccountAuthorizationDetails);
    for marker in [page.next.as_deref().unwrap(), "made-up", "dS8"] {
        let ask = PageRequest::new(Some(marker), None).unwrap();
        assert_eq!(
            why(world.iam.account_details(&by, ALL, &ask).await),
            "invalid",
            "{marker}"
        );
    }
}
