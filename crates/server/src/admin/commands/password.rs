//! `baleen admin password`.

use crate::admin::call::Call;
use crate::admin::secret_input::{ask, ask_new};
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::admin) enum Command {
    /// Set the password of another user, read from the terminal or standard input; its log-ins end.
    Set {
        /// The user's name.
        user: String,
        /// Let the user keep it: else it has to be changed at the first log-in.
        #[arg(long)]
        keep: bool,
    },
    /// Make a token with which a user sets its password itself; the old password and its log-ins end.
    Token {
        /// The user's name.
        user: String,
    },
    /// Change the own password: the old one, then the new, from the terminal or two lines of standard input.
    Change,
    /// Set the own password for a token: the token, then the password, from the terminal or two lines of standard input.
    Redeem,
}

impl Planned for Command {
    fn plan(&self) -> Result<Plan, Failure> {
        Ok(match self {
            Self::Set { user, keep } => {
                let call = Call::iam("UpdateLoginProfile")
                    .with("UserName", user)
                    .with("PasswordResetRequired", (!keep).to_string())
                    .secret("Password", ask_new("password")?);
                Plan::done(call, format!("{user} has a new password"))
            }
            Self::Token { user } => {
                let call = Call::iam("RSGetToken").with("Type", "pwd_reset").with("UserName", user);
                let members = &[("reset token", "Token")];
                Plan::new(call, Show::Members { of: "", members })
                    .noting("shown this once and good for 6 hours; its owner runs: baleen admin password redeem")
            }
            Self::Change => {
                let call = Call::iam("ChangePassword")
                    .secret("OldPassword", ask("old password")?)
                    .secret("NewPassword", ask_new("new password")?)
                    .if_denied("check the old password; baleen admin whoami tells whose it is that is changed");
                Plan::done(call, "the password is changed; other log-ins of yours are ended")
            }
            Self::Redeem => {
                let call = Call::iam("RSResetPassword")
                    .unsigned()
                    .secret("Token", ask("reset token")?)
                    .secret("NewPassword", ask_new("password")?)
                    .if_denied(
                        "a reset token is good once, for 6 hours, and until a newer one is made: ask who made it for another one",
                    );
                Plan::done(call, "the password is set")
            }
        })
    }
}
