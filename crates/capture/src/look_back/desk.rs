//! Where the threads of the interfaces hand in their packets.

use baleen_lookback::{Error, Recorder};
use baleen_pcapfile::{Direction, Record};
use baleen_ring::{Packet, PacketType};
use baleen_runtime::Clock;
use baleen_types::LinkType;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// How often the ring looks what has waited for long, and what is too old.
const TICK: Duration = Duration::from_secs(1);

/// More than a recorder keeps of any packet.
const KEPT_MAX: u32 = baleen_lookback::SNAPLEN_MAX;

/// One recorder for all interfaces of the machine.
pub(crate) struct Desk {
    clock: Arc<dyn Clock>,
    recording: Mutex<Recording>,
    is_stopping: Mutex<bool>,
    stopping: Condvar,
}

struct Recording {
    recorder: Recorder,
    ticked: Duration,
}

impl Desk {
    pub(crate) fn new(recorder: Recorder, clock: Arc<dyn Clock>) -> Self {
        let ticked = clock.monotonic();
        Self {
            clock,
            recording: Mutex::new(Recording { recorder, ticked }),
            is_stopping: Mutex::new(false),
            stopping: Condvar::new(),
        }
    }

    /// The number of an interface.
    pub(crate) fn interface(&self, name: &str, link: LinkType) -> Result<u32, Error> {
        self.recording.lock().recorder.interface(name, link)
    }

    /// Takes packets that came together. `dropped` were lost before the first of them; it is zero once a packet has said so.
    pub(crate) fn take<'p>(
        &self,
        (interface, link): (u32, LinkType),
        packets: impl Iterator<Item = Packet<'p>>,
        dropped: &mut u64,
    ) {
        let mut recording = self.recording.lock();
        for packet in packets {
            let pieces = packet.pieces(link, KEPT_MAX);
            recording.recorder.append(&Record {
                interface,
                stamp_nanos: packet.stamp_nanos(),
                original_length: pieces.original_length,
                pieces: [pieces.head, pieces.inserted(), pieces.tail],
                direction: Some(match packet.packet_type() {
                    PacketType::Outgoing => Direction::Outbound,
                    _ => Direction::Inbound,
                }),
                dropped: std::mem::take(dropped),
            });
        }
    }

    /// To be called again and again, however little comes.
    pub(crate) fn tick(&self) {
        let now = self.clock.monotonic();
        let mut recording = self.recording.lock();
        if now.saturating_sub(recording.ticked) >= TICK {
            recording.ticked = now;
            recording.recorder.tick();
        }
    }

    /// Asks the threads to end.
    pub(crate) fn stop(&self) {
        *self.is_stopping.lock() = true;
        self.stopping.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.is_stopping.lock()
    }

    /// Waits, unless the threads are to end.
    pub(crate) fn rest(&self, time: Duration) {
        let mut is_stopping = self.is_stopping.lock();
        if !*is_stopping {
            self.stopping.wait_for(&mut is_stopping, time);
        }
    }
}
