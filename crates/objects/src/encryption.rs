//! Encryption at rest, as it is asked for and as it is told of.

use crate::ObjectError;
use crate::setting::setting;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use baleen_kms::{EncryptionContext, KeyName, KeyReference};
use baleen_sealing::blocks::{BASE_KEY_BYTES, BaseKey, Salt};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// How a write wants its bytes to be kept.
#[derive(Clone, Debug, Default)]
pub enum Encrypt {
    /// As the bucket has it.
    #[default]
    AsBucket,
    /// As the bucket had it when it was decided who may use its key: a default that is set meanwhile is for what is begun then.
    AsFound(Option<BucketEncryption>),
    /// Under keys of the store (SSE-S3).
    Managed,
    /// Under a named key of the bucket's owner (SSE-KMS).
    Kms(KmsEncrypt),
    /// Under this key, which is not stored (SSE-C).
    Customer(CustomerKey),
}

/// How bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encrypted {
    /// As they came.
    No,
    /// Under keys of the store (SSE-S3).
    Managed,
    /// Under a named key of the bucket's owner (SSE-KMS).
    Kms(KmsEncrypted),
    /// Under a key that who wants them has to bring (SSE-C).
    Customer(KeyCheck),
}

/// A named key that is asked for.
#[derive(Clone, Debug, Default)]
pub struct KmsEncrypt {
    /// Which; without it the bucket's, if its default has one, or else [`KeyName::DEFAULT`].
    pub key: Option<KeyReference>,
    /// What it is bound to.
    pub context: EncryptionContext,
    /// Whether the client wants a key of the bucket in between; without it as the bucket's default says. Told back, and
    /// without effect: no key is asked of anybody for an object.
    pub bucket_key: Option<bool>,
}

/// A named key that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsEncrypted {
    /// Which.
    pub key: KeyName,
    /// What it is bound to.
    pub context: EncryptionContext,
    /// What the client said of a key of the bucket.
    pub bucket_key: bool,
}

/// A key that comes with a request and goes with it (SSE-C). It has nothing to do with keys of the store: what is sealed under
/// one does not open under the other, though they were equal.
#[derive(Clone)]
pub struct CustomerKey(pub(crate) BaseKey);

/// What a customer's key is known again by. It tells nothing of the key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyCheck {
    pub(crate) salt: Salt,
    pub(crate) value: [u8; 32],
}

impl CustomerKey {
    /// Takes the 256 bits of a key.
    pub fn new(key: Zeroizing<[u8; BASE_KEY_BYTES]>) -> Self {
        Self(BaseKey::new(key, b"customer"))
    }

    pub(crate) fn check(&self, salt: Salt) -> KeyCheck {
        KeyCheck {
            salt,
            value: self.0.check(&salt),
        }
    }
}

impl KeyCheck {
    /// Whether it is of this key.
    pub(crate) fn is_of(&self, key: &CustomerKey) -> bool {
        verify_slices_are_equal(&key.0.check(&self.salt), &self.value).is_ok()
    }
}

impl Encrypted {
    /// The named key that it is under, if it is under one.
    pub fn named_key(&self) -> Option<&KeyName> {
        match self {
            Self::Kms(used) => Some(&used.key),
            Self::No | Self::Managed | Self::Customer(_) => None,
        }
    }

    /// Whether who brings this key, or none, may have the bytes, or what is known of them.
    ///
    /// # Errors
    /// [`ObjectError::KeyMissing`], [`ObjectError::KeyWrong`], [`ObjectError::KeyNotApplicable`].
    pub fn unlock(&self, key: Option<&CustomerKey>) -> Result<(), ObjectError> {
        match (self, key) {
            (Self::No | Self::Managed | Self::Kms(_), None) => Ok(()),
            (Self::No | Self::Managed | Self::Kms(_), Some(_)) => Err(ObjectError::KeyNotApplicable),
            (Self::Customer(_), None) => Err(ObjectError::KeyMissing),
            (Self::Customer(check), Some(key)) if check.is_of(key) => Ok(()),
            (Self::Customer(_), Some(_)) => Err(ObjectError::KeyWrong),
        }
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(hidden)")
    }
}

impl fmt::Debug for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCheck(hidden)")
    }
}

/// How objects of a bucket are kept when a write does not say. It holds for what is written from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketEncryption {
    /// Under which keys.
    pub keys: DefaultKeys,
    /// Whether objects may share a key of the bucket, as the client said; here they do anyway.
    pub bucket_key: bool,
}

/// Under which keys the objects of a bucket are kept. The order is the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefaultKeys {
    /// Those of the store.
    Managed,
    /// A named one of the bucket's owner, as it was referred to; without a name the default one.
    Kms(Option<String>),
}

impl BucketEncryption {
    /// The named key, if it is one that the objects are kept under.
    pub fn key(&self) -> Option<KeyReference> {
        match &self.keys {
            DefaultKeys::Managed => None,
            DefaultKeys::Kms(named) => Some(KeyReference::parse(named.as_deref().unwrap_or(KeyName::DEFAULT))),
        }
    }
}

setting!(BucketEncryption, "bucket encryption", Encryption);
