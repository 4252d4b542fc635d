//! PutBucketCors: checked as a whole, kept as a whole.

use baleen_objects::{Cors, CorsRule};
use s3s::dto::{self, PutBucketCorsInput, PutBucketCorsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::cors::check;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketCorsInput>,
) -> Answer<PutBucketCorsOutput> {
    let rules = request.input.cors_configuration.cors_rules;
    let rules = rules.into_iter().map(rule).collect::<Result<Vec<_>, Fault>>()?;
    let cors = Cors { rules };
    check(&cors)?;
    services.objects.put_setting(call.bucket_name()?, Some(&cors)).await?;
    Ok(S3Response::new(PutBucketCorsOutput::default()))
}

fn rule(rule: dto::CORSRule) -> Result<CorsRule, Fault> {
    let seconds =
        |age: i32| u32::try_from(age).map_err(|_| Fault::invalid_request("MaxAgeSeconds must not be negative."));
    Ok(CorsRule {
        id: rule.id,
        origins: rule.allowed_origins,
        methods: rule.allowed_methods,
        headers: rule.allowed_headers.unwrap_or_default(),
        exposed: rule.expose_headers.unwrap_or_default(),
        max_age_s: rule.max_age_seconds.map(seconds).transpose()?,
    })
}
