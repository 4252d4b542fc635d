use super::*;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn eve() -> Target {
    Target::nobody("newcorp", "eve@example.com")
}

/// A failed guess from an address of its own, so that only the user's counter is at work.
fn guess(throttle: &Throttle, now: Duration, from: u32) -> Admission {
    let source = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | (from << 8)));
    throttle.enter(now, source).unwrap();
    let (admission, _) = throttle.begin(now, eve());
    if admission == Admission::Granted {
        throttle.failed(now, source, eve(), Failure::Password);
    }
    admission
}

#[test]
fn the_delay_grows_and_never_lasts() {
    let throttle = Throttle::default();
    let mut now = secs(1000);
    for n in 0..5 {
        assert_eq!(guess(&throttle, now, n), Admission::Granted, "failure {n} is free");
    }
    for (n, wait) in [1, 2, 4, 8, 16, 32, 60, 60, 60].into_iter().enumerate() {
        let n = u32::try_from(n).unwrap() * 3 + 10;
        assert_eq!(guess(&throttle, now, n), Admission::Delayed);
        now += secs(wait);
        let just_before = now.saturating_sub(Duration::from_nanos(1));
        assert_eq!(guess(&throttle, just_before, n + 1), Admission::Delayed, "{wait} s");
        assert_eq!(guess(&throttle, now, n + 2), Admission::Granted, "{wait} s");
    }
}

#[test]
fn tries_during_a_delay_do_not_prolong_it() {
    let throttle = Throttle::default();
    for n in 0..5 {
        guess(&throttle, secs(0), n);
    }
    for n in 0..500 {
        assert_eq!(
            guess(&throttle, Duration::from_millis(u64::from(n)), 100 + n),
            Admission::Delayed
        );
    }
    assert_eq!(guess(&throttle, secs(1), 700), Admission::Granted);
}

#[test]
fn guesses_at_once_are_charged_before_any_has_failed() {
    let throttle = Throttle::default();
    let granted = (0..200)
        .filter(|_| throttle.begin(secs(0), eve()).0 == Admission::Granted)
        .count();
    assert_eq!(granted, 5);
}

#[test]
fn success_forgives_the_user_and_not_the_address() {
    let throttle = Throttle::default();
    let source = address("192.0.2.1");
    for n in 0..19 {
        throttle.enter(secs(n), source).unwrap();
        let other = Target::nobody("newcorp", &n.to_string());
        throttle.begin(secs(n), other);
        throttle.failed(secs(n), source, other, Failure::Password);
    }
    for n in 0..50 {
        throttle
            .enter(secs(20), source)
            .unwrap_or_else(|_| panic!("success {n} is no failure"));
        assert_eq!(throttle.begin(secs(20), eve()).0, Admission::Granted);
        throttle.succeeded(source, eve());
    }
    throttle.enter(secs(20), source).unwrap();
    assert!(throttle.enter(secs(20), source).is_err(), "the 19 failures still count");
}

#[test]
fn a_right_password_without_a_code_wipes_out_nothing() {
    let throttle = Throttle::default();
    let source = address("192.0.2.1");
    let mut now = secs(0);
    let mut granted = 0;
    // Guess the code, ask without one to reset the counter, guess again: each guess counts double all the same.
    for _ in 0..8 {
        if throttle.begin(now, eve()).0 == Admission::Granted {
            throttle.failed(now, source, eve(), Failure::Code);
            granted += 1;
        }
        if throttle.begin(now, eve()).0 == Admission::Granted {
            throttle.undecided(source, eve());
        }
        now += Duration::from_millis(1);
    }
    assert_eq!(granted, 3, "2, 4, 6 failures");
}

