//! The service: making, finding and changing customers.

mod create;
mod modify;
mod purge;

pub use create::Prepared;

use crate::cache::Cache;
use crate::limits::{CACHED_CUSTOMERS_MAX, REGIONS_PER_CUSTOMER_MAX};
use crate::records::{CustomerRecord, account_id, indexed_account};
use crate::whitelist::Compiled;
use crate::{Customer, Error, Parts, Service, Settings, Status, keys};
use baleen_meta::{Meta, Scan, record};
use baleen_policy::Authorized;
use baleen_runtime::{Clock, Entropy};
use baleen_types::{AccountId, CustomerName, Invalid, ProjectId, RegionName, RootName};
use parking_lot::RwLock;
use std::sync::Arc;

/// Who wants to be told of changes.
type Observer = Box<dyn Fn(AccountId) + Send + Sync>;

/// Customers.
///
/// # Cancel safety
/// Every operation may be dropped at any point. A change that was dropped has happened wholly or not at all, and nobody
/// believes the old state after it.
pub struct Tenancy {
    settings: Settings,
    pub(crate) meta: Meta,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    customers: Cache<Customer>,
    observers: RwLock<Vec<Observer>>,
    pub(crate) whitelists: Cache<Compiled>,
    /// Held while a rule is added.
    pub(crate) rule_turn: tokio::sync::Mutex<()>,
}

