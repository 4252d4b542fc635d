//! Users.

use crate::change::{Stored, named_id};
use crate::epochs::Scope;
use crate::limits::USERS_PER_ACCOUNT_MAX;
use crate::login::without_second_factor;
use crate::paging::{Builder, Walk};
use crate::records::{StoredAuth, StoredInline, StoredKey, StoredRole, StoredUser, attached_key, encode, stamp};
use crate::sessions::end_logins;
use crate::totals;
use crate::{DeleteConflict, Error, Iam, Page, PageRequest, Path, PathPrefix, PersonName, Tags};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_policy::{Authorized, Role, UserFacts};
use baleen_types::{AccountId, Timestamp, UserId, UserName};

/// A user as those see it who manage it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// The customer's account.
    pub account: AccountId,
    /// The id, which stays and is never used again.
    pub id: UserId,
    /// The name, usually an e-mail address.
    pub name: UserName,
    /// The role.
    pub role: Role,
    /// The path.
    pub path: String,
    /// The tags.
    pub tags: Vec<(String, String)>,
    /// The first name, possibly empty.
    pub first_name: String,
    /// The last name, possibly empty.
    pub last_name: String,
    /// How the user logs in.
    pub auth: AuthMethod,
    /// Whether the user has to change the password after the next login.
    pub must_change_password: bool,
    /// When the user was made.
    pub created: Timestamp,
    pub(crate) generation: u32,
    pub(crate) login_generation: u32,
}

impl UserInfo {
    pub(crate) fn new(account: AccountId, id: UserId, stored: &StoredUser) -> Result<Self, Error> {
        Ok(Self {
            account,
            id,
            name: stored.name()?,
            role: stored.role.into(),
            path: stored.path.clone(),
            tags: stored.tags.clone(),
            first_name: stored.first_name.clone(),
            last_name: stored.last_name.clone(),
            auth: stored.auth.into(),
            must_change_password: stored.must_change_password,
            created: Timestamp::from_nanos(stored.created_ns),
            generation: stored.generation,
            login_generation: stored.login_generation,
        })
    }

    /// The user as something that is decided about.
    pub fn facts(&self) -> UserFacts<'_> {
        UserFacts {
            account: self.account,
            name: &self.name,
            path: &self.path,
            found: Some((self.id, self.role)),
        }
    }

    /// The user's ARN; a root's is that of its account.
    pub fn arn(&self) -> String {
        match self.role {
            Role::Root => format!("arn:aws:iam::{}:root", self.account),
            Role::Admin | Role::User => format!("arn:aws:iam::{}:user{}{}", self.account, self.path, self.name),
        }
    }
}

/// How a user logs in (identity contract, RSSetUserAuthMethod).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// With a password of ours.
    Password,
    /// Through the account's identity provider.
    Federated,
}

impl From<StoredAuth> for AuthMethod {
    fn from(stored: StoredAuth) -> Self {
        match stored {
            StoredAuth::Password => Self::Password,
            StoredAuth::Federated => Self::Federated,
        }
    }
}

/// A user to be made. Its role is `user`, and it has no way to log in yet.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The path.
    pub path: Path,
    /// The tags.
    pub tags: Tags,
}

/// What to change of a user; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Another name; the id stays.
    pub name: Option<UserName>,
    /// Another path.
    pub path: Option<Path>,
    /// Another first name.
    pub first_name: Option<PersonName>,
    /// Another last name.
    pub last_name: Option<PersonName>,
    /// Another role, which ends the user's sessions. Never root.
    pub role: Option<Role>,
    /// Takes the second factor away, of who has lost the device. Never the own one.
    pub clears_second_factor: bool,
}

/// How many users an account has, by role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserCounts {
    /// All of them.
    pub users: u64,
    /// Those that are admins.
    pub admins: u64,
    /// Those that are root: one.
    pub roots: u64,
}

impl Iam {
    /// The user of a name, for a door that decides about it. `NoSuchEntity` is for those who may know.
    pub async fn find_user(&self, account: AccountId, name: &UserName) -> Result<UserInfo, Error> {
        let missing = || Error::no_such("user with name", name);
        let view = self.view().await?;
        let id = view.user_id(account, name).await?.ok_or_else(missing)?;
        let stored = view.user(account, id).await?.ok_or_else(missing)?;
        UserInfo::new(account, id, &stored.value)
    }

    /// The user of an id.
    pub async fn get_user(&self, account: AccountId, id: UserId) -> Result<UserInfo, Error> {
        let stored = self.view().await?.known_user(account, id).await?;
        UserInfo::new(account, id, &stored.value)
    }

