//! The document's whitelist calls: JSON over paths below `/api/whitelist/` (seed 004, "RSWhitelistAddRule" and after).
//!
//! An operation is one function here and one row in [`ROWS`]; they share their little bit of reading and writing.

use crate::answer::json_response;
use crate::body::read_bounded;
use crate::fault::{Code, Fault};
use crate::limits::JSON_BODY_BYTES_MAX;
use crate::link;
use crate::ops::source_of;
use crate::params::Params;
use crate::parts::Parts;
use crate::question::authorize_about;
use crate::told::Told;
use baleen_http::{RequestBody, Response};
use baleen_policy::{Action, Ask, Authorized, Context, Principal, Resource};
use baleen_tenancy::{Customer, NewRule, Rule, RuleId, RuleState, Subnet};
use baleen_types::{Invalid, RegionName, RootName};
use futures::future::BoxFuture;
use http::request::Parts as Head;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::Arc;

/// Below which path these calls are.
pub(crate) const BASE: &str = "/api/whitelist/";

/// One call.
pub struct Row {
    /// The last part of its path, also its name in log and metrics.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// What the asker must be allowed.
    pub permission: Action,
    run: fn(Call) -> BoxFuture<'static, Result<Value, Fault>>,
}

macro_rules! row {
    ($name:literal, $method:ident, $permission:ident, $run:ident) => {
        Row {
            name: $name,
            method: Method::$method,
            permission: Action::$permission,
            run: |call| Box::pin($run(call)),
        }
    };
}

/// Every whitelist call.
pub static ROWS: &[Row] = &[
    row!("RSWhitelistAddRule", PUT, IamRsWhitelistAddRule, add),
    row!("RSWhitelistDeleteRule", DELETE, IamRsWhitelistDeleteRule, delete),
    row!("RSWhitelistApproveRule", POST, IamRsWhitelistApproveRule, approve),
    row!("RSWhitelistRejectRule", POST, IamRsWhitelistRejectRule, reject),
    row!("RSWhitelistListRules", GET, IamRsWhitelistListRules, list),
];

/// An authorized call.
struct Call {
    parts: Arc<Parts>,
    authorized: Authorized,
    customer: Arc<Customer>,
    fields: Map<String, Value>,
    /// Where it comes from.
    source: IpAddr,
}

/// Serves a call; the row comes back as soon as it is known.
pub(crate) async fn serve(
    parts: &Arc<Parts>,
    head: &Head,
    body: RequestBody,
    (context, told): (&Context<'_>, &Told),
    found: &mut Option<&'static Row>,
) -> Result<Response, Fault> {
    let name = head.uri.path().strip_prefix(BASE).unwrap_or_default();
    *found = ROWS.iter().find(|row| row.name == name);
    // Nobody is told which calls there are.
    let principal = head.extensions.get().cloned().unwrap_or(Principal::Nobody);
    if principal.user().is_none() {
        return Err(baleen_policy::Denied::Unauthenticated.into());
    }
    if name == "RSWhitelistStats" {
        // The document announces it as "upcoming".
        return Err(Fault::new(Code::NotImplemented, "RSWhitelistStats is not offered yet."));
    }
    let row = found.ok_or_else(|| Fault::new(Code::NotFound, "There is no such whitelist call."))?;
    if head.method != row.method {
        return Err(Fault::new(
            Code::MethodNotAllowed,
            format!("{name} is sent by {}.", row.method),
        ));
    }
    link::check(head, row.method == Method::GET, context.now())?;
    let fields = read_fields(head, body).await?;
    let named = ["root", "ruleId", "subNet"].into_iter();
    told.says(named.filter_map(|name| Some((name, fields.get(name)?.as_str()?))));
    let root = RootName::parse(required(&fields, "root")?).map_err(|invalid| unfit("root", &invalid))?;
    let about = |resource: Resource<'_>| {
        let ask = Ask {
            principal: &principal,
            action: row.permission,
            resource,
            context,
        };
        authorize_about(&ask, told)
    };
    let asking = principal.user().map(|user| user.account);
    let customer = parts.tenancy.by_root_name(&root).await?;
    let Some(customer) = customer.filter(|found| asking == Some(found.account) || asking == Some(found.reseller))
    else {
        about(Resource::Customers)?;
        return Err(baleen_tenancy::Error::NoSuchCustomer.into());
    };
    let authorized = match row.permission {
        Action::IamRsWhitelistDeleteRule => {
            let rule = parts.tenancy.rule(customer.account, rule_id(&fields)?).await?;
            let is_active = rule.is_some_and(|rule| rule.state == RuleState::Active);
            about(Resource::WhitelistRule {
                of: customer.facts(),
                is_active,
            })?
        }
        _ => about(Resource::Customer(customer.facts()))?,
    };
    let call = Call {
        parts: Arc::clone(parts),
        authorized,
        customer,
        fields,
        source: source_of(head.extensions.get().copied()),
    };
    Ok(json_response(StatusCode::OK, &(row.run)(call).await?))
}

