//! What the edge asks of customers: the gate of their whitelists and services.

use async_trait::async_trait;
use baleen_http::{AccountRegions, Barred, Gate};
use baleen_policy::{Caller, Origin, Principal, SessionKind};
use baleen_runtime::Clock;
use baleen_tenancy::{Service, Tenancy};
use baleen_types::{AccountId, RegionName};
use std::sync::Arc;
use tracing::error;

/// The customers' whitelists, as the edge asks them.
pub(crate) struct Whitelists {
    pub(crate) tenancy: Arc<Tenancy>,
    /// Where this server is.
    pub(crate) region: RegionName,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Gate for Whitelists {
    async fn admit(&self, door: &str, principal: &Principal, origin: &Origin) -> Result<(), Barred> {
        let Some(caller) = principal.caller() else {
            return Ok(());
        };
        self.listed(listed_under(caller), origin).await?;
        let Some(service) = service_of(door) else {
            return Ok(());
        };
        match self.tenancy.may_use(caller.user.account, service).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Barred::Withheld),
            Err(failure) => Err(unreadable("a customer", &failure)),
        }
    }

    async fn admit_to(&self, door: &str, account: AccountId, origin: &Origin) -> Result<(), Barred> {
        self.listed(account, origin).await?;
        let found = self.tenancy.customer(account).await;
        let customer = found.map_err(|failure| unreadable("a customer", &failure))?;
        // What a customer may not use nobody uses in its place.
        let now = self.clock.now();
        let serves =
            |service| customer.is_some_and(|customer| customer.status.is_active() && customer.may_use(service, now));
        if service_of(door).is_none_or(serves) {
            Ok(())
        } else {
            Err(Barred::Withheld)
        }
    }

    async fn regions_of(&self, account: AccountId) -> Result<AccountRegions, Barred> {
        let found = self.tenancy.customer(account).await;
        let customer = found.map_err(|failure| unreadable("a customer", &failure))?;
        let customer = customer.ok_or(Barred::Withheld)?;
        Ok(AccountRegions::These {
            regions: self.tenancy.regions(&customer),
            is_enforced: customer.replication_enforcement,
        })
    }
}

impl Whitelists {
    async fn listed(&self, account: AccountId, origin: &Origin) -> Result<(), Barred> {
        let now = self.clock.now();
        match self.tenancy.admits(account, &self.region, origin.source, now).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Barred::NotListed),
            Err(failure) => Err(unreadable("a whitelist", &failure)),
        }
    }
}

/// What cannot be read lets nobody in, and the operator is told why.
fn unreadable(what: &'static str, failure: &baleen_tenancy::Error) -> Barred {
    let error = failure as &dyn std::error::Error;
    error!(error, what, "nobody of its account is let in: it cannot be read");
    Barred::Unavailable
}

/// Whose list a principal is held to: its account's, and a reseller's within a customer its own (identity contract, 5).
fn listed_under(caller: &Caller) -> AccountId {
    match caller.session().map(|session| &session.kind) {
        Some(SessionKind::Reseller { by }) => by.user.account,
        Some(SessionKind::Login | SessionKind::Federated | SessionKind::Derived) | None => caller.user.account,
    }
}

