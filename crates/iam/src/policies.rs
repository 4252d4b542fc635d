//! Managed policies and their versions.

use crate::change::{Stored, View};
use crate::epochs::Scope;
use crate::limits::{DOCUMENT_BYTES_MAX, POLICIES_PER_ACCOUNT_MAX, VERSIONS_PER_POLICY_MAX};
use crate::paging::{Builder, Walk};
use crate::records::{StoredPolicy, StoredVersion, attached_key, attachments_key, decode, encode, stamp};
use crate::users::{limit, merge_tags, without_tags};
use crate::values::check_tag_key;
use crate::{
    DeleteConflict, Description, Error, Iam, Page, PageRequest, Path, PathPrefix, PolicyArn, PolicyName, Tags, ids,
};
use baleen_meta::keys::KeyReader;
use baleen_meta::keys::Table;
use baleen_meta::{Request, Scan};
use baleen_policy::limits::DOCUMENT_CHARS_MAX;
use baleen_policy::{Authorized, DocumentKind, Malformed, Policy, PolicyFacts};
use baleen_types::{AccountId, Invalid, Timestamp, UserId};

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

/// The number of a version: `v1`, `v2`, …, never used again in one policy.
///
/// ```
/// use baleen_iam::VersionNumber;
/// assert_eq!(VersionNumber::parse("v12").unwrap().to_string(), "v12");
/// assert!(VersionNumber::parse("v01").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionNumber(pub(crate) u32);

impl VersionNumber {
    /// Reads `v` and a number.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let number = text
            .strip_prefix('v')
            .filter(|n| n.starts_with(|c: char| ('1'..='9').contains(&c)));
        let number = number.filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        number
            .and_then(|n| n.parse().ok())
            .map(Self)
            .ok_or_else(|| Invalid::new("VersionId", "v1, v2 and so on are expected"))
    }
}

