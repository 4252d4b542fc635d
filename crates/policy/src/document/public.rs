//! What makes a bucket's policy public.

use super::{Effect, Statement};
use crate::condition::{Condition, Quantifier, Test};
use crate::glob::Glob;
use crate::key::{KeyRef, SceneKey};
use ipnet::IpNet;

/// Whether a statement lets everyone in.
pub(super) fn is_public(statement: &Statement) -> bool {
    reaches_everyone(statement) && !statement.conditions.iter().any(narrows)
}

/// Whether a statement lets everyone in, as far as its principals go.
pub(super) fn reaches_everyone(statement: &Statement) -> bool {
    let to_everyone = statement
        .principals
        .as_ref()
        .is_none_or(super::Principals::includes_everyone);
    statement.effect == Effect::Allow && to_everyone
}

/// Keys that, fixed, name somebody: AWS's list, as far as the keys exist here.
const NAMING: &[SceneKey] = &[
    SceneKey::PrincipalArn,
    SceneKey::PrincipalAccount,
    SceneKey::UserId,
    SceneKey::UserName,
];

/// Whether a condition holds for a fixed account, principal or network only.
fn narrows(condition: &Condition) -> bool {
    // A negation, a vacuous truth and an absent key leave the rest of the world in.
    if condition.negated || condition.if_exists || condition.quantifier == Some(Quantifier::All) {
        return false;
    }
    let KeyRef::Scene(key) = &condition.key else {
        return false;
    };
    match &condition.test {
        Test::Address(nets) => *key == SceneKey::SourceIp && nets.iter().all(is_narrow),
        Test::Text(globs) | Test::TextWithoutCase(globs) => NAMING.contains(key) && globs.iter().all(Glob::is_fixed),
        Test::Arn(globs) => *key == SceneKey::PrincipalArn && globs.iter().all(crate::arn::ArnGlob::has_fixed_account),
        Test::Number(..) | Test::Date(..) | Test::Bool(_) | Test::Bytes(_) | Test::Null(_) => false,
    }
}

/// What is broader than this is taken for the world (AWS, "The meaning of public", on `aws:SourceIp`).
fn is_narrow(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() >= 8,
        IpNet::V6(net) => net.prefix_len() >= 32,
    }
}
