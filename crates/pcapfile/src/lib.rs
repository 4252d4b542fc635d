//! Capture files: pcap and pcapng, written on the hot path and read from anybody.
//!
//! The encoders ([`classic`], [`ng`]) append whole records to a caller's buffer, do no IO and cannot fail; files may be cut
//! between any two records and stay valid. The [`Reader`] takes both formats in both byte orders as a stream, in bounded
//! memory, and turns a file that ends in the middle of a record into one that ends before it. [`Merge`] reads several as one, in
//! the order of time.
//!
//! Left out: dissection (`packet`), and blocks with secrets, which are never written and are skipped when read.

pub mod classic;
mod error;
mod limits;
mod merge;
pub mod ng;
mod reader;
mod record;

pub use error::Error;
pub use limits::{BLOCK_BYTES_MAX, CLASSIC_OVERHEAD, NG_OVERHEAD_MAX, OPTION_BYTES_MAX, PACKET_BYTES_MAX};
pub use merge::{Merge, MergeSource, Merged};
pub use reader::{Format, InterfaceInfo, Item, PacketItem, Reader};
pub use record::{Direction, Record};
