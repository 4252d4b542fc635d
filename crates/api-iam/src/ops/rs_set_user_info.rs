//! `RSSetUserInfo` (seed 004, "RSSetUserInfo"): first and last name, and the role.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::{PersonName, UserChange};
use baleen_policy::Role;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let role = match call.params.get("Type") {
        None | Some("") => None,
        Some("user") => Some(Role::User),
        Some("admin") => Some(Role::Admin),
        // There is one root, and it is made with its account (identity contract, section 4).
        Some("root") => return Err(Fault::access_denied()),
        Some(_) => return Err(Fault::invalid_input("Type must be admin or user.")),
    };
    // Clears the second factor of who has lost the device; only RSEnableTFA can set one.
    let tfa = call.params.flag("TFAEnabled")?;
    if tfa == Some(true) {
        return Err(Fault::invalid_input(
            "TFAEnabled can only be false; RSEnableTFA switches it on.",
        ));
    }
    // One change with the rest: a refusal changes nothing.
    let change = UserChange {
        first_name: call.params.parsed("Firstname", PersonName::parse)?,
        last_name: call.params.parsed("Lastname", PersonName::parse)?,
        role,
        clears_second_factor: tfa == Some(false),
        ..UserChange::default()
    };
    call.parts
        .iam
        .update_user(&call.authorized, call.user()?.id, &change)
        .await?;
    Ok(Answer::ok())
}
