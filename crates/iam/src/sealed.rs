//! What identities have sealed, for whoever changes the master key.

use crate::login::{StoredLogin, StoredPepper, totp_context, totp_id};
use crate::records::{StoredConnection, StoredKey, StoredSession, account_id, user_id};
use baleen_keyring::{SealedKind, Unsealable, Visitor, visit_record};
use baleen_meta::Entry;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_types::{AccessKeyId, AccountId};
use bytes::Bytes;

/// The kinds of records of this crate that hold something sealed. Markers and what a federated login hands out are sealed
/// too, and not stored: those of an older key end with it.
pub const SEALED: &[SealedKind] = &[
    SealedKind {
        name: "access keys",
        table: Table::AccessKey,
        prefix: || KeyWriter::new(Table::AccessKey).finish(),
        visit: visit_access_key,
    },
    SealedKind {
        name: "sessions",
        table: Table::Session,
        prefix: StoredSession::prefix,
        visit: visit_session,
    },
    SealedKind {
        name: "second factors",
        table: Table::LoginProfile,
        prefix: || KeyWriter::new(Table::LoginProfile).finish(),
        visit: visit_login,
    },
    SealedKind {
        name: "recovery pepper",
        table: Table::System,
        prefix: StoredPepper::key,
        visit: visit_pepper,
    },
    SealedKind {
        name: "SAML keys",
        table: Table::SamlConnection,
        prefix: || KeyWriter::new(Table::SamlConnection).finish(),
        visit: visit_connection,
    },
];

type Visited = Result<Option<Bytes>, Unsealable>;

fn visit_access_key(entry: &Entry, visitor: &mut Visitor<'_>) -> Visited {
    let id = key_id(entry, Table::AccessKey)?;
    visit_record(entry, visitor, |key: &mut StoredKey, visitor| {
        visitor.field(StoredKey::context(&id), &mut key.sealed_secret)
    })
}

fn visit_session(entry: &Entry, visitor: &mut Visitor<'_>) -> Visited {
    let id = key_id(entry, Table::Session)?;
    visit_record(entry, visitor, |session: &mut StoredSession, visitor| {
        visitor.field(StoredSession::context(&id), &mut session.sealed_secret)
    })
}

fn visit_login(entry: &Entry, visitor: &mut Visitor<'_>) -> Visited {
    let mut key = KeyReader::new(&entry.key, Table::LoginProfile)?;
    let account = account(&mut key)?;
    let user = user_id(key.u64()?).map_err(|_| Unsealable::Key)?;
    key.end()?;
    let id = totp_id(account, user);
    visit_record(entry, visitor, |login: &mut StoredLogin, visitor| {
        if let Some(factor) = &mut login.totp {
            visitor.field(totp_context(&id), &mut factor.sealed)?;
        }
        if let Some(factor) = &mut login.prepared {
            visitor.field(totp_context(&id), &mut factor.sealed)?;
        }
        Ok(())
    })
}

fn visit_pepper(entry: &Entry, visitor: &mut Visitor<'_>) -> Visited {
    visit_record(entry, visitor, |pepper: &mut StoredPepper, visitor| {
        visitor.field(StoredPepper::context(), &mut pepper.sealed)
    })
}

fn visit_connection(entry: &Entry, visitor: &mut Visitor<'_>) -> Visited {
    let mut key = KeyReader::new(&entry.key, Table::SamlConnection)?;
    let id = account(&mut key)?.to_string();
    key.end()?;
    visit_record(entry, visitor, |connection: &mut StoredConnection, visitor| {
        visitor.field(StoredConnection::context(&id), &mut connection.sealed_key)
    })
}

fn key_id(entry: &Entry, table: Table) -> Result<AccessKeyId, Unsealable> {
    let id = KeyReader::new(&entry.key, table)?.tail_str()?;
    AccessKeyId::parse(id).map_err(|_| Unsealable::Key)
}

fn account(key: &mut KeyReader<'_>) -> Result<AccountId, Unsealable> {
    account_id(key.u64()?).map_err(|_| Unsealable::Key)
}
