//! `SimulateCustomPolicy` and `SimulatePrincipalPolicy` (service model iam): what policies would say, and which say it.
//!
//! Documents are judged, not roles: what only managers may do is denied to others whatever this answers. Parameters that
//! would change an answer and are not known here are refused (`unsupported`). A marker holds the number of questions already answered.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::{check_length, missing, violation};
use crate::limits::{
    ACTION_NAME, CONTEXT_ENTRIES_MAX, CONTEXT_KEY, MARKER, MAX_ITEMS, POLICY_DOCUMENT, RESOURCE_NAME,
    SIMULATED_AT_ONCE_MAX, SIMULATED_MAX, SIMULATED_POLICIES_MAX,
};
use crate::params::Params;
use crate::wire;
use crate::xml::Xml;
use baleen_iam::{PageRequest, PathPrefix, PolicyArn, PolicyName, UserInfo};
use baleen_policy::{
    Action, Bounds, Caller, Context, Decision, DocumentKind, Entry, Outcome, Policy, Simulation, Source, User, simulate,
};
use baleen_types::AccessKeyId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A policy that is judged, and how it is called in the answer.
struct Judged {
    id: String,
    kind: &'static str,
    policy: Arc<Policy>,
}

pub(super) async fn custom(call: Call) -> Result<Answer, Fault> {
    let judged = given(&call.params, "PolicyInputList")?;
    if judged.is_empty() {
        return Err(missing("PolicyInputList"));
    }
    answer(&call, &judged, None)
}

pub(super) async fn principal(call: Call) -> Result<Answer, Fault> {
    let user = call.user()?;
    let mut judged = own(&call, user).await?;
    judged.extend(given(&call.params, "PolicyInputList")?);
    let caller = Caller::with_key(as_asking(user, call.asking()?), AccessKeyId::parse(PRETENDED_KEY)?);
    answer(&call, &judged, Some(&caller))
}

/// The key of nobody: a simulation looks at the user alone.
const PRETENDED_KEY: &str = "AKIAAAAAAAAAAAAAAAAA";

/// The user as it would ask; who simulates is of the same account.
fn as_asking(user: &UserInfo, simulating: &User) -> User {
    let boxed = |(key, value): &(String, String)| (key.as_str().into(), value.as_str().into());
    User {
        path: user.path.as_str().into(),
        tags: user.tags.iter().map(boxed).collect(),
        is_reseller: simulating.is_reseller,
        ..User::new(user.account, simulating.project, user.id, user.name.clone(), user.role)
    }
}

/// The policies in force for a user.
async fn own(call: &Call, user: &UserInfo) -> Result<Vec<Judged>, Fault> {
    let (iam, by) = (&call.parts.iam, &call.authorized);
    let mut judged = Vec::new();
    let (any, first) = (PathPrefix::default(), PageRequest::first());
    for policy in iam.attached_policies(by, user.id, &any, &first).await?.items {
        let arn = PolicyArn::parse(&policy.arn)?;
        let info = iam.find_policy(user.account, &arn).await?;
        let version = iam.get_policy_version(user.account, &arn, info.default_version).await?;
        judged.push(Judged {
            id: policy.name,
            kind: "user-managed",
            policy: compile("PolicySourceArn", &version.document)?,
        });
    }
    for name in iam.list_user_policies(by, user.id, &first).await?.items {
        let document = iam.get_user_policy(by, user.id, &PolicyName::parse(&name)?).await?;
        judged.push(Judged {
            id: name,
            kind: "user",
            policy: compile("PolicySourceArn", &document)?,
        });
    }
    Ok(judged)
}

fn compile(name: &str, document: &str) -> Result<Arc<Policy>, Fault> {
    check_length(name, document, &POLICY_DOCUMENT)?;
    let policy = Policy::parse(document, DocumentKind::Identity);
    let policy = policy.map_err(|malformed| Fault::invalid_input(format!("{name}: {malformed}")))?;
    Ok(Arc::new(policy))
}

/// The policies that a request brings.
fn given(params: &Params, list: &'static str) -> Result<Vec<Judged>, Fault> {
    let documents = params.members(list, SIMULATED_POLICIES_MAX)?;
    let judged = documents.into_iter().enumerate().map(|(at, document)| {
        Ok(Judged {
            id: format!("{list}.{}", at + 1),
            // Of no user; the words are those of `PolicySourceType` in AWS's model.
            kind: "none",
            policy: compile(list, document)?,
        })
    });
    judged.collect()
}

fn answer(call: &Call, judged: &[Judged], caller: Option<&Caller>) -> Result<Answer, Fault> {
    let params = &call.params;
    let held = given(params, "PermissionsBoundaryPolicyInputList")?;
    let bounds = if held.is_empty() {
        Bounds::NONE
    } else {
        Bounds::NONE.and(held.iter().map(|held| Arc::clone(&held.policy)).collect::<Vec<_>>())
    };
    let policies: Vec<_> = judged.iter().map(|judged| Arc::clone(&judged.policy)).collect();
    let (actions, resources) = (actions(params)?, resources(params)?);
    let entries = entries(params)?;
    let context = Context::new(call.parts.clock.now()).pretending(&entries);
    let (from, most) = place(call)?;
    let all = actions.len() * resources.len();
    let questions = actions
        .iter()
        .flat_map(|action| resources.iter().map(move |resource| (*action, *resource)));
    let mut results = Vec::new();
    for (action, resource) in questions.skip(from).take(most) {
        let outcome = simulate(&Simulation {
            policies: &policies,
            bounds: &bounds,
            bucket: None,
            caller,
            owner: None,
            action,
            resource,
            context: &context,
        });
        let outcome = outcome.ok_or_else(|| violation("ResourceArns", "Member must be an ARN or *"))?;
        let matched = sources(&outcome, judged, &held);
        results.push((action.name(), resource.to_owned(), outcome, matched));
    }
    let next = (from + results.len() < all).then(|| {
        let place = (from + results.len()).to_string();
        call.parts.iam.seal_marker(&call.authorized, place)
    });
    Ok(Answer::xml(move |xml| {
        xml.list(
            "EvaluationResults",
            &results,
            |xml, (action, resource, outcome, matched)| {
                result(xml, action, resource, outcome, matched);
            },
        );
        wire::list_end(xml, next.as_deref());
    }))
}

