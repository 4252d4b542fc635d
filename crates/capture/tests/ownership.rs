//! Proofs of ownership, from challenge to proof, and everything that must not become one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::limits::{CHALLENGE_LIFE, OWNERSHIPS_PER_ACCOUNT_MAX, WRONG_ANSWERS_MAX};
use baleen_capture::{CaptureError, DestinationSettings, Proof};
use baleen_types::OwnershipId;
use common::s3::{Act, Call, FakeS3};
use common::{Disk, World, account, contains, loopback_allowed, to};
use std::time::Duration;

const URI: &str = "s3://evidence/case-17?region=eu-1";

async fn world() -> World {
    let world = World::new();
    world.make_bucket(account(1), "evidence").await;
    world
}

#[tokio::test]
async fn a_challenge_is_an_object_that_only_its_reader_knows() {
    let world = world().await;
    let created = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    assert_eq!(created.proof, Proof::Pending);
    assert_eq!((created.validated, created.destination.as_str()), (None, URI));
    assert_eq!(created.file_name, format!("ownership-challenge-{}.txt", created.id));
    assert_eq!(
        world.keys("evidence").await,
        [format!("case-17/ownership-challenge-{}.txt", created.id)]
    );

    let text = world.challenge(URI, &created).await;
    let word = text.strip_suffix('\n').unwrap();
    assert!(
        word.len() >= 32 && word.bytes().all(|b| b.is_ascii_graphic()),
        "{text:?}"
    );
    // Nothing we answer or store has it.
    assert!(!format!("{created:?}").contains(word));
    let listed = world.captures.list_ownerships(account(1)).await.unwrap();
    assert_eq!(listed, [created]);
    for part in world.disk.meta.scan(baleen_meta::Scan::prefix(b"D")).await.unwrap() {
        assert!(!contains(&part.value, word));
    }

    world.disk.clock.advance(Duration::from_secs(60));
    let answer = format!(" \t{word}\r\n\n");
    let proven = world
        .captures
        .validate_ownership(account(1), &to("s3://evidence/case-17/"), &answer)
        .await
        .unwrap();
    assert_eq!(proven.proof, Proof::Success);
    assert_eq!(
        proven.validated.unwrap().since(proven.submitted),
        Duration::from_secs(60)
    );
}

#[tokio::test]
async fn five_wrong_answers_void_a_challenge() {
    let world = world().await;
    let created = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    let right = world.challenge(URI, &created).await;
    for left in (0..WRONG_ANSWERS_MAX).rev() {
        let answer = world.captures.validate_ownership(account(1), &to(URI), "wrong").await;
        match (left, answer) {
            (0, Err(CaptureError::ChallengeFailed)) => {}
            (left, Err(CaptureError::WrongAnswer { left: told })) => assert_eq!(told, left),
            other => panic!("{other:?}"),
        }
    }
    let answer = world.captures.validate_ownership(account(1), &to(URI), &right).await;
    assert!(matches!(answer, Err(CaptureError::ChallengeFailed)), "{answer:?}");
    assert_eq!(
        world.captures.list_ownerships(account(1)).await.unwrap()[0].proof,
        Proof::Failed
    );

    // A new one begins anew, under the same id, with another text.
    let again = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    assert_eq!((again.id, again.proof), (created.id, Proof::Pending));
    assert_ne!(world.challenge(URI, &again).await, right);
    let answer = world.captures.validate_ownership(account(1), &to(URI), &right).await;
    assert!(
        matches!(answer, Err(CaptureError::WrongAnswer { left: 4 })),
        "{answer:?}"
    );
    world.prove(account(1), URI).await;
}

