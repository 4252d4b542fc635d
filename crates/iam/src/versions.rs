//! The versions of managed policies: their documents, one of which is in force.

use crate::change::{Stored, View};
use crate::epochs::Scope;
use crate::limits::VERSIONS_PER_POLICY_MAX;
use crate::policies::check_document;
use crate::records::{StoredPolicy, StoredVersion, decode, encode, stamp};
use crate::{DeleteConflict, Error, Iam, Page, PageRequest, PolicyArn, ids};
use baleen_meta::keys::{KeyReader, Table};
use baleen_meta::{Entry, Scan};
use baleen_policy::Authorized;
use baleen_types::{AccountId, Invalid, Timestamp};

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

impl Iam {
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
                let (view, was) = self.open_policy(account, arn).await?;
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
            let (view, was) = self.open_policy(account, arn).await?;
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
        let (view, policy) = self.open_policy(account, arn).await?;
        let policy = policy.value;
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
        let (view, policy) = self.open_policy(account, arn).await?;
        let policy = policy.value;
        let versions = view.versions(account, &policy).await?.into_iter();
        let placed = versions.map(|version| (format!("{:010}", version.number.0), version));
        self.page_of(by, ask, placed)
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
            let (view, was) = self.open_policy(account, arn).await?;
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

    pub(crate) fn new_version(&self, document: &str) -> StoredVersion {
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

impl View {
    /// The versions of a policy, the oldest first.
    pub(crate) async fn versions(&self, account: AccountId, policy: &StoredPolicy) -> Result<Vec<VersionInfo>, Error> {
        let start = StoredVersion::of_policy(account, policy)?.finish();
        let read = |entry: &Entry| {
            let mut reader = KeyReader::new(&entry.key, Table::PolicyVersion).map_err(Error::Meta)?;
            let number = reader
                .u64()
                .and_then(|_| reader.fixed::<21>())
                .and_then(|_| reader.u32())
                .map_err(Error::Meta)?;
            let is_default = number == policy.default_version;
            Ok(VersionInfo::new(number, is_default, decode(&entry.value)?))
        };
        self.scan(Scan::prefix(&start)).await?.iter().map(read).collect()
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
