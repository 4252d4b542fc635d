use super::*;
use crate::limits::{HOLD_DEFAULT, RULE_NOTES_BYTES_MAX, RULE_REGIONS_MAX, RULE_TTL_DAYS_MAX, RULES_PER_ACCOUNT_MAX};
use crate::service::tests::{World, kind, new, region, root_of};
use crate::{Error, WantedStatus};
use baleen_policy::Authorized;
use baleen_types::{AccountId, FaultKind};
use std::net::IpAddr;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

#[test]
fn subnets() {
    for (text, shown) in [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7/32", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8:0:0::1", "2001:db8::1/128"),
        ("::/0", "::/0"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(Subnet::parse(text).unwrap().to_string(), shown, "{text}");
    }
    for wrong in [
        "",
        "/",
        "/24",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/300",
        "10.0.0.0/-1",
        "10.0.0.0/ 8",
        " 10.0.0.0/8",
        "10.0.0.0/8 ",
        "10/8",
        "10.0.0/8",
        "010.0.0.0/8",
        "10.1.2.3/8",
        "10.0.0.0/255.0.0.0",
        "::/129",
        "2001:db8::1/64",
        "fe80::1%eth0",
        "[::1]",
        "10.0.0.0/8,11.0.0.0/8",
        "localhost",
        "::ffff:10.0.0.1/104",
        "10.0.0.0/08/1",
        "0x0a000000/8",
        "167772160",
    ] {
        assert!(Subnet::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_address_is_in_a_network_in_whichever_form_it_comes() {
    for (subnet, address, is_in) in [
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "9.255.255.255", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "::10.1.2.3", false),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("0.0.0.0/0", "::ffff:8.8.8.8", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "8.8.8.8", false),
        ("::/0", "::ffff:8.8.8.8", false),
        ("2001:db8::/32", "2001:db9::", false),
        ("2001:db8::1", "2001:db8::1", true),
        ("2001:db8::1", "2001:db8::2", false),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(
            Subnet::parse(subnet).unwrap().contains(address),
            is_in,
            "{subnet} {address}"
        );
    }
}

#[test]
fn rule_ids_are_uuids() {
    let made = RuleId::from_entropy([0xFF; 16]).to_string();
    assert_eq!(made, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(RuleId::parse(&made.to_uppercase()).unwrap().to_string(), made);
    for wrong in [
        "",
        "ffffffff-ffff-4fff-bfff-fffffffffff",
        "ffffffff-ffff-4fff-bfff-fffffffffffff",
        "fffffffff-fff-4fff-bfff-ffffffffffff",
        "{fffffff-ffff-4fff-bfff-fffffffffff}",
        "gfffffff-ffff-4fff-bfff-ffffffffffff",
        "ffffffff-ffff-4fff-bfff-ffffffffff\u{e9}",
        "------------------------------------",
    ] {
        assert!(RuleId::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn new_rules_at_their_limits() {
    let subnet = Subnet::parse("10.0.0.0/8").unwrap();
    for (ttl, fits) in [
        (None, true),
        (Some(0), false),
        (Some(1), true),
        (Some(RULE_TTL_DAYS_MAX), true),
        (Some(RULE_TTL_DAYS_MAX + 1), false),
        (Some(u32::MAX), false),
    ] {
        assert_eq!(
            NewRule::new(subnet, vec![], String::new(), ttl).is_ok(),
            fits,
            "{ttl:?}"
        );
    }
    for (bytes, fits) in [(RULE_NOTES_BYTES_MAX, true), (RULE_NOTES_BYTES_MAX + 1, false)] {
        assert_eq!(
            NewRule::new(subnet, vec![], "n".repeat(bytes), None).is_ok(),
            fits,
            "{bytes}"
        );
    }
    for (count, fits) in [(RULE_REGIONS_MAX, true), (RULE_REGIONS_MAX + 1, false)] {
        let regions = vec![region("SJC03"); count];
        assert_eq!(
            NewRule::new(subnet, regions, String::new(), None).is_ok(),
            fits,
            "{count}"
        );
    }
}

fn asked(subnet: &str, regions: &[&str], ttl_days: Option<u32>) -> NewRule {
    let regions = regions.iter().map(|name| region(name)).collect();
    NewRule::new(Subnet::parse(subnet).unwrap(), regions, "please".into(), ttl_days).unwrap()
}

/// A customer with its admin.
async fn customer(world: &World) -> (AccountId, Authorized) {
    let account = world.make(new("newcorp")).await.unwrap().account;
    (account, root_of(account))
}

impl World {
    async fn is_admitted(&self, account: AccountId, place: &str, source: &str) -> bool {
        let now = baleen_runtime::Clock::now(&*self.clock);
        let source = source.parse().unwrap();
        self.tenancy.admits(account, &region(place), source, now).await.unwrap()
    }

    async fn is_restricted(&self, account: AccountId, place: &str) -> bool {
        let now = baleen_runtime::Clock::now(&*self.clock);
        self.tenancy.is_restricted(account, &region(place), now).await.unwrap()
    }
}

#[tokio::test]
async fn only_an_active_rule_says_anything() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    let (inside, outside) = ("10.1.2.3", "192.0.2.1");
    let open = async |why: &str| {
        assert!(world.is_admitted(account, "SJC03", outside).await, "{why}");
        assert!(!world.is_restricted(account, "SJC03").await, "{why}");
    };
    open("no rule").await;
    let rejected = tenancy
        .add_rule(&admin, account, asked("10.0.0.0/8", &[], None))
        .await
        .unwrap();
    open("pending").await;
    let rejected = tenancy
        .reject_rule(&world.reseller, account, rejected.id, None)
        .await
        .unwrap();
    assert_eq!(
        (rejected.state, rejected.notes.as_str()),
        (RuleState::Rejected, "please")
    );
    open("rejected").await;
    let rule = tenancy
        .add_rule(&admin, account, asked("10.0.0.0/8", &[], Some(2)))
        .await
        .unwrap();
    world.clock.advance(DAY);
    let rule = tenancy
        .approve_rule(&world.reseller, account, rule.id, Some("fine".into()))
        .await
        .unwrap();
    assert_eq!((rule.state, rule.notes.as_str()), (RuleState::Active, "fine"));
    let approved = baleen_runtime::Clock::now(&*world.clock);
    assert_eq!((rule.updated, rule.inserted.plus(DAY)), (approved, approved));
    // In force from the approval on, for its days.
    for (advance, in_force) in [
        (Duration::ZERO, true),
        ((2 * DAY).checked_sub(Duration::from_nanos(1)).unwrap(), true),
        (Duration::from_nanos(1), false),
    ] {
        world.clock.advance(advance);
        assert!(world.is_admitted(account, "SJC03", inside).await);
        assert!(world.is_admitted(account, "SJC03", "::ffff:10.0.0.1").await);
        assert_eq!(world.is_admitted(account, "SJC03", outside).await, !in_force);
        assert_eq!(world.is_restricted(account, "SJC03").await, in_force);
    }
    open("a list of ended rules is none").await;
    let seen = tenancy.rule(account, rule.id).await.unwrap().unwrap();
    assert_eq!(
        (seen.state, seen.updated),
        (RuleState::Suspended, approved.plus(2 * DAY))
    );
    // Another account has nothing to do with it.
    assert!(world.is_admitted(world.reseller.account(), "SJC03", outside).await);
}

#[tokio::test]
async fn lifted_rules_wait_for_approval_again() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    let mut rules = Vec::new();
    for (subnet, days) in [
        ("10.0.0.0/8", None),
        ("192.0.2.0/24", Some(1)),
        ("198.51.100.0/24", None),
    ] {
        rules.push(
            tenancy
                .add_rule(&admin, account, asked(subnet, &[], days))
                .await
                .unwrap()
                .id,
        );
    }
    assert_eq!(tenancy.lift_whitelist(account).await.unwrap(), 0);
    for id in &rules[..2] {
        tenancy.approve_rule(&world.reseller, account, *id, None).await.unwrap();
    }
    world.clock.advance(DAY);
    assert!(!world.is_admitted(account, "SJC03", "8.8.8.8").await);
    assert_eq!(tenancy.lift_whitelist(account).await.unwrap(), 1);
    assert!(world.is_admitted(account, "SJC03", "8.8.8.8").await);
    let states = tenancy.rules(&admin, account).await.unwrap();
    let states: Vec<_> = states.iter().map(|rule| (rule.id, rule.state)).collect();
    let expected = [RuleState::Pending, RuleState::Suspended, RuleState::Pending];
    for (id, state) in rules.iter().zip(expected) {
        assert!(states.contains(&(*id, state)), "{states:?}");
    }
    tenancy
        .approve_rule(&world.reseller, account, rules[0], None)
        .await
        .unwrap();
    assert!(!world.is_admitted(account, "SJC03", "8.8.8.8").await);
}

#[tokio::test]
async fn rules_of_a_region_bind_there_alone() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    let mut ids = Vec::new();
    for (subnet, regions) in [
        ("10.0.0.0/8", &["SJC03"][..]),
        ("192.0.2.0/24", &["SJC03"]),
        ("2001:db8::/32", &[]),
    ] {
        ids.push(
            tenancy
                .add_rule(&admin, account, asked(subnet, regions, None))
                .await
                .unwrap()
                .id,
        );
    }
    for id in &ids[..2] {
        tenancy.approve_rule(&world.reseller, account, *id, None).await.unwrap();
    }
    for (place, source, admitted) in [
        ("SJC03", "10.0.0.1", true),
        ("SJC03", "192.0.2.255", true),
        ("SJC03", "192.0.3.0", false),
        ("SJC03", "2001:db8::1", false),
        ("DCA02", "192.0.3.0", true),
    ] {
        assert_eq!(
            world.is_admitted(account, place, source).await,
            admitted,
            "{place} {source}"
        );
    }
    // A rule for all regions binds the other one too, as soon as its approval is answered.
    tenancy
        .approve_rule(&world.reseller, account, ids[2], None)
        .await
        .unwrap();
    assert!(!world.is_admitted(account, "DCA02", "192.0.3.0").await);
    assert!(world.is_admitted(account, "SJC03", "2001:db8::1").await);
    tenancy.delete_rule(&world.reseller, account, ids[2]).await.unwrap();
    assert!(world.is_admitted(account, "DCA02", "192.0.3.0").await);
    let unknown = tenancy
        .add_rule(&admin, account, asked("10.0.0.0/8", &["SCJ03"], None))
        .await;
    assert!(matches!(unknown, Err(Error::NoSuchRegion(_))));
}

#[tokio::test]
async fn who_may_do_what_in_which_state() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    let rule_in = async |state: RuleState| {
        let rule = tenancy
            .add_rule(&admin, account, asked("10.0.0.0/8", &[], Some(1)))
            .await
            .unwrap();
        match state {
            RuleState::Pending => {}
            RuleState::Rejected => drop(
                tenancy
                    .reject_rule(&world.reseller, account, rule.id, None)
                    .await
                    .unwrap(),
            ),
            RuleState::Active | RuleState::Suspended => {
                tenancy
                    .approve_rule(&world.reseller, account, rule.id, None)
                    .await
                    .unwrap();
                if state == RuleState::Suspended {
                    world.clock.advance(DAY);
                }
            }
        }
        assert_eq!(tenancy.rule(account, rule.id).await.unwrap().unwrap().state, state);
        rule.id
    };
    for state in [
        RuleState::Pending,
        RuleState::Active,
        RuleState::Rejected,
        RuleState::Suspended,
    ] {
        let id = rule_in(state).await;
        for (who, by) in [("admin", &admin), ("rival", &world.rival)] {
            let expected = if who == "rival" {
                FaultKind::NotFound
            } else {
                FaultKind::Denied
            };
            assert_eq!(
                kind(tenancy.approve_rule(by, account, id, None).await),
                expected,
                "{who} {state:?}"
            );
            assert_eq!(
                kind(tenancy.reject_rule(by, account, id, None).await),
                expected,
                "{who} {state:?}"
            );
        }
        assert_eq!(
            kind(tenancy.delete_rule(&world.rival, account, id).await),
            FaultKind::NotFound
        );
        if state != RuleState::Pending {
            for result in [
                tenancy.approve_rule(&world.reseller, account, id, None).await,
                tenancy.reject_rule(&world.reseller, account, id, None).await,
            ] {
                assert!(
                    matches!(result, Err(Error::RuleNotPending(was)) if was == state),
                    "{state:?}"
                );
            }
        }
        match tenancy.delete_rule(&admin, account, id).await {
            Ok(()) => assert_ne!(state, RuleState::Active),
            Err(error) => {
                assert!(matches!(error, Error::Denied(_)) && state == RuleState::Active);
                tenancy.delete_rule(&world.reseller, account, id).await.unwrap();
            }
        }
        for gone in [
            tenancy.delete_rule(&world.reseller, account, id).await.unwrap_err(),
            tenancy
                .approve_rule(&world.reseller, account, id, None)
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(gone, Error::NoSuchRule));
        }
        assert!(tenancy.rule(account, id).await.unwrap().is_none());
    }
    // A reseller is reseller of its own list, and a rule is found in its own account alone.
    let own = world.reseller.account();
    let rule = tenancy
        .add_rule(&world.reseller, own, asked("::1", &[], None))
        .await
        .unwrap();
    let elsewhere = tenancy.approve_rule(&world.reseller, account, rule.id, None).await;
    assert!(matches!(elsewhere, Err(Error::NoSuchRule)));
    tenancy.approve_rule(&world.reseller, own, rule.id, None).await.unwrap();
    assert!(world.is_restricted(own, "SJC03").await && !world.is_restricted(account, "SJC03").await);
    for by in [&world.rival, &root_of(AccountId::from_entropy(9))] {
        assert_eq!(kind(tenancy.rules(by, account).await), FaultKind::NotFound);
        let add = tenancy.add_rule(by, account, asked("10.0.0.0/8", &[], None)).await;
        assert_eq!(kind(add), FaultKind::NotFound);
    }
    let long = Some("n".repeat(RULE_NOTES_BYTES_MAX + 1));
    assert_eq!(
        kind(tenancy.approve_rule(&world.reseller, own, rule.id, long).await),
        FaultKind::Invalid
    );
}

#[tokio::test]
async fn a_list_has_its_most_and_keeps_its_order() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    let add = || tenancy.add_rule(&admin, account, asked("10.0.0.0/8", &[], None));
    for _ in 0..RULES_PER_ACCOUNT_MAX - 1 {
        world.clock.advance(Duration::from_millis(1));
        add().await.unwrap();
    }
    // Two at once for the last place.
    let (one, other) = tokio::join!(add(), add());
    assert!(one.is_ok() != other.is_ok());
    assert!(matches!(add().await, Err(Error::TooManyRules { .. })));
    let rules = tenancy.rules(&world.reseller, account).await.unwrap();
    assert_eq!(rules.len(), RULES_PER_ACCOUNT_MAX);
    assert!(rules.is_sorted_by_key(|rule| rule.inserted));
    tenancy.delete_rule(&admin, account, rules[0].id).await.unwrap();
    add().await.unwrap();
}

