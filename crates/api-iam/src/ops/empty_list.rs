//! The lists of what does not exist here: groups, roles, certificates and keys of other services. Tools read them before
//! they delete a user or draw an overview, and take an error for a broken server (identity contract, section 6).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn groups(call: Call) -> Result<Answer, Fault> {
    empty(&call, "Groups")
}

pub(super) async fn roles(call: Call) -> Result<Answer, Fault> {
    empty(&call, "Roles")
}

pub(super) async fn ssh_public_keys(call: Call) -> Result<Answer, Fault> {
    empty(&call, "SSHPublicKeys")
}

pub(super) async fn signing_certificates(call: Call) -> Result<Answer, Fault> {
    empty(&call, "Certificates")
}

pub(super) async fn service_specific_credentials(call: Call) -> Result<Answer, Fault> {
    empty(&call, "ServiceSpecificCredentials")
}

pub(super) async fn account_aliases(call: Call) -> Result<Answer, Fault> {
    empty(&call, "AccountAliases")
}

pub(super) async fn virtual_mfa_devices(call: Call) -> Result<Answer, Fault> {
    empty(&call, "VirtualMFADevices")
}

fn empty(call: &Call, list: &'static str) -> Result<Answer, Fault> {
    // Checked as if there were anything, so that a client's mistake does not wait for the day when there is.
    call.params.page()?;
    Ok(Answer::xml(move |xml| {
        xml.texts(list, Vec::<&str>::new());
        wire::list_end(xml, None);
    }))
}
