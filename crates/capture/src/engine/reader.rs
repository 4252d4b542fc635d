//! The loop of a reader thread: one for each interface.
//!
//! It runs until a limit, a stop or the loss of its interface; then it takes nothing more in and drains what has come.
//! A batch that was fetched before the end holds only packets from before the end. One fetched while draining may hold
//! later ones, which are told by their time stamps; unless the time of day was set meanwhile, when stamps tell nothing and
//! a few milliseconds too much are taken.

use super::follow::FOLLOW_PERIOD;
use super::limits::{BUFFER_WAIT, CLOCK_STEP, DRAIN_SLACK, STATISTICS_PERIOD, WAIT_MAX};
use super::outcome::{EndReason, InterfaceOutcome};
use super::running::{LaneEnd, Shared};
use super::source::{Batch, Counters, Source, Wake};
use super::writer::{BatchNote, Taken};
use baleen_pcapfile::ng::Statistics;
use baleen_ring::{Error, LinkCounters};
use baleen_types::Timestamp;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Losses seen, with the number of the batch before which they lie at the earliest.
#[derive(Debug, Default)]
struct Losses {
    pending: VecDeque<(u64, u64)>,
    seen: u64,
}

impl Losses {
    /// Notes the counters as they are while batch `sequence` is being read. A loss means that the ring was full, so it
    /// lies behind all `batches` that were in it.
    fn see(&mut self, counters: Counters, sequence: u64, batches: u64) {
        let new = counters.dropped.saturating_sub(self.seen);
        if new > 0 {
            self.seen = counters.dropped;
            self.pending
                .push_back((sequence.saturating_add(batches.saturating_sub(1)), new));
        }
    }

    /// What was lost before batch `sequence`.
    fn before(&mut self, sequence: u64) -> u64 {
        let mut lost = 0;
        while let Some((_, count)) = self.pending.pop_front_if(|(at, _)| *at <= sequence) {
            lost += count;
        }
        lost
    }
}

struct Reader<S> {
    source: S,
    shared: Arc<Shared>,
    lane: usize,
    losses: Losses,
    counters: Counters,
    link_before: Option<LinkCounters>,
    statistics_due: Duration,
    flushed: Duration,
    /// When to ask whether a file's time is over.
    turn_due: Option<Duration>,
    /// Packets taken out of the source, written or not.
    delivered: u64,
    is_gone: bool,
}

/// Runs until the capture ends; the last reader ends the file.
pub(crate) fn run<S: Source>(source: S, shared: &Arc<Shared>, lane: usize) {
    let description = source.description().clone();
    // Whatever happens, the file gets its end and whoever waits for the outcome gets one.
    let result = catch_unwind(AssertUnwindSafe(|| read(source, shared, lane)));
    if result.is_err() {
        shared.abort(lane, &description);
    }
}

