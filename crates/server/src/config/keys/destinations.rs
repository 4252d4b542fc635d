//! Settings of the stores that captures go to.

use super::{secret, setting, worded};
use crate::config::parse::text;
use crate::config::reader::{Reader, Setting};
use baleen_capture::{
    DestinationSettings, Endpoint, EndpointRule, EndpointRules, GsDestination, R2Endpoint, S3Credentials, S3Destination,
};
use baleen_types::{RegionName, Secret};

pub(super) fn read(from: &mut Reader) -> DestinationSettings {
    let endpoint = from.optional(
        &setting(
            "destinations.s3.endpoint",
            "URL",
            "",
            "The store of `s3://` destinations whose bucket is not one of this server's own.",
        ),
        worded(Endpoint::parse),
    );
    let region = from.value(
        &setting(
            "destinations.s3.region",
            "name",
            "us-east-1",
            "The region for its signatures when a destination names none.",
        ),
        worded(RegionName::parse),
    );
    let credentials = credentials(
        from,
        &setting(
            "destinations.s3.access_key_id",
            "text",
            "",
            "The access key for that store.",
        ),
        &secret(
            "destinations.s3.secret_access_key",
            "text",
            "The secret of that key. Set both or none.",
        ),
    );
    let has_keys = ["destinations.s3.access_key_id", "destinations.s3.secret_access_key"]
        .iter()
        .all(|key| from.is_set(key));
    if has_keys && endpoint.is_none() {
        from.refuse_unless_wrong("destinations.s3.endpoint", "it is missing while its access key is set");
    }
    let gs = google_cloud(from);
    let r2 = from.optional(
        &setting(
            "destinations.r2.endpoint",
            "URL",
            "",
            "Where `r2://` destinations are, with `{account-id}` in it, such as `https://{account-id}.eu.r2.cloudflarestorage.com`. \
             Without it they are at `https://{account-id}.r2.cloudflarestorage.com`, if `destinations.endpoints` has \
             `*.r2.cloudflarestorage.com`.",
        ),
        worded(R2Endpoint::parse),
    );
    let rules = from.list(
        &setting(
            "destinations.endpoints",
            "list of rules",
            "",
            "Stores that a destination may name with `endpoint=`: `minio.example`, `minio.example:9000`, `*.example.com`, \
             `10.1.0.0/16`, or `*` for every public host. No other is ever contacted.",
        ),
        worded(EndpointRule::parse),
    );
    DestinationSettings {
        s3: endpoint.map(|endpoint| S3Destination {
            endpoint,
            region,
            credentials,
        }),
        gs,
        r2,
        endpoints: EndpointRules(rules),
    }
}

/// Google Cloud Storage, if anything is said of it.
fn google_cloud(from: &mut Reader) -> Option<GsDestination> {
    let endpoint = from.optional(
        &setting(
            "destinations.gs.endpoint",
            "URL",
            "",
            "Where `gs://` destinations are. Without it and without a key they are at `https://storage.googleapis.com`, if \
             `destinations.endpoints` has `storage.googleapis.com`.",
        ),
        worded(Endpoint::parse),
    );
    let credentials = credentials(
        from,
        &setting(
            "destinations.gs.access_key_id",
            "text",
            "",
            "The access id of an HMAC key of Google Cloud Storage: that of a service account which owners of buckets grant \
             the role Storage Object Admin.",
        ),
        &secret(
            "destinations.gs.secret_access_key",
            "text",
            "The secret of that key. Set both or none.",
        ),
    );
    let endpoint = match (endpoint, &credentials) {
        (Some(endpoint), _) => endpoint,
        (None, Some(_)) => GsDestination::public_endpoint().ok()?,
        (None, None) => return None,
    };
    Some(GsDestination { endpoint, credentials })
}

/// An access key of a store; both of its halves, or none.
fn credentials(from: &mut Reader, id: &Setting, secret: &Setting) -> Option<S3Credentials> {
    let access_key_id = from.optional(id, text);
    let secret_access_key = from.optional(secret, |value| text(value).map(Secret::new));
    match (from.is_set(id.key), from.is_set(secret.key)) {
        (true, false) => from.refuse_unless_wrong(secret.key, "it is missing while the access key is set"),
        (false, true) => from.refuse_unless_wrong(id.key, "it is missing while the secret is set"),
        (true, true) | (false, false) => {}
    }
    let (access_key_id, secret) = access_key_id.zip(secret_access_key)?;
    Some(S3Credentials { access_key_id, secret })
}
