//! What is stored of a schedule.
//!
//! Two keys go together: the record, under its account and one of the account's slots; and while it is not paused, an entry by
//! when it is due, by which a pass finds it without reading the others.

use super::budget::{Budget, Used};
use super::trigger::{Trigger, TripsOn, Unit};
use super::{Began, Cron, Outcome, Run, Schedule, ScheduleName, ScheduledCapture, When};
use crate::agent::{Format, Limits};
use crate::capture::{StoredMask, StoredRotation, cut};
use crate::limits::RUNS_KEPT;
use crate::privacy::{Anonymise, Privacy, ShownPrivacy};
use crate::tasks::{Asked, CaptureFilter, CreateCapture};
use crate::{CaptureError, Destination, SentFilter};
use baleen_filter::{End, FiveTuple, Rules};
use baleen_meta::Entry;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_types::{AccountId, CaptureId, ScheduleId, SiteName, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A schedule as it is stored, under its account and slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSchedule {
    pub(super) id: [u8; ScheduleId::BYTES],
    pub(super) name: String,
    pub(super) when: StoredWhen,
    runs_a_day: u32,
    packets_a_day: Option<u64>,
    bytes_a_day: Option<u64>,
    site: String,
    /// As it was sent when it was proven, without access keys.
    destination: String,
    time_limit_ns: u64,
    packet_limit: u64,
    byte_limit: u64,
    is_pcapng: bool,
    snaplen: Option<u32>,
    rotation: Option<StoredRotation>,
    mask: Option<StoredMask>,
    filter: StoredFilter,
    sent_tuple: Option<String>,
    sent_bidirectional: bool,
    sent_expression: Option<String>,
    sent_rules: Option<String>,
    /// The digest of the request, by which a repeated one is known.
    pub(super) asked_sha256: [u8; 32],
    pub(super) is_paused: bool,
    pub(super) created_ns: i64,
    /// When it is due next; never while it is paused.
    pub(super) due_ns: Option<i64>,
    day: i64,
    used_runs: u32,
    used_packets: u64,
    used_bytes: u64,
    /// The last capture, until its packets are counted.
    pub(super) open: Option<StoredOpen>,
    /// The last runs, the newest at the end.
    runs: Vec<StoredRun>,
}
first_version!(StoredSchedule, "schedule");

/// What a schedule waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredWhen {
    Cron(String),
    Trigger(StoredTrigger),
}

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredTrigger {
    on: StoredOn,
    filter: StoredFilter,
    sent_tuple: Option<String>,
    sent_bidirectional: bool,
    sent_expression: Option<String>,
    sent_rules: Option<String>,
}

/// One packet, or how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredOn {
    Packet,
    Rate {
        is_bits: bool,
        per_second: u64,
        window_ns: u64,
    },
}

/// When what waits for no time is due: behind all times, where the watchers find it.
pub(super) const NEVER: i64 = i64::MAX;

/// A filter as it is compiled again for each capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredFilter {
    All,
    Tuple {
        source: StoredEnd,
        destination: StoredEnd,
        protocol: Option<u8>,
        bidirectional: bool,
    },
    Expression(String),
    Rules(String),
}

/// One end of a five-tuple.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredEnd {
    addresses: Vec<String>,
    ports: Vec<(u16, u16)>,
}

/// A capture whose packets are still to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredOpen {
    pub(super) capture: [u8; CaptureId::BYTES],
    pub(super) day: i64,
}

/// What became of one time, or of several alike behind each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredRun {
    pub(super) due_ns: i64,
    /// What set it off, where that was not the time.
    pub(super) cause: Option<String>,
    pub(super) outcome: StoredOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredOutcome {
    Began([u8; CaptureId::BYTES]),
    Skipped { why: String, times: u32, last_due_ns: i64 },
}

pub(super) fn of_account(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::Schedule).u64(account.as_u64()).finish()
}

pub(super) fn key(account: AccountId, slot: u8) -> Vec<u8> {
    KeyWriter::new(Table::Schedule).u64(account.as_u64()).u8(slot).finish()
}

pub(super) fn slot_in_key(key: &[u8]) -> Result<u8, CaptureError> {
    let mut reader = KeyReader::new(key, Table::Schedule)?;
    reader.u64()?;
    let slot = reader.u8()?;
    reader.end()?;
    Ok(slot)
}

pub(super) fn all_due() -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue).finish()
}

