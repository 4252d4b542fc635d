use super::*;
use crate::limits::{HOLD_DEFAULT, REGIONS_PER_CUSTOMER_MAX};
use crate::{
    AccessLevel, AssumeRoleControl, ModifyCustomer, NewCustomer, Service, ServiceAccess, Status, WantedStatus,
};
use baleen_meta::Outcome;
use baleen_policy::{Action, Ask, Caller, Context, Principal, Resource, Role, User, authorize};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_types::{AccessKeyId, Classify, EmailAddress, FaultKind, Timestamp, UserId, UserName};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// A service with a reseller and one customer of it, and a second reseller.
pub(crate) struct World {
    pub(crate) tenancy: Arc<Tenancy>,
    pub(crate) clock: Arc<ManualClock>,
    meta: Meta,
    pub(crate) reseller: Authorized,
    pub(crate) rival: Authorized,
}

pub(crate) fn name(text: &str) -> CustomerName {
    CustomerName::parse(text).unwrap()
}

pub(crate) fn region(text: &str) -> RegionName {
    RegionName::parse(text).unwrap()
}

/// The root of an account, authorized for something.
pub(crate) fn root_of(account: AccountId) -> Authorized {
    let user = User::new(
        account,
        ProjectId::from_bytes([0; 16]),
        UserId::from_entropy(1),
        UserName::parse("root").unwrap(),
        Role::Root,
    );
    let key = AccessKeyId::parse("AKIAROOTROOTROOTROOT").unwrap();
    let ask = Ask {
        principal: &Principal::from(Caller::with_key(user, key)),
        action: Action::S3ListAllMyBuckets,
        resource: Resource::OwnAccount,
        context: &Context::new(Timestamp::EPOCH),
    };
    authorize(&ask).unwrap()
}

pub(crate) fn new(text: &str) -> NewCustomer {
    NewCustomer {
        name: name(text),
        email: EmailAddress::parse("admin@newcorp.com").unwrap(),
        assume_role_control: AssumeRoleControl::Off,
        replication_enforcement: false,
        regions: Vec::new(),
        restrict_service_access: false,
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let meta = Meta::open_model();
        let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
        let tenancy = tenancy(&meta, &clock, 1);
        let mut resellers = Vec::new();
        for text in ["lyve", "rival"] {
            let prepared = tenancy.prepare_reseller(&name(text)).await.unwrap();
            assert!(meta.commit(prepared.request).await.unwrap().is_committed());
            resellers.push(root_of(prepared.customer.account));
        }
        let rival = resellers.pop().unwrap();
        Self {
            tenancy,
            clock,
            meta,
            reseller: resellers.pop().unwrap(),
            rival,
        }
    }

    pub(crate) async fn make(&self, new: NewCustomer) -> Result<Customer, Error> {
        let prepared = self.tenancy.prepare(&self.reseller, new).await?;
        match self.meta.commit(prepared.request.clone()).await.unwrap() {
            Outcome::Committed => Ok(prepared.customer),
            Outcome::Conflict { key } => Err(prepared.conflict(&key).unwrap()),
        }
    }

    pub(crate) async fn set(&self, customer: &str, status: WantedStatus) -> Result<Arc<Customer>, Error> {
        let change = ModifyCustomer {
            status: Some(status),
            ..ModifyCustomer::default()
        };
        self.tenancy.modify(&self.reseller, &name(customer), change).await
    }
}

