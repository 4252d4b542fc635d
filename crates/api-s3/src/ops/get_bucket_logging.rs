//! GetBucketLogging.

use baleen_objects::BucketLogging;
use s3s::dto::{GetBucketLoggingInput, GetBucketLoggingOutput, Grantee, LoggingEnabled, TargetGrant, Type};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::put_bucket_logging::{ACCESS_KEY, check_is_of_owner};
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketLoggingInput>,
) -> Answer<GetBucketLoggingOutput> {
    check_is_of_owner(&call)?;
    let logging: Option<BucketLogging> = services.objects.setting(call.bucket_name()?).await?;
    let told = |logging: BucketLogging| -> Result<LoggingEnabled, baleen_objects::ObjectError> {
        let grantee = Grantee {
            display_name: None,
            email_address: None,
            id: Some(logging.access_key().to_owned()),
            type_: Type::from_static(ACCESS_KEY),
            uri: None,
        };
        Ok(LoggingEnabled {
            target_bucket: logging.target()?.to_string(),
            target_grants: Some(vec![TargetGrant {
                grantee: Some(grantee),
                permission: None,
            }]),
            target_object_key_format: None,
            target_prefix: logging.prefix,
        })
    };
    Ok(S3Response::new(GetBucketLoggingOutput {
        logging_enabled: logging.map(told).transpose()?,
    }))
}
