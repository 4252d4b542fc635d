//! What policies would say, and which of their statements say it: for people who ask why.
//!
//! The same statements are judged by the same code as in [`crate::authorize`]; only who asks, on what and in which
//! circumstances is made up. Roles and credentials are left out: this is about documents (AWS, SimulateCustomPolicy).

use crate::arn::Arn;
use crate::document::{Effect, Reach};
use crate::scene::{Found, Scene};
use crate::{Action, Bounds, Caller, Context, KeyRef, Policy, Role};
use baleen_types::AccountId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A made-up question.
#[derive(Clone, Copy, Debug)]
pub struct Simulation<'a> {
    /// The policies of who would ask.
    pub policies: &'a [Arc<Policy>],
    /// What a session would be held to.
    pub bounds: &'a Bounds,
    /// The policy of the bucket.
    pub bucket: Option<&'a Policy>,
    /// Who would ask; of it, the user counts, and not its policies.
    pub caller: Option<&'a Caller>,
    /// Whose the resource would be; `None` for the caller's.
    pub owner: Option<AccountId>,
    /// For what.
    pub action: Action,
    /// On what: an ARN, or `*`.
    pub resource: &'a str,
    /// In which circumstances; see [`Context::pretending`].
    pub context: &'a Context<'a>,
}

/// The answer to a made-up question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allowed,
    /// A statement denies.
    ExplicitDeny,
    /// Nothing allows.
    ImplicitDeny,
}

/// Which list of documents a statement is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// [`Simulation::policies`], by position.
    Policy(usize),
    /// [`Simulation::bounds`]: the set and the position in it.
    Bound {
        /// The set.
        set: usize,
        /// The position.
        at: usize,
    },
    /// [`Simulation::bucket`].
    Bucket,
}

/// A statement which applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Its document.
    pub source: Source,
    /// Its position in the document, from 0.
    pub statement: usize,
    /// Its name, if it has one.
    pub sid: Option<String>,
    /// What it does.
    pub effect: Effect,
}

/// A decision with its reasons.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// Whether the bounds are what stood in the way.
    pub is_out_of_bounds: bool,
    /// The statements which applied, in the order of the documents.
    pub matched: Vec<Matched>,
    /// Keys that the documents look at and that have no value, sorted.
    pub missing: Vec<String>,
}

/// Judges a made-up question; `None` when the resource is no ARN.
pub fn simulate(ask: &Simulation<'_>) -> Option<Outcome> {
    let everything = "arn:aws:*:::*";
    let arn = Arn::parse(if ask.resource == "*" { everything } else { ask.resource })?;
    let own = ask.caller.map(|caller| caller.user.account);
    let owner = ask.owner.or(own);
    let scene = Scene {
        caller: ask.caller,
        owner,
        context: ask.context,
    };
    let mut gathered = Gathered::default();
    for (at, policy) in ask.policies.iter().enumerate() {
        gathered.judge(policy, Source::Policy(at), ask.action, &arn, &scene);
    }
    let mine = gathered.take();
    if let Some(policy) = ask.bucket {
        gathered.judge(policy, Source::Bucket, ask.action, &arn, &scene);
    }
    let buckets = gathered.take();
    let (mut in_bounds, mut bound_denies) = (true, false);
    for (set, policies) in ask.bounds.sets().iter().enumerate() {
        for (at, policy) in policies.iter().enumerate() {
            gathered.judge(policy, Source::Bound { set, at }, ask.action, &arn, &scene);
        }
        let bound = gathered.take();
        in_bounds &= !bound.denied && bound.allowed == Reach::Caller;
        bound_denies |= bound.denied;
    }
    let is_root = ask.caller.is_some_and(|caller| caller.user.role == Role::Root);
    let own_side = is_root || mine.allowed == Reach::Caller;
    let base = if own.is_none() && ask.policies.is_empty() {
        buckets.allowed == Reach::Caller
    } else if owner == own {
        own_side || buckets.allowed == Reach::Caller
    } else {
        own_side && buckets.allowed >= Reach::Account
    };
    let decision = if mine.denied || buckets.denied || bound_denies {
        Decision::ExplicitDeny
    } else if base && in_bounds {
        Decision::Allowed
    } else {
        Decision::ImplicitDeny
    };
    Some(Outcome {
        decision,
        is_out_of_bounds: base && !in_bounds,
        matched: gathered.matched,
        missing: missing(ask, &scene),
    })
}

/// The statements found so far, and what those since the last look say.
#[derive(Default)]
struct Gathered {
    matched: Vec<Matched>,
    verdict: crate::document::Verdict,
}

impl Gathered {
    fn judge(&mut self, policy: &Policy, source: Source, action: Action, arn: &Arn<'_>, scene: &Scene<'_>) {
        for (statement, found, reach) in policy.applying(action, arn, scene) {
            match found.effect {
                Effect::Deny => self.verdict.denied = true,
                Effect::Allow => self.verdict.allowed = self.verdict.allowed.max(reach),
            }
            self.matched.push(Matched {
                source,
                statement,
                sid: found.sid.as_deref().map(str::to_owned),
                effect: found.effect,
            });
        }
    }

    fn take(&mut self) -> crate::document::Verdict {
        std::mem::take(&mut self.verdict)
    }
}

fn missing(ask: &Simulation<'_>, scene: &Scene<'_>) -> Vec<String> {
    let bounds = ask.bounds.sets().iter().flat_map(|set| set.iter());
    let documents = ask
        .policies
        .iter()
        .chain(bounds)
        .map(|policy| &**policy)
        .chain(ask.bucket);
    let absent = |key: &&KeyRef| matches!(scene.find(key), Found::Absent | Found::Broken);
    let names: BTreeSet<String> = documents
        .flat_map(Policy::keys)
        .filter(absent)
        .map(KeyRef::name)
        .collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests;
