//! Who watches a capture while it runs: gets its records a moment after they are written, as a file of their own.
//!
//! What a follower gets are copies of what the open part has got since the last time, made by a reader when it looks round, and
//! when a part is full. So following costs one look at a counter for each batch while nobody follows, and one copy of the bytes
//! while somebody does. A follower who does not take them in time loses them, whole records at a time, and is told so; it never
//! holds up the capture.

use baleen_pcapfile::ng::{self, Statistics};
use bytes::Bytes;
use futures::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// The most followers of one capture.
pub const FOLLOWERS_MAX: usize = 8;

/// Bytes that wait for a slow follower at most.
pub const FOLLOWER_BYTES_MAX: usize = 4 << 20;

/// After how long what came is handed over.
pub(crate) const FOLLOW_PERIOD: Duration = Duration::from_millis(200);

/// From how much on it is handed over sooner.
const FOLLOW_BYTES: usize = 256 << 10;

/// Why a capture cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// It is over.
    #[error("the capture is over")]
    Over,
    /// As many as may follow it do.
    #[error("{FOLLOWERS_MAX} follow this capture already, which is as many as may")]
    TooMany,
    /// Whoever captures cannot show it meanwhile.
    #[error("what captures there does not show captures while they run")]
    Unable,
    /// Whoever captures is not there to be asked.
    #[error("the agent that captures is not connected")]
    Away,
}

/// The bytes of a capture as they come: a file that begins where following began. It ends with the capture.
#[derive(Debug)]
pub struct Following {
    pieces: mpsc::UnboundedReceiver<Bytes>,
    waiting: Arc<AtomicUsize>,
}

impl Stream for Following {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = self.pieces.poll_recv(context);
        if let Poll::Ready(Some(piece)) = &next {
            self.waiting.fetch_sub(piece.len(), Ordering::Relaxed);
        }
        next
    }
}

#[derive(Debug)]
struct Follower {
    pieces: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<AtomicUsize>,
    left_out: u64,
}

/// All of one capture.
#[derive(Debug)]
pub(crate) struct Followers {
    all: Vec<Follower>,
    /// How many there are, for readers.
    count: Arc<AtomicUsize>,
    /// Whether there is a place in the file to say what was left out.
    is_pcapng: bool,
    /// Bytes of the open part that they have, or that are not for them.
    seen: usize,
    /// Packets that they have.
    packets: u64,
    fed: Duration,
}

impl Followers {
    pub(crate) fn new(count: Arc<AtomicUsize>, is_pcapng: bool) -> Self {
        Self {
            all: Vec::new(),
            count,
            is_pcapng,
            seen: 0,
            packets: 0,
            fed: Duration::ZERO,
        }
    }

    /// The head of a file was put into the open part, which is so long now. Who follows has had one.
    pub(crate) fn skip(&mut self, length: usize) {
        self.seen = length;
    }

    /// One more, who has the records from here on. The open part is so long.
    pub(crate) fn add(&mut self, head: &[u8], open: &[u8], packets: u64) -> Result<Following, FollowError> {
        self.all.retain(|follower| !follower.pieces.is_closed());
        if self.all.len() >= FOLLOWERS_MAX {
            return Err(FollowError::TooMany);
        }
        self.give(open, packets);
        let (sender, pieces) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut follower = Follower {
            pieces: sender,
            waiting: Arc::clone(&waiting),
            left_out: 0,
        };
        follower.push(Bytes::copy_from_slice(head));
        self.all.push(follower);
        self.tell();
        Ok(Following { pieces, waiting })
    }

    /// Gives what came to the open part, if it is time.
    pub(crate) fn feed(&mut self, open: &[u8], packets: u64, elapsed: Duration) {
        if open.len().saturating_sub(self.seen) >= FOLLOW_BYTES || elapsed >= self.fed + FOLLOW_PERIOD {
            self.fed = elapsed;
            self.give(open, packets);
        }
    }

    /// The open part goes: the rest of it is given, and another one is begun.
    pub(crate) fn part_goes(&mut self, open: &[u8], packets: u64) {
        self.give(open, packets);
        self.seen = 0;
    }

    fn give(&mut self, open: &[u8], packets: u64) {
        let new = open.get(self.seen..).unwrap_or_default();
        if !new.is_empty() && !self.all.is_empty() {
            let count = packets.saturating_sub(self.packets);
            let is_pcapng = self.is_pcapng;
            let piece = Bytes::copy_from_slice(new);
            self.all.retain_mut(|follower| follower.give(&piece, count, is_pcapng));
            self.tell();
        }
        self.seen = open.len();
        self.packets = packets;
    }

