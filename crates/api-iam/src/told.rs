//! What the audit log is told of a request: gathered while it is served, by whoever comes to know it.

use crate::params::Params;
use baleen_http::{Deed, Response, Verdict, Weight};
use baleen_iam::limits::TOKEN_SHORT_ID_DIGITS;
use baleen_iam::{PolicyArn, PolicyName};
use baleen_policy::{Action, Principal};
use baleen_types::{AccessKeyId, AccountId, RootName, UserName};
use http::request::Parts as Head;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    judged: Mutex<Vec<String>>,
    named: OnceLock<Vec<(String, String)>>,
    made: OnceLock<String>,
    statement: OnceLock<String>,
    account: OnceLock<AccountId>,
}

impl Told {
    /// The request names a user, a policy or a customer. Not for requests that prove themselves by what they carry: people
    /// type passwords into the wrong field. A policy is told with the account that it is in, which may be that of who asks.
    pub(crate) fn names(&self, params: &Params, asking: Option<AccountId>) {
        let named = NAMES.iter().filter_map(|(name, may_be)| {
            let value = params.get(name).filter(|value| may_be(value))?;
            // Never the whole of a token that somebody mistook for its id.
            let end = value.char_indices().nth(TOKEN_SHORT_ID_DIGITS);
            let told = match (*name, end) {
                ("ApiTokenId", Some((end, _))) => Cow::Borrowed(&value[..end]),
                ("PolicyArn", _) => match (PolicyArn::parse(value), asking) {
                    (Ok(arn), Some(asking)) => arn.in_account(asking).into(),
                    _ => value.into(),
                },
                _ => value.into(),
            };
            Some((*name, told))
        });
        let named: Vec<_> = named.collect();
        self.says(named.iter().map(|(name, value)| (*name, &**value)));
    }

    /// The request is about this.
    pub(crate) fn says<'a>(&self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        let bounded = |value: &str| value.chars().take(VALUE_CHARACTERS_MAX).collect::<String>();
        let pairs = pairs.map(|(name, value)| (name.to_owned(), bounded(value)));
        let _ = self.0.named.set(pairs.collect());
    }

    /// It was decided about the thing of this ARN; for a request about many, each is told. The log cuts what is too long.
    pub(crate) fn judged(&self, arn: String) {
        let mut judged = self.0.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if !judged.contains(&arn) {
            judged.push(arn);
        }
    }

    /// What was judged, then the names of the request that do not stand there already, then what it made.
    fn resource(&self) -> String {
        let mut texts = std::mem::take(&mut *self.0.judged.lock().unwrap_or_else(PoisonError::into_inner));
        let judged = texts.len();
        for (name, value) in self.0.named.get().into_iter().flatten() {
            let is_end = |arn: &String| {
                arn.strip_suffix(&value[..])
                    .is_some_and(|rest| rest.ends_with('/') || rest.is_empty())
            };
            if !texts[..judged].iter().any(is_end) {
                texts.push(format!("{name}={value}"));
            }
        }
        texts.extend(self.0.made.get().cloned());
        texts.join(" ")
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
        response.extensions_mut().insert(Deed {
            verdict: if is_denied { Verdict::Denied } else { Verdict::Allowed },
            statement: self.0.statement.get().cloned(),
            account,
            ..Deed::allowed(weight, action.name(), self.resource())
        });
    }
}
