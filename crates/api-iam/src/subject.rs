//! What an action is about: named from its parameters, decided about, and only then looked at more closely.

use crate::circumstances::with_tags;
use crate::fault::{Code, Fault};
use crate::fields::{missing, user_name};
use crate::limits::{ARN, USER_LIST_MAX};
use crate::params::Params;
use crate::parts::Parts;
use crate::question::Question;
use crate::tokens;
use crate::told::Told;
use baleen_iam::{AccessKeyInfo, Path, PolicyArn, PolicyName, UserInfo};
use baleen_policy::{Action, Authorized, Context, Key, PolicyFacts, Principal, Resource, UserFacts};
use baleen_tenancy::Customer;
use baleen_types::{AccessKeyId, AccountId, EmailAddress, RootName, UserName};
use std::sync::Arc;

/// Where the resource of an action comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The account of who asks, as a whole.
    Account,
    /// Who asks.
    Oneself,
    /// The user that `UserName` names.
    User,
    /// The user that `UserName` names, as it is and as `NewUserName` and `NewPath` make it: who may not have a user there must
    /// not move one there.
    MovedUser,
    /// The user that `UserName` names; who asks if none is named.
    UserOrOneself,
    /// The user that `Name` names, or `UserName` (identity contract, 7.18).
    NamedUser,
    /// The users that `UserList` names; who asks if none is named. Unknown ones are left out.
    Users,
    /// The user whose ARN `PolicySourceArn` is.
    UserOfArn,
    /// A user that is to be made, by the name in `UserName`.
    NewUser,
    /// The owner of the access key that `AccessKeyId` names.
    OwnerOfKey,
    /// The user that `UserName` names; if none is named, everybody for who manages users, else who asks.
    OwnersOfTokens,
    /// The owner of the API token that `ApiTokenId` names.
    OwnerOfToken,
    /// A policy that is to be made, by the name in `PolicyName`.
    NewPolicy,
    /// The policy that `PolicyArn` names.
    Policy,
    /// The user that `UserName` names, and the policy that `PolicyArn` names.
    UserAndPolicy,
    /// All customers of the asking reseller.
    Customers,
    /// The customer that `CustomerName` names, with or without its reseller before it.
    Customer,
    /// The customer that `Customer` names; that of who asks if none is named.
    CustomerOrOwn,
    /// The same, which may also be named by the number of its account: a purged one has no name any more.
    PurgedCustomerOrOwn,
}

/// What was decided about.
pub(crate) enum Subject {
    /// The account of who asks.
    Account,
    /// A user.
    User(UserInfo),
    /// Several users.
    Users(Vec<UserInfo>),
    /// A name that is to become a user, and its path as it was judged.
    NewUser(UserName, Path),
    /// A user and one of its access keys.
    Key(UserInfo, AccessKeyInfo),
    /// An API token by its first digits, which need not exist.
    ApiToken(String),
    /// A name that is to become a policy, and its path as it was judged.
    NewPolicy(PolicyName, Path),
    /// A policy of the account, which need not exist.
    Policy(PolicyArn),
    /// A user, and a policy which need not exist.
    UserAndPolicy(UserInfo, PolicyArn),
    /// All customers of the asking reseller.
    Customers,
    /// One customer.
    Customer(Arc<Customer>),
}