    /// Makes a user.
    ///
    /// # Errors
    /// `EntityAlreadyExists` when the name is taken, in any case of its letters; `LimitExceeded`.
    pub async fn create_user(&self, by: &Authorized, new: NewUser) -> Result<UserInfo, Error> {
        let account = by.account();
        let mut user = StoredUser::new(new.name.to_string(), StoredRole::User, stamp(self.parts.clock.now()));
        new.path.as_str().clone_into(&mut user.path);
        user.tags = new.tags.into_vec();
        let named = StoredUser::by_name_key(account, &new.name.folded());
        self.tried(|| async {
            let view = self.view().await?;
            if view.bytes(&named).await?.is_some() {
                return Err(Error::exists("user", &new.name));
            }
            if view.counter(&StoredUser::by_name_key(account, "")).await? >= USERS_PER_ACCOUNT_MAX {
                return Err(limit("users of one account", USERS_PER_ACCOUNT_MAX));
            }
            let id = UserId::from_entropy(self.parts.entropy.number());
            let request = insert(account, id, &user)?;
            let made = self.settle(request, &[]).await?.then_some(id);
            Ok(made)
        })
        .await
        .and_then(|id| UserInfo::new(account, id, &user))
    }

    /// The account's users in the order of their names, those whose path begins so.
    pub async fn list_users(
        &self,
        by: &Authorized,
        prefix: &PathPrefix,
        ask: &PageRequest,
    ) -> Result<Page<UserInfo>, Error> {
        let account = by.account();
        let view = self.view().await?;
        let mut walk = Walk::new(&view, StoredUser::by_name_key(account, "")).after(self.place_of(by, ask)?.as_bytes());
        let mut page = Builder::new(ask);
        'page: while let Some(entries) = walk.next().await? {
            let ids: Vec<_> = entries.iter().map(|e| named_id(&e.value)).collect::<Result<_, _>>()?;
            let keys: Vec<_> = ids.iter().map(|id| StoredUser::key(account, *id)).collect();
            let users: Vec<Option<StoredUser>> = view.get_many(&keys).await?;
            for ((entry, id), user) in entries.iter().zip(ids).zip(users) {
                let user = user.ok_or(Error::Damaged("user"))?;
                let item = prefix
                    .is_of(&user.path)
                    .then(|| UserInfo::new(account, id, &user))
                    .transpose()?;
                if !page.offer(walk.place_text(&entry.key)?, item) {
                    break 'page;
                }
            }
        }
        Ok(self.finish_page(by, page))
    }

    /// Changes a user. A new role ends the user's sessions.
    ///
    /// # Errors
    /// `NotAllowed` for the role of root, of oneself, or to be root; `EntityAlreadyExists` when the new name is taken.
    pub async fn update_user(&self, by: &Authorized, id: UserId, change: &UserChange) -> Result<UserInfo, Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, id).await?;
            let mut next = was.value.clone();
            let mut request = Request::new();
            if let Some(name) = &change.name {
                request = request.and(rename(account, id, &was, name)?);
                let new_key = StoredUser::by_name_key(account, &name.folded());
                let taken = name.folded() != was.value.name()?.folded() && view.bytes(&new_key).await?.is_some();
                if taken {
                    return Err(Error::exists("user", name));
                }
                next.name = name.to_string();
            }
            if let Some(path) = &change.path {
                path.as_str().clone_into(&mut next.path);
            }
            if let Some(name) = &change.first_name {
                next.first_name = name.clone().into_string();
            }
            if let Some(name) = &change.last_name {
                next.last_name = name.clone().into_string();
            }
            if let Some(role) = change.role {
                set_role(by, id, &mut next, role)?;
                request = request.and(totals::role_moved(account, was.value.role, Some(next.role)));
            }
            let info = UserInfo::new(account, id, &next)?;
            let mut request = request.and(was.fence(account, id, next)?);
            if change.clears_second_factor {
                if by.user().is_some_and(|user| user.id == id) {
                    return Err(Error::NotAllowed("take your own second factor away with RSDisableTFA"));
                }
                request = request.and(without_second_factor(&view, account, id).await?);
            }
            Ok(self.settle(request, &[Scope::User(account, id)]).await?.then_some(info))
        })
        .await
    }

    /// Changes how a user logs in, which ends what the other way opened. A federated user has no password, second factor
    /// or reset token; back again, one has to be set.
    ///
    /// # Errors
    /// `NotAllowed` for root, which keeps a way in when the identity provider fails.
    pub async fn set_auth_method(&self, by: &Authorized, id: UserId, method: AuthMethod) -> Result<(), Error> {
        let account = by.account();
        let auth = match method {
            AuthMethod::Password => StoredAuth::Password,
            AuthMethod::Federated => StoredAuth::Federated,
        };
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, id).await?;
            if was.value.role == StoredRole::Root {
                return Err(Error::NotAllowed("the root user logs in with a password"));
            }
            if was.value.auth == auth {
                return Ok(Some(()));
            }
            let mut next = was.value.clone();
            next.auth = auth;
            next.must_change_password = auth == StoredAuth::Password;
            let ended = end_logins(&mut next, None)?;
            let request = was
                .fence(account, id, next)?
                .and(ended)
                .and(totals::without_login(&view, account, id).await?);
            Ok(self.settle(request, &[Scope::User(account, id)]).await?.then_some(()))
        })
        .await
    }

    /// Deletes a user; what it could do ends at once. A login profile and API tokens go along.
    ///
    /// # Errors
    /// `DeleteConflict` while the user has keys or policies, for oneself, and for root.
    pub async fn delete_user(&self, by: &Authorized, id: UserId) -> Result<(), Error> {
        let account = by.account();
        if by.user().is_some_and(|user| user.id == id) {
            return Err(DeleteConflict::IsOneself.into());
        }
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, id).await?;
            if was.value.role == StoredRole::Root {
                return Err(DeleteConflict::IsRoot.into());
            }
            for (prefix, why) in [
                (StoredKey::of_user(account, id).finish(), DeleteConflict::HasAccessKeys),
                (attached_key(account, id, ""), DeleteConflict::HasAttachedPolicies),
                (
                    StoredInline::of_user(account, id).finish(),
                    DeleteConflict::HasInlinePolicies,
                ),
            ] {
                if !view.scan(Scan::prefix(&prefix).limit(1).keys_only()).await?.is_empty() {
                    return Err(why.into());
                }
            }
            // They go first, so that a crash leaves a user without tokens and not tokens of nobody. One made meanwhile changes
            // the user, and so brings this back here.
            self.end_tokens(account, id).await?;
            let request = was
                .fence(account, id, StoredUser::tombstone(stamp(self.parts.clock.now())))?
                .delete(StoredUser::by_name_key(account, &was.value.name()?.folded()))
                .add(StoredUser::by_name_key(account, ""), -1)
                .and(totals::role_moved(account, was.value.role, None))
                .and(totals::without_login(&view, account, id).await?);
            Ok(self.settle(request, &[Scope::User(account, id)]).await?.then_some(()))
        })
        .await
    }
}

