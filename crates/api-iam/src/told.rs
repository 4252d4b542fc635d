//! What the audit log is told of a request: gathered while it is served, by whoever comes to know it.

use crate::params::Params;
use baleen_http::{Deed, Response, Verdict, Weight};
use baleen_iam::limits::TOKEN_SHORT_ID_DIGITS;
use baleen_iam::{PolicyArn, PolicyName};
use baleen_policy::{Action, Principal};
use baleen_types::{AccessKeyId, AccountId, RootName, UserName};
use http::request::Parts as Head;
use std::sync::{Arc, OnceLock};

/// Most characters of a value that a client sent, which nobody may have checked yet.
const VALUE_CHARACTERS_MAX: usize = 256;

/// A parameter, and whether a value may be a name in it.
type Named = (&'static str, fn(&str) -> bool);

/// Parameters that name what a request acts on, each with what a value must be to be a name at all. Whatever else stands
/// there was not meant for it, and may be a secret in the wrong field.
const NAMES: [Named; 9] = [
    ("UserName", is_user_name),
    ("Name", |value| is_user_name(value) || is_customer(value)),
    ("PolicyArn", |value| PolicyArn::parse(value).is_ok()),
    ("PolicyName", |value| PolicyName::parse(value).is_ok()),
    ("CustomerName", is_customer),
    ("Customer", is_customer),
    ("AccessKeyId", |value| AccessKeyId::parse(value).is_ok()),
    ("ApiTokenId", |_| true),
    ("PolicySourceArn", |value| value.starts_with("arn:aws:iam::")),
];

fn is_user_name(value: &str) -> bool {
    UserName::parse(value).is_ok()
}

fn is_customer(value: &str) -> bool {
    RootName::parse(value).is_ok() || AccountId::parse(value).is_ok()
}

/// The gathering. Clones share it. What is told first counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    resource: OnceLock<String>,
    made: OnceLock<String>,
    statement: OnceLock<String>,
    account: OnceLock<AccountId>,
}

impl Told {
    /// The request names a user, a policy or a customer. Not for requests that prove themselves by what they carry: people
    /// type passwords into the wrong field.
    pub(crate) fn names(&self, params: &Params) {
        let named = NAMES.iter().filter_map(|(name, may_be)| {
            let value = params.get(name).filter(|value| may_be(value))?;
            // Never the whole of a token that somebody mistook for its id.
            let end = value.char_indices().nth(TOKEN_SHORT_ID_DIGITS);
            match (*name, end) {
                ("ApiTokenId", Some((end, _))) => Some((*name, &value[..end])),
                _ => Some((*name, value)),
            }
        });
        self.says(named);
    }

    /// The request is about this.
    pub(crate) fn says<'a>(&self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        let bounded = |value: &str| value.chars().take(VALUE_CHARACTERS_MAX).collect::<String>();
        let pairs = pairs.map(|(name, value)| format!("{name}={}", bounded(value)));
        let _ = self.0.resource.set(pairs.collect::<Vec<_>>().join(" "));
    }

    /// It made something of this name.
    pub(crate) fn made(&self, name: &str) {
        let _ = self.0.made.set(name.to_owned());
    }

    /// Nobody signed, but it concerns an account all the same: one that exists.
    pub(crate) fn concerns(&self, account: AccountId) {
        let _ = self.0.account.set(account);
    }

    /// A statement decided, if one did.
    pub(crate) fn decided_by(&self, statement: Option<String>) {
        if let Some(statement) = statement {
            let _ = self.0.statement.set(statement);
        }
    }

    /// Hands it to the edge. The log is the account's of who asks, else of what it concerns; without either there is none.
    pub(crate) fn record(&self, response: &mut Response, head: &Head, weight: Weight, action: Action, is_denied: bool) {
        let is_known = head
            .extensions
            .get::<Principal>()
            .is_some_and(|principal| principal.user().is_some());
        let account = self.0.account.get().copied();
        if !is_known && account.is_none() {
            return;
        }
        let named = [&self.0.resource, &self.0.made].into_iter().filter_map(OnceLock::get);
        let named = named.map(String::as_str).filter(|text| !text.is_empty());
        let resource = named.collect::<Vec<_>>().join(" ");
        response.extensions_mut().insert(Deed {
            verdict: if is_denied { Verdict::Denied } else { Verdict::Allowed },
            statement: self.0.statement.get().cloned(),
            account,
            ..Deed::allowed(weight, action.name(), resource)
        });
    }
}