/// The service behind a door, for those that can be withheld from a customer.
fn service_of(door: &str) -> Option<Service> {
    match door {
        "s3" => Some(Service::Space),
        "pcaps" | "tasks" | "agents" => Some(Service::Capture),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_meta::Meta;
    use baleen_policy::{Action, Ask, Authorized, Context, Resource, Role, Session, User, authorize};
    use baleen_runtime::{ManualClock, SeededEntropy};
    use baleen_tenancy::{AccessLevel, AssumeRoleControl, ModifyCustomer, NewCustomer, NewRule, Settings, Subnet};
    use baleen_types::{AccessKeyId, CustomerName, EmailAddress, ProjectId, Timestamp, UserId, UserName};
    use std::time::Duration;

    const REGION: &str = "us-east-1";
    const HOLD: Duration = Duration::from_hours(24);

    struct World {
        meta: Meta,
        clock: Arc<ManualClock>,
        tenancy: Arc<Tenancy>,
        reseller: Arc<User>,
        customer: Arc<User>,
    }

    impl World {
        fn gate(&self) -> Whitelists {
            Whitelists {
                tenancy: Arc::clone(&self.tenancy),
                region: region(),
                clock: self.clock.clone(),
            }
        }
    }

    fn name(text: &str) -> CustomerName {
        CustomerName::parse(text).unwrap()
    }

    fn region() -> RegionName {
        RegionName::parse(REGION).unwrap()
    }

    fn root_of(account: AccountId) -> Arc<User> {
        Arc::new(User::new(
            account,
            ProjectId::from_bytes([1; 16]),
            UserId::from_entropy(1),
            UserName::parse("root").unwrap(),
            Role::Root,
        ))
    }

    fn principal(user: &Arc<User>) -> Principal {
        Caller::with_key(Arc::clone(user), AccessKeyId::parse("AKIAROOTROOTROOTROOT").unwrap()).into()
    }

    fn by(user: &Arc<User>) -> Authorized {
        let ask = Ask {
            principal: &principal(user),
            action: Action::S3ListAllMyBuckets,
            resource: Resource::OwnAccount,
            context: &Context::new(Timestamp::EPOCH),
        };
        authorize(&ask).unwrap()
    }

    async fn world() -> World {
        world_of(&[REGION]).await
    }

    async fn world_of(regions: &[&str]) -> World {
        let (meta, clock) = (
            Meta::open_model(),
            ManualClock::new(Timestamp::from_secs(1_800_000_000)),
        );
        let settings = Settings {
            hold: HOLD,
            ..Settings::new(regions.iter().map(|name| RegionName::parse(name).unwrap()).collect())
        };
        let parts = baleen_tenancy::Parts {
            meta: meta.clone(),
            clock: clock.clone(),
            entropy: SeededEntropy::new(1),
        };
        let tenancy = Tenancy::new(settings, parts);
        let reseller = tenancy.prepare_reseller(&name("lyve")).await.unwrap();
        assert!(meta.commit(reseller.request).await.unwrap().is_committed());
        let reseller = root_of(reseller.customer.account);
        let new = NewCustomer {
            name: name("newcorp"),
            email: EmailAddress::parse("admin@newcorp.com").unwrap(),
            assume_role_control: AssumeRoleControl::Off,
            replication_enforcement: false,
            regions: Vec::new(),
            restrict_service_access: false,
        };
        let customer = tenancy.prepare(&by(&reseller), new).await.unwrap();
        assert!(meta.commit(customer.request).await.unwrap().is_committed());
        World {
            meta,
            clock,
            tenancy,
            reseller,
            customer: root_of(customer.customer.account),
        }
    }

    fn origin(source: &str) -> Origin {
        let source = source.parse().unwrap();
        Origin {
            source,
            peer: (source, 1).into(),
            is_secure: false,
        }
    }

    #[tokio::test]
    async fn a_principal_is_held_to_its_own_list_and_a_reseller_s_session_to_the_reseller_s() {
        let world = world().await;
        let gate = world.gate();
        for (user, subnet) in [(&world.customer, "10.0.0.0/8"), (&world.reseller, "192.0.2.0/24")] {
            let rule = NewRule::new(Subnet::parse(subnet).unwrap(), Vec::new(), String::new(), None).unwrap();
            let id = world.tenancy.add_rule(&by(user), user.account, rule).await.unwrap().id;
            let reseller = by(&world.reseller);
            world
                .tenancy
                .approve_rule(&reseller, user.account, id, None)
                .await
                .unwrap();
        }
        let session = Session {
            id: AccessKeyId::parse("STXAAAAAAAAAAAAAAAAAAAAA").unwrap(),
            kind: SessionKind::Reseller {
                by: Arc::new(Caller::with_key(
                    Arc::clone(&world.reseller),
                    AccessKeyId::parse("AKIA0000000000000000").unwrap(),
                )),
            },
            name: "lyve".into(),
            issued: Timestamp::EPOCH,
            expires: Timestamp::EPOCH,
            mfa_at: None,
            must_change_password: false,
        };
        let assumed = Caller::with_session(Arc::clone(&world.customer), session).into();
        let free = root_of(AccountId::from_entropy(99));
        for (who, principal, from_customer, from_reseller) in [
            ("customer", principal(&world.customer), Ok(()), Err(Barred::NotListed)),
            ("reseller", principal(&world.reseller), Err(Barred::NotListed), Ok(())),
            ("reseller within the customer", assumed, Err(Barred::NotListed), Ok(())),
            ("account without a list", principal(&free), Ok(()), Ok(())),
            ("nobody", Principal::Nobody, Ok(()), Ok(())),
        ] {
            assert_eq!(
                gate.admit("iam", &principal, &origin("10.1.2.3")).await,
                from_customer,
                "{who}"
            );
            assert_eq!(
                gate.admit("iam", &principal, &origin("192.0.2.1")).await,
                from_reseller,
                "{who}"
            );
        }
        // What belongs to the customer is closed to the whole world too, but for its networks.
        let account = world.customer.account;
        assert_eq!(
            gate.admit_to("s3", account, &origin("8.8.8.8")).await,
            Err(Barred::NotListed)
        );
        assert_eq!(gate.admit_to("s3", account, &origin("::ffff:10.9.9.9")).await, Ok(()));
    }

    #[tokio::test]
    async fn a_service_that_is_withheld_closes_its_door_alone() {
        let world = world().await;
        let new = NewCustomer {
            name: name("bound"),
            email: EmailAddress::parse("admin@bound.com").unwrap(),
            assume_role_control: AssumeRoleControl::Off,
            replication_enforcement: false,
            regions: Vec::new(),
            restrict_service_access: true,
        };
        let bound = world.tenancy.prepare(&by(&world.reseller), new).await.unwrap();
        assert!(world.meta.commit(bound.request).await.unwrap().is_committed());
        let level = AccessLevel {
            service: Service::Space,
            enabled: true,
            expires: Some(world.clock.now().plus(HOLD)),
        };
        let reseller = by(&world.reseller);
        world
            .tenancy
            .set_access_level(&reseller, &name("bound"), level)
            .await
            .unwrap();
        let gate = world.gate();
        let bound = principal(&root_of(bound.customer.account));
        let (open, withheld) = (Ok(()), Err(Barred::Withheld));
        for (after, s3) in [(Duration::ZERO, open), (HOLD, withheld)] {
            world.clock.advance(after);
            for (door, expected) in [
                ("s3", s3),
                ("pcaps", withheld),
                ("tasks", withheld),
                ("agents", withheld),
                ("iam", open),
                ("sts", open),
            ] {
                assert_eq!(gate.admit(door, &bound, &origin("10.1.2.3")).await, expected, "{door}");
                let account = bound.user().unwrap().account;
                assert_eq!(
                    gate.admit_to(door, account, &origin("10.1.2.3")).await,
                    expected,
                    "{door}"
                );
                let free = principal(&world.customer);
                assert_eq!(gate.admit(door, &free, &origin("10.1.2.3")).await, open, "{door}");
            }
        }
    }

    async fn keeps(gate: &Whitelists, account: AccountId, region: &RegionName) -> Result<(), Barred> {
        let allowed = gate.regions_of(account).await?.allow(region);
        if allowed { Ok(()) } else { Err(Barred::Withheld) }
    }

    #[tokio::test]
    async fn a_customer_keeps_data_in_its_own_regions_alone() {
        let world = world_of(&[REGION, "us-west-1"]).await;
        let gate = world.gate();
        let account = world.customer.account;
        let [east, west, mars] = [REGION, "us-west-1", "mars-1"].map(|name| RegionName::parse(name).unwrap());
        for (regions, in_east, in_west) in [
            (vec![], Ok(()), Ok(())),
            (vec![east.clone()], Ok(()), Err(Barred::Withheld)),
            (vec![west.clone()], Err(Barred::Withheld), Ok(())),
        ] {
            let change = ModifyCustomer {
                regions: Some(regions.clone()),
                ..ModifyCustomer::default()
            };
            let reseller = by(&world.reseller);
            world.tenancy.modify(&reseller, &name("newcorp"), change).await.unwrap();
            assert_eq!(keeps(&gate, account, &east).await, in_east, "{regions:?}");
            assert_eq!(keeps(&gate, account, &west).await, in_west, "{regions:?}");
            assert_eq!(keeps(&gate, account, &mars).await, Err(Barred::Withheld));
            assert_eq!(keeps(&gate, world.reseller.account, &west).await, Ok(()));
        }
        for enforced in [true, false] {
            let change = ModifyCustomer {
                replication_enforcement: Some(enforced),
                ..ModifyCustomer::default()
            };
            let reseller = by(&world.reseller);
            world.tenancy.modify(&reseller, &name("newcorp"), change).await.unwrap();
            let expected = AccountRegions::These {
                regions: vec![west.clone()],
                is_enforced: enforced,
            };
            assert_eq!(gate.regions_of(account).await, Ok(expected));
        }
        let nobody = AccountId::from_entropy(99);
        assert_eq!(keeps(&gate, nobody, &east).await, Err(Barred::Withheld));
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_read_lets_nobody_in() {
        let world = world().await;
        let account = world.customer.account;
        let key = baleen_meta::keys::KeyWriter::new(baleen_meta::keys::Table::WhitelistRule)
            .u64(account.as_u64())
            .fixed(&[0; 16])
            .finish();
        let broken = baleen_meta::Request::new().put(key, "broken");
        world.meta.commit(broken).await.unwrap();
        let gate = world.gate();
        let outcome = gate
            .admit("iam", &principal(&world.customer), &origin("10.1.2.3"))
            .await;
        assert_eq!(outcome, Err(Barred::Unavailable));
    }
}
