//! What stands behind the edge.

use async_trait::async_trait;
use baleen_types::RequestId;
use http::request::Parts;
use http::{HeaderMap, Uri};

use crate::{AuthError, BodyFault, Request, Response, Scheme};

/// One wire family.
#[async_trait]
pub trait Door: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// How its requests prove who asks.
    fn scheme(&self) -> Scheme;

    /// Serves a request whose signature was checked. `Principal` and `RequestId` are in its extensions; when there is
    /// a body, so is its [`crate::BodyOutcome`]. The answer carries an [`OperationName`].
    async fn serve(&self, request: Request) -> Response;

    /// Renders a refusal of the edge in the door's own envelope.
    fn refuse(&self, refusal: &Refusal, head: &Parts) -> Response;

    /// Puts the request id into the headers of an answer.
    fn stamp(&self, id: RequestId, headers: &mut HeaderMap);

    /// What of the address may stand in the log. The default is nothing, since some doors carry tokens in the path.
    fn loggable<'u>(&self, _uri: &'u Uri) -> Option<&'u str> {
        None
    }

    /// Whether machines ask here all the time: then a request that went well is logged for those who debug alone.
    fn is_polled(&self) -> bool {
        false
    }
}

/// Why the edge answers instead of the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not believed.
    Auth(AuthError),
    /// There is no body, and the head promised one.
    Body(BodyFault),
    /// A bug: the door panicked. The cause is in the log, under the request's id.
    Panicked,
}

/// Name of the operation that a request turned out to be, for log and metrics; an extension of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationName(pub &'static str);
