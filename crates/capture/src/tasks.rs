//! Requests about captures: create, get, list, stop.

use crate::agent::{Format, Limits, Order};
use crate::capture::{self, StoredCapture, StoredOrigin, StoredRotation};
use crate::engine::Rotation;
use crate::files;
use crate::limits::{
    BYTE_LIMIT_MAX, COMMIT_ATTEMPTS_MAX, LISTED_CAPTURES_MAX, PACKET_LIMIT_MAX, REPEATED_WITHIN, ROTATE_BYTES_MIN,
    ROTATE_TIME_MIN, SENT_FILTER_BYTES_MAX, SNAPLEN_MAX, SNAPLEN_MIN, TIME_LIMIT_MAX, TIME_LIMIT_MIN,
};
use crate::ownership::{StoredOwnership, sha256};
use crate::place::{Place, Places};
use crate::quota::Grant;
use crate::rooms::{Room, To};
use crate::schedule::Wanted;
use crate::site::Site;
use crate::store::{self, Change, Read};
use crate::{Capture, CaptureError, Captures, Destination, Limited, Privacy, SentFilter};
use baleen_filter::{FiveTuple, Rules};
use baleen_meta::{Outcome, Request, Scan};
use baleen_types::{AccountId, CaptureId, Invalid, OwnershipId, SiteName, Timestamp};
use bytes::Bytes;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;
use tracing::info;

/// Why an agent on another host does not capture into some stores: it forgets a part when it is told that the part is stored.
const EVEN_ELSEWHERE: &str = "this site is on another host, and this store takes parts of one size alone, which captures of other hosts \
                              cannot be sent in yet: name another store";

/// A request for a full capture.
#[derive(Clone, Debug)]
pub struct CreateCapture {
    /// For whom.
    pub account: AccountId,
    /// The site or group.
    pub site: SiteName,
    /// The destination; only its identity counts, the rest is taken from its proof.
    pub destination: Destination,
    /// Until when.
    pub limits: Limits,
    /// Which packets.
    pub filter: CaptureFilter,
    /// The filter as the door received it.
    pub sent_filter: SentFilter,
    /// The form of the file.
    pub format: Format,
    /// The most bytes kept of a packet, if not all.
    pub snaplen: Option<u32>,
    /// When a further file begins, if at all.
    pub rotation: Rotation,
    /// What of packets is not kept as it was.
    pub privacy: Privacy,
    /// What was asked, for a client that asks again.
    pub asked: Asked,
}

/// A request for a capture as its client sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The digest of its body.
    pub sha256: [u8; 32],
    /// Whether the client says that it sent the same before and got no answer.
    pub is_repeated: bool,
}

impl Asked {
    /// What was asked by this body.
    pub fn of(body: &[u8], is_repeated: bool) -> Self {
        Self {
            sha256: sha256(body),
            is_repeated,
        }
    }
}

/// A filter that is still to be compiled.
#[derive(Clone, Debug, Default)]
pub enum CaptureFilter {
    /// Every packet.
    #[default]
    All,
    /// A five-tuple.
    Tuple(FiveTuple),
    /// A tcpdump expression.
    Expression(String),
    /// A text in the Rules language.
    Rules(Rules),
}

/// By whom a capture is begun.
#[derive(Clone)]
pub(crate) enum By {
    /// A user who asks for it.
    User,
    /// A schedule, for as long as that wants it.
    Schedule(Wanted),
}

/// A capture that was let in: what its run needs.
pub(crate) struct Admitted {
    pub(crate) owner: (AccountId, CaptureId),
    pub(crate) target: Target,
    pub(crate) site: Site,
    pub(crate) order: Order,
    pub(crate) record: StoredCapture,
}

/// Where the file of a capture goes.
pub(crate) enum Target {
    /// Into a bucket that was proven to be the account's.
    Proven {
        ownership: OwnershipId,
        proof: StoredOwnership,
    },
    /// Into the account's own bucket for captures.
    Home,
}

impl Target {
    pub(crate) fn ownership(&self) -> Option<OwnershipId> {
        match self {
            Self::Proven { ownership, .. } => Some(*ownership),
            Self::Home => None,
        }
    }
}

