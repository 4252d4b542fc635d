//! Settings of buckets: what may be said of a bucket beside its name, each kind a record of its own.
//!
//! A bucket's record says which kinds there are and carries a number that changes with each of them. Who reads the record,
//! as every request does, learns that there is nothing to read, or whether what it has kept is still true.

mod access;
mod replication;

pub use access::{BucketAcl, BucketPolicy, ObjectOwnership, PublicAccessBlock};
pub use replication::ReplicationPolicy;

use crate::ObjectError;
use baleen_meta::record::{self, Record};
use bytes::Bytes;

/// The kinds of settings; the numbers are the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SettingKind {
    /// The bucket's policy.
    Policy = 1,
    /// The bucket's tags.
    Tagging = 2,
    /// Which pages of other origins may read.
    Cors = 3,
    /// When what is old is removed.
    Lifecycle = 4,
    /// Where the records of requests go.
    Logging = 5,
    /// How objects are encrypted by default.
    Encryption = 7,
    /// What of public access is blocked.
    PublicAccessBlock = 8,
    /// Whether access control lists count.
    Ownership = 9,
    /// The bucket's access control list.
    Acl = 10,
    /// In which regions its objects must be.
    Replication = 11,
}

impl SettingKind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Policy,
        Self::Tagging,
        Self::Cors,
        Self::Lifecycle,
        Self::Logging,
        Self::Encryption,
        Self::PublicAccessBlock,
        Self::Ownership,
        Self::Acl,
        Self::Replication,
    ];

    pub(crate) fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// A setting as it is stored: at most 64 KiB as a record.
pub trait BucketSetting: Record + Send {
    /// Which kind it is.
    const KIND: SettingKind;
}

/// Declares a setting of a bucket, in its first version.
macro_rules! setting {
    ($type:ty, $name:literal, $kind:ident) => {
        baleen_meta::record::first_version!($type, $name);

        impl $crate::setting::BucketSetting for $type {
            const KIND: $crate::setting::SettingKind = $crate::setting::SettingKind::$kind;
        }
    };
}
pub(crate) use setting;

/// The settings that a bucket is made with.
#[derive(Clone, Debug, Default)]
pub struct NewSettings(pub(crate) Vec<(SettingKind, Bytes)>);

impl NewSettings {
    /// These, and one more.
    ///
    /// # Errors
    /// It is too large.
    pub fn with<S: BucketSetting>(mut self, setting: &S) -> Result<Self, ObjectError> {
        self.0.push((S::KIND, record::encode(setting)?));
        Ok(self)
    }
}

/// What a bucket's record says of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settled {
    pub(crate) bucket: u64,
    pub(crate) kinds: u32,
    pub(crate) revision: u64,
}

impl Settled {
    /// Whether there is a setting of the kind.
    #[must_use]
    pub fn has(&self, kind: SettingKind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// What names this state of the settings of this bucket, and no other: a key for what is made of them.
    #[must_use]
    pub fn key(&self) -> (u64, u64) {
        (self.bucket, self.revision)
    }
}
