//! The ring against a plain list of packets, and against what disks, clocks and traffic do to it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

mod bounds;
mod damage;
mod lab;
mod model;
mod queries;
mod sealed;
