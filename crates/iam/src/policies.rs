//! Managed policies and their versions.

use crate::change::{Stored, View};
use crate::epochs::Scope;
use crate::limits::{DOCUMENT_BYTES_MAX, POLICIES_PER_ACCOUNT_MAX};
use crate::paging::{Builder, Walk};
use crate::records::{StoredPolicy, StoredVersion, attached_key, attachments_key, decode, encode, stamp};
use crate::users::limit;
use crate::{
    DeleteConflict, Description, Error, Iam, Page, PageRequest, Path, PathPrefix, PolicyArn, PolicyName, Tags,
    VersionNumber, ids,
};
use baleen_meta::{Request, Scan};
use baleen_policy::limits::DOCUMENT_CHARS_MAX;
use baleen_policy::{Authorized, DocumentKind, Malformed, Policy, PolicyFacts};
use baleen_types::{AccountId, Timestamp, UserId};

/// A managed policy, without its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Whose it is.
    pub account: AccountId,
    /// `ANPA` and 17 characters.
    pub id: String,
    /// The name.
    pub name: String,
    /// The path.
    pub path: String,
    /// The description, possibly empty.
    pub description: String,
    /// The tags.
    pub tags: Vec<(String, String)>,
    /// The number of the version in force.
    pub default_version: VersionNumber,
    /// To how many users it is attached.
    pub attachments: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When its version in force changed last.
    pub updated: Timestamp,
}

impl PolicyInfo {
    fn new(account: AccountId, stored: StoredPolicy, attachments: i128) -> Self {
        Self {
            account,
            default_version: VersionNumber(stored.default_version),
            attachments: u64::try_from(attachments).unwrap_or(0),
            created: Timestamp::from_nanos(stored.created_ns),
            updated: Timestamp::from_nanos(stored.updated_ns),
            id: stored.id,
            name: stored.name,
            path: stored.path,
            description: stored.description,
            tags: stored.tags,
        }
    }

    /// The ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:policy{}{}", self.account, self.path, self.name)
    }

    /// The policy as something that is decided about.
    pub fn facts(&self, is_attached: bool) -> PolicyFacts<'_> {
        PolicyFacts {
            account: self.account,
            path: &self.path,
            name: &self.name,
            is_attached,
        }
    }
}

/// A managed policy to be made.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// The name.
    pub name: PolicyName,
    /// The path.
    pub path: Path,
    /// The description.
    pub description: Description,
    /// The tags.
    pub tags: Tags,
    /// The document.
    pub document: String,
}

/// Which policies a list shows.
#[derive(Clone, Debug, Default)]
pub struct PolicyFilter {
    /// Those whose path begins so.
    pub path_prefix: PathPrefix,
    /// Only those that are attached to some user.
    pub only_attached: bool,
}

impl Iam {
    /// The policy that an ARN names, for a door that decides about it.
    ///
    /// # Errors
    /// `NoSuchEntity`, for those who may know; `NotAllowed` when the ARN names another account.
    pub async fn find_policy(&self, account: AccountId, arn: &PolicyArn) -> Result<PolicyInfo, Error> {
        let (view, found) = self.open_policy(account, arn).await?;
        view.policy_info(account, found.value).await
    }

    /// Tells whether the policy of an ARN is attached to a user, who may then read it. No error for one that is not there.
    pub async fn is_attached(&self, account: AccountId, user: UserId, arn: &PolicyArn) -> Result<bool, Error> {
        let key = attached_key(account, user, &arn.name.folded());
        Ok(self.view().await?.bytes(&key).await?.is_some())
    }

    /// Makes a managed policy with its first version.
    ///
    /// # Errors
    /// `EntityAlreadyExists` when the name is taken, whatever the path; `MalformedPolicyDocument`; `LimitExceeded`.
    pub async fn create_policy(&self, by: &Authorized, new: NewPolicy) -> Result<PolicyInfo, Error> {
        let account = by.account();
        check_document(&new.document)?;
        let now = stamp(self.parts.clock.now());
        let policy = StoredPolicy {
            id: ids::policy_id(&*self.parts.entropy),
            name: new.name.to_string(),
            path: new.path.as_str().to_owned(),
            description: new.description.into_string(),
            tags: new.tags.into_vec(),
            default_version: 1,
            newest_version: 1,
            created_ns: now,
            updated_ns: now,
            change: 0,
        };
        let key = StoredPolicy::key(account, &new.name.folded());
        let version = self.new_version(&new.document);
        self.tried(|| async {
            let view = self.view().await?;
            if view.bytes(&key).await?.is_some() {
                return Err(Error::exists("policy", &new.name));
            }
            if view.counter(&StoredPolicy::key(account, "")).await? >= POLICIES_PER_ACCOUNT_MAX {
                return Err(limit("policies of one account", POLICIES_PER_ACCOUNT_MAX));
            }
            let request = Request::new()
                .absent(key.clone())
                .put(key.clone(), encode(&policy)?)
                .put(StoredVersion::key(account, &policy, 1)?, encode(&version)?)
                .add(StoredPolicy::key(account, ""), 1);
            Ok(self.settle(request, &[]).await?.then_some(()))
        })
        .await?;
        Ok(PolicyInfo::new(account, policy, 0))
    }

