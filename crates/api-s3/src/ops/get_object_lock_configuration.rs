//! GetObjectLockConfiguration.

use baleen_objects::{DefaultRetention, RetentionPeriod};
use http::StatusCode;
use s3s::dto::{self, GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, ObjectLockEnabled};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::locking::mode_text;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    call: Call,
    _request: S3Request<GetObjectLockConfigurationInput>,
) -> Answer<GetObjectLockConfigurationOutput> {
    let Some(lock) = call.bucket.and_then(|bucket| bucket.object_lock) else {
        return Err(Fault::new(
            "ObjectLockConfigurationNotFoundError",
            StatusCode::NOT_FOUND,
            "Object Lock configuration does not exist for this bucket.",
        ));
    };
    Ok(S3Response::new(GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(dto::ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
            rule: lock.default_retention.map(rule),
        }),
    }))
}

fn rule(default: DefaultRetention) -> dto::ObjectLockRule {
    let count = |number: u32| i32::try_from(number).ok();
    let (days, years) = match default.period() {
        RetentionPeriod::Days(days) => (count(days), None),
        RetentionPeriod::Years(years) => (None, count(years)),
    };
    let mode = dto::ObjectLockRetentionMode::from_static(mode_text(default.mode()));
    dto::ObjectLockRule {
        default_retention: Some(dto::DefaultRetention {
            days,
            mode: Some(mode),
            years,
        }),
    }
}
