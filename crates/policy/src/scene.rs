//! One question as conditions and patterns see it: every key has a value here, is absent, or cannot be told.

use crate::context::{Context, Value};
use crate::key::{KeyRef, SceneKey, TagFamily};
use crate::{Caller, Credential, Role, SessionKind};
use baleen_types::AccountId;
use std::borrow::Cow;

/// What is known while one question is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) caller: Option<&'a Caller>,
    /// Whose the resource is.
    pub(crate) owner: Option<AccountId>,
    pub(crate) context: &'a Context<'a>,
}

/// What a key has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'a> {
    Absent,
    One(Value<'a>),
    Many(Vec<Cow<'a, str>>),
    /// It has a value which nobody can tell: no statement may profit from that.
    Broken,
}

impl<'a> Scene<'a> {
    /// The value of a key.
    pub(crate) fn find(&self, key: &KeyRef) -> Found<'a> {
        if let Some(found) = self.pretended(key) {
            return found;
        }
        match key {
            KeyRef::Request(key) => {
                let found = self.context.values.iter().find(|(known, _)| known == key);
                match found.map(|(_, value)| value) {
                    None => Found::Absent,
                    Some(Value::List(list)) => Found::Many(list.clone()),
                    Some(value) => Found::One(value.clone()),
                }
            }
            KeyRef::Scene(key) => self.derived(*key),
            KeyRef::Tag(TagFamily::Principal, name) => {
                let tags = self.caller.map(|caller| &caller.user.tags[..]).unwrap_or_default();
                let found = tags.iter().find(|(known, _)| known == name);
                found.map_or(Found::Absent, |(_, value)| {
                    Found::One(Value::Text(Cow::Borrowed(value)))
                })
            }
            KeyRef::Tag(family, name) => {
                let mut tags = self.context.tags.iter();
                let found = tags.find(|(of, known, _)| of == family && **known == **name);
                found.map_or(Found::Absent, |(_, _, value)| Found::One(Value::Text(value.clone())))
            }
            KeyRef::Unknown(_) => Found::Absent,
        }
    }

    fn pretended(&self, key: &KeyRef) -> Option<Found<'a>> {
        if self.context.entries.is_empty() {
            return None;
        }
        let entry = self
            .context
            .entries
            .iter()
            .find(|e| KeyRef::parse(&e.key).as_ref() == Ok(key))?;
        Some(match &entry.values[..] {
            [] if !entry.is_list => Found::Absent,
            [one] if !entry.is_list => Found::One(Value::Text(Cow::Borrowed(one))),
            many => Found::Many(many.iter().map(|value| Cow::Borrowed(&value[..])).collect()),
        })
    }

    fn derived(&self, key: SceneKey) -> Found<'a> {
        let text = |text: String| Found::One(Value::Text(text.into()));
        let session = self.caller.and_then(|caller| caller.session());
        let value = match key {
            SceneKey::SourceIp => match self.context.origin {
                Some(origin) => Some(Value::Address(origin.source.to_canonical())),
                None => return Found::Broken,
            },
            SceneKey::SecureTransport => Some(Value::Bool(self.context.origin.is_some_and(|origin| origin.is_secure))),
            SceneKey::CurrentTime => Some(Value::Date(self.context.now)),
            SceneKey::EpochTime => Some(Value::Number(self.context.now.as_secs())),
            SceneKey::PrincipalArn => return self.caller.map_or(Found::Absent, |caller| text(caller.arn())),
            SceneKey::PrincipalAccount => {
                return self
                    .caller
                    .map_or(Found::Absent, |caller| text(caller.user.account.to_string()));
            }
            SceneKey::PrincipalType => Some(Value::Text(self.principal_type().into())),
            // A root has no name in policies (AWS, "Information available in all requests").
            SceneKey::UserName => self
                .caller
                .filter(|caller| caller.user.role != Role::Root)
                .map(|caller| Value::Text(caller.user.name.as_str().into())),
            SceneKey::UserId => match self.caller {
                Some(caller) if caller.user.role == Role::Root => return text(caller.user.account.to_string()),
                Some(caller) => return text(caller.user.id.to_string()),
                None => Some(Value::Text("anonymous".into())),
            },
            // Absent of long-lived keys, so that `BoolIfExists` and `Null` tell them apart (AWS, same page).
            SceneKey::MultiFactorAuthPresent => session.map(|session| Value::Bool(session.mfa_at.is_some())),
            SceneKey::MultiFactorAuthAge => session.and_then(|session| session.mfa_at).map(|at| {
                let age = self.context.now.since(at).as_secs();
                Value::Number(i64::try_from(age).unwrap_or(i64::MAX))
            }),
            SceneKey::TokenIssueTime => session.map(|session| Value::Date(session.issued)),
            SceneKey::ResourceAccount | SceneKey::S3ResourceAccount => {
                return self.owner.map_or(Found::Absent, |owner| text(owner.to_string()));
            }
            SceneKey::ViaAwsService | SceneKey::PrincipalIsAwsService => Some(Value::Bool(false)),
        };
        value.map_or(Found::Absent, Found::One)
    }

    fn principal_type(&self) -> &'static str {
        match self.caller {
            None => "Anonymous",
            Some(caller) => match (&caller.credential, caller.user.role) {
                (Credential::Session(session), _) if matches!(session.kind, SessionKind::Reseller { .. }) => {
                    "AssumedRole"
                }
                (_, Role::Root) => "Account",
                (_, Role::Admin | Role::User) => "User",
            },
        }
    }
}
