//! Changing customers.

use super::Tenancy;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::CustomerRecord;
use crate::{
    AccessLevel, AssumeRoleControl, Customer, Error, ModifyCustomer, Service, ServiceAccess, Status, WantedStatus, keys,
};
use baleen_meta::{Request, record};
use baleen_policy::Authorized;
use baleen_types::{AccountId, CustomerName, Invalid, Timestamp};
use std::sync::Arc;
use std::time::Duration;

impl Tenancy {
    /// Changes a customer; the change is in force for every request that comes after the answer.
    ///
    /// The reseller changes everything but `assume_role_enabled` of a customer who decides on it or is never assumed; the
    /// customer itself changes that alone, and only if it decides.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`], also for somebody else's and for a reseller's own account; [`Error::Denied`];
    /// [`Error::BeingDeleted`]; [`Error::NoSuchRegion`].
    pub async fn modify(
        self: &Arc<Self>,
        by: &Authorized,
        name: &CustomerName,
        mut change: ModifyCustomer,
    ) -> Result<Arc<Customer>, Error> {
        change.regions = change.regions.map(|regions| self.check_regions(regions)).transpose()?;
        let account = self.by_name(name).await?.ok_or(Error::NoSuchCustomer)?.account;
        let (asking, hold) = (by.account(), self.settings.hold);
        self.change(account, move |record, customer, now| {
            let role = may_change(asking, customer)?;
            apply(&change, role, customer, At { now, hold })?.write(record);
            Ok(())
        })
        .await
    }

    /// Says whether, and until when, a customer of the asking reseller may use a service.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`]; [`Error::NotRestricted`]; [`Error::BeingDeleted`]; `Invalid` for an end that is past.
    pub async fn set_access_level(
        self: &Arc<Self>,
        by: &Authorized,
        name: &CustomerName,
        mut level: AccessLevel,
    ) -> Result<Arc<Customer>, Error> {
        let account = self.by_name(name).await?.ok_or(Error::NoSuchCustomer)?.account;
        let asking = by.account();
        if !level.enabled {
            level.expires = None;
        }
        self.change(account, move |record, customer, now| {
            if may_change(asking, customer)? != Asking::Reseller {
                return Err(Error::Denied("only the reseller sets access levels"));
            }
            if customer.status.is_deleted() {
                return Err(Error::BeingDeleted);
            }
            if level.expires.is_some_and(|expires| expires <= now) {
                return Err(Invalid::new("expiration date", "a time in the future is expected").into());
            }
            let levels = record.levels.as_mut().ok_or(Error::NotRestricted)?;
            levels.retain(|old| Service::from(old.service) != level.service);
            levels.push(level.into());
            Ok(())
        })
        .await
    }

    /// Changes a record and takes belief from what was remembered of it. `decide` is asked again when another change comes
    /// first.
    pub(super) async fn change(
        self: &Arc<Self>,
        account: AccountId,
        decide: impl Fn(&mut CustomerRecord, &Customer, Timestamp) -> Result<(), Error> + Send + 'static,
    ) -> Result<Arc<Customer>, Error> {
        let this = Arc::clone(self);
        // In a task of its own: who asks may go away, but the generation has to be raised after the commit.
        let work = tokio::spawn(async move {
            let key = keys::account(account);
            for _ in 0..COMMIT_ATTEMPTS_MAX {
                let stored = this.meta.get(&key).await?.ok_or(Error::NoSuchCustomer)?;
                let mut record: CustomerRecord = record::decode(&stored)?;
                let customer = record.customer(account)?;
                decide(&mut record, &customer, this.clock.now())?;
                let request = Request::new()
                    .unchanged(key.clone(), Some(stored))
                    .put(key.clone(), record::encode(&record)?);
                let outcome = this.meta.commit(request).await;
                this.changed(account);
                if outcome?.is_committed() {
                    return Ok(Arc::new(record.customer(account)?));
                }
            }
            Err(Error::Contended)
        });
        work.await.map_err(Error::damaged)?
    }
}

/// As whom an account asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Reseller,
    Itself,
}

