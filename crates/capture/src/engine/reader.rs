//! The loop of a reader thread: one for each ring of an interface.
//!
//! It runs until a limit, a stop or the loss of its interface; then it takes nothing more in and drains what has come.
//! A batch that was fetched before the end holds only packets from before the end. One fetched while draining may hold
//! later ones, which are told by their time stamps; unless the time of day was set meanwhile, when stamps tell nothing and
//! a few milliseconds too much are taken.

use super::follow::FOLLOW_PERIOD;
use super::limits::{BUFFER_WAIT, CLOCK_STEP, DRAIN_SLACK, STATISTICS_PERIOD, WAIT_MAX};
use super::losses::Losses;
use super::outcome::EndReason;
use super::running::{Place, ReaderEnd, Shared, Sums};
use super::source::{Batch, Counters, Link, Source, Wake};
use super::writer::{BatchNote, Taken};
use baleen_pcapfile::ng::Statistics;
use baleen_ring::Error;
use baleen_types::Timestamp;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

struct Reader<S> {
    source: S,
    desk: Desk,
    flushed: Duration,
    /// When to ask whether a file's time is over.
    turn_due: Option<Duration>,
    /// Packets taken out of the source, written or not.
    delivered: u64,
    is_gone: bool,
}

/// What is known of a ring and its interface; apart from its source, so that it is kept up while a batch is on loan.
struct Desk {
    shared: Arc<Shared>,
    place: Place,
    losses: Losses,
    counters: Counters,
    /// See [`Description::batches`](super::source::Description::batches).
    batches: u64,
    link: Link,
    statistics_due: Duration,
}

/// Runs until the capture ends; the last reader ends the file.
pub(crate) fn run<S: Source>(source: S, shared: &Arc<Shared>, place: Place) {
    // Whatever happens, the file gets its end and whoever waits for the outcome gets one.
    let result = catch_unwind(AssertUnwindSafe(|| read(source, shared, place)));
    if result.is_err() {
        shared.abort(place);
    }
}

fn read<S: Source>(source: S, shared: &Arc<Shared>, place: Place) {
    let desk = Desk {
        shared: Arc::clone(shared),
        place,
        losses: Losses::default(),
        counters: Counters::default(),
        batches: source.description().batches,
        link: source.link(),
        statistics_due: STATISTICS_PERIOD,
    };
    let mut reader = Reader {
        source,
        desk,
        flushed: Duration::ZERO,
        // By one reader of each interface.
        turn_due: shared.turn_every.filter(|_| place.leads),
        delivered: 0,
        is_gone: false,
    };
    if let Err(error) = reader.capture() {
        shared.end(EndReason::Failed(error.to_string()));
    }
    reader.leave();
}

impl<S: Source> Reader<S> {
    fn capture(&mut self) -> Result<(), Error> {
        let shared = Arc::clone(&self.desk.shared);
        while !shared.is_due() {
            if !self.take_one(None)? && !shared.is_due() && self.source.wait(self.patience())? == Wake::Gone {
                self.is_gone = true;
                break;
            }
            self.housekeeping();
        }
        self.source.detach()?;
        if shared.wants_rest() {
            self.drain()?;
        }
        Ok(())
    }

    /// How long to wait for packets at most.
    fn patience(&self) -> Duration {
        let Desk { shared, .. } = &self.desk;
        let elapsed = shared.elapsed();
        let mut patience = WAIT_MAX;
        if self.desk.place.leads {
            patience = patience.min(self.desk.statistics_due.saturating_sub(elapsed));
        }
        if let Some(limit) = shared.duration {
            patience = patience.min(limit.saturating_sub(elapsed));
        }
        if let Some(period) = shared.flush_after {
            patience = patience.min(period);
        }
        if self.is_followed() {
            patience = patience.min(FOLLOW_PERIOD);
        }
        if let Some(due) = self.turn_due {
            patience = patience.min(due.saturating_sub(elapsed));
        }
        patience
    }

    /// Takes one batch; `false` when none is there or the rest is not wanted.
    fn take_one(&mut self, cutoff_nanos: Option<u64>) -> Result<bool, Error> {
        let Some(batch) = self.source.next_batch()? else {
            return Ok(false);
        };
        let sequence = batch.sequence();
        let mut note = BatchNote {
            lane: self.desk.place.lane,
            dropped: self.desk.losses.before(sequence),
            cutoff_nanos,
        };
        let mut count = 0u64;
        let mut packets = batch.packets().inspect(|_| count += 1);
        let is_wanted = feed(&mut self.desk, &batch, &mut packets, &mut note)?;
        drop(packets);
        drop(batch);
        self.delivered += count;
        self.desk.losses.give_back(sequence, note.dropped);
        self.count(sequence)?;
        Ok(is_wanted)
    }

    /// Reads the source's counters.
    fn count(&mut self, sequence: u64) -> Result<(), Error> {
        let now = self.source.counters()?;
        self.desk.count(now, sequence);
        Ok(())
    }

    /// What is due by time: statistics, another file, and flushing.
    fn housekeeping(&mut self) {
        let elapsed = self.desk.put_statistics_if_due();
        let Desk { shared, place, .. } = &self.desk;
        if self.turn_due.is_some_and(|due| elapsed >= due) {
            let statistics = self.desk.statistics();
            self.turn_due = shared.writer.lock().turn(place.lane, statistics, elapsed);
        }
        if self.is_followed() {
            shared.writer.lock().feed_followers(elapsed);
        }
        if let Some(period) = shared.flush_after
            && elapsed >= self.flushed + period
        {
            self.flushed = elapsed;
            shared.writer.lock().flush();
        }
    }