/// What the entries begin with of those that wait for no time.
pub(super) fn at_never() -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue).u64(NEVER.unsigned_abs()).finish()
}

/// Which schedule an entry is of.
pub(super) fn in_watch_row(entry: &Entry) -> Result<(AccountId, u8, ScheduleId), CaptureError> {
    let (_, account, slot) = in_due_key(&entry.key)?;
    let id = entry.value[..].try_into().map_err(|_| damaged())?;
    Ok((account, slot, ScheduleId::from_bytes(id)))
}

pub(super) fn due_key(due_ns: i64, account: AccountId, slot: u8) -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue)
        .u64(u64::try_from(due_ns).unwrap_or(0))
        .u64(account.as_u64())
        .u8(slot)
        .finish()
}

pub(super) fn in_due_key(key: &[u8]) -> Result<(i64, AccountId, u8), CaptureError> {
    let mut reader = KeyReader::new(key, Table::ScheduleDue)?;
    let due_ns = i64::try_from(reader.u64()?).unwrap_or(i64::MAX);
    let account = AccountId::from_u64(reader.u64()?).map_err(|_| CaptureError::Damaged("account id"))?;
    let slot = reader.u8()?;
    reader.end()?;
    Ok((due_ns, account, slot))
}

fn damaged() -> CaptureError {
    CaptureError::Damaged("schedule")
}

