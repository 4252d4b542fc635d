//! The progress line on a terminal; nothing where nobody watches.

use super::destination::Destination;
use baleen_capture::engine;
use baleen_types::format_bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// How often a line is drawn that follows work.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// A line that is drawn over and over.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(is_hidden: bool, destination: &Destination, interfaces: &[String]) -> Self {
        let to = match destination {
            Destination::Pipe => "standard output".to_owned(),
            Destination::File(path) => path.display().to_string(),
            Destination::Bucket { bucket, key } => format!("s3://{bucket}/{key}"),
        };
        let line = Self::line(is_hidden);
        line.0.println(format!(
            "capturing on {} to {to}; Ctrl-C ends it",
            interfaces.join(", ")
        ));
        line
    }

    /// An empty line; it draws itself on a terminal only.
    pub(crate) fn line(is_hidden: bool) -> Self {
        let target = if is_hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Self(bar)
    }

    pub(super) fn show(&self, now: &engine::Progress) {
        let stalled = if now.is_stalled {
            "; the destination is slower than the traffic"
        } else {
            ""
        };
        let left = now.remaining.map(|left| left.as_secs_f64().ceil());
        self.say(&format!(
            "{}{stalled}",
            counts(now.packets, now.bytes, now.dropped, left)
        ));
    }

    pub(crate) fn say(&self, text: &str) {
        self.0.set_message(text.to_owned());
        self.0.tick();
    }

    /// Waits for work, and draws how far it is meanwhile.
    pub(crate) async fn follow<T>(self, work: impl Future<Output = T>, how_far: impl Fn() -> String) -> T {
        let mut work = std::pin::pin!(work);
        let done = loop {
            tokio::select! {
                done = work.as_mut() => break done,
                () = tokio::time::sleep(DRAWN_EVERY) => self.say(&how_far()),
            }
        };
        self.clear();
        done
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// The counts of a running capture, in one line.
pub(crate) fn counts(packets: u64, bytes: u64, dropped: u64, seconds_left: Option<f64>) -> String {
    let left = seconds_left
        .map(|left| format!(", {left:.0} s left"))
        .unwrap_or_default();
    format!("{packets} packets, {}, {dropped} dropped{left}", format_bytes(bytes))
}
