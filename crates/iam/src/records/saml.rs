//! Connections to identity providers, and what was used once.

use super::sessions::ConnectionId;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_sealing::Context;
use baleen_types::AccountId;
use serde::{Deserialize, Serialize};

/// The connection of an account to its identity provider. One per account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredConnection {
    /// Random; new when the identity provider is another one, so that nothing begun with the former is finished with it.
    pub(crate) id: ConnectionId,
    /// Our name for it, which is part of addresses and of our entity id.
    pub(crate) provider: String,
    pub(crate) entity_id: String,
    pub(crate) sso_url: String,
    /// In DER.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) valid_until_ns: Option<i64>,
    /// Our key, PKCS #8 in base64, sealed.
    pub(crate) sealed_key: Vec<u8>,
    /// The certificate that carries our key, in DER.
    pub(crate) key_certificate: Vec<u8>,
    pub(crate) created_ns: i64,
    pub(crate) updated_ns: i64,
    /// Whether it has ended, which the first releases wrote before they took it away: nothing comes through it any more.
    pub(crate) is_ending: bool,
}
first_version!(StoredConnection, "SAML connection");

impl StoredConnection {
    pub(crate) fn key(account: AccountId) -> Vec<u8> {
        KeyWriter::new(Table::SamlConnection).u64(account.as_u64()).finish()
    }

    /// What the sealed key is bound to.
    pub(crate) fn context(account: &str) -> Context<'_> {
        Context {
            purpose: "saml-key",
            id: account,
        }
    }
}

/// Something that counts once: an assertion, a request to log in, a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredOnce {
    /// From then on it is refused by its time, and need not be remembered.
    pub(crate) until_ns: i64,
}
first_version!(StoredOnce, "use of an assertion");

impl StoredOnce {
    /// By a digest of what it is: ids of assertions are as long as an identity provider likes.
    pub(crate) fn key(digest: &[u8; 32]) -> Vec<u8> {
        KeyWriter::new(Table::SamlReplay).fixed(digest).finish()
    }

    /// Where all of them are.
    pub(crate) fn prefix() -> Vec<u8> {
        KeyWriter::new(Table::SamlReplay).finish()
    }
}
