//! A call of the identity door: what is sent, apart from who signs it.

use baleen_remote::Credentials;
use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode, encode_component};
use baleen_types::Secret;
use serde_json::Value;

/// Where the form is posted to.
const ROOT: &str = "/";

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) service: &'static str,
    path: String,
    /// A header beside those that every call has; it is not signed.
    header: Option<(&'static str, String)>,
    body: Body,
    pub(super) is_signed: bool,
    /// What to do when it is denied, if that is not to take other credentials.
    pub(super) if_denied: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Body {
    Form(Vec<(String, Parameter)>),
    Json(Value),
    None,
}

/// The value of a parameter; `Debug` hides one that must not be seen.
#[derive(Clone, Debug)]
enum Parameter {
    Plain(String),
    Hidden(Secret),
}

/// A call as it goes over the wire.
pub(super) struct Wire {
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Call {
    /// An action of IAM.
    pub(super) fn iam(action: &str) -> Self {
        Self::action("iam", "2010-05-08", action)
    }

    /// An action of STS.
    pub(super) fn sts(action: &str) -> Self {
        Self::action("sts", "2011-06-15", action)
    }

    fn action(service: &'static str, version: &str, action: &str) -> Self {
        Self {
            method: "POST",
            service,
            path: ROOT.to_owned(),
            header: None,
            body: Body::Form(Vec::new()),
            is_signed: true,
            if_denied: None,
        }
        .with("Action", action)
        .with("Version", version)
    }

    /// A whitelist call, which is not an action but a path. One without a body has its members in the query.
    pub(super) fn whitelist(method: &'static str, name: &str, members: &[(&str, &str)]) -> Self {
        let path = format!("/api/whitelist/{name}");
        let (path, body) = if matches!(method, "GET" | "DELETE") {
            (format!("{path}?{}", form(members.iter().copied())), Body::None)
        } else {
            let object = members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
            (path, Body::Json(Value::Object(object.collect())))
        };
        Self {
            method,
            service: "iam",
            path,
            header: None,
            body,
            is_signed: true,
            if_denied: None,
        }
    }

    /// A page that anybody may read, in a folder that is named later; see [`Call::below`].
    pub(super) fn page(name: &'static str) -> Self {
        Self {
            method: "GET",
            service: "iam",
            path: format!("/{name}"),
            header: None,
            body: Body::None,
            is_signed: false,
            if_denied: None,
        }
    }

    /// Puts the path below a folder.
    #[must_use]
    pub(super) fn below(mut self, folder: &str) -> Self {
        self.path = format!("/{}{}", folder.trim_matches('/'), self.path);
        self
    }

    /// Says what to do when it is denied: what was typed is wrong, or the session is of the wrong kind.
    #[must_use]
    pub(super) fn if_denied(mut self, advice: &'static str) -> Self {
        self.if_denied = Some(advice);
        self
    }

    /// Adds a header, which is not signed.
    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub(super) fn with(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.add(name.into(), Parameter::Plain(value.into()))
    }

    /// Adds a parameter if there is one.
    #[must_use]
    pub(super) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a parameter that nobody may see.
    #[must_use]
    pub(super) fn secret(self, name: &str, value: Secret) -> Self {
        self.add(name.to_owned(), Parameter::Hidden(value))
    }

    /// Adds a member to the JSON of a whitelist call.
    #[must_use]
    pub(super) fn member(mut self, name: &str, value: Value) -> Self {
        if let Body::Json(Value::Object(members)) = &mut self.body {
            members.insert(name.to_owned(), value);
        }
        self
    }

    /// Sends it without a signature, as the actions of those want it who have no key yet.
    #[must_use]
    pub(super) fn unsigned(mut self) -> Self {
        self.is_signed = false;
        self
    }

    fn add(mut self, name: String, value: Parameter) -> Self {
        if let Body::Form(parameters) = &mut self.body {
            parameters.push((name, value));
        }
        self
    }

    /// Puts the call into bytes, signed by `credentials` unless it goes unsigned.
    pub(super) fn wire(&self, host: &str, region: &str, credentials: Option<&Credentials>, now: AmzDate) -> Wire {
        let (media_type, body) = match &self.body {
            Body::Form(parameters) => {
                let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.text()));
                ("application/x-www-form-urlencoded", form(pairs))
            }
            Body::Json(value) => ("application/json", value.to_string()),
            Body::None => ("application/json", String::new()),
        };
        let mut headers = vec![("host", host.to_owned()), ("content-type", media_type.to_owned())];
        if let Some(credentials) = credentials.filter(|_| self.is_signed) {
            let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
            let signer = Signer {
                access_key_id: &credentials.access_key_id,
                secret: credentials.secret.expose(),
                session_token: credentials.session_token.as_ref().map(Secret::expose),
                region,
                service: self.service,
            };
            let plain: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let request = ToSign {
                method: self.method,
                path,
                query,
                headers: &plain,
                payload: PayloadMode::of_body(body.as_bytes()),
                style: PathStyle::Generic,
            };
            headers.extend(signer.sign(&request, now).headers);
        }
        headers.extend(self.header.clone());
        Wire {
            target: self.path.clone(),
            headers,
            body,
        }
    }
}

