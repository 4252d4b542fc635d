//! The public access block of an account: `/v20180820/configuration/publicAccessBlock` with `x-amz-account-id` (AWS, S3 Control).
//!
//! It holds for all buckets of the account, those that come later too, beside each bucket's own and the operator's: what one of
//! them blocks is blocked.

use baleen_http::{RequestBody, Response, ResponseBody};
use baleen_objects::PublicAccessBlock;
use baleen_types::AccountId;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::PublicAccessBlockConfiguration;

use super::Extra;
use crate::access::Call;
use crate::documents;
use crate::fault::Fault;
use crate::services::Services;

/// Where it is. A key of a bucket called `v20180820` may be there too: the header tells them apart, which the call has to have.
const PATH: &str = "/v20180820/configuration/publicAccessBlock";

const ACCOUNT: &str = "x-amz-account-id";

/// Tells a call of it. SDKs put the account before the host name, so that it looks like a bucket's.
pub(super) fn told(path: &str, head: &Parts) -> Option<Extra> {
    let account = head.headers.get(ACCOUNT)?.to_str().ok()?;
    let settled = head.uri.path();
    let in_host = settled.strip_prefix('/').and_then(|rest| rest.strip_prefix(account));
    if path != PATH || (settled != PATH && in_host != Some(PATH)) {
        return None;
    }
    match head.method.as_str() {
        "GET" => Some(Extra::GetBlock),
        "PUT" => Some(Extra::PutBlock),
        "DELETE" => Some(Extra::DeleteBlock),
        _ => None,
    }
}

/// The account of a call, which is the one that asks: no other has a say in it.
fn account(call: &Call, headers: &HeaderMap) -> Result<AccountId, Fault> {
    let account = call.account()?;
    let named = headers.get(ACCOUNT).map(HeaderValue::as_bytes);
    if named == Some(account.to_string().as_bytes()) {
        Ok(account)
    } else {
        Err(Fault::access_denied())
    }
}

pub(super) async fn get(services: &Services, call: &Call, headers: &HeaderMap) -> Result<Response, Fault> {
    let block = services.objects.account_block(account(call, headers)?).await?;
    let block = block.ok_or_else(|| {
        Fault::no_setting(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        )
    })?;
    let switches = [
        ("BlockPublicAcls", block.block_public_acls),
        ("IgnorePublicAcls", block.ignore_public_acls),
        ("BlockPublicPolicy", block.block_public_policy),
        ("RestrictPublicBuckets", block.restrict_public_buckets),
    ];
    let switches = switches.map(|(name, on)| format!("<{name}>{on}</{name}>")).concat();
    let root = "PublicAccessBlockConfiguration";
    let namespace = "http://awss3control.amazonaws.com/doc/2018-08-20/";
    let document =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{namespace}\">{switches}</{root}>");
    let mut response = Response::new(ResponseBody::full(document));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    Ok(response)
}

/// Sets it; a switch that is left out is off.
pub(super) async fn put(
    services: &Services,
    call: &Call,
    headers: &HeaderMap,
    body: RequestBody,
) -> Result<Response, Fault> {
    let account = account(call, headers)?;
    let asked: PublicAccessBlockConfiguration = documents::read(headers, body).await?;
    let block = PublicAccessBlock {
        block_public_acls: asked.block_public_acls == Some(true),
        ignore_public_acls: asked.ignore_public_acls == Some(true),
        block_public_policy: asked.block_public_policy == Some(true),
        restrict_public_buckets: asked.restrict_public_buckets == Some(true),
    };
    services.objects.put_account_block(account, Some(&block)).await?;
    Ok(Response::default())
}

pub(super) async fn delete(services: &Services, call: &Call, headers: &HeaderMap) -> Result<Response, Fault> {
    services
        .objects
        .put_account_block(account(call, headers)?, None)
        .await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
