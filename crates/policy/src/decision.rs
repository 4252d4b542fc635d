//! The decision.

use crate::arn::{Arn, ArnText};
use crate::document::{Reach, Verdict};
use crate::rights::{self, Right, Rule, Ruling};
use crate::scene::Scene;
use crate::{
    Action, BucketFacts, Caller, Context, Credential, CustomerFacts, Policy, Principal, Resource, Role, SessionKind,
    TagFamily, User,
};
use baleen_types::{AccountId, Classify, FaultKind};
use std::sync::Arc;

/// A question: may this principal do this action to this resource, in these circumstances?
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For what.
    pub action: Action,
    /// On what.
    pub resource: Resource<'a>,
    /// In which circumstances.
    pub context: &'a Context<'a>,
}

/// The proof that [`authorize`] said yes: needed to run an operation, and built nowhere else.
#[derive(Clone, Debug)]
pub struct Authorized {
    principal: Principal,
    account: AccountId,
    action: Action,
}

impl Authorized {
    /// Who was authorized.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Who was authorized, unless it is nobody.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.principal.caller()
    }

    /// The user that was authorized, unless it is nobody.
    pub fn user(&self) -> Option<&Arc<User>> {
        self.principal.user()
    }

    /// The account that acts: the user's. Nobody, whom a bucket's policy lets in, acts for the bucket's owner.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// What was authorized.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// The answer no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody asked; credentials may help.
    Unauthenticated,
    /// The user is known and may not.
    NotAllowed,
    /// The thing belongs to somebody else; doors which hide other customers' things answer "not found".
    Foreign,
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unauthenticated => "credentials are needed",
            Self::NotAllowed | Self::Foreign => "access denied",
        })
    }
}

impl std::error::Error for Denied {}

impl Classify for Denied {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unauthenticated => FaultKind::Unauthenticated,
            Self::NotAllowed | Self::Foreign => FaultKind::Denied,
        }
    }
}

/// Decides.
///
/// Data is given by policies: within the account by one of the user's or the bucket's, across accounts by both sides; root
/// needs none in its own account. Management is given by the role table. An explicit Deny wins over everything, and what a
/// session is held to bounds everything (identity contract, section 1, "Roles"; identity notes, 2.1). A reseller within a
/// customer has the customer's rights, not its own, as long as it might open the session now (section 2, note f).
///
/// # Errors
/// [`Denied`], which says nothing about whether the resource exists.
pub fn authorize(ask: &Ask<'_>) -> Result<Authorized, Denied> {
    let rule = rights::rule(ask.action);
    if ask.principal.caller().is_some_and(|caller| is_cut(caller, ask.context)) {
        return Err(Denied::NotAllowed);
    }
    let account = match (rule.right, ask.principal) {
        (Right::Policies, _) => data(ask)?,
        (Right::ByItself, _) | (_, Principal::Nobody) => return Err(Denied::Unauthenticated),
        (_, Principal::Known(caller)) => management(ask, caller, rule)?,
    };
    Ok(Authorized {
        principal: ask.principal.clone(),
        account,
        action: ask.action,
    })
}

/// Whether something forbids it, rather than nothing allowing it: an explicit Deny of who asks or of its session, or a
/// password that has to be changed first. For operations which go on to decide about each of many things.
pub fn is_forbidden(ask: &Ask<'_>) -> bool {
    let Some(caller) = ask.principal.caller() else {
        return true;
    };
    let weighed = weigh(ask, Some(caller), Some(caller.user.account), None);
    must_change_password(caller) || weighed.own.denied || weighed.bounds_deny
}

/// Whether the answer may depend on tags of a family, so that a door reads them only where it does.
pub fn looks_at_tags(ask: &Ask<'_>, family: TagFamily) -> bool {
    let caller = ask.principal.caller();
    let own = caller.map(|caller| &caller.policies[..]).unwrap_or_default();
    let bounds = caller.map(|caller| caller.bounds.sets()).unwrap_or_default();
    let bucket = match &ask.resource {
        Resource::Bucket(facts) | Resource::Object(facts, _) => facts.policy,
        _ => None,
    };
    let all = own.iter().chain(bounds.iter().flat_map(|set| &set[..]));
    let mut all = all.map(|policy| &**policy).chain(bucket);
    all.any(|policy| policy.looks_at_tags(ask.action, family))
}

