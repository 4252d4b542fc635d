//! Values from outside, each checked once.

use crate::limits::{
    DESCRIPTION_CHARS_MAX, PATH_CHARS_MAX, PERSON_NAME_CHARS_MAX, POLICY_NAME_CHARS_MAX, TAG_KEY_CHARS_MAX,
    TAG_VALUE_CHARS_MAX, TAGS_MAX,
};
use baleen_types::{AccountId, Invalid};
use std::fmt;

/// The path of a user or a policy: `/`, or visible ASCII between two slashes (AWS, "IAM identifiers").
///
/// ```
/// use baleen_iam::Path;
/// assert_eq!(Path::parse("").unwrap().as_str(), "/", "the document prints the root's path so");
/// assert!(Path::parse("/teams/red/").is_ok());
/// assert!(Path::parse("teams").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// Checks length and alphabet; the empty path is `/`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = if text.is_empty() { "/" } else { text };
        let closed = text.starts_with('/') && text.ends_with('/');
        if closed && text.len() <= PATH_CHARS_MAX && text.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "path",
                format!("a slash, or up to {PATH_CHARS_MAX} visible ASCII characters between two, is expected"),
            ))
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Path {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// The beginning of paths, by which a list is narrowed: visible ASCII that begins with a slash (AWS, "PathPrefix").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Checks length and alphabet; the empty prefix is `/`, which is that of all paths.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = if text.is_empty() { "/" } else { text };
        if text.starts_with('/') && text.len() <= PATH_CHARS_MAX && text.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "path prefix",
                "visible ASCII characters behind a slash are expected",
            ))
        }
    }

    pub(crate) fn is_of(&self, path: &str) -> bool {
        path.starts_with(&self.0)
    }
}

impl Default for PathPrefix {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// Tells whether a text has only the characters of IAM names: letters, digits and `_+=,.@-`.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

/// The name of a policy: 1 to 128 letters, digits and `_+=,.@-`; unique in its account without regard to case.
#[derive(Clone, Debug)]
pub struct PolicyName(String);

impl PolicyName {
    /// Checks length and alphabet.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if (1..=POLICY_NAME_CHARS_MAX).contains(&text.len()) && is_plain(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "policy name",
                format!("1 to {POLICY_NAME_CHARS_MAX} letters, digits or _+=,.@- are expected"),
            ))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ARN of a managed policy: `arn:aws:iam::{account}:policy{path}{name}`.
///
/// The account `000000000000`, as the document prints it, stands for that of who asks (identity contract, section 1).
///
/// ```
/// use baleen_iam::PolicyArn;
/// let arn = PolicyArn::parse("arn:aws:iam::000000000000:policy/teams/Red").unwrap();
/// assert_eq!((arn.account, arn.path.as_str(), arn.name.as_str()), (None, "/teams/", "Red"));
/// assert!(PolicyArn::parse("arn:aws:iam::000000000000:user/Red").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct PolicyArn {
    /// Whose policy; `None`: of who asks.
    pub account: Option<AccountId>,
    /// Its path.
    pub path: Path,
    /// Its name.
    pub name: PolicyName,
}

impl PolicyArn {
    /// Takes an ARN apart.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("policy ARN", "arn:aws:iam::<account>:policy/<name> is expected");
        let rest = text.strip_prefix("arn:aws:iam::").ok_or_else(wrong)?;
        let (account, rest) = rest.split_once(":policy/").ok_or_else(wrong)?;
        let account = match account {
            "000000000000" => None,
            other => Some(AccountId::parse(other).map_err(|_| wrong())?),
        };
        let (folders, name) = rest
            .rsplit_once('/')
            .map_or(("", rest), |(folders, name)| (folders, name));
        let path = if folders.is_empty() && !rest.starts_with('/') {
            Path::default()
        } else {
            Path::parse(&format!("/{folders}/")).map_err(|_| wrong())?
        };
        let name = PolicyName::parse(name).map_err(|_| wrong())?;
        Ok(Self { account, path, name })
    }

    /// The ARN with the account that it stands for when this one asks.
    pub fn in_account(&self, asking: AccountId) -> String {
        let (account, path) = (self.account.unwrap_or(asking), self.path.as_str());
        format!("arn:aws:iam::{account}:policy{path}{}", self.name)
    }
}

/// A text that people read, of at most `most` characters, without control characters.
fn readable(what: &'static str, text: &str, most: usize) -> Result<String, Invalid> {
    let fits = |c: char| !c.is_control() || c == '\t' || c == '\n' || c == '\r';
    if text.chars().count() <= most && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new(
            what,
            format!("at most {most} characters, none of them a control character, are expected"),
        ))
    }
}

/// The description of a policy: at most 1,000 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Checks the length.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        readable("description", text, DESCRIPTION_CHARS_MAX).map(Self)
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// A first or a last name: at most 128 characters, possibly none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Checks the length.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        readable("first or last name", text, PERSON_NAME_CHARS_MAX).map(Self)
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// The name of a session: 2 to 64 letters, digits and `_+=,.@-` (AWS, AssumeRole).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

impl SessionName {
    /// Checks length and alphabet.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if (2..=64).contains(&text.len()) && is_plain(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "session name",
                "2 to 64 letters, digits or _+=,.@- are expected",
            ))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tags: at most 50, with distinct keys. Keys are compared without case, as IAM does and S3 does not.
///
/// ```
/// use baleen_iam::Tags;
/// let pairs = |list: &[(&str, &str)]| list.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>();
/// assert!(Tags::parse(pairs(&[("team", "red"), ("cost", "")])).is_ok());
/// assert!(Tags::parse(pairs(&[("team", "red"), ("Team", "blue")])).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// Checks number, lengths and alphabet.
    pub fn parse(pairs: Vec<(String, String)>) -> Result<Self, Invalid> {
        if pairs.len() > TAGS_MAX {
            return Err(Invalid::new("tags", format!("at most {TAGS_MAX} are expected")));
        }
        for (at, (key, value)) in pairs.iter().enumerate() {
            check_tag_key(key)?;
            if value.chars().count() > TAG_VALUE_CHARS_MAX || !value.chars().all(is_tag_char) {
                return Err(Invalid::new(
                    "tag value",
                    format!("at most {TAG_VALUE_CHARS_MAX} letters, digits, spaces or _.:/=+-@ are expected"),
                ));
            }
            if pairs[..at].iter().any(|(other, _)| same_tag(other, key)) {
                return Err(Invalid::new("tags", "a key is given twice"));
            }
        }
        Ok(Self(pairs))
    }

    /// Keys and values.
    pub fn into_vec(self) -> Vec<(String, String)> {
        self.0
    }
}

/// Checks the key of a tag, also of one that is taken away.
pub(crate) fn check_tag_key(key: &str) -> Result<(), Invalid> {
    let length = key.chars().count();
    let reserved = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if (1..=TAG_KEY_CHARS_MAX).contains(&length) && !reserved && key.chars().all(is_tag_char) {
        return Ok(());
    }
    Err(Invalid::new(
        "tag key",
        format!("1 to {TAG_KEY_CHARS_MAX} letters, digits, spaces or _.:/=+-@, not beginning with aws:, are expected"),
    ))
}

/// Tells whether two keys are one tag.
pub(crate) fn same_tag(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests;
