//! `GetCallerIdentity`: who am I (AWS, STS). Needs no permission; tools ask it first of all. `Root` is ours: the customer, named as
//! in the answer of RSLogin, for who knows an account by its name.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::xml::Xml;
use baleen_iam::OpenedSession;
use baleen_policy::{Caller, SessionKind, User};
use baleen_types::Secret;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let caller = call
        .authorized
        .caller()
        .ok_or_else(|| Fault::internal("an authorized request of nobody"))?;
    let (arn, id) = (arn(caller), id(caller));
    let (account, tenancy) = (caller.user.account, &call.parts.tenancy);
    let customer = tenancy.customer(account).await?;
    let customer = customer.ok_or_else(|| Fault::internal("an account of no customer"))?;
    let root = tenancy.root_name(&customer).await?;
    Ok(Answer::xml(move |xml| {
        xml.text("Arn", arn);
        xml.text("UserId", id);
        xml.text("Account", account);
        xml.text("Root", root);
    }))
}

/// What a session of AssumeRole is called.
pub(super) struct Assumed {
    pub(super) arn: String,
    pub(super) id: String,
}

impl Assumed {
    pub(super) fn of(user: &User, session: &str) -> Self {
        Self {
            arn: format!("arn:aws:sts::{}:assumed-role/{}/{session}", user.account, user.name),
            id: format!("{}:{session}", user.id),
        }
    }
}

/// The keys of a session that was just opened.
pub(super) fn write_credentials(xml: &mut Xml, session: &OpenedSession) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &session.id);
        xml.text("SecretAccessKey", session.secret.expose());
        xml.text("SessionToken", session.token.as_ref().map_or("", Secret::expose));
        xml.text("Expiration", session.expires.to_rfc3339_millis());
    });
}

/// The user's ARN, or that of the role which the session stands for.
fn arn(caller: &Caller) -> String {
    match caller.session().map(|session| (&session.kind, &session.name)) {
        Some((SessionKind::Derived, name)) => Assumed::of(&caller.user, name).arn,
        Some((SessionKind::Reseller { by }, _)) => {
            format!(
                "arn:aws:sts::{}:assumed-role/reseller/{}",
                caller.user.account, by.user.name
            )
        }
        Some((SessionKind::Login | SessionKind::Federated, _)) | None => caller.user.arn(),
    }
}

/// The user's id; that of a session with its name behind it, as AWS writes it.
fn id(caller: &Caller) -> String {
    match caller.session().map(|session| (&session.kind, &session.name)) {
        Some((SessionKind::Derived, name)) => Assumed::of(&caller.user, name).id,
        Some((SessionKind::Reseller { by }, _)) => format!("{}:{}", by.user.id, by.user.name),
        Some((SessionKind::Login | SessionKind::Federated, _)) | None => caller.user.id.to_string(),
    }
}