impl Captures {
    /// Starts a full capture.
    ///
    /// Shape: `POST pcaps` with `"type": "full"`.
    /// Units: time in nanoseconds inside, 1 to 300 seconds; packets 1 to 10,000; bytes 1 to 1,000,000,000.
    /// Source: capture contract, A.2.
    ///
    /// # Errors
    /// `Limit`, `Filter`, `FilterAtSite`, `NoSite`, `NotProven` when the request is wrong; `Active` while another full capture of the
    /// account is pending or running, so that a client which repeats a request whose answer was lost starts no second. If it
    /// says that it repeats, and the running capture is young and was asked for by the same bytes, it gets that one. `Quota` when its
    /// captures of the day have come to what they may; `Overdue` while as many of the account wait for their stores as may, `Share` while as many
    /// of it run, `Busy` while as many of all run.
    ///
    /// # Cancel safety
    /// Safe: once begun, the work goes on without the caller.
    pub async fn create(self: &Arc<Self>, request: CreateCapture) -> Result<Capture, CaptureError> {
        let (account, asked) = (request.account, request.asked);
        let id = CaptureId::from_bytes(self.parts.entropy.bytes());
        match self.begin(request, id, By::User).await {
            Err(CaptureError::Active(id)) if asked.is_repeated => {
                let repeated = self.repeated((account, id), asked).await?;
                repeated.ok_or(CaptureError::Active(id))
            }
            begun => begun,
        }
    }

