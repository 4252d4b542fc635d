//! What the service needs to know of customers.

use crate::change::View;
use crate::epochs::Scope;
use crate::records::{Root, StoredAccount};
use crate::{Error, Iam};
use baleen_types::{AccountId, ProjectId};

/// A customer, as far as it concerns its users.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) project: ProjectId,
    pub(crate) is_reseller: bool,
}

impl View {
    /// The customer of an account; `None` when it is gone or disabled.
    pub(crate) async fn account(&self, account: AccountId) -> Result<Option<Account>, Error> {
        let Some(stored) = self.get::<StoredAccount>(&StoredAccount::key(account)).await? else {
            return Ok(None);
        };
        let root = self.get::<Root>(&Root::key()).await?;
        Ok(Some(Account {
            project: ProjectId::from_bytes(stored.value.project),
            is_reseller: root.is_some_and(|root| root.value.account == account.as_u64()),
        }))
    }
}

impl Iam {
    /// Makes everything be read anew that is known of an account's users; to be called when the customer changed, before
    /// the change is answered.
    pub fn account_changed(&self, account: AccountId) {
        self.epochs.advance(&[Scope::Account(account)]);
    }
}
