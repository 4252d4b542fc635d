//! `GetAccountSummary` (service model iam, "summaryKeyType"): counts and quotas. Of what does not exist here both are 0, and
//! some that no client asks for (instance profiles, versions in use) are left out.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::limits::{
    INLINE_CHARS_PER_USER_MAX, KEYS_PER_USER_MAX, POLICIES_PER_ACCOUNT_MAX, POLICIES_PER_USER_MAX,
};
use baleen_iam::limits::{USERS_PER_ACCOUNT_MAX, VERSIONS_PER_POLICY_MAX};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let counts = call.parts.iam.count_account(call.authorized.account()).await?;
    let entries: Vec<(&str, i128)> = vec![
        ("Users", i128::from(counts.users)),
        ("UsersQuota", USERS_PER_ACCOUNT_MAX),
        ("Policies", i128::from(counts.policies)),
        ("PoliciesQuota", POLICIES_PER_ACCOUNT_MAX),
        ("PolicySizeQuota", wide(baleen_policy::limits::DOCUMENT_CHARS_MAX)),
        ("VersionsPerPolicyQuota", wide(VERSIONS_PER_POLICY_MAX)),
        ("AttachedPoliciesPerUserQuota", wide(POLICIES_PER_USER_MAX)),
        ("UserPolicySizeQuota", wide(INLINE_CHARS_PER_USER_MAX)),
        ("AccessKeysPerUserQuota", wide(KEYS_PER_USER_MAX)),
        // A second factor is an app's, not a device that is registered by itself: there are as many as are in use.
        ("MFADevices", i128::from(counts.second_factors)),
        ("MFADevicesInUse", i128::from(counts.second_factors)),
        ("AccountMFAEnabled", counts.root_login.has_second_factor.into()),
        ("AccountPasswordPresent", counts.root_login.has_password.into()),
        ("AccountAccessKeysPresent", i128::from(counts.root_keys)),
        ("AccountSigningCertificatesPresent", 0),
        ("Providers", counts.has_provider.into()),
        ("Groups", 0),
        ("GroupsQuota", 0),
        ("GroupsPerUserQuota", 0),
        ("Roles", 0),
        ("RolesQuota", 0),
        ("ServerCertificates", 0),
        ("ServerCertificatesQuota", 0),
        ("SigningCertificatesPerUserQuota", 0),
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
