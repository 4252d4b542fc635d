//! Captures: from a request to a file in a bucket that was proven to be the asker's.
//!
//! [`Captures`] is the service behind the capture doors. It keeps destinations with their proofs of ownership, samples of what
//! went by (`sample.rs`), and full captures with their life:
//!
//! ```text
//! pending -> running -> conversion_pending -> conversion_running -> success | failed
//! ```
//!
//! Schedules (`schedule.rs`) begin such captures by themselves. Capture tasks (`tasklist.rs`) are the same with names, into the account's own bucket, for some days.
//!
//! Invariants:
//! * an account has at most one capture that is pending or running, and so many capture tasks, and the captures that begin in a day
//!   come to no more than its quota (`quota.rs`), by conditional commits;
//! * nothing under the final name is ever a part of a file: multipart uploads show an object when they are complete;
//! * memory is bounded: the agent's pool of part buffers is all there is of a file here, and one part that is read back from
//!   the disk (`spool.rs`); when the rest of a capture lies there, that part alone (`run/room.rs`);
//! * a terminal state never changes, and a failure says why;
//! * counts never go down, but for those of a capture that the process did not live to finish: its next start settles it,
//!   with the packets of the parts that were stored and not one more, see `recover.rs`;
//! * a capture belongs to its account, not to who asked for it, and ends with the account, see `accounts.rs`.
//!
//! [`LookBack`] is what samples are taken of: the recorder of this machine's look-back ring.
//!
//! Requests arrive already authorized. Left out: wire formats, which are the doors' business.

mod accounts;
mod agent;
mod budget;
mod capture;
mod compile;
mod destination;
mod disk;
mod disk_key;
pub mod engine;
mod enrolment;
mod error;
mod files;
mod finish;
mod home;
mod journal;
pub mod limits;
mod live;
mod look_back;
mod meter;
mod ownership;
mod patience;
mod place;
mod privacy;
mod quota;
mod recover;
mod rooms;
mod run;
mod sample;
mod schedule;
mod sealed;
mod sink;
mod site;
mod spool;
mod store;
mod stream;
mod tasklist;
mod tasks;

pub use accounts::Purged;
pub use agent::{
    Agent, AgentError, Catch, Delivery, EmbeddedAgent, EmbeddedSettings, Ended, Followed, Format, Limits, Order,
    PartRefused, Piece, RemoteAgents, Running, Verdict, ViewSink, WatchOrder, Watching, order_of,
};
pub use baleen_fleet::{AgentInfo, HowItIs, NewToken as NewAgentToken};
pub use budget::{Budget, Used};
pub use capture::{Capture, Counts, Kind, SentFilter, Status};
pub use destination::{
    AccessKeys, AzureAccount, Destination, Endpoint, EndpointRule, EndpointRules, Identity, R2Account, Store,
};
pub use engine::{FollowError, Rotation, Seen};
pub use enrolment::ShownAgent;
pub use error::{CaptureError, Limited};
pub use files::FileInfo;
pub use home::CaptureFile;
pub use look_back::{LookBack, LookBackParts, LookBackSettings, Past, PastQuery};
pub use ownership::{Ownership, Proof};
pub use place::{
    AzureDestination, AzurePlace, DestinationSettings, GsDestination, GsOwn, R2Endpoint, S3Credentials, S3Destination,
};
pub use privacy::{Anonymise, Privacy, ShownPrivacy};
pub use quota::{Quota, Today};
pub use recover::Recovered;
pub use sample::CreateSample;
pub use schedule::{
    Began, CreateSchedule, Cron, Fired, Found, NotTaken, Outcome as RunOutcome, Run, Schedule, ScheduleName,
    ScheduleWitness, ScheduledCapture, Trigger, TripsOn, Unit, When,
};
pub use sink::SinkError;
pub use site::{Accounts, Site, Sites};
pub use spool::SpoolSettings;
pub use stream::{LiveFile, SiteInfo, StreamCapture};
pub use tasklist::{
    CreateTask, Expired, Redeemed, Task, TaskAddress, TaskFile, TaskName, TaskPage, TaskSpec, TaskStatus,
};
pub use tasks::{Asked, CaptureFilter, CreateCapture};

