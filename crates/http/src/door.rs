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

    /// What the host name of a request adds in front of its path, where that is part of what Signature Version 2 signs.
    fn host_resource<'h>(&self, _head: &'h Parts) -> Option<&'h str> {
        None
    }

    /// Where several doors share a listener: the first labels of this one's host names, such as `sts` for
    /// `sts.example.com`.
    fn hosts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where several doors share a listener: whether a request that no host name and no signature assigns is for this one.
    /// Judged by the head alone; the last door is not asked, it takes what no other claims.
    fn claims(&self, _head: &Parts) -> bool {
        false
    }

    /// Serves a request whose signature was checked and which the gate let in. In its extensions are `Principal`, `Origin`
    /// and `RequestId`, [`crate::Signed`] when it was signed, and [`crate::BodyOutcome`] when it has a body. The answer
    /// carries an [`OperationName`], and a [`crate::Deed`] when the audit log is to know of it.
    async fn serve(&self, request: Request) -> Response;

    /// Whether what this door has begun is done to its end and recorded in the audit log, also when its client goes away
    /// meanwhile: or a client that hangs up in time changes something without a trace. For doors whose requests are small;
    /// a body that comes through the connection breaks off with it all the same. No default: who says no says why.
    fn sees_through(&self) -> bool;

    /// Renders a refusal of the edge in the door's own envelope. Of a signature that does not match, the head has a
    /// [`baleen_signing::SignedTexts`] among its extensions, where the service's signers are told what they should have signed.
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
    /// The request is not believed, or cannot be checked now.
    Auth(AuthError),
    /// The address is none of those that the account allows, or the account may not use what is behind the door.
    Barred,
    /// There is no body, and the head promised one; or it could not be read while that was the edge's to do.
    Body(BodyFault),
    /// It was done, but the audit log could not be written. The client must not take it for done.
    Unaudited,
    /// A bug: the door panicked. The cause is in the log, under the request's id.
    Panicked,
}

impl Refusal {
    /// The reason as the audit log has it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Auth(AuthError::Mismatch) => "the signature does not match",
            Self::Auth(AuthError::SessionToken) => "the session token is missing or not valid",
            Self::Auth(AuthError::Unavailable) => "it could not be checked",
            Self::Auth(AuthError::UnknownAccessKey) => "the access key or session is not in force any more",
            Self::Auth(AuthError::UnknownToken) => "the API token is not in force",
            Self::Auth(AuthError::Suspended) => "the customer or the user may not act",
            Self::Auth(AuthError::SessionExpired) => "the session is past its end",
            Self::Auth(AuthError::Expired) => "the link is past its end",
            Self::Auth(AuthError::NotYetValid | AuthError::Skewed { .. }) => "its time is not the server's",
            Self::Auth(_) => "the request is not believed",
            Self::Barred => "the whitelist or the service access of the account keeps it out",
            Self::Body(_) => "the body is not what was announced",
            Self::Unaudited => "it could not be recorded",
            Self::Panicked => "an error of the server",
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<BodyFault> for Refusal {
    fn from(fault: BodyFault) -> Self {
        Self::Body(fault)
    }
}

/// Name of the operation that a request turned out to be, for log and metrics; an extension of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationName(pub &'static str);
