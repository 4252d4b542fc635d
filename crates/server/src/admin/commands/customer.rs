//! `baleen admin customer`.

use super::Switch;
use crate::admin::call::Call;
use crate::admin::confirm::Confirm;
use crate::admin::session::Opening;
use crate::admin::show::{Show, text_of};
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use baleen_tenancy::Service;
use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List the customers.
    List {
        /// Those that were deleted, until when each can be taken back (customer enable).
        #[arg(long)]
        deleted: bool,
    },
    /// Make a customer with its root user, and show the token with which root sets its password.
    Create {
        /// Its name: 3 to 63 lower-case letters, digits and hyphens.
        name: String,
        /// The e-mail of its root user, which is also that user's name.
        email: String,
        /// Who may let the reseller in, with customer modify --assume-role; nothing changes this later.
        #[arg(long, value_enum, default_value_t = Control::Nobody)]
        assume_role_control: Control,
        /// A region it may make buckets in; may be repeated [default: all].
        #[arg(long = "may-use", value_name = "REGION")]
        regions: Vec<String>,
        /// Give it no service at first: `customer services` gives it each. Nothing changes this later.
        #[arg(long)]
        restrict_service_access: bool,
    },
    /// Show the services that a customer may use, or give or withhold one, if it was made with --restrict-service-access.
    Services {
        /// Its name.
        name: String,
        /// Let it use this service: space (the S3 door), capture (the PCAPs door).
        #[arg(long, value_name = "SERVICE", value_parser = service_names())]
        grant: Option<String>,
        /// From this day of UTC on, or this time, no longer [default: without end].
        #[arg(long, value_name = "DAY", requires = "grant")]
        until: Option<String>,
        /// Let it use this service no longer.
        #[arg(long, value_name = "SERVICE", value_parser = service_names(), conflicts_with = "grant")]
        withhold: Option<String>,
    },
    /// Show what a customer has.
    Show {
        /// Its name.
        name: String,
    },
    /// Change what a customer may; what is left out stays.
    #[command(arg_required_else_help = true)]
    Modify {
        /// Its name.
        name: String,
        /// Let the reseller in, or no longer: its sessions end then. Only who was named at customer create may.
        #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
        assume_role: Option<Switch>,
        /// Hold its buckets to one replication policy: all of its regions. Buckets that are there keep theirs.
        #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
        replication_enforcement: Option<Switch>,
        /// A region it may make buckets in, in place of those until now; may be repeated.
        #[arg(long = "may-use", value_name = "REGION")]
        regions: Vec<String>,
    },
    /// Open a session with the rights of a customer's root, if the customer lets its reseller in.
    Assume {
        /// Its name.
        name: String,
        #[command(flatten)]
        opening: Opening,
    },
    /// Let a disabled customer go on.
    Enable {
        /// Its name.
        name: String,
    },
    /// Stop every log-in, key, session and link of a customer; its data stays.
    Disable {
        /// Its name.
        name: String,
    },
    /// Disable a customer for good; its data goes when the hold time is over.
    Delete {
        /// Its name.
        name: String,
    },
}

/// Who switches RSAssumeCustomerRole on and off.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::admin) enum Control {
    /// It is never assumed.
    Nobody,
    /// The reseller itself.
    Reseller,
    /// The customer's root.
    Customer,
}

fn service_names() -> PossibleValuesParser {
    Service::ALL.map(Service::as_str).into()
}

/// The call that gives or withholds a service, and what is said of it.
fn level(name: &str, service: &str, may_use: bool, until: Option<&str>) -> Plan {
    let call = Call::iam("RSSetCustomerServiceAccessLevel")
        .with("CustomerName", name)
        .with("Service", service)
        .with("Enabled", may_use.to_string())
        .maybe("ExpirationDate", until);
    let said = match (may_use, until) {
        (false, _) => format!("customer {name} may use {service} no longer"),
        (true, None) => format!("customer {name} may use {service}"),
        (true, Some(end)) => format!("customer {name} may use {service} until {end}"),
    };
    Plan::done(call, said)
}

/// Which services a restricted customer may use.
fn restriction(details: &Value) -> Option<String> {
    let services = details["Services"].as_array()?;
    let granted = services.iter().filter(|service| service["Enabled"] == true);
    let named: Vec<String> = granted
        .map(|service| match service["ExpirationDate"].as_str() {
            Some(end) => format!("{} until {end}", text_of(service, "Service")),
            None => text_of(service, "Service"),
        })
        .collect();
    (details["RestrictServiceAccess"] == true).then(|| match named.as_slice() {
        [] => "it may use no service: see baleen admin customer services --grant".to_owned(),
        named => format!("it may use {}", named.join(", ")),
    })
}

