//! What a client stores beside the bytes.

use crate::ObjectError;
use crate::limits::{STANDARD_HEADERS_BYTES_MAX, USER_METADATA_BYTES_MAX};
use std::collections::BTreeMap;

/// The standard headers and the user metadata of an object, stored and given back unread.
///
/// Nothing internal is ever kept in `user`: our own fields have a record of their own, so that no request header can
/// reach them (peers' failure F8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, as given.
    pub expires: Option<String>,
    /// User metadata: names without `x-amz-meta-`, in lower case.
    pub user: BTreeMap<String, String>,
}

impl ObjectHeaders {
    /// The standard headers in the order in which they are stored.
    pub(crate) fn standard(&self) -> [&Option<String>; 6] {
        [
            &self.content_type,
            &self.cache_control,
            &self.content_disposition,
            &self.content_encoding,
            &self.content_language,
            &self.expires,
        ]
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`ObjectError::MetadataTooLarge`] and [`ObjectError::HeadersTooLarge`].
    pub fn check(&self) -> Result<(), ObjectError> {
        let user = self
            .user
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
        if user > USER_METADATA_BYTES_MAX {
            return Err(ObjectError::MetadataTooLarge { bytes: user });
        }
        let standard = self
            .standard()
            .iter()
            .filter_map(|v| v.as_ref())
            .map(String::len)
            .sum::<usize>();
        if standard > STANDARD_HEADERS_BYTES_MAX {
            return Err(ObjectError::HeadersTooLarge { bytes: standard });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_user(bytes: usize) -> ObjectHeaders {
        let user = BTreeMap::from([("n".to_owned(), "v".repeat(bytes - 1))]);
        ObjectHeaders {
            user,
            ..Default::default()
        }
    }

    #[test]
    fn user_metadata_at_its_limit() {
        assert!(with_user(2048).check().is_ok());
        assert!(matches!(
            with_user(2049).check(),
            Err(ObjectError::MetadataTooLarge { bytes: 2049 })
        ));
    }

    #[test]
    fn standard_headers_at_their_limit() {
        let with = |n| ObjectHeaders {
            cache_control: Some("c".repeat(n)),
            ..Default::default()
        };
        assert!(with(8192).check().is_ok());
        assert!(matches!(with(8193).check(), Err(ObjectError::HeadersTooLarge { .. })));
    }
}
