//! What ends with a customer: its captures, when it may not act any more; all it has, when the hold time after its deletion
//! is over.

use baleen_audit::{Audit, Deed, Event, Weight};
use baleen_capture::Captures;
use baleen_fleet::Fleet;
use baleen_iam::Iam;
use baleen_objects::Objects;
use baleen_runtime::Clock;
use baleen_tenancy::{Customer, Tenancy};
use baleen_types::AccountId;
use baleen_usage::limits::KEPT_AFTER_PURGE;
use std::sync::Arc;
use tracing::info;

/// Why a step failed.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// All services that hold something of a customer.
#[derive(Clone)]
pub(crate) struct Ending {
    pub(crate) tenancy: Arc<Tenancy>,
    pub(crate) iam: Arc<Iam>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) captures: Arc<Captures>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Ending {
    /// Ends the captures of accounts that may not act any more. It looks at what runs rather than waits to be told, so that a
    /// capture which was let in a moment before its customer was disabled ends too.
    pub(crate) async fn suspend_captures(&self) -> Result<(), Failed> {
        for account in self.captures.running_accounts() {
            let customer = self.tenancy.customer(account).await?;
            if !customer.is_some_and(|customer| customer.status.is_active()) {
                self.captures.suspend(account);
            }
        }
        Ok(())
    }

    /// Removes what deleted customers have whose hold time is over. Each step may be repeated, so it may stop anywhere; a
    /// customer of whom something cannot be removed yet stays for the next pass, and does not keep the others.
    ///
    /// What a purged customer leaves is what its reseller and the operator may still have to account for: the customer's own
    /// record, so that its account is never given out again; its audit log, for as long as logs are kept; and the counters of
    /// what it used, for as long as a reseller may ask for them. Which tables these are is said in the registry of the
    /// metadata store (`Belonging`), and a test holds this against it.
    pub(crate) async fn purge(&self) -> Result<(), Failed> {
        let mut failed = None;
        for account in self.tenancy.due_for_purge().await? {
            if let Err(error) = self.purge_customer(account).await {
                failed = Some(error);
            }
        }
        for account in self.tenancy.purged_for(KEPT_AFTER_PURGE).await? {
            self.objects.usage().forget_account(account).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn purge_customer(&self, account: AccountId) -> Result<(), Failed> {
        // Its time not even the end of its customer shortens, and only somebody of the customer can lift a hold: as long as
        // there is one, the customer can be opened again, with all that it has.
        if self.objects.is_anything_locked(account).await? {
            info!(%account, "the purge of a customer waits for what is under a lock");
            return Ok(());
        }
        let customer = self.tenancy.begin_purge(account).await?;
        let captures = self.captures.purge_account(account).await?;
        if captures.unfinished > 0 {
            info!(%account, ?captures, "the purge of a customer waits for its captures");
            return Ok(());
        }
        let agents = self.fleet.purge_account(account).await?;
        // As any client deletes, without a bypass.
        let objects = self.objects.purge_account(account).await?;
        let identities = self.iam.purge_account(account).await?;
        let is_done = objects.buckets_left == 0;
        info!(%account, customer = %customer.name, ?captures, agents, ?objects, identities, is_done, "a deleted customer is purged");
        if is_done {
            self.tell(&customer).await?;
            // Last: as long as it is not said, the next pass begins anew.
            self.tenancy.finish_purge(account).await?;
        }
        Ok(())
    }

    /// Records the end in the customer's own log and in its reseller's, whose people may read it.
    async fn tell(&self, customer: &Customer) -> Result<(), Failed> {
        for account in [customer.account, customer.reseller] {
            let what = format!("CustomerName={} RootID={}", customer.name, customer.account);
            let deed = Deed {
                account: Some(account),
                ..Deed::allowed(Weight::Change, "", what)
            };
            let event = Event::of_server(self.clock.now(), "PurgeCustomer", deed);
            self.audit.write(account, event).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
