//! Identifiers. All are made from injected entropy (`baleen_runtime::Entropy`), never from a global generator.

use crate::Invalid;
use std::fmt;
use std::str::FromStr;

/// Declares an identifier of `$bytes` random bytes which is written as lower-case hex.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Bytes in the id; its text has twice as many digits.
            pub const BYTES: usize = $bytes;

            /// Makes the id from random bytes.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id, as they go into keys.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Reads the hex form; upper-case digits are refused, so that one id has one spelling.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let mut bytes = [0u8; $bytes];
                let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
                    let digits = 2 * $bytes;
                    return Err(Invalid::new($what, format!("{digits} lower-case hex digits are expected")));
                }
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $bytes];
                // The room is right and digits are ASCII, so that neither step fails.
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }
    };
}

hex_id!(
    /// The 32-hex id of a customer: CFW's `project_id` and PCAPs' `account_id` (DESIGN, section 1).
    ProjectId, 16, "project id"
);
hex_id!(
    /// The 32-hex id of a capture (PCAPs, "The capture object").
    CaptureId, 16, "capture id"
);
hex_id!(
    /// The 32-hex id of a schedule of captures.
    ScheduleId, 16, "schedule id"
);
hex_id!(
    /// The 32-hex id of an agent on another host.
    AgentId, 16, "agent id"
);
hex_id!(
    /// The 32-hex id of a proof of ownership (seed 000, "Validating a bucket").
    OwnershipId, 16, "ownership id"
);
hex_id!(
    /// The id of one multipart upload; unguessable, since it also stands for the right to abort it.
    UploadId, 16, "upload id"
);
hex_id!(
    /// The id of one stored version of an object.
    VersionId, 16, "version id"
);
hex_id!(
    /// The id of one request, in every answer and every log line.
    RequestId, 8, "request id"
);

/// Declares an identifier of 12 decimal digits.
macro_rules! decimal_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// One above the largest id of 12 digits.
            pub const END: u64 = 1_000_000_000_000;

            /// Makes the id from any number, by its last 12 digits; the first digit is never 0.
            pub const fn from_entropy(number: u64) -> Self {
                Self(Self::END / 10 + number % (Self::END - Self::END / 10))
            }

            /// Reads exactly 12 decimal digits.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(Invalid::new($what, "12 decimal digits are expected"));
                }
                text.parse().map(Self).map_err(|_| Invalid::new($what, "12 decimal digits are expected"))
            }

            /// Takes the number of an id, as records and keys hold it.
            pub fn from_u64(number: u64) -> Result<Self, Invalid> {
                if number < Self::END {
                    Ok(Self(number))
                } else {
                    Err(Invalid::new($what, "12 decimal digits are expected"))
                }
            }

            /// The number, as it goes into keys.
            pub const fn as_u64(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:012}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }
    };
}

decimal_id!(
    /// A customer's 12-digit account, as it stands in ARNs (identity contract, section 1).
    AccountId, "account id"
);
decimal_id!(
    /// A user's 12-digit id; never used again for another user (identity contract, section 1).
    UserId, "user id"
);

/// The public half of an access key: 16 to 128 letters and digits (botocore's limits).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// How the id of a session's key begins (identity contract, section 1, "Access key id").
    pub const SESSION_PREFIX: &str = "STX";

    /// Letters and digits behind it.
    pub const SESSION_CHARACTERS: usize = 21;

    /// Checks the form; whether the key exists is the business of `iam`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "access key id",
                "16 to 128 letters, digits or underscores are expected",
            ))
        }
    }

    /// Whether it has the form of a session's.
    ///
    /// ```
    /// use baleen_types::AccessKeyId;
    /// assert!(AccessKeyId::parse("STX000000000000000000000")?.is_of_session());
    /// assert!(!AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE")?.is_of_session());
    /// # Ok::<(), baleen_types::Invalid>(())
    /// ```
    pub fn is_of_session(&self) -> bool {
        let rest = self.0.strip_prefix(Self::SESSION_PREFIX);
        rest.is_some_and(|rest| rest.len() == Self::SESSION_CHARACTERS)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKeyId({})", self.0)
    }
}

#[cfg(test)]
mod tests;
