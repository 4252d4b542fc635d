//! Parameters that would hold something back and are not supported. Others that are unknown say nothing (identity contract,
//! section 1, "Unknown parameters"), but who sends one of these relies on it: ignored, it would give more than was asked for, and
//! nobody would notice. So the request is refused, with the parameter's name.
//!
//! Ignored all the same, as the contract has it of AssumeRole: `SerialNumber`, `TokenCode`, `ExternalId`, `SourceIdentity` and `Tags`.
//! They are for the trust policies of roles, and here are no roles: the session has the rights of who asks whatever they say, counts
//! as opened with a second factor only if what it was made with does (`aws:MultiFactorAuthPresent`), and clients send them out of
//! their profiles. Of CreateUser's
//! `PermissionsBoundary` the contract's table says the same, but its section 6 wants no silent success of boundaries; that holds, for
//! a user who was thought bounded would get all that later policies give.

use crate::fault::Fault;
use crate::params::Params;

/// The policies that a session might be held to.
const SESSION_POLICY: &[&str] = &["Policy", "PolicyArns."];

/// By operation; a name that ends with a dot is that of a list or of members.
const REFUSED: &[(&str, &[&str])] = &[
    ("AssumeRole", &["ProvidedContexts."]),
    ("CreateUser", &["PermissionsBoundary"]),
    // A wrong code would get the same session as a right one.
    ("GetSessionToken", &["SerialNumber", "TokenCode"]),
    ("GetSessionToken", SESSION_POLICY),
    ("RSAssumeCustomerRole", SESSION_POLICY),
    ("RSLogin", SESSION_POLICY),
    ("RSFederatedLogin", SESSION_POLICY),
    ("SimulateCustomPolicy", SIMULATION),
    ("SimulatePrincipalPolicy", SIMULATION),
];

/// What would change the answer of a simulation.
const SIMULATION: &[&str] = &["CallerArn", "ResourceOwner", "ResourcePolicy", "ResourceHandlingOption"];

/// Operations that take these parameters and no other. Of a level of access an end that is misspelt (`Expires`, `Till`) would be
/// dropped, and the access be without end; no table holds all the ways to misspell it.
const ALONE: &[(&str, &[&str])] = &[(
    "RSSetCustomerServiceAccessLevel",
    &[
        "CustomerName",
        "Service",
        "Enabled",
        "ExpirationDate",
        "AccessLevel",
        "Action",
        "Version",
    ],
)];

/// Refuses a request of an operation that has such a parameter.
pub(crate) fn check(operation: &str, params: &Params) -> Result<(), Fault> {
    let alone = ALONE.iter().filter(|(name, _)| *name == operation);
    for (_, known) in alone {
        if let Some(name) = params.names().find(|name| !known.contains(name)) {
            return Err(Fault::invalid_input(format!(
                "{name} is not supported. {operation} takes {} and no other.",
                known[..4].join(", ")
            )));
        }
    }
    let of_it = REFUSED.iter().filter(|(name, _)| *name == operation);
    let is_given = |name: &str| match name.strip_suffix('.') {
        Some(_) => !params.below(name).is_empty(),
        None => params.get(name).is_some(),
    };
    let given = of_it.flat_map(|(_, names)| names.iter()).find(|name| is_given(name));
    given.map_or(Ok(()), |name| {
        let name = name.trim_end_matches('.');
        Err(Fault::invalid_input(format!("{name} is not supported.")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: &str = "RSSetCustomerServiceAccessLevel";

    #[test]
    fn what_would_restrict_is_refused_by_name() {
        for (operation, form, refused) in [
            (
                "CreateUser",
                "UserName=a&PermissionsBoundary=arn",
                Some("PermissionsBoundary"),
            ),
            (
                "CreateUser",
                "UserName=a&PermissionsBoundary=",
                Some("PermissionsBoundary"),
            ),
            ("CreateUser", "UserName=a&Nonsense=1", None),
            ("GetSessionToken", "SerialNumber=x", Some("SerialNumber")),
            ("GetSessionToken", "TokenCode=123456", Some("TokenCode")),
            ("GetSessionToken", "PolicyArns.member.1.arn=x", Some("PolicyArns")),
            ("GetSessionToken", "DurationSeconds=900", None),
            (
                "AssumeRole",
                "Policy={}&PolicyArns.member.1.arn=x&SerialNumber=x&TokenCode=1",
                None,
            ),
            ("AssumeRole", "ExternalId=x&SourceIdentity=x&Tags.member.1.Key=x", None),
            (
                "AssumeRole",
                "ProvidedContexts.member.1.ProviderArn=x",
                Some("ProvidedContexts"),
            ),
            ("RSLogin", "Policy={}", Some("Policy")),
            ("RSAssumeCustomerRole", "Policy={}", Some("Policy")),
            ("RSFederatedLogin", "PolicyArns.member.1.arn=x", Some("PolicyArns")),
            ("SimulateCustomPolicy", "ResourcePolicy={}", Some("ResourcePolicy")),
            ("PutUserPolicy", "PermissionsBoundary=x&Policy=y", None),
            (
                LEVEL,
                "Action=a&Version=v&CustomerName=c&Service=space&Enabled=true&AccessLevel=enabled&ExpirationDate=2030-01-02",
                None,
            ),
            (LEVEL, "CustomerName=c&Service=space&Expires=yesterday", Some("Expires")),
            (LEVEL, "Expiry=2030-01-02", Some("Expiry")),
            (LEVEL, "ExpiresOn=2030-01-02", Some("ExpiresOn")),
            (LEVEL, "Expiration=2030-01-02", Some("Expiration")),
            (LEVEL, "expirationDate=2030-01-02", Some("expirationDate")),
            (LEVEL, "Till=", Some("Till")),
            (LEVEL, "Enabled=true&Nonsense=1", Some("Nonsense")),
        ] {
            let params = Params::parse("", form.as_bytes()).expect("a form");
            let told = check(operation, &params).err().map(|fault| fault.message().to_owned());
            let is_right = match refused {
                None => told.is_none(),
                Some(name) => told
                    .as_ref()
                    .is_some_and(|told| told.contains(&format!("{name} is not supported"))),
            };
            assert!(is_right, "{operation} {form}: {told:?}");
        }
        for (operation, _) in REFUSED.iter().chain(ALONE) {
            assert!(crate::ops::find(operation).is_some(), "{operation}");
        }
    }
}
