//! The token of a store of the first releases: those did not keep its first digits, so nobody could name it.

use super::read_file;
use crate::epochs::Scope;
use crate::limits::TOKEN_SHORT_ID_DIGITS;
use crate::records::{ApiTokenHash, Root, StoredToken, account_id, user_id};
use crate::tokens::record::UNNAMED;
use crate::{Error, Iam};
use baleen_types::Secret;
use std::path::Path;

impl Iam {
    /// Gives root's token of the first releases a name, by which it is listed and looked at: its first digits, if the file
    /// still has it, else digits of its hash. Runs again after a crash.
    pub(super) async fn name_old_token(&self, root: &Root, file: &Path) -> Result<(), Error> {
        let view = self.view().await?;
        let Some(token) = view.get::<StoredToken>(&StoredToken::key(root.token)).await? else {
            return Ok(());
        };
        if token.value.short_id != UNNAMED {
            return Ok(());
        }
        let (account, user) = (account_id(root.account)?, user_id(root.user)?);
        let kept = read_file(file).and_then(|file| file.api_token);
        let kept = kept.filter(|text| ApiTokenHash::of(&Secret::new(text.as_str())) == root.token);
        let hash = hex::encode(root.token.0);
        let of_token = kept.iter().filter_map(|text| text.get(..TOKEN_SHORT_ID_DIGITS));
        let of_hash = (0..=hash.len() - TOKEN_SHORT_ID_DIGITS).map(|at| &hash[at..at + TOKEN_SHORT_ID_DIGITS]);
        for short_id in of_token.chain(of_hash) {
            let row = StoredToken::by_short_key(account, short_id);
            if view.bytes(&row).await?.is_some() {
                continue;
            }
            let named = StoredToken {
                short_id: short_id.to_owned(),
                ..token.value.clone()
            };
            let request = token
                .replace(StoredToken::key(root.token), &named)?
                .absent(row.clone())
                .put(row, root.token.0.to_vec());
            return self.commit(request, &[Scope::User(account, user)]).await;
        }
        Err(Error::LimitExceeded {
            what: "API tokens that begin alike",
            limit: hash.len(),
        })
    }
}
