//! `GetAccountPasswordPolicy` (AWS): the one rule that all passwords are held to (identity contract, "PasswordPolicyViolation").

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::login::limits::PASSWORD_CHARACTERS_MIN;

pub(super) async fn run(_call: Call) -> Result<Answer, Fault> {
    Ok(Answer::xml(|xml| {
        xml.element("PasswordPolicy", |xml| {
            xml.text("MinimumPasswordLength", PASSWORD_CHARACTERS_MIN);
            xml.text("RequireSymbols", false);
            xml.text("RequireNumbers", true);
            xml.text("RequireUppercaseCharacters", true);
            xml.text("RequireLowercaseCharacters", true);
            xml.text("AllowUsersToChangePassword", true);
            xml.text("ExpirePasswords", false);
        });
    }))
}
