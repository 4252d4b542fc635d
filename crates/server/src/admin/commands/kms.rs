//! `baleen admin kms`.

use crate::admin::call::Call;
use crate::admin::show::{Column, Show};
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// Make a key. Objects are encrypted under it with aws:kms and its name.
    Create {
        /// Letters, digits and / _ -, as evidence/2026.
        name: String,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// List the keys of the account.
    List,
    /// Give a key another version for what is written from now on; what is there stays readable.
    Rotate {
        /// The key's name.
        name: String,
    },
    /// Disable a key: what is encrypted under it can be neither read nor written, until it is enabled again.
    Disable {
        /// The key's name.
        name: String,
    },
    /// Enable a key again.
    Enable {
        /// The key's name.
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    ("NAME", "KeyName"),
    ("ENABLED", "Enabled"),
    ("VERSIONS", "Versions"),
    ("CREATED", "Created"),
    ("ROTATED", "Rotated"),
    ("DESCRIPTION", "Description"),
];

const MEMBERS: &[Column] = &[
    ("name", "KeyName"),
    ("arn", "Arn"),
    ("enabled", "Enabled"),
    ("versions", "Versions"),
    ("created", "Created"),
    ("rotated", "Rotated"),
    ("description", "Description"),
];

fn about(action: &'static str, name: &str) -> Plan {
    Plan::new(
        Call::iam(action).with("KeyName", name),
        Show::Members {
            of: "",
            members: MEMBERS,
        },
    )
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::Create { name, description } => {
                let mut plan = about("RSCreateEncryptionKey", name);
                plan.call = plan.call.maybe("Description", description.as_deref());
                plan
            }
            Self::List => Plan::new(
                Call::iam("RSListEncryptionKeys"),
                Show::Table {
                    list: "",
                    columns: COLUMNS,
                },
            ),
            Self::Rotate { name } => about("RSRotateEncryptionKey", name),
            Self::Disable { name } => about("RSDisableEncryptionKey", name)
                .asking("disable the key: what is encrypted under it can be neither read nor written"),
            Self::Enable { name } => about("RSEnableEncryptionKey", name),
        })
    }
}
