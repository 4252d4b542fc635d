//! Several files of one capture: when one ends and the next begins.
//!
//! A file begins with its first packet and not before, so that none but the first is ever empty. Nothing of this is asked for
//! each packet: the size is looked at where a part is full, and the time where a reader looks round.

use super::error::EngineError;
use super::limits::{FILES_MAX, ROTATION_BYTES_MIN, ROTATION_TIME_MIN};
use std::time::Duration;

/// When a file ends and a further one begins; whichever comes first, if both are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// With the record that brings the file to so many bytes.
    pub bytes: Option<u64>,
    /// At each multiple of this since the start of the capture, as of when packets are taken out of the ring: to some tenths
    /// of a second. A file without packets goes on.
    pub every: Option<Duration>,
}

impl Rotation {
    /// Whether there is any.
    pub const fn is_some(&self) -> bool {
        self.bytes.is_some() || self.every.is_some()
    }

    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.bytes.is_some_and(|bytes| bytes < ROTATION_BYTES_MIN) {
            return Err(EngineError::Limits(
                "a file that is followed by others has at least 64 KiB",
            ));
        }
        if self.every.is_some_and(|every| every < ROTATION_TIME_MIN) {
            return Err(EngineError::Limits(
                "a file that is followed by others lasts at least a second",
            ));
        }
        Ok(())
    }
}

/// The file that is being written, among those of its capture.
#[derive(Debug)]
pub(crate) struct Files {
    rotation: Rotation,
    head: Vec<u8>,
    /// Which it is, from 0.
    number: u32,
    /// Bytes of it that are handed over.
    sent_bytes: u64,
    /// Packets in the files before it.
    packets_before: u64,
    /// Whether it has not even its head yet.
    is_to_begin: bool,
    /// When its time is over.
    due: Option<Duration>,
}

impl Files {
    /// The first file, which is to begin with `head`, as all others.
    pub(crate) fn new(rotation: Rotation, head: Vec<u8>) -> Self {
        Self {
            rotation,
            head,
            number: 0,
            sent_bytes: 0,
            packets_before: 0,
            is_to_begin: true,
            due: rotation.every,
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) fn is_to_begin(&self) -> bool {
        self.is_to_begin
    }

    /// Begins the file, if that is still to be done.
    #[cold]
    pub(crate) fn begin(&mut self, buffer: &mut Vec<u8>) {
        if self.is_to_begin {
            buffer.extend_from_slice(&self.head);
            self.is_to_begin = false;
        }
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent_bytes += bytes;
    }

    /// Whether another file may come behind this one.
    pub(crate) fn may_turn(&self) -> bool {
        self.rotation.is_some() && self.number + 1 < FILES_MAX
    }

    /// What is left until the file is full.
    pub(crate) fn bytes_left(&self) -> Option<u64> {
        let limit = self.rotation.bytes.filter(|_| self.may_turn())?;
        Some(limit.saturating_sub(self.sent_bytes))
    }

    /// Whether the file has packets, when so many are in all.
    pub(crate) fn has_packets(&self, packets: u64) -> bool {
        packets > self.packets_before
    }

    /// The next file is to begin, with so many packets in those before it.
    pub(crate) fn turn(&mut self, packets: u64) {
        self.number += 1;
        self.sent_bytes = 0;
        self.packets_before = packets;
        self.is_to_begin = true;
    }

    /// Whether the file's time is over.
    pub(crate) fn is_due(&self, elapsed: Duration) -> bool {
        self.may_turn() && self.due.is_some_and(|due| elapsed >= due)
    }

    /// The time is over that this file, or the next one, began in.
    pub(crate) fn next_due(&mut self, elapsed: Duration) {
        self.due = self.rotation.every.map(|every| after(every, elapsed));
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        self.due.filter(|_| self.may_turn())
    }
}

/// The first multiple behind this time.
fn after(every: Duration, elapsed: Duration) -> Duration {
    let nanos = every.as_nanos().max(1);
    let next = (elapsed.as_nanos() / nanos + 1).saturating_mul(nanos);
    Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_multiples_since_the_start() {
        let seconds = Duration::from_secs;
        for (every, elapsed, expected) in [
            (10, 0, 10),
            (10, 9, 10),
            (10, 10, 20),
            (10, 11, 20),
            (10, 35, 40),
            (7, 7, 14),
        ] {
            assert_eq!(after(seconds(every), seconds(elapsed)), seconds(expected));
        }
        assert_eq!(after(seconds(u64::MAX), seconds(1)), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn the_last_file_takes_all_the_rest() {
        let rotation = Rotation {
            bytes: Some(ROTATION_BYTES_MIN),
            every: Some(ROTATION_TIME_MIN),
        };
        let mut files = Files::new(rotation, Vec::new());
        for packets in 1..FILES_MAX {
            assert!(files.may_turn() && files.is_due(ROTATION_TIME_MIN));
            files.turn(packets.into());
        }
        assert_eq!(
            (files.number(), files.bytes_left(), files.due()),
            (FILES_MAX - 1, None, None)
        );
        assert!(!files.may_turn() && !files.is_due(Duration::MAX));
    }
}
