//! Requests and the reading of answers, in short.

use super::people::PASSWORD;
use super::world::{Ask, Heard, Key, World};
use baleen_iam::{Method as TokenMethod, Methods, TokenOptions};
use baleen_policy::{Action, Authorized, Context, Resource, UserFacts, authorize};
use baleen_types::{AccessKeyId, UserName};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::fmt::Write as _;

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A call of the query protocol.
pub(super) fn call(action: &str, params: &[(&str, &str)]) -> Ask {
    let row = baleen_api_iam::ops::ROWS.iter().find(|row| row.name == action);
    let service = row.map_or("iam", |row| row.service.name());
    let version = row.map_or("2010-05-08", |row| row.service.version());
    let mut body = format!("Action={action}&Version={version}");
    for (name, value) in params {
        write!(body, "&{name}={}", encode(value)).unwrap();
    }
    Ask {
        service,
        method: Method::POST,
        target: "/".to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body,
    }
}

/// A whitelist call.
pub(super) fn whitelist(method: Method, name: &str, fields: &Value) -> Ask {
    Ask {
        service: "iam",
        method,
        target: format!("/api/whitelist/{name}"),
        headers: vec![("content-type", "application/json".to_owned())],
        body: fields.to_string(),
    }
}

/// The text of the first element of a name.
pub(super) fn element(document: &str, name: &str) -> String {
    let (_, rest) = document
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {document}"));
    rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
}

/// A policy with statements of effect, action and resource.
pub(super) fn policy(statements: &[(&str, &str, &str)]) -> String {
    let statements = statements.iter().map(
        |(effect, action, resource)| serde_json::json!({ "Effect": effect, "Action": action, "Resource": resource }),
    );
    serde_json::json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() }).to_string()
}

impl World {
    /// Makes a call that has to succeed.
    pub(super) async fn must(&self, key: &Key, ask: &Ask) -> Heard {
        let heard = self.send(ask, Some(key), None).await;
        assert!(heard.status < 300, "{ask:?}: {heard:?}");
        heard
    }

    pub(super) async fn json(&self, key: &Key, action: &str, params: &[(&str, &str)]) -> Value {
        let heard = self.must(key, &call(action, params)).await;
        serde_json::from_str(&heard.body).unwrap_or(Value::Null)
    }

    pub(super) async fn log_in(&self, customer: &str, user: &str) -> Key {
        let ask = call(
            "RSLogin",
            &[("Customer", customer), ("UserName", user), ("Password", PASSWORD)],
        );
        let heard = self.send(&ask, None, None).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        let told: Value = serde_json::from_str(&heard.body).unwrap();
        key_of_json(&told["Credentials"])
    }

    /// A session of the key's user, held to a policy.
    pub(super) async fn derive(&self, by: &Key, policy: Option<&str>) -> Key {
        let mut params = vec![
            ("RoleArn", "arn:aws:iam::000000000000:role/any"),
            ("RoleSessionName", "night"),
        ];
        params.extend(policy.map(|policy| ("Policy", policy)));
        let heard = self.must(by, &call("AssumeRole", &params)).await;
        Key {
            session_token: Some(element(&heard.body, "SessionToken")),
            ..key_of_xml(&heard.body)
        }
    }

    pub(super) async fn key_for(&self, by: &Key, user: &str) -> Key {
        let heard = self.must(by, &call("CreateAccessKey", &[("UserName", user)])).await;
        key_of_xml(&heard.body)
    }

    pub(super) async fn user(&self, by: &Key, name: &str, kind: &str) -> Key {
        self.must(by, &call("CreateUser", &[("UserName", name)])).await;
        self.must(by, &call("RSSetUserInfo", &[("Name", name), ("Type", kind)]))
            .await;
        self.key_for(by, name).await
    }

    /// A token of a user, made by the root behind the key.
    pub(super) async fn token(&self, root: &Key, user: &str, methods: &[TokenMethod]) -> String {
        let by = self.may_manage_tokens(root).await;
        let owner = self
            .iam
            .find_user(by.account(), &UserName::parse(user).unwrap())
            .await
            .unwrap();
        let options = TokenOptions {
            methods: Methods::of(methods),
            ..TokenOptions::labelled("asks")
        };
        self.iam
            .create_token(&by, owner.id, options)
            .await
            .unwrap()
            .token
            .expose()
            .to_owned()
    }

    pub(super) async fn may_manage_tokens(&self, key: &Key) -> Authorized {
        let id = AccessKeyId::parse(&key.id).unwrap();
        let known = self.iam.credential(&id).await.unwrap().found().unwrap();
        let user = known.principal.user().unwrap();
        let ask = baleen_policy::Ask {
            principal: &known.principal,
            action: Action::CapturesManageTokens,
            resource: Resource::User(UserFacts::from(&**user)),
            context: &Context::new(super::world::NOW),
        };
        authorize(&ask).unwrap()
    }
}

/// The first digits of a token, by which it is managed.
pub(super) fn short_id(token: &str) -> String {
    token.chars().take(6).collect()
}

fn key_of_xml(document: &str) -> Key {
    Key {
        id: element(document, "AccessKeyId"),
        secret: element(document, "SecretAccessKey"),
        session_token: None,
    }
}

pub(super) fn key_of_json(value: &Value) -> Key {
    let text = |name: &str| {
        value[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} in {value}"))
            .to_owned()
    };
    Key {
        id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        session_token: None,
    }
}
