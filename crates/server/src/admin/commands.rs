//! The commands: a family each, as clap reads them and as plans.

pub(super) mod audit;
pub(super) mod billing;
pub(super) mod customer;
pub(super) mod key;
pub(super) mod password;
pub(super) mod policy;
pub(super) mod token;
pub(super) mod user;
pub(super) mod whitelist;

#[cfg(test)]
mod tests;
