//! What is asked of the engine.

use super::error::EngineError;
use super::limits::{
    BUFFERS_MAX, BUFFERS_MIN, PART_BYTES_DEFAULT, PART_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX, SNAPLEN_MIN,
};
use super::parts::file_bytes_max;
use super::rotation::Rotation;
use baleen_filter::{Filter, FiveTuple};
use baleen_packet::masking::Masking;
use baleen_ring::RINGS_MAX;
use std::time::Duration;

/// Where to capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interfaces {
    /// On the interface of the default route.
    #[default]
    DefaultRoute,
    /// On these, by name; `any` stands for all of them and alone.
    Named(Vec<String>),
}

/// When a capture ends by itself; none of them: when it is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Packets.
    pub packets: Option<u64>,
    /// Bytes kept of packets, without what the file adds. A packet that would pass it is not taken.
    pub bytes: Option<u64>,
    /// Time since the start.
    pub duration: Option<Duration>,
}

/// Which file to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap, in microseconds.
    Pcap,
    /// pcapng, in nanoseconds, with interfaces, drops and statistics.
    #[default]
    PcapNg,
}

/// One capture.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// Where.
    pub interfaces: Interfaces,
    /// What.
    pub filter: Filter,
    /// What never, whatever the filter says: the capture's own upload. All traffic
    /// that fits is left out, also that of other programs with the store of the upload; a pcapng file says so in
    /// comments, one for each entry.
    pub exclude: Vec<FiveTuple>,
    /// The same for what the host's owner forbids.
    pub never: Vec<Filter>,
    /// How much.
    pub limits: Limits,
    /// Bytes kept of each packet: 32 to 262,144.
    pub snaplen: u32,
    /// What of packets is not kept as it was. When addresses are not, a pcapng file tells neither the filter, nor what is
    /// left out, nor the addresses of its interfaces.
    pub masking: Masking,
    /// Whether to see packets for other machines.
    pub promiscuous: bool,
    /// Which file.
    pub format: Format,
    /// When a further file begins, if at all.
    pub rotation: Rotation,
    /// Whether somebody watches: the parts are then those of [`Settings::for_pipes`], whatever the settings say.
    pub is_live: bool,
    /// What each file says of the capture (pcapng only), one comment each.
    pub comments: Vec<String>,
}

impl Default for CaptureRequest {
    /// Every packet of the default route's interface, whole, into pcapng, until it is stopped.
    fn default() -> Self {
        Self {
            interfaces: Interfaces::default(),
            filter: Filter::All,
            exclude: Vec::new(),
            never: Vec::new(),
            limits: Limits::default(),
            snaplen: baleen_ring::SNAPLEN_MAX,
            masking: Masking::default(),
            promiscuous: true,
            format: Format::default(),
            rotation: Rotation::default(),
            is_live: false,
            comments: Vec::new(),
        }
    }
}

/// Sizes of the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ring of each interface; its `promiscuous` is overruled by the request.
    pub ring: baleen_ring::Settings,
    /// Rings of each interface, 1 to 8. Each has a thread; packets of one conversation come to one of them and stay in order,
    /// and those of others may stand before them in the file though they came later.
    pub rings: usize,
    /// Bytes after which a part is full. Parts get larger from the 2,000th on when their number is limited.
    pub part_bytes: usize,
    /// Parts in memory at once.
    pub buffers: usize,
    /// The most parts of one file; `None` for a file that is no multipart upload.
    pub parts_max: Option<u32>,
    /// After how long a part is handed over that is not full, for a reader who watches; parts may be small then.
    pub flush_after: Option<Duration>,
}

impl Default for Settings {
    /// For multipart uploads: parts of 8 MiB, 8 of them in memory.
    fn default() -> Self {
        Self {
            ring: baleen_ring::Settings::default(),
            rings: 1,
            part_bytes: PART_BYTES_DEFAULT,
            buffers: 8,
            parts_max: Some(PARTS_MAX),
            flush_after: None,
        }
    }
}

impl Settings {
    /// For files: parts of 256 KiB, any number of them. What is written is still in the processor's cache then, as it is not with
    /// 1 MiB (measured: a third less CPU for each packet of 64 bytes, a sixth of 512 bytes). The ring is half as large again as
    /// usual, since with an outlet there is no other memory for what comes while a disk takes nothing. On a quiet line what came is in the
    /// file a second later, for who reads it meanwhile and for the case that this process is killed.
    pub fn for_files() -> Self {
        let ring = baleen_ring::Settings::default();
        Self {
            ring: baleen_ring::Settings {
                blocks: ring.blocks + ring.blocks / 2,
                ..ring
            },
            part_bytes: 256 * 1024,
            buffers: 128,
            parts_max: None,
            flush_after: Some(Duration::from_secs(1)),
            ..Self::default()
        }
    }

    /// For pipes: what has come is handed over after a fifth of a second at the latest.
    pub fn for_pipes() -> Self {
        Self {
            ring: baleen_ring::Settings::default(),
            flush_after: Some(Duration::from_millis(200)),
            ..Self::for_files()
        }
    }

    /// The same for a capture that somebody watches.
    pub(crate) fn live(&self) -> Self {
        let pipes = Self::for_pipes();
        Self {
            part_bytes: pipes.part_bytes,
            parts_max: pipes.parts_max,
            flush_after: pipes.flush_after,
            ..self.clone()
        }
    }

    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if !(PART_BYTES_MIN..=PART_BYTES_MAX).contains(&self.part_bytes) {
            return Err(EngineError::Limits("a part has 64 KiB to 128 MiB"));
        }
        if !(BUFFERS_MIN..=BUFFERS_MAX).contains(&self.buffers) {
            return Err(EngineError::Limits("a capture has 2 to 256 buffers"));
        }
        if !(1..=RINGS_MAX).contains(&self.rings) {
            return Err(EngineError::Limits("an interface has 1 to 8 rings"));
        }
        if self.parts_max == Some(0) {
            return Err(EngineError::Limits("a file has at least one part"));
        }
        Ok(())
    }
}

impl CaptureRequest {
    /// How many bytes of a packet come out of the kernel: all of those that are to be masked, which are cut afterwards.
    pub(crate) fn ring_snaplen(&self) -> u32 {
        if self.masking.is_none() {
            self.snaplen
        } else {
            baleen_ring::SNAPLEN_MAX
        }
    }

    pub(crate) fn check(&self, settings: &Settings) -> Result<(), EngineError> {
        if !(SNAPLEN_MIN..=baleen_ring::SNAPLEN_MAX).contains(&self.snaplen) {
            return Err(EngineError::Limits("the snap length has to be 32 to 262144"));
        }
        let limits = &self.limits;
        if limits.packets == Some(0) || limits.bytes == Some(0) || limits.duration == Some(Duration::ZERO) {
            return Err(EngineError::Limits("a limit of nothing leaves nothing to capture"));
        }
        self.rotation.check()?;
        if let (Some(bytes), Some(parts)) = (limits.bytes, settings.parts_max)
            && !self.rotation.is_some()
            && bytes > file_bytes_max(settings.part_bytes, parts)
        {
            return Err(EngineError::Limits(
                "the byte limit is beyond the largest file in 10,000 parts",
            ));
        }
        Ok(())
    }
}