    /// The account's policies in the order of their names.
    pub async fn list_policies(
        &self,
        by: &Authorized,
        filter: &PolicyFilter,
        ask: &PageRequest,
    ) -> Result<Page<PolicyInfo>, Error> {
        let account = by.account();
        let view = self.view().await?;
        let mut walk = Walk::new(&view, StoredPolicy::key(account, "")).after(self.place_of(by, ask)?.as_bytes());
        let mut page = Builder::new(ask);
        'page: while let Some(entries) = walk.next().await? {
            for entry in &entries {
                let stored: StoredPolicy = decode(&entry.value)?;
                let mut item = None;
                if filter.path_prefix.is_of(&stored.path) {
                    let info = view.policy_info(account, stored).await?;
                    item = (!filter.only_attached || info.attachments > 0).then_some(info);
                }
                if !page.offer(walk.place_text(&entry.key)?, item) {
                    break 'page;
                }
            }
        }
        Ok(self.finish_page(by, page))
    }

    /// Deletes a policy that is attached to nobody and has no version but the one in force.
    ///
    /// # Errors
    /// `DeleteConflict`.
    pub async fn delete_policy(&self, by: &Authorized, arn: &PolicyArn) -> Result<(), Error> {
        let account = by.account();
        let folded = arn.name.folded();
        self.tried(|| async {
            let (view, was) = self.open_policy(account, arn).await?;
            let attachments = attachments_key(account, &folded);
            if view.counter(&attachments).await? != 0 {
                return Err(DeleteConflict::IsAttached.into());
            }
            let held = Scan::prefix(&StoredVersion::of_policy(account, &was.value)?.finish()).limit(2);
            if view.scan(held.keys_only()).await?.len() > 1 {
                return Err(DeleteConflict::HasVersions.into());
            }
            // The counter as it was read: an attachment that comes in between is a conflict, though it leaves the policy's
            // own record alone.
            let request = was
                .unchanged(StoredPolicy::key(account, &folded))
                .unchanged(attachments.clone(), view.bytes(&attachments).await?)
                .delete(StoredPolicy::key(account, &folded))
                .delete(StoredVersion::key(account, &was.value, was.value.default_version)?)
                .delete(attachments)
                .add(StoredPolicy::key(account, ""), -1);
            Ok(self.settle(request, &[Scope::Account(account)]).await?.then_some(()))
        })
        .await
    }

    /// The policy of an ARN, with the moment it was read at.
    pub(crate) async fn open_policy(
        &self,
        account: AccountId,
        arn: &PolicyArn,
    ) -> Result<(View, Stored<StoredPolicy>), Error> {
        let view = self.view().await?;
        let policy = view.policy(account, arn).await?;
        Ok((view, policy))
    }
}

impl Stored<StoredPolicy> {
    /// Requires the policy as it was read, and writes it as `next`.
    pub(crate) fn fence_policy(&self, account: AccountId, mut next: StoredPolicy) -> Result<Request, Error> {
        next.change = self.value.change + 1;
        let key = StoredPolicy::key(account, &next.name.to_ascii_lowercase());
        self.replace(key, &next)
    }
}

impl View {
    /// The policy of an ARN.
    pub(crate) async fn policy(&self, account: AccountId, arn: &PolicyArn) -> Result<Stored<StoredPolicy>, Error> {
        if arn.account.is_some_and(|named| named != account) {
            return Err(Error::NotAllowed("the policy belongs to another account"));
        }
        let found: Option<Stored<StoredPolicy>> = self.get(&StoredPolicy::key(account, &arn.name.folded())).await?;
        // An ARN names the path too, and both as they were given.
        let found = found.filter(|p| p.value.path == arn.path.as_str() && p.value.name == arn.name.as_str());
        found.ok_or_else(|| Error::no_such("policy", &format!("{}{}", arn.path.as_str(), arn.name)))
    }

    pub(crate) async fn policy_info(&self, account: AccountId, stored: StoredPolicy) -> Result<PolicyInfo, Error> {
        let attachments = attachments_key(account, &stored.name.to_ascii_lowercase());
        Ok(PolicyInfo::new(account, stored, self.counter(&attachments).await?))
    }
}

/// Checks the document of an identity policy.
pub(crate) fn check_document(document: &str) -> Result<Policy, Error> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(too_long());
    }
    Policy::parse(document, DocumentKind::Identity).map_err(|why| match why {
        Malformed::TooLong | Malformed::BucketTooLong => too_long(),
        why @ Malformed::Syntax(_) => Error::MalformedPolicyDocument(why),
    })
}

fn too_long() -> Error {
    Error::LimitExceeded {
        what: "characters of a policy document, white space not counted,",
        limit: DOCUMENT_CHARS_MAX,
    }
}
