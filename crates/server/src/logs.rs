//! The log: structured lines on standard error.

mod gathered;
mod lines;

pub(crate) use gathered::Flusher;

use crate::config::{Log, LogFormat};
use gathered::Gathered;
use lines::{Json, Text, Time};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::util::SubscriberInitExt;

/// The stores' engine tells of every table it makes, which is for its authors. Directives of the operator win.
const QUIET: &str = "fjall=warn,lsm_tree=warn";

/// The S3 codec calls every refused request an error, which the edge has logged already, and at `debug` it writes whole requests
/// down, with the keys that customers send along to encrypt by. No directive of the operator wins over that.
const SILENT: &str = "s3s=off";

/// Starts logging for the process, for as long as what is returned is kept. A second start changes nothing.
#[must_use]
pub(crate) fn start(log: &Log) -> Flusher {
    // The directives were checked with the configuration.
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{},{SILENT}", log.level));
    let (gathered, flusher) = Gathered::start(std::io::stderr());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(gathered);
    let time = Time::of_the_machine();
    let started = match log.format {
        LogFormat::Json => {
            let lines = lines.with_ansi(false).fmt_fields(JsonFields::new());
            lines.event_format(Json::new(time)).finish().try_init()
        }
        LogFormat::Text => lines.event_format(Text::new(time)).finish().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    flusher
}
