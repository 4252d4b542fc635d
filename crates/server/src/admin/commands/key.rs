//! `baleen admin key`.

use crate::admin::call::Call;
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List the access keys of a user.
    List(Owner),
    /// Make an access key, and show its secret this once.
    Create(Owner),
    /// Let an access key sign again.
    Enable(Key),
    /// Let an access key sign no longer; sessions made with it end.
    Disable(Key),
    /// Delete an access key.
    Delete(Key),
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Owner {
    /// Whose [default: your own].
    user: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Key {
    /// Its id.
    id: String,
    /// Whose it is [default: your own].
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Key {
    fn call(&self, action: &str) -> Call {
        Call::iam(action)
            .with("AccessKeyId", &self.id)
            .maybe("UserName", self.user.as_deref())
    }

    fn set(&self, status: &str, sentence: &str) -> Plan {
        let call = self.call("UpdateAccessKey").with("Status", status);
        Plan::done(call, format!("access key {} {sentence}", self.id))
    }
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::List(owner) => Plan::new(
                Call::iam("ListAccessKeys").maybe("UserName", owner.user.as_deref()),
                Show::Table {
                    list: "AccessKeyMetadata",
                    columns: &[
                        ("ID", "AccessKeyId"),
                        ("USER", "UserName"),
                        ("STATUS", "Status"),
                        ("CREATED", "CreateDate"),
                    ],
                },
            ),
            Self::Create(owner) => Plan::new(
                Call::iam("CreateAccessKey").maybe("UserName", owner.user.as_deref()),
                Show::Members {
                    of: "AccessKey",
                    members: &[
                        ("user", "UserName"),
                        ("access key id", "AccessKeyId"),
                        ("secret access key", "SecretAccessKey"),
                    ],
                },
            )
            .noting("the secret is shown this once: keep it where only its user reads it"),
            Self::Enable(key) => key.set("Active", "signs again"),
            Self::Disable(key) => key.set("Inactive", "signs no longer"),
            Self::Delete(key) => Plan::done(key.call("DeleteAccessKey"), format!("access key {} is deleted", key.id))
                .asking(format!("delete access key {}", key.id)),
        })
    }
}