/// The documents of the statements that applied, each once, with their kinds.
fn sources(outcome: &Outcome, judged: &[Judged], held: &[Judged]) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> = Vec::new();
    for matched in &outcome.matched {
        let source = match matched.source {
            Source::Policy(at) => judged.get(at),
            Source::Bound { at, .. } => held.get(at),
            Source::Bucket => None,
        };
        if let Some(source) =
            source.filter(|source| found.iter().all(|(id, kind)| (id, *kind) != (&source.id, source.kind)))
        {
            found.push((source.id.clone(), source.kind));
        }
    }
    found
}

fn result(xml: &mut Xml, action: &str, resource: &str, outcome: &Outcome, matched: &[(String, &'static str)]) {
    xml.text("EvalActionName", action);
    xml.text("EvalResourceName", resource);
    xml.text(
        "EvalDecision",
        match outcome.decision {
            Decision::Allowed => "allowed",
            Decision::ExplicitDeny => "explicitDeny",
            Decision::ImplicitDeny => "implicitDeny",
        },
    );
    xml.list("MatchedStatements", matched, |xml, (id, kind)| {
        xml.text("SourcePolicyId", id);
        xml.text("SourcePolicyType", kind);
    });
    xml.texts("MissingContextValues", &outcome.missing);
}

fn actions(params: &Params) -> Result<Vec<Action>, Fault> {
    let names = params.members("ActionNames", SIMULATED_MAX)?;
    if names.is_empty() {
        return Err(missing("ActionNames"));
    }
    let parse = |name: &str| {
        check_length("ActionNames", name, &ACTION_NAME)?;
        Action::parse(name).ok_or_else(|| Fault::invalid_input(format!("Invalid action name: {name}")))
    };
    names.into_iter().map(parse).collect()
}

fn resources(params: &Params) -> Result<Vec<&str>, Fault> {
    let arns = params.members("ResourceArns", SIMULATED_MAX)?;
    for arn in &arns {
        check_length("ResourceArns", arn, &RESOURCE_NAME)?;
    }
    Ok(if arns.is_empty() { vec!["*"] } else { arns })
}

/// Where to go on, and how many answers are wanted.
fn place(call: &Call) -> Result<(usize, usize), Fault> {
    let params = &call.params;
    let most = params
        .number("MaxItems", &MAX_ITEMS)?
        .map_or(SIMULATED_AT_ONCE_MAX, |most| most as usize);
    let marker = params.text("Marker", &MARKER)?.filter(|marker| !marker.is_empty());
    let from = marker.map_or(Ok(0), |marker| {
        let place = call.parts.iam.open_marker(&call.authorized, marker)?;
        let number = place.parse();
        number.map_err(|_| Fault::internal("a marker that is no number of a question"))
    })?;
    Ok((from, most.min(SIMULATED_AT_ONCE_MAX)))
}

/// One member of `ContextEntries` as it comes.
#[derive(Default)]
struct Given<'a> {
    key: Option<&'a str>,
    kind: Option<&'a str>,
    values: BTreeMap<usize, &'a str>,
}

fn entries(params: &Params) -> Result<Vec<Entry>, Fault> {
    const WHAT: &str = "ContextEntries";
    let shape = || {
        violation(
            WHAT,
            "each member has ContextKeyName, ContextKeyType and ContextKeyValues",
        )
    };
    let number = |text: &str| {
        let is_plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<usize>().ok().filter(|_| is_plain);
        number.ok_or_else(|| violation(WHAT, "the members of a list are numbered from 1"))
    };
    let mut members = BTreeMap::<usize, Given<'_>>::new();
    for (rest, text) in params.below("ContextEntries.member.") {
        let (at, part) = rest.split_once('.').ok_or_else(shape)?;
        let member = members.entry(number(at)?).or_default();
        match part {
            "ContextKeyName" => member.key = Some(text),
            "ContextKeyType" => member.kind = Some(text),
            // The empty list, as botocore writes it.
            "ContextKeyValues" if text.is_empty() => {}
            part => {
                let at = part.strip_prefix("ContextKeyValues.member.").ok_or_else(shape)?;
                member.values.insert(number(at)?, text);
            }
        }
    }
    if members.len() > CONTEXT_ENTRIES_MAX {
        return Err(violation(
            WHAT,
            format!("Member must have length less than or equal to {CONTEXT_ENTRIES_MAX}"),
        ));
    }
    let entry = |member: Given<'_>| {
        let (key, kind) = member.key.zip(member.kind).ok_or_else(shape)?;
        check_length("ContextKeyName", key, &CONTEXT_KEY)?;
        let single = kind.strip_suffix("List").unwrap_or(kind);
        if !["string", "numeric", "boolean", "ip", "binary", "date"].contains(&single) {
            return Err(violation("ContextKeyType", "Member must be a type of a condition key"));
        }
        let is_list = single != kind;
        if !is_list && member.values.len() != 1 {
            return Err(violation("ContextKeyValues", "a key that is no list has one value"));
        }
        Ok(Entry {
            key: key.to_owned(),
            values: member.values.into_values().map(str::to_owned).collect(),
            is_list,
        })
    };
    members.into_values().map(entry).collect()
}