impl Parameter {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Hidden(secret) => secret.expose(),
        }
    }
}

fn form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

fn encoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    encode_component(text.as_bytes(), &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_types::Timestamp;
    use serde_json::json;

    fn sent(call: &Call) -> (String, String, String) {
        let credentials = Credentials {
            access_key_id: "AKIAEXAMPLEEXAMPLE00".to_owned(),
            secret: Secret::new("secret"),
            session_token: None,
        };
        let wire = call.wire(
            "h:1",
            "us-east-1",
            Some(&credentials),
            AmzDate::from_timestamp(Timestamp::EPOCH),
        );
        let header = |wanted: &str| {
            wire.headers
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let signed = header("authorization").cloned().unwrap_or_default();
        (wire.target, wire.body, signed)
    }

    #[test]
    fn actions_are_forms_signed_for_their_service() {
        let call = Call::iam("CreateUser")
            .with("UserName", "a+b@example.com")
            .maybe("Path", None);
        let (target, body, signed) = sent(&call);
        assert_eq!(target, "/");
        assert_eq!(
            body,
            "Action=CreateUser&Version=2010-05-08&UserName=a%2Bb%40example.com"
        );
        assert!(signed.contains("/19700101/us-east-1/iam/aws4_request"), "{signed}");
        assert!(
            signed.contains("content-type;host;x-amz-content-sha256;x-amz-date"),
            "{signed}"
        );
        assert!(sent(&Call::sts("GetCallerIdentity")).2.contains("/sts/aws4_request"));
        assert_eq!(sent(&Call::iam("RSResetPassword").unsigned()).2, "");
    }

    #[test]
    fn whitelist_calls_have_their_members_in_the_query_or_in_json() {
        let (target, body, _) = sent(&Call::whitelist("GET", "RSWhitelistListRules", &[("root", "a b")]));
        assert_eq!(
            (target.as_str(), body.as_str()),
            ("/api/whitelist/RSWhitelistListRules?root=a%20b", "")
        );
        let add = Call::whitelist("PUT", "RSWhitelistAddRule", &[("root", "r")]).member("ttl", json!(3));
        let (target, body, _) = sent(&add);
        assert_eq!(target, "/api/whitelist/RSWhitelistAddRule");
        assert_eq!(
            serde_json::from_str::<Value>(&body).ok(),
            Some(json!({ "root": "r", "ttl": 3 }))
        );
    }

    #[test]
    fn debug_hides_what_must_not_be_seen() {
        let call = Call::iam("RSResetPassword").secret("NewPassword", Secret::new("Canary-7"));
        assert!(!format!("{call:?}").contains("Canary"), "{call:?}");
        assert!(sent(&call).1.contains("NewPassword=Canary-7"));
    }
}
