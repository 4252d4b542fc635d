//! The settings of the look-back ring.

use super::setting;
use crate::config::LookBack;
use crate::config::parse::{bytes_within, duration_within, interface, number, on_or_off, size_within, text, zero_or};
use crate::config::reader::Reader;
use baleen_lookback::{SNAPLEN_MAX, SNAPLEN_MIN, Settings, Shape};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// The least and the most bytes of the ring: two segments of the smallest size, and more than a disk has.
const BYTES: (u64, u64) = (16 << 20, 64 << 40);

/// The least and the most bytes of a conversation: a packet, and more than most have.
const FLOW_BYTES: (u64, u64) = (1 << 10, 1 << 40);

/// Reads them; `None` when nothing is to be kept.
pub(super) fn read(from: &mut Reader) -> Option<LookBack> {
    let is_on = from.value(
        &setting(
            "lookback.enabled",
            "`on` or `off`",
            "off",
            "Whether the beginnings of all conversations are kept on the disk, to be asked for afterwards by `simple` captures. Who may \
             capture at this site may ask for what went by.",
        ),
        on_or_off,
    );
    let folder = from.optional(
        &setting(
            "lookback.folder",
            "path",
            "",
            "Where they are kept, sealed under a key of the store. Without it: `lookback` in the data folder.",
        ),
        |path| text(path).map(PathBuf::from),
    );
    let interfaces = from.list(
        &setting(
            "lookback.interfaces",
            "list of names",
            "",
            "The interfaces that are recorded; `any` is all of them. Without it: those of captures. One that is not there is recorded \
             when it comes.",
        ),
        interface,
    );
    if interfaces.len() > 1 && interfaces.iter().any(|name| name == "any") {
        from.refuse("lookback.interfaces", "any already means all of them; name it alone");
    }
    let keeps = keeps(from);
    let ring_bytes = from.value(
        &setting(
            "lookback.ring_bytes",
            "size",
            "16MiB",
            "Kernel memory of the ring of each recorded interface.",
        ),
        bytes_within(super::RING_BYTES),
    );
    is_on.then_some(LookBack {
        folder,
        interfaces,
        keeps,
        ring_bytes,
    })
}

fn keeps(from: &mut Reader) -> Settings {
    let bytes = from.value(
        &setting(
            "lookback.bytes",
            "size",
            "4GiB",
            "Most bytes on the disk, 16MiB to 64TiB; the oldest go first.",
        ),
        size_within(BYTES.0, BYTES.1),
    );
    Settings {
        bytes,
        age: from.value(
            &setting(
                "lookback.age",
                "time",
                "24h",
                "How long packets are kept at most. Samples reach back 24 hours.",
            ),
            duration_within((Duration::from_mins(1), Duration::from_hours(24 * 366)), "1m to 366d"),
        ),
        snaplen: from.value(
            &setting(
                "lookback.snaplen",
                "number",
                "160",
                "Bytes that are kept of a packet, 64 to 2048. A sample gives out 160 of them; filters may look at the others.",
            ),
            number(SNAPLEN_MIN, SNAPLEN_MAX),
        ),
        flow_bytes: from
            .value(
                &setting(
                    "lookback.flow_bytes",
                    "size",
                    "64KiB",
                    "Bytes on the wire of a conversation, both directions together, after which its packets are left out, until it was silent \
                     for two minutes or ten are over. `0` keeps all.",
                ),
                zero_or(size_within(FLOW_BYTES.0, FLOW_BYTES.1)),
            )
            .map(NonZeroU64::get),
        one_in: from.value(
            &setting(
                "lookback.one_in",
                "number",
                "1",
                "One conversation in so many is kept, 1 to 1000000; 1 keeps all.",
            ),
            number(1, 1_000_000),
        ),
        shape: Shape::of(bytes),
    }
}
