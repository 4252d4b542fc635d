//! The PCAPs door: Cloudflare's packet capture API, v4, below `/client/v4/accounts/{account_id}`.
//!
//! Source: capture contract, part A; seeds 000 and 001. A request is matched to a row of [`ops::ROWS`], authorized by the
//! row's action for the account in its path, decoded, run and encoded. Who is not of that account gets "not found".
//!
//! Ours, beyond the vendor's members (clients keep members they do not know):
//! * on input: `bidirectional`, `filter_v2` (the Rules language), `filter_expression` (tcpdump's language), `format` (`pcap` or
//!   `pcapng`), `snaplen`, `privacy`, `rotate`;
//! * in a capture: `bytes_captured`, `packets_dropped`, `seconds_left` while it is not over, `object_key`, those above where they
//!   were given, and where one capture that rotates is answered, `objects`: its files that are in the bucket by now;
//! * routes: a capture that is followed while it runs, one whose file is the answer, the sites, what an account may
//!   capture in a day, agents on other hosts, and schedules;
//! * in a sample: `packets_sampled`, `bytes_captured`, `bucket` with `object_key`, and `message`: why it failed, or what of what
//!   was asked for was not kept.

mod envelope;
mod fault;
mod fields;
pub mod ops;
mod schedule;
mod wire;

use crate::answer::Told;
use crate::{account, body};
use baleen_capture::Captures;
use baleen_http::{AuthError, Deed, Door, Refusal, Request, Response, Scheme};
use baleen_policy::{Context, Origin, Principal};
use baleen_runtime::Clock;
use baleen_types::{ByteRange, Classify, FaultKind, RequestId};
use fault::Fault;
use http::header::{AUTHORIZATION, HeaderValue, RANGE};
use http::request::Parts;
use http::{HeaderMap, Uri};
use std::sync::Arc;

/// The door. It holds the service and the time, nothing else.
pub struct PcapsDoor {
    captures: Arc<Captures>,
    clock: Arc<dyn Clock>,
}

impl PcapsDoor {
    /// A door to a capture service; the clock tells the time that policies are judged at.
    pub fn new(captures: Arc<Captures>, clock: Arc<dyn Clock>) -> Self {
        Self { captures, clock }
    }

    /// Whether a path belongs to this door.
    pub fn serves(path: &str) -> bool {
        path == ops::BASE || path.strip_prefix(ops::BASE).is_some_and(|rest| rest.starts_with('/'))
    }

    async fn answer(&self, request: Request) -> (Option<Told>, Result<envelope::Answer, Fault>) {
        let Some(found) = ops::find(request.method(), request.uri().path()) else {
            return (None, Err(Fault::no_route()));
        };
        let mut told = told(&found);
        let principal = request.extensions().get().cloned().unwrap_or(Principal::Nobody);
        let origin = request.extensions().get::<Origin>().copied();
        let context = Context::new(self.clock.now()).origin(origin);
        let (actions, account) = ((found.row.action, found.row.also), found.account.as_str());
        let authorized = match account::authorize_all(&principal, actions, account, &context, &mut told.deed) {
            Ok(authorized) => authorized,
            Err((refused, action)) => return (Some(told), Err(Fault::refused(refused, action))),
        };
        let is_repeated = is_repeated(request.headers());
        let range = request.headers().get(RANGE).and_then(|value| value.to_str().ok());
        let range = range.and_then(ByteRange::parse);
        let body = match body::read(found.row.body, request.into_body()).await {
            Ok(body) => body,
            Err(why) => return (Some(told), Err(why.into())),
        };
        let call = ops::Call {
            captures: Arc::clone(&self.captures),
            authorized,
            id: found.id,
            body,
            is_repeated,
            range,
            peer: origin.map(|origin| origin.peer),
        };
        let answer = (found.row.run)(call).await;
        // What was made is named by its id, which the path did not have.
        if let (false, Ok(envelope::Answer::Result(made))) = (found.row.path.contains("{id}"), &answer)
            && let Some(id) = made.get("id").and_then(|id| id.as_str())
        {
            let list = found.row.path.trim_start_matches('/').trim_end_matches("/validate");
            told.deed.resource = format!("arn:aws:pcaps:::{list}/{id}");
        }
        (Some(told), answer)
    }
}

fn told(found: &ops::Found) -> Told {
    let path = found.row.path.trim_start_matches('/').replace("{id}", &found.id);
    Told {
        name: found.row.name,
        deed: Deed::allowed(
            found.row.weight,
            found.row.action.name(),
            format!("arn:aws:pcaps:::{path}"),
        ),
    }
}

#[async_trait::async_trait]
impl Door for PcapsDoor {
    fn name(&self) -> &'static str {
        "pcaps"
    }

    fn scheme(&self) -> Scheme {
        Scheme::ApiToken
    }

    fn sees_through(&self) -> bool {
        true
    }

    async fn serve(&self, request: Request) -> Response {
        let id = request.extensions().get::<RequestId>().copied();
        let (told, answer) = self.answer(request).await;
        let response = match answer {
            Ok(answer) => answer.render(),
            Err(fault) => {
                fault.log(id);
                fault.render()
            }
        };
        Told::with(told, response)
    }

    fn refuse(&self, refusal: &Refusal, head: &Parts) -> Response {
        let fault = match refusal {
            Refusal::Auth(error) => refused_credentials(error, &head.headers),
            Refusal::Barred => Fault::barred(),
            Refusal::Body(fault) => Fault::not_json(fault.to_string()),
            Refusal::Unaudited => {
                Fault::unavailable("the request could not be recorded; it may have been done all the same, please look")
            }
            Refusal::Panicked => Fault::internal(),
        };
        fault.render()
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        // The vendor's clients quote `cf-ray` when they report trouble; ours is the other name.
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert("x-request-id", value.clone());
            headers.insert("cf-ray", value);
        }
    }

    fn loggable<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        Some(uri.path())
    }
}

/// The header in which the vendor's SDKs count how often they sent a request before, 0 at first.
const RETRY_COUNT: &str = "x-stainless-retry-count";

fn is_repeated(headers: &HeaderMap) -> bool {
    let count = headers.get(RETRY_COUNT).and_then(|value| value.to_str().ok());
    count
        .and_then(|text| text.parse::<u32>().ok())
        .is_some_and(|count| count > 0)
}

/// 6003 for credentials that cannot be read, 10000 for ones that prove nothing (capture contract, A.1).
fn refused_credentials(error: &AuthError, headers: &HeaderMap) -> Fault {
    let is_bearer = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split_once(' ')
            .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
    };
    if headers.get(AUTHORIZATION).is_some_and(|value| !is_bearer(value)) {
        return Fault::bad_credentials("the Authorization header must read: Bearer <API token>");
    }
    if headers.contains_key("x-auth-key") && !headers.contains_key("x-auth-email") {
        return Fault::bad_credentials("X-Auth-Key needs X-Auth-Email beside it");
    }
    match error.kind() {
        FaultKind::Invalid => Fault::bad_credentials(&error.to_string()),
        FaultKind::Denied => Fault::barred(),
        FaultKind::Unavailable => Fault::unavailable(error.to_string()),
        _ => Fault::unknown_credentials(),
    }
}
