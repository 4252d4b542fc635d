//! PutBucketLogging: what it names is checked now, and again at each delivery.

use baleen_objects::BucketLogging;
use baleen_types::{AccessKeyId, BucketName, OBJECT_KEY_BYTES_MAX};
use http::StatusCode;
use s3s::dto::{LoggingEnabled, PutBucketLoggingInput, PutBucketLoggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::{Fault, sentence};
use crate::logging::Undeliverable;
use crate::services::Services;

/// The type of the grantee by whose key logs are delivered (seed 004, "Put Bucket Logging").
pub(super) const ACCESS_KEY: &str = "AccessKey";

/// What to do where AWS would deliver by a service of its own, which every tool that knows AWS alone asks for first.
const HOW_TO_GRANT: &str = "Logs are delivered with the rights of an access key, which TargetGrants has to name: \
    one Grant with a Grantee of xsi:type=\"AccessKey\", whose ID is an access key of the bucket's account that may put \
    objects of the TargetPrefix into the TargetBucket. There is no log delivery service to which a bucket policy or an \
    access control list could give that right.";

/// What is put behind a prefix: the time and 16 digits.
const NAME_BYTES: usize = "2026-01-02-03-04-05-0123456789ABCDEF".len();

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketLoggingInput>,
) -> Answer<PutBucketLoggingOutput> {
    check_is_of_owner(&call)?;
    let logging = request
        .input
        .bucket_logging_status
        .logging_enabled
        .map(read)
        .transpose()?;
    if let Some(logging) = &logging {
        let logs = &services.logs;
        let at = logs.place(logging, services.clock.now()).map_err(refusal)?;
        let checked = logs.check(services, call.bucket_owner()?, logging, &at).await;
        checked.map_err(refusal)?;
    }
    services
        .objects
        .put_setting(call.bucket_name()?, logging.as_ref())
        .await?;
    Ok(S3Response::new(PutBucketLoggingOutput::default()))
}

/// "To set the logging status of a bucket, you must be the bucket owner" (seed 004, "Put Bucket Logging").
pub(super) fn check_is_of_owner(call: &Call) -> Result<(), Fault> {
    if call.is_of_owner() {
        Ok(())
    } else {
        Err(Fault::access_denied())
    }
}

fn read(asked: LoggingEnabled) -> Result<BucketLogging, Fault> {
    if asked
        .target_object_key_format
        .is_some_and(|format| format.partitioned_prefix.is_some())
    {
        return Err(Fault::not_implemented("PartitionedPrefix is not implemented."));
    }
    let target = BucketName::parse(&asked.target_bucket).map_err(|_| refusal(Undeliverable::NoTarget))?;
    if asked.target_prefix.len() + NAME_BYTES > OBJECT_KEY_BYTES_MAX {
        return Err(Fault::invalid_argument(
            "The TargetPrefix leaves no room for the names of logs.",
        ));
    }
    let grants = asked.target_grants.unwrap_or_default();
    let one = if let [grant] = &grants[..] {
        grant.grantee.as_ref()
    } else {
        None
    };
    let id = one
        .filter(|grantee| grantee.type_.as_str() == ACCESS_KEY)
        .and_then(|grantee| grantee.id.as_deref())
        .ok_or_else(|| Fault::invalid_request(HOW_TO_GRANT))?;
    let id = AccessKeyId::parse(id).map_err(|_| refusal(Undeliverable::NoKey))?;
    Ok(BucketLogging::new(&target, asked.target_prefix, &id))
}

fn refusal(why: Undeliverable) -> Fault {
    let code = match why {
        Undeliverable::NoTarget | Undeliverable::ForeignTarget | Undeliverable::Denied | Undeliverable::KeyDenied => {
            "InvalidTargetBucketForLogging"
        }
        Undeliverable::NoKey => "InvalidArgument",
        Undeliverable::NotNow(fault) => return fault,
    };
    Fault::new(code, StatusCode::BAD_REQUEST, sentence(&why.to_string()))
}
