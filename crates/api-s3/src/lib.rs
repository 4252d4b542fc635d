//! The S3 door: s3s as codec behind our own edge.
//!
//! A request comes from the edge already authenticated. [`S3Door`] settles its address (virtual host or path), mends or
//! refuses the spellings that would turn one operation into another, takes off everything that was about the signature,
//! and hands it to s3s, which knows routes, headers and XML and nothing else; but for what reads or writes an object, which
//! [`reads`] and [`writes`] do by themselves (decision 0023). s3s asks [`access`] before it reads a body: the row of the operation in [`ops`] names the IAM action,
//! crate `policy` decides, and the proof travels on to the operation. The answer goes back through one place which gives errors
//! their full XML.
//!
//! It fails closed: the access hook, which [`reads`], [`writes`] and [`extras`] ask too, refuses every request without a principal, so an
//! edge wired past authentication serves nobody; and s3s runs with a key provider which refuses every signature.
//!
//! What is left out: no rule of S3 about objects lives here (crate `objects`), and no type of s3s leaves this crate.

mod access;
mod address;
mod answer_headers;
mod asker;
mod besides;
mod circumstances;
mod codec;
mod conditions;
mod convert;
mod cors;
mod documents;
mod door;
mod encryption;
mod extras;
mod fault;
mod form;
mod header;
mod lifecycle;
pub mod limits;
mod locking;
mod logging;
mod metadata;
mod ops;
mod prepare;
mod query;
mod reads;
mod replication;
mod routed;
mod rules;
mod services;
mod unsupported;
mod writes;
mod xml;

pub use door::{Parts, S3Door, Settings};
pub use extras::EXTRA_OPERATIONS;
pub use logging::Undelivered;
pub use ops::{Extent, OPERATIONS, Query, Row};
