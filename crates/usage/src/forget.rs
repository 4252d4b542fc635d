//! Forgetting what an account has used.

use crate::keys;
use crate::{Error, Usage};
use baleen_types::AccountId;

impl Usage {
    /// Removes all counters of an account; returns how many rows. May stop anywhere and be called again. Who calls it has made
    /// sure that nobody may ask for them any more.
    pub async fn forget_account(&self, account: AccountId) -> Result<u64, Error> {
        let mut removed = 0;
        for rows in [keys::minutes_of(account), keys::days_of(account)] {
            removed += self.meta.remove_all(&rows.finish(), |_| Ok(Vec::new())).await?;
        }
        Ok(removed)
    }
}
