//! Settings of the stores that captures go to.

use super::{secret, setting, worded};
use crate::config::parse::text;
use crate::config::reader::{Reader, Setting};
use baleen_capture::{
    AzureAccount, AzureDestination, AzurePlace, DestinationSettings, Endpoint, EndpointRule, EndpointRules,
    GsDestination, GsOwn, R2Endpoint, S3Credentials, S3Destination,
};
use baleen_remote::{ServiceAccount, Tokens};
use baleen_types::{RegionName, Secret};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

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
    let azure = azure(from);
    DestinationSettings {
        s3: endpoint.map(|endpoint| S3Destination {
            endpoint,
            region,
            credentials,
        }),
        gs,
        r2,
        azure,
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
            "Where `gs://` destinations are; with a service account, by `https://` or on this machine. Without it and without a key they are at `https://storage.googleapis.com`, if \
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
    let account = service_account(from);
    let is_account_set = from.is_set("destinations.gs.service_account");
    if is_account_set && endpoint.as_ref().is_some_and(Endpoint::is_readable_underway) {
        from.refuse_unless_wrong(
            "destinations.gs.endpoint",
            "tokens of a service account would be readable on their way; https:// is expected, or a host of this machine",
        );
    }
    if account.is_some() && credentials.is_some() {
        from.refuse_unless_wrong("destinations.gs.service_account", "set this or an access key, not both");
    }
    let own = account.map(GsOwn::ServiceAccount).or(credentials.map(GsOwn::Keys));
    let endpoint = match (endpoint, &own) {
        (Some(endpoint), _) => endpoint,
        (None, Some(_)) => GsDestination::public_endpoint().ok()?,
        (None, None) => return None,
    };
    Some(GsDestination { endpoint, own })
}

/// Azure Blob Storage, if anything is said of it.
fn azure(from: &mut Reader) -> Option<AzureDestination> {
    let endpoint = from.optional(
        &setting(
            "destinations.azure.endpoint",
            "URL",
            "",
            "Where `azure://` destinations are, by `https://` or on this machine, with `{account}` in it, such as `https://{account}.blob.core.usgovcloudapi.net`; without \
             `{account}` the account stands in the path. Without this and without a key they are at \
             `https://{account}.blob.core.windows.net`, if `destinations.endpoints` has `*.blob.core.windows.net`.",
        ),
        worded(AzurePlace::parse),
    );
    let account = from.optional(
        &setting(
            "destinations.azure.account",
            "name",
            "",
            "A storage account whose containers need no key in their URIs.",
        ),
        worded(AzureAccount::parse),
    );
    let key = from.optional(
        &secret(
            "destinations.azure.account_key",
            "text",
            "The key of that account, in base64. Set both or none.",
        ),
        |value| text(value).map(Secret::new),
    );
    let (has_account, has_key) = (
        from.is_set("destinations.azure.account"),
        from.is_set("destinations.azure.account_key"),
    );
    match (has_account, has_key) {
        (true, false) => {
            from.refuse_unless_wrong(
                "destinations.azure.account_key",
                "it is missing while the account is set",
            );
        }
        (false, true) => from.refuse_unless_wrong("destinations.azure.account", "it is missing while its key is set"),
        (true, true) | (false, false) => {}
    }
    let own = account.zip(key);
    if endpoint.is_none() && own.is_none() {
        return None;
    }
    Some(AzureDestination {
        endpoint: endpoint.unwrap_or_default(),
        own,
    })
}

/// A service account of Google, out of its key file.
fn service_account(from: &mut Reader) -> Option<Arc<Tokens>> {
    let file = from.optional(
        &setting(
            "destinations.gs.service_account",
            "file",
            "",
            "Instead of an HMAC key: the key file of such a service account, JSON as Google writes it, which nobody but its owner may \
             read.",
        ),
        text,
    );
    let token_endpoint = from.optional(
        &setting(
            "destinations.gs.token_endpoint",
            "URL",
            "",
            "Where that account gets its tokens, by `https://` or on this machine, if not at `https://oauth2.googleapis.com`, which its key file has to name.",
        ),
        text,
    );
    match tokens(Path::new(&file?), token_endpoint.as_deref()) {
        Ok(tokens) => Some(tokens),
        Err(why) => {
            from.refuse_unless_wrong("destinations.gs.service_account", &why);
            None
        }
    }
}

fn tokens(file: &Path, token_endpoint: Option<&str>) -> Result<Arc<Tokens>, String> {
    /// Real ones have some 2.4 KiB.
    const KEY_FILE_BYTES_MAX: u64 = 64 << 10;
    const OPEN_TO_OTHERS: u32 = 0o077;
    let failed = |error: std::io::Error| format!("the file cannot be read: {error}");
    let opened = File::open(file).map_err(failed)?;
    let found = opened.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    if found.permissions().mode() & OPEN_TO_OTHERS != 0 {
        return Err("the file is open to others than its owner; chmod 600 closes it".to_owned());
    }
    let mut text = Zeroizing::new(String::new());
    opened
        .take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let account = ServiceAccount::parse(&text, token_endpoint).map_err(|invalid| invalid.why)?;
    Ok(Tokens::new(account))
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