async fn add(call: Call) -> Result<Value, Fault> {
    let fields = &call.fields;
    let subnet = Subnet::parse(required(fields, "subNet")?).map_err(|invalid| unfit("subNet", &invalid))?;
    let notes = text(fields, "notes")?.unwrap_or_default().to_owned();
    let rule = NewRule::new(subnet, regions(fields)?, notes, ttl(fields)?)?;
    let rule = call
        .parts
        .tenancy
        .add_rule(&call.authorized, call.customer.account, rule)
        .await?;
    Ok(json!({
        "ok": true,
        "ruleId": rule.id.to_string(),
        "insertedAt": rule.inserted.to_rfc3339_millis(),
    }))
}

async fn delete(call: Call) -> Result<Value, Fault> {
    let id = rule_id(&call.fields)?;
    if !is_forced(&call.fields)? {
        check_stays_in(&call, id).await?;
    }
    call.parts
        .tenancy
        .delete_rule(&call.authorized, call.customer.account, id)
        .await?;
    Ok(json!({ "ok": true }))
}

async fn approve(call: Call) -> Result<Value, Fault> {
    let (id, notes) = (rule_id(&call.fields)?, text(&call.fields, "notes")?.map(str::to_owned));
    if !is_forced(&call.fields)? {
        check_lets_asker_in(&call, id).await?;
    }
    let rule = call
        .parts
        .tenancy
        .approve_rule(&call.authorized, call.customer.account, id, notes)
        .await?;
    Ok(decided(&rule))
}

/// Refuses the first rule of the asker's own account that would keep the asker out: nobody could take it back over the wire.
async fn check_lets_asker_in(call: &Call, id: RuleId) -> Result<(), Fault> {
    let (parts, account) = (&call.parts, call.customer.account);
    if account != call.authorized.account() {
        return Ok(());
    }
    let region = &parts.region;
    if parts.tenancy.is_restricted(account, region, parts.clock.now()).await? {
        return Ok(());
    }
    let rule = parts.tenancy.rule(account, id).await?;
    let shuts =
        |rule: &Rule| rule.state == RuleState::Pending && rule.is_of(region) && !rule.subnet.contains(call.source);
    match rule {
        Some(rule) if shuts(&rule) => Err(Fault::invalid_input(format!(
            "Your own address {} is not in {}; a first rule keeps all others out. Approve one that holds it first, or send force: true.",
            call.source, rule.subnet
        ))),
        _ => Ok(()),
    }
}

/// Refuses to delete the rule of the asker's own account that lets the asker in, while others keep out who is not in them.
async fn check_stays_in(call: &Call, id: RuleId) -> Result<(), Fault> {
    let (parts, account) = (&call.parts, call.customer.account);
    if account != call.authorized.account() {
        return Ok(());
    }
    let rules = parts.tenancy.rules(&call.authorized, account).await?;
    let in_force = |rule: &&Rule| rule.state == RuleState::Active && rule.is_of(&parts.region);
    let lets_in = |rule: &&Rule| rule.subnet.contains(call.source);
    let (gone, left): (Vec<&Rule>, Vec<&Rule>) = rules.iter().filter(in_force).partition(|rule| rule.id == id);
    match gone.iter().find(|rule| lets_in(rule)) {
        Some(rule) if !left.is_empty() && !left.iter().any(lets_in) => Err(Fault::invalid_input(format!(
            "Your own address {} is in {} and in no other rule; the rules that are left would keep you out. Have one approved that holds it first, or send force: true.",
            call.source, rule.subnet
        ))),
        _ => Ok(()),
    }
}

async fn reject(call: Call) -> Result<Value, Fault> {
    let (id, notes) = (rule_id(&call.fields)?, text(&call.fields, "notes")?.map(str::to_owned));
    let rule = call
        .parts
        .tenancy
        .reject_rule(&call.authorized, call.customer.account, id, notes)
        .await?;
    Ok(decided(&rule))
}