    /// The capture that a request began whose answer was lost, if this is that request. Both have to say so: the client, since
    /// another of the same account may send the same bytes and mean a second capture; and the bytes, since a client repeats
    /// also what was refused.
    pub(crate) async fn repeated(
        &self,
        owner: (AccountId, CaptureId),
        asked: Asked,
    ) -> Result<Option<Capture>, CaptureError> {
        let (now, live) = (self.parts.clock.now(), self.live.counts(owner.1));
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(owner.0, owner.1)).await?;
        let same = read.map(|read| read.record).filter(|record| {
            let age = now.since(Timestamp::from_nanos(record.submitted_ns));
            record.asked_sha256 == Some(asked.sha256) && age < REPEATED_WITHIN
        });
        let Some(record) = same else { return Ok(None) };
        info!(capture = %owner.1, "a repeated request gets the capture that it began");
        record.show(owner, now, live).map(Some)
    }

    /// Starts a full capture under an id that nothing else has.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        request: CreateCapture,
        id: CaptureId,
        by: By,
    ) -> Result<Capture, CaptureError> {
        check_limits(&request)?;
        let site = self.open_site(&request.site, request.account)?;
        check_files(&request, &site)?;
        // Compiling costs most, so who may not capture is told before. Admission looks at both again.
        self.proven(request.account, &request.destination).await?;
        if let Some(active) = self.active(request.account).await? {
            return Err(CaptureError::Active(active));
        }
        let to = To::store(&*site.agent);
        self.check_quota(request.account, request.limits, longest(request.snaplen))
            .await?;
        self.rooms.check(request.account, to)?;
        let filter = self.compile(request.filter.clone(), &site).await?;
        let room = match self.rooms.take(request.account, to) {
            Ok(room) => room,
            Err(why) => {
                // The account's own running capture is the better thing to be told of.
                let active = self.active(request.account).await?;
                return Err(active.map_or(why, CaptureError::Active));
            }
        };
        let owner = (request.account, id);
        let order = Order {
            capture: id,
            site: site.name.clone(),
            filter,
            exclude: Vec::new(),
            limits: request.limits,
            format: request.format,
            snaplen: request.snaplen,
            rotation: request.rotation,
            masking: request.privacy.masking(&*self.parts.entropy),
            is_live: false,
            interfaces: Vec::new(),
        };
        let captures = Arc::clone(self);
        // Boxed, since it is handed on from one to the next.
        let admission = Box::pin(async move { captures.admit(request, site, order, &by).await });
        let record = self.launch(id, room, admission).await?;
        record.show(owner, self.parts.clock.now(), None)
    }

    /// The site that a request means, if it can be asked to capture now.
    pub(crate) fn open_site(&self, wanted: &SiteName, account: AccountId) -> Result<Site, CaptureError> {
        self.connected(wanted, self.parts.sites.find(wanted, account))
    }

    /// The same, but one of a group.
    pub(crate) fn open_one_site(&self, wanted: &SiteName, account: AccountId) -> Result<Site, CaptureError> {
        self.connected(wanted, self.parts.sites.find_one(wanted, account))
    }

    fn connected(&self, wanted: &SiteName, site: Option<Site>) -> Result<Site, CaptureError> {
        if self.parts.supervisor.shutdown().is_stopping() {
            return Err(CaptureError::Stopping);
        }
        let site = site.ok_or_else(|| CaptureError::NoSite(wanted.clone()))?;
        if !site.agent.is_connected() {
            return Err(CaptureError::NoAgentConnected(wanted.clone()));
        }
        Ok(site)
    }

    /// Admits a capture and runs it, as one task: a caller that goes away between them would leave a capture nobody runs.
    /// Answers the record as it was let in.
    pub(crate) async fn launch(
        self: &Arc<Self>,
        id: CaptureId,
        room: Room,
        admission: impl Future<Output = Result<Admitted, CaptureError>> + Send + 'static,
    ) -> Result<StoredCapture, CaptureError> {
        let (answer, admitted) = oneshot::channel();
        let captures = Arc::clone(self);
        self.parts.supervisor.spawn(&format!("capture {id}"), async move {
            match admission.await {
                Ok(admitted) => {
                    let owner = admitted.owner;
                    let registered = captures.live.register(owner.0, owner.1, admitted.target.ownership());
                    // Who asked may be gone; the capture is wanted all the same.
                    let _ = answer.send(Ok(admitted.record.clone()));
                    let run = captures.run(admitted, &registered.live, room);
                    if AssertUnwindSafe(run).catch_unwind().await.is_err() {
                        captures.end_broken(owner).await;
                    }
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                }
            }
        });
        admitted.await.map_err(|_| CaptureError::Stopping)?
    }

    /// One capture, as far as it is now.
    ///
    /// Shape: `GET pcaps/{id}`.
    ///
    /// # Errors
    /// `NoSuchCapture`.
    pub async fn get(&self, account: AccountId, id: CaptureId) -> Result<Capture, CaptureError> {
        // Before the record: what a capture that ends in between had is in the record by then, so no answer has less than
        // the one before it.
        let live = self.live.counts(id);
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        let record = read.map(|read| read.record).filter(StoredCapture::is_shown_as_capture);
        let record = record.ok_or(CaptureError::NoSuchCapture(id))?;
        let mut capture = record.show((account, id), self.parts.clock.now(), live)?;
        if record.rotation.is_some() {
            capture.files = files::complete(&self.parts.meta, (account, id)).await?;
        }
        Ok(capture)
    }

    /// The newest captures of an account, newest first; at most [`LISTED_CAPTURES_MAX`].
    ///
    /// Shape: `GET pcaps`.
    pub async fn list(&self, account: AccountId) -> Result<Vec<Capture>, CaptureError> {
        let now = self.parts.clock.now();
        let scan = Scan::prefix(&capture::by_time_prefix(account))
            .limit(LISTED_CAPTURES_MAX)
            .keys_only();
        let entries = self.parts.meta.scan(scan).await?;
        let ids = entries.iter().map(|e| capture::id_in_time_key(&e.key));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<_> = ids.iter().map(|id| capture::key(account, *id)).collect();
        // Before the records, as in `get`.
        let live: Vec<_> = ids.iter().map(|id| self.live.counts(*id)).collect();
        let values = self.parts.meta.get_many(&keys).await?;
        let mut found = Vec::with_capacity(ids.len());
        for ((id, live), bytes) in ids.into_iter().zip(live).zip(values) {
            // The record and its entry by time are written together and never deleted.
            let bytes = bytes.ok_or(CaptureError::Damaged("capture"))?;
            let record = store::decode::<StoredCapture>(bytes)?.record;
            found.push(record.show((account, id), now, live)?);
        }
        Ok(found)
    }

    /// Asks a capture to stop; it ends within seconds, with what it has.
    ///
    /// Shape: `PUT pcaps/{id}/stop`.
    ///
    /// # Errors
    /// `NoSuchCapture`; `NotStoppable` when capturing is over, or stop was asked for before.
    pub async fn stop(&self, account: AccountId, id: CaptureId) -> Result<(), CaptureError> {
        let now = self.parts.clock.now();
        let ask = |record: &mut StoredCapture| {
            if !record.is_shown_as_capture() {
                return Err(CaptureError::NoSuchCapture(id));
            }
            if !record.is_active() || record.stop_requested_ns.is_some() {
                return Err(CaptureError::NotStoppable(id));
            }
            record.stop_requested_ns = Some(now.as_nanos());
            record.modified_ns = now.as_nanos();
            Ok(Change::Store(Request::new(), ()))
        };
        let missing = || CaptureError::NoSuchCapture(id);
        store::update(&self.parts.meta, &capture::key(account, id), missing, ask).await?;
        self.live.stop(id);
        info!(capture = %id, "capture asked to stop");
        Ok(())
    }

    /// Whether what a site captures can go to a place, as far as that can be told before.
    pub(crate) fn check_place(&self, request: &CreateCapture, site: &Site, place: &Place) -> Result<(), CaptureError> {
        Places::check_lasts(place, request.limits.time, self.parts.clock.now())?;
        if site.agent.is_elsewhere() && self.places.is_even(place) {
            return Err(CaptureError::Destination(Invalid::new("destination", EVEN_ELSEWHERE)));
        }
        Ok(())
    }

    /// The capture of an account that is pending or running.
    async fn active(&self, account: AccountId) -> Result<Option<CaptureId>, CaptureError> {
        let found = self.parts.meta.get(&capture::active_key(account)).await?;
        found.map(|bytes| active_id(&bytes)).transpose()
    }

    /// Writes the record of a capture, if the account has none that is pending or running.
    async fn admit(
        &self,
        request: CreateCapture,
        site: Site,
        mut order: Order,
        by: &By,
    ) -> Result<Admitted, CaptureError> {
        let account = request.account;
        let id = order.capture;
        let now = self.parts.clock.now();
        let active_key = capture::active_key(account);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let (ownership, proof) = self.proven(account, &request.destination).await?;
            if let Some(active) = self.active(account).await? {
                return Err(CaptureError::Active(active));
            }
            let Read {
                record: proof,
                bytes: proof_bytes,
            } = proof;
            self.check_place(&request, &site, &proof.place(ownership, &self.parts.sealer)?)?;
            let (origin, wanted) = match by {
                By::User => (StoredOrigin::Pcaps, Request::new()),
                By::Schedule(wanted) => (StoredOrigin::Schedule, self.still_wanted(wanted, id).await?),
            };
            let Grant {
                limits,
                commit: counted,
            } = self
                .grant((account, id), request.limits, longest(request.snaplen))
                .await?;
            order.limits = limits;
            let record = StoredCapture {
                origin,
                ..new_record(&request, &proof, ownership, &order, now)?
            };
            let commit = Request::new()
                .absent(active_key.clone())
                .unchanged(Self::ownership_key(account, ownership), Some(proof_bytes))
                .put(active_key.clone(), Bytes::copy_from_slice(id.as_bytes()))
                .put(capture::key(account, id), store::encode(&record)?)
                .put(capture::by_time_key(account, now, id), Bytes::new())
                .put(capture::unfinished_key(account, id), Bytes::new())
                .and(wanted)
                .and(counted);
            if let Outcome::Committed = self.parts.meta.commit(commit).await? {
                info!(capture = %id, site = %site.name, bucket = %request.destination.bucket(), "capture accepted");
                return Ok(Admitted {
                    owner: (account, id),
                    target: Target::Proven { ownership, proof },
                    site,
                    order,
                    record,
                });
            }
        }
        Err(CaptureError::Contended)
    }
}

