//! What is stored of a schedule, under the keys of `keys.rs`.

mod filter;
mod runs;
mod show;
mod when;

use super::{Cron, ScheduleName, When};
use crate::agent::{Format, Limits};
use crate::budget::{Budget, Used};
use crate::capture::{StoredMask, StoredRotation};
use crate::privacy::{Anonymise, Privacy};
use crate::tasks::{Asked, CreateCapture};
use crate::{CaptureError, Destination, SentFilter};
use baleen_meta::record::first_version;
use baleen_types::{AccountId, ScheduleId, SiteName, Timestamp};
use filter::StoredFilter;
use runs::{StoredOpen, StoredRun};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use when::StoredWhen;

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

/// The id of a record that may not be readable: it stands first, behind the version, in all of them.
pub(super) fn id_in(bytes: &[u8]) -> Option<ScheduleId> {
    let id = bytes.get(1..)?.first_chunk()?;
    Some(ScheduleId::from_bytes(*id))
}

pub(super) fn damaged() -> CaptureError {
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

    /// What it waits for, and the request for one of its captures.
    ///
    /// # Errors
    /// `Damaged` also where a language has changed in which it was asked for, so that it has to be told of, and keeps no other.
    pub(super) fn opened(&self, account: AccountId) -> Result<(When, CreateCapture), CaptureError> {
        Ok((self.when()?, self.request(account, self.limits())?))
    }

    /// The site or group of its captures.
    pub(super) fn site(&self) -> Option<SiteName> {
        SiteName::parse(&self.site).ok()
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

#[cfg(test)]
mod tests;