#[tokio::test]
async fn asking_at_once_gives_no_further_answers() {
    let world = world().await;
    let created = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    let right = world.challenge(URI, &created).await;
    let answers = futures::future::join_all((0..30).map(|n| {
        let captures = world.captures.clone();
        tokio::spawn(async move {
            captures
                .validate_ownership(account(1), &to(URI), &format!("guess {n}"))
                .await
        })
    }))
    .await;
    let counted = answers
        .iter()
        .filter(|a| matches!(a, Ok(Err(CaptureError::WrongAnswer { .. }))))
        .count();
    assert_eq!(counted, usize::from(WRONG_ANSWERS_MAX) - 1);
    let answer = world.captures.validate_ownership(account(1), &to(URI), &right).await;
    assert!(matches!(answer, Err(CaptureError::ChallengeFailed)));
}

#[tokio::test]
async fn a_challenge_lives_a_day() {
    for (age, stands) in [
        (CHALLENGE_LIFE.saturating_sub(Duration::from_nanos(1)), true),
        (CHALLENGE_LIFE, false),
    ] {
        let world = world().await;
        let created = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
        let right = world.challenge(URI, &created).await;
        world.disk.clock.advance(age);
        let answer = world.captures.validate_ownership(account(1), &to(URI), &right).await;
        assert_eq!(answer.is_ok(), stands, "{answer:?}");
        // A proof does not age.
        world.disk.clock.advance(CHALLENGE_LIFE * 400);
        let now = world.captures.list_ownerships(account(1)).await.unwrap()[0].proof;
        assert_eq!(now == Proof::Success, stands);
    }
}

#[tokio::test]
async fn a_proof_is_not_lost_again() {
    let world = world().await;
    let proven = world.prove(account(1), URI).await;
    let answer = world.captures.validate_ownership(account(1), &to(URI), "wrong").await;
    assert!(matches!(answer, Err(CaptureError::WrongAnswer { .. })));
    world.disk.clock.advance(Duration::from_secs(60));
    let again = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    assert_eq!((again.id, again.proof), (proven.id, Proof::Success));
    assert_eq!((again.submitted, again.validated), (proven.submitted, proven.validated));
    let text = world.challenge(URI, &again).await;
    let confirmed = world
        .captures
        .validate_ownership(account(1), &to(URI), &text)
        .await
        .unwrap();
    assert_eq!(confirmed.validated, proven.validated);
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let world = world().await;
    let created = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    let text = world.challenge(URI, &created).await;
    // Somebody else's bucket is as good as none, and none is told apart from it but by name.
    for uri in [URI, "s3://nowhere/case-17"] {
        let refused = world.captures.create_ownership(account(2), &to(uri)).await.unwrap_err();
        let Some(text) = Some(refused.to_string()).filter(|t| t.contains("there is no bucket")) else {
            panic!("{refused:?}")
        };
        assert!(text.contains("endpoint="), "{text}");
    }
    let answer = world.captures.validate_ownership(account(2), &to(URI), &text).await;
    assert!(matches!(answer, Err(CaptureError::NoSuchOwnership)));
    assert!(world.captures.list_ownerships(account(2)).await.unwrap().is_empty());
    let deleted = world.captures.delete_ownership(account(2), created.id).await;
    assert!(matches!(deleted, Err(CaptureError::NoSuchOwnership)));
    world
        .captures
        .validate_ownership(account(1), &to(URI), &text)
        .await
        .unwrap();

    world.captures.delete_ownership(account(1), created.id).await.unwrap();
    let deleted = world.captures.delete_ownership(account(1), created.id).await;
    assert!(matches!(deleted, Err(CaptureError::NoSuchOwnership)));
    assert!(world.captures.list_ownerships(account(1)).await.unwrap().is_empty());
    assert_eq!(world.keys("evidence").await.len(), 1, "objects stay");
    let unknown = OwnershipId::from_bytes([9; 16]);
    assert!(world.captures.delete_ownership(account(1), unknown).await.is_err());
}

