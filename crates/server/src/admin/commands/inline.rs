//! `baleen admin policy inline`: policies that are one user's alone.

use super::read_document;
use crate::admin::call::Call;
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List those of a user.
    List {
        /// The user's name.
        user: String,
    },
    /// Write the document of one to standard output.
    Show(Inline),
    /// Give a user one, or another document in place of an older one.
    Put {
        #[command(flatten)]
        inline: Inline,
        /// The file of the document, or - for standard input.
        document: PathBuf,
    },
    /// Delete one.
    Delete(Inline),
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Inline {
    /// The user's name.
    user: String,
    /// The policy's name.
    name: String,
}

impl Inline {
    fn call(&self, action: &str) -> Call {
        Call::iam(action)
            .with("UserName", &self.user)
            .with("PolicyName", &self.name)
    }
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::List { user } => Plan::new(
                Call::iam("ListUserPolicies").with("UserName", user),
                Show::Table {
                    list: "PolicyNames",
                    columns: &[("NAME", "")],
                },
            ),
            Self::Show(inline) => Plan::new(
                inline.call("GetUserPolicy"),
                Show::Text {
                    of: "",
                    member: "PolicyDocument",
                    is_encoded: true,
                },
            ),
            Self::Put { inline, document } => Plan::done(
                inline
                    .call("PutUserPolicy")
                    .with("PolicyDocument", read_document(document)?),
                format!("{} has {} now", inline.user, inline.name),
            ),
            Self::Delete(inline) => Plan::done(
                inline.call("DeleteUserPolicy"),
                format!("{} no longer has {}", inline.user, inline.name),
            )
            .asking(format!("delete the policy {} of {}", inline.name, inline.user)),
        })
    }
}
