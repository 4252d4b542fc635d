//! The door itself: from a request to its row, and back.

use crate::answer::{Answer, Service, Style, forbid_storing};
use crate::body::read_form;
use crate::circumstances::circumstances;
use crate::fault::{Code, Fault};
use crate::link;
use crate::ops::{self, Call, Effect, Guest, Row, Runner};
use crate::params::Params;
use crate::parts::Parts;
use crate::saml::Place;
use crate::told::Told;
use crate::{unsupported, whitelist};
use async_trait::async_trait;
use baleen_http::{Door, OperationName, Refusal, Request, RequestBody, Response, Scheme, Signed, Weight};
use baleen_policy::{Action, Denied, Origin, Principal};
use baleen_types::RequestId;
use http::header::{ACCEPT, ALLOW, HeaderValue};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderName, Method, Uri};
use std::sync::Arc;

/// The door; put behind a [`baleen_http::Edge`].
pub struct IdentityDoor {
    parts: Arc<Parts>,
}

/// The services that requests to this door are signed for, which are also its host names.
const SERVICES: &[&str] = &["iam", "sts"];

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static REQUEST_ID_TOO: HeaderName = HeaderName::from_static("x-amz-request-id");

/// What is known of a call of the query protocol while it is served.
struct Sought {
    /// Its row, once who asks may know that there is one.
    row: Option<&'static Row>,
    /// Its name in log and metrics.
    name: &'static str,
    /// What the audit log is to know.
    told: Told,
    /// How an error is written.
    style: Style,
}

impl IdentityDoor {
    /// Builds the door over its services.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self { parts: Arc::new(parts) })
    }

    /// Serves a call of the query protocol; what is known of it comes back also when it fails.
    async fn action(&self, head: &Head, body: RequestBody, sought: &mut Sought) -> Result<Answer, Fault> {
        let told = &sought.told.clone();
        if head.uri.path() != "/" {
            return Err(Fault::new(
                Code::NotFound,
                "There is nothing at this path; actions are sent to /.",
            ));
        }
        if head.method != Method::POST && head.method != Method::GET {
            return Err(method_not_allowed());
        }
        let signed = head.extensions.get::<Signed>();
        let form = read_form(head, body, signed.is_some()).await?;
        let params = Params::parse(head.uri.query().unwrap_or_default(), &form)?;
        let action = params.get("Action").filter(|action| !action.is_empty());
        let action = action.ok_or_else(|| Fault::new(Code::MissingAction, "The parameter Action is required."))?;
        let found = ops::find(action);
        sought.name = found.map_or(sought.name, |row| row.name);
        if looks_like_json(action) {
            sought.style = Style::Json;
        }
        // Nobody is told which actions there are, nor how they are called.
        if signed.is_none() && !found.is_some_and(Row::is_open) {
            return Err(Denied::Unauthenticated.into());
        }
        let found = found.ok_or_else(|| unknown_action(action, params.get("Version")))?;
        sought.row = Some(found);
        sought.style = found.style();
        if !found.is_open() {
            let asking = head.extensions.get::<Principal>().and_then(Principal::user);
            told.names(&params, asking.map(|user| user.account));
        }
        check_version(found, params.get("Version"))?;
        unsupported::check(found.name, &params)?;
        if head.method == Method::GET && found.effect != Effect::Read {
            return Err(method_not_allowed());
        }
        if signed.is_some_and(|signed| signed.service != found.service.name()) {
            let message = format!(
                "{action} is an action of {}; sign for that service.",
                found.service.name()
            );
            return Err(Fault::new(Code::SignatureDoesNotMatch, message));
        }
        link::check(head, found.effect == Effect::Read, self.parts.clock.now())?;
        let origin = head.extensions.get::<Origin>().copied();
        let principal = head.extensions.get().cloned().unwrap_or(Principal::Nobody);
        let context = circumstances(&self.parts, head);
        let parts = Arc::clone(&self.parts);
        match found.run {
            Runner::Open(run) => {
                let id = request_id(head);
                let customer = single(&head.headers, "x-lyve-customer")?;
                run(Guest {
                    parts,
                    id,
                    params,
                    origin,
                    customer,
                    told: told.clone(),
                })
                .await
            }
            Runner::Signed(extent, run) => {
                let decided = extent.decide(&parts, &principal, found.permission, &context, (&params, told));
                let (authorized, subject) = decided.await?;
                let call = Call {
                    parts,
                    authorized,
                    subject,
                    params,
                    origin,
                };
                let answer = run(call).await?;
                if let Answer::Made(_, name) = &answer {
                    told.made(name);
                }
                Ok(answer)
            }
        }
    }
}

impl IdentityDoor {
    /// Serves a whitelist call.
    async fn whitelist(&self, head: &Head, body: RequestBody, id: RequestId) -> Response {
        let (mut row, told) = (None, Told::default());
        let context = circumstances(&self.parts, head);
        let is_for_iam = head
            .extensions
            .get::<Signed>()
            .is_none_or(|signed| signed.service == Service::Iam.name());
        let answer = if is_for_iam {
            whitelist::serve(&self.parts, head, body, (&context, &told), &mut row).await
        } else {
            Err(Fault::new(
                Code::SignatureDoesNotMatch,
                "Whitelist calls are signed for iam.",
            ))
        };
        let is_denied = matches!(&answer, Err(fault) if fault.code() == Code::AccessDenied);
        let mut response = answer.unwrap_or_else(|fault| {
            fault.log(Some(id));
            fault.render(Style::Whitelist, id)
        });
        if let Some(row) = row {
            let weight = if row.method == Method::GET {
                Weight::Look
            } else {
                Weight::Change
            };
            told.record(&mut response, head, weight, row.permission, is_denied);
        }
        response
            .extensions_mut()
            .insert(OperationName(row.map_or("UnknownWhitelistCall", |row| row.name)));
        response
    }
}

