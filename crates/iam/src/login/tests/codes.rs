//! The second factor.

use super::*;
use crate::UserChange;

#[tokio::test]
async fn a_code_is_asked_for_only_after_the_right_password() {
    let world = World::new().await;
    let (secret, _) = world.second_factor().await;
    assert_eq!(why(world.ann(OTHER, "").await), "Denied");
    assert_eq!(why(world.ann(PASSWORD, "").await), "SecondFactorRequired");
    assert_eq!(why(world.ann(OTHER, &secret.code_at(now(&world))).await), "Denied");
    let done = world
        .log_in(
            Some(world.account),
            "ann@example.com",
            PASSWORD,
            &secret.code_at(now(&world)),
        )
        .await;
    assert!(done.unwrap().has_second_factor);
}

#[tokio::test]
async fn a_code_is_good_once_and_in_its_time() {
    let world = World::new().await;
    let (secret, _) = world.second_factor().await;
    let code = secret.code_at(now(&world));
    assert_eq!(why(world.ann(PASSWORD, &code).await), "ok");
    assert_eq!(why(world.ann(PASSWORD, &code).await), "Denied", "used");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(
        why(world.ann(PASSWORD, &code).await),
        "Denied",
        "used, though within the skew"
    );
    world.clock.advance(Duration::from_secs(60));
    let next = secret.code_at(now(&world).plus(Duration::from_secs(30)));
    assert_eq!(why(world.ann(PASSWORD, &next).await), "ok", "a clock that runs ahead");
    world.clock.advance(Duration::from_secs(60));
    let before = secret.code_at(Timestamp::from_secs(now(&world).as_secs() - 60));
    assert_eq!(why(world.ann(PASSWORD, &before).await), "Denied", "too old");
}

#[tokio::test]
async fn one_code_opens_one_session_however_many_try_at_once() {
    let world = Arc::new(World::new().await);
    let (secret, codes) = world.second_factor().await;
    for code in [secret.code_at(now(&world)), codes[0].expose().to_owned()] {
        world.hasher.hold(true);
        let tries: Vec<_> = (0..4)
            .map(|_| {
                let (world, code) = (Arc::clone(&world), code.clone());
                tokio::spawn(async move { why(world.ann(PASSWORD, &code).await) })
            })
            .collect();
        while world.hasher.running() < 2 {
            tokio::task::yield_now().await;
        }
        world.hasher.hold(false);
        let mut opened = 0;
        for one in tries {
            opened += usize::from(one.await.unwrap() == "ok");
        }
        assert_eq!(opened, 1);
        world.clock.advance(Duration::from_secs(120));
    }
}

#[tokio::test]
async fn recovery_codes_are_ten_and_good_once_each() {
    let world = World::new().await;
    let (_, codes) = world.second_factor().await;
    assert_eq!(codes.len(), 10);
    for (n, code) in codes.iter().enumerate() {
        let typed = if n == 0 {
            code.expose().to_uppercase()
        } else {
            code.expose().to_owned()
        };
        assert_eq!(why(world.ann(PASSWORD, &typed).await), "ok", "code {n}");
        assert_eq!(why(world.ann(PASSWORD, &typed).await), "Denied", "code {n} again");
        world.clock.advance(Duration::from_secs(120));
    }
}

#[tokio::test]
async fn guessing_codes_is_held_back_twice_as_soon() {
    let world = World::new().await;
    let (secret, _) = world.second_factor().await;
    for _ in 0..3 {
        assert_eq!(why(world.ann(PASSWORD, "000000").await), "Denied");
    }
    assert_eq!(
        why(world.ann(PASSWORD, &secret.code_at(now(&world))).await),
        "Denied",
        "2, 4, 6 failures"
    );
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(why(world.ann(PASSWORD, &secret.code_at(now(&world))).await), "ok");
}

