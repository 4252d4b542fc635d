//! Tags of users and of managed policies.

use crate::epochs::Scope;
use crate::limits::TAGS_MAX;
use crate::values::{check_tag_key, same_tag};
use crate::{Error, Iam, PolicyArn, Tags};
use baleen_policy::Authorized;
use baleen_types::UserId;

impl Iam {
    /// Sets tags of a user; those with other keys stay.
    pub async fn tag_user(&self, by: &Authorized, id: UserId, tags: &Tags) -> Result<(), Error> {
        let tags = tags.clone().into_vec();
        self.change_user_tags(by, id, |now| merge_tags(now, &tags)).await
    }

    /// Takes tags of a user away; no error for those it does not have.
    pub async fn untag_user(&self, by: &Authorized, id: UserId, keys: &[String]) -> Result<(), Error> {
        keys.iter().try_for_each(|key| check_tag_key(key))?;
        self.change_user_tags(by, id, |now| Ok(without_tags(now, keys))).await
    }

    async fn change_user_tags(
        &self,
        by: &Authorized,
        id: UserId,
        change: impl Fn(&[(String, String)]) -> Result<Vec<(String, String)>, Error> + Send + Sync,
    ) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let was = self.view().await?.known_user(account, id).await?;
            let mut next = was.value.clone();
            next.tags = change(&next.tags)?;
            let request = was.fence(account, id, next)?;
            Ok(self.settle(request, &[Scope::User(account, id)]).await?.then_some(()))
        })
        .await
    }

    /// Sets tags of a policy; those with other keys stay.
    pub async fn tag_policy(&self, by: &Authorized, arn: &PolicyArn, tags: &Tags) -> Result<(), Error> {
        let tags = tags.clone().into_vec();
        self.change_policy_tags(by, arn, |now| merge_tags(now, &tags)).await
    }

    /// Takes tags of a policy away; no error for those it does not have.
    pub async fn untag_policy(&self, by: &Authorized, arn: &PolicyArn, keys: &[String]) -> Result<(), Error> {
        keys.iter().try_for_each(|key| check_tag_key(key))?;
        self.change_policy_tags(by, arn, |now| Ok(without_tags(now, keys)))
            .await
    }

    async fn change_policy_tags(
        &self,
        by: &Authorized,
        arn: &PolicyArn,
        change: impl Fn(&[(String, String)]) -> Result<Vec<(String, String)>, Error> + Send + Sync,
    ) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let was = self.view().await?.policy(account, arn).await?;
            let mut next = was.value.clone();
            next.tags = change(&next.tags)?;
            let request = was.fence_policy(account, next)?;
            Ok(self.settle(request, &[]).await?.then_some(()))
        })
        .await
    }
}

/// The tags with others set; of one key in two cases, the new one stays.
fn merge_tags(now: &[(String, String)], set: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
    let mut tags = without_tags(now, &set.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
    tags.extend_from_slice(set);
    if tags.len() > TAGS_MAX {
        return Err(Error::LimitExceeded {
            what: "tags",
            limit: TAGS_MAX,
        });
    }
    Ok(tags)
}

/// The tags without some.
fn without_tags(now: &[(String, String)], keys: &[String]) -> Vec<(String, String)> {
    let stays = |(key, _): &&(String, String)| !keys.iter().any(|gone| same_tag(gone, key));
    now.iter().filter(stays).cloned().collect()
}
