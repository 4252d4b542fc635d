//! The list that requests are held to. Pure.

use super::Subnet;
use super::record::{RuleRecord, StageRecord};
use super::rule::is_among;
use crate::Error;
use baleen_types::{RegionName, Timestamp};
use std::net::IpAddr;

/// The approved rules of an account, also those that have ended since: time passes without a change.
#[derive(Debug, Default)]
pub(crate) struct Compiled(Vec<Approved>);

#[derive(Debug)]
struct Approved {
    subnet: Subnet,
    regions: Vec<RegionName>,
    until: Option<Timestamp>,
}

impl Compiled {
    pub(crate) fn new(records: &[RuleRecord]) -> Result<Self, Error> {
        let mut rules = Vec::new();
        for record in records {
            if let StageRecord::Active { until_ns } = record.stage {
                rules.push(Approved {
                    subnet: record.subnet()?,
                    regions: record.regions()?,
                    until: until_ns.map(Timestamp::from_nanos),
                });
            }
        }
        Ok(Self(rules))
    }

    /// The rules in force in a region.
    fn in_force(&self, region: &RegionName, now: Timestamp) -> impl Iterator<Item = &Approved> {
        let holds =
            move |rule: &&Approved| rule.until.is_none_or(|until| now < until) && is_among(&rule.regions, region);
        self.0.iter().filter(holds)
    }

    /// Tells whether any rule is in force. A list of ended ones is none.
    pub(crate) fn is_restricted(&self, region: &RegionName, now: Timestamp) -> bool {
        self.in_force(region, now).next().is_some()
    }

    /// Tells whether a request from an address may be served.
    pub(crate) fn admits(&self, region: &RegionName, source: IpAddr, now: Timestamp) -> bool {
        let mut is_restricted = false;
        for rule in self.in_force(region, now) {
            if rule.subnet.contains(source) {
                return true;
            }
            is_restricted = true;
        }
        !is_restricted
    }
}
