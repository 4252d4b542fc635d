//! Customers and the users at their heads.

use crate::change::{View, named_id};
use crate::login::{FirstWay, NewPassword};
use crate::records::{StoredRole, StoredUser, stamp};
use crate::totals;
use crate::users::insert;
use crate::{Error, Iam, UserInfo};
use baleen_meta::Request;
use baleen_policy::Authorized;
use baleen_tenancy::{Customer, NewCustomer, Prepared};
use baleen_types::{AccountId, Secret, UserId, UserName};
use std::sync::Arc;

/// A customer that was made.
#[derive(Clone, Debug)]
pub struct MadeCustomer {
    /// The customer.
    pub customer: Customer,
    /// Its root.
    pub root: UserInfo,
    /// With what the root sets its password, if it has none yet.
    pub token: Option<Secret>,
}

impl Iam {
    /// The customer of an account; `None` when it is gone or disabled.
    pub(crate) async fn active_customer(&self, account: AccountId) -> Result<Option<Arc<Customer>>, Error> {
        let found = self.parts.tenancy.customer(account).await.map_err(Error::Tenancy)?;
        Ok(found.filter(|customer| customer.status.is_active()))
    }

    /// Makes a customer of the asking reseller together with its root, whose name is the customer's e-mail. The root gets the
    /// password, or a reset token if none is given or the server is too busy to hash it.
    ///
    /// # Errors
    /// Those of the customer's making; `Invalid` when the e-mail is no user name.
    pub async fn create_customer(
        &self,
        by: &Authorized,
        new: &NewCustomer,
        password: Option<&NewPassword>,
    ) -> Result<MadeCustomer, Error> {
        let name = UserName::parse(new.email.as_str())?;
        let way = FirstWay::new(password, &self.login.hashing, &*self.parts.entropy).await;
        let made = self.tried(|| async {
            let prepared = self
                .parts
                .tenancy
                .prepare(by, new.clone())
                .await
                .map_err(Error::Tenancy)?;
            let id = UserId::from_entropy(self.parts.entropy.number());
            let now = self.parts.clock.now();
            let mut user = StoredUser::new(name.to_string(), StoredRole::Root, stamp(now));
            user.must_change_password = way.is_token();
            let Prepared { customer, request } = prepared;
            let request =
                request
                    .and(root_rows(customer.account, id, &user)?)
                    .and(way.rows(customer.account, id, &user, now)?);
            let info = UserInfo::new(customer.account, id, &user)?;
            // A name that was taken meanwhile is told by the next try.
            Ok(self.settle(request, &[]).await?.then_some((customer, info)))
        });
        let (customer, root) = made.await?;
        Ok(MadeCustomer {
            customer,
            root,
            token: way.into_token(),
        })
    }

    /// The root of an account.
    pub async fn root_of(&self, account: AccountId) -> Result<UserInfo, Error> {
        let view = self.view().await?;
        let id = view
            .root_id(account)
            .await?
            .ok_or_else(|| Error::no_such("root of account", &account))?;
        let stored = view.known_user(account, id).await?;
        UserInfo::new(account, id, &stored.value)
    }
}

impl View {
    pub(crate) async fn root_id(&self, account: AccountId) -> Result<Option<UserId>, Error> {
        let found = self.bytes(&StoredUser::root_key(account)).await?;
        found.map(|bytes| named_id(&bytes)).transpose()
    }
}

/// The rows of an account's root, of which there is one.
pub(crate) fn root_rows(account: AccountId, id: UserId, user: &StoredUser) -> Result<Request, Error> {
    let root = StoredUser::root_key(account);
    Ok(insert(account, id, user)?
        .absent(root.clone())
        .put(root, id.to_string())
        .and(totals::begin(account)))
}