    /// No more comes.
    pub(crate) fn end(&mut self) {
        for follower in &mut self.all {
            if self.is_pcapng {
                follower.tell_left_out();
            }
        }
        self.all.clear();
        self.tell();
    }

    fn tell(&self) {
        self.count.store(self.all.len(), Ordering::Relaxed);
    }
}

impl Follower {
    /// Gives a piece with so many packets, or leaves it out; `false` when nobody takes any more.
    fn give(&mut self, piece: &Bytes, packets: u64, is_pcapng: bool) -> bool {
        if self.pieces.is_closed() {
            return false;
        }
        if self.waiting.load(Ordering::Relaxed) + piece.len() > FOLLOWER_BYTES_MAX {
            self.left_out += packets;
            return true;
        }
        if is_pcapng {
            self.tell_left_out();
        }
        self.push(piece.clone())
    }

    fn push(&mut self, piece: Bytes) -> bool {
        self.waiting.fetch_add(piece.len(), Ordering::Relaxed);
        self.pieces.send(piece).is_ok()
    }

    /// Says in the file what is not in it.
    fn tell_left_out(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            let comment = format!("{left_out} packets are left out here, since they were not taken in time");
            let mut block = Vec::new();
            ng::put_statistics_with_comment(&mut block, &Statistics::default(), &comment);
            let _ = self.push(block.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, StreamExt as _};

    fn followers(is_pcapng: bool) -> (Followers, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        (Followers::new(Arc::clone(&count), is_pcapng), count)
    }

    fn taken(following: &mut Following) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(Some(piece)) = following.next().now_or_never() {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn each_has_what_came_behind_it() {
        let (mut all, count) = followers(false);
        let mut open = b"HEADaa".to_vec();
        all.skip(4);
        let mut first = all.add(b"HEAD", &open, 2).unwrap();
        open.extend_from_slice(b"bb");
        let mut second = all.add(b"HEAD", &open, 4).unwrap();
        open.extend_from_slice(b"cc");
        all.part_goes(&open, 6);
        all.part_goes(b"dd", 8);
        // The head of a further file is not theirs.
        all.skip(4);
        all.part_goes(b"HEADee", 10);
        assert_eq!(count.load(Ordering::Relaxed), 2);
        all.end();
        assert_eq!(taken(&mut first), b"HEADbbccddee");
        assert_eq!(taken(&mut second), b"HEADccddee");
        assert_eq!(count.load(Ordering::Relaxed), 0);
        assert_eq!(first.next().now_or_never(), Some(None));
    }

    #[test]
    fn it_is_fed_by_time_or_by_much() {
        let (mut all, _) = followers(false);
        let mut one = all.add(b"", b"", 0).unwrap();
        all.feed(b"a", 1, FOLLOW_PERIOD / 2);
        assert_eq!(taken(&mut one), b"");
        all.feed(b"ab", 2, FOLLOW_PERIOD);
        assert_eq!(taken(&mut one), b"ab");
        all.feed(&vec![0; FOLLOW_BYTES + 2], 3, FOLLOW_PERIOD);
        assert_eq!(taken(&mut one).len(), FOLLOW_BYTES);
    }

    #[test]
    fn who_is_slow_loses_whole_pieces_and_is_told() {
        for is_pcapng in [true, false] {
            let (mut all, _) = followers(is_pcapng);
            let mut slow = all.add(b"", b"", 0).unwrap();
            let part = vec![7; FOLLOWER_BYTES_MAX / 2];
            for packets in 1..=5 {
                all.part_goes(&part, packets * 10);
            }
            let got = taken(&mut slow);
            assert_eq!(got.len(), FOLLOWER_BYTES_MAX);
            all.part_goes(b"late", 51);
            let late = taken(&mut slow);
            if is_pcapng {
                let text = String::from_utf8_lossy(&late);
                assert!(
                    text.contains("30 packets are left out here") && text.ends_with("late"),
                    "{text}"
                );
            } else {
                assert_eq!(late, b"late");
            }
        }
    }

    #[test]
    fn they_are_bounded_and_those_who_left_do_not_count() {
        let (mut all, count) = followers(true);
        let mut there: Vec<_> = (0..FOLLOWERS_MAX).map(|_| all.add(b"", b"", 0).unwrap()).collect();
        assert!(matches!(all.add(b"", b"", 0), Err(FollowError::TooMany)));
        there.pop();
        assert!(all.add(b"", b"", 0).is_ok());
        there.clear();
        all.part_goes(b"x", 1);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