pub use baleen_packet::masking::AddressKey;

use baleen_keyring::SealedKind;
use baleen_meta::Meta;
use baleen_objects::Objects;
use baleen_runtime::{Clock, Entropy, Supervisor, Turns};
use baleen_sealing::Sealer;
use baleen_types::RegionName;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// The kinds of records of this crate that hold something sealed.
pub const SEALED: &[SealedKind] = &[ownership::SEALED, disk_key::SEALED];

/// The capture service.
pub struct Captures {
    parts: Parts,
    places: place::Places,
    region: RegionName,
    live: live::LiveCaptures,
    spool: Option<Arc<spool::Spool>>,
    rooms: Arc<rooms::Rooms>,
    compiling: compile::Compiling,
    tasks_max: u8,
    task_bytes_max: u64,
    quota: Quota,
    schedule_turns: Turns,
    watchers: schedule::Watchers,
    schedule_minute: Duration,
    passes: schedule::Passes,
    pace: Mutex<Option<schedule::Pace>>,
}

/// What the operator chooses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Captures that run or are being uploaded at once, over all accounts. Each holds the engine's part buffers until its
    /// last part is in the store or on the disk, so this bounds the memory of them all.
    pub captures_max: usize,
    /// Capture tasks of one account that wait or run at once.
    pub tasks_max: u8,
    /// Captured packet bytes after which a capture task ends.
    pub task_bytes_max: u64,
    /// What the captures of one account may come to in a day.
    pub quota: Quota,
    /// How long a minute of schedules is: a minute, but for trials.
    pub schedule_minute: Duration,
    /// The region of buckets that are made for captures.
    pub region: RegionName,
    /// Which stores captures may go to.
    pub destinations: DestinationSettings,
    /// How patient the clients of other stores are.
    pub remote: baleen_remote::Settings,
    /// Where parts wait on the disk that find no room in memory; none: packets wait in the kernel then.
    pub spool: Option<SpoolSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            captures_max: limits::CAPTURES_MAX_DEFAULT,
            tasks_max: limits::TASKS_RUNNING_DEFAULT,
            task_bytes_max: limits::TASK_BYTES_DEFAULT,
            quota: Quota::default(),
            schedule_minute: Duration::from_mins(1),
            region: RegionName::parse("us-east-1").expect("the default of the settings is a region"),
            destinations: DestinationSettings::default(),
            remote: baleen_remote::Settings::default(),
            spool: None,
        }
    }
}

/// What the service is built from.
pub struct Parts {
    /// Where records are.
    pub meta: Meta,
    /// Our own store, as a destination.
    pub objects: Arc<Objects>,
    /// Where packets are captured.
    pub sites: Sites,
    /// Seals access keys of destinations.
    pub sealer: Arc<Sealer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and challenges.
    pub entropy: Arc<dyn Entropy>,
    /// Owns running captures.
    pub supervisor: Supervisor,
    /// Connections to other stores.
    pub connections: baleen_remote::Connections,
}

impl Captures {
    /// Builds the service. Call [`Captures::recover`] before requests are taken.
    pub fn new(settings: Settings, parts: Parts) -> Arc<Self> {
        meter::show();
        let places = place::Places {
            settings: settings.destinations,
            objects: Arc::clone(&parts.objects),
            clock: Arc::clone(&parts.clock),
            remote: baleen_remote::Parts {
                clock: Arc::clone(&parts.clock),
                entropy: Arc::clone(&parts.entropy),
                connections: parts.connections.clone(),
            },
            remote_settings: settings.remote,
        };
        Arc::new(Self {
            parts,
            places,
            region: settings.region,
            live: live::LiveCaptures::default(),
            spool: settings.spool.map(spool::Spool::new),
            rooms: rooms::Rooms::new(settings.captures_max),
            compiling: compile::Compiling::default(),
            tasks_max: settings.tasks_max,
            task_bytes_max: settings.task_bytes_max,
            quota: settings.quota,
            schedule_turns: Turns::default(),
            watchers: schedule::Watchers::default(),
            schedule_minute: settings.schedule_minute,
            passes: schedule::Passes::default(),
            pace: Mutex::new(None),
        })
    }
}
