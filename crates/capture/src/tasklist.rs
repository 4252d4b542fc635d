//! Capture tasks: captures with a name, whose files go into the account's own bucket and are forgotten after some days.
//!
//! Source: capture contract, B.2. They run as other captures do (`run.rs`), but for this (decision 0032):
//! * several of an account may run at once, as many as the operator says, by slots that are taken in conditional commits;
//! * a name is that of one task of its instance, as long as the task is kept;
//! * they go into the bucket of `home.rs`, so that their clients need none;
//! * one that caught nothing until a limit has an empty file and is finished.
//!
//! An instance is a site or a group of sites; a task belongs to the one that it was asked for by.

mod delete;
mod expiry;
mod keys;
mod task;
mod ticket;

pub use expiry::Expired;
pub(crate) use keys::{forget_later, slot_key};
pub use task::{CreateTask, Task, TaskAddress, TaskName, TaskPage, TaskSpec, TaskStatus};
pub use ticket::{Redeemed, TaskFile};

use crate::agent::{Format, Limits, Order};
use crate::capture::{self, StoredAddress, StoredCapture, StoredOrigin, StoredTask};
use crate::engine::Rotation;
use crate::limits::{
    COMMIT_ATTEMPTS_MAX, TASK_HOLD_DAYS_MAX, TASK_MINUTES_MAX, TASK_PACKETS_MAX, TASK_SENT_BYTES_MAX, TASKS_KEPT_MAX,
};
use crate::quota::Grant;
use crate::rooms::To;
use crate::site::Site;
use crate::store::{self, Change};
use crate::tasks::{Admitted, Target, longest};
use crate::{CaptureError, Captures, Limited};
use baleen_meta::{Outcome, Request, SCAN_ENTRIES_MAX, Scan};
use baleen_objects::captures_bucket;
use baleen_packet::masking::Masking;
use baleen_types::{AccountId, CaptureId, ObjectKey, SiteName, Timestamp};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use task::show;
use tracing::info;

/// A day, as results are kept by.
const DAY: Duration = Duration::from_hours(24);

impl Captures {
    /// Starts a capture task.
    ///
    /// Shape: `POST /v1/{project_id}/capture-task`.
    /// Units: duration in minutes, 1 to 1440; packets 1 to 1,000,000; days 1 to 7.
    /// Source: capture contract, B.2, `CaptureTaskDto`.
    ///
    /// # Errors
    /// `Limit`, `Filter`, `FilterAtSite`, `NoSite` when the request is wrong; `NameTaken`; `TooManyTasks` while as many tasks of
    /// the account wait or run as may, `TaskLimit` while as many are kept; `Quota` when the account's captures of the day
    /// have come to what they may; `NoHome` when there is nowhere to put the file.
    ///
    /// # Cancel safety
    /// Safe: once begun, the work goes on without the caller, whose repetition finds the name taken.
    pub async fn create_task(self: &Arc<Self>, request: CreateTask) -> Result<Task, CaptureError> {
        check(&request.spec)?;
        let account = request.account;
        let site = self.open_site(&request.instance, account)?;
        // What costs little is told before what costs much. Admission looks at it again.
        self.free_slot(account).await?;
        let to = To::store(&*site.agent);
        let limits = Limits {
            time: Duration::from_mins(request.spec.duration_minutes.into()),
            packets: request.spec.packets,
            bytes: self.task_bytes_max,
        };
        self.rooms.check(account, to)?;
        self.check_name(&request).await?;
        // Behind the name, which is what a client is told that repeats a request whose answer was lost.
        self.check_quota(account, limits, longest(None)).await?;
        let kept = Scan::prefix(&keys::by_time_of_account(account)).keys_only();
        if self.parts.meta.scan(kept.limit(TASKS_KEPT_MAX)).await?.len() >= TASKS_KEPT_MAX {
            return Err(CaptureError::TaskLimit {
                what: "of one account are kept; delete some",
                limit: TASKS_KEPT_MAX,
            });
        }
        let filter = self.compile(request.filter.clone(), &site).await?;
        self.home(account).await?;
        let room = match self.rooms.take(account, to) {
            Ok(room) => room,
            // The account's own tasks are the better thing to be told of.
            Err(why) => return Err(self.free_slot(account).await.err().unwrap_or(why)),
        };
        let id = new_id(self.parts.entropy.bytes());
        let order = Order {
            capture: id,
            site: site.name.clone(),
            filter,
            exclude: Vec::new(),
            limits,
            format: Format::Pcap,
            snaplen: None,
            rotation: Rotation::default(),
            masking: Masking::default(),
            is_live: false,
            interfaces: Vec::new(),
        };
        let captures = Arc::clone(self);
        // Boxed, since it is handed on from one to the next.
        let admission = Box::pin(async move { captures.admit_task(request, site, order).await });
        let record = self.launch(id, room, admission).await?;
        show(&record, id, self.parts.clock.now(), None)
    }

