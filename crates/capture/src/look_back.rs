//! The look-back of this machine: who fills the ring on the disk (`lookback`), and who asks it.
//!
//! Each interface has a thread, which takes packets out of a kernel ring of its own: captures have others, and do not wait for
//! this one, nor it for them. The threads have a lower priority. What the kernel loses, and what the disk is too slow for, is
//! counted in the ring.
//!
//! What is wanted is there or not yet there: a folder in trouble, or an interface that was removed, is tried again while
//! everything else goes on, and whoever asks meanwhile is told why there is nothing to be had. The ring is sealed under a
//! key of the store, which stands there sealed under the master key.

mod desk;
mod tap;

use crate::agent::AgentError;
use crate::disk_key;
use crate::engine::RingSource;
use crate::limits::{LOOK_BACK_SCAN_BYTES_MAX, LOOK_BACK_TIME_MAX, LOOK_BACKS_MAX};
use crate::meter;
use baleen_filter::Filter;
use baleen_lookback::{Lookback, Query, Recorder, Sample};
use baleen_meta::Meta;
use baleen_ring::find_interface;
use baleen_runtime::{Clock, Entropy, Progress, Supervisor};
use baleen_sealing::Sealer;
use baleen_types::{Timestamp, causes, format_bytes};
use desk::Desk;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tap::TapError;
use tokio::sync::{Mutex, Semaphore};
use tracing::{error, info};

/// How often it is looked whether everything that is wanted is there.
const PERIOD: Duration = Duration::from_secs(15);

/// The name of that task, as the operator sees it.
const TASK: &str = "look-back";

/// By how much the threads are nicer than the rest of the process.
const NICE: i32 = 5;

/// What the operator chooses.
#[derive(Clone, Debug)]
pub struct LookBackSettings {
    /// Where the ring is.
    pub folder: PathBuf,
    /// The interfaces that are recorded.
    pub interfaces: Vec<String>,
    /// What is kept.
    pub keeps: baleen_lookback::Settings,
    /// The kernel ring of each interface.
    pub ring: baleen_ring::Settings,
}

/// What it is built from.
#[derive(Clone)]
pub struct LookBackParts {
    /// Where the sealed key is.
    pub meta: Meta,
    /// Opens it.
    pub sealer: Arc<Sealer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes keys and salts.
    pub entropy: Arc<dyn Entropy>,
    /// Owns the work.
    pub supervisor: Supervisor,
}

/// What is asked of the past.
#[derive(Clone, Debug)]
pub struct PastQuery {
    /// Stamps from the first on and before the second.
    pub window: Range<Timestamp>,
    /// Which packets.
    pub filter: Filter,
    /// The newest so many at most.
    pub limit: usize,
}

/// What was found of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The packets, and what is missing.
    pub sample: Sample,
    /// The stamp of the oldest packet that is kept, whatever was asked for.
    pub kept_since: Option<Timestamp>,
}

/// Records one interface until it is told to end.
type Lane = Arc<dyn Fn(&str, &Desk) + Send + Sync>;

/// The look-back of this machine.
pub struct LookBack {
    settings: LookBackSettings,
    parts: LookBackParts,
    lane: Lane,
    state: Mutex<State>,
    /// For those who ask.
    ring: parking_lot::RwLock<Option<Lookback>>,
    asking: Arc<Semaphore>,
    progress: Progress,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Recording {
        desk: Arc<Desk>,
        threads: Vec<(String, JoinHandle<()>)>,
    },
    Ended,
}

/// Why something that is wanted is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Trouble(String);

impl LookBack {
    /// A look-back that records nothing yet.
    pub fn new(settings: LookBackSettings, parts: LookBackParts) -> Arc<Self> {
        let (ring, snaplen) = (settings.ring.clone(), settings.keeps.snaplen);
        let lane = move |name: &str, desk: &Desk| {
            // As much as it can: what runs at the usual priority records too.
            let _ = rustix::process::nice(NICE);
            tap::run(name, desk, || {
                let interface = find_interface(name)?;
                let program = Filter::All.compile(interface.link_type())?.with_snaplen(snaplen);
                Ok::<_, TapError>(RingSource::open(&interface, &ring, &program)?)
            });
        };
        Self::with_lane(settings, parts, Arc::new(lane))
    }

    fn with_lane(settings: LookBackSettings, parts: LookBackParts, lane: Lane) -> Arc<Self> {
        Arc::new(Self {
            progress: parts.supervisor.progress(TASK),
            settings,
            parts,
            lane,
            state: Mutex::default(),
            ring: parking_lot::RwLock::default(),
            asking: Arc::new(Semaphore::new(LOOK_BACKS_MAX)),
        })
    }

    /// Records from now on, until the process stops; then what came in is written.
    pub fn supervise(self: &Arc<Self>) {
        let kept = Arc::clone(self);
        self.parts.supervisor.every(TASK, PERIOD, move || {
            let kept = Arc::clone(&kept);
            async move { kept.keep().await }
        });
        let ended = Arc::clone(self);
        self.parts.supervisor.spawn("end of look-back", async move {
            ended.parts.supervisor.shutdown().stopping().await;
            ended.end().await;
        });
    }

