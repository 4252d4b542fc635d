//! Who may do what.
//!
//! A door turns credentials into a [`Principal`], names the [`Action`] of its operation row, the [`Resource`] it acts on
//! and the [`Context`] of the request, and asks [`authorize`]. The answer is an [`Authorized`] value which nothing outside
//! this crate can build, and without which no operation runs: authorization is data, decided before anything acts.
//!
//! Two things give rights. *Policies* give data: documents of AWS's language, compiled by [`Policy::parse`] and judged as
//! AWS judges them (identity notes, section 2). The *role table* in `rights.rs` gives management: users, policies,
//! customers. A Deny in a policy is honoured in both, and the bounds of a session or a token limit both.
//!
//! What cannot be told never helps: a value that does not parse, or a variable without a value, lets an Allow fail and a
//! Deny hold. Not here: access lists, and the lock of objects, which is no policy and which no policy lifts.

mod ability;
mod acl;
mod action;
mod arn;
mod condition;
mod context;
mod deciding;
mod decision;
mod document;
mod glob;
mod json;
mod key;
pub mod limits;
mod parsing;
mod principal;
mod resource;
mod rights;
mod scene;
mod simulate;
#[cfg(test)]
mod testing;
mod variable;

pub use ability::could_ever;
pub use acl::{AclOf, Acls, acl_of};
pub use action::Action;
pub use context::{Context, Entry, Value};
pub use deciding::{deciding, judged_arn};
pub use decision::{Ask, Authorized, Denied, authorize, is_forbidden, looks_at_tags};
pub use document::{DocumentKind, Effect, Malformed, Policy, Strange, Stranger};
pub use key::{Key, TagFamily};
pub use principal::{
    Bounds, Caller, Credential, Origin, PolicySet, Principal, Role, Session, SessionKind, TokenGrant, User,
};
pub use resource::{BucketFacts, CustomerFacts, KeyFacts, PolicyFacts, Resource, UserFacts};
pub use simulate::{Decision, Matched, Outcome, Simulation, Source, simulate};

pub(crate) use key::KeyRef;