    /// The tasks of an instance, newest first, from the one behind `offset` others on.
    ///
    /// Shape: `GET /v1/{project_id}/capture-task`, `limit`, `offset`.
    ///
    /// # Errors
    /// `NoSite`.
    pub async fn list_tasks(
        &self,
        account: AccountId,
        instance: &SiteName,
        page: std::ops::Range<usize>,
    ) -> Result<TaskPage, CaptureError> {
        self.known_instance(account, instance)?;
        let now = self.parts.clock.now();
        // Not more than that are kept, so that one page has them all.
        let scan = Scan::prefix(&keys::by_time_of_instance(account, instance)).keys_only();
        let entries = self.parts.meta.scan(scan.limit(SCAN_ENTRIES_MAX)).await?;
        let total = entries.len();
        let page = page.start.min(total)..page.end.min(total);
        let ids = entries[page].iter().map(|entry| keys::id_in_time_key(&entry.key));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let stored: Vec<_> = ids.iter().map(|id| capture::key(account, *id)).collect();
        // Before the records: what a capture that ends in between had is in the record by then.
        let live: Vec<_> = ids.iter().map(|id| self.live.counts(*id)).collect();
        let values = self.parts.meta.get_many(&stored).await?;
        let mut tasks = Vec::with_capacity(ids.len());
        for ((id, live), bytes) in ids.into_iter().zip(live).zip(values) {
            // Deleted meanwhile.
            let Some(bytes) = bytes else { continue };
            tasks.push(show(&store::decode::<StoredCapture>(bytes)?.record, id, now, live)?);
        }
        Ok(TaskPage { total, tasks })
    }

    /// Asks a task to stop; it ends within seconds, with what it has.
    ///
    /// Shape: `POST /v1/{project_id}/capture-task/stop`.
    ///
    /// # Errors
    /// `NoSite`, `NoSuchTask`; `NotStoppable` when capturing is over, or stop was asked for before.
    pub async fn stop_task(
        &self,
        account: AccountId,
        instance: &SiteName,
        id: CaptureId,
    ) -> Result<Task, CaptureError> {
        self.known_instance(account, instance)?;
        let now = self.parts.clock.now();
        let ask = |record: &mut StoredCapture| {
            task_of(record, instance, now)?;
            if !record.is_active() || record.stop_requested_ns.is_some() {
                return Err(CaptureError::NotStoppable(id));
            }
            record.stop_requested_ns = Some(now.as_nanos());
            record.modified_ns = now.as_nanos();
            Ok(Change::Store(Request::new(), ()))
        };
        let key = capture::key(account, id);
        let (record, ()) = store::update(&self.parts.meta, &key, || CaptureError::NoSuchTask, ask).await?;
        self.live.stop(id);
        info!(capture = %id, "capture task asked to stop");
        show(&record, id, now, self.live.counts(id))
    }

    /// Refuses an instance that is none, or not for this account.
    fn known_instance(&self, account: AccountId, instance: &SiteName) -> Result<(), CaptureError> {
        let site = self.parts.sites.find(instance, account);
        site.map(drop).ok_or_else(|| CaptureError::NoSite(instance.clone()))
    }

    /// The record of a task of an instance.
    async fn task_record(
        &self,
        account: AccountId,
        instance: &SiteName,
        id: CaptureId,
    ) -> Result<store::Read<StoredCapture>, CaptureError> {
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        let read = read.ok_or(CaptureError::NoSuchTask)?;
        task_of(&read.record, instance, self.parts.clock.now())?;
        Ok(read)
    }

    /// A slot for another task of an account.
    async fn free_slot(&self, account: AccountId) -> Result<u8, CaptureError> {
        let scan = Scan::prefix(&keys::slots_of(account)).keys_only();
        let entries = self.parts.meta.scan(scan.limit(SCAN_ENTRIES_MAX)).await?;
        let taken = entries.iter().map(|entry| keys::slot_in_key(&entry.key));
        let taken = taken.collect::<Result<Vec<_>, _>>()?;
        let limit = self.tasks_max;
        // There may be more than the operator allows by now.
        let free = (0..limit).find(|slot| !taken.contains(slot));
        free.filter(|_| taken.len() < usize::from(limit))
            .ok_or(CaptureError::TooManyTasks { limit })
    }

    async fn check_name(&self, request: &CreateTask) -> Result<(), CaptureError> {
        let key = keys::name_key(request.account, &request.instance, request.spec.name.as_str());
        match self.parts.meta.get(&key).await? {
            Some(_) => Err(CaptureError::NameTaken),
            None => Ok(()),
        }
    }

