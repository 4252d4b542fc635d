//! Customers and their resellers: who a tenant is, whether it may act, where its data may be, what
//! it may use, and from where its principals may come (its whitelist).
//!
//! [`Tenancy`] owns the customer's record. What is asked on each request ([`Tenancy::customer`]) is answered from memory;
//! every change raises [`Tenancy::generation`], by which this crate and those above it know what they may still believe.
//! Requests arrive authorized. Since an `Authorized` does not say for which customer it was given, each operation looks
//! once more that the customer is the asking reseller's: somebody else's customer is answered as one that is not there.
//!
//! Left out on purpose: users and credentials (`iam`, which commits a customer together with its first user), and what a
//! customer has stored (`objects`); the purge of a deleted customer is told here and done above.

mod cache;
mod customer;
mod error;
mod keys;
pub mod limits;
mod records;
mod service;
mod whitelist;

pub use customer::{
    AccessLevel, AssumeRoleControl, Customer, ModifyCustomer, NewCustomer, Service, ServiceAccess, Status, WantedStatus,
};
pub use error::Error;
pub use service::{Prepared, Tenancy};
pub use whitelist::{NewRule, Rule, RuleId, RuleState, Subnet, names_customer};

use baleen_meta::Meta;
use baleen_runtime::{Clock, Entropy};
use baleen_types::RegionName;
use std::sync::Arc;
use std::time::Duration;

/// How the service is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The regions of this store; a customer that names none may use them all, also those to come.
    pub regions: Vec<RegionName>,
    /// How long a deleted customer is kept before it is purged.
    pub hold: Duration,
}

impl Settings {
    /// A store of some regions, which keeps deleted customers for the time of the contract.
    pub fn new(regions: Vec<RegionName>) -> Self {
        Self {
            regions,
            hold: limits::HOLD_DEFAULT,
        }
    }
}

/// What the service is built from.
pub struct Parts {
    /// Where the records are.
    pub meta: Meta,
    /// Tells when a thing happened, and what has expired.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub entropy: Arc<dyn Entropy>,
}
