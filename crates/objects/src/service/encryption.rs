//! Which key a body is sealed under.

use super::{Objects, OpenBucket};
use crate::encryption::{BucketEncryption, CustomerKey, DefaultKeys, KmsEncrypt, KmsEncrypted};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{BucketId, BucketKeyRecord, BucketRecord, EncryptionRecord, KmsRecord, Piece};
use crate::{BucketSetting, Encrypt, ObjectError, SettingKind, keys};
use baleen_meta::{Request, record};
use baleen_sealing::blocks::{BASE_KEY_BYTES, BaseKey, BlockSealer, Salt};
use baleen_types::BucketName;
use bytes::Bytes;
use zeroize::Zeroizing;

/// What keys of buckets are for.
const MANAGED: &[u8] = b"managed";

/// Under which key a body is sealed as it comes in.
pub(super) struct Sealing {
    pub(super) base: BaseKey,
    /// Whether its MD5 must not be told.
    pub(super) hides_md5: bool,
}

/// A body's own key.
pub(super) struct BodySealing {
    pub(super) base: BaseKey,
    pub(super) salt: Salt,
    /// Its number in the object.
    pub(super) number: u16,
}

impl BodySealing {
    pub(super) fn sealer(&self) -> BlockSealer {
        BlockSealer::new(self.base.piece(&self.salt, self.number))
    }

    /// Seals a body that is in memory.
    pub(super) fn seal_all(&self, mut body: Bytes) -> Bytes {
        let mut sealer = self.sealer();
        let mut sealed = Vec::new();
        while !body.is_empty() {
            sealed.extend(sealer.push(&mut body));
        }
        sealed.extend(sealer.finish());
        match <[Bytes; 1]>::try_from(sealed) {
            Ok([block]) => block,
            Err(blocks) => blocks.concat().into(),
        }
    }
}

impl Objects {
    /// What a write asks for, with what its bucket says, and the key for it.
    pub(super) async fn encryption_of_new(
        &self,
        (name, bucket): (&BucketName, &OpenBucket),
        asked: &Encrypt,
    ) -> Result<(EncryptionRecord, Option<Sealing>), ObjectError> {
        let encryption = match asked {
            Encrypt::Managed => EncryptionRecord::Managed,
            Encrypt::Customer(key) => key.check(self.entropy.bytes()).into(),
            Encrypt::AsBucket | Encrypt::AsFound(_) => {
                let default = match asked {
                    Encrypt::AsFound(found) => found.clone(),
                    _ => self.default_encryption(bucket).await?,
                };
                match default {
                    None => EncryptionRecord::No,
                    Some(default) if default.keys == DefaultKeys::Managed => EncryptionRecord::Managed,
                    Some(default) => return self.named(bucket, KmsEncrypt::default(), Some(default)).await,
                }
            }
            Encrypt::Kms(asked) => {
                let default = self.default_encryption(bucket).await?;
                return self.named(bucket, asked.clone(), default).await;
            }
        };
        let key = match asked {
            Encrypt::Customer(key) => Some(key),
            Encrypt::Managed | Encrypt::AsBucket | Encrypt::AsFound(_) | Encrypt::Kms(_) => None,
        };
        let sealing = self.sealing((name, bucket), &encryption, key).await?;
        Ok((encryption, sealing))
    }

    /// The newest version of the named key that is asked for, or of the bucket's.
    async fn named(
        &self,
        bucket: &OpenBucket,
        asked: KmsEncrypt,
        default: Option<BucketEncryption>,
    ) -> Result<(EncryptionRecord, Option<Sealing>), ObjectError> {
        let said = asked.bucket_key;
        let bucket_key = said
            .or(default.as_ref().map(|default| default.bucket_key))
            .unwrap_or(false);
        let reference = asked.key.or_else(|| default.and_then(|default| default.key()));
        let owner = bucket.record.owner()?;
        let found = self.kms.newest(owner, reference.as_ref(), &asked.context).await?;
        let used = KmsEncrypted {
            key: found.name,
            context: asked.context,
            bucket_key,
        };
        let sealing = Sealing {
            base: found.key,
            hides_md5: true,
        };
        Ok((
            EncryptionRecord::Kms(KmsRecord::new(&used, found.version)),
            Some(sealing),
        ))
    }

    /// The key for more of what is kept so.
    pub(super) async fn sealing(
        &self,
        (name, bucket): (&BucketName, &OpenBucket),
        encryption: &EncryptionRecord,
        key: Option<&CustomerKey>,
    ) -> Result<Option<Sealing>, ObjectError> {
        let base = match (encryption, key) {
            (EncryptionRecord::No, _) => return Ok(None),
            (EncryptionRecord::Managed, _) => self.make_bucket_key(name, bucket).await?,
            (EncryptionRecord::Kms(kms), _) => self.named_key(bucket, kms).await?,
            (EncryptionRecord::Customer { .. }, Some(key)) => key.0.clone(),
            (EncryptionRecord::Customer { .. }, None) => return Err(ObjectError::KeyMissing),
        };
        Ok(Some(Sealing {
            base,
            hides_md5: encryption.hides_md5(),
        }))
    }

