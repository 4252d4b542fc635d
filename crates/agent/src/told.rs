//! What the log says of captures: whose host it is looks there for what was taken from it.

use baleen_agentwire::{Ended, Job, OrderFilter, OrderId};
use baleen_types::CaptureId;
use std::time::Duration;
use tracing::info;

/// The capture of an order.
pub(crate) fn capture_of(id: OrderId) -> CaptureId {
    CaptureId::from_bytes(id.capture)
}

/// That one has begun.
pub(crate) fn begun(id: OrderId, job: &Job) {
    let begin = &job.begin;
    let interfaces = job.live.as_ref().filter(|named| !named.is_empty());
    info!(
        capture = %capture_of(id),
        site = begin.site,
        filter = %filter(&begin.filter),
        interfaces = interfaces.map(|named| named.join(", ")),
        time_max = ?Duration::from_millis(begin.time_ms),
        packets_max = begin.packets,
        bytes_max = begin.bytes,
        is_watched = job.live.is_some(),
        "a capture begins"
    );
}

/// That it is over, with what it took.
pub(crate) fn ended(id: OrderId, ended: &Ended) {
    info!(
        capture = %capture_of(id),
        packets = ended.counts.packets,
        bytes = ended.counts.bytes,
        dropped = ended.counts.dropped,
        trouble = ended.trouble,
        "a capture ended"
    );
}

/// A filter in one line, whatever is in it.
pub(crate) fn filter(filter: &OrderFilter) -> String {
    match filter {
        OrderFilter::All => "every packet".to_owned(),
        OrderFilter::Expression(text) | OrderFilter::Rules(text) => text.escape_debug().to_string(),
        OrderFilter::Tuple(tuple) => format!("{tuple:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_one_line() {
        let told = |text: &str| filter(&OrderFilter::Expression(text.to_owned()));
        assert_eq!(told("tcp port 80"), "tcp port 80");
        assert_eq!(told("tcp\nport 80\u{1b}[2J"), "tcp\\nport 80\\u{1b}[2J");
        assert_eq!(filter(&OrderFilter::All), "every packet");
    }
}