impl Tenancy {
    /// Builds the service; reads nothing yet.
    pub fn new(settings: Settings, parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            settings,
            meta: parts.meta,
            clock: parts.clock,
            entropy: parts.entropy,
            customers: Cache::new(CACHED_CUSTOMERS_MAX),
            observers: RwLock::default(),
            whitelists: Cache::new(CACHED_CUSTOMERS_MAX),
            rule_turn: tokio::sync::Mutex::default(),
        })
    }

    /// The number of changes of customers so far. Whoever remembers something that depends on a customer remembers with it
    /// the number read *before* the customer was, and believes it while the number stays: then a disabled customer is cut
    /// off before its change is answered. Costs one atomic load.
    pub fn generation(&self) -> u64 {
        self.customers.generation()
    }

    /// Has `tell` called with the account of each customer that changes, after the change and before its answer: for whoever
    /// drops what it remembers instead of asking [`Tenancy::generation`]. It must be quick and must not wait.
    pub fn observe(&self, tell: impl Fn(AccountId) + Send + Sync + 'static) {
        self.observers.write().push(Box::new(tell));
    }

    /// Takes belief from what is remembered of a customer, here and above. To be called after a commit, whatever its
    /// outcome: also after an error it may have been written.
    fn changed(&self, account: AccountId) {
        self.customers.changed();
        self.observers.read().iter().for_each(|tell| tell(account));
    }

    /// The customer of an account, whatever its status; from memory if nothing has changed since it was asked for last.
    pub async fn customer(&self, account: AccountId) -> Result<Option<Arc<Customer>>, Error> {
        if let Some(customer) = self.customers.get(account) {
            return Ok(Some(customer));
        }
        let generation = self.customers.generation();
        let Some(stored) = self.meta.get(&keys::account(account)).await? else {
            return Ok(None);
        };
        let customer = Arc::new(record::decode::<CustomerRecord>(&stored)?.customer(account)?);
        self.customers.put(account, generation, &customer);
        Ok(Some(customer))
    }

    /// Tells whether a customer may use a service now; one that is not there may not.
    pub async fn may_use(&self, account: AccountId, service: Service) -> Result<bool, Error> {
        let now = self.clock.now();
        if let Some(customer) = self.customers.get(account) {
            return Ok(customer.may_use(service, now));
        }
        let Some(stored) = self.meta.get(&keys::account(account)).await? else {
            return Ok(false);
        };
        // Asked of the record first: who may use everything need not have a name yet.
        if record::decode::<CustomerRecord>(&stored)?.levels.is_none() {
            return Ok(true);
        }
        Ok(self
            .customer(account)
            .await?
            .is_some_and(|customer| customer.may_use(service, now)))
    }

    /// The customer of a name, whatever its status; a purged one has no name any more.
    pub async fn by_name(&self, name: &CustomerName) -> Result<Option<Arc<Customer>>, Error> {
        self.indexed(keys::by_name(name)).await
    }

    /// Whether there is more than one customer, resellers and deleted ones among them.
    pub async fn has_several(&self) -> Result<bool, Error> {
        let two = Scan::prefix(&keys::names()).keys_only().limit(2);
        Ok(self.meta.scan(two).await?.len() > 1)
    }

    /// The customer of a 32-hex project id.
    pub async fn by_project(&self, project: ProjectId) -> Result<Option<Arc<Customer>>, Error> {
        self.indexed(keys::by_project(project)).await
    }

    /// The customer that a root's name means. One under another reseller than the name says is not there.
    pub async fn by_root_name(&self, root: &RootName) -> Result<Option<Arc<Customer>>, Error> {
        let Some(customer) = self.by_name(&root.customer).await? else {
            return Ok(None);
        };
        let Some(wanted) = &root.reseller else {
            return Ok(Some(customer));
        };
        let reseller = self.customer(customer.reseller).await?;
        Ok(reseller.filter(|reseller| reseller.name == *wanted).map(|_| customer))
    }

    /// The whole name of a customer's root: `<reseller>:<customer>`.
    pub async fn root_name(&self, customer: &Customer) -> Result<RootName, Error> {
        let reseller = self.customer(customer.reseller).await?;
        let reseller = reseller.ok_or_else(|| Error::damaged("a customer of no reseller"))?;
        Ok(RootName {
            reseller: Some(reseller.name.clone()),
            customer: customer.name.clone(),
        })
    }

    /// The customers of the asking reseller by account; neither deleted ones nor itself.
    pub async fn list(&self, by: &Authorized) -> Result<Vec<Arc<Customer>>, Error> {
        self.listed(by, |status| !status.is_deleted()).await
    }

    /// The deleted customers of the asking reseller whose data is not all gone, by account.
    pub async fn list_deleted(&self, by: &Authorized) -> Result<Vec<Arc<Customer>>, Error> {
        self.listed(by, |status| {
            status.is_deleted() && !matches!(status, Status::Purged { .. })
        })
        .await
    }

    async fn listed(&self, by: &Authorized, wanted: fn(Status) -> bool) -> Result<Vec<Arc<Customer>>, Error> {
        let mut found = Vec::new();
        for account in self.accounts_of(by.account()).await? {
            let customer = self.customer(account).await?;
            let customer = customer.ok_or_else(|| Error::damaged("a listed customer is not there"))?;
            if wanted(customer.status) {
                found.push(customer);
            }
        }
        Ok(found)
    }

    /// One customer of the asking reseller, also a deleted one that is not purged yet.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`], also for somebody else's.
    pub async fn details(&self, by: &Authorized, name: &CustomerName) -> Result<Arc<Customer>, Error> {
        let customer = self.by_name(name).await?;
        customer
            .filter(|customer| customer.reseller == by.account())
            .ok_or(Error::NoSuchCustomer)
    }

    /// The regions a customer may use now, sorted: its own, or all of the store.
    pub fn regions(&self, customer: &Customer) -> Vec<RegionName> {
        let mut regions = if customer.regions.is_empty() {
            self.settings.regions.clone()
        } else {
            customer.regions.clone()
        };
        regions.sort();
        regions.dedup();
        regions
    }

    async fn indexed(&self, key: Vec<u8>) -> Result<Option<Arc<Customer>>, Error> {
        let Some(account) = self.meta.get(&key).await? else {
            return Ok(None);
        };
        self.customer(indexed_account(&account)?).await
    }

    /// The accounts of a reseller's customers, deleted ones too.
    async fn accounts_of(&self, reseller: AccountId) -> Result<Vec<AccountId>, Error> {
        let page = self
            .meta
            .scan(Scan::prefix(&keys::customers_of(reseller)).keys_only())
            .await?;
        let account = |entry: &baleen_meta::Entry| account_id(keys::customer_of(&entry.key)?);
        page.iter().map(account).collect()
    }

    /// Checks that the store has the regions, and that they are not too many; gives them sorted, each once.
    pub(crate) fn check_regions(&self, mut regions: Vec<RegionName>) -> Result<Vec<RegionName>, Error> {
        regions.sort();
        regions.dedup();
        match regions.iter().find(|region| !self.settings.regions.contains(region)) {
            Some(unknown) => Err(Error::NoSuchRegion(unknown.clone())),
            None if regions.len() > REGIONS_PER_CUSTOMER_MAX => {
                let why = format!("at most {REGIONS_PER_CUSTOMER_MAX} are allowed");
                Err(Invalid::new("regions", why).into())
            }
            None => Ok(regions),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
