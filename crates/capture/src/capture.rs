//! A capture: what was asked, how far it is, how it ended.

mod record;

#[cfg(test)]
pub(crate) use record::tests::old_record;
pub(crate) use record::{
    End, StoredAddress, StoredCapture, StoredKind, StoredMask, StoredOrigin, StoredRotation, StoredState, StoredTask,
    active_key, by_time_key, by_time_prefix, cut, key, unfinished_key,
};
pub(crate) use record::{id_in_time_key, ids_in_unfinished_key, unfinished_prefix};

use crate::agent::{Format, Limits};
use crate::engine::Rotation;
use crate::files::FileInfo;
use crate::privacy::ShownPrivacy;
use baleen_types::{AccountId, CaptureId, ObjectKey, OwnershipId, SiteName, Timestamp};
use std::time::Duration;

/// Whether packets are taken as they come, or out of what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As they come.
    Full,
    /// Those that were kept of the time before this one.
    Sample(Timestamp),
}

/// A capture as its account sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Its id.
    pub id: CaptureId,
    /// Of which kind it is.
    pub kind: Kind,
    /// Whether a schedule began it.
    pub is_scheduled: bool,
    /// Whose it is.
    pub account: AccountId,
    /// The site or group as it was asked for.
    pub site: SiteName,
    /// The destination as it was sent, without access keys.
    pub destination: String,
    /// The proof that allows it to write there; of a sample, which needs none, zero.
    pub ownership: OwnershipId,
    /// The name the file has, or will have, in the bucket; of a capture that rotates, what the names of its files begin with.
    pub object: ObjectKey,
    /// When a further file begins, if at all.
    pub rotation: Rotation,
    /// The files in the bucket by now, of a capture that rotates and is asked for by itself.
    pub files: Vec<FileInfo>,
    /// When it ends at the latest.
    pub limits: Limits,
    /// The form of the file.
    pub format: Format,
    /// The most bytes kept of a packet, if that was asked for.
    pub snaplen: Option<u32>,
    /// What of packets was not kept as it was, if anything.
    pub privacy: Option<ShownPrivacy>,
    /// The filter as the door received it.
    pub sent_filter: SentFilter,
    /// How far it is.
    pub status: Status,
    /// When it was asked for.
    pub submitted: Timestamp,
    /// When the agent began.
    pub started: Option<Timestamp>,
    /// When it came to its terminal state.
    pub ended: Option<Timestamp>,
    /// When stop was asked for.
    pub stop_requested: Option<Timestamp>,
    /// What was caught.
    pub counts: Counts,
    /// Time left before its time limit, while it runs.
    pub time_left: Option<Duration>,
    /// Why it failed, or what is missing though it succeeded.
    pub message: Option<String>,
}

/// What a capture has caught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets in the file.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets that matched and that the kernel dropped, for want of room.
    pub dropped: u64,
}

impl Counts {
    /// The larger of each, so that what was shown does not go down.
    #[must_use]
    pub(crate) fn at_least(self, other: Self) -> Self {
        Self {
            packets: self.packets.max(other.packets),
            bytes: self.bytes.max(other.bytes),
            dropped: self.dropped.max(other.dropped),
        }
    }
}

/// A filter as a door received it, kept to be echoed and read by nobody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentFilter {
    /// The five-tuple, as JSON text.
    pub tuple: Option<String>,
    /// Whether both directions were asked for.
    pub bidirectional: bool,
    /// The tcpdump expression.
    pub expression: Option<String>,
    /// The text in the Rules language.
    pub rules: Option<String>,
}

/// The life of a capture (capture contract, A.2, "Life cycle").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted; the agent has not confirmed yet.
    Pending,
    /// Packets are being taken.
    Running,
    /// Capturing is over; the rest is being uploaded.
    ConversionPending,
    /// All is uploaded; the object is being completed.
    ConversionRunning,
    /// The object is complete and readable.
    Success,
    /// There is no usable object.
    Failed,
}

impl Status {
    /// Whether it never changes again.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}