#[test]
fn addresses_and_networks_have_limits() {
    // (addresses tried in turn, how many tries pass in one minute)
    let v4 = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 | (n % 256)));
    let mapped = |n: u32| {
        if n.is_multiple_of(2) {
            address("192.0.2.9")
        } else {
            address("::ffff:192.0.2.9")
        }
    };
    let v6 = |n: u32| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | u128::from(n)));
    let v6_networks = |n: u32| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | (u128::from(n) << 64)));
    let one = |_: u32| address("192.0.2.1");
    for (name, source, passed) in [
        ("one address", &one as &dyn Fn(u32) -> IpAddr, 20),
        ("one address in two spellings", &mapped, 20),
        ("one /24", &v4, 100),
        ("one /64", &v6, 100),
        ("everyone", &v6_networks, 1_000),
    ] {
        let throttle = Throttle::default();
        let results: Vec<_> = (0..2_000).map(|n| throttle.enter(secs(30), source(n))).collect();
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), passed, "{name}");
        let refused = Err(TooMany { retry_after: secs(60) });
        assert!(results[passed..].iter().all(|r| *r == refused), "{name}");
        let late = throttle.enter(secs(89) + Duration::from_millis(500), source(0));
        assert_eq!(late, Err(TooMany { retry_after: secs(1) }), "{name}");
        assert_eq!(throttle.enter(secs(90), source(0)), Ok(()), "{name}");
    }
}

#[test]
fn another_network_is_not_held_to_what_the_first_did() {
    let throttle = Throttle::default();
    while throttle.enter(secs(0), address("192.0.2.1")).is_ok() {}
    for other in ["192.0.2.2", "192.0.3.1", "2001:db8::1"] {
        assert_eq!(throttle.enter(secs(0), address(other)), Ok(()), "{other}");
    }
}

#[test]
fn a_wrong_code_counts_double() {
    let throttle = Throttle::default();
    let source = address("192.0.2.1");
    let mut tries = 0;
    while throttle.enter(secs(0), source).is_ok() {
        let target = Target::nobody("newcorp", &tries.to_string());
        throttle.begin(secs(0), target);
        throttle.failed(secs(0), source, target, Failure::Code);
        tries += 1;
    }
    assert_eq!(tries, 10);
}

#[test]
fn the_operator_hears_of_the_twentieth_failure_once() {
    let throttle = Throttle::default();
    let mut now = secs(0);
    let mut alerts = Vec::new();
    for n in 1..=40 {
        now += secs(60);
        if throttle.begin(now, eve()).1 == Alert::Guessing {
            alerts.push(n);
        }
    }
    assert_eq!(alerts, [20]);
}

#[test]
fn failures_are_forgotten_after_an_hour_of_quiet() {
    let throttle = Throttle::default();
    for n in 0..5 {
        guess(&throttle, secs(0), n);
    }
    assert_eq!(guess(&throttle, secs(3_600), 10), Admission::Granted);
    let free = (0..10)
        .filter(|n| guess(&throttle, secs(3_600), 20 + n) == Admission::Granted)
        .count();
    assert_eq!(free, 4, "five in all, as at the beginning");
}

#[test]
fn unknown_names_are_folded_and_kept_apart() {
    assert_eq!(
        Target::nobody("NewCorp", "Eve@example.com"),
        Target::nobody("newcorp", "eve@EXAMPLE.com")
    );
    assert_ne!(Target::nobody("ab", "c"), Target::nobody("a", "bc"));
    let id = |n| (AccountId::from_entropy(n), UserId::from_entropy(n));
    assert_ne!(Target::user(id(1).0, id(2).1), Target::user(id(2).0, id(1).1));
}

#[test]
fn the_tables_are_bounded_and_the_oldest_goes_first() {
    let throttle = Throttle::with_capacity(NonZeroUsize::new(100).unwrap());
    for n in 0..10_000 {
        throttle.begin(secs(0), Target::nobody("c", &n.to_string()));
        throttle.begin(secs(0), eve());
    }
    assert_eq!(throttle.0.lock().users.len(), 100);
    assert_eq!(
        throttle.begin(secs(0), eve()).0,
        Admission::Delayed,
        "who is tried all the time stays known"
    );
}
