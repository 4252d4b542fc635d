//! What is stored of a capture.
//!
//! Four keys go together: the record itself; an entry by time, for the list; an entry while it is unfinished, for the next
//! start; and while packets may still be taken, the account's one active capture. Beside them, until it is over, there is a
//! row for each part of its file (`journal.rs`).
//!
//! A capture task has lists of its own, so that no door shows what another began (`tasklist/keys.rs`): its entry by time, its name
//! in place of none, a slot in place of the one active capture, and from its end on an entry by when that is forgotten.

mod v1;

use super::{Capture, Counts, Kind, SentFilter, Status};
use crate::CaptureError;
use crate::agent::{FIRST_FILE, Format, Limits};
use crate::engine::Rotation;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::privacy::ShownPrivacy;
use crate::sink::{SentPart, Upload};
use crate::tasklist;
use baleen_meta::Request;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::Record;
use baleen_types::{AccountId, CaptureId, ObjectKey, OwnershipId, SiteName, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A capture as it is stored, under its account and id.
///
/// What nobody can ask for yet has its plain value: nothing of it, or one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCapture {
    pub(crate) origin: StoredOrigin,
    pub(crate) kind: StoredKind,
    /// What only capture tasks have.
    pub(crate) task: Option<StoredTask>,
    pub(crate) site: String,
    pub(crate) destination: String,
    pub(crate) ownership: [u8; OwnershipId::BYTES],
    pub(crate) object: String,
    pub(crate) time_limit_ns: u64,
    pub(crate) packet_limit: u64,
    pub(crate) byte_limit: u64,
    pub(crate) is_pcapng: bool,
    /// The most bytes kept of a packet, if that was asked for.
    pub(crate) snaplen: Option<u32>,
    pub(crate) mask: Option<StoredMask>,
    pub(crate) rotation: Option<StoredRotation>,
    /// Whether the files of several agents become one.
    pub(crate) merge: bool,
    /// The time that a sample is about.
    pub(crate) offset_ns: Option<i64>,
    pub(crate) sent_tuple: Option<String>,
    pub(crate) sent_bidirectional: bool,
    pub(crate) sent_expression: Option<String>,
    /// The display rules of the filter, as they were sent.
    pub(crate) sent_rules: Option<String>,
    /// The digest of the request, by which a repeated one is known.
    pub(crate) asked_sha256: Option<[u8; 32]>,
    /// The agents that capture, where it is not the server itself.
    pub(crate) agents: Vec<[u8; 16]>,
    /// How often it was ordered from agents.
    pub(crate) generation: u32,
    /// How many network interfaces the file is of, if that is known.
    pub(crate) interfaces: Option<u16>,
    pub(crate) state: StoredState,
    pub(crate) submitted_ns: i64,
    pub(crate) started_ns: Option<i64>,
    pub(crate) ended_ns: Option<i64>,
    pub(crate) stop_requested_ns: Option<i64>,
    /// When it last came to another state, or was asked to.
    pub(crate) modified_ns: i64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) dropped: u64,
    /// The packets that were counted before the process was killed; then those above are what the file holds, which may be
    /// fewer.
    pub(crate) packets_seen: Option<u64>,
    pub(crate) message: Option<String>,
    /// The store's id of the multipart upload, from before the first packet on.
    pub(crate) upload: Option<String>,
    /// The parts of a capture that an older release had wholly uploaded; those of today's are rows, see `journal.rs`.
    pub(crate) parts_v1: Vec<SentPart>,
}

impl Record for StoredCapture {
    const NAME: &'static str = "capture";
    const VERSION: u8 = 2;
    type Before = v1::StoredCaptureV1;
    fn migrate(before: v1::StoredCaptureV1) -> Self {
        before.into()
    }
}

/// By which way a capture was asked for; a door shows its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredOrigin {
    Pcaps,
    Task,
    Schedule,
    Stream,
}

/// Whether packets are taken as they come, or out of what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredKind {
    Full,
    Sample,
}

