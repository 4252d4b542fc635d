//! The near end of the ring: packets in, full chunks out to the writer.

use crate::chunk::{Kind, Summary};
use crate::cutoff::Cutoff;
use crate::directory::Keys;
use crate::keys::Identity;
use crate::limits::{
    BLOCK_CHUNKS_MAX, BLOCK_KEYS_MAX, FLUSH_AFTER, INTERFACE_NAME_BYTES_MAX, INTERFACES_MAX, PENDING_CHUNKS_MAX,
};
use crate::record::{Encoder, Interface, Kept, RECORD_OVERHEAD_MAX};
use crate::store::{Filled, Open, Shared, State};
use crate::writer::{Writer, segment_age};
use crate::{Error, Lookback};
use baleen_pcapfile::Record;
use baleen_types::LinkType;
use parking_lot::MutexGuard;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Keys that one packet adds at most.
const KEYS_OF_A_PACKET: usize = 8;

/// Takes packets into the ring. It never waits for the disk: what the disk is too slow for is left out, and counted.
///
/// Dropping it writes what it has and ends the segment.
pub struct Recorder {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    interfaces: Vec<Interface>,
    cutoff: Option<Cutoff>,
    /// The bytes of a packet that are kept, in one piece.
    frame: Vec<u8>,
    block: u32,
    index: u8,
    block_begun: Duration,
    keys: Keys,
    /// Losses that a chunk has to say, at its end or at its beginning.
    owed: Summary,
}

impl Lookback {
    /// Begins to record, on a thread of its own for the disk.
    ///
    /// # Errors
    /// `Unavailable` when there is a recorder already.
    pub fn record(&self) -> Result<Recorder, Error> {
        let shared = self.shared.clone();
        {
            let mut state = shared.state.lock();
            if state.is_recording {
                return Err(Error::InUse(shared.folder.clone()));
            }
            state.is_recording = true;
            state.is_stopping = false;
        }
        let writer = Writer::new(shared.clone());
        let thread = std::thread::Builder::new().name("lookback-disk".into());
        let writer = thread
            .spawn(move || writer.run())
            .map_err(Error::io("starting the thread of the look-back ring"));
        let writer = writer.inspect_err(|_| self.shared.state.lock().is_recording = false)?;
        Ok(Recorder {
            cutoff: shared.settings.flow_bytes.map(Cutoff::new),
            writer: Some(writer),
            interfaces: Vec::new(),
            frame: Vec::new(),
            block: 0,
            index: 0,
            block_begun: Duration::ZERO,
            keys: Keys::new(),
            owed: Summary::NONE,
            shared,
        })
    }
}

impl Recorder {
    /// The number under which packets of an interface are handed in. One that is named again keeps its number.
    ///
    /// # Errors
    /// `Unavailable` when there are too many.
    pub fn interface(&mut self, name: &str, link: LinkType) -> Result<u32, Error> {
        let end = (0..=name.len().min(INTERFACE_NAME_BYTES_MAX)).rev();
        let end = end.into_iter().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        let interface = Interface {
            name: name[..end].into(),
            link,
        };
        let known = self.interfaces.iter().position(|known| *known == interface);
        let at = known.unwrap_or(self.interfaces.len());
        if at >= INTERFACES_MAX {
            return Err(Error::TooManyInterfaces);
        }
        if known.is_none() {
            self.interfaces.push(interface);
        }
        u32::try_from(at).map_err(|_| Error::TooManyInterfaces)
    }

    /// Takes a packet of an interface that [`Recorder::interface`] numbered; of another one it is left out.
    pub fn append(&mut self, record: &Record<'_>) {
        self.owed.dropped = self.owed.dropped.saturating_add(saturated(record.dropped));
        let Some(interface) = self.interfaces.get(record.interface as usize).cloned() else {
            self.lose(1);
            return;
        };
        self.gather(record);
        let settings = &self.shared.settings;
        let identity = Identity::of(interface.link, &self.frame, &self.shared.hash_key);
        let is_sampled = (identity.flow >> 40).is_multiple_of(u64::from(settings.one_in));
        let second = u32::try_from(record.stamp_nanos / 1_000_000_000).unwrap_or(u32::MAX);
        let keeps = is_sampled
            && self
                .cutoff
                .as_mut()
                .is_none_or(|cutoff| cutoff.keeps(identity.flow, record.original_length, second));
        if !keeps {
            self.owed.cut = self.owed.cut.saturating_add(1);
            return;
        }
        let shared = self.shared.clone();
        let mut state = shared.state.lock();
        if !self.make_room(&mut state, record.interface) {
            state.owed_left_out = state.owed_left_out.saturating_add(1);
            state.stats.left_out += 1;
            return;
        }
        state.stats.packets += 1;
        let Some(open) = &mut state.open else { return };
        let kept = Kept {
            stamp: record.stamp_nanos,
            interface: record.interface,
            direction: record.direction,
            original_length: record.original_length,
            bytes: &self.frame,
        };
        open.encoder.put(&mut open.plain, &kept, &interface);
        open.summary.take(record.stamp_nanos);
        let bit = 1 << open.index;
        if identity.is_plain() && self.keys.get(&identity.flow).is_some_and(|mask| mask & bit != 0) {
            return;
        }
        let keys = &mut self.keys;
        identity.each(&shared.hash_key, |key| *keys.entry(key).or_default() |= bit);
    }

