//! `baleen admin login`.

use crate::admin::call::Call;
use crate::admin::secret_input::ask;
use crate::admin::session::Opening;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::Args;
use serde_json::Value;

#[derive(Debug, Args)]
pub(in crate::admin) struct Arguments {
    /// The customer: newcorp, or baleen:newcorp.
    #[arg(required_unless_present = "federated")]
    customer: Option<String>,
    /// The user's name. The password is typed unseen, or read from standard input, and behind it the code of a second factor.
    #[arg(required_unless_present = "federated")]
    user: Option<String>,
    /// Give the code instead with which a log-in at the identity provider ended; `saml show` has its address.
    #[arg(long, conflicts_with_all = ["customer", "user"])]
    federated: bool,
    #[command(flatten)]
    opening: Opening,
}

impl Planned for Arguments {
    fn plan(&self) -> Result<Plan, Failure> {
        let call = match (&self.customer, &self.user) {
            (Some(customer), Some(user)) => Call::sts("RSLogin")
                // Below a whitelist the door wants it (identity contract, section 2, RSLogin).
                .header("x-lyve-customer", customer)
                .with("Customer", customer)
                .with("UserName", user)
                .secret("Password", ask("password")?)
                .if_denied(
                    "customer, user, password or code is wrong, or the customer does not let this user or this address in: \
                     the door does not tell which. After five failures wait a minute: a right password is refused for as long too",
                ),
            _ => Call::sts("RSFederatedLogin")
                .secret("Code", ask("login code")?)
                .if_denied("the code is good once and for a minute: log in at the identity provider again for another one"),
        };
        let plan = self.opening.plan(call.unsigned(), "Credentials")?;
        Ok(Plan {
            may_want_code: !self.federated,
            ..plan.remarking(must_change)
        })
    }
}

fn must_change(answer: &Value) -> Option<String> {
    (answer["UserInfo"]["PwdMustChange"] == true)
        .then(|| "the password has to be changed before anything else: baleen admin password change".to_owned())
}
