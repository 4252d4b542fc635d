//! An entry: one line of JSON.

use baleen_policy::{Credential, Principal, Role, SessionKind};
use serde::{Deserialize, Serialize};

use crate::Event;
use crate::limits::{RESOURCE_BYTES_MAX, STATEMENT_BYTES_MAX};

/// An entry of the log. Written once; a member that later releases add is absent in older lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number in the account's log, from 1, without gaps.
    pub sequence: u64,
    /// SHA-256 of the line before, in hexadecimal digits; of the first, 64 zeros.
    pub before: String,
    /// When the request came, RFC 3339 in UTC.
    pub time: String,
    /// The request's id, as its answer had it.
    pub request: String,
    /// The account whose log this is.
    pub account: String,
    /// The ARN of who asked; absent for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The name of the user who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the user who asked, which stays when the name changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// By which kind of credential.
    pub credential: CredentialKind,
    /// Which one: an access key id, or the first digits of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// The ARN of the reseller's user who stands behind the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller: Option<String>,
    /// The client's address.
    pub source: String,
    /// The other end of the connection, when that was a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The door.
    pub door: String,
    /// The operation.
    pub operation: String,
    /// The permission it needs, as policies name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What it acted on, as policies name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What was decided.
    pub decision: Decision,
    /// Why, when it was refused before any policy was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the policy statement that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Requests of this account that were left out and of which no entry before tells.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

/// By which kind of credential somebody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// None.
    None,
    /// A long-lived access key.
    AccessKey,
    /// A session that began with a password.
    LoginSession,
    /// A session that the account's identity provider vouched for.
    FederatedSession,
    /// A session made of another credential of the user.
    DerivedSession,
    /// A reseller's session within the customer.
    ResellerSession,
    /// An API token.
    ApiToken,
}

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Allowed by policy.
    Allowed,
    /// Denied by policy.
    Denied,
    /// Turned away before any policy was asked: not believed, or from an address that is not allowed. Then the principal is
    /// who was claimed to ask.
    Refused,
}

impl Entry {
    /// Writes an event down at its place in the chain of `account`.
    pub(crate) fn of(event: &Event, account: &str, sequence: u64, before: &[u8; 32], left_out: u64) -> Self {
        let who = Who::of(&event.principal);
        let origin = event.origin;
        let deed = event.deed.as_ref();
        let decision = match (event.refusal, event.is_refused()) {
            (Some(_), _) => Decision::Refused,
            (None, true) => Decision::Denied,
            (None, false) => Decision::Allowed,
        };
        Self {
            sequence,
            before: hex::encode(before),
            time: event.at.to_rfc3339_micros(),
            request: event.request.to_string(),
            account: account.to_owned(),
            principal: who.arn,
            user: who.name,
            user_id: who.id,
            credential: who.credential,
            credential_id: who.credential_id,
            reseller: who.reseller,
            source: origin.source.to_string(),
            peer: (origin.peer.ip() != origin.source).then(|| origin.peer.to_string()),
            door: event.door.to_owned(),
            operation: event.operation.to_owned(),
            action: deed
                .map(|deed| deed.action.to_owned())
                .filter(|action| !action.is_empty()),
            resource: deed
                .map(|deed| cut(&deed.resource, RESOURCE_BYTES_MAX))
                .filter(|resource| !resource.is_empty()),
            decision,
            reason: event.refusal.map(str::to_owned),
            statement: deed
                .and_then(|deed| deed.statement.as_deref())
                .map(|id| cut(id, STATEMENT_BYTES_MAX)),
            status: event.status,
            left_out,
        }
    }

    /// The line as it is stored, hashed and exported, without its end.
    ///
    /// Meant for new entries: an entry that was read keeps the line it was read from, see [`crate::Page`].
    #[must_use]
    pub fn to_line(&self) -> String {
        // Texts and numbers always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

struct Who {
    arn: Option<String>,
    name: Option<String>,
    id: Option<String>,
    credential: CredentialKind,
    credential_id: Option<String>,
    reseller: Option<String>,
}

impl Who {
    fn of(principal: &Principal) -> Self {
        let Some(caller) = principal.caller() else {
            return Self {
                arn: None,
                name: None,
                id: None,
                credential: CredentialKind::None,
                credential_id: None,
                reseller: None,
            };
        };
        let mut reseller = None;
        let (credential, credential_id) = match &caller.credential {
            Credential::AccessKey(id) => (CredentialKind::AccessKey, id.to_string()),
            Credential::ApiToken(grant) => (CredentialKind::ApiToken, grant.short_id.to_string()),
            Credential::Session(session) => {
                let kind = match &session.kind {
                    SessionKind::Login => CredentialKind::LoginSession,
                    SessionKind::Federated => CredentialKind::FederatedSession,
                    SessionKind::Derived => CredentialKind::DerivedSession,
                    SessionKind::Reseller { by } => {
                        let by = &by.user;
                        // Two accounts may have a user of one name; a root's ARN does not even have that.
                        reseller = Some(match by.role {
                            Role::Root => format!("{} ({})", by.arn(), by.name),
                            Role::Admin | Role::User => by.arn(),
                        });
                        CredentialKind::ResellerSession
                    }
                };
                (kind, session.id.to_string())
            }
        };
        Self {
            arn: Some(caller.user.arn()),
            name: Some(caller.user.name.to_string()),
            id: Some(caller.user.id.to_string()),
            credential,
            credential_id: Some(credential_id),
            reseller,
        }
    }
}

/// Cuts a text to what takes at most `bytes_max` in a line; a text that was cut ends with `…`.
fn cut(text: &str, bytes_max: usize) -> String {
    let mut left = bytes_max;
    for (at, character) in text.char_indices() {
        let bytes = match character {
            '"' | '\\' => 2,
            c if c.is_ascii_control() => 6,
            c => c.len_utf8(),
        };
        let Some(rest) = left.checked_sub(bytes) else {
            return format!("{}…", &text[..at]);
        };
        left = rest;
    }
    text.to_owned()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        for (text, bytes_max, wanted) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc…"),
            ("aü", 2, "a…"),
            ("aü", 3, "aü"),
            ("\"\"", 3, "\"…"),
            ("\n\n", 11, "\n…"),
            ("\n\n", 12, "\n\n"),
        ] {
            assert_eq!(cut(text, bytes_max), wanted, "{text:?} {bytes_max}");
        }
    }
}
