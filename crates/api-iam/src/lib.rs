//! The identity door: STS and IAM as AWS's clients call them, the document's `RS…` actions and its whitelist calls.
//!
//! Sources: seed 004, "STS", "IAM" and "Whitelist"; the identity contract. A request is matched to a row of [`ops::ROWS`] by
//! its `Action` (a whitelist call by its path), its resource is named, [`baleen_policy::authorize`] decides, and only then
//! the row's operation runs. An id of another account is denied before anybody looks whether it exists.
//!
//! Decisions beyond the contract:
//! * An error of an `RS…` action is JSON once the action is known. What the edge refuses earlier (a signature) is XML,
//!   or JSON for who says so in `Accept`.
//! * A read may come by GET; nothing that changes or holds a secret does, since addresses end in logs.

mod answer;
mod body;
mod circumstances;
mod door;
mod fault;
mod fields;
pub mod limits;
mod link;
pub mod ops;
mod params;
mod parts;
mod question;
mod saml;
mod subject;
mod tokens;
mod told;
mod unsupported;
pub mod whitelist;
mod wire;
mod xml;

pub use answer::Service;
pub use door::IdentityDoor;
pub use parts::Parts;
