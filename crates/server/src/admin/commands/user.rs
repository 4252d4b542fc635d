//! `baleen admin user`.

use crate::admin::call::Call;
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List the users.
    List,
    /// Make a user, who can do nothing yet: give it a policy, and a key or a password.
    Create {
        /// Its name, an e-mail.
        name: String,
    },
    /// Show a user.
    Show {
        /// Its name [default: your own].
        name: Option<String>,
    },
    /// Make a user an admin, or an admin a user; its sessions end.
    Role {
        /// Its name.
        name: String,
        /// The new role.
        #[arg(value_enum)]
        role: Role,
    },
    /// Let a user log in with a password, or by the account's identity provider; the other way in ends.
    LogInWith {
        /// Its name.
        name: String,
        /// How: the account has a connection (`saml connect`) if it is federated.
        #[arg(value_enum)]
        method: Method,
    },
    /// Delete a user, who has no keys and policies any more.
    Delete {
        /// Its name.
        name: String,
    },
}

/// What a user may be made.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::admin) enum Role {
    User,
    Admin,
}

/// How a user logs in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::admin) enum Method {
    Password,
    Federated,
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::List => Plan::new(
                Call::iam("ListUsers"),
                Show::Table {
                    list: "Users",
                    columns: &[
                        ("NAME", "UserName"),
                        ("CREATED", "CreateDate"),
                        ("LAST LOG-IN", "PasswordLastUsed"),
                        ("+ID", "UserId"),
                        ("+PATH", "Path"),
                    ],
                },
            ),
            Self::Create { name } => {
                let members = &[("name", "UserName"), ("id", "UserId"), ("arn", "Arn")];
                Plan::new(
                    Call::iam("CreateUser").with("UserName", name),
                    Show::Members { of: "User", members },
                )
            }
            Self::Show { name } => Plan::new(
                Call::iam("RSGetUserInfo").maybe("UserList.1", name.as_deref()),
                Show::Members {
                    of: "",
                    members: &[
                        ("name", "Name"),
                        ("id", "Id"),
                        ("role", "Type"),
                        ("first name", "Firstname"),
                        ("last name", "Lastname"),
                        ("path", "Path"),
                        ("created", "CreatedOn"),
                        ("last log-in", "LastAccess"),
                        ("logs in with", "AuthMethod"),
                        ("second factor", "TFAEnabled"),
                        ("must change password", "PwdMustChange"),
                    ],
                },
            ),
            Self::Role { name, role } => {
                let role = match role {
                    Role::User => "user",
                    Role::Admin => "admin",
                };
                let call = Call::iam("RSSetUserInfo").with("Name", name).with("Type", role);
                Plan::done(call, format!("{name} is {role} now"))
            }
            Self::LogInWith { name, method } => {
                let (word, sentence) = match method {
                    Method::Password => (
                        "password",
                        "logs in with a password, which has to be set: baleen admin password",
                    ),
                    Method::Federated => (
                        "federated",
                        "logs in by the identity provider; password and second factor are gone",
                    ),
                };
                let call = Call::iam("RSSetUserAuthMethod")
                    .with("Name", name)
                    .with("AuthMethod", word);
                Plan::done(call, format!("{name} {sentence}"))
            }
            Self::Delete { name } => Plan::done(
                Call::iam("DeleteUser").with("UserName", name),
                format!("user {name} is deleted"),
            )
            .asking(format!("delete user {name}, and its API tokens")),
        })
    }
}
