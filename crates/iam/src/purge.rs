//! Removing all identities of an account.

use crate::epochs::Scope;
use crate::login::StoredTicket;
use crate::records::{ApiTokenHash, StoredKey, StoredSession, StoredToken};
use crate::tokens::StoredTokenUse;
use crate::{Error, Iam};
use baleen_meta::Entry;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::{AccessKeyId, AccountId};

/// What the keys of these tables lead to, does not name the account in its own: it goes in the same commit.
const LEADING: [(Table, Leads); 3] = [
    (Table::SessionByUser, |id| Some(vec![StoredSession::key(&key_id(id)?)])),
    (Table::AccessKeyByUser, |id| Some(vec![StoredKey::key(&key_id(id)?)])),
    (Table::ApiTokenByUser, |digest| {
        let hash = ApiTokenHash(digest.try_into().ok()?);
        Some(vec![StoredToken::key(hash), StoredTokenUse::key(hash)])
    }),
];

/// The other tables, in the order in which they go: users last, so that what is left of a purge that stopped still shows
/// whose it was.
const PLAIN: [Table; 12] = [
    Table::ApiTokenByShortId,
    Table::ApiTokenSettings,
    Table::SamlConnection,
    Table::LoginProfile,
    Table::InlinePolicy,
    Table::PolicyByUser,
    Table::UserByPolicy,
    Table::PolicyVersion,
    Table::Policy,
    Table::UserTotal,
    Table::UserByName,
    Table::User,
];

/// Gives the keys behind what stands after account and user in a key.
type Leads = fn(&[u8]) -> Option<Vec<Vec<u8>>>;

/// Bytes before that: tag, account, user.
const OF_USER_BYTES: usize = 17;

impl Iam {
    /// Removes an account's users, access keys, sessions, policies, log-in records, second factors, reset tokens, API tokens
    /// and its connection to an identity provider; returns how many records. May stop anywhere and be called again; who
    /// calls it has made sure that nobody acts for the account any more.
    ///
    /// What was used once (assertions of the identity provider) stays until its own time, which is minutes: it is a digest
    /// and does not tell whose it is.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses; the next call goes on.
    pub async fn purge_account(&self, account: AccountId) -> Result<u64, Error> {
        let is_theirs = |ticket: &StoredTicket| ticket.account == account.as_u64();
        let mut removed = self.remove_reset_tokens(is_theirs).await?;
        for (table, leads) in LEADING {
            let behind = move |entry: &Entry| match entry.key.get(OF_USER_BYTES..) {
                // A counter of what follows it.
                None | Some([]) => Ok(Vec::new()),
                Some(id) => leads(id).ok_or(baleen_meta::Error::MalformedKey { why: "an id is none" }),
            };
            removed += self.remove(table, account, behind).await?;
        }
        for table in PLAIN {
            removed += self.remove(table, account, |_| Ok(Vec::new())).await?;
        }
        self.epochs.advance(&[Scope::Account(account)]);
        Ok(removed)
    }

    async fn remove(
        &self,
        table: Table,
        account: AccountId,
        behind: impl Fn(&Entry) -> baleen_meta::Result<Vec<Vec<u8>>> + Send + Sync,
    ) -> Result<u64, Error> {
        let prefix = KeyWriter::new(table).u64(account.as_u64()).finish();
        self.parts.meta.remove_all(&prefix, behind).await.map_err(Error::Meta)
    }
}

fn key_id(bytes: &[u8]) -> Option<AccessKeyId> {
    AccessKeyId::parse(std::str::from_utf8(bytes).ok()?).ok()
}