/// Who knows the password and has old credentials, but not the device, guesses codes and tries between guesses whatever might
/// make the failures forgotten.
#[tokio::test]
async fn nothing_but_the_code_forgives_wrong_codes() {
    for trick in [
        "nothing",
        "log in without a code",
        "enable what was not prepared",
        "prepare another",
        "disable without a code",
        "change the password",
        "change to a bad password",
        "reset to a bad password",
        "reset the password",
    ] {
        let world = World::new().await;
        // Opened before there was a second factor.
        let plain = world.ann(PASSWORD, "").await.unwrap();
        let key = by(&with_key(&plain));
        let plain = by(&plain);
        let token = world.iam.issue_reset_token(&plain, world.ann.id).await.unwrap();
        let (secret, _) = world.second_factor().await;
        let (good, bad, source) = (Secret::new(PASSWORD), Secret::new("short"), world.fresh_address());
        let other = Secret::new(OTHER);
        let mut password = PASSWORD;
        for _ in 0..4 {
            assert_eq!(why(world.ann(password, "000000").await), "Denied", "{trick}");
            world.clock.advance(Duration::from_secs(61));
        }
        let iam = &world.iam;
        let (outcome, expected) = match trick {
            "nothing" => (String::new(), ""),
            "log in without a code" => (why(world.ann(PASSWORD, "").await), "SecondFactorRequired"),
            "enable what was not prepared" => (
                why(iam.enable_second_factor(&plain, "000000", source).await),
                "NothingPrepared",
            ),
            "prepare another" => (why(iam.prepare_second_factor(&plain).await), "NotFresh"),
            "disable without a code" => (why(iam.disable_second_factor(&plain, None, source).await), "NotFresh"),
            "change the password" => {
                password = OTHER;
                (why(iam.change_password(&key, &good, &other, source).await), "ok")
            }
            "change to a bad password" => (
                why(iam.change_password(&key, &good, &bad, source).await),
                "Policy(TooShort)",
            ),
            "reset to a bad password" => (
                why(iam.reset_password(&token, &bad, world.from(source)).await),
                "Policy(TooShort)",
            ),
            "reset the password" => {
                password = OTHER;
                (why(iam.reset_password(&token, &other, world.from(source)).await), "ok")
            }
            other => panic!("{other}"),
        };
        assert_eq!(outcome, expected, "{trick}");
        assert_eq!(why(world.ann(password, "000000").await), "Denied", "{trick}");
        let right = secret.code_at(now(&world));
        assert_eq!(why(world.ann(password, &right).await), "Denied", "{trick}: held back");
        world.clock.advance(Duration::from_secs(61));
        let right = secret.code_at(now(&world));
        assert_eq!(
            why(world.ann(password, &right).await),
            "ok",
            "{trick}: never locked out"
        );
    }
}

/// Without a second factor a code proves nothing, so sending one forgives no wrong password.
#[tokio::test]
async fn a_code_for_nothing_forgives_nothing() {
    let world = World::new().await;
    let plain = by(&world.ann(PASSWORD, "").await.unwrap());
    let code = Secret::new("000000");
    for n in 0..20 {
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(why(world.ann(OTHER, "").await), "Denied");
        world.clock.advance(Duration::from_secs(61));
        let source = world.fresh_address();
        let outcome = if n % 2 == 0 {
            why(world.iam.disable_second_factor(&plain, Some(&code), source).await)
        } else {
            why(world.iam.enable_second_factor(&plain, "000000", source).await)
        };
        assert_eq!(outcome, if n % 2 == 0 { "ok" } else { "NothingPrepared" });
    }
    assert_eq!(why(world.ann(OTHER, "").await), "Denied");
    assert_eq!(why(world.ann(PASSWORD, "").await), "Denied", "held back");
}

#[tokio::test]
async fn a_secret_is_prepared_for_half_an_hour() {
    let world = World::new().await;
    let ann = world.ann(PASSWORD, "").await.unwrap();
    let enable = |code: String| {
        let (world, ann) = (&world, &ann);
        async move {
            why(world
                .iam
                .enable_second_factor(&by(ann), &code, world.fresh_address())
                .await)
        }
    };
    assert_eq!(enable("123456".to_owned()).await, "NothingPrepared");
    let first = world.iam.prepare_second_factor(&by(&ann)).await.unwrap();
    let second = world.iam.prepare_second_factor(&by(&ann)).await.unwrap();
    let (first, second) = (secret_of(&first.secret_base32), secret_of(&second.secret_base32));
    assert_eq!(
        enable(first.code_at(now(&world))).await,
        "WrongCode",
        "a newer one replaces it"
    );
    for wrong in ["", "12345", "1234567", "abcdef", "52895ace01"] {
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(enable(wrong.to_owned()).await, "WrongCode", "{wrong}");
    }
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(why(world.ann(PASSWORD, "").await), "ok", "not in use yet");
    world.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(enable(second.code_at(now(&world))).await, "NothingPrepared", "too late");

    let prepared = world.iam.prepare_second_factor(&by(&ann)).await.unwrap();
    assert!(prepared.qr_code_url.expose().starts_with("data:image/svg+xml;base64,"));
    world.clock.advance(Duration::from_secs(30 * 60 - 1));
    let code = secret_of(&prepared.secret_base32).code_at(now(&world));
    assert_eq!(enable(code.clone()).await, "ok");
    assert_eq!(
        why(world.ann(PASSWORD, &code).await),
        "Denied",
        "the code that enabled it is used up"
    );
}