impl StoredSchedule {
    /// A schedule that was asked for just now; its destination is as it was proven.
    pub(super) fn new(
        id: ScheduleId,
        (name, when, budget): (&ScheduleName, &When, Budget),
        capture: &CreateCapture,
        destination: &Destination,
        now: Timestamp,
    ) -> Self {
        let sent = &capture.sent_filter;
        Self {
            id: *id.as_bytes(),
            name: name.to_string(),
            when: StoredWhen::from(when),
            runs_a_day: budget.runs,
            packets_a_day: budget.packets,
            bytes_a_day: budget.bytes,
            site: capture.site.to_string(),
            destination: destination.shown().to_owned(),
            time_limit_ns: u64::try_from(capture.limits.time.as_nanos()).unwrap_or(u64::MAX),
            packet_limit: capture.limits.packets,
            byte_limit: capture.limits.bytes,
            is_pcapng: capture.format == Format::PcapNg,
            snaplen: capture.snaplen,
            rotation: StoredRotation::of(capture.rotation),
            mask: capture.privacy.stored(),
            filter: StoredFilter::from(&capture.filter),
            sent_tuple: sent.tuple.clone(),
            sent_bidirectional: sent.bidirectional,
            sent_expression: sent.expression.clone(),
            sent_rules: sent.rules.clone(),
            asked_sha256: capture.asked.sha256,
            is_paused: false,
            created_ns: now.as_nanos(),
            due_ns: None,
            day: 0,
            used_runs: 0,
            used_packets: 0,
            used_bytes: 0,
            open: None,
            runs: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> ScheduleId {
        ScheduleId::from_bytes(self.id)
    }

    pub(super) fn when(&self) -> Result<When, CaptureError> {
        match &self.when {
            StoredWhen::Cron(text) => Cron::parse(text).map(When::Cron).map_err(|_| damaged()),
            StoredWhen::Trigger(trigger) => trigger.open().map(When::Trigger).ok_or_else(damaged),
        }
    }

    pub(super) fn is_trigger(&self) -> bool {
        matches!(self.when, StoredWhen::Trigger(_))
    }

    pub(super) fn budget(&self) -> Budget {
        Budget {
            runs: self.runs_a_day,
            packets: self.packets_a_day,
            bytes: self.bytes_a_day,
        }
    }

    pub(super) fn used(&self) -> Used {
        Used {
            day: self.day,
            runs: self.used_runs,
            packets: self.used_packets,
            bytes: self.used_bytes,
        }
    }

    pub(super) fn set_used(&mut self, used: Used) {
        (self.day, self.used_runs) = (used.day, used.runs);
        (self.used_packets, self.used_bytes) = (used.packets, used.bytes);
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            time: Duration::from_nanos(self.time_limit_ns),
            packets: self.packet_limit,
            bytes: self.byte_limit,
        }
    }

    /// The request for one of its captures.
    pub(super) fn request(&self, account: AccountId, limits: Limits) -> Result<CreateCapture, CaptureError> {
        Ok(CreateCapture {
            account,
            site: SiteName::parse(&self.site).map_err(|_| damaged())?,
            destination: Destination::parse(&self.destination).map_err(|_| damaged())?,
            limits,
            filter: self.filter.open().ok_or_else(damaged)?,
            sent_filter: self.sent_filter(),
            format: self.format(),
            snaplen: self.snaplen,
            rotation: self.rotation.map(StoredRotation::show).unwrap_or_default(),
            privacy: self.mask.as_ref().map(privacy).unwrap_or_default(),
            asked: Asked {
                sha256: self.asked_sha256,
                is_repeated: false,
            },
        })
    }

    fn sent_filter(&self) -> SentFilter {
        SentFilter {
            tuple: self.sent_tuple.clone(),
            bidirectional: self.sent_bidirectional,
            expression: self.sent_expression.clone(),
            rules: self.sent_rules.clone(),
        }
    }

    fn format(&self) -> Format {
        if self.is_pcapng { Format::PcapNg } else { Format::Pcap }
    }

    /// Notes that a capture begins.
    pub(super) fn note_begun(&mut self, due_ns: i64, cause: Option<String>, capture: CaptureId, day: i64) {
        let capture = *capture.as_bytes();
        self.open = Some(StoredOpen { capture, day });
        self.used_runs = self.used_runs.saturating_add(1);
        self.push(StoredRun {
            due_ns,
            cause,
            outcome: StoredOutcome::Began(capture),
        });
    }

    /// Takes back that a capture began, which did not.
    pub(super) fn take_back(&mut self, capture: CaptureId) {
        let capture = *capture.as_bytes();
        if let Some(open) = self.open.take_if(|open| open.capture == capture)
            && open.day == self.day
        {
            self.used_runs = self.used_runs.saturating_sub(1);
        }
        self.runs.retain(|run| run.outcome != StoredOutcome::Began(capture));
    }

    /// Notes that a capture which was to begin never did.
    pub(super) fn note_lost(&mut self, capture: CaptureId, why: &str) {
        let outcome = StoredOutcome::Began(*capture.as_bytes());
        let due = self
            .runs
            .iter()
            .find(|run| run.outcome == outcome)
            .map(|run| run.due_ns);
        self.take_back(capture);
        if let Some(due_ns) = due {
            self.note_skipped(due_ns, due_ns, 1, why.to_owned());
        }
    }

    /// Notes that nothing was begun, `times` times from `due_ns` to `last_due_ns`. What is skipped again for the same reason is one
    /// entry, so that the captures before it stay in sight.
    pub(super) fn note_skipped(&mut self, due_ns: i64, last_due_ns: i64, more: u32, why: String) {
        let reason = cut(why);
        if let Some(StoredRun {
            outcome:
                StoredOutcome::Skipped {
                    why,
                    times,
                    last_due_ns: last,
                },
            ..
        }) = self.runs.last_mut()
            && *why == reason
        {
            *times = times.saturating_add(more);
            *last = last_due_ns;
            return;
        }
        self.push(StoredRun {
            due_ns,
            cause: None,
            outcome: StoredOutcome::Skipped {
                why: reason,
                times: more,
                last_due_ns,
            },
        });
    }

    fn push(&mut self, run: StoredRun) {
        if self.runs.len() >= RUNS_KEPT {
            self.runs.remove(0);
        }
        self.runs.push(run);
    }

    /// The schedule as its account sees it; what became of its captures is told by those.
    pub(super) fn show(&self, account: AccountId, now: Timestamp) -> Result<Schedule, CaptureError> {
        let at = Timestamp::from_nanos;
        let show = |run: &StoredRun| Run {
            due: at(run.due_ns),
            cause: run.cause.clone(),
            outcome: match &run.outcome {
                StoredOutcome::Began(id) => Outcome::Began(Began {
                    capture: CaptureId::from_bytes(*id),
                    found: None,
                }),
                StoredOutcome::Skipped {
                    why,
                    times,
                    last_due_ns,
                } => Outcome::Skipped {
                    why: why.clone(),
                    times: *times,
                    last_due: at(*last_due_ns),
                },
            },
        };
        Ok(Schedule {
            id: self.id(),
            account,
            name: ScheduleName::parse(&self.name).map_err(|_| damaged())?,
            when: self.when()?,
            budget: self.budget(),
            used: self.used().on_day_of(now),
            capture: ScheduledCapture {
                site: SiteName::parse(&self.site).map_err(|_| damaged())?,
                destination: self.destination.clone(),
                limits: self.limits(),
                sent_filter: self.sent_filter(),
                format: self.format(),
                snaplen: self.snaplen,
                rotation: self.rotation.map(StoredRotation::show).unwrap_or_default(),
                privacy: self.mask.as_ref().map(ShownPrivacy::from),
            },
            is_paused: self.is_paused,
            created: at(self.created_ns),
            next: self.due_ns.filter(|due_ns| *due_ns != NEVER).map(at),
            runs: self.runs.iter().rev().map(show).collect(),
        })
    }
}

/// What is not to be kept of packets. A key of the asker's own is in no record, so that none of these schedules has one.
fn privacy(mask: &StoredMask) -> Privacy {
    let anonymise = if mask.addresses { Anonymise::Anew } else { Anonymise::No };
    Privacy {
        headers_only: mask.headers_only,
        zero_payload: mask.zero_payload,
        anonymise,
    }
}

impl From<&When> for StoredWhen {
    fn from(when: &When) -> Self {
        match when {
            When::Cron(cron) => Self::Cron(cron.as_str().to_owned()),
            When::Trigger(trigger) => Self::Trigger(trigger.into()),
        }
    }
}

impl From<&Trigger> for StoredTrigger {
    fn from(trigger: &Trigger) -> Self {
        let sent = &trigger.sent_filter;
        Self {
            on: match trigger.on {
                TripsOn::Packet => StoredOn::Packet,
                TripsOn::Rate {
                    unit,
                    per_second,
                    window,
                } => StoredOn::Rate {
                    is_bits: unit == Unit::Bits,
                    per_second,
                    window_ns: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX),
                },
            },
            filter: (&trigger.filter).into(),
            sent_tuple: sent.tuple.clone(),
            sent_bidirectional: sent.bidirectional,
            sent_expression: sent.expression.clone(),
            sent_rules: sent.rules.clone(),
        }
    }
}

