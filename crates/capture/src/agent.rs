//! Who captures: the seam between a capture's life and the packets.
//!
//! One agent runs inside the server, over the engine; others are on other hosts, in the seats of a fleet. Nothing above this
//! seam knows where packets come from.

mod embedded;
mod group;
mod remote;

pub use embedded::{EmbeddedAgent, EmbeddedSettings};
pub(crate) use group::{GroupAgent, Remnant, Staging};
pub(crate) use remote::{Before, GENERATION};
pub use remote::{Delivery, PartRefused, RemoteAgents, Verdict, ViewSink, order_of};

use crate::Counts;
use crate::engine::{FollowError, Rotation, Seen};
use crate::look_back::{Past, PastQuery};
use async_trait::async_trait;
use baleen_agentwire::Estimate;
use baleen_filter::{Filter, FiveTuple};
use baleen_packet::masking::Masking;
use baleen_types::{AgentId, CaptureId, LinkType, SiteName};
use bytes::Bytes;
use futures::stream::BoxStream;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Captures packets at one site.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// The types of the links it captures on, as far as they can be told now: a filter is refused that does not compile for
    /// each of them. None when there is no telling; [`begin`](Self::begin) says what is wrong then.
    async fn links(&self) -> Vec<LinkType>;

    /// The interfaces that it captures on, as far as they can be told now, for who chooses among them.
    async fn interfaces(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it can be asked to capture now.
    fn is_connected(&self) -> bool {
        true
    }

    /// Which agent it is of those on other hosts: they keep each part until they are told that the part is in the store, and compile
    /// filters there.
    fn elsewhere(&self) -> Option<AgentId> {
        None
    }

    /// Whether it is on another host.
    fn is_elsewhere(&self) -> bool {
        self.elsewhere().is_some()
    }

    /// Whether all that it captures is one file: it does not rotate.
    fn makes_one_file(&self) -> bool {
        false
    }

    /// How far its clock is before this machine's, as far as that is known.
    fn clock(&self) -> Option<Estimate> {
        None
    }

    /// Whether it keeps packets that go by, to be asked for afterwards.
    fn looks_back(&self) -> bool {
        false
    }

    /// Finds packets that went by.
    ///
    /// # Errors
    /// Why nothing can be had of them now, for the user who asked.
    async fn look_back(&self, _asked: PastQuery) -> Result<Past, AgentError> {
        Err(AgentError("no packets are kept there".to_owned()))
    }

    /// Whether it can count packets that it does not keep.
    fn watches(&self) -> bool {
        false
    }

    /// Counts packets without keeping them, until what it gives is dropped.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    async fn watch(&self, _order: WatchOrder) -> Result<Box<dyn Watching>, AgentError> {
        Err(AgentError("packets cannot be counted there".to_owned()))
    }

    /// How many pieces of a capture it has memory for, where it waits with more of them until some are taken. None of an agent
    /// that keeps them by itself, see [`is_elsewhere`](Self::is_elsewhere).
    fn buffers(&self) -> Option<usize> {
        None
    }

    /// Begins to capture. When it returns, packets are being taken.
    ///
    /// # Errors
    /// The reason for the user who asked: an interface that is not there, a right that is missing, a filter that has no
    /// meaning there.
    async fn begin(&self, order: Order) -> Result<Catch, AgentError>;
}

/// What to capture and until when.
#[derive(Clone, Debug)]
pub struct Order {
    /// Of which capture this is the work.
    pub capture: CaptureId,
    /// At which site.
    pub site: SiteName,
    /// Which packets.
    pub filter: Filter,
    /// Which never, whatever the filter says: those of the capture's own upload.
    pub exclude: Vec<FiveTuple>,
    /// Until when.
    pub limits: Limits,
    /// Written as what.
    pub format: Format,
    /// The most bytes kept of a packet; without it all of them.
    pub snaplen: Option<u32>,
    /// When a further file begins, if at all.
    pub rotation: Rotation,
    /// What of packets is not kept as it was.
    pub masking: Masking,
    /// Whether somebody watches: pieces come soon then, and have any size.
    pub is_live: bool,
    /// On which of the site's interfaces, if not on all of them.
    pub interfaces: Vec<String>,
}