impl Extent {
    /// Names the resource, decides, and says what it is.
    pub(crate) async fn decide(
        self,
        parts: &Parts,
        principal: &Principal,
        permission: Action,
        context: &Context<'_>,
        (params, told): (&Params, &Told),
    ) -> Result<(Authorized, Subject), Fault> {
        let asking = principal.user().ok_or(baleen_policy::Denied::Unauthenticated)?;
        let context = &with_tags(context, permission, params)?;
        let asked = Question {
            parts,
            principal,
            permission,
            context,
            told,
        };
        match self {
            Self::Account => Ok((asked.about(Resource::OwnAccount)?, Subject::Account)),
            Self::Oneself => asked.user(asking, None).await.map(wrap_user),
            Self::User => {
                let name = params.get("UserName").ok_or_else(|| missing("UserName"))?;
                asked
                    .user(asking, Some(user_name("UserName", name)?))
                    .await
                    .map(wrap_user)
            }
            Self::UserOrOneself => {
                let name = params
                    .get("UserName")
                    .map(|text| user_name("UserName", text))
                    .transpose()?;
                asked.user(asking, name).await.map(wrap_user)
            }
            Self::NamedUser => {
                let (parameter, text) = params.either("Name", "UserName")?;
                let name = user_name(parameter, text.ok_or_else(|| missing(parameter))?)?;
                asked.user(asking, Some(name)).await.map(wrap_user)
            }
            Self::Users => asked.users(asking, &params.members("UserList", USER_LIST_MAX)?).await,
            Self::UserOfArn => {
                let arn = params.required("PolicySourceArn", &ARN)?;
                let (account, name) = user_of_arn(arn)?;
                if account != asking.account {
                    return Err(Fault::access_denied());
                }
                let (authorized, user) = asked.user(asking, Some(name)).await?;
                if user.arn() != arn {
                    let message = "There is no user of this ARN: the path or the spelling of the name is another.";
                    return Err(Fault::new(Code::NoSuchEntity, message));
                }
                Ok((authorized, Subject::User(user)))
            }
            Self::MovedUser => {
                let name = params.get("UserName").ok_or_else(|| missing("UserName"))?;
                let (authorized, user) = asked.user(asking, Some(user_name("UserName", name)?)).await?;
                let mut moved = user.clone();
                if let Some(name) = params.parsed("NewUserName", EmailAddress::parse)? {
                    moved.name = name.as_user_name().clone();
                }
                if let Some(path) = params.parsed("NewPath", Path::parse)? {
                    path.as_str().clone_into(&mut moved.path);
                }
                asked.about_user(&moved)?;
                Ok((authorized, Subject::User(user)))
            }
            Self::NewUser => {
                let name = params.get("UserName").ok_or_else(|| missing("UserName"))?;
                let name = user_name("UserName", name)?;
                let path = new_path(params)?;
                let absent = UserFacts::absent(asking.account, &name, path.as_str());
                Ok((asked.about(Resource::User(absent))?, Subject::NewUser(name, path)))
            }
            Self::OwnerOfKey => {
                asked
                    .owner_of_key(asking, &params.typed("AccessKeyId", AccessKeyId::parse)?)
                    .await
            }
            Self::OwnersOfTokens => match params.get("UserName") {
                Some(name) => asked
                    .user(asking, Some(user_name("UserName", name)?))
                    .await
                    .map(wrap_user),
                None if asking.role.is_manager() => Ok((asked.about(Resource::OwnAccount)?, Subject::Account)),
                None => asked.user(asking, None).await.map(wrap_user),
            },
            Self::OwnerOfToken => {
                asked
                    .owner_of_token(asking, params.typed("ApiTokenId", tokens::short_id)?)
                    .await
            }
            Self::NewPolicy => {
                let name = params.typed("PolicyName", PolicyName::parse)?;
                let path = new_path(params)?;
                let facts = PolicyFacts {
                    account: asking.account,
                    path: path.as_str(),
                    name: name.as_str(),
                    is_attached: false,
                };
                Ok((asked.about(Resource::Policy(facts))?, Subject::NewPolicy(name, path)))
            }
            Self::Policy => {
                let arn = policy_arn(params)?;
                let authorized = asked.policy(asking, &arn).await?;
                Ok((authorized, Subject::Policy(arn)))
            }
            Self::UserAndPolicy => {
                let name = params.get("UserName").ok_or_else(|| missing("UserName"))?;
                let name = user_name("UserName", name)?;
                let arn = policy_arn(params)?;
                if arn.account.is_some_and(|account| account != asking.account) {
                    return Err(Fault::access_denied());
                }
                let attached = asked.own_policy(asking, &arn).await?.map(|policy| policy.arn());
                let attached = attached.unwrap_or_else(|| arn.in_account(asking.account));
                let context = &context.clone().with(Key::IamPolicyArn, Some(attached));
                let (authorized, user) = Question { context, ..asked }.user(asking, Some(name)).await?;
                Ok((authorized, Subject::UserAndPolicy(user, arn)))
            }
            Self::Customers => Ok((asked.about(Resource::Customers)?, Subject::Customers)),
            Self::Customer => {
                let name = params.typed("CustomerName", RootName::parse)?;
                asked.customer(asking, Some(&name)).await
            }
            Self::CustomerOrOwn | Self::PurgedCustomerOrOwn => {
                let given = params.get("Customer").filter(|text| !text.is_empty());
                let name = given.map(|_| params.typed("Customer", RootName::parse)).transpose()?;
                match self {
                    Self::PurgedCustomerOrOwn => asked.customer_or_purged(asking, name.as_ref()).await,
                    _ => asked.customer(asking, name.as_ref()).await,
                }
            }
        }
    }
}

fn wrap_user((authorized, user): (Authorized, UserInfo)) -> (Authorized, Subject) {
    (authorized, Subject::User(user))
}

/// Account and name in the ARN of a user. Root's is refused: no policy counts for root.
fn user_of_arn(arn: &str) -> Result<(AccountId, UserName), Fault> {
    let wrong = || Fault::invalid_input("PolicySourceArn must read arn:aws:iam::<account>:user/<name>.");
    let rest = arn.strip_prefix("arn:aws:iam::").ok_or_else(wrong)?;
    let (account, path) = rest.split_once(":user/").ok_or_else(wrong)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok((
        AccountId::parse(account).map_err(|_| wrong())?,
        UserName::parse(name).map_err(|_| wrong())?,
    ))
}

/// The path of what is to be made. Read here alone, so that what is decided about is what is made.
fn new_path(params: &Params) -> Result<Path, Fault> {
    Ok(params.parsed("Path", Path::parse)?.unwrap_or_default())
}

/// The policy that a request names.
fn policy_arn(params: &Params) -> Result<PolicyArn, Fault> {
    let text = params.required("PolicyArn", &ARN)?;
    PolicyArn::parse(text).map_err(|_| {
        Fault::invalid_input("PolicyArn must read arn:aws:iam::<account>:policy/<name>, with the path before the name.")
    })
}
