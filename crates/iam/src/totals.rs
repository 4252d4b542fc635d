//! What an account's users come to, kept in the commits that change it: who asks for it must not have a hundred thousand users
//! read, as often as they like.
//!
//! An account that was made before totals were kept has no mark of theirs, and is counted by reading.

use crate::change::View;
use crate::change::named_id;
use crate::login::{LoginCounts, StoredLogin};
use crate::paging::Walk;
use crate::records::{StoredRole, StoredUser, decode, encode};
use crate::users::{UserCounts, login_profile_key, login_profiles_of};
use crate::{Error, Iam};
use baleen_meta::Request;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_types::{AccountId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What is kept of an account, each in a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Total {
    /// A counter.
    Admins,
    /// A counter.
    SecondFactors,
    /// When any user logged in last, deleted ones too. Written without a look at what is there, so that logins do not wait for
    /// each other.
    LastLogin,
    /// That the others have been kept since the account was made.
    Mark,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredLastLogin {
    at_ns: i64,
}
first_version!(StoredLastLogin, "last login");

impl Total {
    fn key(self, account: AccountId) -> Vec<u8> {
        let name = match self {
            Self::Admins => "admins",
            Self::SecondFactors => "second-factors",
            Self::LastLogin => "last-login",
            Self::Mark => "kept",
        };
        KeyWriter::new(Table::UserTotal).u64(account.as_u64()).tail(name)
    }

    fn moved(self, account: AccountId, was: bool, is: bool) -> Request {
        match i64::from(is) - i64::from(was) {
            0 => Request::new(),
            by => Request::new().add(self.key(account), by),
        }
    }
}

/// Begins the totals of a new account: a part of the change that makes it.
pub(crate) fn begin(account: AccountId) -> Request {
    Request::new().put(Total::Mark.key(account), "")
}

/// What a user's role changes of the totals.
pub(crate) fn role_moved(account: AccountId, was: StoredRole, is: Option<StoredRole>) -> Request {
    let is_admin = |role| role == StoredRole::Admin;
    Total::Admins.moved(account, is_admin(was), is.is_some_and(is_admin))
}

/// What another login record changes of the totals.
pub(crate) fn login_moved(account: AccountId, was: Option<&StoredLogin>, is: &StoredLogin) -> Result<Request, Error> {
    let had_one = was.is_some_and(|login| login.totp.is_some());
    let request = Total::SecondFactors.moved(account, had_one, is.totp.is_some());
    match is
        .last_login_ns
        .filter(|at| was.and_then(|login| login.last_login_ns) != Some(*at))
    {
        None => Ok(request),
        Some(at_ns) => Ok(request.put(Total::LastLogin.key(account), encode(&StoredLastLogin { at_ns })?)),
    }
}

/// Takes the login record of a user away as it is, also a damaged one.
pub(crate) async fn without_login(view: &View, account: AccountId, id: UserId) -> Result<Request, Error> {
    let key = login_profile_key(account, id);
    let Some(bytes) = view.bytes(&key).await? else {
        return Ok(Request::new().absent(key));
    };
    let had_one = decode::<StoredLogin>(&bytes).is_ok_and(|login| login.totp.is_some());
    let request = Request::new().unchanged(key.clone(), Some(bytes)).delete(key);
    Ok(request.and(Total::SecondFactors.moved(account, had_one, false)))
}

impl Iam {
    /// How many users an account has.
    pub async fn count_users(&self, account: AccountId) -> Result<UserCounts, Error> {
        let view = self.view().await?;
        if !view.keeps_totals(account).await? {
            return view.read_users(account).await;
        }
        Ok(UserCounts {
            users: whole(view.counter(&StoredUser::by_name_key(account, "")).await?),
            admins: whole(view.counter(&Total::Admins.key(account)).await?),
            roots: view.root_id(account).await?.is_some().into(),
        })
    }

    /// What the logins of an account's users come to.
    pub async fn count_logins(&self, account: AccountId) -> Result<LoginCounts, Error> {
        let view = self.view().await?;
        if !view.keeps_totals(account).await? {
            return view.read_logins(account).await;
        }
        let last = view.get::<StoredLastLogin>(&Total::LastLogin.key(account)).await?;
        Ok(LoginCounts {
            last: last.map(|last| Timestamp::from_nanos(last.value.at_ns)),
            second_factors: whole(view.counter(&Total::SecondFactors.key(account)).await?),
        })
    }
}

impl View {
    async fn keeps_totals(&self, account: AccountId) -> Result<bool, Error> {
        Ok(self.bytes(&Total::Mark.key(account)).await?.is_some())
    }

    async fn read_users(&self, account: AccountId) -> Result<UserCounts, Error> {
        let mut walk = Walk::new(self, StoredUser::by_name_key(account, ""));
        let mut counts = UserCounts::default();
        while let Some(entries) = walk.next().await? {
            let key = |value: &[u8]| named_id(value).map(|id| StoredUser::key(account, id));
            let keys: Vec<_> = entries.iter().map(|e| key(&e.value)).collect::<Result<_, _>>()?;
            for user in self.get_many::<StoredUser>(&keys).await?.into_iter().flatten() {
                counts.users += 1;
                counts.admins += u64::from(user.role == StoredRole::Admin);
                counts.roots += u64::from(user.role == StoredRole::Root);
            }
        }
        Ok(counts)
    }

    async fn read_logins(&self, account: AccountId) -> Result<LoginCounts, Error> {
        let mut walk = Walk::new(self, login_profiles_of(account));
        let mut counts = LoginCounts::default();
        while let Some(entries) = walk.next().await? {
            for entry in entries {
                let stored: StoredLogin = decode(&entry.value)?;
                counts.last = counts.last.max(stored.last_login_ns.map(Timestamp::from_nanos));
                counts.second_factors += u64::from(stored.totp.is_some());
            }
        }
        Ok(counts)
    }
}

fn whole(sum: i128) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// That what is kept is what reading comes to; gives it.
    pub(crate) async fn checked(iam: &Iam, account: AccountId) -> (u64, u64, u64) {
        let view = iam.view().await.unwrap();
        assert!(view.keeps_totals(account).await.unwrap());
        let (users, logins) = (
            iam.count_users(account).await.unwrap(),
            iam.count_logins(account).await.unwrap(),
        );
        assert_eq!(users, view.read_users(account).await.unwrap());
        let read = view.read_logins(account).await.unwrap();
        assert_eq!(logins.second_factors, read.second_factors);
        assert!(logins.last >= read.last);
        (users.users, users.admins, logins.second_factors)
    }

    /// Makes an account one of before.
    pub(crate) fn forget(account: AccountId) -> Request {
        Request::new().delete(Total::Mark.key(account))
    }
}
