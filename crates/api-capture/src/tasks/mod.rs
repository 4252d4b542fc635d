//! The capture-task door: the packet captures of a cloud firewall, below `/v1/{project_id}/capture-task`.
//!
//! Source: capture contract, part B; seed 002. A request is matched to a row of [`ops::ROWS`], authorized by the row's action
//! for the project in its path, decoded, run and encoded. Who is not of that project is told that it does not exist.
//!
//! A firewall instance is a site or a group of sites. Ours, beyond the vendor's members: `bidirectional` on input, `message` in a
//! task that says why it failed or what it lacks, and the links of results, which lead to this door: [`ops::FILE`].

mod envelope;
mod fault;
mod fields;
mod file;
pub mod ops;
mod query;
mod wire;

use crate::answer::Told;
use crate::{account, body};
use baleen_capture::Captures;
use baleen_http::{AuthError, Deed, Door, Gate, Refusal, Request, Response, Scheme, Verdict, Weight};
use baleen_policy::{Action, Context, Origin, Principal};
use baleen_runtime::Clock;
use baleen_types::{Classify as _, FaultKind, RequestId};
use envelope::Answer;
use fault::Fault;
use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Uri};
use std::sync::Arc;

/// The header by which the vendor's SDKs name the project that they sign for.
const PROJECT_HEADER: &str = "x-project-id";

/// The door. It holds the service, the gate that its links pass, and the time.
pub struct TaskDoor {
    captures: Arc<Captures>,
    gate: Arc<dyn Gate>,
    clock: Arc<dyn Clock>,
}

impl TaskDoor {
    /// A door to a capture service. `gate` is asked for who follows a link; the clock tells the time that policies are judged at.
    pub fn new(captures: Arc<Captures>, gate: Arc<dyn Gate>, clock: Arc<dyn Clock>) -> Self {
        Self { captures, gate, clock }
    }

    async fn answer(&self, request: Request) -> (Option<Told>, Result<Answer, Fault>) {
        if let Some((project, ticket)) = ops::find_file(request.method(), request.uri().path()) {
            let mut told = told_of_file();
            let answer = self.file(&request, project, ticket, &mut told).await;
            return (Some(told), answer);
        }
        let Some(found) = ops::find(request.method(), request.uri().path()) else {
            return (None, Err(Fault::no_route()));
        };
        let mut told = told(&found);
        match self.run(request, found, &mut told).await {
            Ok(answer) => (Some(told), Ok(answer)),
            Err(fault) => (Some(told), Err(fault)),
        }
    }

    async fn run(&self, request: Request, found: ops::Found, told: &mut Told) -> Result<Answer, Fault> {
        let principal = request.extensions().get().cloned().unwrap_or(Principal::Nobody);
        let origin = request.extensions().get::<Origin>().copied();
        let context = Context::new(self.clock.now()).origin(origin);
        let (row, project) = (found.row, found.project.as_str());
        if let Err(fault) = same_project(request.headers(), project) {
            told.deed.verdict = Verdict::Denied;
            return Err(fault);
        }
        let authorized = account::authorize_all(&principal, (row.action, row.also), project, &context, &mut told.deed)
            .map_err(|(refused, action)| Fault::refused(refused, action))?;
        let query = query::Query::parse(request.uri().query())?;
        let (head, body) = request.into_parts();
        let body = body::read(row.body, body).await?;
        let instance = query.instance()?;
        let call = ops::Call {
            captures: Arc::clone(&self.captures),
            project: found.project_id()?,
            authorized,
            instance,
            query,
            body,
            base: base_of(&head, origin),
        };
        let (answer, made) = (row.run)(call).await?;
        if let Some(id) = made {
            told.deed.resource = resource(&id.to_string());
        }
        Ok(answer)
    }

    /// Gives who has a ticket the file that it is for: the ticket was made for somebody who may see it, as a presigned URL is.
    async fn file(&self, request: &Request, project: &str, ticket: &str, told: &mut Told) -> Result<Answer, Fault> {
        told.deed.verdict = Verdict::Denied;
        let origin = request
            .extensions()
            .get::<Origin>()
            .copied()
            .ok_or_else(Fault::bad_ticket)?;
        let project = project.parse().map_err(|_| Fault::bad_ticket())?;
        let redeemed = self.captures.redeem(ticket, project, origin.source)?;
        told.deed.account = Some(redeemed.account());
        told.deed.resource = resource(&redeemed.id().to_string());
        let admitted = self.gate.admit_to(self.name(), redeemed.account(), &origin).await;
        admitted.map_err(Fault::barred_by)?;
        told.deed.verdict = Verdict::Allowed;
        file::serve(&self.captures, redeemed, request.headers())
            .await
            .map(Answer::File)
    }
}

/// Where this door was reached, for links that lead to it.
fn base_of(head: &Parts, origin: Option<Origin>) -> Option<ops::Base> {
    let in_header = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = in_header.or_else(|| head.uri.authority().map(http::uri::Authority::as_str))?;
    Some(ops::Base {
        host: host.to_owned(),
        is_secure: origin.is_some_and(|origin| origin.is_secure),
    })
}

/// Refuses a request that was signed for another project than it is sent to (capture contract, B.3, "Server rules").
fn same_project(headers: &HeaderMap, project: &str) -> Result<(), Fault> {
    let mut said = headers.get_all(PROJECT_HEADER).iter();
    if said.all(|value| value.as_bytes() == project.as_bytes()) {
        return Ok(());
    }
    Err(Fault::unauthenticated("X-Project-Id is not the project of the path"))
}

fn resource(task: &str) -> String {
    format!("arn:aws:cfw:::capture-task/{task}")
}

fn told(found: &ops::Found) -> Told {
    Told {
        name: found.row.name,
        deed: Deed::allowed(found.row.weight, found.row.action.name(), resource("*")),
    }
}

fn told_of_file() -> Told {
    Told {
        name: ops::FILE,
        deed: Deed::allowed(Weight::Data, Action::CfwGetCaptureResult.name(), resource("*")),
    }
}

#[async_trait::async_trait]
impl Door for TaskDoor {
    fn name(&self) -> &'static str {
        "tasks"
    }

    fn scheme(&self) -> Scheme {
        Scheme::SdkHmac { service: "cfw" }
    }

    fn claims(&self, head: &Parts) -> bool {
        head.uri.path().starts_with(ops::BASE)
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

    fn refuse(&self, refusal: &Refusal, _: &Parts) -> Response {
        let fault = match refusal {
            Refusal::Auth(error) => refused_credentials(error),
            Refusal::Barred => Fault::barred(),
            Refusal::Body(fault) => Fault::not_json(fault),
            Refusal::Unaudited => {
                Fault::unavailable("the request could not be recorded; it may have been done all the same, please look")
            }
            Refusal::Panicked => Fault::internal(),
        };
        fault.render()
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert("x-request-id", value);
        }
    }

    fn loggable<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        // A ticket is as good as a password for as long as it works.
        Some(ops::without_ticket(uri.path()))
    }
}

/// Whatever is wrong with credentials is one code (capture contract, B.2, "Error codes"); what cannot be looked up now is no
/// word about them.
fn refused_credentials(error: &AuthError) -> Fault {
    if error.kind() == FaultKind::Unavailable {
        return Fault::unavailable(error.to_string());
    }
    if error.is_of_another_way() {
        return Fault::unauthenticated(
            "the Authorization header is not of SDK-HMAC-SHA256; sign with that, or send an API token in X-Auth-Token (as Bearer it is \
             taken below /client/v4)",
        );
    }
    Fault::unauthenticated(error)
}