    /// To be called now and then, each second or so: writes what has waited for long, and forgets what is too old.
    pub fn tick(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.state.lock();
        let now = shared.parts.clock.monotonic();
        if state
            .open
            .as_ref()
            .is_some_and(|open| now.saturating_sub(open.begun) >= FLUSH_AFTER)
        {
            self.close(&mut state, false);
        }
        let is_in_block = self.index > 0 || state.open.is_some();
        if is_in_block && now.saturating_sub(self.block_begun) >= segment_age(&shared.settings) {
            self.close(&mut state, true);
        }
        state.is_tick = true;
        shared.work.notify_one();
    }

    /// Writes what it has, and waits until that is done. For tests and for an orderly end; [`Recorder::append`] never waits.
    pub fn flush(&mut self) {
        self.flush_to(false);
    }

    fn flush_to(&mut self, ends_block: bool) {
        let shared = self.shared.clone();
        let mut state = shared.state.lock();
        wait_for(&shared, &mut state, PENDING_CHUNKS_MAX - 1);
        self.close(&mut state, ends_block);
        wait_for(&shared, &mut state, 0);
    }

    /// The bytes of a packet that are kept, in one piece.
    fn gather(&mut self, record: &Record<'_>) {
        self.frame.clear();
        for piece in record.pieces {
            let room = (self.shared.settings.snaplen as usize).saturating_sub(self.frame.len());
            self.frame.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    /// Sees to it that there is an open chunk with room for the packet; false when there is none to be had.
    fn make_room(&mut self, state: &mut State, interface: u32) -> bool {
        if self.keys.len() + KEYS_OF_A_PACKET > BLOCK_KEYS_MAX && !self.close(state, true) {
            return false;
        }
        let needed = RECORD_OVERHEAD_MAX + self.frame.len();
        let is_full = state.open.as_ref().is_some_and(|open| {
            open.plain.len() + needed > self.shared.settings.shape.chunk_bytes || !open.encoder.has_place(interface)
        });
        if is_full && !self.close(state, false) {
            return false;
        }
        if state.open.is_none() {
            let now = self.shared.parts.clock.monotonic();
            if self.index == 0 {
                self.block_begun = now;
            }
            let mut plain = Vec::with_capacity(self.shared.settings.shape.chunk_bytes);
            plain.push(Kind::Packets as u8);
            let summary = self.take_owed(state);
            state.open = Some(Open {
                plain,
                encoder: Encoder::default(),
                summary,
                block: self.block,
                index: self.index,
                begun: now,
            });
        }
        true
    }

    /// The losses that are to be said in a new chunk; from then on the figures of the ring have them.
    fn take_owed(&mut self, state: &mut State) -> Summary {
        let mut owed = std::mem::replace(&mut self.owed, Summary::NONE);
        state.stats.cut += u64::from(owed.cut);
        state.stats.dropped += u64::from(owed.dropped);
        owed.left_out = owed.left_out.saturating_add(std::mem::take(&mut state.owed_left_out));
        owed
    }

    /// Hands the open chunk to the writer; false when too many wait there: then its packets are left out.
    fn close(&mut self, state: &mut State, ends_block: bool) -> bool {
        let open = state.open.take();
        if open.is_none() && !(ends_block && self.index > 0) {
            return true;
        }
        let (plain, mut summary) = open.map_or((Vec::new(), Summary::NONE), |open| (open.plain, open.summary));
        if summary.packets > 0 {
            // What was lost since its beginning too: nobody knows when another chunk comes.
            let owed = self.take_owed(state);
            summary.add(&owed);
        }
        if state.pending.len() >= PENDING_CHUNKS_MAX {
            // Its place in the block is taken by the next one. What the index knows of it finds nothing there.
            state.stats.left_out += u64::from(summary.packets);
            state.stats.packets -= u64::from(summary.packets);
            let lost = summary.left_out.saturating_add(summary.packets);
            state.owed_left_out = state.owed_left_out.saturating_add(lost);
            self.owed_again(state, &summary);
            return false;
        }
        let ends_block = ends_block || usize::from(self.index) + 1 >= BLOCK_CHUNKS_MAX;
        state.pending.push_back(Arc::new(Filled {
            block: self.block,
            index: self.index,
            summary,
            plain,
            keys: ends_block.then(|| std::mem::take(&mut self.keys)),
        }));
        if ends_block {
            self.block = self.block.wrapping_add(1);
            self.index = 0;
        } else {
            self.index += 1;
        }
        self.shared.work.notify_one();
        true
    }

    fn owed_again(&mut self, state: &mut State, summary: &Summary) {
        self.owed.cut = self.owed.cut.saturating_add(summary.cut);
        self.owed.dropped = self.owed.dropped.saturating_add(summary.dropped);
        state.stats.cut -= u64::from(summary.cut);
        state.stats.dropped -= u64::from(summary.dropped);
    }

    fn lose(&mut self, packets: u32) {
        let mut state = self.shared.state.lock();
        state.owed_left_out = state.owed_left_out.saturating_add(packets);
        state.stats.left_out += u64::from(packets);
    }
}

fn wait_for(shared: &Shared, state: &mut MutexGuard<'_, State>, pending: usize) {
    while state.pending.len() > pending {
        shared.done.wait(state);
    }
}

fn saturated(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush_to(true);
        {
            let mut state = self.shared.state.lock();
            state.is_stopping = true;
            self.shared.work.notify_one();
        }
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so; there is nothing to be saved here.
            let _ = writer.join();
        }
        let mut state = self.shared.state.lock();
        state.is_recording = false;
    }
}
