//! One question: may who asks do this to that? What is asked about is looked up as far as the decision needs it.

use crate::fault::Fault;
use crate::parts::Parts;
use crate::subject::Subject;
use crate::told::Told;
use baleen_iam::{Error, PolicyArn, PolicyInfo, UserInfo};
use baleen_policy::{
    Action, Ask, Authorized, Context, PolicyFacts, Principal, Resource, TagFamily, User, UserFacts, authorize,
    deciding, judged_arn,
};
use baleen_tenancy::Customer;
use baleen_types::{AccessKeyId, AccountId, RootName, UserName};
use std::sync::Arc;

/// One question, of which only the resource varies.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) principal: &'a Principal,
    pub(crate) permission: Action,
    pub(crate) context: &'a Context<'a>,
    pub(crate) told: &'a Told,
}

impl Question<'_> {
    pub(crate) fn about(&self, resource: Resource<'_>) -> Result<Authorized, Fault> {
        self.about_tagged(resource, std::iter::empty::<(String, String)>())
    }

    /// The same, of a thing that has tags.
    pub(crate) fn about_tagged(
        &self,
        resource: Resource<'_>,
        tags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Authorized, Fault> {
        let ask = Ask {
            principal: self.principal,
            action: self.permission,
            resource,
            context: &self.context.clone().tags(TagFamily::Resource, tags),
        };
        authorize_about(&ask, self.told)
    }

    pub(crate) fn about_user(&self, user: &UserInfo) -> Result<Authorized, Fault> {
        self.about_tagged(Resource::User(user.facts()), user.tags.iter().cloned())
    }

    pub(crate) fn about_oneself(&self, asking: &User) -> Result<Authorized, Fault> {
        let tags = asking
            .tags
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()));
        self.about_tagged(Resource::User(asking.into()), tags)
    }

    /// Decides about a user of the account; `None` is who asks. That there is none is told to who may know.
    pub(crate) async fn user(&self, asking: &User, name: Option<UserName>) -> Result<(Authorized, UserInfo), Fault> {
        let Some(name) = name.filter(|name| *name != asking.name) else {
            let authorized = self.about_oneself(asking)?;
            return Ok((authorized, self.parts.iam.get_user(asking.account, asking.id).await?));
        };
        match self.parts.iam.find_user(asking.account, &name).await {
            Ok(user) => Ok((self.about_user(&user)?, user)),
            Err(missing @ Error::NoSuchEntity { .. }) => {
                self.about(Resource::User(UserFacts::absent(asking.account, &name, "/")))?;
                Err(missing.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn users(&self, asking: &User, names: &[&str]) -> Result<(Authorized, Subject), Fault> {
        if names.is_empty() {
            let (authorized, user) = self.user(asking, None).await?;
            return Ok((authorized, Subject::Users(vec![user])));
        }
        let (mut authorized, mut found) = (None, Vec::with_capacity(names.len()));
        for name in names {
            // What cannot be a name is nobody's, which is the same as unknown here.
            let Ok(name) = UserName::parse(name) else { continue };
            match self.parts.iam.find_user(asking.account, &name).await {
                Ok(user) => {
                    authorized = Some(self.about_user(&user)?);
                    found.push(user);
                }
                Err(Error::NoSuchEntity { .. }) => {
                    authorized = Some(self.about(Resource::User(UserFacts::absent(asking.account, &name, "/")))?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        match authorized {
            Some(authorized) => Ok((authorized, Subject::Users(found))),
            None => Ok((self.about_oneself(asking)?, Subject::Users(found))),
        }
    }

    pub(crate) async fn owner_of_key(&self, asking: &User, id: &AccessKeyId) -> Result<(Authorized, Subject), Fault> {
        let iam = &self.parts.iam;
        match iam.find_access_key(asking.account, id).await {
            Ok(key) => {
                let user = iam.get_user(asking.account, key.user).await?;
                Ok((self.about_user(&user)?, Subject::Key(user, key)))
            }
            Err(missing @ Error::NoSuchEntity { .. }) => {
                self.about(Resource::OwnAccount)?;
                Err(missing.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Decides about the owner of a token. Who manages own tokens alone is asked about as the owner: the service knows which
    /// are, and a token of another is to it as one that is not there.
    pub(crate) async fn owner_of_token(&self, asking: &User, short_id: String) -> Result<(Authorized, Subject), Fault> {
        let iam = &self.parts.iam;
        let authorized = if asking.role.is_manager() {
            let owner = match iam.token_owner(asking.account, &short_id).await {
                Ok(owner) => iam.get_user(asking.account, owner).await,
                Err(error) => Err(error),
            };
            match owner {
                Ok(owner) => self.about_user(&owner)?,
                // No such token, or one whose owner is gone.
                Err(Error::NoSuchEntity { .. }) => self.about(Resource::OwnAccount)?,
                Err(error) => return Err(error.into()),
            }
        } else {
            self.about_oneself(asking)?
        };
        Ok((authorized, Subject::ApiToken(short_id)))
    }

    /// Decides about a customer; `None` is that of who asks. Somebody else's is one that is not there (identity contract,
    /// section 4, RSCustomerDetails), which only who has customers is told.
    pub(crate) async fn customer(
        &self,
        asking: &User,
        name: Option<&RootName>,
    ) -> Result<(Authorized, Subject), Fault> {
        let tenancy = &self.parts.tenancy;
        let found = match name {
            Some(name) => tenancy.by_root_name(name).await?,
            None => tenancy.customer(asking.account).await?,
        };
        self.about_customer(asking, found)
    }

    pub(crate) fn about_customer(
        &self,
        asking: &User,
        found: Option<Arc<Customer>>,
    ) -> Result<(Authorized, Subject), Fault> {
        let own = asking.account;
        if let Some(customer) = found.filter(|customer| customer.account == own || customer.reseller == own) {
            return Ok((
                self.about(Resource::Customer(customer.facts()))?,
                Subject::Customer(customer),
            ));
        }
        self.about(Resource::Customers)?;
        Err(baleen_tenancy::Error::NoSuchCustomer.into())
    }

    /// The same, also by the account's number. A name goes before a number, which might be one.
    pub(crate) async fn customer_or_purged(
        &self,
        asking: &User,
        name: Option<&RootName>,
    ) -> Result<(Authorized, Subject), Fault> {
        let tenancy = &self.parts.tenancy;
        let number = name.filter(|name| name.reseller.is_none());
        let number = number.and_then(|name| AccountId::parse(name.customer.as_str()).ok());
        let (Some(name), Some(number)) = (name, number) else {
            return self.customer(asking, name).await;
        };
        let found = match tenancy.by_root_name(name).await? {
            Some(customer) => Some(customer),
            None => tenancy.customer(number).await?,
        };
        self.about_customer(asking, found)
    }

    /// Decides about a policy, with its tags if it is there.
    pub(crate) async fn policy(&self, asking: &User, arn: &PolicyArn) -> Result<Authorized, Fault> {
        let account = arn.account.unwrap_or(asking.account);
        let is_own = account == asking.account;
        let is_attached = is_own && self.parts.iam.is_attached(account, asking.id, arn).await?;
        if let Some(found) = self.own_policy(asking, arn).await? {
            return self.about_tagged(Resource::Policy(found.facts(is_attached)), found.tags.iter().cloned());
        }
        self.about(Resource::Policy(PolicyFacts {
            account,
            path: arn.path.as_str(),
            name: arn.name.as_str(),
            is_attached,
        }))
    }

    /// The policy of an ARN, if it is of the account that asks and is there.
    pub(crate) async fn own_policy(&self, asking: &User, arn: &PolicyArn) -> Result<Option<PolicyInfo>, Fault> {
        if arn.account.is_some_and(|account| account != asking.account) {
            return Ok(None);
        }
        match self.parts.iam.find_policy(asking.account, arn).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NoSuchEntity { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Decides about one resource; which statement did is told.
pub(crate) fn authorize_about(ask: &Ask<'_>, told: &Told) -> Result<Authorized, Fault> {
    told.judged(judged_arn(ask));
    told.decided_by(deciding(ask));
    Ok(authorize(ask)?)
}
