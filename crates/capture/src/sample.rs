//! Samples (`"type": "simple"`): the packets that went by, as far as they were kept.
//!
//! ```text
//! pending -> conversion_running -> success | failed
//! ```
//!
//! Order of things, and what a kill behind each leaves to the next start ([`Captures::settle_sample`]):
//! 1. the record is written, with the account's turn: one sample a minute (the sample fails);
//! 2. all sites of the account that keep packets are asked at once; what is in the file is noted, and what is missing in it:
//!    `conversion_running` (the sample fails, unless the file is there);
//! 3. the file is written into the account's own bucket (the sample is a success);
//! 4. `success`.
//!
//! It is over within a second or so. One that fails gives the turn back: it was not who asked that was at fault, and what a
//! request can do wrong is told before its turn is taken.

mod file;
mod gather;
mod turn;

use crate::agent::{Format, Limits};
use crate::capture::{self, Counts, End, StoredCapture, StoredKind, StoredState};
use crate::home::CaptureFile;
use crate::limits::{
    COMMIT_ATTEMPTS_MAX, OFFSET_AHEAD_MAX, OFFSET_BACK_MAX, PACKET_LIMIT_MAX, SAMPLE_ANSWERED_WITHIN, SAMPLE_SNAPLEN,
    TIME_LIMIT_MAX, TIME_LIMIT_MIN,
};
use crate::look_back::PastQuery;
use crate::quota::Grant;
use crate::run::CAPTURE_CONTENT_TYPE;
use crate::sink::{OwnSink, Sink as _};
use crate::site::Site;
use crate::store::{self, Change};
use crate::tasks::check_sent_filter;
use crate::{Asked, Capture, CaptureError, CaptureFilter, Captures, Limited, SentFilter};
use baleen_filter::Filter;
use baleen_meta::{Outcome, Request};
use baleen_objects::{ObjectError, Selection, captures_bucket};
use baleen_types::{AccountId, ByteRange, CaptureId, ObjectKey, Timestamp, causes};
use bytes::Bytes;
use file::Told;
use futures::FutureExt as _;
use futures::future::join_all;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{error, info, warn};
use turn::Turn;

/// A request for a sample.
#[derive(Clone, Debug)]
pub struct CreateSample {
    /// For whom.
    pub account: AccountId,
    /// How far it looks back.
    pub time: Duration,
    /// From when on; without it from now on.
    pub until: Option<Timestamp>,
    /// The newest so many packets at most.
    pub packets: u64,
    /// Which packets.
    pub filter: CaptureFilter,
    /// The filter as the door received it.
    pub sent_filter: SentFilter,
    /// The form of the file.
    pub format: Format,
    /// What was asked, for a client that asks again.
    pub asked: Asked,
}

/// A sample that was let in.
struct Admitted {
    owner: (AccountId, CaptureId),
    record: StoredCapture,
    sites: Vec<Site>,
    filter: Filter,
    home: OwnSink,
}

const LOST: &str = "the server ended unexpectedly before this sample was made; ask again";

const BROKEN: &str = "an internal error ended this sample";

impl Captures {
    /// Takes a sample of what went by.
    ///
    /// Shape: `POST pcaps` with `"type": "simple"`.
    /// Units: time in nanoseconds inside, 1 to 300 seconds; packets 1 to 10,000.
    /// Source: capture contract, A.2.
    ///
    /// # Errors
    /// `Limit`, `Filter`, `FilterAtSite` when the request is wrong; `NoLookBack` when no site of the account keeps packets;
    /// `NoHome` when there is no place for the file; `TooSoon` within a minute of the account's last sample, unless the client
    /// says that it repeats, and asked for that one by the same bytes: then it gets it; `Quota` when its captures of the day have come to what
    /// they may.
    ///
    /// # Cancel safety
    /// Safe: once begun, the work goes on without the caller.
    pub async fn create_sample(self: &Arc<Self>, request: CreateSample) -> Result<Capture, CaptureError> {
        let (account, asked) = (request.account, request.asked);
        match self.begin_sample(request).await {
            Err(CaptureError::TooSoon { last, left }) if asked.is_repeated => {
                let repeated = self.repeated((account, last), asked).await?;
                repeated.ok_or(CaptureError::TooSoon { last, left })
            }
            begun => begun,
        }
    }

