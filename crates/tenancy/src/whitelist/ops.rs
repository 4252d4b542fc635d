//! Asking for rules, deciding on them, and holding requests to them.

use super::record::{RuleRecord, StageRecord};
use super::rule::check_notes;
use super::{Compiled, NewRule, Rule, RuleId, RuleState};
use crate::limits::{COMMIT_ATTEMPTS_MAX, RULES_PER_ACCOUNT_MAX};
use crate::{Customer, Error, Tenancy, keys};
use baleen_meta::{Request, Scan, record};
use baleen_policy::Authorized;
use baleen_types::{AccountId, RegionName, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a reseller says to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Approve,
    Reject,
}

impl Tenancy {
    /// Asks for a rule; it says nothing before it is approved. The customer may, and its reseller.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`], also for somebody else's; [`Error::NoSuchRegion`]; [`Error::TooManyRules`];
    /// [`Error::BeingDeleted`].
    pub async fn add_rule(&self, by: &Authorized, account: AccountId, new: NewRule) -> Result<Rule, Error> {
        let customer = self.own_or_managed(by, account).await?;
        if customer.status.is_deleted() {
            return Err(Error::BeingDeleted);
        }
        let regions = self.check_regions(new.regions)?;
        let now = self.clock.now();
        let record = RuleRecord {
            subnet: new.subnet.to_string(),
            regions: regions.iter().map(ToString::to_string).collect(),
            notes: new.notes,
            ttl_days: new.ttl_days,
            stage: StageRecord::Pending,
            inserted_ns: now.as_nanos(),
            updated_ns: now.as_nanos(),
        };
        // One after the other, so that the count is right.
        let _turn = self.rule_turn.lock().await;
        if self.read_rules(account).await?.len() >= RULES_PER_ACCOUNT_MAX {
            return Err(Error::TooManyRules {
                limit: RULES_PER_ACCOUNT_MAX,
            });
        }
        let id = RuleId::from_entropy(self.entropy.bytes());
        let key = keys::rule(account, id);
        let request = Request::new().absent(key.clone()).put(key, record::encode(&record)?);
        // A pending rule is in no compiled list, so there is nothing to take belief from.
        if self.meta.commit(request).await?.is_committed() {
            record.rule(id, now)
        } else {
            Err(Error::Contended)
        }
    }