impl std::fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number.
    pub number: VersionNumber,
    /// Whether it is the one in force.
    pub is_default: bool,
    /// When it was made.
    pub created: Timestamp,
    /// The document as it was given.
    pub document: String,
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
        let view = self.view().await?;
        let stored = view.policy(account, arn).await?.value;
        view.policy_info(account, stored).await
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
        'page: loop {
            let entries = walk.next().await?;
            if entries.is_empty() {
                break;
            }
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

    /// Makes a further version; as the default one it is in force at once for all it is attached to.
    ///
    /// # Errors
    /// `LimitExceeded` when there are five; `MalformedPolicyDocument`.
    pub async fn create_policy_version(
        &self,
        by: &Authorized,
        arn: &PolicyArn,
        document: &str,
        set_default: bool,
    ) -> Result<VersionInfo, Error> {
        let account = by.account();
        check_document(document)?;
        let version = self.new_version(document);
        let number = self
            .tried(|| async {
                let view = self.view().await?;
                let was = view.policy(account, arn).await?;
                let held = Scan::prefix(&StoredVersion::of_policy(account, &was.value)?.finish());
                if view.scan(held.keys_only()).await?.len() >= VERSIONS_PER_POLICY_MAX {
                    return Err(Error::LimitExceeded {
                        what: "versions of one policy",
                        limit: VERSIONS_PER_POLICY_MAX,
                    });
                }
                let mut next = was.value.clone();
                next.newest_version = next.newest_version.checked_add(1).ok_or(Error::Damaged("policy"))?;
                if set_default {
                    next.default_version = next.newest_version;
                    next.updated_ns = version.created_ns;
                }
                let number = next.newest_version;
                let key = StoredVersion::key(account, &next, number)?;
                let request = was.fence_policy(account, next)?.put(key, encode(&version)?);
                Ok(self
                    .settle(request, &[Scope::Account(account)])
                    .await?
                    .then_some(number))
            })
            .await?;
        Ok(VersionInfo::new(number, set_default, version))
    }

    /// Puts another version in force.
    ///
    /// # Errors
    /// `NoSuchEntity` when there is no such version.
    pub async fn set_default_version(
        &self,
        by: &Authorized,
        arn: &PolicyArn,
        number: VersionNumber,
    ) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.policy(account, arn).await?;
            view.version(account, &was.value, number).await?;
            let mut next = was.value.clone();
            next.default_version = number.0;
            next.updated_ns = stamp(self.parts.clock.now());
            let request = was.fence_policy(account, next)?;
            Ok(self.settle(request, &[Scope::Account(account)]).await?.then_some(()))
        })
        .await
    }

    /// One version with its document.
    pub async fn get_policy_version(
        &self,
        account: AccountId,
        arn: &PolicyArn,
        number: VersionNumber,
    ) -> Result<VersionInfo, Error> {
        let view = self.view().await?;
        let policy = view.policy(account, arn).await?.value;
        let version = view.version(account, &policy, number).await?;
        Ok(VersionInfo::new(number.0, number.0 == policy.default_version, version))
    }

    /// The versions of a policy, the oldest first.
    pub async fn list_policy_versions(
        &self,
        by: &Authorized,
        arn: &PolicyArn,
        ask: &PageRequest,
    ) -> Result<Page<VersionInfo>, Error> {
        let account = by.account();
        let view = self.view().await?;
        let policy = view.policy(account, arn).await?.value;
        let mut versions = Vec::new();
        for entry in view
            .scan(Scan::prefix(&StoredVersion::of_policy(account, &policy)?.finish()))
            .await?
        {
            let mut reader = KeyReader::new(&entry.key, Table::PolicyVersion).map_err(Error::Meta)?;
            let number = reader
                .u64()
                .and_then(|_| reader.fixed::<21>())
                .and_then(|_| reader.u32())
                .map_err(Error::Meta)?;
            let version = VersionInfo::new(number, number == policy.default_version, decode(&entry.value)?);
            versions.push((format!("{number:010}"), version));
        }
        self.page_of(by, ask, versions)
    }

    /// Deletes a version that is not in force.
    ///
    /// # Errors
    /// `DeleteConflict` for the default version.
    pub async fn delete_policy_version(
        &self,
        by: &Authorized,
        arn: &PolicyArn,
        number: VersionNumber,
    ) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.policy(account, arn).await?;
            view.version(account, &was.value, number).await?;
            if was.value.default_version == number.0 {
                return Err(DeleteConflict::IsDefaultVersion.into());
            }
            let key = StoredVersion::key(account, &was.value, number.0)?;
            let request = was.fence_policy(account, was.value.clone())?.delete(key);
            Ok(self.settle(request, &[]).await?.then_some(()))
        })
        .await
    }

    /// Deletes a policy that is attached to nobody and has no version but the one in force.
    ///
    /// # Errors
    /// `DeleteConflict`.
    pub async fn delete_policy(&self, by: &Authorized, arn: &PolicyArn) -> Result<(), Error> {
        let account = by.account();
        let folded = arn.name.folded();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.policy(account, arn).await?;
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

    fn new_version(&self, document: &str) -> StoredVersion {
        StoredVersion {
            id: ids::version_id(&*self.parts.entropy),
            document: document.to_owned(),
            created_ns: stamp(self.parts.clock.now()),
        }
    }
}

impl VersionInfo {
    fn new(number: u32, is_default: bool, stored: StoredVersion) -> Self {
        Self {
            number: VersionNumber(number),
            is_default,
            created: Timestamp::from_nanos(stored.created_ns),
            document: stored.document,
        }
    }
}

impl Stored<StoredPolicy> {
    /// Requires the policy as it was read, and writes it as `next`.
    fn fence_policy(&self, account: AccountId, mut next: StoredPolicy) -> Result<Request, Error> {
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

    async fn policy_info(&self, account: AccountId, stored: StoredPolicy) -> Result<PolicyInfo, Error> {
        let attachments = attachments_key(account, &stored.name.to_ascii_lowercase());
        Ok(PolicyInfo::new(account, stored, self.counter(&attachments).await?))
    }

    async fn version(
        &self,
        account: AccountId,
        policy: &StoredPolicy,
        number: VersionNumber,
    ) -> Result<StoredVersion, Error> {
        let found: Option<Stored<StoredVersion>> = self.get(&StoredVersion::key(account, policy, number.0)?).await?;
        let found = found.ok_or_else(|| Error::no_such("policy version", &format!("{number} of {}", policy.name)))?;
        Ok(found.value)
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
