//! `baleen admin policy`.

use super::{inline, read_document};
use crate::admin::call::Call;
use crate::admin::show::Show;
use crate::admin::{First, Plan, Planned};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// List the policies.
    List,
    /// Make a policy.
    Create {
        /// Its name.
        name: String,
        /// The file of its document, or - for standard input.
        document: PathBuf,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Write the document of a policy to standard output.
    Show {
        #[command(flatten)]
        policy: Policy,
        /// The version [default: the one in force].
        #[arg(long, value_name = "vN")]
        version: Option<String>,
    },
    /// Put another document in force, as a new version.
    Update {
        #[command(flatten)]
        policy: Policy,
        /// The file of the document, or - for standard input.
        document: PathBuf,
    },
    /// List the versions of a policy.
    Versions(Policy),
    /// Put an older version back in force.
    SetVersion {
        #[command(flatten)]
        policy: Policy,
        /// The version: v1.
        version: String,
    },
    /// Delete a version that is not in force.
    DeleteVersion {
        #[command(flatten)]
        policy: Policy,
        /// The version: v1.
        version: String,
    },
    /// Delete a policy, which has no other version and is attached to nobody.
    Delete(Policy),
    /// Attach a policy to a user.
    Attach(Pair),
    /// Take a policy from a user.
    Detach(Pair),
    /// List the policies that are attached to a user.
    Of {
        /// The user's name.
        user: String,
    },
    /// List the users that have a policy.
    Users(Policy),
    /// Policies that are one user's alone.
    #[command(subcommand)]
    Inline(inline::Command),
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Policy {
    /// Its name, or its ARN if it has a path.
    #[arg(value_name = "POLICY")]
    policy: String,
}

#[derive(Debug, Args)]
pub(in crate::admin) struct Pair {
    #[command(flatten)]
    policy: Policy,
    /// The user's name.
    user: String,
}

impl Policy {
    /// Its ARN: account zero stands for the own one (identity contract, section 1, "Account id").
    fn arn(&self) -> String {
        if self.policy.starts_with("arn:") {
            self.policy.clone()
        } else {
            format!("arn:aws:iam::000000000000:policy/{}", self.policy)
        }
    }

    fn call(&self, action: &str) -> Call {
        Call::iam(action).with("PolicyArn", self.arn())
    }
}

impl Pair {
    fn call(&self, action: &str) -> Call {
        self.policy.call(action).with("UserName", &self.user)
    }
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::List => Plan::new(
                Call::iam("ListPolicies").with("Scope", "Local"),
                Show::Table {
                    list: "Policies",
                    columns: &[
                        ("NAME", "PolicyName"),
                        ("VERSION", "DefaultVersionId"),
                        ("USERS", "AttachmentCount"),
                        ("UPDATED", "UpdateDate"),
                        ("+ARN", "Arn"),
                    ],
                },
            ),
            Self::Create {
                name,
                document,
                description,
            } => {
                let call = Call::iam("CreatePolicy")
                    .with("PolicyName", name)
                    .with("PolicyDocument", read_document(document)?)
                    .maybe("Description", description.as_deref());
                let members = &[("name", "PolicyName"), ("id", "PolicyId"), ("arn", "Arn")];
                Plan::new(call, Show::Members { of: "Policy", members })
            }
            Self::Show { policy, version } => document_of(policy, version.as_deref()),
            Self::Update { policy, document } => {
                let call = policy
                    .call("CreatePolicyVersion")
                    .with("PolicyDocument", read_document(document)?)
                    .with("SetAsDefault", "true");
                let members = &[("version in force", "VersionId")];
                Plan::new(
                    call,
                    Show::Members {
                        of: "PolicyVersion",
                        members,
                    },
                )
            }
            Self::Versions(policy) => Plan::new(
                policy.call("ListPolicyVersions"),
                Show::Table {
                    list: "Versions",
                    columns: &[
                        ("VERSION", "VersionId"),
                        ("IN FORCE", "IsDefaultVersion"),
                        ("CREATED", "CreateDate"),
                    ],
                },
            ),
            Self::SetVersion { policy, version } => Plan::done(
                policy.call("SetDefaultPolicyVersion").with("VersionId", version),
                format!("{version} of {} is in force", policy.policy),
            ),
            Self::DeleteVersion { policy, version } => Plan::done(
                policy.call("DeletePolicyVersion").with("VersionId", version),
                format!("{version} of {} is deleted", policy.policy),
            )
            .asking(format!("delete {version} of policy {}", policy.policy)),
            Self::Delete(policy) => Plan::done(
                policy.call("DeletePolicy"),
                format!("policy {} is deleted", policy.policy),
            )
            .asking(format!("delete policy {}", policy.policy)),
            Self::Attach(pair) => Plan::done(
                pair.call("AttachUserPolicy"),
                format!("{} has {} now", pair.user, pair.policy.policy),
            ),
            Self::Detach(pair) => Plan::done(
                pair.call("DetachUserPolicy"),
                format!("{} no longer has {}", pair.user, pair.policy.policy),
            ),
            Self::Of { user } => Plan::new(
                Call::iam("ListAttachedUserPolicies").with("UserName", user),
                Show::Table {
                    list: "AttachedPolicies",
                    columns: &[("NAME", "PolicyName"), ("ARN…", "PolicyArn")],
                },
            )
            .noting("those that are the user's alone: baleen admin policy inline list"),
            Self::Inline(command) => command.plan()?,
            Self::Users(policy) => Plan::new(
                policy.call("ListEntitiesForPolicy"),
                Show::Table {
                    list: "PolicyUsers",
                    columns: &[("NAME", "UserName"), ("ID", "UserId")],
                },
            ),
        })
    }
}

/// The document of a version; of the one in force, which has to be asked for first.
fn document_of(policy: &Policy, version: Option<&str>) -> Plan {
    let show = Show::Text {
        of: "PolicyVersion",
        member: "Document",
        is_encoded: true,
    };
    let plan = Plan::new(policy.call("GetPolicyVersion").maybe("VersionId", version), show);
    let first = First {
        call: policy.call("GetPolicy"),
        of: "Policy",
        member: "DefaultVersionId",
        put: |call, version| call.with("VersionId", version),
    };
    Plan {
        first: version.is_none().then_some(first),
        ..plan
    }
}