/// What a capture task has beside its capture, as it was asked for. Nothing older than the tasks themselves has one, so that its
/// first shape is that of the record's second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTask {
    pub(crate) name: String,
    pub(crate) instance: String,
    pub(crate) source: StoredAddress,
    pub(crate) destination: StoredAddress,
    pub(crate) protocol: i16,
    pub(crate) source_port: String,
    pub(crate) destination_port: String,
    pub(crate) duration_minutes: u32,
    pub(crate) hold_days: u8,
    /// Which of the account's slots it has while packets may still be taken.
    pub(crate) slot: u8,
}

/// An address of a capture task, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredAddress {
    pub(crate) address: String,
    pub(crate) address_type: u8,
}

/// What of packets is not kept as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMask {
    pub(crate) headers_only: bool,
    pub(crate) zero_payload: bool,
    /// Whether addresses became others, of IP and of the link.
    pub(crate) addresses: bool,
    /// The key of that, sealed. Nobody needs it once packets are taken, so nobody keeps it today.
    pub(crate) sealed_address_key: Option<Vec<u8>>,
}

/// When a further file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRotation {
    pub(crate) file_bytes: Option<u64>,
    pub(crate) file_ns: Option<u64>,
}

/// A status as it is stored; its own type, so that [`Status`] may be ordered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredState {
    Pending,
    Running,
    ConversionPending,
    ConversionRunning,
    Success,
    Failed,
}

impl StoredRotation {
    /// What is stored of it; nothing when there is none.
    pub(crate) fn of(rotation: Rotation) -> Option<Self> {
        rotation.is_some().then(|| Self {
            file_bytes: rotation.bytes,
            file_ns: rotation
                .every
                .map(|every| u64::try_from(every.as_nanos()).unwrap_or(u64::MAX)),
        })
    }

    pub(crate) fn show(self) -> Rotation {
        Rotation {
            bytes: self.file_bytes,
            every: self.file_ns.map(Duration::from_nanos),
        }
    }
}

impl From<StoredState> for Status {
    fn from(state: StoredState) -> Self {
        match state {
            StoredState::Pending => Self::Pending,
            StoredState::Running => Self::Running,
            StoredState::ConversionPending => Self::ConversionPending,
            StoredState::ConversionRunning => Self::ConversionRunning,
            StoredState::Success => Self::Success,
            StoredState::Failed => Self::Failed,
        }
    }
}

pub(crate) fn key(account: AccountId, id: CaptureId) -> Vec<u8> {
    KeyWriter::new(Table::CaptureTask)
        .u64(account.as_u64())
        .fixed(id.as_bytes())
        .finish()
}

pub(crate) fn active_key(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::CaptureActive).u64(account.as_u64()).finish()
}

pub(crate) fn unfinished_prefix() -> Vec<u8> {
    KeyWriter::new(Table::CaptureUnfinished).finish()
}

pub(crate) fn unfinished_key(account: AccountId, id: CaptureId) -> Vec<u8> {
    KeyWriter::new(Table::CaptureUnfinished)
        .u64(account.as_u64())
        .fixed(id.as_bytes())
        .finish()
}

pub(crate) fn by_time_prefix(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::CaptureTaskByTime).u64(account.as_u64()).finish()
}

pub(crate) fn by_time_key(account: AccountId, submitted: Timestamp, id: CaptureId) -> Vec<u8> {
    // Turned over, so that the newest comes first; times before 1970 are no times of a capture.
    let newest_first = u64::MAX - u64::try_from(submitted.as_nanos()).unwrap_or(0);
    KeyWriter::new(Table::CaptureTaskByTime)
        .u64(account.as_u64())
        .u64(newest_first)
        .fixed(id.as_bytes())
        .finish()
}

