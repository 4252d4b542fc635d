//! Who may do what.
//!
//! A door turns credentials into a [`Principal`], names the [`Action`] of its operation row, the [`Resource`] it acts on
//! and the [`Context`] of the request, and asks [`authorize`]. The answer is an [`Authorized`] value which nothing outside
//! this crate can build, and without which no operation runs: authorization is data, decided before anything acts.
//!
//! Today one rule stands: the root user of an account may do everything to what the account owns, and nobody else may do
//! anything. Attached policies will widen and narrow it here, without a change in any door.

mod action;
mod context;
mod decision;
mod document;
mod json;
pub mod limits;
mod principal;
mod resource;

pub use action::Action;
pub use context::Context;
pub use decision::{Ask, Authorized, Denied, authorize};
pub use document::{DocumentKind, Malformed, Policy};
pub use principal::{
    Bounds, Caller, Credential, Origin, PolicySet, Principal, Role, Session, SessionKind, TokenGrant, User,
};
pub use resource::{BucketFacts, CustomerFacts, PolicyFacts, Resource, UserFacts};
