//! Names of keys, and the ways in which requests refer to one.

use crate::limits::NAME_CHARS_MAX;
use baleen_types::{AccountId, Invalid, RegionName};
use std::fmt;

/// The name of a key: 1 to 128 letters, digits and `/_-` (as AWS's aliases).
///
/// ```
/// use baleen_kms::KeyName;
/// assert!(KeyName::parse("evidence/2026").is_ok());
/// assert!(KeyName::parse("evidence 2026").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(String);

impl KeyName {
    /// The key that is used when a request names none, and made when it is first needed. Names that begin as this one cannot
    /// be given to others.
    pub const DEFAULT: &str = "aws/s3";

    /// Reads a name.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_known = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
        if (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(is_known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "key name",
                format!("1 to {NAME_CHARS_MAX} letters, digits and / _ - are expected"),
            ))
        }
    }

    /// The name of the key that is used when a request names none.
    pub fn of_default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }

    /// Whether it is among those that are made by themselves.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("aws/")
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full name of the key.
    pub fn arn(&self, region: &RegionName, account: AccountId) -> String {
        format!("arn:aws:kms:{region}:{account}:key/{self}")
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a request refers to a key: by its name, `alias/` before it, or either in an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReference {
    /// As it came, for errors.
    pub text: String,
    name: Option<KeyName>,
    account: Option<String>,
}

impl KeyReference {
    /// Reads a reference; what cannot be one refers to no key.
    pub fn parse(text: &str) -> Self {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let (account, local) = match fields[..] {
            ["arn", "aws", "kms", _, account, local] if local.contains('/') => (Some(account.to_owned()), local),
            _ => (None, text),
        };
        let bare = local.strip_prefix("alias/").or_else(|| {
            // Only an ARN has this before a name.
            local.strip_prefix("key/").filter(|_| account.is_some())
        });
        Self {
            text: text.to_owned(),
            name: KeyName::parse(bare.unwrap_or(local)).ok(),
            account,
        }
    }

    /// The key that an account means by it. One of another account is none of its keys.
    pub fn within(&self, account: AccountId) -> Option<&KeyName> {
        let is_own = self.account.as_ref().is_none_or(|named| *named == account.to_string());
        self.name.as_ref().filter(|_| is_own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_in_all_their_forms() {
        let account = AccountId::parse("100000000001").unwrap();
        for (text, expected) in [
            ("evidence", Some("evidence")),
            ("alias/evidence", Some("evidence")),
            ("alias/aws/s3", Some("aws/s3")),
            ("arn:aws:kms:local:100000000001:key/evidence", Some("evidence")),
            ("arn:aws:kms:local:100000000001:alias/evidence", Some("evidence")),
            ("arn:aws:kms:local:100000000001:key/aws/s3", Some("aws/s3")),
            ("key/evidence", Some("key/evidence")),
            ("arn:aws:kms:local:100000000002:key/evidence", None),
            ("arn:aws:kms:local::key/evidence", None),
            ("arn:aws:s3:local:100000000001:key/evidence", None),
            ("arn:aws:kms:local:100000000001:evidence", None),
            ("", None),
            ("alias/", None),
            ("a b", None),
        ] {
            let found = KeyReference::parse(text);
            assert_eq!(found.within(account).map(KeyName::as_str), expected, "{text}");
        }
        let region = RegionName::parse("local").unwrap();
        let arn = KeyName::of_default().arn(&region, account);
        assert_eq!(arn, "arn:aws:kms:local:100000000001:key/aws/s3");
        assert_eq!(KeyReference::parse(&arn).within(account), Some(&KeyName::of_default()));
    }

    #[test]
    fn names_at_their_limits() {
        for (name, is_ok) in [
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (String::new(), false),
            ("ä".to_owned(), false),
            ("a:b".to_owned(), false),
        ] {
            assert_eq!(KeyName::parse(&name).is_ok(), is_ok, "{name}");
        }
    }
}
