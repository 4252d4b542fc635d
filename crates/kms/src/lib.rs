//! Named keys of accounts, under which they have their objects encrypted (SSE-KMS).
//!
//! A key has a name and versions: the newest is used for what is new, and each for what it was used for, so that a rotation
//! touches nothing that is stored. A key that is disabled is used for nothing, old or new. None is ever deleted but with its
//! account: what is encrypted under it would be lost.
//!
//! What leaves here is a key bound to an encryption context; with another context it is another key. Versions are sealed under
//! the master key.
//!
//! Left out: who may use a key (who may read or write the object may), and the wire of AWS's key service.

mod context;
mod error;
pub mod limits;
mod name;
mod record;
mod service;

pub use context::EncryptionContext;
pub use error::Error;
pub use name::{KeyName, KeyReference};
pub use record::SEALED;
pub use service::{KeyInfo, KeyVersion, Kms, Parts};
