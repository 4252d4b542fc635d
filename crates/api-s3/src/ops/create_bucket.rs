//! CreateBucket.

use baleen_http::Barred;
use baleen_objects::{BucketAcl, CreateBucket, NewSettings, ObjectOwnership};
use baleen_types::AccountId;
use http::{HeaderMap, StatusCode};
use s3s::dto::{CreateBucketInput, CreateBucketOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::acls::{self, Of};
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
    let headers = request.headers;
    let object_lock = request.input.object_lock_enabled_for_bucket == Some(true);
    let constraint = request
        .input
        .create_bucket_configuration
        .and_then(|configuration| configuration.location_constraint);
    if let Some(wanted) = constraint {
        check_region(wanted.as_str(), services.region.as_str())?;
    }
    let name = call.bucket_name()?.clone();
    let location = format!("/{name}");
    let owner = call.account()?;
    check_owner(services, owner).await?;
    let settings = settings(services, &headers, owner)?;
    services
        .objects
        .create_bucket_with(
            CreateBucket {
                owner,
                name,
                region: services.region.clone(),
                object_lock,
            },
            settings,
        )
        .await?;
    Ok(S3Response::new(CreateBucketOutput {
        location: Some(location),
    }))
}

/// Ownership and list of a new bucket.
///
/// Lists do not count unless ownership says so (AWS, since April 2023). The grants that seed 004 has CreateBucket take, from
/// before there was ownership, say so themselves; canned lists are as with AWS.
fn settings(services: &Services, headers: &HeaderMap, owner: AccountId) -> Result<NewSettings, Fault> {
    let said = headers.get("x-amz-object-ownership").map(|value| {
        let ownership = acls::ownership(value.to_str().unwrap_or_default());
        ownership.ok_or_else(|| Fault::invalid_argument("Invalid x-amz-object-ownership header"))
    });
    let implied = acls::grants_by_header(headers).then_some(ObjectOwnership::BucketOwnerPreferred);
    let ownership = said.transpose()?.or(implied);
    let acl = acls::of_headers(headers, Of::Bucket, owner)?;
    let mut settings = NewSettings::default();
    if let Some(ownership) = &ownership {
        settings = settings.with(ownership)?;
    }
    if let Some(acl) = acl.filter(|acl| acl.is_of_others_than(owner)) {
        if !ownership.unwrap_or_default().lists_count() {
            return Err(acls::owner_enforced());
        }
        if acl.is_public() && services.policies.blocked().block_public_acls {
            return Err(Fault::access_denied());
        }
        settings = settings.with(&BucketAcl::from(&acl))?;
    }
    Ok(settings)
}

/// A customer with regions of its own has buckets in them alone (seed 004, RSCreateCustomer, `Regions`).
async fn check_owner(services: &Services, owner: AccountId) -> Result<(), Fault> {
    let region = &services.region;
    services
        .gate
        .may_keep_in(owner, region)
        .await
        .map_err(|barred| match barred {
            Barred::NotListed | Barred::Withheld => {
                let message =
                    format!("Your account may have no buckets in the region {region}; its reseller says in which.");
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
    Err(Fault::new(
        "InvalidLocationConstraint",
        StatusCode::BAD_REQUEST,
        message,
    ))
}
