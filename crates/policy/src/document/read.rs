//! From JSON to statements.

use super::principals::{Named, Principals};
use super::strangers::{is_idle, is_strange_action};
use super::{ActionSet, DocumentKind, Effect, Statement, TagFamilies};
use crate::arn::ArnGlob;
use crate::condition::Condition;
use crate::glob::{Glob, Reading};
use crate::json::Json;
use crate::{Action, KeyRef};

type Result<T> = std::result::Result<T, String>;
type Object = Vec<(String, Json)>;

/// The version with variables.
const CURRENT: &str = "2012-10-17";
/// The version which a document without one has.
const OLD: &str = "2008-10-17";

/// Reads the statements of a document.
pub(super) fn statements(text: &str, kind: DocumentKind) -> Result<Box<[Statement]>> {
    let document = object(Json::parse(text)?, "the policy")?;
    let (mut variables, mut statements) = (false, None);
    for (key, value) in document {
        match (&key[..], value) {
            ("Version", Json::Text(version)) if version == CURRENT => variables = true,
            ("Version", Json::Text(version)) if version == OLD => {}
            ("Version", _) => return Err(format!("Version must be {CURRENT} or {OLD}")),
            ("Id", Json::Text(_)) | ("Managed", Json::Bool(_)) => {}
            ("Id", _) => return Err("Id must be a text".to_owned()),
            ("Managed", _) => return Err("Managed must be true or false".to_owned()),
            ("Statement", Json::List(list)) => statements = Some(list),
            ("Statement", one @ Json::Object(_)) => statements = Some(vec![one]),
            ("Statement", _) => return Err("Statement must be an object or a list of objects".to_owned()),
            _ => return Err(format!("the policy has the unknown key {key:?}")),
        }
    }
    let list = statements
        .filter(|list| !list.is_empty())
        .ok_or("the policy has no Statement")?;
    let mut read: Vec<Statement> = Vec::with_capacity(list.len());
    for (at, statement) in list.into_iter().enumerate() {
        let fields = object(statement, "a statement")?;
        let statement =
            self::statement(fields, kind, variables).map_err(|why| format!("statement {}: {why}", at + 1))?;
        if statement.sid.is_some() && read.iter().any(|earlier| earlier.sid == statement.sid) {
            return Err(format!("statement {}: its Sid stands twice in the policy", at + 1));
        }
        read.push(statement);
    }
    Ok(read.into())
}

fn statement(fields: Object, kind: DocumentKind, variables: bool) -> Result<Statement> {
    let (mut sid, mut effect, mut principals, mut conditions) = (None, None, None, Vec::new());
    let (mut actions, mut resources) = (None, None);
    let (mut strange_action, mut idle_action) = (None, None);
    let mut patterns_of_action = Vec::new();
    for (key, value) in fields {
        match &key[..] {
            "Sid" => sid = Some(text(value, "Sid")?).filter(|sid| !sid.is_empty()),
            "Effect" => {
                effect = Some(match &text(value, "Effect")?[..] {
                    "Allow" => Effect::Allow,
                    "Deny" => Effect::Deny,
                    _ => return Err("Effect must be Allow or Deny".to_owned()),
                });
            }
            "Principal" | "NotPrincipal" => {
                let named = self::principals(value)?;
                let but = key == "NotPrincipal";
                once(principals.replace(Principals { but, named }).is_none(), "Principal")?;
            }
            "Action" | "NotAction" => {
                let patterns = texts(value, &key)?;
                let set = self::actions(&patterns)?;
                if kind == DocumentKind::Bucket {
                    strange_action = patterns.iter().find(|p| is_strange_action(p)).cloned().map(Into::into);
                }
                let set = if key == "NotAction" { set.inverted() } else { set };
                once(actions.replace(set).is_none(), "Action")?;
                if key == "Action" {
                    patterns_of_action = patterns;
                }
            }
            "Resource" | "NotResource" => {
                let named = texts(value, &key)?;
                once(resources.replace((key == "NotResource", named)).is_none(), "Resource")?;
            }
            "Condition" => conditions = self::conditions(value, variables)?,
            _ => return Err(format!("the key {key:?} is unknown")),
        }
    }
    let effect = effect.ok_or("Effect is missing")?;
    let actions = actions.ok_or("Action or NotAction is missing")?;
    let (but_resources, named) = resources.ok_or("Resource or NotResource is missing")?;
    match (kind, &principals) {
        (DocumentKind::Bucket, None) => return Err("Principal or NotPrincipal is missing".to_owned()),
        (DocumentKind::Identity | DocumentKind::Session, Some(_)) => {
            return Err("Principal belongs to policies of buckets only".to_owned());
        }
        _ => {}
    }
    if kind == DocumentKind::Bucket && !but_resources {
        let idle = patterns_of_action.into_iter().find(|pattern| is_idle(pattern, &named));
        idle_action = idle.map(Into::into);
    }
    let reading = Reading {
        wildcards: true,
        variables,
    };
    let resources = named
        .iter()
        .map(|text| ArnGlob::compile(text, reading))
        .collect::<Result<Box<[_]>>>()?;
    let has_open_variable = resources
        .iter()
        .flat_map(ArnGlob::variables)
        .any(|v| v.default.is_none());
    if effect == Effect::Deny && !but_resources && has_open_variable {
        // Whom the variable does not exist for would not be denied.
        return Err("a variable in the Resource of a Deny needs a default: ${aws:username, 'nobody'}".to_owned());
    }
    let mut statement = Statement {
        sid: sid.map(Into::into),
        effect,
        principals,
        actions,
        strange_action,
        idle_action,
        but_resources,
        resources,
        conditions: conditions.into(),
        tags: TagFamilies::default(),
    };
    let mut tags = TagFamilies::default();
    for family in statement.keys().into_iter().filter_map(KeyRef::tag_family) {
        tags.insert(family);
    }
    statement.tags = tags;
    Ok(statement)
}