    /// Finds the newest packets of a window that a filter takes.
    ///
    /// # Errors
    /// Why nothing can be had of it now, for who asked.
    ///
    /// # Cancel safety
    /// Safe: what was begun is read to its end, and forgotten.
    pub(crate) async fn find(&self, query: PastQuery) -> Result<Past, AgentError> {
        let ring = self.ring.read().clone();
        // Why not is in the log; there are paths in it.
        let ring = ring.ok_or_else(|| AgentError("the look-back ring is not open now; ask again later".to_owned()))?;
        let clock = Arc::clone(&self.parts.clock);
        // What has come in by now is handed over when its block is: so long after it at the latest.
        let handed_over = self.settings.ring.retire * 2;
        if clock.now().since(query.window.end) < handed_over {
            clock.sleep(handed_over).await;
        }
        let stopped = || AgentError("the server is stopping".to_owned());
        let turn = Arc::clone(&self.asking).acquire_owned().await.map_err(|_| stopped())?;
        let shutdown = self.parts.supervisor.shutdown().clone();
        let work = move || {
            // Held until the work is over, also when nobody waits for it any more.
            let _turn = turn;
            let until = clock.monotonic() + LOOK_BACK_TIME_MAX;
            let query = Query {
                window: query.window,
                filter: query.filter,
                limit: query.limit,
                scan_bytes_max: LOOK_BACK_SCAN_BYTES_MAX,
            };
            let sample = ring.query(&query, &|| shutdown.is_stopping() || clock.monotonic() >= until);
            let kept_since = ring.stats().span.map(|(first, _)| first);
            sample.map(|sample| Past { sample, kept_since })
        };
        let found = tokio::task::spawn_blocking(work).await.map_err(|_| stopped())?;
        found.map_err(|error| {
            error!(chain = causes(&error), "look-back query failed");
            AgentError("the look-back ring could not be read".to_owned())
        })
    }

    /// Makes what is wanted be there.
    async fn keep(&self) -> Result<(), Trouble> {
        let mut state = self.state.lock().await;
        if let State::Closed = *state {
            let recorder = self.open().await?;
            *state = State::Recording {
                desk: Arc::new(Desk::new(recorder, Arc::clone(&self.parts.clock))),
                threads: Vec::new(),
            };
        }
        let State::Recording { desk, threads } = &mut *state else {
            return Ok(());
        };
        let broken: Vec<_> = threads.extract_if(.., |(_, thread)| thread.is_finished()).collect();
        for name in &self.settings.interfaces {
            if threads.iter().all(|(running, _)| running != name) {
                threads.push((name.clone(), self.start(name, desk)?));
            }
        }
        self.tell();
        match broken.first() {
            None => Ok(()),
            Some((name, _)) => Err(Trouble(format!(
                "the thread of {name} broke off, and was started again"
            ))),
        }
    }

    /// Opens the ring, and begins to record.
    async fn open(&self) -> Result<Recorder, Trouble> {
        let LookBackParts {
            meta,
            sealer,
            clock,
            entropy,
            ..
        } = &self.parts;
        let key = disk_key::for_ring(meta, sealer, &**entropy).await;
        let parts = baleen_lookback::Parts {
            key: Some(key.map_err(|error| Trouble(causes(&error)))?),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
        };
        let (folder, keeps) = (self.settings.folder.clone(), self.settings.keeps);
        let open = move || {
            let ring = Lookback::open(&folder, keeps, parts)?;
            let recorder = ring.record()?;
            Ok((ring, recorder))
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let opened = opened.map_err(|_| Trouble("it was broken off".to_owned()))?;
        let (ring, recorder) = opened.map_err(|error: baleen_lookback::Error| Trouble(causes(&error)))?;
        let stats = ring.stats();
        info!(
            folder = %self.settings.folder.display(),
            bytes = stats.bytes, damaged = stats.damaged, torn = stats.torn,
            "look-back ring opened"
        );
        *self.ring.write() = Some(ring);
        Ok(recorder)
    }

    fn start(&self, name: &str, desk: &Arc<Desk>) -> Result<JoinHandle<()>, Trouble> {
        let (lane, desk, of) = (Arc::clone(&self.lane), Arc::clone(desk), name.to_owned());
        let thread = std::thread::Builder::new().name(format!("lookback-{name}"));
        let started = thread.spawn(move || lane(&of, &desk));
        started.map_err(|error| Trouble(format!("there is no thread for {name}: {error}")))
    }

    /// Tells how the ring is doing.
    fn tell(&self) {
        let Some(ring) = self.ring.read().clone() else { return };
        let stats = ring.stats();
        meter::look_back(&stats);
        let since = stats
            .span
            .map(|(first, _)| format!(" since {}", first.to_rfc3339_secs()));
        let trouble = stats
            .trouble
            .map(|trouble| format!("; nothing is written now: {trouble}"));
        self.progress.tell(format!(
            "{}{}, {} packets kept and {} left out since the start{}",
            format_bytes(stats.bytes),
            since.unwrap_or_default(),
            stats.packets,
            stats.dropped + stats.left_out,
            trouble.unwrap_or_default()
        ));
    }

    /// Ends recording, and writes what came in.
    async fn end(&self) {
        let ended = std::mem::replace(&mut *self.state.lock().await, State::Ended);
        *self.ring.write() = None;
        let State::Recording { desk, threads } = ended else {
            return;
        };
        let end = move || {
            desk.stop();
            for (name, thread) in threads {
                if thread.join().is_err() {
                    error!(interface = name, "look-back thread panicked");
                }
            }
            // The last one: what it has is written now.
            drop(desk);
        };
        if tokio::task::spawn_blocking(end).await.is_err() {
            error!("the end of the look-back ring was not written");
        }
    }
}

impl std::fmt::Debug for LookBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookBack")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
