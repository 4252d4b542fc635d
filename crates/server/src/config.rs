//! Configuration: flags, environment and one TOML file become one checked [`Config`], once, at start.
//!
//! Flags beat the environment, the environment beats the file, the file beats the defaults. Unknown keys are refused, and
//! every mistake is listed at once with its key and its line. Nothing else in the product reads a variable or a file of
//! settings.

mod keys;
pub(crate) mod parse;
mod reader;
#[cfg(test)]
mod reference;

pub(crate) use keys::CACHE_BYTES_MAX;
pub(crate) use reader::{Effective, Sources, nearest};
#[cfg(test)]
pub(crate) use reference::reference;

use baleen_capture::{DestinationSettings, Quota};
use baleen_http::TrustedProxies;
use baleen_iam::{PublicUrl, RootOverrides};
use baleen_objects::{PublicAccessBlock, RegionFolder};
use baleen_types::{AccountId, CustomerName, RegionName, SiteName};
use reader::Reader;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Variables which are no settings but are ours: of this file, of the commands that ask a server, and of the Makefile.
const OTHER_VARIABLES: [&str; 7] = [
    CONFIG_VARIABLE,
    "BALEEN_API",
    "BALEEN_API_TOKEN",
    "BALEEN_PROJECT",
    "BALEEN_PROFILE",
    "BALEEN_CACHE",
    "BALEEN_TORTURE",
];

/// Names the configuration file, as `--config` does.
const CONFIG_VARIABLE: &str = "BALEEN_CONFIG";

/// Everything the server was told, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// The data folder; `None` when nobody named one. `serve` needs it, `config check` does not.
    pub(crate) data: Option<PathBuf>,
    /// The region this store says it is.
    pub(crate) region: RegionName,
    /// The other regions.
    pub(crate) regions: Vec<RegionFolder>,
    /// Most bytes that are copied to each region in a second.
    pub(crate) copied_bytes_per_second: Option<NonZeroU64>,
    /// The domain below which buckets are host names (`bucket.domain`).
    pub(crate) domain: Option<String>,
    /// Whether S3 requests may be signed with Signature Version 2.
    pub(crate) signature_v2: bool,
    /// Where browsers reach the S3 listener; `None`: where it listens.
    pub(crate) public_url: Option<PublicUrl>,
    /// The name of the first customer, which manages the others.
    pub(crate) reseller: CustomerName,
    /// The root user's credentials, when they are chosen and not drawn.
    pub(crate) root: RootOverrides,
    /// Where the master key is; `None`: in the data folder.
    pub(crate) master_key_file: Option<PathBuf>,
    /// The stores.
    pub(crate) store: Store,
    /// How it is looked through.
    pub(crate) scrub: Scrubbing,
    pub(crate) compaction: Compaction,
    /// How the store is backed up.
    pub(crate) backup: Backups,
    /// The addresses to listen on.
    pub(crate) listen: Listen,
    /// The certificate of the S3 and capture doors; they are not encrypted without.
    pub(crate) tls: Option<TlsFiles>,
    /// What is logged.
    pub(crate) log: Log,
    /// Whether the process gives up what it does not need.
    pub(crate) confine: bool,
    /// Who it goes on as; who started it, without.
    pub(crate) process_user: Option<String>,
    /// How long a deleted customer is kept.
    pub(crate) hold: Duration,
    /// What is counted of accounts, and how.
    pub(crate) usage: baleen_usage::Settings,
    /// What of public access is blocked for all buckets.
    pub(crate) blocked: PublicAccessBlock,
    /// Whether customers' keys are taken over encrypted connections only.
    pub(crate) secure_keys_only: bool,
    /// How long the day of lifecycle rules is.
    pub(crate) lifecycle_day: Duration,
    /// How often the logs of buckets are delivered.
    pub(crate) logging_interval: Duration,
    /// What the audit log keeps, and for how long.
    pub(crate) audit: baleen_audit::Settings,
    /// How long a stop may take.
    pub(crate) drain: Duration,
    /// The embedded capture agent.
    pub(crate) capture: Capture,
    /// Agents on other hosts.
    pub(crate) agents: Agents,
    /// What is kept of the packets that go by, if anything.
    pub(crate) look_back: Option<LookBack>,
    /// Where captures may go besides our own store.
    pub(crate) destinations: DestinationSettings,
}

/// The addresses.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) s3: SocketAddr,
    pub(crate) api: SocketAddr,
    pub(crate) ops: SocketAddr,
    /// Where agents on other hosts come in; nowhere without.
    pub(crate) agents: Option<SocketAddr>,
    /// Whose word about a client's address is taken.
    pub(crate) proxies: TrustedProxies,
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate, with those between it and its authority behind it.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What the stores may take.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "units are in names")]
pub(crate) struct Store {
    /// Cache of metadata, in bytes of memory; `None`: what suits this machine.
    pub(crate) cache_bytes: Option<u64>,
    /// For what is read and written ahead, in bytes of memory.
    pub(crate) transfer_bytes: u64,
    /// Space on the disk that bodies never take, in bytes.
    pub(crate) reserve_bytes: u64,
}

/// How everything that is stored is looked through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scrubbing {
    /// How long after the end of one look the next is due; never if it is 0.
    pub(crate) every: Duration,
    /// Most bytes read in a second.
    pub(crate) bytes_per_second: u64,
}