    /// The key under which something was sealed; `None` for what was not.
    pub(super) async fn base_key(
        &self,
        bucket: &OpenBucket,
        encryption: &EncryptionRecord,
        key: Option<&CustomerKey>,
    ) -> Result<Option<BaseKey>, ObjectError> {
        encryption.encrypted()?.unlock(key)?;
        match (encryption, key) {
            (EncryptionRecord::No, _) => Ok(None),
            (EncryptionRecord::Managed, _) => {
                let key = self.bucket_key(bucket.id).await?;
                Ok(Some(key.ok_or_else(key_is_gone)?))
            }
            (EncryptionRecord::Kms(kms), _) => Ok(Some(self.named_key(bucket, kms).await?)),
            (EncryptionRecord::Customer { .. }, key) => Ok(key.map(|key| key.0.clone())),
        }
    }

    async fn named_key(&self, bucket: &OpenBucket, kms: &KmsRecord) -> Result<BaseKey, ObjectError> {
        let used = kms.used()?;
        let version = (&used.key, kms.version);
        let owner = bucket.record.owner()?;
        Ok(self.kms.open_version(owner, version, &used.context).await?)
    }

    async fn default_encryption(&self, bucket: &OpenBucket) -> Result<Option<BucketEncryption>, ObjectError> {
        if !has_default(&bucket.record) {
            return Ok(None);
        }
        let key = keys::setting(bucket.id, BucketEncryption::KIND);
        let stored = self.meta.get(&key).await?;
        Ok(stored.map(|stored| record::decode(&stored)).transpose()?)
    }

    async fn bucket_key(&self, bucket: BucketId) -> Result<Option<BaseKey>, ObjectError> {
        let stored = self.meta.get(&keys::bucket_key(bucket)).await?;
        stored.map(|stored| self.open_bucket_key(bucket, &stored)).transpose()
    }

    pub(super) fn open_bucket_key(&self, bucket: BucketId, stored: &[u8]) -> Result<BaseKey, ObjectError> {
        let stored: BucketKeyRecord = record::decode(stored)?;
        let id = bucket.0.to_string();
        let secret = self.sealer.open(BucketKeyRecord::context(&id), &stored.sealed);
        let key = secret.and_then(|secret| BaseKey::from_secret(&secret, MANAGED));
        key.map_err(ObjectError::corrupt)
    }

    /// The key of a bucket, which is made if it has never had one. One that it had and that is gone is damage: what it sealed
    /// would be lost without a word if another took its place.
    async fn make_bucket_key(&self, name: &BucketName, bucket: &OpenBucket) -> Result<BaseKey, ObjectError> {
        if bucket.record.has_key {
            let key = self.bucket_key(bucket.id).await?;
            return key.ok_or_else(key_is_gone);
        }
        let row = keys::bucket_key(bucket.id);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let rows = [bucket.key.clone(), row.clone()];
            let mut read = self.meta.get_many(&rows).await?.into_iter();
            let (stored, key_row) = (read.next().flatten(), read.next().flatten());
            let OpenBucket {
                id, stored, mut record, ..
            } = OpenBucket::new(name, bucket.key.clone(), stored)?;
            if id != bucket.id {
                return Err(ObjectError::NoSuchBucket(name.clone()));
            }
            // With the bucket, or a key would be left behind by one that goes meanwhile.
            let marking = Request::new()
                .unchanged(bucket.key.clone(), Some(stored))
                .unchanged(row.clone(), key_row.clone());
            let (key, mut commit) = match (key_row, record.has_key) {
                (Some(found), true) => return self.open_bucket_key(bucket.id, &found),
                (None, true) => return Err(key_is_gone()),
                // It was made before buckets were marked.
                (Some(found), false) => (self.open_bucket_key(bucket.id, &found)?, marking),
                (None, false) => {
                    let (key, sealed) = self.new_bucket_key(bucket.id);
                    (key, marking.put(row.clone(), record::encode(&sealed)?))
                }
            };
            record.has_key = true;
            commit = commit.put(bucket.key.clone(), record::encode(&record)?);
            if self.meta.commit(commit).await?.is_committed() {
                return Ok(key);
            }
        }
        Err(ObjectError::Contended)
    }

    fn new_bucket_key(&self, bucket: BucketId) -> (BaseKey, BucketKeyRecord) {
        let mut bytes = Zeroizing::new([0; BASE_KEY_BYTES]);
        self.entropy.fill(&mut *bytes);
        let key = BaseKey::new(bytes, MANAGED);
        let id = bucket.0.to_string();
        let context = BucketKeyRecord::context(&id);
        let sealed = self.sealer.seal(context, &key.to_secret(), self.entropy.bytes());
        (key, BucketKeyRecord { sealed })
    }
}

fn key_is_gone() -> ObjectError {
    ObjectError::corrupt("the key of a bucket is gone")
}

/// Whether writes that do not say otherwise are encrypted.
pub(super) fn has_default(bucket: &BucketRecord) -> bool {
    bucket.settings & SettingKind::Encryption.bit() != 0
}

/// The salt of a piece, and that it is sealed if, and only if, its object says so.
pub(super) fn salt_of(piece: &Piece, is_encrypted: bool) -> Result<Option<Salt>, ObjectError> {
    let salt = piece.at.salt();
    if salt.is_some() == is_encrypted || piece.size == 0 {
        Ok(salt)
    } else {
        Err(ObjectError::corrupt("a record and its pieces differ about encryption"))
    }
}
