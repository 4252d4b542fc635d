//! `GetAccountAuthorizationDetails` (service model iam): users with their policies, and policies with their versions. Groups,
//! roles and policies of AWS are not here, so those lists are empty. A page may be short, and says so.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::DETAIL_FILTERS_MAX;
use crate::wire;
use crate::xml::Xml;
use baleen_iam::{Detail, DetailFilter, PolicyDetail, UserDetail};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (ask, filter) = (call.params.page()?, filter(&call)?);
    let page = call.parts.iam.account_details(&call.authorized, filter, &ask).await?;
    Ok(Answer::xml(move |xml| {
        let users = page.items.iter().filter_map(|item| match item {
            Detail::User(user) => Some(user),
            Detail::Policy(_) => None,
        });
        let policies = page.items.iter().filter_map(|item| match item {
            Detail::Policy(policy) => Some(policy),
            Detail::User(_) => None,
        });
        xml.list("UserDetailList", users, user);
        xml.texts("GroupDetailList", Vec::<&str>::new());
        xml.texts("RoleDetailList", Vec::<&str>::new());
        xml.list("Policies", policies, policy);
        wire::page_end(xml, &page);
    }))
}

/// What `Filter` lists; everything, if nothing.
fn filter(call: &Call) -> Result<DetailFilter, Fault> {
    let wanted = call.params.members("Filter", DETAIL_FILTERS_MAX)?;
    let is_all = wanted.is_empty();
    let mut filter = DetailFilter {
        users: is_all,
        policies: is_all,
    };
    for kind in wanted {
        match kind {
            "User" => filter.users = true,
            "LocalManagedPolicy" => filter.policies = true,
            "Role" | "Group" | "AWSManagedPolicy" => {}
            _ => {
                return Err(Fault::invalid_input(
                    "Filter must list User, Role, Group, LocalManagedPolicy or AWSManagedPolicy.",
                ));
            }
        }
    }
    Ok(filter)
}

fn user(xml: &mut Xml, detail: &UserDetail) {
    wire::user(xml, &detail.user, None);
    xml.list("UserPolicyList", &detail.inline, |xml, (name, document)| {
        xml.text("PolicyName", name);
        wire::document(xml, "PolicyDocument", document);
    });
    xml.texts("GroupList", Vec::<&str>::new());
    xml.list("AttachedManagedPolicies", &detail.attached, |xml, attached| {
        xml.text("PolicyName", &attached.name);
        xml.text("PolicyArn", &attached.arn);
    });
    wire::tags(xml, &detail.user.tags);
}

fn policy(xml: &mut Xml, detail: &PolicyDetail) {
    wire::policy(xml, &detail.policy);
    xml.list("PolicyVersionList", &detail.versions, |xml, version| {
        wire::document(xml, "Document", &version.document);
        wire::policy_version(xml, version);
    });
}
