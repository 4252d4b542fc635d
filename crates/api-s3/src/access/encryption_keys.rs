//! Who may use a named key: decided beside what is asked of the object, before anything is written or told.
//!
//! Which call needs which permission is as with AWS ("Protecting data with SSE-KMS", permissions; CreateMultipartUpload,
//! UploadPart, CompleteMultipartUpload, ListParts and HeadObject, "Permissions"). Keys have no policies of their own: those of who
//! asks decide, and who is of another account than the key has no use of it.

use baleen_kms::{KeyName, KeyReference};
use baleen_objects::{BucketEncryption, Encrypt, Encrypted, KmsEncrypt, ObjectError, UploadPath};
use baleen_policy::{Action, Key, KeyFacts, Resource};
use baleen_types::{AccountId, RegionName};
use http::StatusCode;

use super::Call;
use crate::asker::Asker;
use crate::fault::Fault;
use crate::services::Services;

impl Call {
    /// Decides whether a write may be encrypted as it asks for, or as the bucket has it; returns what was decided about, so that
    /// no other key takes its place.
    pub(crate) async fn decide_encryption(&self, services: &Services, asked: Encrypt) -> Result<Encrypt, Fault> {
        let bucket = self.open_bucket()?;
        let default = || services.policies.setting::<BucketEncryption>(bucket);
        let (named, settled) = match asked {
            Encrypt::AsBucket | Encrypt::AsFound(_) => {
                let default = default().await?;
                let named = default.as_ref().and_then(BucketEncryption::key);
                (named, Encrypt::AsFound(default))
            }
            Encrypt::Kms(asked) => {
                let named = if let Some(named) = asked.key {
                    named
                } else {
                    let of_bucket = default().await?.and_then(|default| default.key());
                    of_bucket.unwrap_or_else(|| KeyReference::parse(KeyName::DEFAULT))
                };
                let key = Some(named.clone());
                (Some(named), Encrypt::Kms(KmsEncrypt { key, ..asked }))
            }
            Encrypt::Managed | Encrypt::Customer(_) => (None, asked),
        };
        // One that is none of the owner's is told to be none by the service.
        if let Some(name) = named.as_ref().and_then(|named| named.within(bucket.owner)) {
            self.decide_key_use(services, Action::KmsGenerateDataKey, name)?;
        }
        Ok(settled)
    }

    /// Decides whether something that is kept so may be read.
    pub(crate) fn decide_decryption(&self, services: &Services, kept: &Encrypted) -> Result<(), Fault> {
        match kept {
            Encrypted::Kms(used) => self.decide_key_use(services, Action::KmsDecrypt, &used.key),
            Encrypted::No | Encrypted::Managed | Encrypted::Customer(_) => Ok(()),
        }
    }

    /// Whether it may, without a word to the audit log: for what is only left out of an answer.
    pub(crate) fn may_decrypt(&self, services: &Services, kept: &Encrypted) -> bool {
        match (kept, &self.bucket) {
            (Encrypted::Kms(used), Some(bucket)) => {
                let key = (bucket.owner, &used.key);
                may_use(&self.asker, &services.region, Action::KmsDecrypt, key).is_ok()
            }
            _ => true,
        }
    }

    /// Decides whether a part may be put into an upload: what is kept of it is read again when the object is made.
    pub(crate) async fn decide_part(&self, services: &Services, upload: &UploadPath) -> Result<(), Fault> {
        let (kept, _) = services.objects.encryption_of_upload(upload).await?;
        self.decide_decryption(services, &kept)
    }

    /// Decides whether an object may be made of an upload. Where no checksum was chosen nothing of the parts is read; and a
    /// repetition, which finds no upload, makes nothing.
    pub(crate) async fn decide_completion(&self, services: &Services, upload: &UploadPath) -> Result<(), Fault> {
        match services.objects.encryption_of_upload(upload).await {
            Ok((kept, true)) => self.decide_decryption(services, &kept),
            Ok((_, false)) | Err(ObjectError::NoSuchUpload(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn decide_key_use(&self, services: &Services, action: Action, name: &KeyName) -> Result<(), Fault> {
        let key = (self.bucket_owner()?, name);
        let decided = may_use(&self.asker, &services.region, action, key);
        if decided.is_err() {
            self.routed
                .decided_by(statement(&self.asker, &services.region, action, key));
        }
        self.told(decided)
    }
}

/// Who asks by way of S3, and for which key.
fn question<'k>(
    asker: &Asker,
    region: &'k RegionName,
    (account, name): (AccountId, &'k KeyName),
) -> (Asker, Resource<'k>) {
    let mut asker = asker.clone();
    let service = format!("s3.{region}.amazonaws.com");
    asker.context.set(Key::KmsViaService, Some(service));
    let key = Resource::EncryptionKey(KeyFacts {
        account,
        region,
        name: name.as_str(),
        is_managed: name.is_reserved(),
    });
    (asker, key)
}

/// The statement that decides about it, for the audit log.
fn statement(asker: &Asker, region: &RegionName, action: Action, key: (AccountId, &KeyName)) -> Option<String> {
    let (asker, key) = question(asker, region, key);
    asker.deciding(action, key)
}

/// Decides whether an asker may use a key of an account.
pub(crate) fn may_use(
    asker: &Asker,
    region: &RegionName,
    action: Action,
    (account, name): (AccountId, &KeyName),
) -> Result<(), Fault> {
    let (asker, key) = question(asker, region, (account, name));
    if asker.ask(action, key).is_ok() {
        return Ok(());
    }
    // As AWS says it, so that who may do all of S3 sees what is missing. Nobody learns which key it is.
    let Some(caller) = asker.principal.caller() else {
        return Err(Fault::access_denied());
    };
    let name_of_action = action.name();
    let why = if !asker.is_of(account) {
        format!("because no resource-based policy allows the {name_of_action} action")
    } else if asker.is_forbidden(action, key) {
        "with an explicit deny in an identity-based policy".to_owned()
    } else {
        format!("because no identity-based policy allows the {name_of_action} action")
    };
    let (user, arn) = (caller.arn(), name.arn(region, account));
    let message = format!("User: {user} is not authorized to perform: {name_of_action} on resource: {arn} {why}");
    Err(Fault::new("AccessDenied", StatusCode::FORBIDDEN, message))
}
