//! An account at a glance: its users and policies with all that hangs from them, and how many of what there are.

use crate::change::{View, named_id};
use crate::limits::DETAILS_BYTES_MAX;
use crate::paging::{Builder, Walk};
use crate::records::{StoredConnection, StoredKey, StoredPolicy, StoredUser, decode};
use crate::{AttachedPolicy, Error, Iam, LoginState, Page, PageRequest, PolicyInfo, UserInfo, VersionInfo};
use baleen_meta::Scan;
use baleen_policy::Authorized;
use baleen_types::AccountId;

/// A user or a policy, with what hangs from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A user.
    User(UserDetail),
    /// A managed policy.
    Policy(PolicyDetail),
}

/// A user with its policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDetail {
    /// The user.
    pub user: UserInfo,
    /// Names and documents of its own policies.
    pub inline: Vec<(String, String)>,
    /// The managed policies attached to it.
    pub attached: Vec<AttachedPolicy>,
}

/// A managed policy with its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDetail {
    /// The policy.
    pub policy: PolicyInfo,
    /// Its versions with their documents, the oldest first.
    pub versions: Vec<VersionInfo>,
}

/// Which details are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailFilter {
    /// Users.
    pub users: bool,
    /// Managed policies.
    pub policies: bool,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountCounts {
    /// Users.
    pub users: u64,
    /// Managed policies.
    pub policies: u64,
    /// Users with a second factor.
    pub second_factors: u64,
    /// Access keys of root.
    pub root_keys: u64,
    /// How root logs in.
    pub root_login: LoginState,
    /// Whether there is an identity provider.
    pub has_provider: bool,
}

/// What a page's place begins with: users come before policies.
const USERS: &str = "u/";
const POLICIES: &str = "p/";

impl Iam {
    /// The account's users and then its managed policies, each in the order of their names, with what hangs from them. A page
    /// is of one moment, and short when its documents are long.
    pub async fn account_details(
        &self,
        by: &Authorized,
        filter: DetailFilter,
        ask: &PageRequest,
    ) -> Result<Page<Detail>, Error> {
        let account = by.account();
        let place = self.place_of(by, ask)?;
        let view = self.view().await?;
        let mut page = Budget {
            page: Builder::new(ask),
            bytes: 0,
        };
        let behind = place.strip_prefix(POLICIES);
        let mut goes_on = true;
        if filter.users && behind.is_none() {
            let after = place.strip_prefix(USERS).unwrap_or_default();
            goes_on = view.offer_users(account, after, &mut page).await?;
        }
        if filter.policies && goes_on {
            view.offer_policies(account, behind.unwrap_or_default(), &mut page)
                .await?;
        }
        Ok(self.finish_page(by, page.page))
    }

    /// Counts what an account has.
    pub async fn count_account(&self, account: AccountId) -> Result<AccountCounts, Error> {
        let root = self.root_of(account).await?;
        let view = self.view().await?;
        let whole = |sum: i128| u64::try_from(sum).unwrap_or(0);
        let keys = Scan::prefix(&StoredKey::of_user(account, root.id).finish()).keys_only();
        Ok(AccountCounts {
            users: whole(view.counter(&StoredUser::by_name_key(account, "")).await?),
            policies: whole(view.counter(&StoredPolicy::key(account, "")).await?),
            root_keys: view.scan(keys).await?.len() as u64,
            second_factors: self.count_logins(account).await?.second_factors,
            root_login: self.login_state(account, root.id).await?,
            has_provider: view.bytes(&StoredConnection::key(account)).await?.is_some(),
        })
    }
}

/// A page that also ends when its documents come to too many bytes.
struct Budget {
    page: Builder<Detail>,
    bytes: usize,
}

impl Budget {
    /// Takes the entry at a place; tells whether to go on.
    fn offer(&mut self, place: &str, item: Detail) -> bool {
        if self.bytes >= DETAILS_BYTES_MAX {
            self.page.cut();
            return false;
        }
        self.bytes += item.document_bytes();
        self.page.offer(place, Some(item))
    }
}

impl Detail {
    fn document_bytes(&self) -> usize {
        match self {
            Self::User(detail) => detail.inline.iter().map(|(_, document)| document.len()).sum(),
            Self::Policy(detail) => detail.versions.iter().map(|version| version.document.len()).sum(),
        }
    }
}

impl View {
    async fn offer_users(&self, account: AccountId, after: &str, page: &mut Budget) -> Result<bool, Error> {
        let mut walk = Walk::new(self, StoredUser::by_name_key(account, "")).after(after.as_bytes());
        while let Some(entries) = walk.next().await? {
            for entry in &entries {
                let id = named_id(&entry.value)?;
                let user = UserInfo::new(account, id, &self.known_user(account, id).await?.value)?;
                let attached = self.attached(account, id).await?.into_iter();
                let detail = UserDetail {
                    user,
                    inline: self.inline(account, id).await?,
                    attached: attached
                        .map(|(_, policy)| AttachedPolicy::new(account, policy))
                        .collect(),
                };
                let place = format!("{USERS}{}", walk.place_text(&entry.key)?);
                if !page.offer(&place, Detail::User(detail)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn offer_policies(&self, account: AccountId, after: &str, page: &mut Budget) -> Result<(), Error> {
        let mut walk = Walk::new(self, StoredPolicy::key(account, "")).after(after.as_bytes());
        while let Some(entries) = walk.next().await? {
            for entry in &entries {
                let stored: StoredPolicy = decode(&entry.value)?;
                let detail = PolicyDetail {
                    versions: self.versions(account, &stored).await?,
                    policy: self.policy_info(account, stored).await?,
                };
                let place = format!("{POLICIES}{}", walk.place_text(&entry.key)?);
                if !page.offer(&place, Detail::Policy(detail)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