#[async_trait]
impl Door for IdentityDoor {
    fn name(&self) -> &'static str {
        "iam"
    }

    fn scheme(&self) -> Scheme {
        Scheme::SigV4Whole { services: SERVICES }
    }

    fn hosts(&self) -> &'static [&'static str] {
        SERVICES
    }

    fn claims(&self, head: &Head) -> bool {
        let path = head.uri.path();
        baleen_http::is_query_protocol(head) || path.starts_with(whitelist::BASE) || Place::find(path).is_some()
    }

    fn sees_through(&self) -> bool {
        true
    }

    async fn serve(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let id = request_id(&head);
        if head.uri.path().starts_with(whitelist::BASE) {
            return self.whitelist(&head, body, id).await;
        }
        if let Some(place) = Place::find(head.uri.path()) {
            let told = Told::default();
            let answer = place.serve(&self.parts, &head, body, &told).await;
            let is_denied = matches!(&answer, Err(fault) if is_denial(fault, true));
            let mut response = answer.unwrap_or_else(|fault| {
                fault.log(Some(id));
                fault.render(Style::Json, id)
            });
            told.record(
                &mut response,
                &head,
                Weight::Change,
                Action::StsRsFederatedLogin,
                is_denied,
            );
            response.extensions_mut().insert(OperationName(place.name()));
            return response;
        }
        let mut sought = Sought {
            row: None,
            name: "UnknownAction",
            told: Told::default(),
            style: early_style(&head),
        };
        let answer = self.action(&head, body, &mut sought).await;
        let Sought { row, name, told, style } = sought;
        let is_open = row.is_some_and(Row::is_open);
        let is_denied = matches!(&answer, Err(fault) if is_denial(fault, is_open));
        let mut response = match (answer, row) {
            (Ok(answer), Some(row)) => answer.render(row.name, row.service, id),
            (Ok(_), None) => Fault::internal("an answer without an operation").render(style, id),
            (Err(fault), _) => {
                fault.log(Some(id));
                fault.render(style, id)
            }
        };
        if row.is_some_and(|row| row.effect == Effect::Secret) {
            forbid_storing(&mut response);
        }
        if let Some(row) = row {
            let weight = if row.effect == Effect::Read {
                Weight::Look
            } else {
                Weight::Change
            };
            told.record(&mut response, &head, weight, row.permission, is_denied);
        }
        response.extensions_mut().insert(OperationName(name));
        response
    }

    fn refuse(&self, refusal: &Refusal, head: &Head) -> Response {
        Fault::from(refusal).render(early_style(head), request_id(head))
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(id.to_string()) {
            headers.insert(&REQUEST_ID, value.clone());
            headers.insert(&REQUEST_ID_TOO, value);
        }
    }

    fn loggable<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        Some(uri.path())
    }
}

/// Whether a fault says no. Of what proves itself by what it carries, every mistake is a try that failed: also a code that is
/// missing.
fn is_denial(fault: &Fault, proves_itself: bool) -> bool {
    fault.code() == Code::AccessDenied || (proves_itself && fault.code().status().is_client_error())
}

fn request_id(head: &Head) -> RequestId {
    head.extensions
        .get()
        .copied()
        .unwrap_or(RequestId::from_bytes([0; RequestId::BYTES]))
}

/// How to write an error as long as the action is not known.
fn early_style(head: &Head) -> Style {
    if head.uri.path().starts_with(whitelist::BASE) {
        return Style::Whitelist;
    }
    let accept = head
        .headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    if accept.trim_start().starts_with("application/json") {
        return Style::Json;
    }
    let is_sts = head
        .extensions
        .get::<Signed>()
        .is_some_and(|signed| signed.service == Service::Sts.name());
    Style::Xml(if is_sts { Service::Sts } else { Service::Iam })
}

/// Whether actions of such names answer in JSON: told by the name alone, so that the shape of an error does not say which there
/// are.
fn looks_like_json(action: &str) -> bool {
    action.starts_with("RS") || action.contains("ApiToken")
}

fn unknown_action(action: &str, version: Option<&str>) -> Fault {
    // Repeated within bounds: a client's log should tell what it asked for.
    let action: String = action.chars().take(128).collect();
    let version: String = version.unwrap_or("(none)").chars().take(32).collect();
    Fault::new(
        Code::InvalidAction,
        format!("Could not find operation {action} for version {version}."),
    )
}

/// The version has to be the service's; the document leaves it out of its own actions once, so those need none.
fn check_version(row: &Row, version: Option<&str>) -> Result<(), Fault> {
    let right = row.service.version();
    match version {
        Some(version) if version == right => Ok(()),
        None if row.name.starts_with("RS") || row.is_ours => Ok(()),
        None => Err(Fault::new(
            Code::InvalidAction,
            format!("The parameter Version is required: {right}."),
        )),
        Some(version) => Err(unknown_action(row.name, Some(version))),
    }
}

fn method_not_allowed() -> Fault {
    Fault::new(Code::MethodNotAllowed, "Send this action by POST.").with_header(ALLOW, HeaderValue::from_static("POST"))
}

/// The one value of a header.
fn single(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text.trim().to_owned())),
        _ => Err(Fault::invalid_input(format!(
            "The header {name} must stand once and be plain text."
        ))),
    }
}
