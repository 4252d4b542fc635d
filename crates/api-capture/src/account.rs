//! From the account in a path to a decision.

use baleen_http::{Deed, Verdict, Weight};
use baleen_policy::{Action, Ask, Authorized, Context, Denied, Principal, Resource, authorize as decide, deciding};
use baleen_types::ProjectId;

/// Why an asker goes no further; each door has its own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nobody asks.
    Nobody,
    /// There is no such account, for the asker at least.
    Unknown,
    /// The asker may not.
    NotAllowed,
}

/// Decides whether `principal` may do an action for the account that a path names, and what else its row asks for; refused with the
/// action that may not be done.
///
/// The deed learns what the action itself is due to, unless another one is refused.
pub(crate) fn authorize_all(
    principal: &Principal,
    (action, also): (Action, &[Action]),
    account: &str,
    context: &Context<'_>,
    deed: &mut Deed,
) -> Result<Authorized, (Refused, Action)> {
    let mut ask = |action| {
        let authorized = authorize(principal, action, account, context, deed);
        let statement = deed.statement.clone();
        authorized
            .map(|authorized| (authorized, statement))
            .map_err(|refused| (refused, action))
    };
    let (authorized, statement) = ask(action)?;
    for action in also {
        ask(*action)?;
    }
    deed.statement = statement;
    Ok(authorized)
}

/// Decides whether `principal` may do `action` for the account that a path names.
///
/// An account that is not the asker's, is not there, or is no id at all, answers alike: not found (capture contract, A.1, and
/// so in part B).
/// The deed learns the verdict, and which statement it is due to.
fn authorize(
    principal: &Principal,
    action: Action,
    account: &str,
    context: &Context<'_>,
    deed: &mut Deed,
) -> Result<Authorized, Refused> {
    deed.verdict = Verdict::Denied;
    let Ok(project) = ProjectId::parse(account) else {
        return Err(match principal {
            Principal::Nobody => Refused::Nobody,
            Principal::Known(_) => Refused::Unknown,
        });
    };
    let ask = Ask {
        principal,
        action,
        resource: Resource::Project(project),
        context,
    };
    let decided = decide(&ask);
    if decided.is_ok() {
        deed.verdict = Verdict::Allowed;
    }
    // Not of looks at running captures, which clients repeat all the time.
    if decided.is_err() || deed.weight != Weight::Data {
        deed.statement = deciding(&ask);
    }
    decided.map_err(|denied| match denied {
        Denied::Unauthenticated => Refused::Nobody,
        Denied::NotAllowed => Refused::NotAllowed,
        Denied::Foreign => Refused::Unknown,
    })
}
