//! Making customers. What is made here is only prepared: `iam` commits it together with the customer's root user, so that
//! there is never one without the other.

use super::Tenancy;
use crate::limits::{COMMIT_ATTEMPTS_MAX, CUSTOMERS_PER_RESELLER_MAX};
use crate::records::{CustomerRecord, StatusRecord};
use crate::{AssumeRoleControl, Customer, Error, NewCustomer, keys};
use baleen_meta::{Request, record};
use baleen_policy::Authorized;
use baleen_types::{AccountId, CustomerName, ProjectId};
use bytes::Bytes;
use std::sync::Arc;

/// A customer about to be: what to commit for it, together with whatever else is to begin with it.
#[derive(Debug)]
pub struct Prepared {
    /// The customer as it will be.
    pub customer: Customer,
    /// Its conditions and writes.
    pub request: Request,
}

impl Prepared {
    /// What a conflict at `key` means, if the key is one of this customer's. [`Error::Contended`] asks to prepare again:
    /// the ids that were drawn are taken.
    pub fn conflict(&self, key: &[u8]) -> Option<Error> {
        if key == keys::by_name(&self.customer.name) {
            return Some(Error::CustomerExists(self.customer.name.clone()));
        }
        let drawn = [
            keys::account(self.customer.account),
            keys::by_project(self.customer.project),
        ];
        drawn.iter().any(|own| own == key).then_some(Error::Contended)
    }
}

impl Tenancy {
    /// Prepares a customer of the asking reseller.
    ///
    /// # Errors
    /// [`Error::Denied`] when who asks is no reseller; [`Error::CustomerExists`]; [`Error::NoSuchRegion`];
    /// [`Error::TooManyCustomers`].
    pub async fn prepare(&self, by: &Authorized, new: NewCustomer) -> Result<Prepared, Error> {
        let reseller = self.customer(by.account()).await?.ok_or(Error::NoSuchCustomer)?;
        if !reseller.is_reseller() {
            return Err(Error::Denied("only a reseller can make customers"));
        }
        let regions = self.check_regions(new.regions)?;
        if self.meta.get(&keys::by_name(&new.name)).await?.is_some() {
            return Err(Error::CustomerExists(new.name));
        }
        if self.accounts_of(reseller.account).await?.len() >= CUSTOMERS_PER_RESELLER_MAX {
            return Err(Error::TooManyCustomers {
                limit: CUSTOMERS_PER_RESELLER_MAX,
            });
        }
        let drawn = self.draw();
        let prepared = request_for(
            drawn,
            &CustomerRecord {
                name: Some(new.name.as_str().to_owned()),
                reseller: Some(reseller.account.as_u64()),
                email: Some(new.email.as_str().to_owned()),
                assume_role_control: new.assume_role_control.into(),
                replication_enforcement: new.replication_enforcement,
                regions: regions.iter().map(ToString::to_string).collect(),
                levels: new.restrict_service_access.then(Vec::new),
                ..self.blank(drawn.1)
            },
        )?;
        let listed = keys::by_reseller(reseller.account, prepared.customer.account);
        Ok(Prepared {
            request: prepared.request.put(listed, Bytes::new()),
            ..prepared
        })
    }

    /// Prepares a reseller: a store's first customer at its first start, and what an operator makes on the machine.
    ///
    /// # Errors
    /// [`Error::CustomerExists`].
    pub async fn prepare_reseller(&self, name: &CustomerName) -> Result<Prepared, Error> {
        if self.meta.get(&keys::by_name(name)).await?.is_some() {
            return Err(Error::CustomerExists(name.clone()));
        }
        let drawn = self.draw();
        let record = CustomerRecord {
            name: Some(name.as_str().to_owned()),
            ..self.blank(drawn.1)
        };
        request_for(drawn, &record)
    }

    /// Gives a name to the account that a release without customers has made; leaves a named one as it is, also under
    /// another name. To be called at each start, before anything else is asked.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`] when there is no such account; [`Error::CustomerExists`] when the name is another's.
    pub async fn ensure_named(&self, account: AccountId, name: &CustomerName) -> Result<Arc<Customer>, Error> {
        let key = keys::account(account);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let stored = self.meta.get(&key).await?.ok_or(Error::NoSuchCustomer)?;
            let mut record: CustomerRecord = record::decode(&stored)?;
            if record.name.is_none() {
                record.name = Some(name.as_str().to_owned());
                let by_name = keys::by_name(name);
                let request = Request::new()
                    .unchanged(key.clone(), Some(stored))
                    .absent(by_name.clone())
                    .put(key.clone(), record::encode(&record)?)
                    .put(by_name.clone(), account.to_string());
                if let baleen_meta::Outcome::Conflict { key } = self.meta.commit(request).await? {
                    if key == by_name {
                        return Err(Error::CustomerExists(name.clone()));
                    }
                    continue;
                }
            }
            return self.customer(account).await?.ok_or(Error::NoSuchCustomer);
        }
        Err(Error::Contended)
    }

    /// Ids for a customer that is made.
    fn draw(&self) -> (AccountId, ProjectId) {
        (
            AccountId::from_entropy(self.entropy.number()),
            ProjectId::from_bytes(self.entropy.bytes()),
        )
    }

    /// A customer that is made now, with nothing said about it.
    fn blank(&self, project: ProjectId) -> CustomerRecord {
        CustomerRecord {
            project: *project.as_bytes(),
            created_ns: self.clock.now().as_nanos(),
            name: None,
            reseller: None,
            email: None,
            status: StatusRecord::Enabled,
            assume_role_control: AssumeRoleControl::Off.into(),
            assume_role_enabled: false,
            replication_enforcement: false,
            regions: Vec::new(),
            levels: None,
        }
    }
}

/// All that a new customer's record and its names write.
fn request_for(drawn: (AccountId, ProjectId), record: &CustomerRecord) -> Result<Prepared, Error> {
    let (account, project) = drawn;
    let customer = record.customer(account)?;
    let keys = [
        keys::account(account),
        keys::by_project(project),
        keys::by_name(&customer.name),
    ];
    let values = [
        record::encode(record)?,
        account.to_string().into(),
        account.to_string().into(),
    ];
    let request = keys
        .into_iter()
        .zip(values)
        .fold(Request::new(), |request, (key, value)| {
            request.absent(key.clone()).put(key, value)
        });
    Ok(Prepared { customer, request })
}
