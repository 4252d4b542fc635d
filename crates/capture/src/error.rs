//! What can go wrong with captures, one variant for each thing a caller handles differently.

use crate::agent::AgentError;
use crate::engine::FollowError;
use crate::sink::SinkError;
use baleen_types::{CaptureId, Classify, FaultKind, Invalid, LinkType, ObjectKey, SiteName};
use std::time::Duration;

/// The members of a request for a capture that have limits here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Its time.
    Time,
    /// Its number of packets.
    Packets,
    /// Its number of packet bytes.
    Bytes,
    /// The most bytes kept of a packet.
    Snaplen,
    /// The size or the time of each of its files.
    Rotation,
    /// Its filter, as it was sent.
    Filter,
    /// The end of the time that a sample is about.
    Offset,
    /// The days for which what it caught is kept.
    Days,
    /// What a schedule may use in a day.
    Budget,
    /// The key under which addresses become others.
    AddressKey,
    /// What a schedule waits for.
    Trigger,
    /// The site of an agent.
    Site,
}

/// An error of the capture service. Its text may be shown to a client; causes below it are for the log.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The destination is not one, or leads nowhere.
    #[error("{}", .0.why)]
    Destination(Invalid),
    /// The filter does not compile.
    #[error("the filter does not compile: {0}")]
    Filter(#[source] baleen_filter::Error),
    /// The filter compiles, but not for every interface of the site: libpcap knows no `ether host` on `any`.
    #[error("the filter is not possible at site {site}, which captures on links of type {link}: {source}")]
    FilterAtSite {
        /// Which site.
        site: SiteName,
        /// On which of its links.
        link: LinkType,
        /// What is wrong there.
        #[source]
        source: baleen_filter::Error,
    },
    /// A member of the request is out of range.
    #[error("{why}")]
    Limit {
        /// Which.
        of: Limited,
        /// What is allowed.
        why: String,
    },
    /// The account has as many destinations as it may.
    #[error("an account has at most {limit} buckets for captures; delete one first")]
    TooManyOwnerships {
        /// The limit.
        limit: usize,
    },
    /// The account has no such destination.
    #[error("there is no such bucket under this account; create its ownership challenge first")]
    NoSuchOwnership,
    /// The account has no such capture.
    #[error("there is no such capture under this account")]
    NoSuchCapture(CaptureId),
    /// The destination is not proven to be the account's.
    #[error("{0}")]
    NotProven(&'static str),
    /// The answer to the challenge is wrong.
    #[error(
        "the ownership challenge does not match the text in the file; {left} more wrong answers void this challenge"
    )]
    WrongAnswer {
        /// Answers left before it is void.
        left: u8,
    },
    /// The challenge is void: answered wrongly too often, or too old.
    #[error("this ownership challenge has failed; create a new one")]
    ChallengeFailed,
    /// A destination of our own store or of another took no file.
    #[error("the challenge file could not be written to the bucket: {0}")]
    Unwritable(#[source] SinkError),
    /// Another full capture of the account is pending or running.
    #[error("the full capture {0} of this account is pending or running; wait for its end or stop it")]
    Active(CaptureId),
    /// The capture is over, or was asked to stop before.
    #[error("the capture {0} is over, or was asked to stop before")]
    NotStoppable(CaptureId),
    /// The capture cannot be followed, or not by one more.
    #[error("the capture {id} cannot be followed: {why}")]
    NotFollowable {
        /// Which.
        id: CaptureId,
        /// Why.
        why: FollowError,
    },
    /// The agent did not begin.
    #[error("the capture agent could not begin: {0}")]
    NotBegun(#[source] AgentError),
    /// No site of ours has that name, or it is not for this account.
    #[error("no capture agent serves {0} for this account")]
    NoSite(SiteName),
    /// The agents of that site or group are enrolled, and none is connected.
    #[error("no capture agent of {0} is connected now; try again in a moment")]
    NoAgentConnected(SiteName),
    /// Another capture task of that instance has the name.
    #[error("a capture task of this instance has that name")]
    NameTaken,
    /// The account has as many capture tasks waiting or running as it may.
    #[error("{limit} capture tasks of this account wait or run, which is as many as may at once; wait or stop one")]
    TooManyTasks {
        /// The limit.
        limit: u8,
    },
    /// As many capture tasks are kept of the account as may be, or more than so many are to be deleted at once.
    #[error("at most {limit} capture tasks {what}")]
    TaskLimit {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The instance has no such capture task, or its time is over.
    #[error("there is no such capture task")]
    NoSuchTask,
    /// The capture task is not over yet.
    #[error("the capture task {0} is not over; stop it first, or wait")]
    TaskNotOver(CaptureId),
    /// The capture task is over and has no file.
    #[error("there is no file of this capture task: {why}")]
    NoTaskFile {
        /// Why.
        why: String,
    },
    /// A link to a file is not one of ours, is too old, or is not for who follows it.
    #[error("this link does not work, or not any more, or not from here; ask for the result of the task again")]
    BadTicket,
    /// The account has no such schedule.
    #[error("there is no such schedule under this account")]
    NoSuchSchedule,
    /// The schedule does not go on, for this reason.
    #[error("{0}")]
    Schedule(&'static str),
    /// Another schedule of the account has the name.
    #[error("a schedule of this account has that name")]
    ScheduleNameTaken,
    /// The account has as many schedules as it may.
    #[error("an account has at most {limit} schedules; delete one first")]
    TooManySchedules {
        /// The limit.
        limit: u8,
    },
    /// The account has as many triggers as it may, or the server watches for as many as it does.
    #[error("{whose} at most {limit} triggers; pause or delete one first")]
    TooManyTriggers {
        /// Who.
        whose: &'static str,
        /// The limit.
        limit: usize,
    },
    /// No site of the account keeps packets that went by.
    #[error("no site of this account keeps packets that went by")]
    NoLookBack,
    /// The account's last sample was asked for less than a minute ago.
    #[error("one sample a minute: the next one can be asked for in {} seconds", left.as_secs_f64().ceil())]
    TooSoon {
        /// That sample.
        last: CaptureId,
        /// How long it still is too soon.
        left: Duration,
    },
    /// The capture is no sample: its file is in its bucket, under this key.
    #[error("the file of a full capture is in its bucket, as {0}; download it there")]
    NotASample(ObjectKey),
    /// The sample is not made yet.
    #[error("the sample {0} is not ready; ask again in a moment")]
    NotReady(CaptureId),
    /// The sample has failed, for this reason.
    #[error("this sample has no file: {0}")]
    SampleFailed(String),
    /// The file of a sample is not in the account's bucket any more.
    #[error("the file of the capture {0} was deleted from the bucket")]
    FileGone(CaptureId),
    /// Nothing of a range lies in the file.
    #[error("the range lies outside the {size} bytes of the file")]
    Range {
        /// The size of the file.
        size: u64,
    },
    /// As many captures run or are being uploaded as this server takes.
    #[error("this server runs as many captures as it takes at once; try again when one of them is over")]
    Busy,
    /// The account holds as many of the places for captures as it may.
    #[error(
        "{limit} captures of this account run or are being uploaded, as many as may of one account; try again when one of them is over"
    )]
    Share {
        /// How many.
        limit: usize,
    },
    /// As many captures of the account are over and wait for their stores as may.
    #[error(
        "captures of this account are over and wait for their stores, as many as may; another can begin when a store has taken one of them"
    )]
    Overdue,
    /// The captures of the account have come to what they may in a day, or those that run may come to it.
    #[error("{why}")]
    Quota {
        /// What is used up, and until when.
        why: String,
        /// How long it will be so; not known where the end of another capture may give something back.
        left: Option<Duration>,
    },
    /// The process is about to end and begins nothing new.
    #[error("the server is stopping; try again in a moment")]
    Stopping,
    /// Other writers kept winning.
    #[error("too many changes to the same thing at once; try again")]
    Contended,
    /// A record is not what was stored.
    #[error("a stored {0} is damaged")]
    Damaged(&'static str),
    /// The access keys of a destination do not open.
    #[error("the access keys of this bucket cannot be read; create its ownership challenge again, with its keys")]
    Sealed(#[source] baleen_sealing::DoesNotOpen),
    /// Agents on other hosts are not taken.
    #[error("this server takes no agents on other hosts; its operator can turn that on with listen.agents")]
    NoAgents,
    /// What was asked of agents is not possible.
    #[error(transparent)]
    Fleet(#[from] baleen_fleet::Error),
    /// The metadata store failed.
    #[error("the metadata store could not do it now; try again")]
    Meta(#[source] baleen_meta::Error),
    /// The object store failed where no client's bucket was at fault.
    #[error("the object store could not do it now; try again")]
    Objects(#[source] baleen_objects::ObjectError),
    /// The account's own bucket for captures is not there, and cannot be made.
    #[error("the bucket in which this account's captures are kept cannot be made: {0}")]
    NoHome(#[source] baleen_objects::ObjectError),
    /// It cannot be told now whether an account may act.
    #[error("the account cannot be looked up now; try again")]
    Account(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Work moved off the main threads did not come back.
    #[error("an internal task broke off")]
    Task(#[source] tokio::task::JoinError),
}

impl Classify for CaptureError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Destination(_)
            | Self::Filter(_)
            | Self::FilterAtSite { .. }
            | Self::Limit { .. }
            | Self::TooManyOwnerships { .. }
            | Self::NotProven(_)
            | Self::WrongAnswer { .. }
            | Self::ChallengeFailed
            | Self::Unwritable(_)
            | Self::TaskLimit { .. }
            | Self::TooManySchedules { .. }
            | Self::TooManyTriggers { .. }
            | Self::NoSite(_)
            | Self::NoLookBack
            | Self::NotASample(_)
            | Self::SampleFailed(_)
            | Self::Range { .. } => FaultKind::Invalid,
            Self::NoSuchOwnership
            | Self::NoSuchCapture(_)
            | Self::FileGone(_)
            | Self::NoSuchTask
            | Self::NoSuchSchedule
            | Self::NoTaskFile { .. }
            | Self::BadTicket => FaultKind::NotFound,
            Self::NotFollowable { why, .. } => match why {
                FollowError::Over | FollowError::Unable => FaultKind::Conflict,
                FollowError::TooMany | FollowError::Away => FaultKind::Unavailable,
            },
            Self::NameTaken | Self::ScheduleNameTaken => FaultKind::Exists,
            Self::Active(_)
            | Self::Schedule(_)
            | Self::NotStoppable(_)
            | Self::NotReady(_)
            | Self::TaskNotOver(_)
            | Self::NoAgents => FaultKind::Conflict,
            Self::Stopping
            | Self::Busy
            | Self::Share { .. }
            | Self::Overdue
            | Self::NoAgentConnected(_)
            | Self::NotBegun(_)
            | Self::Account(_) => FaultKind::Unavailable,
            Self::Contended | Self::TooSoon { .. } | Self::TooManyTasks { .. } | Self::Quota { .. } => {
                FaultKind::Throttled
            }
            Self::Damaged(_) | Self::Sealed(_) => FaultKind::Corrupt,
            Self::Fleet(error) => error.kind(),
            Self::Meta(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::NoHome(error) => match error.kind() {
                kind if kind.is_transient() || kind.is_ours() => kind,
                // Its name is another account's, or there are too many: who has the account can do something about it.
                _ => FaultKind::Invalid,
            },
            Self::Task(_) => FaultKind::Internal,
        }
    }
}

impl From<baleen_meta::Error> for CaptureError {
    fn from(error: baleen_meta::Error) -> Self {
        Self::Meta(error)
    }
}
