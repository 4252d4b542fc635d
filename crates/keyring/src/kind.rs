//! The registry of what is sealed: for each kind of record, where it lies and which of its fields are sealed.
//!
//! The crates that own the records declare them, as a constant list each; `server` puts the lists together. A table is
//! declared to hold something sealed or not in [`holds_sealed`], whose match is exhaustive: a new table does not compile
//! until somebody has said which.

use baleen_meta::Entry;
use baleen_meta::keys::Table;
use baleen_meta::record::{self, Record};
use baleen_runtime::Entropy;
use baleen_sealing::{Context, DoesNotOpen, Sealer, sealed_under};
use bytes::Bytes;

/// A kind of record with sealed fields.
#[derive(Clone, Copy)]
pub struct SealedKind {
    /// What is sealed, in the plural and for people: "access keys".
    pub name: &'static str,
    /// The table it is in.
    pub table: Table,
    /// The beginning of its keys, or the one key: that of [`SealedKind::table`] and all behind it.
    pub prefix: fn() -> Vec<u8>,
    /// Shows each sealed field of a record to the visitor, and gives the record anew if any was changed; mostly by
    /// [`visit_record`].
    pub visit: fn(&Entry, &mut Visitor<'_>) -> Result<Option<Bytes>, Unsealable>,
}

/// A record whose sealed fields cannot be sealed anew.
#[derive(Debug, thiserror::Error)]
pub enum Unsealable {
    /// No key opens it.
    #[error(transparent)]
    DoesNotOpen(#[from] DoesNotOpen),
    /// The record or its key is not what was stored.
    #[error(transparent)]
    Damaged(#[from] baleen_meta::Error),
    /// The key names nothing that there can be.
    #[error("the key of the record is damaged")]
    Key,
}

impl From<baleen_meta::record::RecordError> for Unsealable {
    fn from(error: baleen_meta::record::RecordError) -> Self {
        Self::Damaged(error.into())
    }
}

/// What is done with each sealed field: it is opened, or sealed anew if it is sealed under an older key.
pub struct Visitor<'a> {
    sealer: &'a Sealer,
    /// Where nonces come from; without it fields are only opened.
    entropy: Option<&'a dyn Entropy>,
    pub(crate) fields: u64,
    pub(crate) changed: u64,
}

impl<'a> Visitor<'a> {
    /// Only opens what it is shown.
    pub(crate) fn opening(sealer: &'a Sealer) -> Self {
        Self {
            sealer,
            entropy: None,
            fields: 0,
            changed: 0,
        }
    }

    /// Seals anew what it is shown.
    pub(crate) fn resealing(sealer: &'a Sealer, entropy: &'a dyn Entropy) -> Self {
        Self {
            entropy: Some(entropy),
            ..Self::opening(sealer)
        }
    }

    /// Shows it one sealed field, with what that is bound to.
    ///
    /// # Errors
    /// `DoesNotOpen`: the field is as it was.
    pub fn field(&mut self, context: Context<'_>, sealed: &mut Vec<u8>) -> Result<(), Unsealable> {
        self.fields += 1;
        if self.entropy.is_some() && sealed_under(sealed) == Some(self.sealer.newest()) {
            return Ok(());
        }
        let is_changed = match self.entropy {
            None => self.sealer.open(context, sealed).map(|_| false)?,
            Some(entropy) => self.sealer.reseal(context, sealed, entropy.bytes())?,
        };
        self.changed += u64::from(is_changed);
        Ok(())
    }
}

impl std::fmt::Debug for Visitor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Visitor({} fields)", self.fields)
    }
}

impl std::fmt::Debug for SealedKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedKind({})", self.name)
    }
}

/// Decodes a record, shows its fields by `show`, and encodes it anew if one was changed.
///
/// # Errors
/// What `show` says, and `Damaged`.
pub fn visit_record<R: Record>(
    entry: &Entry,
    visitor: &mut Visitor<'_>,
    show: impl FnOnce(&mut R, &mut Visitor<'_>) -> Result<(), Unsealable>,
) -> Result<Option<Bytes>, Unsealable> {
    let mut record: R = record::decode(&entry.value)?;
    let before = visitor.changed;
    show(&mut record, visitor)?;
    Ok((visitor.changed > before)
        .then(|| record::encode(&record))
        .transpose()?)
}

/// Tells whether something sealed lies in a table. API tokens, reset tokens and codes are stored as digests alone; in
/// `System` lie the pepper of recovery codes and the check values of the master keys.
pub const fn holds_sealed(table: Table) -> bool {
    match table {
        Table::AccessKey
        | Table::Session
        | Table::LoginProfile
        | Table::SamlConnection
        | Table::Ownership
        | Table::BucketKey
        | Table::EncryptionKey
        | Table::LookBackKey
        | Table::AgentAuthority
        | Table::System => true,
        Table::Bucket
        | Table::BucketByOwner
        | Table::Object
        | Table::Version
        | Table::DeleteMarker
        | Table::NullVersion
        | Table::BucketSetting
        | Table::Upload
        | Table::Part
        | Table::ExtentPage
        | Table::Extent
        | Table::InlineBody
        | Table::CompletedUpload
        | Table::RenameToken
        | Table::PartChanges
        | Table::Counter
        | Table::Feed
        | Table::FeedHead
        | Table::Queue
        | Table::Garbage
        | Table::CopyDue
        | Table::Lease
        | Table::Account
        | Table::AccountByProject
        | Table::User
        | Table::CustomerByName
        | Table::CustomerByReseller
        | Table::WhitelistRule
        | Table::UserByName
        | Table::UserTotal
        | Table::Policy
        | Table::PolicyVersion
        | Table::PolicyByUser
        | Table::UserByPolicy
        | Table::InlinePolicy
        | Table::SessionByUser
        | Table::ResetToken
        | Table::SamlReplay
        | Table::Audit
        | Table::AuditHead
        | Table::Usage
        | Table::UsageLive
        | Table::AccessKeyByUser
        | Table::ApiToken
        | Table::ApiTokenByUser
        | Table::ApiTokenByShortId
        | Table::ApiTokenUse
        | Table::ApiTokenSettings
        | Table::CaptureTask
        | Table::CaptureUnfinished
        | Table::CaptureTaskByTime
        | Table::CaptureActive
        | Table::CapturePart
        | Table::CaptureFile
        | Table::SampleTurn
        | Table::CaptureDay
        | Table::TaskSlot
        | Table::Schedule
        | Table::ScheduleDue
        | Table::ScheduleBegan
        | Table::TaskName
        | Table::TaskByTime
        | Table::TaskExpiry
        | Table::Agent
        | Table::AgentToken
        | Table::AgentCertificate
        | Table::EncryptionKeyName
        | Table::OwnershipByDestination
        | Table::OwnershipNewest => false,
    }
}
