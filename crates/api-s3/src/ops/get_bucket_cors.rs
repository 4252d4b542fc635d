//! GetBucketCors.

use baleen_objects::{Cors, CorsRule};
use s3s::dto::{self, GetBucketCorsInput, GetBucketCorsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketCorsInput>,
) -> Answer<GetBucketCorsOutput> {
    let cors: Option<Cors> = services.objects.setting(call.bucket_name()?).await?;
    let Some(cors) = cors else {
        return Err(Fault::new(
            "NoSuchCORSConfiguration",
            http::StatusCode::NOT_FOUND,
            "The CORS configuration does not exist.",
        ));
    };
    Ok(S3Response::new(GetBucketCorsOutput {
        cors_rules: Some(cors.rules.into_iter().map(rule).collect()),
    }))
}

fn rule(rule: CorsRule) -> dto::CORSRule {
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    dto::CORSRule {
        allowed_headers: some(rule.headers),
        allowed_methods: rule.methods,
        allowed_origins: rule.origins,
        expose_headers: some(rule.exposed),
        id: rule.id,
        max_age_seconds: rule.max_age_s.and_then(|age| i32::try_from(age).ok()),
    }
}
