//! `GetAccountSummary` (AWS): counts and quotas. Counts of what does not exist here are 0.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::limits::{KEYS_PER_USER_MAX, POLICIES_PER_ACCOUNT_MAX, POLICIES_PER_USER_MAX};
use baleen_iam::limits::{USERS_PER_ACCOUNT_MAX, VERSIONS_PER_POLICY_MAX};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let account = call.authorized.account();
    let users = call.parts.iam.count_users(account).await?.users;
    let entries: Vec<(&str, i128)> = vec![
        ("Users", i128::from(users)),
        ("UsersQuota", USERS_PER_ACCOUNT_MAX),
        ("PoliciesQuota", POLICIES_PER_ACCOUNT_MAX),
        ("PolicySizeQuota", wide(baleen_policy::limits::DOCUMENT_CHARS_MAX)),
        ("VersionsPerPolicyQuota", wide(VERSIONS_PER_POLICY_MAX)),
        ("AttachedPoliciesPerUserQuota", wide(POLICIES_PER_USER_MAX)),
        ("AccessKeysPerUserQuota", wide(KEYS_PER_USER_MAX)),
        ("AccountMFAEnabled", 0),
        ("AccountAccessKeysPresent", 1),
        ("Groups", 0),
        ("Roles", 0),
        ("MFADevices", 0),
        ("ServerCertificates", 0),
    ];
    Ok(Answer::xml(move |xml| {
        xml.element("SummaryMap", |xml| {
            for (key, value) in entries {
                xml.element("entry", |xml| {
                    xml.text("key", key);
                    xml.text("value", value);
                });
            }
        });
    }))
}

fn wide(number: usize) -> i128 {
    i128::try_from(number).unwrap_or(i128::MAX)
}
