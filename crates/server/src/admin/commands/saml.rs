//! `baleen admin saml`.

use super::read_document;
use crate::admin::call::Call;
use crate::admin::show::{Column, Show};
use crate::admin::{First, Plan, Planned};
use crate::failure::Failure;
use clap::Subcommand;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// Connect the account to an identity provider.
    Connect {
        /// The file of the provider's metadata (XML), or - for standard input.
        metadata: PathBuf,
    },
    /// Take up new metadata of the provider, for a new certificate or another provider.
    Update {
        /// The file of the provider's metadata (XML), or - for standard input.
        metadata: PathBuf,
    },
    /// Show the connection, and where its users log in.
    Show,
    /// Write our own metadata, which the identity provider wants, to standard output.
    Metadata,
    /// End the connection: its users no longer log in, and their sessions end.
    Disconnect,
}

const MEMBERS: &[Column] = &[
    ("name", "Provider"),
    ("entity id", "EntityId"),
    ("answers go to", "ProviderUrl"),
    ("certificate ends", "Expiry"),
];

fn shown(call: Call) -> Plan {
    Plan::new(
        call,
        Show::Members {
            of: "",
            members: MEMBERS,
        },
    )
    .remarking(log_in_page)
}

/// Where browsers begin: beside the address that takes the answers (identity contract, section 4, "SAML fields").
fn log_in_page(connection: &Value) -> Option<String> {
    let folder = connection["ProviderUrl"].as_str()?.strip_suffix("/acs")?;
    Some(format!(
        "users log in at {folder}/login, and with the code shown there: baleen admin login --federated"
    ))
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        let of = |action, metadata| -> Result<Plan, Failure> {
            Ok(shown(Call::iam(action).with("MetadataXML", read_document(metadata)?)))
        };
        Ok(match self {
            Self::Connect { metadata } => of("RSCreateSAMLConnection", metadata)?.noting(
                "give the provider `baleen admin saml metadata`, and let users log in with it: baleen admin user log-in-with NAME federated",
            ),
            Self::Update { metadata } => of("RSUpdateSAMLConnection", metadata)?,
            Self::Show => shown(Call::iam("RSGetSAMLConnection")),
            Self::Metadata => {
                let mut plan = Plan::new(Call::page("metadata"), Show::Raw("Metadata"));
                plan.first = Some(First {
                    call: Call::iam("RSGetSAMLConnection"),
                    of: "",
                    member: "Provider",
                    put: |call, provider| call.below(&format!("saml/{provider}")),
                });
                plan
            }
            Self::Disconnect => Plan::done(
                Call::iam("RSDeleteSAMLConnection"),
                "the connection is ended: nobody logs in by it any more",
            )
            .asking("end the connection, and the sessions of its users"),
        })
    }
}