#[tokio::test]
async fn two_decisions_at_once_are_one() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    for _ in 0..20 {
        let id = tenancy
            .add_rule(&admin, account, asked("10.0.0.0/8", &[], None))
            .await
            .unwrap()
            .id;
        let (approved, rejected, deleted) = tokio::join!(
            tenancy.approve_rule(&world.reseller, account, id, None),
            tenancy.reject_rule(&world.reseller, account, id, None),
            tenancy.delete_rule(&admin, account, id),
        );
        assert!(!(approved.is_ok() && rejected.is_ok()));
        let is_active = tenancy
            .rule(account, id)
            .await
            .unwrap()
            .is_some_and(|r| r.state == RuleState::Active);
        assert!(!is_active || (approved.is_ok() && deleted.is_err()));
        assert_eq!(world.is_restricted(account, "SJC03").await, is_active);
        if is_active {
            tenancy.delete_rule(&world.reseller, account, id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_purge_takes_the_rules_along() {
    let world = World::new().await;
    let (account, admin) = customer(&world).await;
    let tenancy = &world.tenancy;
    let id = tenancy
        .add_rule(&admin, account, asked("10.0.0.0/8", &[], None))
        .await
        .unwrap()
        .id;
    tenancy.approve_rule(&world.reseller, account, id, None).await.unwrap();
    world.set("newcorp", WantedStatus::Deleted).await.unwrap();
    let refused = tenancy.add_rule(&admin, account, asked("11.0.0.0/8", &[], None)).await;
    assert!(matches!(refused, Err(Error::BeingDeleted)));
    assert!(world.is_restricted(account, "SJC03").await);
    world.clock.advance(HOLD_DEFAULT);
    tenancy.begin_purge(account).await.unwrap();
    tenancy.finish_purge(account).await.unwrap();
    assert!(!world.is_restricted(account, "SJC03").await);
    assert!(tenancy.rule(account, id).await.unwrap().is_none());
}

#[test]
fn a_login_names_its_customer() {
    let customer = CustomerName::parse("newcorp").unwrap();
    for (header, fits) in [
        (None, false),
        (Some(""), false),
        (Some("newcorp"), true),
        (Some("NEWCORP"), true),
        (Some("newcorp "), false),
        (Some("newcorp,newcorp"), false),
        (Some("newcorp2"), false),
        (Some("lyve:newcorp"), true),
        (Some("lyve:newcorp2"), false),
        (Some(":newcorp"), false),
        (Some("lyve:"), false),
    ] {
        assert_eq!(names_customer(true, header, &customer), fits, "{header:?}");
        assert!(names_customer(false, header, &customer), "{header:?}");
    }
}
