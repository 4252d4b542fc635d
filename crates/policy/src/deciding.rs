//! Which statement decided, for people who read the audit log.
//!
//! Asked after the decision, and only where it is written down: [`crate::authorize`] itself keeps no account of its reasons, so
//! that a request whose reason nobody reads does not pay for it.

use crate::arn::{Arn, ArnText};
use crate::decision::place;
use crate::document::{DocumentKind, Effect, Reach};
use crate::rights::{self, Right};
use crate::scene::Scene;
use crate::{Ask, Policy, Resource, Role, authorize};

/// The statement that decided: `policy readers, statement 2 (ReadCase17)`, counted from 1, with its `Sid` if it has one.
///
/// `None` when no statement did: nothing allowed it; or the role did, as for root and for all management, which a statement can
/// only deny.
pub fn deciding(ask: &Ask<'_>) -> Option<String> {
    let caller = ask.principal.caller().map(|caller| &**caller);
    let own = caller.map(|caller| caller.user.account);
    let (owner, bucket) = match &ask.resource {
        Resource::Bucket(facts) | Resource::Object(facts, _) => place(facts, own),
        Resource::EncryptionKey(key) => (Some(key.account), None),
        _ => (own, None),
    };
    let text = ArnText::of(&ask.resource, ask.action, own);
    let arn = Arn::parse(text.as_str())?;
    let scene = Scene {
        caller,
        owner,
        context: ask.context,
    };
    let policies = caller.map(|caller| &caller.policies[..]).unwrap_or_default();
    let bounds = caller.map(|caller| caller.bounds.sets()).unwrap_or_default();
    let own_and_bucket = || policies.iter().map(|policy| &**policy).chain(bucket);
    let find = |policy: &Policy, effect: Effect, reaches: Reach| {
        let mut applying = policy.applying(ask.action, &arn, &scene);
        let found = applying.find(|(_, statement, reach)| statement.effect == effect && *reach >= reaches);
        found.map(|(at, statement, _)| shown(policy, at, statement.sid.as_deref()))
    };
    if authorize(ask).is_err() {
        let all = own_and_bucket().chain(bounds.iter().flat_map(|set| set.iter().map(|policy| &**policy)));
        return all
            .into_iter()
            .find_map(|policy| find(policy, Effect::Deny, Reach::Account));
    }
    let by_role = rights::rule(ask.action).right != Right::Policies
        || caller.is_some_and(|caller| caller.user.role == Role::Root && owner == own);
    if by_role {
        return None;
    }
    // Across accounts a bucket's owner may leave it to the other account.
    let reaches = if own.is_none() || owner == own {
        Reach::Caller
    } else {
        Reach::Account
    };
    own_and_bucket().find_map(|policy| find(policy, Effect::Allow, reaches))
}

/// The ARN of what is asked about, as statements are compared with it.
pub fn judged_arn(ask: &Ask<'_>) -> String {
    let own = ask.principal.user().map(|user| user.account);
    ArnText::of(&ask.resource, ask.action, own).as_str().to_owned()
}

fn shown(policy: &Policy, at: usize, sid: Option<&str>) -> String {
    let name = policy.name().unwrap_or(match policy.kind() {
        DocumentKind::Identity => "policy",
        DocumentKind::Bucket => "bucket policy",
        DocumentKind::Session => "session policy",
    });
    match sid {
        Some(sid) => format!("{name}, statement {} ({sid})", at + 1),
        None => format!("{name}, statement {}", at + 1),
    }
}

#[cfg(test)]
mod tests;
