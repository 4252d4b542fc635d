//! Whitelists: from which networks an account's principals may come (identity contract, section 5).
//!
//! A rule is asked for by the customer and approved by its reseller; until then it says nothing. With one active rule for a
//! region, every request for the account there has to come from a listed network; with none, from anywhere. What a request
//! asks ([`Tenancy::admits`]) is answered from a compiled list in memory, which every change of any rule takes belief from.
//!
//! [`Tenancy::admits`]: crate::Tenancy::admits

mod compiled;
mod ops;
mod record;
mod rule;

pub use rule::{NewRule, Rule, RuleId, RuleState, Subnet};

pub(crate) use compiled::Compiled;

use baleen_types::{CustomerName, RootName};

/// Tells whether a login names its customer as it has to: a customer with active rules wants the header `x-lyve-customer`,
/// with its own name (identity contract, section 2, RSLogin), before which its reseller may stand. Of others the header says nothing.
///
/// ```
/// use baleen_tenancy::names_customer;
/// let customer = baleen_types::CustomerName::parse("newcorp").unwrap();
/// assert!(names_customer(true, Some("NewCorp"), &customer) && names_customer(true, Some("lyve:newcorp"), &customer));
/// assert!(!names_customer(true, Some("oldcorp"), &customer) && !names_customer(true, None, &customer));
/// assert!(names_customer(false, None, &customer));
/// ```
pub fn names_customer(is_restricted: bool, header: Option<&str>, customer: &CustomerName) -> bool {
    let named = || header.and_then(|text| RootName::parse(text).ok());
    !is_restricted || named().is_some_and(|name| name.customer == *customer)
}

#[cfg(test)]
mod tests;
