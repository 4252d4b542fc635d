//! `baleen admin token`.

use super::Switch;
use crate::admin::call::Call;
use crate::admin::show::{Column, Show, text_of};
use crate::admin::{Plan, Planned};
use crate::config::parse::duration_with_unit;
use crate::failure::Failure;
use baleen_iam::Method;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List the API tokens of a user.
    List {
        /// Whose [default: everybody's, or your own if you are no admin].
        user: Option<String>,
    },
    /// Make an API token, and show it this once.
    Create {
        /// By which people tell it apart.
        label: String,
        /// Whose it is [default: your own].
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Show what an API token is for, and what it did last.
    Show(Token),
    /// Change options of an API token; those left out stay, and an empty text takes one away.
    Update {
        #[command(flatten)]
        token: Token,
        /// By which people tell it apart.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Let an API token be used again.
    Enable(Token),
    /// Let an API token be used no longer.
    Disable(Token),
    /// Make another token with the same options, and show it this once.
    Rotate {
        #[command(flatten)]
        token: Token,
        /// How long the old one still works: 24h, or 0s if it is in other hands.
        #[arg(long, value_name = "TIME", value_parser = duration_with_unit)]
        keep_old: Duration,
    },
    /// Delete an API token.
    Delete(Token),
    /// Show, or set, whether users who are no admins have tokens, and whether guests are let in.
    Settings {
        /// Users define tokens of their own.
        #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
        user_defined: Option<Switch>,
        /// Captures may be made public.
        #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
        guests: Option<Switch>,
    },
    /// Disable every token that was defined by a user who is no admin.
    DisableUserDefined,
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Token {
    /// Its id: the first six digits.
    id: String,
}

/// What a token is for.
#[derive(Debug, Args)]
pub(in crate::admin) struct Options {
    /// What it may be used for, as far as the policies of its user allow that; may be repeated [default: upload].
    #[arg(long = "method", value_name = "NAME", value_delimiter = ',', value_parser = method_names())]
    methods: Vec<String>,
    /// The group with which captures are shared.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Let the group change them.
    #[arg(long, value_enum, value_name = "on|off", num_args = 0..=1, default_missing_value = "on", hide_possible_values = true)]
    group_write: Option<Switch>,
    /// Let guests see them.
    #[arg(long, value_enum, value_name = "on|off", num_args = 0..=1, default_missing_value = "on", hide_possible_values = true)]
    public: Option<Switch>,
    /// A tag put on every upload; may be repeated.
    #[arg(long = "tag", value_name = "TEXT", value_delimiter = ',')]
    tags: Vec<String>,
    /// The display profile put on every upload.
    #[arg(long, value_name = "NAME")]
    display_profile: Option<String>,
    /// Let it count only for who is logged in besides.
    #[arg(long, value_enum, value_name = "on|off", num_args = 0..=1, default_missing_value = "on", hide_possible_values = true)]
    must_log_in: Option<Switch>,
    /// When it ends: 2027-01-31T00:00:00Z [default: never].
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

fn method_names() -> PossibleValuesParser {
    Method::ALL
        .iter()
        .map(|method| method.name())
        .collect::<Vec<_>>()
        .into()
}

/// Methods that allow nothing, which nobody notices before the token is used.
fn idle(answer: &Value) -> Option<String> {
    let token = &answer["ApiToken"];
    let idle = text_of(token, "IdleMethods");
    (token["IdleMethods"].as_array()?.iter().any(Value::is_string)).then(|| {
        format!(
            "of no use yet: {idle}. No policy allows {} what they stand for; docs/reference/identity.md, \"API tokens\", has the \
             permissions of each",
            text_of(token, "UserName")
        )
    })
}

impl Options {
    fn add_to(&self, call: Call) -> Call {
        let list = |items: &[String]| Some(items.join(",")).filter(|_| !items.is_empty());
        call.maybe("Methods", list(&self.methods).as_deref())
            .maybe("Group", self.group.as_deref())
            .maybe("GroupWrite", self.group_write.map(Switch::word))
            .maybe("Public", self.public.map(Switch::word))
            .maybe("DefaultTags", list(&self.tags).as_deref())
            .maybe("Profile", self.display_profile.as_deref())
            .maybe("MustLogIn", self.must_log_in.map(Switch::word))
            .maybe("Expires", self.expires.as_deref())
    }
}

impl Token {
    fn call(&self, action: &str) -> Call {
        Call::iam(action).with("ApiTokenId", &self.id)
    }

    fn set(&self, enabled: Switch, sentence: &str) -> Plan {
        let call = self.call("UpdateApiToken").with("Enabled", enabled.word());
        Plan::done(call, format!("API token {} {sentence}", self.id))
    }
}

const MEMBERS: &[Column] = &[
    ("id", "Id"),
    ("label", "Label"),
    ("user", "UserName"),
    ("methods", "Methods"),
    ("that allow nothing now", "IdleMethods"),
    ("enabled", "Enabled"),
    ("expires", "Expires"),
    ("ends, being rotated", "Retires"),
    ("must log in", "MustLogIn"),
    ("group", "Group"),
    ("group may change", "GroupWrite"),
    ("for guests", "Public"),
    ("tags", "DefaultTags"),
    ("display profile", "Profile"),
    ("user-defined", "UserDefined"),
    ("created", "CreatedOn"),
    ("created by", "CreatedBy"),
    ("last used", "LastUsed"),
    ("last used from", "LastUsedFrom"),
    ("uses", "UseCount"),
];

const SHOWN: Show = Show::Members {
    of: "ApiToken",
    members: MEMBERS,
};

/// A token that was made just now.
fn made(call: Call) -> Plan {
    let members = &[
        ("token", "Token"),
        ("id", "ApiToken.Id"),
        ("label", "ApiToken.Label"),
        ("user", "ApiToken.UserName"),
        ("methods", "ApiToken.Methods"),
        ("that allow nothing now", "ApiToken.IdleMethods"),
        ("expires", "ApiToken.Expires"),
    ];
    Plan::new(call, Show::Members { of: "", members })
        .noting("the token is shown this once: keep it where only its user reads it")
        .remarking(idle)
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::List { user } => Plan::new(
                Call::iam("ListApiTokens").maybe("UserName", user.as_deref()),
                Show::Table {
                    list: "ApiTokens",
                    columns: &[
                        ("ID", "Id"),
                        ("LABEL", "Label"),
                        ("USER", "UserName"),
                        ("ON", "Enabled"),
                        ("LAST USED", "LastUsed"),
                        ("METHODS…", "Methods"),
                        ("+USER-DEFINED", "UserDefined"),
                        ("+EXPIRES", "Expires"),
                    ],
                },
            ),
            Self::Create { label, user, options } => {
                let call = Call::iam("CreateApiToken").with("Label", label);
                made(options.add_to(call.maybe("UserName", user.as_deref())))
            }
            Self::Show(token) => Plan::new(token.call("GetApiToken"), SHOWN),
            Self::Update { token, label, options } => {
                let call = token.call("UpdateApiToken").maybe("Label", label.as_deref());
                Plan::new(options.add_to(call), SHOWN).remarking(idle)
            }
            Self::Enable(token) => token.set(Switch::On, "may be used again"),
            Self::Disable(token) => token.set(Switch::Off, "is disabled"),
            Self::Rotate { token, keep_old } => {
                let grace = keep_old.as_millis().div_ceil(1000).to_string();
                made(token.call("RotateApiToken").with("GraceSeconds", grace))
            }
            Self::Delete(token) => Plan::done(
                token.call("DeleteApiToken"),
                format!("API token {} is deleted", token.id),
            )
            .asking(format!("delete API token {}", token.id)),
            Self::Settings { user_defined, guests } => {
                let asks = user_defined.is_none() && guests.is_none();
                let action = if asks {
                    "GetApiTokenSettings"
                } else {
                    "SetApiTokenSettings"
                };
                let call = Call::iam(action)
                    .maybe("UserDefinedTokens", user_defined.map(Switch::word))
                    .maybe("GuestAccess", guests.map(Switch::word));
                let members = &[
                    ("users define tokens", "UserDefinedTokens"),
                    ("guests are let in", "GuestAccess"),
                ];
                Plan::new(call, Show::Members { of: "", members })
            }
            Self::DisableUserDefined => {
                let members = &[("disabled", "Disabled")];
                Plan::new(
                    Call::iam("DisableUserDefinedApiTokens"),
                    Show::Members { of: "", members },
                )
                .asking("disable the tokens of all users who are no admins")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn methods_without_a_right_are_told() {
        let of = |idle_methods| idle(&json!({ "ApiToken": { "UserName": "ann", "IdleMethods": idle_methods } }));
        assert_eq!(of(json!([])), None);
        let told = of(json!(["info", "search"])).expect("two are idle");
        assert!(told.contains("info,search") && told.contains("ann"), "{told}");
        assert_eq!(idle(&Value::Null), None);
    }
}
