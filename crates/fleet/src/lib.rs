//! The agents of a store: who may become one, how it is known afterwards, and which are connected.
//!
//! An account makes a token, which one agent enrols with: it gets a certificate of the store's own authority, for a key that never
//! leaves it, and shows that from then on. It is looked up by its certificate with each request, so that an agent which is removed is
//! unknown at once.
//!
//! A [`Seat`] is the place of an agent in this process. It outlives connections: an agent that was cut off comes back to what it was
//! at.
//!
//! Invariants:
//! * A token enrols one agent, however often and however fast it is shown. It is stored as a digest.
//! * Of what an agent asks for, its certificate holds the key alone; everything else is ours.
//! * The key of the authority is stored sealed.
//!
//! Left out: what captures are (an [`OrderId`](baleen_agentwire::OrderId) is all that is known of one), and sockets.

mod attempts;
mod authority;
mod error;
pub mod limits;
mod record;
mod seat;
mod service;
mod token;

pub use error::Error;
pub use record::SEALED;
pub use seat::{Attached, HowItIs, NotConnected, Order, OrderRefused, OrderStatus, Protocol, Seat};
pub use service::{AgentInfo, Enrolled, Fleet, Known, NewToken, Parts, ServerIdentity};
pub use token::AgentToken;
