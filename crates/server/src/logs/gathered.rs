//! Lines of the log, written by one thread in one go instead of one by one by the threads that serve.
//!
//! A line for each request costs a system call and the lock of standard error, which at ten thousand requests a second is
//! a twelfth of their price. So lines are gathered for [`GATHER`] at most. Warnings and errors are written before
//! who logs them goes on, with all that was gathered before them: what is read after an accident must not be what is missing.

use parking_lot::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait to be written.
const GATHER: Duration = Duration::from_millis(20);

/// Gathered bytes at which who logs writes them itself: so that a reader of the log who is slow holds up those who fill it,
/// and memory has a bound.
const GATHERED_BYTES_MAX: usize = 256 << 10;

/// A place that lines are written to, by way of memory. Clones share it.
#[derive(Clone)]
pub(super) struct Gathered {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told when the first line is gathered, and at the end.
    is_wanted: Condvar,
}

struct State {
    lines: Vec<u8>,
    to: Box<dyn Write + Send>,
    is_ending: bool,
}

impl State {
    fn write_out(&mut self) {
        if !self.lines.is_empty() {
            // There is nowhere to report to that the log cannot be written.
            let _ = self.to.write_all(&self.lines).and_then(|()| self.to.flush());
            self.lines.clear();
        }
    }
}

/// Sees to it that what was gathered is written; at the latest when it is dropped.
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Gathered {
    /// Begins to gather for `to`. Without a thread to spare each line is written at once.
    pub(super) fn start(to: impl Write + Send + 'static) -> (Self, Flusher) {
        let state = State {
            lines: Vec::new(),
            to: Box::new(to),
            is_ending: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            is_wanted: Condvar::new(),
        });
        let this = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || this.run());
        let flusher = Flusher {
            shared: Arc::clone(&shared),
            thread: thread.ok(),
        };
        shared.state.lock().is_ending = flusher.thread.is_none();
        (Self { shared }, flusher)
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock();
        while !state.is_ending {
            if state.lines.is_empty() {
                self.is_wanted.wait(&mut state);
            } else {
                self.is_wanted.wait_for(&mut state, GATHER);
                state.write_out();
            }
        }
        state.write_out();
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.state.lock().is_ending = true;
        self.shared.is_wanted.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes one line.
pub(super) struct Line<'a> {
    shared: &'a Shared,
    is_urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.state.lock();
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(bytes);
        if self.is_urgent || state.is_ending || state.lines.len() > GATHERED_BYTES_MAX {
            state.write_out();
        } else if was_empty {
            drop(state);
            self.shared.is_wanted.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.state.lock().write_out();
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Gathered {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            shared: &self.shared,
            is_urgent: true,
        }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line {
            shared: &self.shared,
            is_urgent: *about.level() <= Level::WARN,
        }
    }
}

#[cfg(test)]
mod tests;
