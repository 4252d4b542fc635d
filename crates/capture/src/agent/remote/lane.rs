//! The way of the parts of one order: one at a time, each once, within the limits.

use super::{Before, Delivered, RemoteRunning};
use crate::Counts;
use crate::agent::{Limits, Piece};
use crate::limits::{REMOTE_PART_BYTES_MAX, REMOTE_PART_BYTES_MIN, REMOTE_PARTS_MAX};
use baleen_agentwire::OrderId;
use baleen_agentwire::limits::dropped_max;
use baleen_types::AgentId;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Bytes of a file that are not captured ones: the head of a record or block with its options and padding, for each packet ..
const OVERHEAD_PER_PACKET: u64 = 64;
/// .. and heads, statistics and comments of a file.
const OVERHEAD: u64 = 1 << 20;

/// What is said of a part in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose certificate was shown.
    pub agent: AgentId,
    /// The order that it is of.
    pub order: OrderId,
    /// Which file of it.
    pub file: u16,
    /// Which part of the file, from 0.
    pub number: u32,
    /// Its bytes.
    pub bytes: u64,
    /// Their CRC-32C, which who calls has checked or will.
    pub crc32c: u32,
    /// Whether it is the last.
    pub ends_file: bool,
    /// What the file holds with it.
    pub after: Counts,
}

/// What becomes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Next,
    /// It has come before.
    Again,
}

/// Why a part is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartRefused {
    /// The agent has no such order; also when another has.
    #[error("there is no such order for this agent")]
    NotOrdered,
    /// Another one is the next.
    #[error("part {0} is the next")]
    OutOfOrder(u32),
    /// It came before with other bytes.
    #[error("this part came before with other bytes")]
    Changed,
    /// The last one has come.
    #[error("the file has ended")]
    AfterEnd,
    /// There is one file.
    #[error("there is no such file")]
    File,
    /// It is too short to be followed, too long, or one too many.
    #[error("a part has 5 MiB to 9 MiB, but for the last, and there are at most 10000")]
    Size,
    /// More than was ordered, or fewer packets than before.
    #[error("the counts do not fit the order")]
    Counts,
}

/// The parts of one order on their way from the door to the run.
pub(super) struct Lane {
    limits: Limits,
    to_run: mpsc::Sender<Piece>,
    state: Mutex<State>,
    /// Parts that are in the store.
    stored: watch::Sender<u32>,
}

#[derive(Default)]
struct State {
    next: u32,
    /// Of those that have come, from the last on that is in the store: an agent that was cut off sends them again.
    crc32cs: VecDeque<u32>,
    after: Counts,
    bytes: u64,
    has_ended: bool,
}

/// The end of a lane that the run holds.
pub(super) struct Parts {
    from_door: mpsc::Receiver<Piece>,
    lane: Arc<Lane>,
}

impl Lane {
    /// The way of what comes behind the parts that are in the store already.
    pub(super) fn resumed(before: &Before) -> (Arc<Self>, Parts) {
        let (to_run, from_door) = mpsc::channel(1);
        let lane = Arc::new(Self {
            limits: before.limits,
            to_run,
            state: Mutex::new(State {
                next: before.parts,
                // Of one that comes again it is only known that it is there: another is wanted, which is told.
                crc32cs: VecDeque::new(),
                after: before.after,
                bytes: before.part_bytes,
                has_ended: before.ends_file,
            }),
            stored: watch::Sender::new(before.parts),
        });
        let parts = Parts {
            from_door,
            lane: Arc::clone(&lane),
        };
        (lane, parts)
    }

    /// What becomes of a part, by what is said of it.
    pub(super) fn judge(&self, delivery: &Delivery) -> Result<Verdict, PartRefused> {
        self.judge_in(&self.state.lock(), delivery)
    }

