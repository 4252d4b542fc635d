//! How a capture ended.

use baleen_types::{LinkType, Timestamp};
use std::time::Duration;

/// Why a capture ended; the first cause counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// As many packets as were asked for.
    PacketLimit,
    /// The next packet would have passed the byte limit.
    ByteLimit,
    /// The time is over.
    TimeLimit,
    /// It was asked to stop.
    Stopped,
    /// Every interface was removed.
    InterfaceGone,
    /// The file has as many parts as it may have.
    FileFull,
    /// Nobody takes the parts any more.
    Abandoned,
    /// The kernel refused to go on; the text is for the operator.
    Failed(String),
}

/// What came of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceOutcome {
    /// Its name.
    pub name: String,
    /// How its packets are read.
    pub link: LinkType,
    /// Packets that the filter accepted, with those dropped.
    pub accepted: u64,
    /// Accepted packets that the kernel dropped because the ring was full.
    pub dropped: u64,
    /// Packets in the file.
    pub written: u64,
    /// Whether it was removed while capturing.
    pub is_gone: bool,
}

/// The end of a capture, with final counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub ended: EndReason,
    /// Packets in the file, or in all of them.
    pub packets: u64,
    /// Bytes kept of them.
    pub bytes: u64,
    /// Bytes of all files.
    pub file_bytes: u64,
    /// Files: one, unless they were to rotate.
    pub files: u32,
    /// Parts of them all.
    pub parts: u32,
    /// Packets lost in the kernel, over all interfaces.
    pub dropped: u64,
    /// When it began.
    pub started: Timestamp,
    /// How long it ran.
    pub elapsed: Duration,
    /// One entry for each interface.
    pub interfaces: Vec<InterfaceOutcome>,
}
