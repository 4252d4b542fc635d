//! `CreatePolicy` (identity contract, section 3).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::POLICY_DOCUMENT;
use crate::wire;
use baleen_iam::{Description, NewPolicy};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (name, path) = call.new_policy()?;
    let new = NewPolicy {
        name: name.clone(),
        path: path.clone(),
        description: call
            .params
            .parsed("Description", Description::parse)?
            .unwrap_or_default(),
        document: call.params.required("PolicyDocument", &POLICY_DOCUMENT)?.to_owned(),
        tags: call.params.tags()?,
    };
    let policy = call.parts.iam.create_policy(&call.authorized, new).await?;
    Ok(Answer::xml(move |xml| {
        xml.element("Policy", |xml| {
            wire::policy(xml, &policy);
            wire::tags(xml, &policy.tags);
        });
    }))
}
