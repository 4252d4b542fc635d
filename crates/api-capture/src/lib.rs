//! The doors of captures, one for each family of clients, over one service.
//!
//! * [`pcaps`]: Cloudflare's packet capture API (capture contract, part A);
//! * [`tasks`]: the capture tasks of a cloud firewall (capture contract, part B).
//!
//! A door has its own routes, envelope, codes and wire structs; what a door shows is its own captures alone.

mod account;
mod answer;
mod body;
pub mod limits;
pub mod pcaps;
mod row;
pub mod tasks;

pub use pcaps::PcapsDoor;
pub use tasks::TaskDoor;