#[tokio::test]
async fn parallel_challenges_end_in_one_that_can_be_answered() {
    let world = world().await;
    let made = futures::future::join_all((0..8).map(|_| {
        let captures = world.captures.clone();
        tokio::spawn(async move { captures.create_ownership(account(1), &to(URI)).await.unwrap() })
    }))
    .await;
    let ids: std::collections::HashSet<_> = made.into_iter().map(|m| m.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
    let listed = world.captures.list_ownerships(account(1)).await.unwrap();
    let text = world.challenge(URI, &listed[0]).await;
    world
        .captures
        .validate_ownership(account(1), &to(URI), &text)
        .await
        .unwrap();
}

#[tokio::test]
async fn destinations_are_counted() {
    let world = world().await;
    for n in 0..OWNERSHIPS_PER_ACCOUNT_MAX {
        let uri = format!("s3://evidence/{n}");
        world.captures.create_ownership(account(1), &to(&uri)).await.unwrap();
    }
    let refused = world
        .captures
        .create_ownership(account(1), &to("s3://evidence/more"))
        .await;
    assert!(matches!(refused, Err(CaptureError::TooManyOwnerships { .. })));
    // One that is there already may be made again.
    world
        .captures
        .create_ownership(account(1), &to("s3://evidence/0"))
        .await
        .unwrap();
    assert_eq!(
        world.captures.list_ownerships(account(1)).await.unwrap().len(),
        OWNERSHIPS_PER_ACCOUNT_MAX
    );
}

#[tokio::test]
async fn the_last_place_is_given_once() {
    let world = world().await;
    let make = |uri: String| {
        let captures = world.captures.clone();
        async move { captures.create_ownership(account(1), &to(&uri)).await }
    };
    for n in 1..OWNERSHIPS_PER_ACCOUNT_MAX {
        make(format!("s3://evidence/{n}")).await.unwrap();
    }
    let late = (0..8).map(|n| tokio::spawn(make(format!("s3://evidence/late-{n}"))));
    let (made, refused): (Vec<_>, Vec<_>) = futures::future::join_all(late)
        .await
        .into_iter()
        .map(Result::unwrap)
        .partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for error in refused {
        assert!(
            matches!(error, Err(CaptureError::TooManyOwnerships { .. })),
            "{error:?}"
        );
    }
    // A place that is given up can be taken again.
    let gone = made.into_iter().next().unwrap().unwrap().id;
    world.captures.delete_ownership(account(1), gone).await.unwrap();
    make("s3://evidence/again".to_owned()).await.unwrap();
}

#[tokio::test]
async fn another_store_by_keys_of_the_request() {
    let store = FakeS3::start().await;
    let world = World::on(Disk::new(), 2, loopback_allowed());
    let uri = format!(
        "s3://bucket/dir?sse=AES256&endpoint={}&access-key-id=AKIDCANARY&secret-access-key=secret%2FCANARY",
        store.url
    );
    let created = world.captures.create_ownership(account(1), &to(&uri)).await.unwrap();
    assert!(!format!("{created:?}").contains("CANARY"));
    assert!(!contains(&world.dump().await, "secret/CANARY"), "the secret is sealed");
    let path = format!("/bucket/dir/ownership-challenge-{}.txt", created.id);
    assert_eq!(store.header(&path, "content-type").as_deref(), Some("text/plain"));
    assert_eq!(
        store.header(&path, "x-amz-acl").as_deref(),
        Some("bucket-owner-full-control")
    );
    assert_eq!(
        store.header(&path, "x-amz-server-side-encryption").as_deref(),
        Some("AES256")
    );
    assert!(store.header(&path, "authorization").unwrap().contains("AKIDCANARY"));
    let text = String::from_utf8(store.object(&path).unwrap().to_vec()).unwrap();
    // Later the keys are left out.
    let short = to(&format!("s3://bucket/dir?endpoint={}", store.url));
    let proven = world
        .captures
        .validate_ownership(account(1), &short, &text)
        .await
        .unwrap();
    assert_eq!(proven.proof, Proof::Success);
}

#[tokio::test]
async fn endpoints_that_requests_may_not_name() {
    let store = FakeS3::start().await;
    let keys = "access-key-id=a&secret-access-key=b";
    for (settings, uri, word) in [
        (
            DestinationSettings::default(),
            format!("s3://bucket?endpoint={}&{keys}", store.url),
            "operator",
        ),
        (
            loopback_allowed(),
            format!("s3://bucket?endpoint={}", store.url),
            "access-key-id",
        ),
        (
            loopback_allowed(),
            format!("s3://bucket?endpoint=http://169.254.169.254&{keys}"),
            "operator",
        ),
        (
            DestinationSettings::default(),
            format!("s3://bucket?{keys}"),
            "endpoint=",
        ),
    ] {
        let world = World::on(Disk::new(), 2, settings);
        let refused = world
            .captures
            .create_ownership(account(1), &to(&uri))
            .await
            .unwrap_err();
        assert!(matches!(refused, CaptureError::Destination(_)), "{refused:?}");
        assert!(refused.to_string().contains(word), "{refused}");
        assert!(store.calls().is_empty(), "nothing was sent");
    }
}

#[tokio::test]
async fn a_bucket_that_takes_no_file_leaves_no_record() {
    let store = FakeS3::start().await;
    store.script(|call| match call {
        Call::Put => Act::Fail(403, "AccessDenied"),
        _ => Act::Serve,
    });
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let world = World::on(Disk::new(), 2, settings);
    let refused = world
        .captures
        .create_ownership(account(1), &to("s3://bucket/dir"))
        .await
        .unwrap_err();
    assert!(matches!(refused, CaptureError::Unwritable(_)), "{refused:?}");
    assert!(refused.to_string().contains("403 AccessDenied"), "{refused}");
    assert!(world.captures.list_ownerships(account(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_uri_that_comes_to_mean_another_place_is_proven_again() {
    let store = FakeS3::start().await;
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let world = World::on(Disk::new(), 2, settings);
    world.make_bucket(account(1), "evidence").await;
    let own = world.prove(account(1), URI).await;
    assert!(
        store.calls().is_empty(),
        "our own bucket goes before the configured store"
    );
    let key = baleen_types::ObjectPath {
        bucket: to(URI).bucket().clone(),
        key: to(URI).key(&own.file_name),
    };
    world.disk.objects.delete(&key).await.unwrap();
    world.disk.objects.delete_bucket(to(URI).bucket()).await.unwrap();

    let again = world.captures.create_ownership(account(1), &to(URI)).await.unwrap();
    assert_eq!((again.id, again.proof, again.validated), (own.id, Proof::Pending, None));
    assert_eq!(store.paths(), [format!("/evidence/case-17/{}", own.file_name)]);
}

#[tokio::test]
async fn other_credentials_are_another_proof() {
    let store = FakeS3::start().await;
    let settings = DestinationSettings {
        s3: Some(store.configured()),
        ..DestinationSettings::default()
    };
    let world = World::on(Disk::new(), 2, settings);
    let with = |keys: &str| to(&format!("s3://bucket/dir?access-key-id={keys}&secret-access-key=x"));
    let prove = async |with: &baleen_capture::Destination| {
        let made = world.captures.create_ownership(account(1), with).await.unwrap();
        let text = store.object(&format!("/bucket/dir/{}", made.file_name)).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        world
            .captures
            .validate_ownership(account(1), with, &text)
            .await
            .unwrap();
        made.proof
    };
    assert_eq!(prove(&with("MINE")).await, Proof::Pending);
    // A new secret of the same keys needs no new proof; the configured credentials and other keys do.
    assert_eq!(prove(&with("MINE")).await, Proof::Success);
    assert_eq!(prove(&to("s3://bucket/dir")).await, Proof::Pending);
    assert_eq!(prove(&to("s3://bucket/dir")).await, Proof::Success);
    assert_eq!(prove(&with("OTHER")).await, Proof::Pending);
}