    fn is_followed(&self) -> bool {
        self.desk.shared.counters.followers.load(Ordering::Relaxed) > 0
    }

    /// Takes what came in before the end.
    fn drain(&mut self) -> Result<(), Error> {
        let shared = Arc::clone(&self.desk.shared);
        let cutoff = self.cutoff();
        let latency = self.source.description().latency + DRAIN_SLACK;
        let end = shared.elapsed() + latency;
        loop {
            while self.take_one(Some(cutoff))? {}
            if !shared.wants_rest() {
                return Ok(());
            }
            self.count(u64::MAX)?;
            let expected = self.desk.counters.accepted - self.desk.counters.dropped;
            if self.delivered >= expected || shared.elapsed() >= end {
                return Ok(());
            }
            // An interface that was removed wakes every wait; its last block comes all the same.
            self.source.wait(end.saturating_sub(shared.elapsed()))?;
        }
    }

    /// The stamp from which on packets came too late, or the end of time when that cannot be told.
    fn cutoff(&self) -> u64 {
        let shared = &self.desk.shared;
        let elapsed = shared.elapsed();
        let was_set = shared.clock.now().distance(shared.started.plus(elapsed)) > CLOCK_STEP;
        let by_time = shared.duration.map(|limit| shared.started.plus(limit));
        let by_stop = *shared.stopped_at.lock();
        match by_time.into_iter().chain(by_stop).min() {
            Some(cutoff) if !was_set => nanos(cutoff),
            _ => u64::MAX,
        }
    }

    fn leave(mut self) {
        // The sums of a source that failed are those read last.
        let _ = self.count(u64::MAX);
        let Desk { shared, place, .. } = &self.desk;
        shared.leave(ReaderEnd {
            place: *place,
            is_gone: self.is_gone,
            statistics: Some(Statistics {
                end_nanos: Some(nanos(shared.clock.now())),
                ..self.desk.statistics()
            }),
        });
    }
}

impl Desk {
    /// Notes the source's counters as they are while batch `sequence` is being read.
    fn count(&mut self, now: Counters, sequence: u64) {
        let before = std::mem::replace(&mut self.counters, now);
        let new = Counters {
            accepted: now.accepted.saturating_sub(before.accepted),
            dropped: now.dropped.saturating_sub(before.dropped),
        };
        if let Some(sums) = self.shared.sums(self.place.lane) {
            sums.add(new);
        }
        if new.dropped > 0 {
            self.shared.counters.dropped.fetch_add(new.dropped, Ordering::Relaxed);
            self.losses.see(now, sequence, self.batches);
        }
    }

    /// Puts statistics, if it is time; answers what time it is.
    fn put_statistics_if_due(&mut self) -> Duration {
        let elapsed = self.shared.elapsed();
        if self.place.leads && elapsed >= self.statistics_due {
            self.statistics_due = elapsed + STATISTICS_PERIOD;
            let statistics = self.statistics();
            self.shared.writer.lock().put_statistics(self.place.lane, statistics);
        }
        elapsed
    }

    fn statistics(&self) -> Statistics {
        let link = (self.link)();
        let sums = self.shared.sums(self.place.lane).map(Sums::read).unwrap_or_default();
        Statistics {
            interface: u32::try_from(self.place.lane).unwrap_or(u32::MAX),
            stamp_nanos: nanos(self.shared.clock.now()),
            start_nanos: Some(nanos(self.shared.started)),
            end_nanos: None,
            received: link.map(|counters| counters.received),
            interface_dropped: link.map(|counters| counters.dropped),
            accepted: Some(sums.accepted),
            os_dropped: Some(sums.dropped),
            delivered: None,
        }
    }
}

/// Gives a batch's packets to the writer until all are taken; waits for buffers without holding it, however long that
/// takes, and keeps counting what is lost meanwhile. `false`: the capture is over.
fn feed<'p>(
    desk: &mut Desk,
    batch: &impl Batch,
    packets: &mut impl Iterator<Item = baleen_ring::Packet<'p>>,
    note: &mut BatchNote,
) -> Result<bool, Error> {
    let mut is_detached = false;
    let shared = Arc::clone(&desk.shared);
    loop {
        let taken = shared.writer.lock().take(packets, note);
        match taken {
            Taken::All => return Ok(true),
            Taken::Ended(reason) => {
                shared.end(reason);
                return Ok(false);
            }
            Taken::NoBuffer => {
                // A consumer may be stuck for long, and what comes after the end is no loss to be counted.
                if !is_detached && shared.is_due() {
                    batch.detach()?;
                    is_detached = true;
                }
                // Given up, or ended by another reader's packets.
                if !shared.wants_rest() {
                    return Ok(false);
                }
                wait_for_buffer(&shared);
                desk.count(batch.counters()?, batch.sequence());
                desk.put_statistics_if_due();
            }
        }
    }
}

fn wait_for_buffer(shared: &Shared) {
    shared.counters.is_stalled.store(true, Ordering::Relaxed);
    let pool = shared.writer.lock().pool();
    pool.wait(BUFFER_WAIT);
    shared.counters.is_stalled.store(false, Ordering::Relaxed);
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(0)
}
