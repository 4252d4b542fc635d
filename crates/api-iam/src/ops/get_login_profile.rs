//! `GetLoginProfile` (AWS): tells that a user has a password.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::xml::Xml;
use baleen_iam::login::LoginProfile;
use baleen_types::UserName;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let user = call.user()?.clone();
    let profile = call.parts.iam.login_profile(user.account, user.id).await?;
    Ok(Answer::xml(move |xml| write(xml, &user.name, &profile)))
}

pub(super) fn write(xml: &mut Xml, user: &UserName, profile: &LoginProfile) {
    xml.element("LoginProfile", |xml| {
        xml.text("UserName", user);
        xml.text("CreateDate", profile.created.to_rfc3339_millis());
        xml.text("PasswordResetRequired", profile.must_change_password);
    });
}
