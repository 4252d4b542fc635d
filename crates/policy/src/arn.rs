//! Names of resources: `arn:partition:service:region:account:resource`, and patterns of them.
//!
//! The six fields are compared one by one, so that a `*` does not cross a colon between them; in the last one a colon is a
//! character like any other.

use crate::glob::{Glob, Reading, Token, Valueless, tokens};
use crate::scene::Scene;
use crate::variable::Variable;
use crate::{Action, Resource};
use baleen_types::AccountId;
use std::fmt::{self, Write as _};

/// A pattern of ARNs.
#[derive(Clone, Debug)]
pub(crate) enum ArnGlob {
    /// `*` alone.
    Any,
    Fields(Box<[Glob; 6]>),
}

impl ArnGlob {
    /// Compiles a pattern: `*`, or six fields.
    pub(crate) fn compile(text: &str, reading: Reading) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let refuse = || format!("{text:?} is no ARN; one has six fields, as in arn:aws:s3:::bucket/*");
        let mut fields: [Vec<Token>; 6] = Default::default();
        let mut at = 0;
        for token in tokens(text, reading)? {
            if token == Token::Byte(b':') && at < 5 {
                at += 1;
            } else {
                fields[at].push(token);
            }
        }
        let is_arn = fields[0] == [b'a', b'r', b'n'].map(Token::Byte);
        if at < 5 || !is_arn || fields[5].is_empty() || fields[2].is_empty() {
            return Err(refuse());
        }
        Ok(Self::Fields(Box::new(fields.map(Glob::from_tokens))))
    }

    pub(crate) fn matches(&self, arn: &Arn<'_>, scene: &Scene<'_>) -> Result<bool, Valueless> {
        let Self::Fields(globs) = self else { return Ok(true) };
        // The last field first: it decides most often.
        for at in [5, 2, 4, 3, 1, 0] {
            if !globs[at].matches(arn.fields[at], scene)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let globs = match self {
            Self::Any => [].iter(),
            Self::Fields(globs) => globs.iter(),
        };
        globs.flat_map(Glob::variables)
    }

    /// Whether the pattern names one account.
    pub(crate) fn has_fixed_account(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Fields(globs) => globs[4]
                .fixed()
                .is_some_and(|account| AccountId::parse(&account).is_ok()),
        }
    }

    /// The pattern of one field, unless it is everything.
    pub(crate) fn field(&self, at: usize) -> Option<&Glob> {
        match self {
            Self::Any => None,
            Self::Fields(globs) => globs.get(at),
        }
    }
}

/// An ARN cut into its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arn<'a> {
    fields: [&'a str; 6],
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut fields = [""; 6];
        let mut parts = text.splitn(6, ':');
        for field in &mut fields {
            *field = parts.next()?;
        }
        (fields[0] == "arn").then_some(Self { fields })
    }
}

/// The longest name that is put together without asking for memory: an object's with the longest bucket and key.
const INLINE_BYTES: usize = 1_152;

/// The text of a resource's name, on the stack as long as it fits.
pub(crate) struct ArnText {
    inline: [u8; INLINE_BYTES],
    len: usize,
    spilled: Option<String>,
}

impl ArnText {
    /// The name of a resource, as policies on an action of it see it.
    pub(crate) fn of(resource: &Resource<'_>, action: Action, asking: Option<AccountId>) -> Self {
        let mut text = Self {
            inline: [0; INLINE_BYTES],
            len: 0,
            spilled: None,
        };
        // Writing to memory does not fail.
        let _ = text.name(resource, action, asking);
        text
    }

    fn name(&mut self, resource: &Resource<'_>, action: Action, asking: Option<AccountId>) -> fmt::Result {
        let service = action.service();
        match resource {
            Resource::OwnAccount | Resource::Customers => {
                write!(self, "arn:aws:{service}::")?;
                // S3's names hold no account.
                if matches!(service, "iam" | "sts")
                    && let Some(account) = asking
                {
                    write!(self, "{account}")?;
                }
                // Users as a whole are named by their common beginning (AWS, "Actions defined by IAM", ListUsers).
                self.write_str(if action == Action::IamListUsers { ":user/" } else { ":*" })
            }
            Resource::Project(_) => write!(self, "arn:aws:{service}:::*"),
            Resource::Item { path, .. } => write!(self, "arn:aws:{service}:::{path}"),
            Resource::Bucket(bucket) => write!(self, "arn:aws:s3:::{}", bucket.name),
            Resource::Object(bucket, key) => {
                self.write_str("arn:aws:s3:::")?;
                self.write_str(bucket.name.as_str())?;
                self.write_str("/")?;
                self.write_str(key.as_str())
            }
            Resource::EncryptionKey(key) => write!(self, "arn:aws:kms:{}:{}:key/{}", key.region, key.account, key.name),
            Resource::User(user) => write!(self, "arn:aws:iam::{}:user{}{}", user.account, user.path, user.name),
            Resource::Policy(policy) => {
                write!(
                    self,
                    "arn:aws:iam::{}:policy{}{}",
                    policy.account, policy.path, policy.name
                )
            }
            Resource::Customer(of) => write!(self, "arn:aws:iam::{}:customer/{}", of.reseller, of.account),
            Resource::WhitelistRule { of, .. } => write!(self, "arn:aws:iam::{}:whitelist", of.account),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.spilled {
            Some(text) => text,
            // Only whole texts are copied in.
            None => std::str::from_utf8(&self.inline[..self.len]).unwrap_or_default(),
        }
    }
}

impl fmt::Write for ArnText {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.spilled.is_none() && self.len + more.len() > INLINE_BYTES {
            self.spilled = Some(self.as_str().to_owned());
        }
        if let Some(text) = &mut self.spilled {
            text.push_str(more);
        } else {
            self.inline[self.len..self.len + more.len()].copy_from_slice(more.as_bytes());
            self.len += more.len();
        }
        Ok(())
    }
}
