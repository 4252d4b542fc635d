//! CreateBucket.

use baleen_http::Barred;
use baleen_objects::CreateBucket;
use baleen_types::AccountId;
use http::StatusCode;
use s3s::dto::{CreateBucketInput, CreateBucketOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<CreateBucketInput>,
) -> Answer<CreateBucketOutput> {
    unsupported::refuse(&request.headers)?;
    let object_lock = request.input.object_lock_enabled_for_bucket == Some(true);
    let constraint = request.input.create_bucket_configuration.and_then(|configuration| configuration.location_constraint);
    if let Some(wanted) = constraint {
        check_region(wanted.as_str(), services.region.as_str())?;
    }
    let name = call.bucket_name()?.clone();
    let location = format!("/{name}");
    let owner = call.account()?;
    check_owner(services, owner).await?;
    services
        .objects
        .create_bucket(CreateBucket { owner, name, region: services.region.clone(), object_lock })
        .await?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
}

/// A customer with regions of its own has buckets in them alone (seed 004, RSCreateCustomer, `Regions`).
async fn check_owner(services: &Services, owner: AccountId) -> Result<(), Fault> {
    let region = &services.region;
    services.gate.may_keep_in(owner, region).await.map_err(|barred| match barred {
        Barred::NotListed | Barred::Withheld => {
            let message = format!("Your account may have no buckets in the region {region}; its reseller says in which.");
            Fault::new("IllegalLocationConstraintException", StatusCode::BAD_REQUEST, message)
        }
        Barred::Unavailable => Fault::unavailable(),
    })
}

/// `us-east-1` is what clients say when nobody told them a region.
fn check_region(wanted: &str, ours: &str) -> Result<(), Fault> {
    if wanted.is_empty() || wanted == ours || wanted == "us-east-1" {
        return Ok(());
    }
    let message = format!("The location constraint {wanted} is not valid here: the region of this server is {ours}.");
    Err(Fault::new("InvalidLocationConstraint", StatusCode::BAD_REQUEST, message))
}