    async fn begin_sample(self: &Arc<Self>, request: CreateSample) -> Result<Capture, CaptureError> {
        let (account, now) = (request.account, self.parts.clock.now());
        check(&request, now)?;
        if self.parts.supervisor.shutdown().is_stopping() {
            return Err(CaptureError::Stopping);
        }
        let sites = self.parts.sites.looking_back(account);
        if sites.is_empty() {
            return Err(CaptureError::NoLookBack);
        }
        // First what is wrong with the request: who comes too soon with it would wait for nothing. It costs no more than with full
        // captures, which have no turns. Admission looks again.
        let mut filter = Filter::All;
        for site in &sites {
            filter = self.compile(request.filter.clone(), site).await?;
        }
        self.next_turn(account, now).await?;
        self.check_quota(account, limits_of(&request), SAMPLE_SNAPLEN).await?;
        let home = self.home(account).await?;
        let id = CaptureId::from_bytes(self.parts.entropy.bytes());
        let (answer, admitted) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let captures = Arc::clone(self);
        // Admission and work are one task, as with full captures.
        self.parts.supervisor.spawn(&format!("sample {id}"), async move {
            let admission = captures.admit_sample((account, id), &request).await;
            let record = match admission {
                Ok(record) => record,
                Err(error) => {
                    // Who asked may be gone.
                    let _ = answer.send(Err(error));
                    return;
                }
            };
            let _ = answer.send(Ok(()));
            let owner = (account, id);
            let admitted = Admitted {
                owner,
                record,
                sites,
                filter,
                home,
            };
            let made = AssertUnwindSafe(captures.make_sample(admitted)).catch_unwind().await;
            let over = made.unwrap_or_else(|_| {
                error!(capture = %id, "the task of a sample panicked");
                End::Failed(BROKEN.to_owned())
            });
            let has_failed = !matches!(over, End::Success(_));
            captures.store_end(owner, over).await;
            if has_failed {
                captures.give_turn_back(owner).await;
            }
            let _ = end.send(());
        });
        admitted.await.map_err(|_| CaptureError::Stopping)??;
        tokio::select! {
            // Either way the record says how far it is.
            _ = ended => {}
            () = self.parts.clock.sleep(SAMPLE_ANSWERED_WITHIN) => {}
        }
        self.get(account, id).await
    }

