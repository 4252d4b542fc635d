//! Edge plumbing: listener, request ids, authentication, strict bodies, access log, metrics.
//!
//! A [`Door`] is one wire family (S3, PCAPs, ..). The [`Edge`] stands in front of one or more of them and does, for each
//! request and in this order: an id, its origin, the choice of the door, authentication by the door's [`Scheme`], the
//! [`Gate`], the body's own checks wrapped round the body, the call, its mark in the audit log, the log line and the
//! counters. So no door can forget one of them, and no operation runs for a request whose signature was not checked.
//!
//! A door finds in the extensions of a request its `Principal` and `Origin` (crate `policy`), its `RequestId` (crate
//! `types`) and how it was [`Signed`]. This crate knows who asks, never what for: operations, permissions and error
//! envelopes belong to the doors.
//!
//! Invariants:
//! * A body that was announced signed, hashed or with a checksum behind it never ends well unless all of it was true;
//!   its last piece is withheld until then, so that even a reader which stops at the announced length learns of it.
//! * Nothing of a body is read before a door asks for it, so `100 Continue` is sent after authorization only.
//!   The exceptions are [`Scheme::SigV4Whole`] and [`Scheme::SdkHmac`], whose signatures cover what is in the body: bounded, and
//!   for keys that exist; and forms, whose fields say who sends them: bounded, and without the file.
//! * Where a request comes from is established once, by [`TrustedProxies`], for all who want to know.
//! * Secrets, signatures and query strings are never logged.

mod auth;
mod body;
mod door;
mod edge;
mod form;
mod gate;
pub mod limits;
mod meter;
mod origin;
mod response;
mod select;
mod server;
mod stall;

pub use auth::{
    AuthError, Credentials, KeyRecord, Lookup, Scheme, SessionTokenRule, SignaturePlace, SignatureVersion, Signed,
    Unavailable,
};
pub use baleen_audit::{Deed, Event, Recorder, Silent, Unrecorded, Verdict, Weight};
pub use body::{BodyCheck, BodyFault, BodyOutcome, ChecksumAlgorithm, ChecksumHasher, RequestBody, TrailerNames};
pub use door::{Door, OperationName, Refusal};
pub use edge::{Edge, Parts};
pub use form::{Field, Form};
pub use gate::{AccountRegions, Barred, Gate, OpenGate};
pub use meter::{Ended, Witness, Witnessed};
pub use origin::{Peer, PeerCertificate, TrustedProxies};
pub use response::{BoxError, ResponseBody};
pub use select::{DoorNames, is_query_protocol};
pub use server::tls::{ServedCertificate, Tls, TlsError, Validity};
pub use server::{DrainReport, Listener, ServerSettings};

/// A request as doors see it.
pub type Request = http::Request<RequestBody>;

/// An answer as doors give it.
pub type Response = http::Response<ResponseBody>;
