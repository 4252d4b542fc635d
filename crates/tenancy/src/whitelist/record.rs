//! What is stored of rules.

use super::{Rule, RuleId, RuleState, Subnet};
use crate::Error;
use baleen_meta::record::first_version;
use baleen_types::{RegionName, Timestamp};
use serde::{Deserialize, Serialize};

/// A rule of a whitelist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleRecord {
    pub(crate) subnet: String,
    pub(crate) regions: Vec<String>,
    pub(crate) notes: String,
    pub(crate) ttl_days: Option<u32>,
    pub(crate) stage: StageRecord,
    pub(crate) inserted_ns: i64,
    pub(crate) updated_ns: i64,
}

first_version!(RuleRecord, "whitelist rule");

/// Where a rule stands; that it has come to its end is not stored, but seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StageRecord {
    Pending,
    Active { until_ns: Option<i64> },
    Rejected,
}

impl RuleRecord {
    /// The rule as it stands at a time.
    pub(crate) fn rule(&self, id: RuleId, now: Timestamp) -> Result<Rule, Error> {
        let mut updated = Timestamp::from_nanos(self.updated_ns);
        let mut end = None;
        let state = match self.stage {
            StageRecord::Pending => RuleState::Pending,
            StageRecord::Rejected => RuleState::Rejected,
            StageRecord::Active { until_ns } => {
                end = until_ns.map(Timestamp::from_nanos);
                match end {
                    Some(until) if until <= now => {
                        updated = until;
                        RuleState::Suspended
                    }
                    _ => RuleState::Active,
                }
            }
        };
        Ok(Rule {
            id,
            subnet: self.subnet()?,
            regions: self.regions()?,
            notes: self.notes.clone(),
            ttl_days: self.ttl_days,
            until: end,
            state,
            inserted: Timestamp::from_nanos(self.inserted_ns),
            updated,
        })
    }

    pub(crate) fn subnet(&self) -> Result<Subnet, Error> {
        Subnet::parse(&self.subnet).map_err(Error::damaged)
    }

    pub(crate) fn regions(&self) -> Result<Vec<RegionName>, Error> {
        let regions = self.regions.iter().map(|region| RegionName::parse(region));
        regions.collect::<Result<_, _>>().map_err(Error::damaged)
    }
}
