//! Delivering logs: with the rights of a key, as they are at that moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baleen_http::{Credentials, Lookup};
use baleen_objects::{
    BucketEncryption, BucketLogging, Encrypt, Expect, Lock, ObjectError, ObjectHeaders, PutObject, Tags,
    WriteCondition, body_from_bytes,
};
use baleen_policy::{Action, Context, Principal, Resource};
use baleen_types::{AccountId, Acl, BucketName, ObjectKey, ObjectPath, Timestamp};

use super::queue::{LogQueue, Source, left_out};
use crate::access::may_use;
use crate::asker::Asker;
use crate::fault::Fault;
use crate::services::Services;

/// What logs are made and delivered with.
pub(crate) struct Logs {
    pub(crate) queue: Arc<LogQueue>,
    credentials: Arc<dyn Credentials>,
    /// Where the ends of the keys of logs begin, which no two have.
    first: u64,
    made: AtomicU64,
}

/// Why a log cannot be delivered.
#[derive(Debug)]
pub(crate) enum Undeliverable {
    /// The target bucket is not there.
    NoTarget,
    /// The target bucket is another account's.
    ForeignTarget,
    /// The access key is not in force, or another account's.
    NoKey,
    /// The key may not write there.
    Denied,
    /// The key may not use the encryption key of the target bucket.
    KeyDenied,
    /// It may go another time.
    NotNow(Fault),
}

impl fmt::Display for Undeliverable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTarget => "the target bucket for logging does not exist",
            Self::ForeignTarget => "the owner for the bucket to be logged and the target bucket must be the same",
            Self::NoKey => "the access key of the grantee is not in force in the account of the bucket",
            Self::Denied => "the access key of the grantee may not put objects of that prefix into the target bucket",
            Self::KeyDenied => {
                "the access key of the grantee may not use the encryption key of the target bucket (kms:GenerateDataKey)"
            }
            Self::NotNow(fault) => &fault.message,
        })
    }
}

impl From<ObjectError> for Undeliverable {
    fn from(error: ObjectError) -> Self {
        Self::NotNow(error.into())
    }
}

/// A log that could not be delivered.
#[derive(Debug)]
pub struct Undelivered {
    bucket: BucketName,
    why: Undeliverable,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the log of the bucket {} was not delivered: {}",
            self.bucket, self.why
        )
    }
}

impl std::error::Error for Undelivered {}

impl Logs {
    pub(crate) fn new(credentials: Arc<dyn Credentials>, first: u64) -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::default(),
            credentials,
            first,
            made: AtomicU64::new(0),
        })
    }

    /// Delivers what waits. What cannot go now waits on; what may not go is left out, and so is that of buckets which log no
    /// more.
    ///
    /// # Errors
    /// The first that was not delivered; the others were all the same.
    pub(crate) async fn deliver(&self, services: &Services) -> Result<(), Undelivered> {
        let mut first = None;
        for (source, lines) in self.queue.take() {
            let Err(why) = self.deliver_one(services, &source, &lines.text).await else {
                continue;
            };
            if matches!(why, Undeliverable::NotNow(_)) {
                self.queue.give_back(&source, &lines);
            } else {
                left_out(&lines.text);
            }
            let failed = Undelivered {
                bucket: source.name,
                why,
            };
            tracing::warn!(%failed, "a bucket's log");
            first.get_or_insert(failed);
        }
        first.map_or(Ok(()), Err)
    }

    async fn deliver_one(&self, services: &Services, source: &Source, lines: &str) -> Result<(), Undeliverable> {
        let is_there = match services.objects.head_bucket(&source.name).await {
            Err(ObjectError::NoSuchBucket(_)) => false,
            // Another that has its name now is nobody to tell of it.
            bucket => Source::of(&bucket?) == *source,
        };
        // Of one that takes the name from here on, the target is not the owner's.
        let logging = if is_there {
            services.objects.setting::<BucketLogging>(&source.name).await?
        } else {
            None
        };
        let Some(logging) = logging else {
            self.queue.forget(source);
            return Ok(());
        };
        let at = self.place(&logging, services.clock.now())?;
        let encrypt = self.check(services, source.owner, &logging, &at).await?;
        let log = PutObject {
            at,
            length: Some(lines.len() as u64),
            body: body_from_bytes(lines.to_owned()),
            headers: ObjectHeaders {
                content_type: Some("text/plain".to_owned()),
                ..ObjectHeaders::default()
            },
            tags: Tags::default(),
            lock: Lock::default(),
            acl: Acl::default(),
            encrypt,
            expect: Expect::default(),
            condition: WriteCondition::None,
        };
        services.objects.put(log).await?;
        Ok(())
    }

    /// Checks that a log may be put where it is to be, by the key that its configuration names, and tells how it is kept there.
    pub(crate) async fn check(
        &self,
        services: &Services,
        owner: AccountId,
        logging: &BucketLogging,
        at: &ObjectPath,
    ) -> Result<Encrypt, Undeliverable> {
        let target = match services.objects.head_bucket(&at.bucket).await {
            Err(ObjectError::NoSuchBucket(_)) => return Err(Undeliverable::NoTarget),
            target => target?,
        };
        if target.owner != owner {
            return Err(Undeliverable::ForeignTarget);
        }
        let principal = self.principal(logging.access_key()).await?;
        let now = services.clock.now();
        let asker = Asker::new(principal, None, Context::new(now));
        if !asker.is_of(owner) {
            return Err(Undeliverable::NoKey);
        }
        let rules = services.policies.of(&target).await.map_err(Undeliverable::NotNow)?;
        let facts = asker.facts(&target, rules.as_deref());
        let decided = asker.ask(Action::S3PutObject, Resource::Object(facts, &at.key));
        decided.map_err(|_| Undeliverable::Denied)?;
        let default: Option<BucketEncryption> = match services.policies.setting(&target).await {
            Ok(default) => default,
            Err(fault) => return Err(Undeliverable::NotNow(fault)),
        };
        let named = default.as_ref().and_then(BucketEncryption::key);
        if let Some(name) = named.as_ref().and_then(|named| named.within(owner)) {
            let key = (owner, name);
            let used = may_use(&asker, &services.region, Action::KmsGenerateDataKey, key);
            used.map_err(|_| Undeliverable::KeyDenied)?;
        }
        Ok(Encrypt::AsFound(default))
    }

    async fn principal(&self, key: &str) -> Result<Principal, Undeliverable> {
        match self.credentials.access_key(key).await {
            Ok(Lookup::Found(key)) => Ok(key.principal),
            Ok(Lookup::Unknown | Lookup::Suspended | Lookup::Expired) => Err(Undeliverable::NoKey),
            Err(_) => Err(Undeliverable::NotNow(Fault::unavailable())),
        }
    }

    /// Where the next log of a configuration goes: `2026-01-02-03-04-05-` behind the prefix, and what no other has (AWS, "Log
    /// object key format").
    pub(crate) fn place(&self, logging: &BucketLogging, now: Timestamp) -> Result<ObjectPath, Undeliverable> {
        let shape = time::macros::format_description!("[year]-[month]-[day]-[hour]-[minute]-[second]");
        let time = now.to_datetime().format(&shape).unwrap_or_default();
        let unique = self.first.wrapping_add(self.made.fetch_add(1, Ordering::Relaxed));
        let key = ObjectKey::parse(format!("{}{time}-{unique:016X}", logging.prefix));
        Ok(ObjectPath {
            bucket: logging.target()?,
            // Its prefix was checked to leave room.
            key: key.map_err(|_| Undeliverable::Denied)?,
        })
    }
}
