//! GetObjectRetention.

use baleen_objects::Selection;
use s3s::dto::{GetObjectRetentionInput, GetObjectRetentionOutput, ObjectLockRetention, ObjectLockRetentionMode};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::timestamp;
use crate::locking::{mode_text, no_such_lock, require_locking};
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectRetentionInput>,
) -> Answer<GetObjectRetentionOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let (head, _) = services.objects.head(of, Selection::Whole).await?;
    require_locking(&call)?;
    let kept = head.lock.retention.ok_or_else(no_such_lock)?;
    Ok(S3Response::new(GetObjectRetentionOutput {
        retention: Some(ObjectLockRetention {
            mode: Some(ObjectLockRetentionMode::from_static(mode_text(kept.mode))),
            retain_until_date: Some(timestamp(kept.until)),
        }),
    }))
}
