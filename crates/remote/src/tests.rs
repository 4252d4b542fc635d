//! Against a store made for the purpose: it records what came over the wire, byte for byte, and answers by script.

mod faults;
pub(crate) mod fixture;
mod requests;
mod tls;
mod uploads;
