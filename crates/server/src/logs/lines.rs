//! The text of log lines, byte for byte as `tracing_subscriber` writes it, for a quarter of the work.
//!
//! There is a line for each request, and what is general in the formatters it is made by (styles of no colour, a serializer for each
//! value, each piece through several writers) takes more than the signature of the request. Here a line is put together in one
//! string. What is seldom is left to them: colours, spans, lines of the `log` crate, errors with their sources.

use baleen_runtime::{Clock, SystemClock};
use std::fmt::{self, Debug, Write as _};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{self, DefaultVisitor, Format, FormatEvent, FormatFields, Full, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::registry::LookupSpan;

/// Most lines are shorter.
const LINE_BYTES: usize = 400;

/// The time of a line, in microseconds.
#[derive(Clone)]
pub(super) struct Time(Arc<dyn Clock>);

impl Time {
    pub(super) fn of_the_machine() -> Self {
        Self(SystemClock::new())
    }

    fn push(&self, line: &mut String) {
        self.0.now().push_rfc3339_micros(line);
    }
}

impl FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut text = String::with_capacity(32);
        self.push(&mut text);
        writer.write_str(&text)
    }
}

/// Lines for who reads them: time, level, target, message, `name=value`.
pub(super) struct Text {
    time: Time,
    general: Format<Full, Time>,
}

impl Text {
    pub(super) fn new(time: Time) -> Self {
        Self {
            general: format::format().with_timer(time.clone()),
            time,
        }
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        if writer.has_ansi_escapes() || is_of_the_log_crate(about) || cx.event_scope().is_some() {
            return self.general.format_event(cx, writer, event);
        }
        let mut line = String::with_capacity(LINE_BYTES);
        self.time.push(&mut line);
        line.push(' ');
        // As wide as the widest.
        if matches!(*about.level(), Level::INFO | Level::WARN) {
            line.push(' ');
        }
        line.push_str(about.level().as_str());
        line.push(' ');
        line.push_str(about.target());
        line.push_str(": ");
        let mut fields = TextFields {
            line: &mut line,
            is_first: true,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        line.push('\n');
        writer.write_str(&line)
    }
}

struct TextFields<'l> {
    line: &'l mut String,
    is_first: bool,
    result: fmt::Result,
}

impl TextFields<'_> {
    fn begin(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.line.push(' ');
        }
        if name != "message" {
            self.line.push_str(name);
            self.line.push('=');
        }
    }

    fn general(&mut self, field: &Field, record: impl FnOnce(&mut DefaultVisitor<'_>)) {
        use tracing_subscriber::field::VisitOutput as _;
        let mut visitor = DefaultVisitor::new(Writer::new(self.line), self.is_first);
        record(&mut visitor);
        self.result = visitor.finish();
        // Those it leaves out.
        self.is_first &= field.name().starts_with("log.");
    }
}

impl Visit for TextFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.result.is_err() {
            return;
        }
        if field.name() == "message" || is_odd(field.name()) || !is_plain(value) {
            return self.general(field, |visitor| visitor.record_str(field, value));
        }
        self.begin(field.name());
        self.line.push('"');
        self.line.push_str(value);
        self.line.push('"');
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        if self.result.is_ok() {
            self.general(field, |visitor| visitor.record_error(field, value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.result.is_err() {
            return;
        }
        if is_odd(field.name()) {
            return self.general(field, |visitor| visitor.record_debug(field, value));
        }
        let (before, was_first) = (self.line.len(), self.is_first);
        self.begin(field.name());
        let begun = self.line.len();
        self.result = write!(self.line, "{value:?}");
        // What a terminal obeys does not stand in a message as it is.
        if field.name() == "message" && self.result.is_ok() && !is_plain(&self.line[begun..]) {
            self.line.truncate(before);
            self.is_first = was_first;
            self.general(field, |visitor| visitor.record_debug(field, value));
        }
    }
}

/// Lines for machines: an object of JSON each, the fields beside the rest.
pub(super) struct Json {
    time: Time,
    general: Format<format::Json, Time>,
}

impl Json {
    pub(super) fn new(time: Time) -> Self {
        Self {
            general: format::format().with_timer(time.clone()).json().flatten_event(true),
            time,
        }
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        if is_of_the_log_crate(about) || event.parent().is_some() || cx.lookup_current().is_some() {
            return self.general.format_event(cx, writer, event);
        }
        let mut line = String::with_capacity(LINE_BYTES);
        line.push_str("{\"timestamp\":\"");
        self.time.push(&mut line);
        line.push_str("\",\"level\":\"");
        line.push_str(about.level().as_str());
        line.push('"');
        let mut fields = JsonFields {
            line: &mut line,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.name("target");
        fields.text(about.target());
        fields.result?;
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

struct JsonFields<'l> {
    line: &'l mut String,
    result: fmt::Result,
}

impl JsonFields<'_> {
    /// Names are identifiers of ours, so that there is nothing in them to escape.
    fn name(&mut self, name: &str) {
        self.line.push_str(",\"");
        self.line.push_str(name);
        self.line.push_str("\":");
    }

    fn text(&mut self, value: &str) {
        if is_plain(value) {
            self.line.push('"');
            self.line.push_str(value);
            self.line.push('"');
        } else {
            self.general(value);
        }
    }

    fn general<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        match serde_json::to_string(value) {
            Ok(value) => self.line.push_str(&value),
            Err(_) => self.result = Err(fmt::Error),
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field.name());
        self.text(value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field.name());
        self.line.push_str(if value { "true" } else { "false" });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field.name());
        self.general(&value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field.name());
        self.general(&value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field.name());
        self.general(&value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.name(field.name());
        self.line.push('"');
        let begun = self.line.len();
        if write!(self.line, "{value:?}").is_err() {
            self.result = Err(fmt::Error);
        } else if is_plain(&self.line[begun..]) {
            self.line.push('"');
        } else {
            let value = self.line.split_off(begun);
            self.line.pop();
            self.general(&value);
        }
    }
}

/// Lines of the `log` crate say in fields whose they are.
fn is_of_the_log_crate(about: &Metadata<'_>) -> bool {
    about.target() == "log"
}

/// Names which are not written as they are.
fn is_odd(name: &str) -> bool {
    name.starts_with("log.") || name.starts_with("r#")
}

/// Whether a text is the same with quotes around it as without, in both formats.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests;
