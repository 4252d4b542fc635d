//! `baleen admin whitelist`.

use crate::admin::call::Call;
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List the rules of a customer.
    List {
        /// The customer's name.
        customer: String,
    },
    /// Ask for a network to be let in. Nothing changes until the reseller approves.
    Add {
        /// The customer's name.
        customer: String,
        /// The network: 192.0.2.0/24.
        network: String,
        /// What it is.
        #[arg(long, value_name = "TEXT")]
        notes: Option<String>,
        /// Days from the approval after which the rule ends [default: never].
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// A region where it holds; may be repeated [default: all].
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        regions: Vec<String>,
    },
    /// Let a network in, and with the first keep all others out.
    Approve {
        #[command(flatten)]
        rule: Rule,
        /// Also if it is the first of your own account and your address is not in it, which locks you out.
        #[arg(long)]
        force: bool,
    },
    /// Turn a rule down that waits for approval.
    Reject(Rule),
    /// Delete a rule.
    Delete {
        #[command(flatten)]
        rule: Rule,
        /// Also if it is the one of your own account that lets you in while others remain, which locks you out.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Rule {
    /// The customer's name.
    customer: String,
    /// The rule's id.
    id: String,
}

impl Rule {
    fn call(&self, method: &'static str, name: &str) -> Call {
        let members = [("root", self.customer.as_str()), ("ruleId", self.id.as_str())];
        Call::whitelist(method, name, &members)
    }

    fn done(&self, call: Call, sentence: &str) -> Plan {
        Plan::done(call, format!("rule {} {sentence}", self.id))
    }
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::List { customer } => Plan::new(
                Call::whitelist("GET", "RSWhitelistListRules", &[("root", customer)]),
                Show::Table {
                    list: "rules",
                    columns: &[
                        ("ID", "ruleId"),
                        ("NETWORK", "subNet"),
                        ("STATUS", "status"),
                        ("ENDS", "endsAt"),
                        ("NOTES…", "notes"),
                        ("+DAYS", "ttl"),
                        ("+REGIONS", "regions"),
                        ("+UPDATED", "updatedAt"),
                    ],
                },
            ),
            Self::Add {
                customer,
                network,
                notes,
                days,
                regions,
            } => {
                let mut call = Call::whitelist("PUT", "RSWhitelistAddRule", &[("root", customer), ("subNet", network)]);
                if let Some(notes) = notes {
                    call = call.member("notes", json!(notes));
                }
                if let Some(days) = days {
                    call = call.member("ttl", json!(days));
                }
                if !regions.is_empty() {
                    call = call.member("regions", json!(regions));
                }
                Plan::new(
                    call,
                    Show::Members {
                        of: "",
                        members: &[("rule id", "ruleId")],
                    },
                )
                .noting("the rule waits for the reseller: baleen admin whitelist approve")
            }
            Self::Approve { rule, force } => {
                let mut call = rule.call("POST", "RSWhitelistApproveRule");
                if *force {
                    call = call.member("force", json!(true));
                }
                rule.done(call, "is in force")
            }
            Self::Reject(rule) => rule.done(rule.call("POST", "RSWhitelistRejectRule"), "is turned down"),
            Self::Delete { rule, force } => {
                let mut members = vec![("root", rule.customer.as_str()), ("ruleId", rule.id.as_str())];
                members.extend(force.then_some(("force", "true")));
                let call = Call::whitelist("DELETE", "RSWhitelistDeleteRule", &members);
                rule.done(call, "is deleted")
                    .asking(format!("delete rule {} of {}", rule.id, rule.customer))
            }
        })
    }
}
