//! The door of agents on other hosts: enrolment, the link over which they are ordered, and the parts that they bring.
//!
//! Who asks is said by the certificate of the connection alone, which is looked up here, in one place, before a request is routed: an agent
//! that was removed is nobody from then on. Only enrolment needs none; it needs a token.
//!
//! Left out: what an agent may deliver, which the captures judge, and what a message does, which the fleet knows.

mod door;
mod fault;
pub mod limits;
mod ops;
mod room;

pub use door::{AgentDoor, Parts};
