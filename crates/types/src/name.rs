//! Names that people choose: buckets, keys, customers, users, regions, sites.

use crate::Invalid;
use std::fmt;

/// Declares the common face of a checked text.
macro_rules! text_face {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// A bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens, which begins and ends with a letter or digit,
/// has no two dots in a row and is not an IPv4 address (AWS, "Bucket naming rules").
///
/// ```
/// use baleen_types::BucketName;
/// assert!(BucketName::parse("case-17.evidence").is_ok());
/// assert!(BucketName::parse("Case_17").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName(String);

impl BucketName {
    /// Checks the naming rules.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &str| Err(Invalid::new("bucket name", why));
        if !(3..=63).contains(&text.len()) {
            return refuse("3 to 63 characters are allowed");
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !text.bytes().all(|b| plain(b) || b == b'.' || b == b'-') {
            return refuse("only lower-case letters, digits, dots and hyphens are allowed");
        }
        if !text.bytes().next().is_some_and(plain) || !text.bytes().last().is_some_and(plain) {
            return refuse("it must begin and end with a letter or a digit");
        }
        if text.contains("..") {
            return refuse("two dots in a row are not allowed");
        }
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            return refuse("an IP address is not allowed");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether S3 keeps the name for itself, so that no new bucket gets it (AWS, "Bucket naming rules"). One that is there
    /// keeps its own.
    ///
    /// ```
    /// use baleen_types::BucketName;
    /// assert!(BucketName::parse("xn--evidence").unwrap().is_reserved());
    /// assert!(!BucketName::parse("evidence-xn--1").unwrap().is_reserved());
    /// ```
    pub fn is_reserved(&self) -> bool {
        const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
        const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", "--x-s3", "--table-s3", ".mrap"];
        BEGINNINGS.iter().any(|beginning| self.0.starts_with(beginning)) || ENDS.iter().any(|end| self.0.ends_with(end))
    }
}
text_face!(BucketName);

/// An object's full name in its bucket: any UTF-8 of 1 to 1024 bytes. Never a path on disk, however it looks.
///
/// ```
/// use baleen_types::ObjectKey;
/// assert_eq!(ObjectKey::parse("../etc//passwd").unwrap().as_str(), "../etc//passwd");
/// assert!(ObjectKey::parse("").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// The longest key, in bytes of UTF-8 (AWS, "Object key naming guidelines").
pub const OBJECT_KEY_BYTES_MAX: usize = 1024;

impl ObjectKey {
    /// Checks the length; every character is allowed.
    pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        match text.len() {
            0 => Err(Invalid::new("object key", "it must not be empty")),
            1..=OBJECT_KEY_BYTES_MAX => Ok(Self(text)),
            n => Err(Invalid::new(
                "object key",
                format!("{n} bytes are more than {OBJECT_KEY_BYTES_MAX}"),
            )),
        }
    }
}
text_face!(ObjectKey);

/// Where an object is: its bucket and its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectPath {
    /// The bucket.
    pub bucket: BucketName,
    /// The full name in the bucket.
    pub key: ObjectKey,
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

/// A user's name: 1 to 64 letters, digits and `+=,.@_-`, kept as given, compared without case (identity contract, 1).
#[derive(Clone, Debug)]
pub struct UserName(String);

impl UserName {
    /// Checks length and alphabet.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "user name",
                "1 to 64 letters, digits or +=,.@_- are expected",
            ))
        }
    }

    /// The form in which two names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}
text_face!(UserName);

impl PartialEq for UserName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for UserName {}

/// A customer's name: 3 to 63 letters, digits and hyphens, not beginning with a hyphen; kept in lower case (identity
/// contract, section 4, RSCreateCustomer).
///
/// ```
/// use baleen_types::CustomerName;
/// assert_eq!(CustomerName::parse("NewCorp").unwrap().as_str(), "newcorp");
/// assert!(CustomerName::parse("-newcorp").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerName(String);

impl CustomerName {
    /// Checks length and alphabet, and lowers the case.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (3..=63).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Invalid::new(
                "customer name",
                "3 to 63 letters, digits or hyphens are expected, the first no hyphen",
            ))
        }
    }
}
text_face!(CustomerName);

/// How a customer is named beside its reseller: `<reseller>:<customer>`, or the customer alone (identity contract, 5).
///
/// ```
/// use baleen_types::RootName;
/// assert_eq!(RootName::parse("lyve:NewCorp").unwrap().to_string(), "lyve:newcorp");
/// assert_eq!(RootName::parse("newcorp").unwrap().reseller, None);
/// assert!(RootName::parse("a:b:c").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RootName {
    /// The reseller, if the text names one; it must then be the customer's.
    pub reseller: Option<CustomerName>,
    /// The customer.
    pub customer: CustomerName,
}

impl RootName {
    /// Reads either form.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            None => Ok(Self {
                reseller: None,
                customer: CustomerName::parse(text)?,
            }),
            Some((reseller, customer)) => Ok(Self {
                reseller: Some(CustomerName::parse(reseller)?),
                customer: CustomerName::parse(customer)?,
            }),
        }
    }
}

impl fmt::Display for RootName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reseller) = &self.reseller {
            write!(f, "{reseller}:")?;
        }
        write!(f, "{}", self.customer)
    }
}

/// An e-mail address which can be a user's name (identity contract, 1): a [`UserName`] with one `@` inside.
///
/// ```
/// use baleen_types::EmailAddress;
/// assert!(EmailAddress::parse("admin@newcorp.com").is_ok());
/// assert!(EmailAddress::parse("admin").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(UserName);

impl EmailAddress {
    /// Checks the form, not whether anybody reads it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_address = |(local, host): (&str, &str)| !local.is_empty() && !host.is_empty() && !host.contains('@');
        match UserName::parse(text) {
            Ok(name) if text.split_once('@').is_some_and(is_address) => Ok(Self(name)),
            _ => Err(Invalid::new(
                "e-mail address",
                "name@host of at most 64 letters, digits or +=,._- is expected",
            )),
        }
    }

    /// The address as a user's name.
    pub fn as_user_name(&self) -> &UserName {
        &self.0
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A region's name: 1 to 32 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionName(String);

impl RegionName {
    /// Checks length and alphabet.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "region name",
                "1 to 32 letters, digits or hyphens are expected",
            ))
        }
    }
}
text_face!(RegionName);

/// Where packets are captured: PCAPs' `colo_name`. 1 to 64 letters, digits, `-` and `_`; compared without case.
#[derive(Clone, Debug)]
pub struct SiteName(String);

impl SiteName {
    /// Checks length and alphabet.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "site name",
                "1 to 64 letters, digits, hyphens or underscores are expected",
            ))
        }
    }

    /// The group this site answers to as well: its name without trailing digits (`ord02` is of `ORD`; PCAPs, A.2).
    ///
    /// ```
    /// use baleen_types::SiteName;
    /// assert_eq!(SiteName::parse("ord02").unwrap().group(), "ord");
    /// ```
    pub fn group(&self) -> &str {
        self.0.trim_end_matches(|c: char| c.is_ascii_digit())
    }

    /// Tells whether a request for `wanted` is one for this site or its group.
    pub fn answers_to(&self, wanted: &Self) -> bool {
        self == wanted || (!self.group().is_empty() && self.group().eq_ignore_ascii_case(&wanted.0))
    }
}
text_face!(SiteName);

impl PartialEq for SiteName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for SiteName {}

#[cfg(test)]
mod tests;