fn tenancy(meta: &Meta, clock: &Arc<ManualClock>, seed: u64) -> Arc<Tenancy> {
    Tenancy::new(
        Settings::new(vec![region("SJC03"), region("DCA02")]),
        Parts {
            meta: meta.clone(),
            clock: clock.clone(),
            entropy: SeededEntropy::new(seed),
        },
    )
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> FaultKind {
    result.unwrap_err().kind()
}

#[tokio::test]
async fn a_customer_is_found_by_all_its_names() {
    let world = World::new().await;
    let made = world.make(new("NewCorp")).await.unwrap();
    let tenancy = &world.tenancy;
    assert_eq!(tenancy.customer(made.account).await.unwrap().as_deref(), Some(&made));
    assert_eq!(tenancy.by_project(made.project).await.unwrap().as_deref(), Some(&made));
    assert_eq!(tenancy.root_name(&made).await.unwrap().to_string(), "lyve:newcorp");
    for (text, found) in [
        ("newcorp", true),
        ("NEWCORP", true),
        ("lyve:newcorp", true),
        ("lyve:lyve", true),
        ("rival:newcorp", false),
        ("newcorp:newcorp", false),
        ("nobody:newcorp", false),
        ("lyve:nobody", false),
    ] {
        let root = RootName::parse(text).unwrap();
        assert_eq!(tenancy.by_root_name(&root).await.unwrap().is_some(), found, "{text}");
    }
    assert!(tenancy.customer(AccountId::from_entropy(99)).await.unwrap().is_none());
    assert!(
        tenancy
            .by_project(ProjectId::from_bytes([9; 16]))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn several_are_more_than_one() {
    let meta = Meta::open_model();
    let tenancy = tenancy(&meta, &ManualClock::new(Timestamp::from_secs(1_800_000_000)), 1);
    for (text, before) in [("lyve", false), ("rival", false), ("third", true)] {
        assert_eq!(tenancy.has_several().await.unwrap(), before, "{text}");
        let prepared = tenancy.prepare_reseller(&name(text)).await.unwrap();
        assert!(meta.commit(prepared.request).await.unwrap().is_committed());
    }
}

#[tokio::test]
async fn a_name_is_given_once_over_all_resellers() {
    let world = World::new().await;
    world.make(new("newcorp")).await.unwrap();
    for taken in ["newcorp", "lyve", "rival"] {
        assert!(
            matches!(world.make(new(taken)).await, Err(Error::CustomerExists(_))),
            "{taken}"
        );
        let reseller = world.tenancy.prepare_reseller(&name(taken)).await;
        assert!(matches!(reseller, Err(Error::CustomerExists(_))), "{taken}");
    }
    // Two at once: both were prepared before either was committed.
    let first = world.tenancy.prepare(&world.reseller, new("twice")).await.unwrap();
    let second = world.tenancy.prepare(&world.rival, new("twice")).await.unwrap();
    assert!(world.meta.commit(first.request).await.unwrap().is_committed());
    let Outcome::Conflict { key } = world.meta.commit(second.request.clone()).await.unwrap() else {
        panic!("both were made");
    };
    assert!(matches!(second.conflict(&key), Some(Error::CustomerExists(_))));
    assert!(second.conflict(b"another's").is_none());
    let ours = world.tenancy.by_name(&name("twice")).await.unwrap().unwrap();
    assert_eq!(ours.reseller, world.reseller.account());
}

#[tokio::test]
async fn only_resellers_make_customers() {
    let world = World::new().await;
    let made = world.make(new("newcorp")).await.unwrap();
    let by_customer = world.tenancy.prepare(&root_of(made.account), new("sub")).await;
    assert_eq!(kind(by_customer), FaultKind::Denied);
    let by_nobody = world
        .tenancy
        .prepare(&root_of(AccountId::from_entropy(77)), new("sub"))
        .await;
    assert_eq!(kind(by_nobody), FaultKind::NotFound);
}

#[tokio::test]
async fn a_reseller_sees_its_own_customers_alone() {
    let world = World::new().await;
    world.make(new("one")).await.unwrap();
    world.make(new("two")).await.unwrap();
    let names = |list: Vec<Arc<Customer>>| {
        let mut names: Vec<_> = list.iter().map(|c| c.name.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(
        names(world.tenancy.list(&world.reseller).await.unwrap()),
        ["one", "two"]
    );
    assert!(world.tenancy.list(&world.rival).await.unwrap().is_empty());
    assert!(world.tenancy.details(&world.reseller, &name("one")).await.is_ok());
    let change = ModifyCustomer {
        status: Some(WantedStatus::Deleted),
        ..ModifyCustomer::default()
    };
    let level = AccessLevel {
        service: Service::Space,
        enabled: true,
        expires: None,
    };
    // Somebody else's customer, and one that is not there, are one answer.
    for unseen in ["one", "nobody"] {
        let unseen = name(unseen);
        let tenancy = &world.tenancy;
        assert_eq!(kind(tenancy.details(&world.rival, &unseen).await), FaultKind::NotFound);
        assert_eq!(
            kind(tenancy.modify(&world.rival, &unseen, change.clone()).await),
            FaultKind::NotFound
        );
        assert_eq!(
            kind(tenancy.set_access_level(&world.rival, &unseen, level).await),
            FaultKind::NotFound
        );
    }
    // A reseller is not its own customer: it cannot lock itself out.
    let own = world.tenancy.modify(&world.reseller, &name("lyve"), change).await;
    assert_eq!(kind(own), FaultKind::NotFound);
    world.set("one", WantedStatus::Deleted).await.unwrap();
    assert_eq!(names(world.tenancy.list(&world.reseller).await.unwrap()), ["two"]);
    assert!(world.tenancy.details(&world.reseller, &name("one")).await.is_ok());
}

#[tokio::test]
async fn who_switches_assume_role() {
    use AssumeRoleControl::{Customer as ByCustomer, Off, Reseller as ByReseller};
    let world = World::new().await;
    for (text, control, reseller_may, customer_may) in [
        ("by-reseller", ByReseller, true, false),
        ("by-customer", ByCustomer, false, true),
        ("by-nobody", Off, false, false),
    ] {
        let made = world
            .make(NewCustomer {
                assume_role_control: control,
                ..new(text)
            })
            .await
            .unwrap();
        assert!(!made.may_be_assumed(), "{text}: not before somebody says so");
        let own_root = root_of(made.account);
        for (by, may) in [(&world.reseller, reseller_may), (&own_root, customer_may)] {
            for enabled in [true, false, true] {
                let change = ModifyCustomer {
                    assume_role_enabled: Some(enabled),
                    ..ModifyCustomer::default()
                };
                match world.tenancy.modify(by, &name(text), change).await {
                    Ok(changed) => assert!(may && changed.may_be_assumed() == enabled, "{text}"),
                    Err(error) => assert!(!may && error.kind() == FaultKind::Denied, "{text}: {error}"),
                }
            }
        }
    }
    // One that is disabled is not assumed, whatever is switched.
    assert!(
        !world
            .set("by-reseller", WantedStatus::Disabled)
            .await
            .unwrap()
            .may_be_assumed()
    );
    let one = world.tenancy.by_name(&name("by-customer")).await.unwrap().unwrap();
    for change in [
        ModifyCustomer {
            status: Some(WantedStatus::Enabled),
            ..ModifyCustomer::default()
        },
        ModifyCustomer {
            replication_enforcement: Some(false),
            assume_role_enabled: Some(true),
            ..ModifyCustomer::default()
        },
        ModifyCustomer {
            regions: Some(Vec::new()),
            ..ModifyCustomer::default()
        },
    ] {
        let result = world
            .tenancy
            .modify(&root_of(one.account), &one.name, change.clone())
            .await;
        assert_eq!(kind(result), FaultKind::Denied, "{change:?}");
    }
}

#[tokio::test]
async fn a_status_keeps_the_time_since_when_nothing_works() {
    let world = World::new().await;
    let account = world.make(new("newcorp")).await.unwrap().account;
    let start = world.clock.now();
    let status = async |wanted| {
        world.clock.advance(Duration::from_secs(60));
        world.set("newcorp", wanted).await.unwrap().status
    };
    let minute = |n: u64| start.plus(Duration::from_secs(60 * n));
    let held = |n| minute(n).plus(HOLD_DEFAULT);
    use WantedStatus::{Deleted, Disabled, Enabled};
    let steps = [
        (Enabled, Status::Enabled),
        (Disabled, Status::Disabled { since: minute(2) }),
        (Disabled, Status::Disabled { since: minute(2) }),
        (
            Deleted,
            Status::Deleted {
                since: minute(2),
                purge_after: held(4),
            },
        ),
        // Once more does not put the end off.
        (
            Deleted,
            Status::Deleted {
                since: minute(2),
                purge_after: held(4),
            },
        ),
        (Disabled, Status::Disabled { since: minute(2) }),
        (Enabled, Status::Enabled),
        (
            Deleted,
            Status::Deleted {
                since: minute(8),
                purge_after: held(8),
            },
        ),
    ];
    for (step, (wanted, expected)) in steps.into_iter().enumerate() {
        assert_eq!(status(wanted).await, expected, "step {step}");
        let seen = world.tenancy.customer(account).await.unwrap().unwrap();
        assert_eq!(seen.status, expected, "step {step}, as requests see it");
        assert_eq!(seen.status.is_active(), wanted == Enabled);
    }
    // Deleted: nothing else of it can be changed.
    let other = ModifyCustomer {
        replication_enforcement: Some(true),
        ..ModifyCustomer::default()
    };
    let refused = world.tenancy.modify(&world.reseller, &name("newcorp"), other).await;
    assert!(matches!(refused, Err(Error::BeingDeleted)));
}

#[tokio::test]
async fn a_change_is_seen_by_whoever_asks_after_its_answer() {
    let world = World::new().await;
    let account = world.make(new("newcorp")).await.unwrap().account;
    let generation = world.tenancy.generation();
    let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    world.tenancy.observe(move |account| heard.lock().push(account));
    assert!(
        world
            .tenancy
            .customer(account)
            .await
            .unwrap()
            .unwrap()
            .status
            .is_active()
    );
    assert_eq!(world.tenancy.generation(), generation, "reading changes nothing");
    world.set("newcorp", WantedStatus::Disabled).await.unwrap();
    assert_ne!(world.tenancy.generation(), generation);
    assert_eq!(*told.lock(), [account]);
    assert!(
        !world
            .tenancy
            .customer(account)
            .await
            .unwrap()
            .unwrap()
            .status
            .is_active()
    );

    // A caller that goes away in the middle leaves nobody with the old state.
    let change = ModifyCustomer {
        status: Some(WantedStatus::Enabled),
        ..ModifyCustomer::default()
    };
    let before = world.tenancy.generation();
    let who = name("newcorp");
    let mut begun = Box::pin(world.tenancy.modify(&world.reseller, &who, change));
    // The look-up of the name is ready at once in this store, so one poll begins the change.
    assert!(futures::poll!(begun.as_mut()).is_pending());
    drop(begun);
    while world.tenancy.generation() == before {
        tokio::task::yield_now().await;
    }
    assert!(
        world
            .tenancy
            .customer(account)
            .await
            .unwrap()
            .unwrap()
            .status
            .is_active()
    );
}

#[tokio::test]
async fn changes_at_once_are_all_made() {
    let world = World::new().await;
    let made = NewCustomer {
        restrict_service_access: true,
        ..new("newcorp")
    };
    world.make(made).await.unwrap();
    let who = name("newcorp");
    let set = Service::ALL.map(|service| {
        let level = AccessLevel {
            service,
            enabled: true,
            expires: None,
        };
        world.tenancy.set_access_level(&world.reseller, &who, level)
    });
    futures::future::try_join_all(set).await.unwrap();
    let customer = world.tenancy.by_name(&name("newcorp")).await.unwrap().unwrap();
    assert!(
        Service::ALL
            .iter()
            .all(|service| customer.may_use(*service, world.clock.now()))
    );
}

#[tokio::test]
async fn access_levels_expire_and_replace_each_other() {
    let world = World::new().await;
    let free = world.make(new("free")).await.unwrap();
    let now = world.clock.now();
    assert!(Service::ALL.iter().all(|service| free.may_use(*service, now)));
    let level = |service, enabled, expires| AccessLevel {
        service,
        enabled,
        expires,
    };
    let set = async |who: &str, level| world.tenancy.set_access_level(&world.reseller, &name(who), level).await;
    let refused = set("free", level(Service::Space, false, None)).await;
    assert!(matches!(refused, Err(Error::NotRestricted)));

    let restricted = NewCustomer {
        restrict_service_access: true,
        ..new("bound")
    };
    let bound = world.make(restricted).await.unwrap();
    assert_eq!(bound.access, ServiceAccess::Restricted(Vec::new()));
    assert!(!Service::ALL.iter().any(|service| bound.may_use(*service, now)));
    for past in [now, now.plus(Duration::ZERO), Timestamp::EPOCH] {
        let refused = set("bound", level(Service::Space, true, Some(past))).await;
        assert_eq!(kind(refused), FaultKind::Invalid);
    }
    let end = now.plus(DAY);
    let with_end = set("bound", level(Service::Space, true, Some(end))).await.unwrap();
    let last = Timestamp::from_nanos(end.as_nanos() - 1);
    assert!(with_end.may_use(Service::Space, last) && !with_end.may_use(Service::Space, end));
    for (account, service, may) in [
        (bound.account, Service::Space, true),
        (bound.account, Service::Capture, false),
        (free.account, Service::Capture, true),
        (AccountId::from_entropy(99), Service::Space, false),
    ] {
        // From the store, then from memory.
        for _ in 0..2 {
            assert_eq!(
                world.tenancy.may_use(account, service).await.unwrap(),
                may,
                "{service:?}"
            );
            world.tenancy.customer(account).await.unwrap();
        }
    }
    assert!(!with_end.may_use(Service::Capture, now));
    let without_end = set("bound", level(Service::Space, true, None)).await.unwrap();
    assert!(without_end.may_use(Service::Space, end));
    // Off: the end says nothing, not even a past one.
    let off = set("bound", level(Service::Space, false, Some(Timestamp::EPOCH)))
        .await
        .unwrap();
    assert!(!off.may_use(Service::Space, now));
    let expected = vec![level(Service::Space, false, None)];
    assert_eq!(off.access, ServiceAccess::Restricted(expected));
    assert_eq!(off.access_levels().len(), Service::ALL.len());
    // The customer itself sets nothing.
    let own = root_of(bound.account);
    let refused = world
        .tenancy
        .set_access_level(&own, &bound.name, level(Service::Space, true, None))
        .await;
    assert_eq!(kind(refused), FaultKind::Denied);
}

#[tokio::test]
async fn regions_are_those_of_the_store() {
    let world = World::new().await;
    let named = NewCustomer {
        regions: vec![region("SJC03"), region("DCA02"), region("SJC03")],
        ..new("named")
    };
    let named = world.make(named).await.unwrap();
    assert_eq!(named.regions, [region("DCA02"), region("SJC03")], "sorted, each once");
    let all = world.make(new("all")).await.unwrap();
    assert_eq!(world.tenancy.regions(&all), [region("DCA02"), region("SJC03")]);
    for unknown in ["SCJ03", "sjc03"] {
        let wrong = NewCustomer {
            regions: vec![region("SJC03"), region(unknown)],
            ..new("wrong")
        };
        assert!(matches!(world.make(wrong).await, Err(Error::NoSuchRegion(_))));
        let change = ModifyCustomer {
            regions: Some(vec![region(unknown)]),
            ..ModifyCustomer::default()
        };
        let refused = world.tenancy.modify(&world.reseller, &name("named"), change).await;
        assert!(matches!(refused, Err(Error::NoSuchRegion(_))));
    }
    let change = ModifyCustomer {
        regions: Some(vec![region("DCA02")]),
        replication_enforcement: Some(true),
        ..ModifyCustomer::default()
    };
    let changed = world
        .tenancy
        .modify(&world.reseller, &name("named"), change)
        .await
        .unwrap();
    assert_eq!(
        (changed.regions.as_slice(), changed.replication_enforcement),
        (&[region("DCA02")][..], true)
    );
    assert!(world.tenancy.by_name(&name("wrong")).await.unwrap().is_none());
}

#[tokio::test]
async fn there_is_a_most_of_regions() {
    let meta = Meta::open_model();
    let clock = ManualClock::new(Timestamp::EPOCH);
    let regions: Vec<_> = (0..=REGIONS_PER_CUSTOMER_MAX)
        .map(|n| region(&format!("r{n}")))
        .collect();
    let parts = Parts {
        meta: meta.clone(),
        clock,
        entropy: SeededEntropy::new(1),
    };
    let tenancy = Tenancy::new(Settings::new(regions.clone()), parts);
    let reseller = tenancy.prepare_reseller(&name("lyve")).await.unwrap();
    assert!(meta.commit(reseller.request).await.unwrap().is_committed());
    let by = root_of(reseller.customer.account);
    for (count, fits) in [
        (REGIONS_PER_CUSTOMER_MAX - 1, true),
        (REGIONS_PER_CUSTOMER_MAX, true),
        (REGIONS_PER_CUSTOMER_MAX + 1, false),
    ] {
        let wanted = NewCustomer {
            regions: regions[..count].to_vec(),
            ..new("newcorp")
        };
        assert_eq!(tenancy.prepare(&by, wanted).await.is_ok(), fits, "{count}");
    }
}

#[tokio::test]
async fn a_deleted_customer_is_purged_after_the_hold_time_and_not_before() {
    let world = World::new().await;
    let made = world.make(new("newcorp")).await.unwrap();
    world.make(new("stays")).await.unwrap();
    let tenancy = &world.tenancy;
    assert_eq!(kind(tenancy.begin_purge(made.account).await), FaultKind::Denied);
    assert_eq!(kind(tenancy.finish_purge(made.account).await), FaultKind::Denied);
    world.set("newcorp", WantedStatus::Deleted).await.unwrap();
    world
        .clock
        .advance(HOLD_DEFAULT.checked_sub(Duration::from_nanos(1)).unwrap());
    assert!(tenancy.due_for_purge().await.unwrap().is_empty());
    assert_eq!(kind(tenancy.begin_purge(made.account).await), FaultKind::Denied);
    // Taken back, and deleted again: the hold time begins again.
    world.set("newcorp", WantedStatus::Disabled).await.unwrap();
    world.set("newcorp", WantedStatus::Deleted).await.unwrap();
    world.clock.advance(Duration::from_nanos(1));
    assert!(tenancy.due_for_purge().await.unwrap().is_empty());
    world.clock.advance(HOLD_DEFAULT);
    for _ in 0..2 {
        assert_eq!(tenancy.due_for_purge().await.unwrap(), [made.account]);
        assert!(matches!(
            tenancy.begin_purge(made.account).await.unwrap().status,
            Status::Purging { .. }
        ));
    }
    for wanted in [WantedStatus::Enabled, WantedStatus::Disabled, WantedStatus::Deleted] {
        assert!(matches!(world.set("newcorp", wanted).await, Err(Error::BeingDeleted)));
    }
    for _ in 0..2 {
        tenancy.finish_purge(made.account).await.unwrap();
    }
    assert!(tenancy.due_for_purge().await.unwrap().is_empty());
    assert!(tenancy.by_name(&made.name).await.unwrap().is_none());
    assert!(tenancy.by_project(made.project).await.unwrap().is_none());
    let left = tenancy.customer(made.account).await.unwrap().unwrap();
    assert!(matches!(left.status, Status::Purged { .. }) && left.email.is_none());
    assert_eq!(tenancy.list(&world.reseller).await.unwrap().len(), 1);
    // The name is free for another account.
    assert_ne!(world.make(new("newcorp")).await.unwrap().account, made.account);
}

#[tokio::test]
async fn the_account_of_an_earlier_release_gets_its_name_at_the_start() {
    let meta = Meta::open_model();
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let account = AccountId::from_entropy(5);
    let mut old = vec![1];
    old.extend([7; 16]);
    old.extend([0x80, 0xA8, 0xD6, 0xB9, 0x07]);
    let put = baleen_meta::Request::new().put(keys::account(account), old);
    meta.commit(put).await.unwrap();
    let tenancy = tenancy(&meta, &clock, 1);
    assert_eq!(
        kind(tenancy.customer(account).await),
        FaultKind::Corrupt,
        "nobody has named it yet"
    );
    assert!(tenancy.may_use(account, Service::Space).await.unwrap());
    let missing = tenancy.ensure_named(AccountId::from_entropy(6), &name("baleen")).await;
    assert_eq!(kind(missing), FaultKind::NotFound);
    for setting in ["baleen", "renamed"] {
        let named = tenancy.ensure_named(account, &name(setting)).await.unwrap();
        assert_eq!(named.name.as_str(), "baleen", "a name stays");
        assert!(named.is_reseller() && named.status.is_active());
    }
    assert!(tenancy.by_name(&name("renamed")).await.unwrap().is_none());
    assert_eq!(
        tenancy.by_name(&name("baleen")).await.unwrap().unwrap().account,
        account
    );
}