fn management(ask: &Ask<'_>, caller: &Caller, rule: Rule) -> Result<AccountId, Denied> {
    let own = caller.user.account;
    let may_with_old_password = matches!(
        ask.action,
        Action::IamChangePassword | Action::IamRsGetUserInfo | Action::StsGetCallerIdentity
    );
    if must_change_password(caller) && !may_with_old_password {
        return Err(Denied::NotAllowed);
    }
    match rights::ask(caller, rule, &ask.resource) {
        Ruling::Yes => {}
        Ruling::No => return Err(Denied::NotAllowed),
        Ruling::Foreign => return Err(Denied::Foreign),
    }
    // Who one is can always be asked: it works for every valid key (identity contract, section 6).
    if ask.action == Action::StsGetCallerIdentity {
        return Ok(own);
    }
    // Nothing that ends with a switch may leave behind what does not.
    if ask.action == Action::StsAssumeRole && is_reseller(caller) {
        return Err(Denied::NotAllowed);
    }
    let weighed = weigh(ask, Some(caller), Some(own), None);
    if weighed.own.denied || !weighed.in_bounds {
        return Err(Denied::NotAllowed);
    }
    Ok(own)
}

fn data(ask: &Ask<'_>) -> Result<AccountId, Denied> {
    let caller = ask.principal.caller().map(|caller| &**caller);
    let own = caller.map(|caller| caller.user.account);
    if caller.is_some_and(must_change_password) {
        return Err(Denied::NotAllowed);
    }
    let (owner, bucket) = match &ask.resource {
        Resource::OwnAccount => (own, None),
        Resource::Project(project) | Resource::Item { project, .. } => {
            let caller = caller.ok_or(Denied::Unauthenticated)?;
            if *project != caller.user.project {
                return Err(Denied::Foreign);
            }
            (own, None)
        }
        Resource::Bucket(facts) | Resource::Object(facts, _) => place(facts, own),
        // Keys have no policies of their own, and so nothing for other accounts.
        Resource::EncryptionKey(key) => (Some(key.account), None),
        Resource::User(_)
        | Resource::Policy(_)
        | Resource::Customers
        | Resource::Customer(_)
        | Resource::WhitelistRule { .. } => return Err(caller.map_or(Denied::Unauthenticated, |_| Denied::NotAllowed)),
    };
    let mut weighed = weigh(ask, caller, owner, bucket);
    if let Resource::Bucket(facts) | Resource::Object(facts, _) = &ask.resource
        && facts.owner.is_some()
    {
        weighed.bucket.allowed = weighed.bucket.allowed.max(facts.acls.reach(ask.action, caller));
    }
    if let (Resource::EncryptionKey(key), Some(own)) = (&ask.resource, own)
        && key.is_managed
        && key.account == own
    {
        // A session is held to less by what it may do with the object; what names the key itself and denies it counts.
        return if weighed.own.denied || weighed.bounds_deny {
            Err(Denied::NotAllowed)
        } else {
            Ok(own)
        };
    }
    let refused = match own {
        None => Denied::Unauthenticated,
        Some(own) if owner == Some(own) => Denied::NotAllowed,
        Some(_) => Denied::Foreign,
    };
    if weighed.own.denied
        || (weighed.bucket.denied && !may_mend_policy(ask.action, caller, owner))
        || !weighed.in_bounds
    {
        return Err(refused);
    }
    let is_root = caller.is_some_and(|caller| caller.user.role == Role::Root);
    let own_side = is_root || weighed.own.allowed == Reach::Caller;
    let allowed = match own {
        None => weighed.bucket.allowed == Reach::Caller,
        Some(own) if owner == Some(own) => {
            own_side || weighed.bucket.allowed == Reach::Caller || may_mend_policy(ask.action, caller, owner)
        }
        // To name the account is enough across accounts: it leaves the rest to that account's own policies.
        Some(_) => own_side && weighed.bucket.allowed >= Reach::Account,
    };
    if !allowed {
        return Err(refused);
    }
    // A bucket has an owner, and who is proven an account.
    own.or(owner).ok_or(Denied::Unauthenticated)
}

