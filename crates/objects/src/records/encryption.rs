//! How bytes are kept, as it is stored.

use crate::encryption::{KeyCheck, KmsEncrypted};
use crate::{Encrypted, ObjectError};
use baleen_keyring::{SealedKind, Unsealable, visit_record};
use baleen_kms::{EncryptionContext, KeyName};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_sealing::Context;
use serde::{Deserialize, Serialize};

/// [`Encrypted`] as it is stored: the order is the format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EncryptionRecord {
    #[default]
    No,
    Managed,
    Customer {
        salt: [u8; 16],
        check: [u8; 32],
    },
    Kms(KmsRecord),
}

/// A named key that is used, and which version of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KmsRecord {
    pub(crate) key: String,
    pub(crate) version: u16,
    context: Vec<(String, String)>,
    bucket_key: bool,
}

impl KmsRecord {
    pub(crate) fn new(used: &KmsEncrypted, version: u16) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            key: used.key.as_str().to_owned(),
            version,
            context: used.context.pairs().map(own).collect(),
            bucket_key: used.bucket_key,
        }
    }

    pub(crate) fn used(&self) -> Result<KmsEncrypted, ObjectError> {
        Ok(KmsEncrypted {
            key: KeyName::parse(&self.key).map_err(ObjectError::corrupt)?,
            context: EncryptionContext::new(self.context.clone()).map_err(ObjectError::corrupt)?,
            bucket_key: self.bucket_key,
        })
    }
}

impl EncryptionRecord {
    pub(crate) fn encrypted(&self) -> Result<Encrypted, ObjectError> {
        Ok(match self {
            Self::No => Encrypted::No,
            Self::Managed => Encrypted::Managed,
            Self::Customer { salt, check } => Encrypted::Customer(KeyCheck {
                salt: *salt,
                value: *check,
            }),
            Self::Kms(kms) => Encrypted::Kms(kms.used()?),
        })
    }

    /// Whether the MD5 of what is kept so must not be told: it would name the content to who may not read it.
    pub(crate) fn hides_md5(&self) -> bool {
        match self {
            // AWS, "Common Response Headers": the tag of SSE-S3 is the MD5, that of the others is not.
            Self::No | Self::Managed => false,
            Self::Customer { .. } | Self::Kms(_) => true,
        }
    }
}

impl From<KeyCheck> for EncryptionRecord {
    fn from(check: KeyCheck) -> Self {
        Self::Customer {
            salt: check.salt,
            check: check.value,
        }
    }
}

/// The key of a bucket, of which the keys of its objects are derived. Made when the first of them is needed, and gone with the
/// bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketKeyRecord {
    pub(crate) sealed: Vec<u8>,
}
first_version!(BucketKeyRecord, "bucket key");

impl BucketKeyRecord {
    /// What the key is bound to.
    pub(crate) fn context(bucket: &str) -> Context<'_> {
        Context {
            purpose: "bucket-key",
            id: bucket,
        }
    }
}

/// What this crate has sealed: a key for each bucket that has needed one, and nothing for each object. So a change of the
/// master key takes as long as there are buckets, not objects.
pub const SEALED: &[SealedKind] = &[SealedKind {
    name: "bucket keys",
    table: Table::BucketKey,
    prefix: || KeyWriter::new(Table::BucketKey).finish(),
    visit: |entry, visitor| {
        let mut key = KeyReader::new(&entry.key, Table::BucketKey)?;
        let id = key.u64()?.to_string();
        key.end().map_err(|_| Unsealable::Key)?;
        visit_record(entry, visitor, |stored: &mut BucketKeyRecord, visitor| {
            visitor.field(BucketKeyRecord::context(&id), &mut stored.sealed)
        })
    },
}];