fn new_record(
    request: &CreateCapture,
    proof: &StoredOwnership,
    ownership: OwnershipId,
    order: &Order,
    now: Timestamp,
) -> Result<StoredCapture, CaptureError> {
    let destination = proof.destination()?;
    let object = destination.key(&order.file_name());
    let destination = destination.shown().to_owned();
    Ok(StoredCapture {
        ownership: *ownership.as_bytes(),
        is_pcapng: request.format == Format::PcapNg,
        snaplen: request.snaplen,
        rotation: StoredRotation::of(request.rotation),
        mask: request.privacy.stored(),
        sent_tuple: request.sent_filter.tuple.clone(),
        sent_bidirectional: request.sent_filter.bidirectional,
        sent_expression: request.sent_filter.expression.clone(),
        sent_rules: request.sent_filter.rules.clone(),
        asked_sha256: Some(request.asked.sha256),
        ..StoredCapture::new(&request.site, destination, &object, order.limits, now)
    })
}

/// The most bytes that are kept of a packet.
pub(crate) fn longest(snaplen: Option<u32>) -> u32 {
    snaplen.unwrap_or(SNAPLEN_MAX)
}

pub(crate) fn check_limits(request: &CreateCapture) -> Result<(), CaptureError> {
    let refuse = |of, why| Err(CaptureError::Limit { of, why });
    let limits = request.limits;
    if !(TIME_LIMIT_MIN..=TIME_LIMIT_MAX).contains(&limits.time) {
        return refuse(Limited::Time, "1 to 300 seconds are allowed".to_owned());
    }
    if !(1..=PACKET_LIMIT_MAX).contains(&limits.packets) {
        let why = format!("1 to {PACKET_LIMIT_MAX} packets are allowed");
        return refuse(Limited::Packets, why);
    }
    if !(1..=BYTE_LIMIT_MAX).contains(&limits.bytes) {
        return refuse(Limited::Bytes, format!("1 to {BYTE_LIMIT_MAX} bytes are allowed"));
    }
    if request
        .snaplen
        .is_some_and(|snaplen| !(SNAPLEN_MIN..=SNAPLEN_MAX).contains(&snaplen))
    {
        let why = format!("{SNAPLEN_MIN} to {SNAPLEN_MAX} bytes of a packet can be kept");
        return refuse(Limited::Snaplen, why);
    }
    let Rotation { bytes, every } = request.rotation;
    if bytes.is_some_and(|bytes| !(ROTATE_BYTES_MIN..=BYTE_LIMIT_MAX).contains(&bytes)) {
        let why = format!("{ROTATE_BYTES_MIN} to {BYTE_LIMIT_MAX} bytes of a file are allowed");
        return refuse(Limited::Rotation, why);
    }
    if every.is_some_and(|every| !(ROTATE_TIME_MIN..=TIME_LIMIT_MAX).contains(&every)) {
        return refuse(Limited::Rotation, "1 to 300 seconds of a file are allowed".to_owned());
    }
    check_sent_filter(&request.sent_filter)
}

/// Whether a site can have the files that a capture is to have.
pub(crate) fn check_files(request: &CreateCapture, site: &Site) -> Result<(), CaptureError> {
    if site.agent.makes_one_file() && request.rotation.is_some() {
        return Err(CaptureError::Limit {
            of: Limited::Rotation,
            why: format!(
                "{} is several sites, whose packets are merged into one file; name one of them to have several",
                site.name
            ),
        });
    }
    Ok(())
}

/// Whether a filter, as it was sent, is short enough to be kept.
pub(crate) fn check_sent_filter(sent: &SentFilter) -> Result<(), CaptureError> {
    let sent_bytes = [&sent.tuple, &sent.expression, &sent.rules]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    if sent_bytes > SENT_FILTER_BYTES_MAX {
        return Err(CaptureError::Limit {
            of: Limited::Filter,
            why: format!("a filter has at most {SENT_FILTER_BYTES_MAX} bytes"),
        });
    }
    Ok(())
}

fn active_id(bytes: &[u8]) -> Result<CaptureId, CaptureError> {
    let id: [u8; CaptureId::BYTES] = bytes.try_into().map_err(|_| CaptureError::Damaged("active capture"))?;
    Ok(CaptureId::from_bytes(id))
}