    /// Writes the record of a sample, if it is the account's turn.
    async fn admit_sample(
        &self,
        owner: (AccountId, CaptureId),
        request: &CreateSample,
    ) -> Result<StoredCapture, CaptureError> {
        let (account, id) = owner;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let now = self.parts.clock.now();
            let before = self.next_turn(account, now).await?;
            let Grant {
                limits,
                commit: counted,
            } = self.grant(owner, limits_of(request), SAMPLE_SNAPLEN).await?;
            let record = self.new_sample(owner, request, limits, now)?;
            let turn = Turn {
                taken_ns: now.as_nanos(),
                capture: *id.as_bytes(),
            };
            let commit = Request::new()
                .unchanged(turn::key(account), before)
                .put(turn::key(account), store::encode(&turn)?)
                .put(capture::key(account, id), store::encode(&record)?)
                .put(capture::by_time_key(account, now, id), Bytes::new())
                .put(capture::unfinished_key(account, id), Bytes::new())
                .and(counted);
            if let Outcome::Committed = self.parts.meta.commit(commit).await? {
                info!(capture = %id, "sample accepted");
                return Ok(record);
            }
        }
        Err(CaptureError::Contended)
    }

    fn new_sample(
        &self,
        (account, id): (AccountId, CaptureId),
        request: &CreateSample,
        granted: Limits,
        now: Timestamp,
    ) -> Result<StoredCapture, CaptureError> {
        let sites = self.parts.sites.looking_back(account);
        let site = sites.first().ok_or(CaptureError::NoLookBack)?;
        let object = ObjectKey::parse(file_name(id, request.format)).map_err(|_| CaptureError::Damaged("capture"))?;
        let limits = Limits {
            // Its packets are limited, and nothing else is.
            packets: granted.packets.min(granted.bytes / u64::from(SAMPLE_SNAPLEN)),
            ..granted
        };
        let destination = format!("s3://{}", captures_bucket(account));
        let sent = request.sent_filter.clone();
        Ok(StoredCapture {
            kind: StoredKind::Sample,
            is_pcapng: request.format == Format::PcapNg,
            offset_ns: Some(request.until.unwrap_or(now).as_nanos()),
            sent_tuple: sent.tuple,
            sent_bidirectional: sent.bidirectional,
            sent_expression: sent.expression,
            sent_rules: sent.rules,
            asked_sha256: Some(request.asked.sha256),
            ..StoredCapture::new(&site.name, destination, &object, limits, now)
        })
    }

    /// Asks the sites, and writes the file.
    async fn make_sample(&self, admitted: Admitted) -> End {
        let Admitted {
            owner,
            record,
            sites,
            filter,
            home,
        } = admitted;
        let until = Timestamp::from_nanos(record.offset_ns.unwrap_or(record.submitted_ns));
        let asked = PastQuery {
            window: earlier(until, record.time_limit_ns)..until,
            filter,
            limit: usize::try_from(record.packet_limit).unwrap_or(usize::MAX),
        };
        let ask = |site: Site| {
            let asked = asked.clone();
            async move { (site.name, site.agent.look_back(asked).await) }
        };
        let found = join_all(sites.into_iter().map(ask)).await;
        let mut gathered = match gather::gather(found, &asked) {
            Ok(gathered) => gathered,
            Err(trouble) => return End::Failed(format!("nothing could be had of what went by: {trouble}")),
        };
        let format = if record.is_pcapng { Format::PcapNg } else { Format::Pcap };
        let told = Told {
            filter: &asked.filter.to_string(),
            comments: comments(owner.1, &asked, &gathered.notes),
        };
        let file = file::write(&gathered, format, &told);
        gathered.notes.extend(file.note);
        let message = (!gathered.notes.is_empty()).then(|| gathered.notes.join("; "));
        match self
            .keep_sample(
                owner,
                &record,
                (file.bytes.into(), file.counts),
                (&home, message.clone()),
            )
            .await
        {
            Ok(()) => End::Success(message),
            Err(failed) => failed,
        }
    }

    /// Notes what is in the file, and then writes it.
    async fn keep_sample(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        (bytes, counts): (Bytes, Counts),
        (home, message): (&OwnSink, Option<String>),
    ) -> Result<(), End> {
        let failed = |error: &dyn std::error::Error| {
            warn!(capture = %owner.1, chain = causes(error), "file of a sample not written");
            End::Failed("the file of this sample could not be written; ask again".to_owned())
        };
        let note = |record: &mut StoredCapture| {
            record.set_counts(counts);
            record.message.clone_from(&message);
            record.state = StoredState::ConversionRunning;
            record.modified_ns = self.parts.clock.now().as_nanos();
            Ok(Change::Store(Request::new(), ()))
        };
        self.change(owner, note).await.map_err(|error| failed(&error))?;
        let key = record.object_key().map_err(|error| failed(&error))?;
        let written = home.put(&key, bytes, CAPTURE_CONTENT_TYPE).await;
        written.map_err(|error| failed(&error))
    }

    /// Ends a sample of an earlier process: with its file, if that was written.
    pub(crate) async fn settle_sample(&self, owner: (AccountId, CaptureId)) -> Result<Option<End>, CaptureError> {
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(owner.0, owner.1)).await?;
        let Some(record) = read
            .map(|read| read.record)
            .filter(|record| record.kind == StoredKind::Sample)
        else {
            return Ok(None);
        };
        let is_written = record.state == StoredState::ConversionRunning
            && self
                .open_at_home(owner.0, &record.object_key()?, Selection::Whole)
                .await
                .is_ok();
        Ok(Some(if is_written {
            End::Success(record.message)
        } else {
            End::Failed(LOST.to_owned())
        }))
    }

    /// Opens the file of a sample.
    ///
    /// Shape: `GET pcaps/{id}/download`.
    ///
    /// # Errors
    /// `NoSuchCapture`; `NotASample`, `NotReady`, `SampleFailed` when there is no file to be had here; `FileGone` when it was
    /// deleted in its bucket; `Range` when nothing of the range lies in it.
    pub async fn open_sample(
        &self,
        account: AccountId,
        id: CaptureId,
        range: Option<ByteRange>,
    ) -> Result<CaptureFile, CaptureError> {
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        let record = read.ok_or(CaptureError::NoSuchCapture(id))?.record;
        let object = record.object_key()?;
        match (record.kind, record.state) {
            (StoredKind::Full, _) => return Err(CaptureError::NotASample(object)),
            (StoredKind::Sample, StoredState::Success) => {}
            (StoredKind::Sample, StoredState::Failed) => {
                return Err(CaptureError::SampleFailed(record.message.unwrap_or_default()));
            }
            (StoredKind::Sample, _) => return Err(CaptureError::NotReady(id)),
        }
        let selection = range.map_or(Selection::Whole, Selection::Range);
        let opened = self
            .open_at_home(account, &object, selection)
            .await
            .map_err(|error| match error {
                ObjectError::NoSuchBucket(_) | ObjectError::NoSuchKey(_) | ObjectError::DeleteMarker { .. } => {
                    CaptureError::FileGone(id)
                }
                ObjectError::InvalidRange { size } => CaptureError::Range { size },
                error => CaptureError::Objects(error),
            })?;
        Ok(CaptureFile::new(object.to_string(), opened))
    }
}

