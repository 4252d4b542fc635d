//! From a request to its operation.

use crate::fault::Fault;
use crate::limits::PARTS_BYTES_DEFAULT;
use crate::ops::{self, Caller, OPERATIONS, Place, Row};
use crate::room::Room;
use async_trait::async_trait;
use baleen_agentwire::OrderId;
use baleen_capture::RemoteAgents;
use baleen_fleet::{Fleet, Known};
use baleen_http::{Barred, Door, Gate, OperationName, PeerCertificate, Refusal, Request, Response, Scheme};
use baleen_policy::Origin;
use baleen_runtime::{Clock, Shutdown};
use baleen_types::{AccountId, AgentId, RequestId};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// By what the gate knows it.
pub(crate) const NAME: &str = "agents";

/// What the door is built from.
pub struct Parts {
    /// Who is an agent.
    pub fleet: Arc<Fleet>,
    /// What they are at.
    pub agents: Arc<RemoteAgents>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whose agents are served, and from where.
    pub gate: Arc<dyn Gate>,
    /// Ends their links.
    pub shutdown: Shutdown,
}

/// The door of agents.
pub struct AgentDoor {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) agents: Arc<RemoteAgents>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) shutdown: Shutdown,
    /// Memory for parts.
    pub(crate) room: Arc<Room>,
    /// Parts on their way, by order.
    pub(crate) on_their_way: Arc<Mutex<HashMap<(AgentId, OrderId), usize>>>,
}

impl AgentDoor {
    /// Builds it.
    pub fn new(parts: Parts) -> Arc<Self> {
        Self::with_room(parts, PARTS_BYTES_DEFAULT)
    }

    /// The same with so many bytes of memory for parts.
    pub fn with_room(parts: Parts, parts_bytes: usize) -> Arc<Self> {
        let Parts {
            fleet,
            agents,
            clock,
            gate,
            shutdown,
        } = parts;
        Arc::new(Self {
            fleet,
            agents,
            clock,
            gate,
            shutdown,
            room: Room::new(parts_bytes),
            on_their_way: Arc::default(),
        })
    }

    /// The agent whose certificate the connection has, if its account is served from there.
    async fn known(&self, request: &Request, from: &Origin) -> Result<Known, Fault> {
        let certificate = request
            .extensions()
            .get::<PeerCertificate>()
            .ok_or_else(Fault::nobody)?;
        let known = self.fleet.known(&certificate.sha256).await?.ok_or_else(Fault::nobody)?;
        match self.gate.admit_to(NAME, known.account, from).await {
            Ok(()) => Ok(known),
            Err(barred) => Err(Fault::barred(barred)),
        }
    }

    /// Whether who has a token of an account may use it. Who may not is told what one is told whose token is none.
    pub(crate) async fn admit_token(&self, account: AccountId, from: &Origin) -> Result<(), Fault> {
        match self.gate.admit_to(NAME, account, from).await {
            Ok(()) => Ok(()),
            Err(Barred::Unavailable) => Err(Fault::barred(Barred::Unavailable)),
            Err(Barred::NotListed | Barred::Withheld) => Err(baleen_fleet::Error::BadToken.into()),
        }
    }

    async fn answer(&self, row: Option<(&Row, Place)>, request: Request) -> Result<Response, Fault> {
        // The edge tells it of each.
        let from = request.extensions().get::<Origin>().copied();
        let from = from.ok_or_else(|| Fault::barred(Barred::Unavailable))?;
        let caller = match &row {
            Some((row, _)) if row.for_nobody => Caller::Nobody(from),
            // Who is nobody is not told what there is.
            _ => Caller::Agent(self.known(&request, &from).await?, from),
        };
        let (row, place) = row.ok_or_else(Fault::not_found)?;
        if row.method != request.method() {
            let message = format!("{} is expected", row.method);
            return Err(Fault::new(StatusCode::METHOD_NOT_ALLOWED, "Method", message));
        }
        match (row.run, caller) {
            (ops::Run::Enrol, Caller::Nobody(from)) => ops::enrol::run(self, &from, request).await,
            (ops::Run::Renew, Caller::Agent(known, _)) => ops::renew::run(self, known, request).await,
            (ops::Run::Link, Caller::Agent(known, from)) => ops::link::run(self, known, from, request),
            (ops::Run::PutPart, Caller::Agent(known, _)) => ops::put_part::run(self, known, place, request).await,
            (ops::Run::View, Caller::Agent(known, _)) => ops::view::run(self, known, place, request).await,
            (ops::Run::Enrol, Caller::Agent(..)) | (_, Caller::Nobody(_)) => Err(Fault::nobody()),
        }
    }
}

#[async_trait]
impl Door for AgentDoor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn scheme(&self) -> Scheme {
        Scheme::None
    }

    async fn serve(&self, request: Request) -> Response {
        let row = ops::find(request.uri().path());
        let name = row.as_ref().map_or("unknown", |(row, _)| row.name);
        let mut response = match self.answer(row, request).await {
            Ok(response) => response,
            Err(fault) => fault.response(),
        };
        response.extensions_mut().insert(OperationName(name));
        response
    }

    /// Or who hangs up in time would be an agent that is in no log. A part breaks off with its connection while it is read, and a
    /// link is its answer, which ends with it too.
    fn sees_through(&self) -> bool {
        true
    }

    fn refuse(&self, refusal: &Refusal, _head: &Head) -> Response {
        Fault::of_refusal(refusal).response()
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert("x-request-id", value);
        }
    }

    fn loggable<'u>(&self, uri: &'u http::Uri) -> Option<&'u str> {
        Some(uri.path())
    }

    /// Parts come all the time.
    fn is_polled(&self) -> bool {
        true
    }
}

const _: () = assert!(!OPERATIONS.is_empty());