/// How space is given back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compaction {
    /// How long after one compaction the next begins; never if it is 0.
    pub(crate) every: Duration,
    /// Most bytes moved in a second.
    pub(crate) bytes_per_second: u64,
    /// Whether the metadata is compacted too.
    pub(crate) metadata: bool,
    /// How much of what lives in segments may be free beside it, in percent, before any is moved.
    pub(crate) free_percent_max: u8,
}

/// How the store is backed up while it is served.
#[derive(Clone, Debug)]
pub(crate) struct Backups {
    /// Where the backups are; none are made without.
    pub(crate) folder: Option<PathBuf>,
    /// How long after the end of one backup the next is due.
    pub(crate) every: Duration,
    /// How many are kept.
    pub(crate) keep: NonZeroUsize,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Directives of `tracing-subscriber`: `info`, `debug`, `info,baleen_meta=debug`.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The embedded capture agent.
#[derive(Debug)]
pub(crate) struct Capture {
    /// The site it serves.
    pub(crate) site: SiteName,
    /// The interfaces it captures from; empty: that of the default route.
    pub(crate) interfaces: Vec<String>,
    /// The accounts whose captures it takes; empty: all.
    pub(crate) accounts: Vec<AccountId>,
    /// Captures at work at once, over all accounts.
    pub(crate) running_max: usize,
    /// Capture tasks of one account that wait or run at once.
    pub(crate) tasks_max: u8,
    /// Captured bytes after which a capture task ends.
    pub(crate) task_bytes_max: u64,
    /// What the captures of one account may come to in a day.
    pub(crate) quota: Quota,
    /// What captures of several sites may keep on the disk until they are merged.
    pub(crate) staging_bytes: u64,
    /// How long a minute of schedules is.
    pub(crate) schedule_minute: Duration,
    /// Kernel memory per ring, in bytes.
    pub(crate) ring_bytes: usize,
    /// Rings per interface.
    pub(crate) rings: usize,
    /// Bytes in one part buffer, which is one part of the upload.
    pub(crate) part_bytes: usize,
    /// Part buffers of one capture.
    pub(crate) part_buffers: usize,
    /// Room on the disk for parts that find none in memory, if any.
    pub(crate) spool_bytes: Option<NonZeroU64>,
}

/// Agents on other hosts.
#[derive(Debug)]
pub(crate) struct Agents {
    /// Names and addresses by which they reach this server; empty: where it listens.
    pub(crate) names: Vec<String>,
    /// How long a capture waits for one that was cut off.
    pub(crate) away: Duration,
}

/// The look-back ring.
#[derive(Debug)]
pub(crate) struct LookBack {
    /// Where it is; `None`: in the data folder.
    pub(crate) folder: Option<PathBuf>,
    /// The interfaces that are recorded; empty: those of captures.
    pub(crate) interfaces: Vec<String>,
    /// What it keeps.
    pub(crate) keeps: baleen_lookback::Settings,
    /// Kernel memory per recorded interface, in bytes.
    pub(crate) ring_bytes: usize,
}

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) why: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag => f.write_str("command line"),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => write!(f, "{}: {}", self.key, self.why),
            origin => write!(f, "{} ({origin}): {}", self.key, self.why),
        }
    }
}

/// A configuration with an account of where each value came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Every setting in force, in the order of the reference.
    pub(crate) effective: Vec<Effective>,
    /// Variables with our prefix which are no setting; worth a warning.
    pub(crate) strange_variables: Vec<String>,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All mistakes at once, by key.
    pub(crate) fn load(sources: Sources) -> Result<Loaded, Vec<Mistake>> {
        let mut from = Reader::new(sources);
        let config = keys::read(&mut from);
        let (effective, mistakes, strange_variables) = from.finish();
        if mistakes.is_empty() {
            Ok(Loaded {
                config,
                effective,
                strange_variables,
            })
        } else {
            Err(mistakes)
        }
    }
}

/// Whether the variable says so that turns confinement off, for commands that go on where other settings have mistakes.
pub(crate) fn is_unconfined_by_variable() -> bool {
    std::env::var_os("BALEEN_PROCESS_CONFINE").is_some_and(|value| value == "off")
}

/// Gathers the sources: this process's environment, and the file that `flag` or `BALEEN_CONFIG` names.
///
/// # Errors
/// The file that cannot be read, as a mistake like any other.
pub(crate) fn gather(flag: Option<&Path>) -> Result<Sources, Mistake> {
    // Names and values that are no UTF-8 cannot be ours.
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("BALEEN_"))
        .collect();
    let (path, origin) = match (flag, environment.get(CONFIG_VARIABLE).filter(|text| !text.is_empty())) {
        (Some(path), _) => (Some(path.to_owned()), Origin::Flag),
        (None, Some(path)) => (
            Some(PathBuf::from(path)),
            Origin::Environment(CONFIG_VARIABLE.to_owned()),
        ),
        (None, None) => (None, Origin::Default),
    };
    let file = match path {
        None => None,
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) => {
                return Err(Mistake {
                    key: "config".to_owned(),
                    origin,
                    why: format!("{} cannot be read: {error}", path.display()),
                });
            }
        },
    };
    Ok(Sources {
        flags: BTreeMap::new(),
        environment,
        file,
    })
}

#[cfg(test)]
mod tests;