fn limits_of(request: &CreateSample) -> Limits {
    Limits {
        time: request.time,
        packets: request.packets,
        // Packets are cut, so that their number bounds their bytes.
        bytes: request.packets * u64::from(SAMPLE_SNAPLEN),
    }
}

fn earlier(until: Timestamp, by_ns: u64) -> Timestamp {
    Timestamp::from_nanos(until.as_nanos().saturating_sub_unsigned(by_ns))
}

fn file_name(id: CaptureId, format: Format) -> String {
    format!("pcap_{id}.{}", format.suffix())
}

fn comments(id: CaptureId, asked: &PastQuery, notes: &[String]) -> Vec<String> {
    let (from, to) = (
        asked.window.start.to_rfc3339_micros(),
        asked.window.end.to_rfc3339_micros(),
    );
    let about = format!("Baleen sample {id}, of what was kept from {from} until {to}");
    std::iter::once(about).chain(notes.iter().cloned()).collect()
}

fn check(request: &CreateSample, now: Timestamp) -> Result<(), CaptureError> {
    let refuse = |of, why: &str| {
        Err(CaptureError::Limit {
            of,
            why: why.to_owned(),
        })
    };
    if !(TIME_LIMIT_MIN..=TIME_LIMIT_MAX).contains(&request.time) {
        return refuse(Limited::Time, "1 to 300 seconds are allowed");
    }
    if !(1..=PACKET_LIMIT_MAX).contains(&request.packets) {
        return refuse(Limited::Packets, "1 to 10000 packets are allowed");
    }
    if let Some(until) = request.until {
        if until > now.plus(OFFSET_AHEAD_MAX) {
            return refuse(Limited::Offset, "it is in the future: a sample is of what went by");
        }
        if now.since(until) > OFFSET_BACK_MAX {
            return refuse(Limited::Offset, "it is more than 24 hours ago");
        }
    }
    check_sent_filter(&request.sent_filter)
}