/// Names as the door takes a list of them; `None` for none.
fn list(names: &[String]) -> Option<String> {
    Some(names.join(",")).filter(|names| !names.is_empty())
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        let status = |name: &str, status: &str, sentence: &str| {
            let call = Call::iam("RSModifyCustomer")
                .with("CustomerName", name)
                .with("Status", status);
            Plan::done(call, format!("customer {name} {sentence}"))
        };
        Ok(match self {
            Self::List { deleted: true } => Plan::new(
                Call::iam("RSListCustomer").with("Deleted", "true"),
                Show::Table {
                    list: "",
                    columns: &[
                        ("NAME", "Name"),
                        ("ACCOUNT", "RootID"),
                        ("STATUS", "Status"),
                        ("PURGED AFTER", "PurgeAfter"),
                        ("+CREATED", "CreatedOn"),
                    ],
                },
            ),
            Self::List { deleted: false } => Plan::new(
                Call::iam("RSListCustomer"),
                Show::Table {
                    list: "",
                    columns: &[
                        ("NAME", "Name"),
                        ("ACCOUNT", "RootID"),
                        ("STATUS", "Status"),
                        ("CREATED", "CreatedOn"),
                        ("+REGIONS", "Regions"),
                        ("+ASSUME ROLE", "AssumeRoleControl"),
                    ],
                },
            ),
            Self::Create {
                name,
                email,
                assume_role_control,
                regions,
                restrict_service_access,
            } => {
                let control = match assume_role_control {
                    Control::Nobody => "",
                    Control::Reseller => "reseller",
                    Control::Customer => "customer",
                };
                let call = Call::iam("RSCreateCustomer")
                    .with("CustomerName", name)
                    .with("CustomerEmail", email)
                    .with("AssumeRoleControl", control)
                    .maybe("Regions", list(regions).as_deref())
                    .maybe("RestrictServiceAccess", restrict_service_access.then_some("true"));
                let members = &[("root", "Root"), ("account", "RootID"), ("reset token", "Token")];
                Plan::new(call, Show::Members { of: "", members }).noting(
                    "the token is shown this once and good for 6 hours; its owner runs: baleen admin password redeem",
                )
            }
            Self::Services {
                name,
                grant,
                until,
                withhold,
            } => match (grant, withhold) {
                (Some(service), _) => level(name, service, true, until.as_deref()),
                (None, Some(service)) => level(name, service, false, None),
                (None, None) => Plan::new(
                    Call::iam("RSCustomerDetails").with("CustomerName", name),
                    Show::Table {
                        list: "Services",
                        columns: &[
                            ("SERVICE", "Service"),
                            ("MAY USE", "Enabled"),
                            ("UNTIL", "ExpirationDate"),
                        ],
                    },
                ),
            },
            Self::Show { name } => Plan::new(
                Call::iam("RSCustomerDetails").with("CustomerName", name),
                Show::Members {
                    of: "",
                    members: &[
                        ("name", "Name"),
                        ("account", "RootID"),
                        ("project", "ProjectID"),
                        ("e-mail", "Email"),
                        ("status", "Status"),
                        ("created", "CreatedOn"),
                        ("purged after", "PurgeAfter"),
                        ("last access", "LastAccess"),
                        ("users", "NumUsers"),
                        ("admins", "NumAdminUsers"),
                        ("buckets", "NumBuckets"),
                        ("objects", "NumFiles"),
                        ("bytes", "UsedSpace"),
                        ("assume role control", "AssumeRoleControl"),
                        ("assume role enabled", "AssumeRoleEnabled"),
                        ("regions", "Regions"),
                        ("replication enforcement", "ReplicationEnforcement"),
                        ("restricted to services", "RestrictServiceAccess"),
                    ],
                },
            )
            .remarking(restriction),
            Self::Modify {
                name,
                assume_role,
                replication_enforcement,
                regions,
            } => {
                if assume_role.is_none() && replication_enforcement.is_none() && regions.is_empty() {
                    return Err(Failure::usage("nothing is said that is to change")
                        .advise("baleen admin customer modify --help lists what can"));
                }
                let call = Call::iam("RSModifyCustomer")
                    .with("CustomerName", name)
                    .maybe("AssumeRoleEnabled", assume_role.map(Switch::word))
                    .maybe("ReplicationEnforcement", replication_enforcement.map(Switch::word))
                    .maybe("Regions", list(regions).as_deref());
                Plan::done(call, format!("customer {name} is changed"))
            }
            Self::Assume { name, opening } => {
                opening.plan(Call::sts("RSAssumeCustomerRole").with("Customer", name), "")?
            }
            Self::Enable { name } => status(name, "enabled", "is enabled"),
            Self::Disable { name } => status(name, "disabled", "is disabled: nobody of it gets in, its data stays")
                .asking(format!(
                    "disable customer {name}: its log-ins, keys and links stop, its captures end"
                )),
            Self::Delete { name } => {
                let mut plan = status(name, "deleted", "is deleted; its data goes when the hold time is over");
                plan.confirm = Some(Confirm::ByName {
                    question: format!("delete customer {name}, with all that it has stored"),
                    name: name.clone(),
                });
                plan
            }
        })
    }
}