#[tokio::test]
async fn who_may_change_the_second_factor() {
    let world = World::new().await;
    let plain = world.ann(PASSWORD, "").await.unwrap();
    let key = with_key(&plain);
    let source = || world.fresh_address();
    assert_eq!(why(world.iam.prepare_second_factor(&by(&key)).await), "NotLoggedIn");
    assert_eq!(
        why(world.iam.enable_second_factor(&by(&key), "123456", source()).await),
        "NotLoggedIn"
    );
    assert_eq!(
        why(world.iam.disable_second_factor(&by(&key), None, source()).await),
        "NotLoggedIn"
    );
    assert_eq!(
        why(world.iam.disable_second_factor(&by(&plain), None, source()).await),
        "ok",
        "there is none"
    );

    let (secret, _) = world.second_factor().await;
    // A session that was opened without a code, before there was a second factor.
    assert_eq!(why(world.iam.prepare_second_factor(&by(&plain)).await), "NotFresh");
    assert_eq!(
        why(world.iam.disable_second_factor(&by(&plain), None, source()).await),
        "NotFresh"
    );
    let wrong = Secret::new("000000");
    assert_eq!(
        why(world
            .iam
            .disable_second_factor(&by(&plain), Some(&wrong), source())
            .await),
        "Denied"
    );

    let fresh = world.ann(PASSWORD, &secret.code_at(now(&world))).await.unwrap();
    assert_eq!(why(world.iam.prepare_second_factor(&by(&fresh)).await), "ok");
    world.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(
        why(world.iam.disable_second_factor(&by(&fresh), None, source()).await),
        "NotFresh",
        "15 minutes"
    );
    let code = Secret::new(secret.code_at(now(&world)));
    assert_eq!(
        why(world
            .iam
            .disable_second_factor(&by(&plain), Some(&code), source())
            .await),
        "ok"
    );
    assert_eq!(
        why(world.ann(PASSWORD, "").await),
        "ok",
        "no code is asked for any more"
    );

    let (secret, codes) = world.second_factor().await;
    let fresh = world.ann(PASSWORD, &secret.code_at(now(&world))).await.unwrap();
    world.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(
        why(world.iam.disable_second_factor(&by(&fresh), None, source()).await),
        "ok"
    );
    assert_eq!(
        why(world.ann(PASSWORD, codes[0].expose()).await),
        "ok",
        "codes of nothing are not looked at"
    );
}

#[tokio::test]
async fn an_admin_takes_away_the_factor_of_a_lost_device() {
    let world = World::new().await;
    world.second_factor().await;
    let ann = world.iam.get_user(world.account, world.ann.id).await.unwrap();
    let own = by(&world.root);
    let cleared = UserChange {
        clears_second_factor: true,
        ..UserChange::default()
    };
    // Of a change that is refused, nothing is done: nobody is made root.
    let refused = UserChange {
        role: Some(Role::Root),
        ..cleared.clone()
    };
    assert!(world.iam.update_user(&own, ann.id, &refused).await.is_err());
    assert_ne!(why(world.ann(PASSWORD, "").await), "ok");
    assert_eq!(
        why(world
            .iam
            .update_user(&own, ann.id, &cleared)
            .await
            .map(drop)
            .map_err(LoginError::from)),
        "ok"
    );
    assert_eq!(why(world.ann(PASSWORD, "").await), "ok");
    let root = world.root.user().unwrap().id;
    assert_eq!(
        why(world
            .iam
            .update_user(&own, root, &cleared)
            .await
            .map(drop)
            .map_err(LoginError::from)),
        "not allowed"
    );
}
