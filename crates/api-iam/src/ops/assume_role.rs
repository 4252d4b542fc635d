//! `AssumeRole` (seed 004, "AssumeRole"): a session of who asks, held to the policies that are given with it.
//!
//! There are no roles, so `RoleArn` must be there and says nothing. To ignore `Policy` as well would hand out more rights
//! than were asked for, so it is obeyed (identity contract, section 2).

use super::Call;
use super::get_caller_identity::{Assumed, write_credentials};
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::{unfit, violation};
use crate::limits::{ARN, ROLE_SECONDS, SESSION_POLICY};
use baleen_iam::limits::SESSION_POLICY_ARNS_MAX;
use baleen_iam::{AssumeRole, PolicyArn, SessionLength, SessionName};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.params.required("RoleArn", &ARN)?;
    let seconds = call.params.number("DurationSeconds", &ROLE_SECONDS)?;
    let ask = AssumeRole {
        name: call.params.typed("RoleSessionName", SessionName::parse)?,
        length: SessionLength::assumed(seconds).map_err(|invalid| unfit("DurationSeconds", &invalid))?,
        policy: call.params.text("Policy", &SESSION_POLICY)?.map(str::to_owned),
        policy_arns: policy_arns(&call)?,
        origin: call.origin.map(|origin| origin.source),
    };
    let assumed = Assumed::of(call.asking()?, ask.name.as_str());
    let session = call.parts.iam.assume_role(&call.authorized, ask).await?;
    Ok(Answer::xml(move |xml| {
        write_credentials(xml, &session);
        xml.element("AssumedRoleUser", |xml| {
            xml.text("Arn", &assumed.arn);
            xml.text("AssumedRoleId", &assumed.id);
            // The document spells it so; clients of AWS read the other one (identity contract, 7.5).
            xml.text("AssumeRoleId", &assumed.id);
        });
        xml.text("PackedPolicySize", session.packed_percent);
    }))
}

/// `PolicyArns.member.N.arn`.
fn policy_arns(call: &Call) -> Result<Vec<PolicyArn>, Fault> {
    let mut arns = Vec::new();
    for (rest, text) in call.params.below("PolicyArns.member.") {
        let number = rest
            .strip_suffix(".arn")
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        if number.is_none() {
            return Err(violation("PolicyArns", "each member has an arn"));
        }
        let arn = PolicyArn::parse(text).map_err(|invalid| unfit("PolicyArns", &invalid))?;
        if arn.account.is_some_and(|account| account != call.authorized.account()) {
            return Err(Fault::access_denied());
        }
        arns.push(arn);
    }
    if arns.len() > SESSION_POLICY_ARNS_MAX {
        let most = SESSION_POLICY_ARNS_MAX;
        return Err(violation(
            "PolicyArns",
            format!("Member must have length less than or equal to {most}"),
        ));
    }
    Ok(arns)
}
