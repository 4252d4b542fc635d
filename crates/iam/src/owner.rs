//! Whose a credential is that lets nobody in: inactive, ended, or its customer's that may not act.

use crate::records::{StoredKey, StoredKind, StoredSession, StoredToken, account_id, user_id};
use crate::tokens::hash_of_token;
use crate::{Error, Iam};
use baleen_policy::{Caller, Principal, Session, SessionKind, TokenGrant, User};
use baleen_types::{AccessKeyId, AccountId, Secret, Timestamp, UserId};
use std::pin::Pin;
use std::sync::Arc;

impl Iam {
    /// Whose an access key or a session is, in force or not; `None` when it is nobody's any more. For the audit log of its
    /// account alone, which is to tell of the try: it proves nothing, and has no policies.
    ///
    /// # Errors
    /// When nobody can tell now.
    pub async fn owner_of_credential(&self, id: &AccessKeyId) -> Result<Option<Principal>, Error> {
        Ok(self.claimed(id).await?.map(Principal::from))
    }

    /// The same of an API token.
    ///
    /// # Errors
    /// When nobody can tell now.
    pub async fn owner_of_token(&self, token: &Secret) -> Result<Option<Principal>, Error> {
        let Some(stored) = self
            .read::<StoredToken>(&StoredToken::key(hash_of_token(token)))
            .await?
        else {
            return Ok(None);
        };
        let user = self
            .any_user(account_id(stored.account)?, user_id(stored.user)?)
            .await?;
        let grant = TokenGrant {
            short_id: stored.short_id.as_str().into(),
            must_log_in: stored.must_log_in,
        };
        Ok(user.map(|user| Caller::with_token(user, grant).into()))
    }

    /// Boxed, since a reseller's session asks for its parent's owner; there are few parents above each other.
    fn claimed<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Caller>, Error>> + Send + 'a>> {
        Box::pin(async move {
            if let Some(key) = self.read::<StoredKey>(&StoredKey::key(id)).await? {
                let (account, user) = Self::key_owner(&key)?;
                let user = self.any_user(account, user).await?;
                return Ok(user.map(|user| Caller::with_key(user, id.clone())));
            }
            let Some(stored) = self.read::<StoredSession>(&StoredSession::key(id)).await? else {
                return Ok(None);
            };
            let kind = match stored.kind {
                StoredKind::Login => SessionKind::Login,
                StoredKind::Federated => SessionKind::Federated,
                StoredKind::Derived => SessionKind::Derived,
                StoredKind::Reseller => match self.parent_claimed(&stored).await? {
                    Some(by) => SessionKind::Reseller { by },
                    None => return Ok(None),
                },
            };
            let user = self
                .any_user(account_id(stored.account)?, user_id(stored.user)?)
                .await?;
            let session = Session {
                id: id.clone(),
                kind,
                name: stored.name.as_str().into(),
                issued: Timestamp::from_nanos(stored.issued_ns),
                expires: Timestamp::from_nanos(stored.expires_ns),
                mfa_at: None,
                must_change_password: true,
            };
            Ok(user.map(|user| Caller::with_session(user, session)))
        })
    }

    async fn parent_claimed(&self, session: &StoredSession) -> Result<Option<Arc<Caller>>, Error> {
        let Some(parent) = &session.parent else { return Ok(None) };
        let parent = crate::records::access_key_id(parent)?;
        Ok(self.claimed(&parent).await?.map(Arc::new))
    }

    /// A user, whether or not its customer may act.
    async fn any_user(&self, account: AccountId, id: UserId) -> Result<Option<User>, Error> {
        let Some(customer) = self.parts.tenancy.customer(account).await.map_err(Error::Tenancy)? else {
            return Ok(None);
        };
        let Some(stored) = self.view().await?.user(account, id).await? else {
            return Ok(None);
        };
        let stored = stored.value;
        Ok(Some(User {
            path: stored.path.clone().into_boxed_str(),
            is_reseller: customer.is_reseller(),
            ..User::new(account, customer.project, id, stored.name()?, stored.role.into())
        }))
    }
}
