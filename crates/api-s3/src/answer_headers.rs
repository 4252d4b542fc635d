//! What answers tell of an object in their headers, be it read or written.

use baleen_objects::{Expiry, StoredChecksum, Version};
use baleen_types::ETag;
use http::header::{ETAG, HeaderName, IntoHeaderName};
use http::{HeaderMap, HeaderValue};

use crate::encryption;
use crate::lifecycle::expiration;

static CHECKSUM_TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");
static EXPIRATION: HeaderName = HeaderName::from_static("x-amz-expiration");
static VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
static ENCRYPTION: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");
static KMS_KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id");
static BUCKET_KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-bucket-key-enabled");
static CUSTOMER_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm");
static CUSTOMER_KEY_MD5: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5");

/// The headers of an answer.
pub(crate) struct AnswerHeaders(HeaderMap);

impl AnswerHeaders {
    /// Room for so many headers, so that the map need not grow.
    pub(crate) fn with_capacity(headers: usize) -> Self {
        Self(HeaderMap::with_capacity(headers))
    }

    pub(crate) fn into_map(self) -> HeaderMap {
        self.0
    }

    pub(crate) fn insert(&mut self, name: impl IntoHeaderName, value: HeaderValue) {
        self.0.insert(name, value);
    }

    /// What was stored was a header once; what cannot be one any more is left out.
    pub(crate) fn put<V>(&mut self, name: &HeaderName, value: Option<V>)
    where
        HeaderValue: TryFrom<V>,
    {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            self.0.insert(name, value);
        }
    }

    /// The same, of a name that is made up.
    pub(crate) fn put_new(&mut self, name: impl AsRef<str>, value: String) {
        if let Ok(name) = HeaderName::try_from(name.as_ref()) {
            self.put(&name, Some(value));
        }
    }

    /// Which object it is, and how long it stays.
    pub(crate) fn put_identity(&mut self, tag: &ETag, version: Option<Version>, expiry: Option<&Expiry>) {
        self.put(&ETAG, Some(tag.quoted()));
        self.put(&VERSION_ID, version.map(|version| version.to_string()));
        self.put(&EXPIRATION, expiry.and_then(expiration));
    }

    pub(crate) fn put_checksum(&mut self, stored: &StoredChecksum) {
        let algorithm = stored.checksum.algorithm().as_str().to_ascii_lowercase();
        self.put_new(format!("x-amz-checksum-{algorithm}"), stored.to_text());
        self.0
            .insert(&CHECKSUM_TYPE, HeaderValue::from_static(stored.kind.as_str()));
    }

    pub(crate) fn put_encryption(&mut self, told: encryption::Told) {
        self.put(&ENCRYPTION, told.algorithm.map(|name| name.as_str().to_owned()));
        self.put(&KMS_KEY, told.key_id);
        self.put(&BUCKET_KEY, told.bucket_key.map(|is| is.to_string()));
        self.put(&CUSTOMER_ALGORITHM, told.customer_algorithm);
        self.put(&CUSTOMER_KEY_MD5, told.customer_key_md5);
    }
}
