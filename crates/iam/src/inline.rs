//! Policies that belong to one user.

use crate::change::View;
use crate::epochs::Scope;
use crate::limits::INLINE_CHARS_PER_USER_MAX;
use crate::policies::check_document;
use crate::records::{StoredInline, decode, encode};
use crate::{Error, Iam, Page, PageRequest, PolicyName, ids};
use baleen_meta::{Entry, Scan};
use baleen_policy::Authorized;
use baleen_types::{AccountId, UserId};

impl Iam {
    /// Gives a user a policy of its own, or changes the one of that name.
    ///
    /// # Errors
    /// `MalformedPolicyDocument`; `LimitExceeded` when all of the user's are more than 2,048 characters together.
    pub async fn put_user_policy(
        &self,
        by: &Authorized,
        user: UserId,
        name: &PolicyName,
        document: &str,
    ) -> Result<(), Error> {
        let account = by.account();
        check_document(document)?;
        let stored = StoredInline {
            id: ids::version_id(&*self.parts.entropy),
            document: document.to_owned(),
        };
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, user).await?;
            let key = StoredInline::key(account, user, name.as_str());
            let mut chars = counted(document);
            for entry in view
                .scan(Scan::prefix(&StoredInline::of_user(account, user).finish()))
                .await?
            {
                if entry.key != key {
                    chars += counted(&decode::<StoredInline>(&entry.value)?.document);
                }
            }
            if chars > INLINE_CHARS_PER_USER_MAX {
                return Err(Error::LimitExceeded {
                    what: "characters of all inline policies of one user, white space not counted,",
                    limit: INLINE_CHARS_PER_USER_MAX,
                });
            }
            let request = was.touch(account, user)?.put(key, encode(&stored)?);
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// The document of a user's own policy, as it was given.
    pub async fn get_user_policy(&self, by: &Authorized, user: UserId, name: &PolicyName) -> Result<String, Error> {
        let view = self.view().await?;
        view.known_user(by.account(), user).await?;
        let found = view
            .get::<StoredInline>(&StoredInline::key(by.account(), user, name.as_str()))
            .await?;
        let found = found.ok_or_else(|| Error::no_such("user policy with name", name))?;
        Ok(found.value.document)
    }

    /// The names of a user's own policies.
    pub async fn list_user_policies(
        &self,
        by: &Authorized,
        user: UserId,
        ask: &PageRequest,
    ) -> Result<Page<String>, Error> {
        let view = self.view().await?;
        view.known_user(by.account(), user).await?;
        let start = StoredInline::of_user(by.account(), user).finish();
        let mut names = Vec::new();
        for entry in view.scan(Scan::prefix(&start).keys_only()).await? {
            let name = std::str::from_utf8(&entry.key[start.len()..]).map_err(|_| Error::Damaged("inline policy"))?;
            names.push((name.to_owned(), name.to_owned()));
        }
        self.page_of(by, ask, names)
    }

    /// Takes a policy of its own from a user; its rights end at once.
    pub async fn delete_user_policy(&self, by: &Authorized, user: UserId, name: &PolicyName) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, user).await?;
            let key = StoredInline::key(account, user, name.as_str());
            if view.bytes(&key).await?.is_none() {
                return Err(Error::no_such("user policy with name", name));
            }
            let request = was.touch(account, user)?.delete(key);
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }
}

impl View {
    /// A user's own policies: names and documents.
    pub(crate) async fn inline(&self, account: AccountId, user: UserId) -> Result<Vec<(String, String)>, Error> {
        let start = StoredInline::of_user(account, user).finish();
        let read = |entry: &Entry| {
            let name = std::str::from_utf8(&entry.key[start.len()..]).map_err(|_| Error::Damaged("inline policy"))?;
            Ok((name.to_owned(), decode::<StoredInline>(&entry.value)?.document))
        };
        self.scan(Scan::prefix(&start)).await?.iter().map(read).collect()
    }
}

fn counted(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}
