//! Which managed policies are attached to which users.

use crate::change::{View, named_id};
use crate::epochs::Scope;
use crate::limits::POLICIES_PER_USER_MAX;
use crate::paging::{Builder, Walk};
use crate::records::{StoredPolicy, StoredUser, attached_key, attached_to_key, attachments_key, user_id};
use crate::{Error, Iam, Page, PageRequest, PathPrefix, PolicyArn};
use baleen_meta::Scan;
use baleen_policy::Authorized;
use baleen_types::{AccountId, UserId, UserName};

/// A policy as the list of a user's shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedPolicy {
    /// The policy's name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A user as the list of a policy's shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyUser {
    /// The user's id.
    pub id: UserId,
    /// The user's name.
    pub name: UserName,
}

impl Iam {
    /// Attaches a policy to a user, which is no error when it is already.
    ///
    /// # Errors
    /// `LimitExceeded` when ten others are attached.
    pub async fn attach(&self, by: &Authorized, user: UserId, arn: &PolicyArn) -> Result<(), Error> {
        let account = by.account();
        let folded = arn.name.folded();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, user).await?;
            let policy = view.policy(account, arn).await?;
            let row = attached_key(account, user, &folded);
            if view.bytes(&row).await?.is_some() {
                return Ok(Some(()));
            }
            let held = Scan::prefix(&attached_key(account, user, "")).keys_only();
            if view.scan(held).await?.len() >= POLICIES_PER_USER_MAX {
                return Err(Error::LimitExceeded {
                    what: "policies attached to one user",
                    limit: POLICIES_PER_USER_MAX,
                });
            }
            let request = was
                .touch(account, user)?
                .and(policy.unchanged(StoredPolicy::key(account, &folded)))
                .put(row, "")
                .put(attached_to_key(account, &folded, user), "")
                .add(attachments_key(account, &folded), 1);
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// Takes a policy from a user; its rights end at once.
    ///
    /// # Errors
    /// `NoSuchEntity` also when it is not attached.
    pub async fn detach(&self, by: &Authorized, user: UserId, arn: &PolicyArn) -> Result<(), Error> {
        let account = by.account();
        let folded = arn.name.folded();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, user).await?;
            view.policy(account, arn).await?;
            let row = attached_key(account, user, &folded);
            if view.bytes(&row).await?.is_none() {
                return Err(Error::no_such("attachment of policy", &arn.name));
            }
            let request = was
                .touch(account, user)?
                .delete(row)
                .delete(attached_to_key(account, &folded, user))
                .add(attachments_key(account, &folded), -1);
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// The policies attached to a user, in the order of their names.
    pub async fn attached_policies(
        &self,
        by: &Authorized,
        user: UserId,
        prefix: &PathPrefix,
        ask: &PageRequest,
    ) -> Result<Page<AttachedPolicy>, Error> {
        let account = by.account();
        let view = self.view().await?;
        view.known_user(account, user).await?;
        let attached = view.attached(account, user).await?.into_iter();
        let wanted = attached.filter(|(_, policy)| prefix.is_of(&policy.path));
        let placed = wanted.map(|(folded, policy)| (folded, AttachedPolicy::new(account, policy)));
        self.page_of(by, ask, placed)
    }

    /// The users a policy is attached to, in the order of their ids; those whose path begins so.
    pub async fn users_of_policy(
        &self,
        by: &Authorized,
        arn: &PolicyArn,
        prefix: &PathPrefix,
        ask: &PageRequest,
    ) -> Result<Page<PolicyUser>, Error> {
        let account = by.account();
        let view = self.view().await?;
        view.policy(account, arn).await?;
        let after = match self.place_of(by, ask)?.as_str() {
            "" => Vec::new(),
            place => named_id(place.as_bytes())?.as_u64().to_be_bytes().to_vec(),
        };
        let start = attachments_key(account, &arn.name.folded());
        let mut walk = Walk::new(&view, start).keys_only().after(&after);
        let mut page = Builder::new(ask);
        'page: while let Some(entries) = walk.next().await? {
            for entry in &entries {
                let number = walk
                    .place(&entry.key)
                    .try_into()
                    .map_err(|_| Error::Damaged("attachment"))?;
                let id = user_id(u64::from_be_bytes(number))?;
                let user = view.get::<StoredUser>(&StoredUser::key(account, id)).await?;
                let user = user.ok_or(Error::Damaged("attachment"))?.value;
                let name = user.name()?;
                let item = prefix.is_of(&user.path).then_some(PolicyUser { id, name });
                if !page.offer(&id.to_string(), item) {
                    break 'page;
                }
            }
        }
        Ok(self.finish_page(by, page))
    }
}

impl View {
    /// The policies attached to a user by their folded names, in the order of these.
    pub(crate) async fn attached(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Vec<(String, StoredPolicy)>, Error> {
        let start = attached_key(account, user, "");
        let mut policies = Vec::new();
        for entry in self.scan(Scan::prefix(&start).keys_only()).await? {
            let folded = std::str::from_utf8(&entry.key[start.len()..]).map_err(|_| Error::Damaged("attachment"))?;
            let policy = self.get::<StoredPolicy>(&StoredPolicy::key(account, folded)).await?;
            let policy = policy.ok_or(Error::Damaged("attachment"))?.value;
            policies.push((folded.to_owned(), policy));
        }
        Ok(policies)
    }
}

impl AttachedPolicy {
    pub(crate) fn new(account: AccountId, policy: StoredPolicy) -> Self {
        let arn = policy_arn(account, &policy);
        Self { name: policy.name, arn }
    }
}

pub(crate) fn policy_arn(account: AccountId, policy: &StoredPolicy) -> String {
    format!("arn:aws:iam::{account}:policy{}{}", policy.path, policy.name)
}