/// The relation of who asks to the customer; a stranger learns nothing, and a reseller is no customer of its own.
fn may_change(asking: AccountId, customer: &Customer) -> Result<Asking, Error> {
    match (asking == customer.reseller, asking == customer.account) {
        (true, false) => Ok(Asking::Reseller),
        (false, true) => Ok(Asking::Itself),
        (true, true) | (false, false) => Err(Error::NoSuchCustomer),
    }
}

/// When a change happens.
#[derive(Clone, Copy)]
struct At {
    now: Timestamp,
    hold: Duration,
}

/// What a change comes to.
#[derive(Debug)]
struct Applied {
    assume_role_enabled: bool,
    status: Status,
    replication_enforcement: bool,
    regions: Vec<String>,
}

impl Applied {
    fn write(self, record: &mut CustomerRecord) {
        record.assume_role_enabled = self.assume_role_enabled;
        record.status = self.status.into();
        record.replication_enforcement = self.replication_enforcement;
        record.regions = self.regions;
    }
}

/// Decides on a change. Pure.
fn apply(change: &ModifyCustomer, asking: Asking, customer: &Customer, at: At) -> Result<Applied, Error> {
    let only_assume_role = ModifyCustomer {
        assume_role_enabled: change.assume_role_enabled,
        ..ModifyCustomer::default()
    };
    if asking == Asking::Itself && *change != only_assume_role {
        return Err(Error::Denied("only the reseller changes this"));
    }
    if change.assume_role_enabled.is_some() {
        may_enable(asking, customer.assume_role_control)?;
    }
    let status = match change.status {
        Some(wanted) => next_status(customer.status, wanted, at)?,
        // The one thing that can be done to a deleted customer is to take the deletion back.
        None if customer.status.is_deleted() => return Err(Error::BeingDeleted),
        None => customer.status,
    };
    let regions = change.regions.as_ref().unwrap_or(&customer.regions);
    Ok(Applied {
        assume_role_enabled: change.assume_role_enabled.unwrap_or(customer.assume_role_enabled),
        status,
        replication_enforcement: change
            .replication_enforcement
            .unwrap_or(customer.replication_enforcement),
        regions: regions.iter().map(ToString::to_string).collect(),
    })
}

/// Who may switch `assume_role_enabled` (identity contract, section 4, RSModifyCustomer).
fn may_enable(asking: Asking, control: AssumeRoleControl) -> Result<(), Error> {
    match (control, asking) {
        (AssumeRoleControl::Reseller, Asking::Reseller) | (AssumeRoleControl::Customer, Asking::Itself) => Ok(()),
        (AssumeRoleControl::Reseller, Asking::Itself) => Err(Error::Denied("only the reseller decides on this")),
        (AssumeRoleControl::Customer, Asking::Reseller) => Err(Error::Denied("only the customer decides on this")),
        (AssumeRoleControl::Off, _) => Err(Error::Denied("the customer was made to be never assumed")),
    }
}

/// The status after a change. Being disabled once more, or deleted when disabled, keeps the time since when nothing works;
/// being deleted once more keeps the end of the hold time.
fn next_status(status: Status, wanted: WantedStatus, at: At) -> Result<Status, Error> {
    if matches!(status, Status::Purging { .. } | Status::Purged { .. }) {
        return Err(Error::BeingDeleted);
    }
    let since = status.suspended_at().unwrap_or(at.now);
    Ok(match wanted {
        WantedStatus::Enabled => Status::Enabled,
        WantedStatus::Disabled => Status::Disabled { since },
        WantedStatus::Deleted => match status {
            Status::Deleted { .. } => status,
            _ => Status::Deleted {
                since,
                purge_after: at.now.plus(at.hold),
            },
        },
    })
}

impl Customer {
    /// Gives the level of each service, also of those that nobody has set.
    pub fn access_levels(&self) -> Vec<AccessLevel> {
        let level = |service| {
            let set = match &self.access {
                ServiceAccess::All => None,
                ServiceAccess::Restricted(levels) => levels.iter().find(|level| level.service == service).copied(),
            };
            set.unwrap_or(AccessLevel {
                service,
                enabled: self.access == ServiceAccess::All,
                expires: None,
            })
        };
        Service::ALL.map(level).to_vec()
    }
}
