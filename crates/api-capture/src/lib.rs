//! The doors of captures, one for each family of clients, over one service.
//!
//! * [`pcaps`]: Cloudflare's packet capture API (capture contract, part A).
//!
//! A door has its own routes, envelope, codes and wire structs; what a door shows is its own captures alone.

pub mod limits;
pub mod pcaps;

pub use pcaps::PcapsDoor;
