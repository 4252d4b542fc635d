//! CreateBucket.

use baleen_http::{AccountRegions, Barred};
use baleen_objects::{BucketAcl, CreateBucket, NewSettings, ObjectOwnership};
use baleen_types::AccountId;
use http::{HeaderMap, StatusCode};
use s3s::dto::{CreateBucketInput, CreateBucketOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::acls::{self, Of};
use crate::access::Call;
use crate::extras::SPEED_TEST;
use crate::fault::Fault;
use crate::replication::{self, PolicyForm};
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
    if name.is_reserved() {
        let message = "The specified bucket is not valid: S3 keeps names of this beginning or end for itself.";
        return Err(Fault::new("InvalidBucketName", StatusCode::BAD_REQUEST, message));
    }
    if name.as_str() == SPEED_TEST {
        let message = format!(
            "The name {SPEED_TEST} is that of the speed test, which two keys of the bucket would be taken for."
        );
        return Err(Fault::new("InvalidBucketName", StatusCode::BAD_REQUEST, message));
    }
    let location = format!("/{name}");
    let owner = call.account()?;
    let owners = check_owner(services, owner).await?;
    let form = match request.extensions.get::<PolicyForm>() {
        Some(form) => form.read().await?,
        None => String::new(),
    };
    let policy = replication::asked(request.uri.query().unwrap_or_default(), &form)?;
    let policy = replication::check(policy, &services.regions(), &owners)?;
    let mut settings = settings(services, &headers, owner).await?;
    if let Some(policy) = &policy {
        settings = settings.with(policy)?;
    }
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
async fn settings(services: &Services, headers: &HeaderMap, owner: AccountId) -> Result<NewSettings, Fault> {
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
        if acl.is_public() && services.policies.blocked_of(owner).await?.block_public_acls {
            return Err(Fault::access_denied());
        }
        settings = settings.with(&BucketAcl::from(&acl))?;
    }
    Ok(settings)
}

/// A customer with regions of its own has buckets in them alone (seed 004, RSCreateCustomer, `Regions`).
async fn check_owner(services: &Services, owner: AccountId) -> Result<AccountRegions, Fault> {
    let region = &services.region;
    match services.gate.regions_of(owner).await {
        Ok(regions) if regions.allow(region) => Ok(regions),
        Ok(_) | Err(Barred::NotListed | Barred::Withheld) => Err(replication::withheld(region)),
        Err(Barred::Unavailable) => Err(Fault::unavailable()),
    }
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