fn read<S: Source>(source: S, shared: &Arc<Shared>, lane: usize) {
    let mut reader = Reader {
        link_before: source.link_counters(),
        source,
        shared: Arc::clone(shared),
        lane,
        losses: Losses::default(),
        counters: Counters::default(),
        statistics_due: STATISTICS_PERIOD,
        flushed: Duration::ZERO,
        turn_due: shared.turn_every,
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
        while !self.shared.is_due() {
            if !self.take_one(None)? && !self.shared.is_due() && self.source.wait(self.patience())? == Wake::Gone {
                self.is_gone = true;
                break;
            }
            self.housekeeping();
        }
        self.source.detach()?;
        if self.shared.wants_rest() {
            self.drain()?;
        }
        Ok(())
    }

    /// How long to wait for packets at most.
    fn patience(&self) -> Duration {
        let elapsed = self.shared.elapsed();
        let mut patience = WAIT_MAX.min(self.statistics_due.saturating_sub(elapsed));
        if let Some(limit) = self.shared.duration {
            patience = patience.min(limit.saturating_sub(elapsed));
        }
        if let Some(period) = self.shared.flush_after {
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
            lane: self.lane,
            dropped: self.losses.before(sequence),
            cutoff_nanos,
        };
        let mut count = 0u64;
        let mut packets = batch.packets().inspect(|_| count += 1);
        let is_wanted = feed(&self.shared, &batch, &mut packets, &mut note)?;
        drop(packets);
        drop(batch);
        self.delivered += count;
        if note.dropped > 0 {
            // No packet of this batch could carry it; the next one does.
            self.losses.pending.push_front((sequence, note.dropped));
        }
        self.count(sequence)?;
        Ok(is_wanted)
    }

    /// Reads the source's counters.
    fn count(&mut self, sequence: u64) -> Result<(), Error> {
        let now = self.source.counters()?;
        let lost = now.dropped - self.counters.dropped;
        if lost > 0 {
            self.shared.counters.dropped.fetch_add(lost, Ordering::Relaxed);
            self.losses.see(now, sequence, self.source.description().batches);
        }
        self.counters = now;
        Ok(())
    }

    /// What is due by time: statistics, another file, and flushing.
    fn housekeeping(&mut self) {
        let elapsed = self.shared.elapsed();
        if elapsed >= self.statistics_due {
            self.statistics_due = elapsed + STATISTICS_PERIOD;
            let statistics = self.statistics();
            self.shared.writer.lock().put_statistics(self.lane, statistics);
        }
        if self.turn_due.is_some_and(|due| elapsed >= due) {
            let statistics = self.statistics();
            self.turn_due = self.shared.writer.lock().turn(self.lane, statistics, elapsed);
        }
        if self.is_followed() {
            self.shared.writer.lock().feed_followers(elapsed);
        }
        if let Some(period) = self.shared.flush_after
            && elapsed >= self.flushed + period
        {
            self.flushed = elapsed;
            self.shared.writer.lock().flush();
        }
    }

    fn is_followed(&self) -> bool {
        self.shared.counters.followers.load(Ordering::Relaxed) > 0
    }

    /// Takes what came in before the end.
    fn drain(&mut self) -> Result<(), Error> {
        let cutoff = self.cutoff();
        let latency = self.source.description().latency + DRAIN_SLACK;
        let end = self.shared.elapsed() + latency;
        loop {
            while self.take_one(Some(cutoff))? {}
            if !self.shared.wants_rest() {
                return Ok(());
            }
            self.count(u64::MAX)?;
            let expected = self.counters.accepted - self.counters.dropped;
            if self.delivered >= expected || self.shared.elapsed() >= end {
                return Ok(());
            }
            // An interface that was removed wakes every wait; its last block comes all the same.
            self.source.wait(end.saturating_sub(self.shared.elapsed()))?;
        }
    }

    /// The stamp from which on packets came too late, or the end of time when that cannot be told.
    fn cutoff(&self) -> u64 {
        let shared = &self.shared;
        let elapsed = shared.elapsed();
        let was_set = shared.clock.now().distance(shared.started.plus(elapsed)) > CLOCK_STEP;
        let by_time = shared.duration.map(|limit| shared.started.plus(limit));
        let by_stop = *shared.stopped_at.lock();
        match by_time.into_iter().chain(by_stop).min() {
            Some(cutoff) if !was_set => nanos(cutoff),
            _ => u64::MAX,
        }
    }

    fn statistics(&self) -> Statistics {
        let link = self.source.link_counters().zip(self.link_before);
        Statistics {
            interface: u32::try_from(self.lane).unwrap_or(u32::MAX),
            stamp_nanos: nanos(self.shared.clock.now()),
            start_nanos: Some(nanos(self.shared.started)),
            end_nanos: None,
            received: link.map(|(now, before)| now.received.saturating_sub(before.received)),
            interface_dropped: link.map(|(now, before)| now.dropped.saturating_sub(before.dropped)),
            accepted: Some(self.counters.accepted),
            os_dropped: Some(self.counters.dropped),
            delivered: None,
        }
    }

    fn leave(mut self) {
        // The sums of a source that failed are those read last.
        let _ = self.count(u64::MAX);
        let written = self.shared.writer.lock().written(self.lane);
        let description = self.source.description();
        let end = LaneEnd {
            interface: InterfaceOutcome {
                name: description.name.clone(),
                link: description.link,
                accepted: self.counters.accepted,
                dropped: self.counters.dropped,
                written,
                is_gone: self.is_gone,
            },
            statistics: Statistics {
                end_nanos: Some(nanos(self.shared.clock.now())),
                delivered: Some(written),
                ..self.statistics()
            },
        };
        if self.shared.leave(self.lane, end) {
            self.shared.conclude();
        }
    }
}

/// Gives a batch's packets to the writer until all are taken; waits for buffers without holding it. `false`: the capture
/// is over.
fn feed<'p>(
    shared: &Shared,
    batch: &impl Batch,
    packets: &mut impl Iterator<Item = baleen_ring::Packet<'p>>,
    note: &mut BatchNote,
) -> Result<bool, Error> {
    let mut is_detached = false;
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
                wait_for_buffer(shared);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_noted_behind_the_full_ring() {
        let mut losses = Losses::default();
        let dropped = |dropped| Counters { accepted: 0, dropped };
        losses.see(dropped(0), 1, 4);
        assert_eq!(losses.before(2), 0);
        losses.see(dropped(10), 2, 4);
        losses.see(dropped(15), 3, 4);
        losses.see(dropped(15), 4, 4);
        assert_eq!(losses.before(4), 0);
        assert_eq!(losses.before(5), 10);
        assert_eq!(losses.before(9), 5);
        assert_eq!(losses.before(100), 0);
    }
}