impl Order {
    /// The name of the capture's one file, or of the first of several, in the directory of its destination (capture contract,
    /// A.2, "Files in the bucket").
    pub(crate) fn file_name(&self) -> String {
        let suffix = self.format.suffix();
        if self.rotation.is_some() {
            format!("pcap_{}_{}{FIRST_FILE}.{suffix}", self.capture, self.site)
        } else {
            format!("pcap_{}.{suffix}", self.capture)
        }
    }
}

/// What the name of the first of several files has before its suffix.
pub(crate) const FIRST_FILE: &str = "_0000";

/// The first of these to be reached ends a capture; none is ever passed, not by one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time from the start.
    pub time: Duration,
    /// Packets.
    pub packets: u64,
    /// Captured packet bytes, without those of the file's own structure.
    pub bytes: u64,
}

/// The form of a capture file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap, little endian.
    #[default]
    Pcap,
    /// pcapng with interface and statistics blocks.
    PcapNg,
}

impl Format {
    /// The suffix of file names, without a dot.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::PcapNg => "pcapng",
        }
    }
}

/// A piece of a capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Of which file of the capture, from 0.
    pub file: u16,
    /// Its bytes; there are some.
    pub bytes: Bytes,
    /// Whether it is known to be the file's last piece. The first piece of the next file, and the end of all, end a file as
    /// well.
    pub ends_file: bool,
    /// What the capture's files hold with this piece, and what was dropped until then.
    pub after: Counts,
}

impl Piece {
    /// What stands for the rest of a file that cannot be read any more, though it was told to be there: a capture of it has failed.
    pub(crate) fn broken() -> Self {
        Self {
            file: Self::BROKEN,
            bytes: Bytes::new(),
            ends_file: false,
            after: Counts::default(),
        }
    }

    /// Whether it stands for that.
    pub(crate) fn is_broken(&self) -> bool {
        self.file == Self::BROKEN
    }

    /// No capture has so many files.
    const BROKEN: u16 = u16::MAX;
}

/// A capture that is going on.
pub struct Catch {
    /// The files in pieces, one behind the other and each in order: each piece 5 MiB or more but a file's last. They are cut
    /// between packets, so that any run of them from a file's first is a valid file. A capture without packets still has one
    /// file; only one that was ordered to rotate has more. Dropping the stream ends the capture.
    pub pieces: BoxStream<'static, Piece>,
    /// How many network interfaces the file is of, if that is known.
    pub interfaces: Option<u16>,
    /// The rest.
    pub running: Arc<dyn Running>,
}

/// A capture file that somebody follows. An error item means that it broke off, and that the capture may go on.
pub type Followed = BoxStream<'static, io::Result<Bytes>>;

/// The control of a capture that is going on.
#[async_trait]
pub trait Running: Send + Sync + 'static {
    /// What was caught so far; never goes down.
    fn counts(&self) -> Counts;

    /// Asks for the end; what was caught is still delivered.
    fn stop(&self);

    /// Leaves it to the next process, where it goes on without this one. Nothing where it cannot.
    fn leave(&self) {}

    /// What is caught from now on, as a file of its own, until the end.
    ///
    /// # Errors
    /// When it is over, or cannot be followed, or not by one more.
    ///
    /// # Cancel safety
    /// Safe.
    async fn follow(&self) -> Result<Followed, FollowError> {
        Err(FollowError::Unable)
    }

    /// Waits until no more packets are taken; parts may still have to be received then. Cancel safe, and may be called
    /// again.
    async fn ended(&self) -> Ended;
}

/// How a capture ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The final counts.
    pub counts: Counts,
    /// What went wrong, if the end came early by itself (an interface vanished); the file is valid up to there.
    pub trouble: Option<String>,
    /// What the file lacks though the end came as it was asked for (one interface of several vanished).
    pub missing: Option<String>,
}

/// Which packets to count.
#[derive(Clone, Debug)]
pub struct WatchOrder {
    /// Which.
    pub filter: Filter,
    /// Which never, whatever the filter says.
    pub exclude: Vec<FiveTuple>,
}

/// Counts packets while it lives.
pub trait Watching: Send + Sync {
    /// What went by since it began; never goes down.
    fn seen(&self) -> Seen;

    /// Why it does not count any more, once that is so.
    fn trouble(&self) -> Option<String>;
}

/// Why an agent did not begin; the text is for the user who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AgentError(pub String);
