//! A key as it is stored.

use baleen_keyring::{SealedKind, Unsealable, visit_record};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_sealing::Context;
use baleen_types::AccountId;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    pub(crate) description: String,
    pub(crate) is_enabled: bool,
    /// Version 1 first; never empty, and none is ever taken away.
    pub(crate) versions: Vec<StoredVersion>,
}
first_version!(StoredKey, "encryption key");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredVersion {
    pub(crate) made_ns: i64,
    pub(crate) sealed: Vec<u8>,
}

/// With an empty name, the prefix of all keys of an account.
pub(crate) fn row(account: AccountId, name: &str) -> Vec<u8> {
    KeyWriter::new(Table::EncryptionKey).u64(account.as_u64()).tail(name)
}

/// The mark that there is a key of this name: written in the commit that makes the key, so that one which is lost is known to
/// be, and no other is made in its place. With an empty name, the prefix of all marks of an account.
pub(crate) fn mark(account: AccountId, name: &str) -> Vec<u8> {
    KeyWriter::new(Table::EncryptionKeyName)
        .u64(account.as_u64())
        .tail(name)
}

/// The name in the key of a row.
pub(crate) fn name_of(row: &[u8]) -> Result<&str, baleen_meta::Error> {
    let mut reader = KeyReader::new(row, Table::EncryptionKey)?;
    reader.u64()?;
    reader.tail_str()
}

/// What a version is bound to, as text.
pub(crate) fn id(account: u64, name: &str, version: usize) -> String {
    format!("{account}/{version}/{name}")
}

pub(crate) fn context(id: &str) -> Context<'_> {
    Context {
        purpose: "encryption-key",
        id,
    }
}

/// What this crate has sealed.
pub const SEALED: &[SealedKind] = &[SealedKind {
    name: "encryption keys",
    table: Table::EncryptionKey,
    prefix: || KeyWriter::new(Table::EncryptionKey).finish(),
    visit: |entry, visitor| {
        let account = KeyReader::new(&entry.key, Table::EncryptionKey)?.u64()?;
        let name = name_of(&entry.key).map_err(|_| Unsealable::Key)?;
        visit_record(entry, visitor, |stored: &mut StoredKey, visitor| {
            for (version, of) in (1..).zip(&mut stored.versions) {
                visitor.field(context(&id(account, name, version)), &mut of.sealed)?;
            }
            Ok(())
        })
    },
}];
