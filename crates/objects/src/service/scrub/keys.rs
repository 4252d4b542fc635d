//! Whether there is somebody who can open what is sealed.

use super::{Buckets, Known};
use crate::records::{BucketId, EncryptionRecord, KmsRecord};
use crate::service::Objects;
use crate::{ObjectError, keys};
use baleen_meta::Snapshot;
use baleen_sealing::blocks::BaseKey;
use baleen_types::{Classify as _, FaultKind};

/// Who opens a body.
pub(super) enum Opens {
    /// Nobody has to.
    Plain,
    /// The server, with this key.
    With(BaseKey),
    /// Whoever has the key, which is not the server, or not now.
    Others,
    /// Nobody, and why.
    Nobody(String),
}

impl Opens {
    /// Whether the body is sealed.
    pub(super) fn is_sealed(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// The key, if the server has it.
    pub(super) fn key(self) -> Option<BaseKey> {
        match self {
            Self::With(key) => Some(key),
            Self::Plain | Self::Others | Self::Nobody(_) => None,
        }
    }
}

/// Finds keys; remembers that of the bucket it was asked for last, since rows lie by their buckets.
#[derive(Default)]
pub(super) struct Openers {
    last: Option<(BucketId, BaseKey)>,
}

impl Openers {
    /// Who opens what is kept so, in a bucket as a snapshot has it.
    pub(super) async fn of(
        &mut self,
        objects: &Objects,
        snapshot: &Snapshot,
        (buckets, bucket): (&Buckets, BucketId),
        encryption: &EncryptionRecord,
    ) -> Result<Opens, ObjectError> {
        match encryption {
            EncryptionRecord::No => Ok(Opens::Plain),
            EncryptionRecord::Customer { .. } => Ok(Opens::Others),
            EncryptionRecord::Managed => {
                if let Some((_, key)) = self.last.as_ref().filter(|(of, _)| *of == bucket) {
                    return Ok(Opens::With(key.clone()));
                }
                let Some(stored) = snapshot.get(&keys::bucket_key(bucket)).await? else {
                    return Ok(Opens::Nobody("the key of its bucket is gone".to_owned()));
                };
                Ok(match objects.open_bucket_key(bucket, &stored) {
                    Ok(key) => {
                        self.last = Some((bucket, key.clone()));
                        Opens::With(key)
                    }
                    Err(_) => Opens::Nobody("the key of its bucket does not open".to_owned()),
                })
            }
            EncryptionRecord::Kms(kms) => match buckets.get(&bucket) {
                Some(known) => named(objects, known, kms).await,
                None => Ok(Opens::Others),
            },
        }
    }
}

async fn named(objects: &Objects, bucket: &Known, kms: &KmsRecord) -> Result<Opens, ObjectError> {
    let used = kms.used()?;
    let opened = objects
        .kms
        .open_version(bucket.owner, (&used.key, kms.version), &used.context);
    match opened.await {
        Ok(key) => Ok(Opens::With(key)),
        // It opens nothing, also not for this; that it would is seen where the keys are.
        Err(baleen_kms::Error::Disabled(_)) => Ok(Opens::Others),
        Err(baleen_kms::Error::Meta(error)) if error.kind() != FaultKind::Corrupt => Err(error.into()),
        Err(error) => {
            // Keys of an account go when its buckets have gone.
            let is_there = objects.meta.get(&keys::bucket(&bucket.name)).await?.is_some();
            let why = || {
                let (key, version) = (&used.key, kms.version);
                format!("nobody has its key, version {version} of {key}: {error}")
            };
            Ok(if is_there { Opens::Nobody(why()) } else { Opens::Others })
        }
    }
}
