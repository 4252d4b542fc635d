//! The numbers of captures, for whoever watches the server.

use crate::capture::{Counts, Status};

const ENDED: &str = "baleen_captures_total";
const RUNNING: &str = "baleen_captures_running";
const PACKETS: &str = "baleen_capture_packets_total";
const BYTES: &str = "baleen_capture_bytes_total";
const DROPPED: &str = "baleen_capture_dropped_packets_total";
const UPLOADED: &str = "baleen_capture_uploaded_bytes_total";
const OVER_QUOTA: &str = "baleen_captures_over_quota_total";
const SPOOL: &str = "baleen_capture_spool_bytes";
const SPOOLED: &str = "baleen_capture_spooled_bytes_total";

/// Shows the numbers from the start rather than from the first capture on. What they mean is said where all numbers of the server are.
pub(crate) fn show() {
    for state in ["success", "failed"] {
        metrics::counter!(ENDED, "state" => state).absolute(0);
    }
    metrics::gauge!(RUNNING).increment(0.0);
    metrics::gauge!(SPOOL).increment(0.0);
    for name in [PACKETS, BYTES, DROPPED, UPLOADED, OVER_QUOTA, SPOOLED] {
        metrics::counter!(name).absolute(0);
    }
}

const KEPT: &str = "baleen_lookback_packets_total";
const CUT: &str = "baleen_lookback_cut_packets_total";
const LOST: &str = "baleen_lookback_dropped_packets_total";
const LEFT_OUT: &str = "baleen_lookback_left_out_packets_total";
const RING_BYTES: &str = "baleen_lookback_bytes";
const IS_WRITING: &str = "baleen_lookback_writing";

/// How the look-back ring is doing.
pub(crate) fn look_back(stats: &baleen_lookback::Stats) {
    for (name, packets) in [
        (KEPT, stats.packets),
        (CUT, stats.cut),
        (LOST, stats.dropped),
        (LEFT_OUT, stats.left_out),
    ] {
        metrics::counter!(name).absolute(packets);
    }
    #[expect(clippy::cast_precision_loss, reason = "for a chart")]
    metrics::gauge!(RING_BYTES).set(stats.bytes as f64);
    metrics::gauge!(IS_WRITING).set(f64::from(u8::from(stats.trouble.is_none())));
}

/// Counts one capture as running while it lives.
pub(crate) struct AtWork(());

impl AtWork {
    pub(crate) fn begin() -> Self {
        metrics::gauge!(RUNNING).increment(1.0);
        Self(())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        metrics::gauge!(RUNNING).decrement(1.0);
    }
}

/// A capture came to its end.
pub(crate) fn ended(status: Status, counts: Counts) {
    let state = if status == Status::Success { "success" } else { "failed" };
    metrics::counter!(ENDED, "state" => state).increment(1);
    metrics::counter!(PACKETS).increment(counts.packets);
    metrics::counter!(BYTES).increment(counts.bytes);
    metrics::counter!(DROPPED).increment(counts.dropped);
}

/// An account asked for a capture beyond its quota of the day.
pub(crate) fn over_quota() {
    metrics::counter!(OVER_QUOTA).increment(1);
}

/// What waits on the disk now.
pub(crate) fn spool(bytes: u64) {
    #[expect(clippy::cast_precision_loss, reason = "for a chart")]
    metrics::gauge!(SPOOL).set(bytes as f64);
}

/// A part was written to the disk to wait there.
pub(crate) fn spooled(bytes: u64) {
    metrics::counter!(SPOOLED).increment(bytes);
}

/// A store took a part.
pub(crate) fn uploaded(bytes: usize) {
    metrics::counter!(UPLOADED).increment(bytes as u64);
}
