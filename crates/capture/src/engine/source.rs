//! Where packets come from: a kernel ring, or something that behaves like one.

use baleen_ring::{LinkCounters, Packet};
use baleen_types::LinkType;
use std::sync::Arc;
use std::time::Duration;

/// What a source says of its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The interface's name.
    pub name: String,
    /// How its packets are read.
    pub link: LinkType,
    /// Its Ethernet address, where it has one.
    pub mac: Option<[u8; 6]>,
    /// After how long packets that have come in are handed over at the latest.
    pub latency: Duration,
    /// How many batches are on their way at most: a loss that shows now lies behind so many.
    pub batches: u64,
}

/// Sums since the source was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that the filter accepted, with those dropped.
    pub accepted: u64,
    /// Accepted packets that were lost.
    pub dropped: u64,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// There may be packets, or the time is over, or somebody called.
    Look,
    /// The interface was removed: nothing else will come.
    Gone,
}

/// Reads the counters of an interface, where it has any, since its source was opened.
pub type Link = Arc<dyn Fn() -> Option<LinkCounters> + Send + Sync>;

/// Packets that came together.
pub trait Batch {
    /// The batch's running number.
    fn sequence(&self) -> u64;

    /// Its packets, in the order in which they came.
    fn packets(&self) -> impl Iterator<Item = Packet<'_>>;

    /// As [`Source::detach`], while the batch is on loan.
    fn detach(&self) -> Result<(), baleen_ring::Error>;

    /// As [`Source::counters`], while the batch is on loan.
    fn counters(&self) -> Result<Counters, baleen_ring::Error>;
}

/// A source of packets, used by one thread. Filtering is done: what it yields was asked for.
pub trait Source: Send + 'static {
    /// See [`Batch`].
    type Batch<'a>: Batch
    where
        Self: 'a;

    /// What is known of the interface.
    fn description(&self) -> &Description;

    /// A function that ends the current wait or the next one, for other threads.
    fn waker(&self) -> Arc<dyn Fn() + Send + Sync>;

    /// Waits for packets, at most `timeout`.
    fn wait(&mut self, timeout: Duration) -> Result<Wake, baleen_ring::Error>;

    /// The next batch, if one is there. It goes back to where it came from when it is dropped.
    fn next_batch(&mut self) -> Result<Option<Self::Batch<'_>>, baleen_ring::Error>;

    /// Takes nothing more in; what has come in can still be read.
    fn detach(&mut self) -> Result<(), baleen_ring::Error>;

    /// The sums.
    fn counters(&self) -> Result<Counters, baleen_ring::Error>;

    /// What reads the interface's own counters, in the thread that uses the source.
    fn link(&self) -> Link;
}
