//! What is stored of agents.

use crate::Error;
use baleen_keyring::{SealedKind, visit_record};
use baleen_meta::Meta;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::{self, Record, first_version};
use baleen_sealing::Context;
use baleen_types::{AccountId, AgentId};
use serde::{Deserialize, Serialize};

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredAgent {
    pub(crate) name: String,
    pub(crate) site: String,
    pub(crate) groups: Vec<String>,
    /// Whether all accounts may capture there.
    pub(crate) is_shared: bool,
    pub(crate) certificate: [u8; 32],
    /// The certificate of before, while it is known.
    pub(crate) previous: Option<[u8; 32]>,
    pub(crate) certificate_until_ns: i64,
    pub(crate) enrolled_ns: i64,
}
first_version!(StoredAgent, "agent");

/// Whose a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCertificate {
    pub(crate) account: u64,
    pub(crate) agent: [u8; AgentId::BYTES],
    /// Until when it is known; `None` until it is first shown. It ends with the certificate, or some minutes after the one that took
    /// its place was shown.
    pub(crate) until_ns: Option<i64>,
}
first_version!(StoredCertificate, "agent certificate");

/// What a token makes of who shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    pub(crate) site: String,
    pub(crate) groups: Vec<String>,
    pub(crate) is_shared: bool,
    pub(crate) expires_ns: i64,
}
first_version!(StoredToken, "agent token");

/// The authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredAuthority {
    pub(crate) name: String,
    pub(crate) certificate: Vec<u8>,
    /// PKCS#8 in hex, sealed.
    pub(crate) sealed_key: Vec<u8>,
}
first_version!(StoredAuthority, "agent authority");

pub(crate) const CONTEXT: Context<'static> = Context {
    purpose: "agent-authority",
    id: "authority",
};

/// What this crate has sealed.
pub const SEALED: &[SealedKind] = &[SealedKind {
    name: "agent authorities",
    table: Table::AgentAuthority,
    prefix: authority,
    visit: |entry, visitor| {
        visit_record(entry, visitor, |stored: &mut StoredAuthority, visitor| {
            visitor.field(CONTEXT, &mut stored.sealed_key)
        })
    },
}];

pub(crate) fn authority() -> Vec<u8> {
    KeyWriter::new(Table::AgentAuthority).finish()
}

/// The prefix of all agents.
pub(crate) fn agents() -> Vec<u8> {
    KeyWriter::new(Table::Agent).finish()
}

pub(crate) fn agents_of(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::Agent).u64(account.as_u64()).finish()
}

pub(crate) fn agent(account: AccountId, id: AgentId) -> Vec<u8> {
    KeyWriter::new(Table::Agent)
        .u64(account.as_u64())
        .fixed(id.as_bytes())
        .finish()
}

/// Whose and which an agent's row is.
pub(crate) fn agent_of(key: &[u8]) -> Result<(AccountId, AgentId), Error> {
    let mut reader = KeyReader::new(key, Table::Agent)?;
    let account = AccountId::from_u64(reader.u64()?)?;
    let id = AgentId::from_bytes(reader.fixed()?);
    reader.end()?;
    Ok((account, id))
}

pub(crate) fn certificate(sha256: &[u8; 32]) -> Vec<u8> {
    KeyWriter::new(Table::AgentCertificate).fixed(sha256).finish()
}

pub(crate) fn tokens_of(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::AgentToken).u64(account.as_u64()).finish()
}

pub(crate) fn token(account: AccountId, digest: &[u8; 32]) -> Vec<u8> {
    KeyWriter::new(Table::AgentToken)
        .u64(account.as_u64())
        .fixed(digest)
        .finish()
}

/// A record with the bytes it was read from.
pub(crate) async fn read<R: Record>(meta: &Meta, key: &[u8]) -> Result<Option<(R, bytes::Bytes)>, Error> {
    match meta.get(key).await? {
        None => Ok(None),
        Some(bytes) => Ok(Some((record::decode(&bytes)?, bytes))),
    }
}