impl StoredTrigger {
    /// The trigger; nothing if its filter is none any more.
    fn open(&self) -> Option<Trigger> {
        Some(Trigger {
            on: match self.on {
                StoredOn::Packet => TripsOn::Packet,
                StoredOn::Rate {
                    is_bits,
                    per_second,
                    window_ns,
                } => TripsOn::Rate {
                    unit: if is_bits { Unit::Bits } else { Unit::Packets },
                    per_second,
                    window: Duration::from_nanos(window_ns),
                },
            },
            filter: self.filter.open()?,
            sent_filter: SentFilter {
                tuple: self.sent_tuple.clone(),
                bidirectional: self.sent_bidirectional,
                expression: self.sent_expression.clone(),
                rules: self.sent_rules.clone(),
            },
        })
    }
}

impl From<&CaptureFilter> for StoredFilter {
    fn from(filter: &CaptureFilter) -> Self {
        match filter {
            CaptureFilter::All => Self::All,
            CaptureFilter::Tuple(tuple) => Self::Tuple {
                source: (&tuple.source).into(),
                destination: (&tuple.destination).into(),
                protocol: tuple.protocol,
                bidirectional: tuple.bidirectional,
            },
            CaptureFilter::Expression(text) => Self::Expression(text.clone()),
            CaptureFilter::Rules(rules) => Self::Rules(rules.text().to_owned()),
        }
    }
}

impl StoredFilter {
    /// The filter; nothing if it is none any more.
    fn open(&self) -> Option<CaptureFilter> {
        Some(match self {
            Self::All => CaptureFilter::All,
            Self::Tuple {
                source,
                destination,
                protocol,
                bidirectional,
            } => CaptureFilter::Tuple(FiveTuple {
                source: source.open()?,
                destination: destination.open()?,
                protocol: *protocol,
                bidirectional: *bidirectional,
            }),
            Self::Expression(text) => CaptureFilter::Expression(text.clone()),
            Self::Rules(text) => CaptureFilter::Rules(Rules::parse(text).ok()?),
        })
    }
}

impl From<&End> for StoredEnd {
    fn from(end: &End) -> Self {
        Self {
            addresses: end.addresses.iter().map(ToString::to_string).collect(),
            ports: end.ports.iter().map(|ports| (*ports.start(), *ports.end())).collect(),
        }
    }
}

impl StoredEnd {
    fn open(&self) -> Option<End> {
        let addresses = self.addresses.iter().map(|text| text.parse().ok());
        Some(End {
            addresses: addresses.collect::<Option<_>>()?,
            ports: self.ports.iter().map(|(first, last)| *first..=*last).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