    /// Writes the record of a task, if its name is free and there is a slot.
    async fn admit_task(&self, request: CreateTask, site: Site, mut order: Order) -> Result<Admitted, CaptureError> {
        let (account, id, now) = (request.account, order.capture, self.parts.clock.now());
        let name_key = keys::name_key(account, &request.instance, request.spec.name.as_str());
        let wanted = order.limits;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            self.check_name(&request).await?;
            let slot = self.free_slot(account).await?;
            let Grant {
                limits,
                commit: counted,
            } = self.grant((account, id), wanted, longest(None)).await?;
            order.limits = limits;
            let record = new_record(&request, &order, slot, now)?;
            let this = || Bytes::copy_from_slice(id.as_bytes());
            let slot_key = keys::slot_key(account, slot);
            let commit = Request::new()
                .absent(slot_key.clone())
                .absent(name_key.clone())
                .put(slot_key, this())
                .put(name_key.clone(), this())
                .put(capture::key(account, id), store::encode(&record)?)
                .put(keys::by_time_key(account, &request.instance, now, id), Bytes::new())
                .put(capture::unfinished_key(account, id), Bytes::new())
                .and(counted);
            if let Outcome::Committed = self.parts.meta.commit(commit).await? {
                info!(capture = %id, site = %site.name, "capture task accepted");
                return Ok(Admitted {
                    owner: (account, id),
                    target: Target::Home,
                    site,
                    order,
                    record,
                });
            }
        }
        Err(CaptureError::Contended)
    }
}

/// An id that also strict readers of UUIDs take: of version 4, variant 1 (RFC 9562, section 5.4).
fn new_id(mut random: [u8; CaptureId::BYTES]) -> CaptureId {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    CaptureId::from_bytes(random)
}

fn new_record(request: &CreateTask, order: &Order, slot: u8, now: Timestamp) -> Result<StoredCapture, CaptureError> {
    let destination = format!("s3://{}", captures_bucket(request.account));
    let object = ObjectKey::parse(order.file_name()).map_err(|_| CaptureError::Damaged("capture"))?;
    let spec = &request.spec;
    let address = |address: &TaskAddress| StoredAddress {
        address: address.address.clone(),
        address_type: address.is_v6.into(),
    };
    Ok(StoredCapture {
        origin: StoredOrigin::Task,
        task: Some(StoredTask {
            name: spec.name.to_string(),
            instance: request.instance.to_string(),
            source: address(&spec.source),
            destination: address(&spec.destination),
            protocol: spec.protocol,
            source_port: spec.source_port.clone(),
            destination_port: spec.destination_port.clone(),
            duration_minutes: spec.duration_minutes,
            hold_days: spec.hold_days,
            slot,
        }),
        ..StoredCapture::new(&request.instance, destination, &object, order.limits, now)
    })
}

/// The task of a record, if it is one of that instance and its time is not over.
fn task_of<'r>(record: &'r StoredCapture, instance: &SiteName, now: Timestamp) -> Result<&'r StoredTask, CaptureError> {
    let is_over = |task: &StoredTask| due(record, task).is_some_and(|due| due <= now);
    let task = record.task.as_ref();
    let task = task.filter(|task| task.instance.eq_ignore_ascii_case(instance.as_str()) && !is_over(task));
    task.ok_or(CaptureError::NoSuchTask)
}

/// When a task is forgotten; not before it is over.
fn due(record: &StoredCapture, task: &StoredTask) -> Option<Timestamp> {
    let ended = Timestamp::from_nanos(record.ended_ns?);
    Some(ended.plus(DAY * u32::from(task.hold_days)))
}

fn check(spec: &TaskSpec) -> Result<(), CaptureError> {
    let refuse = |of, why| Err(CaptureError::Limit { of, why });
    if !(1..=TASK_MINUTES_MAX).contains(&spec.duration_minutes) {
        return refuse(Limited::Time, format!("1 to {TASK_MINUTES_MAX} minutes are allowed"));
    }
    if !(1..=TASK_PACKETS_MAX).contains(&spec.packets) {
        return refuse(Limited::Packets, format!("1 to {TASK_PACKETS_MAX} packets are allowed"));
    }
    if !(1..=TASK_HOLD_DAYS_MAX).contains(&spec.hold_days) {
        return refuse(Limited::Days, format!("1 to {TASK_HOLD_DAYS_MAX} days are allowed"));
    }
    let sent = [
        &spec.source.address,
        &spec.destination.address,
        &spec.source_port,
        &spec.destination_port,
    ];
    if sent.iter().map(|text| text.len()).sum::<usize>() > TASK_SENT_BYTES_MAX {
        let why = format!("addresses and ports have at most {TASK_SENT_BYTES_MAX} bytes together");
        return refuse(Limited::Filter, why);
    }
    Ok(())
}
