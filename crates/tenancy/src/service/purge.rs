//! The end of deleted customers. This crate knows when; what a customer has lies in crates above, so the work is theirs:
//! the server asks [`Tenancy::due_for_purge`], says [`Tenancy::begin_purge`], removes what the other services hold, and says
//! [`Tenancy::finish_purge`] when nothing is left. Each step may be repeated, so a crash in between costs nothing.

use super::Tenancy;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{CustomerRecord, account_id};
use crate::{Customer, Error, RuleId, Status, keys};
use baleen_meta::{Request, Scan, record};
use baleen_types::AccountId;
use std::sync::Arc;
use std::time::Duration;

impl Tenancy {
    /// The deleted customers whose hold time is over, and those whose purge was begun.
    pub async fn due_for_purge(&self) -> Result<Vec<AccountId>, Error> {
        let now = self.clock.now();
        self.accounts_with(|status| match status {
            Status::Deleted { purge_after, .. } => now >= purge_after,
            Status::Purging { .. } => true,
            Status::Enabled | Status::Disabled { .. } | Status::Purged { .. } => false,
        })
        .await
    }

    /// The customers of which nothing but this is left, for at least so long.
    pub async fn purged_for(&self, time: Duration) -> Result<Vec<AccountId>, Error> {
        let now = self.clock.now();
        self.accounts_with(|status| matches!(status, Status::Purged { at } if now >= at.plus(time)))
            .await
    }

    async fn accounts_with(&self, is_wanted: impl Fn(Status) -> bool + Send + Sync) -> Result<Vec<AccountId>, Error> {
        let mut found = Vec::new();
        let mut last: Option<Vec<u8>> = None;
        loop {
            let mut scan = Scan::prefix(&keys::accounts());
            if let Some(last) = last {
                scan = scan.after(last);
            }
            let page = self.meta.scan(scan).await?;
            for entry in &page {
                let record: CustomerRecord = record::decode(&entry.value)?;
                if is_wanted(record.status.into()) {
                    found.push(account_id(keys::account_of(&entry.key)?)?);
                }
            }
            last = page.last().map(|entry| entry.key.to_vec());
            if last.is_none() {
                return Ok(found);
            }
        }
    }

    /// Closes the way back of a customer whose hold time is over. After it the customer's data may be removed.
    ///
    /// # Errors
    /// [`Error::Denied`] when the hold time is not over or the deletion was taken back: nothing may be removed.
    pub async fn begin_purge(self: &Arc<Self>, account: AccountId) -> Result<Arc<Customer>, Error> {
        self.change(account, |record, customer, now| {
            let since = match customer.status {
                Status::Deleted { since, purge_after } if now >= purge_after => since,
                Status::Purging { since } => since,
                _ => return Err(Error::Denied("the customer is not to be purged")),
            };
            record.status = Status::Purging { since }.into();
            Ok(())
        })
        .await
    }

    /// Frees the name of a customer of which nothing is left. Its record stays, so that its account is never used again.
    ///
    /// # Errors
    /// [`Error::Denied`] when its purge was never begun.
    pub async fn finish_purge(&self, account: AccountId) -> Result<(), Error> {
        let key = keys::account(account);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let stored = self.meta.get(&key).await?.ok_or(Error::NoSuchCustomer)?;
            let mut record: CustomerRecord = record::decode(&stored)?;
            let customer = record.customer(account)?;
            match customer.status {
                Status::Purging { .. } => {}
                Status::Purged { .. } => return Ok(()),
                Status::Enabled | Status::Disabled { .. } | Status::Deleted { .. } => {
                    return Err(Error::Denied("the customer is not being purged"));
                }
            }
            record.status = Status::Purged { at: self.clock.now() }.into();
            // Nobody is written to any more.
            record.email = None;
            let rules = self.read_rules(account).await?;
            let without_rules = |request: Request, (id, _): &(RuleId, _)| request.delete(keys::rule(account, *id));
            let request = rules
                .iter()
                .fold(Request::new(), without_rules)
                .unchanged(key.clone(), Some(stored))
                .put(key.clone(), record::encode(&record)?)
                .delete(keys::by_name(&customer.name))
                .delete(keys::by_project(customer.project))
                .delete(keys::by_reseller(customer.reseller, account));
            let outcome = self.meta.commit(request).await;
            // It could not act before, so what is remembered of it is wrong in nothing that matters.
            self.changed(account);
            self.whitelists.changed();
            if outcome?.is_committed() {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }
}
