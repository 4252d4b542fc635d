//! PutObjectLockConfiguration: also for a bucket that was made without object lock, if it keeps versions.

use baleen_objects::{DefaultRetention, ObjectError, ObjectLock, RetentionPeriod};
use s3s::dto::{self, ObjectLockEnabled, PutObjectLockConfigurationInput, PutObjectLockConfigurationOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::locking::mode;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutObjectLockConfigurationInput>,
) -> Answer<PutObjectLockConfigurationOutput> {
    let asked = request
        .input
        .object_lock_configuration
        .ok_or_else(|| Fault::malformed_xml("The request has no document."))?;
    // The field is optional (seed 004, "Put Object Lock Configuration"); what it can be is not.
    let enabled = asked.object_lock_enabled.as_ref().map(ObjectLockEnabled::as_str);
    if enabled.is_some_and(|enabled| enabled != ObjectLockEnabled::ENABLED) {
        return Err(Fault::malformed_xml("ObjectLockEnabled must be Enabled."));
    }
    let default_retention = match asked.rule {
        None => None,
        Some(rule) => {
            let default = rule
                .default_retention
                .ok_or_else(|| Fault::malformed_xml("A Rule needs a DefaultRetention."))?;
            Some(retention(&default)?)
        }
    };
    services
        .objects
        .set_object_lock(call.bucket_name()?, ObjectLock { default_retention })
        .await?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

fn retention(asked: &dto::DefaultRetention) -> Result<DefaultRetention, Fault> {
    let named = asked.mode.as_ref().and_then(|text| mode(text.as_str()));
    let mode =
        named.ok_or_else(|| Fault::malformed_xml("A DefaultRetention needs a Mode of GOVERNANCE or COMPLIANCE."))?;
    let count = |number: i32| u32::try_from(number).map_err(|_| ObjectError::BadRetentionPeriod);
    let period = match (asked.days, asked.years) {
        (Some(days), None) => RetentionPeriod::Days(count(days)?),
        (None, Some(years)) => RetentionPeriod::Years(count(years)?),
        (None, None) | (Some(_), Some(_)) => {
            return Err(Fault::malformed_xml("A DefaultRetention needs either Days or Years."));
        }
    };
    Ok(DefaultRetention::new(mode, period)?)
}