pub(crate) fn id_in_time_key(key: &[u8]) -> Result<CaptureId, CaptureError> {
    let mut reader = KeyReader::new(key, Table::CaptureTaskByTime)?;
    reader.u64()?;
    reader.u64()?;
    let id = CaptureId::from_bytes(reader.fixed()?);
    reader.end()?;
    Ok(id)
}

pub(crate) fn ids_in_unfinished_key(key: &[u8]) -> Result<(AccountId, CaptureId), CaptureError> {
    let mut reader = KeyReader::new(key, Table::CaptureUnfinished)?;
    let account = AccountId::parse(&format!("{:012}", reader.u64()?));
    let id = CaptureId::from_bytes(reader.fixed()?);
    reader.end()?;
    Ok((account.map_err(|_| CaptureError::Damaged("account id"))?, id))
}

impl StoredCapture {
    /// A full capture that was asked for just now, by the door of captures; with nothing of what only some have.
    pub(crate) fn new(
        site: &SiteName,
        destination: String,
        object: &ObjectKey,
        limits: Limits,
        now: Timestamp,
    ) -> Self {
        Self {
            origin: StoredOrigin::Pcaps,
            kind: StoredKind::Full,
            task: None,
            site: site.to_string(),
            destination,
            ownership: [0; OwnershipId::BYTES],
            object: object.to_string(),
            time_limit_ns: u64::try_from(limits.time.as_nanos()).unwrap_or(u64::MAX),
            packet_limit: limits.packets,
            byte_limit: limits.bytes,
            is_pcapng: false,
            snaplen: None,
            mask: None,
            rotation: None,
            merge: false,
            offset_ns: None,
            sent_tuple: None,
            sent_bidirectional: false,
            sent_expression: None,
            sent_rules: None,
            asked_sha256: None,
            agents: Vec::new(),
            generation: 0,
            interfaces: None,
            state: StoredState::Pending,
            submitted_ns: now.as_nanos(),
            started_ns: None,
            ended_ns: None,
            stop_requested_ns: None,
            modified_ns: now.as_nanos(),
            packets: 0,
            bytes: 0,
            dropped: 0,
            packets_seen: None,
            message: None,
            upload: None,
            parts_v1: Vec::new(),
        }
    }

    /// The status.
    pub(crate) fn status(&self) -> Status {
        self.state.into()
    }

    /// Takes over counts, which do not go down while the capture runs.
    pub(crate) fn set_counts(&mut self, counts: Counts) {
        let counts = counts.at_least(self.counts());
        (self.packets, self.bytes, self.dropped) = (counts.packets, counts.bytes, counts.dropped);
    }