/// The rows of a new user, whose id and name nobody may have, or have had.
pub(crate) fn insert(account: AccountId, id: UserId, user: &StoredUser) -> Result<Request, Error> {
    let named = StoredUser::by_name_key(account, &user.name()?.folded());
    Ok(Request::new()
        .absent(named.clone())
        .absent(StoredUser::key(account, id))
        .put(named, id.to_string())
        .put(StoredUser::key(account, id), encode(user)?)
        .add(StoredUser::by_name_key(account, ""), 1))
}

/// The change of the index of names.
fn rename(account: AccountId, id: UserId, was: &Stored<StoredUser>, name: &UserName) -> Result<Request, Error> {
    let (old, new) = (was.value.name()?.folded(), name.folded());
    if old == new {
        return Ok(Request::new());
    }
    let new_key = StoredUser::by_name_key(account, &new);
    Ok(Request::new()
        .absent(new_key.clone())
        .delete(StoredUser::by_name_key(account, &old))
        .put(new_key, id.to_string()))
}

fn set_role(by: &Authorized, id: UserId, user: &mut StoredUser, role: Role) -> Result<(), Error> {
    let role = StoredRole::from(role);
    if role == user.role {
        return Ok(());
    }
    if user.role == StoredRole::Root || role == StoredRole::Root {
        return Err(Error::NotAllowed("the role of root can neither be given nor taken"));
    }
    if by.user().is_some_and(|user| user.id == id) {
        return Err(Error::NotAllowed("nobody changes the own role"));
    }
    user.role = role;
    user.generation += 1;
    Ok(())
}

pub(crate) fn limit(what: &'static str, limit: i128) -> Error {
    Error::LimitExceeded {
        what,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    }
}

/// Where the login profile of a user is, which goes along with it.
pub(crate) fn login_profile_key(account: AccountId, user: UserId) -> Vec<u8> {
    login_profiles(account).u64(user.as_u64()).finish()
}

/// The start of all login profiles of an account.
pub(crate) fn login_profiles_of(account: AccountId) -> Vec<u8> {
    login_profiles(account).finish()
}

fn login_profiles(account: AccountId) -> KeyWriter {
    KeyWriter::new(Table::LoginProfile).u64(account.as_u64())
}
