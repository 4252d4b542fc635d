//! Ending all tokens of a user.

use super::manage::{hash_of, rows_away};
use super::record::StoredToken;
use crate::epochs::Scope;
use crate::{Error, Iam};
use baleen_meta::{Request, Scan};
use baleen_types::{AccountId, UserId};

/// Tokens that are deleted in one commit.
pub(super) const AT_ONCE: usize = 500;

impl Iam {
    /// Deletes all API tokens of a user, and tells how many. They may be many, so this is not one commit; it runs again after
    /// a crash.
    pub(crate) async fn end_tokens(&self, account: AccountId, user: UserId) -> Result<usize, Error> {
        let prefix = StoredToken::of_user(account, user).finish();
        let mut ended = 0;
        loop {
            let view = self.view().await?;
            let page = Scan::prefix(&prefix).limit(AT_ONCE).keys_only();
            let entries = view.scan(page).await?;
            let mut request = Request::new();
            for entry in &entries {
                let hash = hash_of(&entry.key[prefix.len()..])?;
                request = match view.get::<StoredToken>(&StoredToken::key(hash)).await? {
                    Some(token) => request.and(rows_away(account, hash, &token.value)?),
                    None => request.delete(StoredToken::by_user_key(account, user, hash)),
                };
            }
            if entries.is_empty() {
                return Ok(ended);
            }
            ended += entries.len();
            self.settle(request, &[Scope::User(account, user)]).await?;
        }
    }
}
