//! Edge plumbing: listener, request ids, authentication, strict bodies, access log, metrics.
//!
//! A [`Door`] is one wire family (S3, PCAPs, ..). The [`Edge`] stands in front of it and does, for each request and in
//! this order: an id, authentication by the door's [`Scheme`], the body's own checks wrapped round the body, the call,
//! the log line and the counters. So no door can forget one of them, and no operation runs for a request whose
//! signature was not checked.
//!
//! A door finds in the extensions of a request its `Principal` (crate `policy`) and its `RequestId` (crate `types`). This
//! crate knows who asks, never what for: operations, permissions and error envelopes belong to the doors.
//!
//! Invariants:
//! * A body that was announced signed, hashed or with a checksum behind it never ends well unless all of it was true;
//!   its last piece is withheld until then, so that even a reader which stops at the announced length learns of it.
//! * Nothing of a body is read before a door asks for it, so `100 Continue` is sent after authorization only.
//! * Secrets, signatures and query strings are never logged.

mod auth;
mod body;
mod door;
mod edge;
pub mod limits;
mod meter;
mod response;
mod server;
mod stall;

pub use auth::{AuthError, Credentials, KeyRecord, Scheme, Unavailable};
pub use body::{BodyCheck, BodyFault, BodyOutcome, ChecksumAlgorithm, ChecksumHasher, RequestBody, TrailerNames};
pub use door::{Door, OperationName, Refusal};
pub use edge::{Edge, Parts};
pub use response::{BoxError, ResponseBody};
pub use server::{DrainReport, Listener, ServerSettings};

/// A request as doors see it.
pub type Request = http::Request<RequestBody>;

/// An answer as doors give it.
pub type Response = http::Response<ResponseBody>;
