//! Counting packets without keeping them: what triggers of captures wait for.
//!
//! A watch has rings of its own, small ones with a filter in the kernel, and one thread for each. Captures do not know of it. What
//! the kernel drops for want of room is counted too, with the mean length of the others: a watch is about how much goes by,
//! and most of all when it is much.

use super::error::EngineError;
use super::limits::{INTERFACES_MAX, SNAPLEN_MIN};
use super::request::{CaptureRequest, Interfaces};
use super::ring_source::RingSource;
use super::source::{Batch, Source, Wake};
use super::start::{Engine, compile, select};
use baleen_filter::{Filter, FiveTuple};
use baleen_ring::Error;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The ring of one interface: two blocks of the smallest size.
const RING_BLOCKS: usize = 2;
/// See [`RING_BLOCKS`].
const RING_BLOCK_BYTES: usize = 512 * 1024;

/// How soon the kernel hands over what it has, and how long a reader waits at most, which is how long an end takes.
const RETIRE: Duration = Duration::from_millis(100);
/// See [`RETIRE`].
const WAIT: Duration = Duration::from_millis(250);

/// Which packets to count.
#[derive(Clone, Debug)]
pub struct WatchRequest {
    /// Where.
    pub interfaces: Interfaces,
    /// Which.
    pub filter: Filter,
    /// Which never.
    pub exclude: Vec<FiveTuple>,
    /// Which no request ever gets.
    pub never: Vec<Filter>,
    /// Whether to see packets for other machines.
    pub promiscuous: bool,
}

/// What went by since a watch began; never goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Packets.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
}

/// Counts until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    wakers: Vec<Arc<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct Shared {
    packets: AtomicU64,
    bytes: AtomicU64,
    is_over: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl Engine {
    /// Counts packets of the machine's interfaces. Maps memory and makes system calls, as [`start`](Self::start).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn watch(&self, request: &WatchRequest) -> Result<Watch, EngineError> {
        let interfaces = select(&request.interfaces)?;
        let programs = compile(
            &CaptureRequest {
                filter: request.filter.clone(),
                exclude: request.exclude.clone(),
                never: request.never.clone(),
                snaplen: SNAPLEN_MIN,
                ..CaptureRequest::default()
            },
            &interfaces,
        )?;
        let ring = baleen_ring::Settings {
            block_bytes: RING_BLOCK_BYTES,
            blocks: RING_BLOCKS,
            retire: RETIRE,
            promiscuous: request.promiscuous,
        };
        let open = |interface| RingSource::open(interface, &ring, &programs[&interface.link_type()]);
        let sources = interfaces.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Watch::over(sources)
    }
}

impl Watch {
    /// Counts what given sources have, which filter for themselves.
    ///
    /// # Errors
    /// `Unavailable` without threads.
    pub fn over<S: Source>(sources: Vec<S>) -> Result<Self, EngineError> {
        if sources.is_empty() || sources.len() > INTERFACES_MAX {
            return Err(EngineError::Interfaces("a watch has 1 to 16 interfaces"));
        }
        // Dropped in a failure, it ends the threads that did start.
        let watch = Self {
            shared: Arc::default(),
            wakers: sources.iter().map(Source::waker).collect(),
        };
        for source in sources {
            let shared = Arc::clone(&watch.shared);
            let name = source.description().name.clone();
            let thread = thread::Builder::new().name(format!("watch-{name}"));
            let run = move || {
                let counted = catch_unwind(AssertUnwindSafe(|| count(source, &shared)));
                let trouble = match counted {
                    Ok(Ok(())) => return,
                    Ok(Err(Some(error))) => format!("the network interface {name} cannot be watched: {error}"),
                    Ok(Err(None)) => format!("the network interface {name} was removed"),
                    Err(_) => "an internal error ended the watch".to_owned(),
                };
                shared.trouble.lock().get_or_insert(trouble);
            };
            thread.spawn(run).map_err(EngineError::Thread)?;
        }
        Ok(watch)
    }

    /// What went by so far.
    pub fn seen(&self) -> Seen {
        Seen {
            packets: self.shared.packets.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    /// Why an interface is not watched any more, once that is so.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        for wake in &self.wakers {
            wake();
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("seen", &self.seen())
            .finish_non_exhaustive()
    }
}

/// Counts until the watch is over; an error without a cause is an interface that was removed.
fn count<S: Source>(mut source: S, shared: &Shared) -> Result<(), Option<Error>> {
    let (mut own, mut dropped) = (Seen::default(), 0);
    while !shared.is_over.load(Ordering::Acquire) {
        let mut new = Seen::default();
        let is_there = {
            let batch = source.next_batch()?;
            for packet in batch.iter().flat_map(Batch::packets) {
                new.packets += 1;
                new.bytes += u64::from(packet.original_length);
            }
            batch.is_some()
        };
        if is_there {
            (own.packets, own.bytes) = (own.packets + new.packets, own.bytes + new.bytes);
            let all = source.counters()?.dropped;
            let lost = all.saturating_sub(dropped);
            dropped = all;
            new.packets += lost;
            new.bytes += lost.saturating_mul(own.bytes / own.packets.max(1));
            shared.packets.fetch_add(new.packets, Ordering::Relaxed);
            shared.bytes.fetch_add(new.bytes, Ordering::Relaxed);
        } else if source.wait(WAIT)? == Wake::Gone {
            return Err(None);
        }
    }
    Ok(())
}