    /// Makes the counts those of the end, also when more was told on the way to it.
    pub(crate) fn end_counts(&mut self, counts: Counts) {
        (self.packets, self.bytes, self.dropped) = (counts.packets, counts.bytes, counts.dropped);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            packets: self.packets,
            bytes: self.bytes,
            dropped: self.dropped,
        }
    }

    /// What it came to, with what a killed process had counted and is in no file.
    pub(crate) fn all_counts(&self) -> Counts {
        let counts = self.counts();
        Counts {
            packets: counts.packets.max(self.packets_seen.unwrap_or(0)),
            ..counts
        }
    }

    /// Makes the counts those of the file that a killed process left, and keeps how many packets it had counted.
    pub(crate) fn cut_counts(&mut self, counts: Counts) {
        self.packets_seen = Some(self.packets_seen.unwrap_or(self.packets).max(counts.packets));
        (self.packets, self.bytes, self.dropped) = (counts.packets, counts.bytes, counts.dropped);
    }

    /// Makes the counts those of the files that are in the bucket, of a capture that has several; answers with the message that
    /// says how many packets are in none.
    pub(crate) fn count_files(&mut self, held: Counts, message: Option<String>) -> Option<String> {
        let packets = held.packets;
        let missing = self.packets_seen.unwrap_or(self.packets).saturating_sub(packets);
        (self.packets, self.bytes) = (packets, held.bytes);
        let is_killed = self.packets_seen.is_some();
        let lost = match missing {
            0 if !is_killed => return message,
            0 => "what was caught after them is lost".to_owned(),
            missing if is_killed => format!("at least {missing} more had been caught and are lost"),
            missing => format!("{missing} more had been caught and are lost"),
        };
        // In front: reasons may be longer than there is room for.
        let held = format!("its files hold {packets} packets, and {lost}");
        Some(match message {
            Some(message) => format!("{held}; {message}"),
            None => held,
        })
    }

    /// Whether it was asked for as one of several files.
    pub(crate) fn has_files(&self) -> bool {
        self.rotation.is_some() && self.kind == StoredKind::Full
    }

    /// Ends the capture; answers the further writes that belong to it.
    pub(crate) fn end(&mut self, end: End, owner: (AccountId, CaptureId), now: Timestamp) -> Request {
        let was_active = self.is_active();
        let is_finished = !end.leaves_uploads();
        let (state, message) = match end {
            End::Success(message) | End::Partial(message) => (StoredState::Success, message),
            End::Failed(message) | End::Abandoned(message) => (StoredState::Failed, Some(message)),
        };
        self.state = state;
        self.message = message.map(cut);
        self.ended_ns = Some(now.as_nanos());
        self.modified_ns = now.as_nanos();
        self.parts_v1 = Vec::new();
        let mut request = Request::new();
        if is_finished {
            request = request.delete(unfinished_key(owner.0, owner.1));
        }
        if was_active {
            request = request.delete(self.turn_key(owner.0));
        }
        match &self.task {
            Some(task) => request.and(tasklist::forget_later(task, &self.object, owner, now)),
            None => request,
        }
    }

    /// The key that keeps its account from another capture while packets may still be taken.
    pub(crate) fn turn_key(&self, account: AccountId) -> Vec<u8> {
        match &self.task {
            Some(task) => tasklist::slot_key(account, task.slot),
            None => active_key(account),
        }
    }

    /// Whether the capture keeps its account from starting another one, which a sample never does.
    pub(crate) fn is_active(&self) -> bool {
        self.kind == StoredKind::Full && matches!(self.state, StoredState::Pending | StoredState::Running)
    }

    /// Whether the door of captures shows it; that of capture tasks shows its own.
    pub(crate) fn is_shown_as_capture(&self) -> bool {
        self.origin != StoredOrigin::Task
    }

    /// Whether a file without packets is as good as any other. A capture whose destination its owner named has failed then, as
    /// the vendor's has (capture contract, A.2); of capture tasks the vendor knows none that fails (decision 0032).
    pub(crate) fn may_be_empty(&self) -> bool {
        self.task.is_some()
    }

    /// Until when it may go on.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            time: Duration::from_nanos(self.time_limit_ns),
            packets: self.packet_limit,
            bytes: self.byte_limit,
        }
    }

    /// Whether only some packets were asked for.
    pub(crate) fn is_filtered(&self) -> bool {
        let sent = [&self.sent_tuple, &self.sent_expression, &self.sent_rules];
        self.task.is_some() || sent.into_iter().any(Option::is_some)
    }

    pub(crate) fn ownership(&self) -> OwnershipId {
        OwnershipId::from_bytes(self.ownership)
    }

    pub(crate) fn upload(&self) -> Result<Option<Upload>, CaptureError> {
        let Some(id) = self.upload.clone() else { return Ok(None) };
        let key = self.object_key()?;
        Ok(Some(Upload { key, id }))
    }

    pub(crate) fn object_key(&self) -> Result<ObjectKey, CaptureError> {
        ObjectKey::parse(self.object.as_str()).map_err(|_| CaptureError::Damaged("capture"))
    }

    /// The name of one of several files.
    pub(crate) fn file_key(&self, number: u16) -> Result<ObjectKey, CaptureError> {
        let key = self
            .object_of_several()
            .map(|(before, suffix)| format!("{before}_{number:04}{suffix}"));
        let key = key.and_then(|key| ObjectKey::parse(key).ok());
        key.ok_or(CaptureError::Damaged("capture"))
    }

    /// What the names of several files have before and behind their number.
    fn object_of_several(&self) -> Option<(&str, &str)> {
        let (before, suffix) = self.object.rsplit_once(FIRST_FILE)?;
        suffix.starts_with('.').then_some((before, suffix))
    }

    /// The name of the one file, or what those of several begin with.
    fn shown_key(&self, id: CaptureId) -> Result<ObjectKey, CaptureError> {
        if self.rotation.is_none() {
            return self.object_key();
        }
        let name = format!("pcap_{id}");
        let end = self.object.rfind(&name).map(|at| at + name.len());
        let prefix = end.and_then(|end| ObjectKey::parse(&self.object[..end]).ok());
        prefix.ok_or(CaptureError::Damaged("capture"))
    }

    /// The capture as its account sees it, without the list of its files if it has several; `live` has what is newer than the record.
    pub(crate) fn show(
        &self,
        owner: (AccountId, CaptureId),
        now: Timestamp,
        live: Option<Counts>,
    ) -> Result<Capture, CaptureError> {
        let at = Timestamp::from_nanos;
        let limits = Limits {
            time: Duration::from_nanos(self.time_limit_ns),
            packets: self.packet_limit,
            bytes: self.byte_limit,
        };
        let started = self.started_ns.map(at);
        let kind = match self.kind {
            StoredKind::Full => Kind::Full,
            StoredKind::Sample => Kind::Sample(at(self.offset_ns.unwrap_or(self.submitted_ns))),
        };
        let time_left = match self.state {
            _ if kind != Kind::Full => None,
            StoredState::Pending => Some(limits.time),
            StoredState::Running => Some(started.map_or(limits.time, |s| limits.time.saturating_sub(now.since(s)))),
            _ => None,
        };
        Ok(Capture {
            id: owner.1,
            kind,
            is_scheduled: self.origin == StoredOrigin::Schedule,
            account: owner.0,
            site: SiteName::parse(&self.site).map_err(|_| CaptureError::Damaged("capture"))?,
            destination: self.destination.clone(),
            ownership: self.ownership(),
            object: self.shown_key(owner.1)?,
            rotation: self.rotation.map(StoredRotation::show).unwrap_or_default(),
            files: Vec::new(),
            limits,
            format: if self.is_pcapng { Format::PcapNg } else { Format::Pcap },
            snaplen: self.snaplen,
            privacy: self.mask.as_ref().map(ShownPrivacy::from),
            sent_filter: SentFilter {
                tuple: self.sent_tuple.clone(),
                bidirectional: self.sent_bidirectional,
                expression: self.sent_expression.clone(),
                rules: self.sent_rules.clone(),
            },
            status: self.status(),
            submitted: at(self.submitted_ns),
            started,
            ended: self.ended_ns.map(at),
            stop_requested: self.stop_requested_ns.map(at),
            // When capturing is over, what counts is what is kept.
            counts: match live.filter(|_| self.is_active()) {
                Some(live) => self.counts().at_least(live),
                None => self.counts(),
            },
            time_left,
            message: self.message.clone(),
        })
    }
}

/// How a capture ends for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The object is there; the message says what is missing in it, if anything.
    Success(Option<String>),
    /// Some of its objects are there, and the uploads of others are still to be aborted: until then the capture counts as
    /// unfinished.
    Partial(Option<String>),
    /// There is no object; the message says why.
    Failed(String),
    /// The same, and its upload is still to be aborted: until then the capture counts as unfinished.
    Abandoned(String),
}

impl End {
    /// Whether uploads are still to be aborted.
    pub(crate) fn leaves_uploads(&self) -> bool {
        matches!(self, Self::Partial(_) | Self::Abandoned(_))
    }
}

/// Cuts a message to its limit, at a character.
pub(crate) fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    message
}

#[cfg(test)]
pub(crate) mod tests;
