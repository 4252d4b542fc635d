//! GetBucketPolicyStatus: whether the policy lets everyone in.

use baleen_objects::BucketPolicy;
use baleen_policy::{DocumentKind, Policy};
use s3s::dto::{GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::ops::policing;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketPolicyStatusInput>,
) -> Answer<GetBucketPolicyStatusOutput> {
    let stored: Option<BucketPolicy> = services.objects.setting(call.bucket_name()?).await?;
    let stored = stored.ok_or_else(policing::no_such_policy)?;
    // One that cannot be read any more lets nobody in.
    let is_public = Policy::parse(&stored.document, DocumentKind::Bucket).is_ok_and(|policy| policy.is_public());
    let policy_status = Some(PolicyStatus {
        is_public: Some(is_public),
    });
    Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status }))
}
