//! From a request to its operation.

use crate::fault::Fault;
use crate::limits::PARTS_BYTES_DEFAULT;
use crate::ops::{self, Caller, OPERATIONS, Place, Row};
use async_trait::async_trait;
use baleen_agentwire::OrderId;
use baleen_capture::RemoteAgents;
use baleen_fleet::{Fleet, Known};
use baleen_http::{Door, OperationName, PeerCertificate, Refusal, Request, Response, Scheme};
use baleen_policy::Origin;
use baleen_runtime::{Clock, Shutdown};
use baleen_types::{AgentId, RequestId};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the door is built from.
pub struct Parts {
    /// Who is an agent.
    pub fleet: Arc<Fleet>,
    /// What they are at.
    pub agents: Arc<RemoteAgents>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Ends their links.
    pub shutdown: Shutdown,
}

/// The door of agents.
pub struct AgentDoor {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) agents: Arc<RemoteAgents>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    /// Memory for parts, in KiB.
    pub(crate) room: Arc<Semaphore>,
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
            shutdown,
        } = parts;
        Arc::new(Self {
            fleet,
            agents,
            clock,
            shutdown,
            room: Arc::new(Semaphore::new(parts_bytes >> 10)),
            on_their_way: Arc::default(),
        })
    }

    /// The agent whose certificate the connection has; `None` for nobody.
    async fn known(&self, request: &Request) -> Result<Option<Known>, Fault> {
        match request.extensions().get::<PeerCertificate>() {
            None => Ok(None),
            Some(certificate) => Ok(self.fleet.known(&certificate.sha256).await?),
        }
    }

    async fn answer(&self, row: Option<(&Row, Place)>, request: Request) -> Result<Response, Fault> {
        let from = request.extensions().get::<Origin>().map(|origin| origin.source);
        let from = from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let caller = match &row {
            Some((row, _)) if row.for_nobody => Caller::Nobody(from),
            // Who is nobody is not told what there is.
            _ => Caller::Agent(self.known(&request).await?.ok_or_else(Fault::nobody)?),
        };
        let (row, place) = row.ok_or_else(Fault::not_found)?;
        if row.method != request.method() {
            let message = format!("{} is expected", row.method);
            return Err(Fault::new(StatusCode::METHOD_NOT_ALLOWED, "Method", message));
        }
        match (row.run, caller) {
            (ops::Run::Enrol, Caller::Nobody(from)) => ops::enrol::run(self, from, request).await,
            (ops::Run::Renew, Caller::Agent(known)) => ops::renew::run(self, known, request).await,
            (ops::Run::Link, Caller::Agent(known)) => ops::link::run(self, known, request),
            (ops::Run::PutPart, Caller::Agent(known)) => ops::put_part::run(self, known, place, request).await,
            (ops::Run::Enrol, Caller::Agent(_)) | (_, Caller::Nobody(_)) => Err(Fault::nobody()),
        }
    }
}

#[async_trait]
impl Door for AgentDoor {
    fn name(&self) -> &'static str {
        "agents"
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
