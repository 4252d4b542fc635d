//! `ListEntitiesForPolicy` (identity contract, section 3). Only users are entities here; the other lists are empty.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use baleen_iam::Page;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (prefix, ask) = (call.params.path_prefix()?, call.params.page()?);
    let is_for_users = match call.params.get("EntityFilter") {
        None | Some("User") => true,
        Some("Role" | "Group" | "LocalManagedPolicy" | "AWSManagedPolicy") => false,
        Some(_) => return Err(Fault::invalid_input("EntityFilter must be User, Role or Group.")),
    };
    let page = call
        .parts
        .iam
        .users_of_policy(&call.authorized, call.policy()?, &prefix, &ask)
        .await?;
    let page = if is_for_users {
        page
    } else {
        Page {
            items: Vec::new(),
            next: None,
        }
    };
    Ok(Answer::xml(move |xml| {
        xml.list("PolicyUsers", &page.items, |xml, user| {
            xml.text("UserName", &user.name);
            xml.text("UserId", user.id);
        });
        xml.texts("PolicyRoles", Vec::<&str>::new());
        xml.texts("PolicyGroups", Vec::<&str>::new());
        wire::page_end(xml, &page);
    }))
}
