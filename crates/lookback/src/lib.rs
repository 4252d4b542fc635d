//! The look-back ring: the beginnings of all conversations of the last hours, on the disk, to be asked for afterwards.
//!
//! A [`Lookback`] is one folder. A [`Recorder`] takes packets, keeps the first bytes of each and of each conversation, and
//! hands full chunks to a thread that writes them; it never waits. [`Lookback::query`] finds packets by time and filter.
//!
//! * The folder is bounded by bytes and by age: the oldest *segments*, files of up to 256 MiB, are deleted as a whole.
//! * A segment is blocks, a block up to 16 *chunks* of 64 KiB of packets with a directory behind them: a sieve (a Bloom
//!   filter) that tells most queries that a block is not for them, and a table that tells which of its chunks are. Where
//!   blocks are, and of which time, is in memory.
//! * Each chunk has a checksum, and is read and checked as a whole: what is damaged is missed and counted, never guessed.
//! * A segment is written from its beginning to its end, and never again. What a kill leaves is found by the heads of the
//!   chunks; a torn one at the end is dropped and counted. So recovery writes nothing.
//! * With a key, chunks are sealed, their directories too. Heads are not: they have times, sizes and counts.
//! * Hashes are keyed with random keys: traffic cannot be made to collide, in the index or in the cut-off.
//!
//! Why it is so: `docs/decisions/0027-the-look-back-ring.md`. Left out: where packets come from, and who may ask.

mod chunk;
mod cutoff;
mod directory;
mod error;
mod hash;
mod hint;
mod keys;
mod limits;
mod query;
mod record;
mod recorder;
mod segment;
mod settings;
mod store;
mod walk;
mod writer;

pub use error::Error;
pub use hint::Hint;
pub use limits::{INTERFACE_NAME_BYTES_MAX, INTERFACES_MAX, QUERY_PACKETS_MAX, SNAPLEN_MAX, SNAPLEN_MIN};
pub use query::{Found, Query, Sample};
pub use record::Interface;
pub use recorder::Recorder;
pub use settings::{Settings, Shape};
pub use store::{Lookback, Parts, Stats};
