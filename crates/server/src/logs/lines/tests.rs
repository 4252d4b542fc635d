use super::*;
use baleen_runtime::ManualClock;
use baleen_types::Timestamp;
use parking_lot::Mutex;
use std::io;
use std::time::Duration;
use tracing::{debug, debug_span, error, info, trace, warn};
use tracing_subscriber::fmt::format::JsonFields as DefaultJson;
use tracing_subscriber::fmt::{MakeWriter, SubscriberBuilder};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What stands in paths and names that others choose.
const HOSTILE: [&str; 16] = [
    "",
    "plain",
    "/bucket/photos/2026/image~1.jpg",
    "two words, and more; 'single'",
    "\"quoted\"",
    "back\\slash",
    "line\nfeed\r\n",
    "tab\tbell\x07back\x08form\x0c",
    "\x1b[31mred\x1b[0m",
    "nul\0 unit\x1f",
    "delete\x7f",
    "c1\u{80}\u{9b}31m\u{9f}",
    "zürich 東京 🐋",
    "a\u{301} \u{202e}right to left\u{feff}",
    "{\"json\":1}",
    "name=value other=\"x\"",
];

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer \x1b\"one\"")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn every_kind_of_line() {
    for text in HOSTILE {
        let outer = Outer(io::Error::other(text));
        let with_source = &outer as &dyn std::error::Error;
        let alone = &outer.0 as &dyn std::error::Error;
        info!(target: "baleen::access", id = %text, door = "s3", path = Some(text), none = None::<&str>, status = 200_u16,
            bytes = u64::MAX, whole = true, "request served");
        info!(text, debug = ?text, display = %text, "{text}");
        warn!(error = with_source, "said {text:?}");
        error!(error = alone, cause = with_source, "that failed");
        error!(error = alone);
        debug!(message = text, after = 1);
        debug!(message = %text);
        info!(field = text);
        trace!(r#type = text, r#in = 1, "a word of the language");
        let span = debug_span!("span", text, number = 7);
        span.in_scope(|| info!(text, "within"));
        info!(parent: &span, text, "of it");
        info!(parent: None, text, "of none");
    }
    info!("nothing else");
    info!(
        i = i64::MIN,
        u = 0_u8,
        big = u128::MAX,
        small = i128::MIN,
        f = 1.5,
        whole = 3.0,
        yes = true,
        no = false,
        "numbers"
    );
    info!(f = f64::NAN, g = f64::NEG_INFINITY, h = 1e300, "no numbers");
    info!(list = ?HOSTILE, some = ?Some(1), pretty = ?(1, "x"), "shapes");
    info!(a.b = 1, "a name with a dot");
    info!(empty = tracing::field::Empty, "nothing in it");
}

fn written<E, N>(lines: impl FnOnce(SubscriberBuilder) -> SubscriberBuilder<N, E>) -> String
where
    N: for<'w> FormatFields<'w> + Send + Sync + 'static,
    E: FormatEvent<tracing_subscriber::Registry, N> + Send + Sync + 'static,
{
    let to = Written::default();
    let lines = lines(tracing_subscriber::fmt()).with_max_level(Level::TRACE);
    let lines = lines.with_writer(to.clone()).finish();
    tracing::subscriber::with_default(lines, every_kind_of_line);
    let written = to.0.lock().clone();
    String::from_utf8(written).unwrap()
}

fn time() -> Time {
    Time(ManualClock::new(Timestamp::from_nanos(1_800_000_000_012_345_678)))
}

fn assert_same(ours: &str, general: &str) {
    for (ours, general) in ours.lines().zip(general.lines()) {
        assert_eq!(ours, general);
    }
    assert_eq!(ours, general);
    assert!(ours.lines().count() > 100);
}

#[test]
fn a_line_of_text_is_the_one_of_the_general_formatter() {
    for ansi in [false, true] {
        let ours = written(|lines| lines.with_ansi(ansi).event_format(Text::new(time())));
        let general = written(|lines| lines.with_ansi(ansi).with_timer(time()));
        assert_same(&ours, &general);
    }
}

#[test]
fn a_line_of_json_is_the_one_of_the_general_formatter() {
    let ours = written(|lines| {
        let lines = lines.with_ansi(false).fmt_fields(DefaultJson::new());
        lines.event_format(Json::new(time()))
    });
    let general = written(|lines| lines.with_timer(time()).json().flatten_event(true));
    assert_same(&ours, &general);
    for line in ours.lines() {
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(read.is_object(), "{line}");
    }
}

#[test]
fn times_are_written_in_full() {
    let clock = ManualClock::new(Timestamp::EPOCH);
    for step in [
        0,
        1,
        999,
        1_000,
        999_999_999,
        86_399_000_000_000,
        1_234_567_890_123_456_789,
    ] {
        clock.advance(Duration::from_nanos(step));
        let mut line = String::new();
        Time(clock.clone()).push(&mut line);
        assert_eq!(line, clock.now().to_rfc3339_micros());
    }
}