fn once(first: bool, what: &str) -> Result<()> {
    if first {
        Ok(())
    } else {
        Err(format!("{what} and Not{what} exclude each other"))
    }
}

fn principals(value: Json) -> Result<Box<[Named]>> {
    if let Json::Text(text) = &value {
        return match &text[..] {
            "*" => Ok([Named::Everyone].into()),
            _ => Err("Principal must be * or name its kind, as in {\"AWS\": …}".to_owned()),
        };
    }
    let mut named = Vec::new();
    for (kind, value) in object(value, "Principal")? {
        for text in texts(value, "Principal")? {
            named.push(Named::parse(&kind, &text)?);
        }
    }
    if named.is_empty() {
        return Err("Principal names nobody".to_owned());
    }
    Ok(named.into())
}

fn actions(patterns: &[String]) -> Result<ActionSet> {
    let mut set = ActionSet::default();
    for pattern in patterns {
        let is_everything = pattern == "*";
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '*' || c == '?';
        let named = pattern.split_once(':').is_some_and(|(service, act)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            !service.is_empty() && service.chars().all(plain) && !act.is_empty() && act.chars().all(fits)
        });
        if !is_everything && !named {
            return Err(format!(
                "{pattern:?} is no action; s3:GetObject is one, s3:* all of a service"
            ));
        }
        let reading = Reading {
            wildcards: true,
            variables: false,
        };
        let glob = Glob::compile(&pattern.to_ascii_lowercase(), reading)?;
        for &action in Action::ALL {
            if glob.fits(&action.name().to_ascii_lowercase()) {
                set.insert(action);
            }
        }
    }
    Ok(set)
}

fn conditions(value: Json, variables: bool) -> Result<Vec<Condition>> {
    let mut conditions = Vec::new();
    for (operator, keys) in object(value, "Condition")? {
        for (key, values) in object(keys, &operator)? {
            let values = scalars(values, &operator)?;
            conditions.push(Condition::compile(&operator, &key, &values, variables)?);
        }
    }
    Ok(conditions)
}

/// Values of a condition: texts, but people write numbers and flags without quotes, and AWS takes them.
fn scalars(value: Json, what: &str) -> Result<Vec<String>> {
    let list = match value {
        Json::List(list) => list,
        one => vec![one],
    };
    let scalar = |value| match value {
        Json::Text(text) | Json::Number(text) => Ok(text),
        Json::Bool(flag) => Ok(flag.to_string()),
        Json::Null | Json::List(_) | Json::Object(_) => Err(format!("a value of {what} must be a text")),
    };
    list.into_iter().map(scalar).collect()
}

fn texts(value: Json, what: &str) -> Result<Vec<String>> {
    let list = match value {
        Json::List(list) => list,
        one => vec![one],
    };
    if list.is_empty() {
        return Err(format!("{what} is empty"));
    }
    list.into_iter().map(|value| text(value, what)).collect()
}

fn text(value: Json, what: &str) -> Result<String> {
    match value {
        Json::Text(text) => Ok(text),
        _ => Err(format!("{what} must be a text")),
    }
}

fn object(value: Json, what: &str) -> Result<Object> {
    match value {
        Json::Object(fields) => Ok(fields),
        _ => Err(format!("{what} must be an object")),
    }
}

/// Whether a pattern is about a bucket: the bucket's name stands plainly at its beginning.
pub(super) fn stays_within(glob: &ArnGlob, bucket: &str) -> bool {
    let of_s3 = glob
        .field(2)
        .is_some_and(|service| service.fixed().as_deref() == Some("s3"));
    of_s3 && glob.field(5).is_some_and(|resource| resource.starts_plainly(bucket))
}