    fn judge_in(&self, state: &State, delivery: &Delivery) -> Result<Verdict, PartRefused> {
        if delivery.file != 0 {
            return Err(PartRefused::File);
        }
        let behind = state.next.checked_sub(delivery.number).filter(|behind| *behind > 0);
        let known = behind.and_then(|behind| state.crc32cs.len().checked_sub(usize::try_from(behind).ok()?));
        if let Some(crc32c) = known.and_then(|at| state.crc32cs.get(at)) {
            // The answer to it was lost, or has not come yet.
            return if delivery.crc32c == *crc32c {
                Ok(Verdict::Again)
            } else {
                Err(PartRefused::Changed)
            };
        }
        if delivery.number != state.next {
            return Err(PartRefused::OutOfOrder(state.next));
        }
        if state.has_ended {
            return Err(PartRefused::AfterEnd);
        }
        let least = if delivery.ends_file { 1 } else { REMOTE_PART_BYTES_MIN };
        if !(least..=REMOTE_PART_BYTES_MAX).contains(&delivery.bytes) || delivery.number >= REMOTE_PARTS_MAX {
            return Err(PartRefused::Size);
        }
        let Counts {
            packets,
            bytes,
            dropped,
        } = delivery.after;
        let before = state.after;
        let most = bytes
            .saturating_add(packets.saturating_mul(OVERHEAD_PER_PACKET))
            .saturating_add(OVERHEAD);
        if packets > self.limits.packets
            || bytes > self.limits.bytes
            || dropped > dropped_max(u64::try_from(self.limits.time.as_millis()).unwrap_or(u64::MAX))
            || packets < before.packets
            || bytes < before.bytes
            || dropped < before.dropped
            || state.bytes.saturating_add(delivery.bytes) > most
        {
            return Err(PartRefused::Counts);
        }
        Ok(Verdict::Next)
    }

    pub(super) async fn deliver(&self, delivery: &Delivery, bytes: Bytes) -> Result<(), PartRefused> {
        if self.judge(delivery)? == Verdict::Next {
            // One waits for the run, and one is being stored: who sends further parts waits here.
            let room = self.to_run.reserve().await.map_err(|_| PartRefused::NotOrdered)?;
            let mut state = self.state.lock();
            if self.judge_in(&state, delivery)? == Verdict::Next {
                state.next += 1;
                state.crc32cs.push_back(delivery.crc32c);
                let unstored = state.next.saturating_sub(*self.stored.borrow());
                while state.crc32cs.len() > usize::try_from(unstored).unwrap_or(usize::MAX).saturating_add(1) {
                    state.crc32cs.pop_front();
                }
                state.after = delivery.after;
                state.bytes += delivery.bytes;
                state.has_ended = delivery.ends_file;
                room.send(Piece {
                    file: delivery.file,
                    bytes,
                    ends_file: delivery.ends_file,
                    after: delivery.after,
                });
            }
        }
        self.stored(delivery).await
    }

    /// Waits until a part is in the store that has come before.
    pub(super) async fn deliver_again(&self, delivery: &Delivery) -> Result<(), PartRefused> {
        match self.judge(delivery)? {
            Verdict::Again => self.stored(delivery).await,
            // Another run has begun since, which knows nothing of it: it is sent again with its bytes.
            Verdict::Next => Err(PartRefused::NotOrdered),
        }
    }

    async fn stored(&self, delivery: &Delivery) -> Result<(), PartRefused> {
        let mut stored = self.stored.subscribe();
        tokio::select! {
            // The last part is stored a moment before the run is over.
            biased;
            stored = stored.wait_for(|stored| *stored > delivery.number) => stored.map(drop).map_err(|_| PartRefused::NotOrdered),
            // The run has ended without it.
            () = self.to_run.closed() => Err(PartRefused::NotOrdered),
        }
    }
}

/// Takes parts for a run until the file has all of them.
pub(super) struct Taking {
    parts: Parts,
    running: Arc<RemoteRunning>,
    taken: u32,
    after: Counts,
    has_ended: bool,
}

impl Taking {
    pub(super) fn new(parts: Parts, running: Arc<RemoteRunning>, before: &Before) -> Self {
        Self {
            parts,
            running,
            taken: before.parts,
            after: before.after,
            has_ended: before.ends_file,
        }
    }

