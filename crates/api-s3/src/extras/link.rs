//! RSPresignLink: `POST /{bucket}/{key}?rs-presign=` (seed 004), a link by which whoever has it may download an object for up to
//! 30 days.
//!
//! It is signed with the key that asks, which is the most recently used one, and judged when it is made and each time when it
//! is used, as a request of that key. So it is never stronger than its maker: not that of a session, whose end it does not
//! outlive, and not a link itself, which makes no other. It ends when the key does.

use baleen_http::{Lookup, RequestBody, Response};
use baleen_objects::Selection;
use baleen_policy::Credential;
use baleen_signing::limits::LINK_EXPIRES_MAX;
use baleen_signing::sign::{Request, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode, encode_component};
use baleen_types::{AccessKeyId, Timestamp};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde::Serialize;
use std::time::Duration;

use super::{Extras, Given, json};
use crate::access::Call;
use crate::fault::Fault;
use crate::limits::LINK_FORM_BYTES_MAX;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    link: String,
    access_key_id: String,
}

pub(super) async fn run(
    extras: &Extras,
    call: &Call,
    (given, version): (&Given, Option<String>),
    body: RequestBody,
) -> Result<Response, Fault> {
    let (key, session_end) = key_of(call, given)?;
    let of = call.version(version.as_deref())?;
    // One under a customer's key has no link: who follows it could not bring the key, which would have to be signed.
    let (head, _) = extras.services.objects.head_with(&of, Selection::Whole, None).await?;
    call.confirm(&head)?;
    let until = expiration(&read(body).await?)?;
    if session_end.is_some_and(|end| until > end) {
        return Err(Fault::invalid_argument(
            "ExpirationDate is after the end of the session that asks: its links end with it.",
        ));
    }
    let date = AmzDate::from_timestamp(extras.services.clock.now());
    let life = life(date, until)?;
    let secret = match extras.credentials.access_key(key.as_str()).await {
        Ok(Lookup::Found(record)) => record.secret,
        Ok(Lookup::Unknown | Lookup::Suspended | Lookup::Expired) => return Err(Fault::access_denied()),
        Err(_) => return Err(Fault::unavailable()),
    };
    let text =
        |value: &Option<http::HeaderValue>| value.as_ref().and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let host = text(&given.host).ok_or_else(|| Fault::invalid_request("The header Host is needed."))?;
    let session_token = text(&given.session_token);
    let signer = Signer {
        access_key_id: key.as_str(),
        secret: secret.expose(),
        session_token: session_token.as_deref(),
        region: extras.services.region.as_str(),
        service: "s3",
    };
    let path = given.uri.path();
    let request = Request {
        method: "GET",
        path,
        query: &version.map(|version| query_of(&version)).unwrap_or_default(),
        headers: &[("host", host.as_bytes())],
        payload: PayloadMode::Unsigned,
        style: PathStyle::S3,
    };
    let query = signer.link(&request, date, life).map_err(|_| too_far())?;
    let scheme = if given.is_secure { "https" } else { "http" };
    json(&Link {
        link: format!("{scheme}://{host}{path}?{query}"),
        access_key_id: key.to_string(),
    })
}

/// The key that asks, and the end of its session if it is one's.
fn key_of(call: &Call, given: &Given) -> Result<(AccessKeyId, Option<Timestamp>), Fault> {
    if !given.is_covered {
        // A link would make others, and version 2 covers neither how long the new one lives nor the host in it.
        let message = "A link is asked for with a signature of version 4 in the Authorization header.";
        return Err(Fault::new("AccessDenied", StatusCode::FORBIDDEN, message));
    }
    match call.credential() {
        Some(Credential::AccessKey(id)) => Ok((id.clone(), None)),
        Some(Credential::Session(session)) => Ok((session.id.clone(), Some(session.expires))),
        // There is no key to sign with.
        Some(Credential::ApiToken(_)) | None => Err(Fault::access_denied()),
    }
}

fn query_of(version: &str) -> String {
    let mut query = b"versionId=".to_vec();
    encode_component(version.as_bytes(), &mut query);
    // Components are encoded in ASCII.
    String::from_utf8(query).unwrap_or_default()
}

/// Reads a form, which is short.
async fn read(mut body: RequestBody) -> Result<Vec<u8>, Fault> {
    let mut form = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| Fault::from(&fault))?;
        form.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        if form.len() > LINK_FORM_BYTES_MAX {
            let message = format!("The form of a link has at most {LINK_FORM_BYTES_MAX} bytes.");
            return Err(Fault::new("MaxMessageLengthExceeded", StatusCode::BAD_REQUEST, message));
        }
    }
    Ok(form)
}

/// The end that a form asks for.
fn expiration(form: &[u8]) -> Result<Timestamp, Fault> {
    let form = std::str::from_utf8(form).unwrap_or_default();
    let date = crate::query::parameter(form, "ExpirationDate");
    let date = date.ok_or_else(|| Fault::invalid_argument("The form needs one ExpirationDate."))?;
    Timestamp::parse_rfc3339(&date)
        .map_err(|invalid| Fault::invalid_argument(format!("ExpirationDate is no time: {}.", invalid.why)))
}

/// How long a link lives that is made now, in whole seconds.
fn life(made: AmzDate, until: Timestamp) -> Result<Duration, Fault> {
    let life = Duration::from_secs(until.since(made.timestamp()).as_secs());
    if life.is_zero() {
        return Err(Fault::invalid_argument("ExpirationDate must be in the future."));
    }
    if until > made.timestamp().plus(LINK_EXPIRES_MAX) {
        return Err(too_far());
    }
    Ok(life)
}

fn too_far() -> Fault {
    Fault::invalid_argument("ExpirationDate cannot be more than 30 days (720h) in the future.")
}
