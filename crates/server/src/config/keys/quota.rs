//! What the captures of one account may come to in a day.

use super::setting;
use crate::config::parse::{number, size_within, zero_or};
use crate::config::reader::Reader;
use baleen_capture::Quota;
use std::num::NonZeroU32;

/// The most captures of a day: more than begin in one.
const CAPTURES_MAX: u32 = 1_000_000;

/// The least and the most captured bytes of a day: the longest packets have room, and more than a disk has.
const BYTES: (u64, u64) = (1 << 20, 1 << 50);

pub(super) fn read(from: &mut Reader) -> Quota {
    Quota {
        captures: NonZeroU32::new(from.value(
            &setting(
                "capture.account_captures_a_day",
                "number",
                "0",
                "Captures that one account may begin in a day of UTC, 1 to 1000000: full and simple ones, capture tasks, and those of \
                 schedules, also when they fail; streams do not count. `0`: as many as it likes.",
            ),
            number(0, CAPTURES_MAX),
        )),
        bytes: from.value(
            &setting(
                "capture.account_bytes_a_day",
                "size",
                "0",
                "Captured bytes that these may come to in a day, 1MiB to 1PiB. A capture holds all that its limits allow until it is over, \
                 and gets what is left: of a capture task that is `capture.task_bytes_max`. `0`: there is no such limit.",
            ),
            zero_or(size_within(BYTES.0, BYTES.1)),
        ),
    }
}
