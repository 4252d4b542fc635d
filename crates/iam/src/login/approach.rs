//! Where somebody comes from who has no credentials yet.
//!
//! The edge asks whitelists for whoever brings credentials. Who proves something else instead (a reset token, the answer of an
//! identity provider, a login code) is asked for here, once it is known for which account; and is told what it would be told if
//! there were no such token, connection or code.

use crate::{Error, Iam};
use baleen_types::{AccountId, RegionName};
use std::net::IpAddr;

/// Where somebody comes from, and where it reaches us.
#[derive(Clone, Copy, Debug)]
pub struct Approach<'a> {
    /// The address that asks.
    pub source: IpAddr,
    /// The region that is asked: whitelists may hold in some only.
    pub region: &'a RegionName,
}

impl Iam {
    /// Whether the account's whitelist lets in who comes from there.
    pub(crate) async fn admits(&self, account: AccountId, from: Approach<'_>) -> Result<bool, Error> {
        let now = self.parts.clock.now();
        let admitted = self.parts.tenancy.admits(account, from.region, from.source, now);
        admitted.await.map_err(Error::Tenancy)
    }
}
