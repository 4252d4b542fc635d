//! GetObjectLegalHold.

use baleen_objects::Selection;
use s3s::dto::{GetObjectLegalHoldInput, GetObjectLegalHoldOutput, ObjectLockLegalHold, ObjectLockLegalHoldStatus};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::locking::{hold_text, no_such_lock, require_locking};
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectLegalHoldInput>,
) -> Answer<GetObjectLegalHoldOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let (head, _) = services.objects.head(of, Selection::Whole).await?;
    require_locking(&call)?;
    let hold = head.lock.legal_hold.ok_or_else(no_such_lock)?;
    Ok(S3Response::new(GetObjectLegalHoldOutput {
        legal_hold: Some(ObjectLockLegalHold {
            status: Some(ObjectLockLegalHoldStatus::from_static(hold_text(hold))),
        }),
    }))
}