    /// The next part; the one before is in the store and noted when the next is asked for. `None` when the last was taken, or no more can
    /// come.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        self.parts.lane.stored.send_replace(self.taken);
        if self.has_ended {
            self.end(true);
            return None;
        }
        let taken = self.taken;
        let all = self.running.ordered.until(|status| {
            let ended = status.ended.as_ref();
            // An agent that is lost has no more parts than have come.
            ended.is_some_and(|ended| ended.parts <= taken || ended.parts == u32::MAX)
        });
        let piece = tokio::select! {
            biased;
            piece = self.parts.from_door.recv() => piece,
            status = all => {
                self.end(status.ended.is_some_and(|ended| ended.parts == taken));
                return None;
            }
            () = self.running.given_up() => {
                self.end(false);
                return None;
            }
        }?;
        self.taken += 1;
        self.has_ended = piece.ends_file;
        self.after = piece.after;
        Some(piece)
    }

    fn end(&self, is_whole: bool) {
        self.running.deliver(Delivered {
            is_whole,
            counts: self.after,
        });
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        // Who takes no more has not got all, unless it was said before.
        self.end(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::time::Duration;

    const MIB: u64 = 1 << 20;

    fn lane() -> (Arc<Lane>, Parts) {
        Lane::resumed(&Before::nothing(Limits {
            time: Duration::from_secs(1),
            packets: 100_000,
            bytes: 20 * MIB,
        }))
    }

    fn part(number: u32) -> Delivery {
        Delivery {
            agent: AgentId::from_bytes([1; 16]),
            order: OrderId {
                capture: [2; 16],
                generation: 1,
            },
            file: 0,
            number,
            bytes: 6 * MIB,
            crc32c: number.wrapping_add(100),
            ends_file: false,
            after: Counts {
                packets: 1000 * (u64::from(number) + 1),
                bytes: 6 * MIB * (u64::from(number) + 1),
                dropped: 0,
            },
        }
    }

    /// Hands a part on and takes it as a run that stores it.
    async fn hand_on(lane: &Lane, parts: &mut Parts, delivery: Delivery) -> Result<(), PartRefused> {
        let take = async {
            if let Some(piece) = parts.from_door.recv().await {
                assert_eq!(piece.after, delivery.after);
                lane.stored.send_modify(|stored| *stored += 1);
            }
        };
        let bytes = Bytes::from_static(b"x");
        tokio::select! {
            biased;
            done = lane.deliver(&delivery, bytes) => done,
            () = async { take.await; std::future::pending::<()>().await } => unreachable!("it pends"),
        }
    }

    #[tokio::test]
    async fn parts_are_taken_once_in_their_order() {
        let (lane, mut parts) = lane();
        hand_on(&lane, &mut parts, part(0)).await.unwrap();
        for (delivery, expected) in [
            (part(0), Ok(Verdict::Again)),
            (part(1), Ok(Verdict::Next)),
            (Delivery { crc32c: 7, ..part(0) }, Err(PartRefused::Changed)),
            (part(2), Err(PartRefused::OutOfOrder(1))),
            (part(u32::MAX), Err(PartRefused::OutOfOrder(1))),
            (Delivery { file: 1, ..part(1) }, Err(PartRefused::File)),
            (
                Delivery {
                    bytes: 5 * MIB - 1,
                    ..part(1)
                },
                Err(PartRefused::Size),
            ),
            (
                Delivery {
                    bytes: 0,
                    ends_file: true,
                    ..part(1)
                },
                Err(PartRefused::Size),
            ),
            (
                Delivery {
                    bytes: 9 * MIB + 1,
                    ..part(1)
                },
                Err(PartRefused::Size),
            ),
            (
                Delivery {
                    bytes: u64::MAX,
                    ..part(1)
                },
                Err(PartRefused::Size),
            ),
            (
                Delivery {
                    bytes: 1,
                    ends_file: true,
                    ..part(1)
                },
                Ok(Verdict::Next),
            ),
        ] {
            assert_eq!(lane.judge(&delivery), expected, "{delivery:?}");
        }
        // Again is answered at once, since it is in the store.
        lane.deliver(&part(0), Bytes::new()).await.unwrap();
        hand_on(
            &lane,
            &mut parts,
            Delivery {
                ends_file: true,
                ..part(1)
            },
        )
        .await
        .unwrap();
        assert_eq!(lane.judge(&part(2)), Err(PartRefused::AfterEnd));
        assert_eq!(
            lane.judge(&Delivery {
                ends_file: true,
                ..part(1)
            }),
            Ok(Verdict::Again)
        );
    }

    /// An agent that was cut off sends all again that it was not told of; also what waits for the store.
    #[tokio::test]
    async fn a_part_that_waits_for_the_store_may_come_again() {
        let (lane, mut parts) = lane();
        hand_on(&lane, &mut parts, part(0)).await.unwrap();
        let (one, two) = (part(1), part(2));
        let mut first = Box::pin(lane.deliver(&one, Bytes::new()));
        assert!(first.as_mut().now_or_never().is_none());
        // The run has the one and is at it; the other waits behind.
        parts.from_door.recv().await.unwrap();
        let mut second = Box::pin(lane.deliver(&two, Bytes::new()));
        assert!(second.as_mut().now_or_never().is_none());
        drop((first, second));
        for number in 0..3 {
            assert_eq!(lane.judge(&part(number)), Ok(Verdict::Again), "{number}");
            let changed = Delivery {
                crc32c: 7,
                ..part(number)
            };
            assert_eq!(lane.judge(&changed), Err(PartRefused::Changed), "{number}");
        }
        let mut again = Box::pin(lane.deliver(&one, Bytes::new()));
        assert!(again.as_mut().now_or_never().is_none());
        lane.stored.send_replace(2);
        again.await.unwrap();
    }

    #[tokio::test]
    async fn an_agent_delivers_no_more_than_was_ordered() {
        let (lane, mut parts) = lane();
        hand_on(&lane, &mut parts, part(0)).await.unwrap();
        let counts = |packets, bytes, dropped| Counts {
            packets,
            bytes,
            dropped,
        };
        for (after, bytes, expected) in [
            (counts(100_000, 20 * MIB, 0), 6 * MIB, true),
            (counts(100_001, 20 * MIB, 0), 6 * MIB, false),
            (counts(100_000, 20 * MIB + 1, 0), 6 * MIB, false),
            (counts(u64::MAX, u64::MAX, 0), 6 * MIB, false),
            (counts(100_000, 20 * MIB, u64::MAX), 6 * MIB, false),
            // Fewer than before.
            (counts(999, 12 * MIB, 0), 6 * MIB, false),
            (counts(2000, 6 * MIB - 1, 0), 6 * MIB, false),
            // A file that is longer than its packets.
            (counts(1000, 6 * MIB, 0), 6 * MIB, false),
            (counts(1000, 12 * MIB, 0), 7 * MIB, true),
            (counts(1000, 12 * MIB, 0), 8 * MIB, false),
        ] {
            let judged = lane.judge(&Delivery {
                bytes,
                after,
                ..part(1)
            });
            assert_eq!(judged.is_ok(), expected, "{after:?} {bytes}: {judged:?}");
        }
    }

    #[tokio::test]
    async fn one_part_sent_twice_at_once_is_taken_once() {
        let (lane, mut parts) = lane();
        let delivery = part(0);
        let both = async {
            tokio::join!(
                lane.deliver(&delivery, Bytes::new()),
                lane.deliver(&delivery, Bytes::new())
            )
        };
        let run = async {
            parts.from_door.recv().await.unwrap();
            lane.stored.send_replace(1);
        };
        let (both, ()) = tokio::join!(both, run);
        assert_eq!(both, (Ok(()), Ok(())));
        assert!(parts.from_door.try_recv().is_err());
    }

    #[tokio::test]
    async fn who_waits_for_a_run_that_ends_is_told() {
        let (lane, parts) = lane();
        let delivery = part(0);
        let (told, ()) = tokio::join!(lane.deliver(&delivery, Bytes::new()), async {
            tokio::task::yield_now().await;
            drop(parts);
        });
        assert_eq!(told, Err(PartRefused::NotOrdered));
        assert_eq!(lane.deliver(&part(0), Bytes::new()).await, Err(PartRefused::NotOrdered));
    }
}
