//! Request headers whose promise we do not keep: a request that has one is refused rather than half-obeyed.

use http::{HeaderMap, StatusCode};

use crate::fault::Fault;

/// Refuses a write with a header that asks for something which is not built.
pub(crate) fn refuse(headers: &HeaderMap) -> Result<(), Fault> {
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("x-amz-") else {
            continue;
        };
        judge(name, value.to_str().unwrap_or_default())?;
    }
    Ok(())
}

/// Refuses a lock where nothing could have it: parts get that of their upload. To ignore it would be to promise what is not
/// kept.
pub(crate) fn refuse_locks(headers: &HeaderMap) -> Result<(), Fault> {
    match crate::locking::HEADERS.iter().find(|name| headers.contains_key(**name)) {
        None => Ok(()),
        Some(name) => Err(Fault::invalid_request(format!(
            "The header {name} belongs to the request that begins the upload."
        ))),
    }
}

/// Refuses a write with an `x-amz-` header that nobody here has heard of: it may make another operation of the request,
/// as `x-amz-rename-source` makes a renaming of an empty PUT.
pub(crate) fn refuse_unknown(headers: &HeaderMap) -> Result<(), Fault> {
    let unknown = |name: &&str| !KNOWN.contains(name) && !KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let names = headers.keys().filter_map(|name| name.as_str().strip_prefix("x-amz-"));
    match names.into_iter().find(unknown) {
        None => Ok(()),
        Some(name) => Err(Fault::not_implemented(format!(
            "The header x-amz-{name} is not implemented."
        ))),
    }
}

/// What follows `x-amz-` in headers which a write may have: obeyed, judged below, or harmless.
const KNOWN: [&str; 29] = [
    "acl",
    "bucket-object-lock-enabled",
    "bucket-object-lock-token",
    "bypass-governance-retention",
    "cf-id",
    "confirm-remove-self-bucket-access",
    "copy-source",
    "copy-source-if-match",
    "copy-source-if-modified-since",
    "copy-source-if-none-match",
    "copy-source-if-unmodified-since",
    "copy-source-range",
    "expected-bucket-owner",
    "metadata-directive",
    "mfa",
    "mp-object-size",
    "object-ownership",
    "request-payer",
    "sdk-checksum-algorithm",
    "source-expected-bucket-owner",
    "storage-class",
    "tagging",
    "tagging-directive",
    "te",
    "trace-id",
    "transition-default-minimum-object-size",
    "user-agent",
    "website-redirect-location",
    "write-offset-bytes",
];

/// The same for families of headers.
const KNOWN_PREFIXES: [&str; 6] = [
    "checksum-",
    "copy-source-server-side-encryption-",
    "grant-",
    "meta-",
    "object-lock-",
    "server-side-encryption",
];

fn judge(name: &str, value: &str) -> Result<(), Fault> {
    let not_implemented = |what: &str| {
        Err(Fault::not_implemented(format!(
            "{what} is not implemented (x-amz-{name})."
        )))
    };
    match name {
        "storage-class" if value != "STANDARD" => Err(Fault::new(
            "InvalidStorageClass",
            StatusCode::BAD_REQUEST,
            "The only storage class here is STANDARD.",
        )),
        "website-redirect-location" => not_implemented("Website hosting"),
        "write-offset-bytes" => not_implemented("Appending"),
        _ => Ok(()),
    }
}