    /// Removes a rule: one in force only by the reseller, any other by the customer too.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`]; [`Error::NoSuchRule`]; [`Error::Denied`].
    pub async fn delete_rule(self: &Arc<Self>, by: &Authorized, account: AccountId, id: RuleId) -> Result<(), Error> {
        let customer = self.own_or_managed(by, account).await?;
        let is_reseller = customer.reseller == by.account();
        self.change_rule(account, id, move |rule, record, _| {
            // Looked at in the commit: the rule may have been approved since the request was authorized.
            if rule.state == RuleState::Active && !is_reseller {
                return Err(Error::Denied("only the reseller removes a rule in force"));
            }
            *record = None;
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Puts a pending rule in force, from now on for its days.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`]; [`Error::NoSuchRule`]; [`Error::RuleNotPending`]; [`Error::Denied`] to all but the
    /// reseller; `Invalid` for notes that are too long.
    pub async fn approve_rule(
        self: &Arc<Self>,
        by: &Authorized,
        account: AccountId,
        id: RuleId,
        notes: Option<String>,
    ) -> Result<Rule, Error> {
        self.decide(by, account, id, notes, Verdict::Approve).await
    }

    /// Refuses a pending rule.
    ///
    /// # Errors
    /// As [`Tenancy::approve_rule`].
    pub async fn reject_rule(
        self: &Arc<Self>,
        by: &Authorized,
        account: AccountId,
        id: RuleId,
        notes: Option<String>,
    ) -> Result<Rule, Error> {
        self.decide(by, account, id, notes, Verdict::Reject).await
    }

    async fn decide(
        self: &Arc<Self>,
        by: &Authorized,
        account: AccountId,
        id: RuleId,
        notes: Option<String>,
        verdict: Verdict,
    ) -> Result<Rule, Error> {
        notes.as_deref().map_or(Ok(()), check_notes)?;
        let customer = self.own_or_managed(by, account).await?;
        if customer.reseller != by.account() {
            return Err(Error::Denied("only the reseller decides on a rule"));
        }
        self.change_rule(account, id, move |rule, record, now| {
            if rule.state != RuleState::Pending {
                return Err(Error::RuleNotPending(rule.state));
            }
            if let Some(record) = record {
                record.stage = match verdict {
                    Verdict::Reject => StageRecord::Rejected,
                    Verdict::Approve => StageRecord::Active {
                        until_ns: record.ttl_days.map(|days| end_of(now, days).as_nanos()),
                    },
                };
                record.updated_ns = now.as_nanos();
                if let Some(notes) = &notes {
                    record.notes.clone_from(notes);
                }
            }
            Ok(())
        })
        .await
    }

    /// The rules of an account, in the order in which they were asked for.
    ///
    /// # Errors
    /// [`Error::NoSuchCustomer`], also for somebody else's.
    pub async fn rules(&self, by: &Authorized, account: AccountId) -> Result<Vec<Rule>, Error> {
        self.own_or_managed(by, account).await?;
        let now = self.clock.now();
        let rules = self.read_rules(account).await?;
        let rules = rules.iter().map(|(id, record)| record.rule(*id, now));
        let mut rules = rules.collect::<Result<Vec<_>, _>>()?;
        rules.sort_by_key(|rule| (rule.inserted, rule.id));
        Ok(rules)
    }

    /// Takes every rule in force back to those that wait for approval, and tells how many. Nobody signs for this: it is for who
    /// may open the data folder when the rules keep out everybody who could change them.
    pub async fn lift_whitelist(self: &Arc<Self>, account: AccountId) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut lifted = 0;
        for (id, record) in self.read_rules(account).await? {
            if record.rule(id, now)?.state != RuleState::Active {
                continue;
            }
            self.change_rule(account, id, |_, record, now| {
                if let Some(record) = record {
                    record.stage = StageRecord::Pending;
                    record.updated_ns = now.as_nanos();
                }
                Ok(())
            })
            .await?;
            lifted += 1;
        }
        Ok(lifted)
    }

    /// One rule as it stands, for the question whether it may be removed.
    pub async fn rule(&self, account: AccountId, id: RuleId) -> Result<Option<Rule>, Error> {
        let stored = self.meta.get(&keys::rule(account, id)).await?;
        let record = stored.map(|bytes| record::decode::<RuleRecord>(&bytes)).transpose()?;
        record.map(|record| record.rule(id, self.clock.now())).transpose()
    }

    /// Tells whether a request for an account may come from an address, in a region and at a time.
    pub async fn admits(
        &self,
        account: AccountId,
        region: &RegionName,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(self.compiled(account).await?.admits(region, source, now))
    }

    /// Tells whether any rule is in force, so that a login has to name its customer; see [`crate::names_customer`].
    pub async fn is_restricted(&self, account: AccountId, region: &RegionName, now: Timestamp) -> Result<bool, Error> {
        Ok(self.compiled(account).await?.is_restricted(region, now))
    }

    async fn compiled(&self, account: AccountId) -> Result<Arc<Compiled>, Error> {
        if let Some(compiled) = self.whitelists.get(account) {
            return Ok(compiled);
        }
        let generation = self.whitelists.generation();
        let records: Vec<_> = self.read_rules(account).await?.into_iter().map(|(_, r)| r).collect();
        let compiled = Arc::new(Compiled::new(&records)?);
        self.whitelists.put(account, generation, &compiled);
        Ok(compiled)
    }

    pub(crate) async fn read_rules(&self, account: AccountId) -> Result<Vec<(RuleId, RuleRecord)>, Error> {
        let page = self.meta.scan(Scan::prefix(&keys::rules(account))).await?;
        let read = |entry: &baleen_meta::Entry| Ok((keys::rule_of(&entry.key)?, record::decode(&entry.value)?));
        page.iter().map(read).collect()
    }

    /// The customer, if it is the asking account or one that it manages.
    async fn own_or_managed(&self, by: &Authorized, account: AccountId) -> Result<Arc<Customer>, Error> {
        let customer = self.customer(account).await?.ok_or(Error::NoSuchCustomer)?;
        if [customer.account, customer.reseller].contains(&by.account()) {
            Ok(customer)
        } else {
            Err(Error::NoSuchCustomer)
        }
    }

    /// Changes or, with `None`, removes a rule, and takes belief from the compiled lists; gives the rule as it is then, or
    /// was at last.
    async fn change_rule(
        self: &Arc<Self>,
        account: AccountId,
        id: RuleId,
        decide: impl Fn(&Rule, &mut Option<RuleRecord>, Timestamp) -> Result<(), Error> + Send + 'static,
    ) -> Result<Rule, Error> {
        let this = Arc::clone(self);
        // In a task of its own: who asks may go away, but the lists have to be read anew after the commit.
        let work = tokio::spawn(async move {
            let key = keys::rule(account, id);
            for _ in 0..COMMIT_ATTEMPTS_MAX {
                let stored = this.meta.get(&key).await?.ok_or(Error::NoSuchRule)?;
                let before: RuleRecord = record::decode(&stored)?;
                let now = this.clock.now();
                let rule = before.rule(id, now)?;
                let mut after = Some(before);
                decide(&rule, &mut after, now)?;
                let request = Request::new().unchanged(key.clone(), Some(stored));
                let request = match &after {
                    Some(record) => request.put(key.clone(), record::encode(record)?),
                    None => request.delete(key.clone()),
                };
                let outcome = this.meta.commit(request).await;
                // Also after an error: it may have been written all the same.
                this.whitelists.changed();
                if outcome?.is_committed() {
                    return after.map_or(Ok(rule), |record| record.rule(id, now));
                }
            }
            Err(Error::Contended)
        });
        work.await.map_err(Error::damaged)?
    }
}

/// When a rule that is approved now comes to its end.
fn end_of(now: Timestamp, days: u32) -> Timestamp {
    now.plus(Duration::from_hours(24 * u64::from(days)))
}