/// Whose a bucket is, and its policy. One that is not there is judged as if it were one's own.
pub(crate) fn place<'a>(facts: &BucketFacts<'a>, own: Option<AccountId>) -> (Option<AccountId>, Option<&'a Policy>) {
    match facts.owner {
        Some(owner) => (Some(owner), facts.policy),
        None => (own, None),
    }
}

/// What all policies together say.
pub(crate) struct Weighed {
    /// The user's own.
    pub(crate) own: Verdict,
    /// The bucket's.
    pub(crate) bucket: Verdict,
    /// Whether each set of bounds allows.
    pub(crate) in_bounds: bool,
    /// Whether one of them denies.
    pub(crate) bounds_deny: bool,
}

fn weigh(ask: &Ask<'_>, caller: Option<&Caller>, owner: Option<AccountId>, bucket: Option<&Policy>) -> Weighed {
    let policies = caller.map(|caller| &caller.policies[..]).unwrap_or_default();
    let bounds = caller.map(|caller| caller.bounds.sets()).unwrap_or_default();
    let mut weighed = Weighed {
        own: Verdict::default(),
        bucket: Verdict::default(),
        in_bounds: true,
        bounds_deny: false,
    };
    if policies.is_empty() && bounds.is_empty() && bucket.is_none() {
        return weighed;
    }
    let text = ArnText::of(&ask.resource, ask.action, caller.map(|caller| caller.user.account));
    let Some(arn) = Arn::parse(text.as_str()) else {
        weighed.in_bounds = false;
        return weighed;
    };
    let scene = Scene {
        caller,
        owner,
        context: ask.context,
    };
    let all = |set: &[Arc<Policy>]| {
        let verdicts = set.iter().map(|policy| policy.verdict(ask.action, &arn, &scene));
        verdicts.fold(Verdict::default(), Verdict::or)
    };
    weighed.own = all(policies);
    weighed.bucket = bucket
        .map(|policy| policy.verdict(ask.action, &arn, &scene))
        .unwrap_or_default();
    for set in bounds {
        let verdict = all(set);
        weighed.in_bounds &= !verdict.denied && verdict.allowed == Reach::Caller;
        weighed.bounds_deny |= verdict.denied;
    }
    weighed
}

/// The owner's root may always get at its bucket's policy, or a mistake in it would be for ever (AWS, PutBucketPolicy).
fn may_mend_policy(action: Action, caller: Option<&Caller>, owner: Option<AccountId>) -> bool {
    let is_policy = matches!(
        action,
        Action::S3GetBucketPolicy | Action::S3PutBucketPolicy | Action::S3DeleteBucketPolicy
    );
    let is_unbounded_root = caller.is_some_and(|caller| {
        let borrowed = matches!(caller.credential, Credential::ApiToken(_)) || is_reseller(caller);
        caller.user.role == Role::Root
            && owner == Some(caller.user.account)
            && caller.bounds.sets().is_empty()
            && !borrowed
    });
    is_policy && is_unbounded_root
}

/// Whether it is a reseller's session which that could not open any more. Asked with each request, and of where and when
/// that comes from, so that a Deny of `sts:RSAssumeCustomerRole`, wide or narrow, ends the session at once.
fn is_cut(caller: &Caller, context: &Context<'_>) -> bool {
    let Some(SessionKind::Reseller { by }) = caller.session().map(|session| &session.kind) else {
        return false;
    };
    let customer = CustomerFacts {
        account: caller.user.account,
        reseller: by.user.account,
    };
    let opens = authorize(&Ask {
        principal: &Principal::Known(Arc::clone(by)),
        action: Action::StsRsAssumeCustomerRole,
        resource: Resource::Customer(customer),
        context,
    });
    opens.is_err()
}

fn must_change_password(caller: &Caller) -> bool {
    caller.session().is_some_and(|session| session.must_change_password)
}

fn is_reseller(caller: &Caller) -> bool {
    caller
        .session()
        .is_some_and(|session| matches!(session.kind, SessionKind::Reseller { .. }))
}

#[cfg(test)]
mod tests;
