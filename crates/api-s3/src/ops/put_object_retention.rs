//! PutObjectRetention: an empty document takes the retention away, as far as it may be.

use baleen_objects::{Lock, Retention};
use baleen_types::Timestamp;
use s3s::dto::{ObjectLockRetention, PutObjectRetentionInput, PutObjectRetentionOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::locking::{governance, mode, retention, tell};
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    mut call: Call,
    request: S3Request<PutObjectRetentionInput>,
) -> Answer<PutObjectRetentionOutput> {
    let input = request.input;
    let asked = wanted(input.retention.unwrap_or_default())?;
    let lock = Lock {
        retention: asked,
        legal_hold: None,
    };
    call.decide_told(|context| tell(context, &lock))?;
    let of = call.version(input.version_id.as_deref())?;
    let governance = governance(&call, input.bypass_governance_retention, &of.at.key);
    services.objects.put_retention(&of, asked, governance).await?;
    Ok(S3Response::new(PutObjectRetentionOutput::default()))
}

fn wanted(document: ObjectLockRetention) -> Result<Option<Retention>, Fault> {
    match (document.mode, document.retain_until_date) {
        (None, None) => Ok(None),
        (Some(named), Some(until)) => {
            let mode = mode(named.as_str())
                .ok_or_else(|| Fault::malformed_xml("The Mode must be GOVERNANCE or COMPLIANCE."))?;
            retention(mode, Timestamp::from_datetime(until.into())).map(Some)
        }
        (Some(_), None) | (None, Some(_)) => {
            Err(Fault::malformed_xml("A Retention needs both Mode and RetainUntilDate."))
        }
    }
}
