//! Who may do what.
//!
//! A door turns credentials into a [`Principal`], names the [`Action`] of its operation row and the [`Resource`] it acts
//! on, and asks [`authorize`]. The answer is an [`Authorized`] value which nothing outside this crate can build, and
//! without which no operation runs: authorization is data, decided before anything acts.
//!
//! Today one rule stands: the root user of an account may do everything to what the account owns, and nobody else may do
//! anything. Attached policies will widen and narrow it here, without a change in any door.

mod action;
mod decision;
mod principal;

pub use action::Action;
pub use decision::{Authorized, Denied, Resource, authorize};
pub use principal::{Principal, Role, User};