/// `offset` and `limit` are ignored, whatever they say: "not yet implemented" in the document, and all rules are few.
async fn list(call: Call) -> Result<Value, Fault> {
    let rules = call
        .parts
        .tenancy
        .rules(&call.authorized, call.customer.account)
        .await?;
    let rules: Vec<Value> = rules.iter().map(encode).collect();
    Ok(json!({ "ok": true, "partial": false, "rules": rules }))
}

fn decided(rule: &Rule) -> Value {
    json!({
        "ok": true,
        "ruleId": rule.id.to_string(),
        "status": rule.state.as_str(),
        "updatedAt": rule.updated.to_rfc3339_millis(),
    })
}

fn encode(rule: &Rule) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("ruleId", json!(rule.id.to_string()));
    put("insertedAt", json!(rule.inserted.to_rfc3339_millis()));
    put("updatedAt", json!(rule.updated.to_rfc3339_millis()));
    put("subNet", json!(rule.subnet.to_string()));
    put("status", json!(rule.state.as_str()));
    if !rule.regions.is_empty() {
        put(
            "regions",
            rule.regions.iter().map(|region| json!(region.as_str())).collect(),
        );
    }
    if !rule.notes.is_empty() {
        put("notes", json!(rule.notes));
    }
    // Ours: what was asked for, and what came of it.
    if let Some(days) = rule.ttl_days {
        put("ttl", json!(days));
    }
    if let Some(until) = rule.until {
        put("endsAt", json!(until.to_rfc3339_millis()));
    }
    Value::Object(object)
}

/// The members of a call: its JSON body, and for GET and DELETE its query, since some proxies drop the bodies of those
/// (identity contract, section 5). A member in both places is refused.
async fn read_fields(head: &Head, body: RequestBody) -> Result<Map<String, Value>, Fault> {
    let bytes = if body.is_empty() {
        Vec::new()
    } else {
        read_bounded(body, JSON_BODY_BYTES_MAX).await?
    };
    let mut fields = match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => fields,
        _ if bytes.is_empty() => Map::new(),
        _ => return Err(Fault::invalid_input("The body must be a JSON object.")),
    };
    if matches!(head.method, Method::GET | Method::DELETE) {
        let query = Params::parse(head.uri.query().unwrap_or_default(), &[])?;
        for name in ["root", "ruleId", "force"] {
            let Some(value) = query.get(name) else { continue };
            let value = match (name, value) {
                ("force", "true") => json!(true),
                ("force", "false") => json!(false),
                _ => json!(value),
            };
            if fields.insert(name.to_owned(), value).is_some() {
                return Err(Fault::invalid_input(format!(
                    "{name} stands in the query and in the body."
                )));
            }
        }
    }
    Ok(fields)
}

fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<Option<&'f str>, Fault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::invalid_input(format!("{name} must be a text."))),
    }
}

fn required<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<&'f str, Fault> {
    text(fields, name)?.ok_or_else(|| Fault::invalid_input(format!("{name} is required.")))
}

fn rule_id(fields: &Map<String, Value>) -> Result<RuleId, Fault> {
    RuleId::parse(required(fields, "ruleId")?).map_err(|invalid| unfit("ruleId", &invalid))
}

fn regions(fields: &Map<String, Value>) -> Result<Vec<RegionName>, Fault> {
    let wrong = || Fault::invalid_input("regions must be a list of names.");
    match fields.get("regions") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            let parse = |name: &Value| RegionName::parse(name.as_str().ok_or_else(wrong)?).map_err(|_| wrong());
            names.iter().map(parse).collect()
        }
        Some(_) => Err(wrong()),
    }
}

fn ttl(fields: &Map<String, Value>) -> Result<Option<u32>, Fault> {
    let wrong = || Fault::invalid_input("ttl must be a whole number of days.");
    match fields.get("ttl") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(days)) => {
            let days = days
                .as_u64()
                .and_then(|days| u32::try_from(days).ok())
                .ok_or_else(wrong)?;
            Ok((days > 0).then_some(days))
        }
        Some(_) => Err(wrong()),
    }
}

fn is_forced(fields: &Map<String, Value>) -> Result<bool, Fault> {
    match fields.get("force") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_forced)) => Ok(*is_forced),
        Some(_) => Err(Fault::invalid_input("force must be true or false.")),
    }
}

fn unfit(name: &str, invalid: &Invalid) -> Fault {
    Fault::invalid_input(format!("{name}: {}.", invalid.why))
}
