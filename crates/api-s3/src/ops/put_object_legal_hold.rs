//! PutObjectLegalHold.

use baleen_objects::Lock;
use s3s::dto::{PutObjectLegalHoldInput, PutObjectLegalHoldOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::locking::{legal_hold, tell};
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    mut call: Call,
    request: S3Request<PutObjectLegalHoldInput>,
) -> Answer<PutObjectLegalHoldOutput> {
    let input = request.input;
    let status = input.legal_hold.and_then(|document| document.status);
    let asked = status.and_then(|status| legal_hold(status.as_str()));
    let hold = asked.ok_or_else(|| Fault::malformed_xml("A LegalHold needs a Status of ON or OFF."))?;
    let lock = Lock {
        retention: None,
        legal_hold: asked,
    };
    call.decide_told(|context| tell(context, &lock))?;
    let of = call.version(input.version_id.as_deref())?;
    services.objects.put_legal_hold(&of, hold).await?;
    Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
}
