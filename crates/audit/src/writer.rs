//! The one writer: takes events off the queue, many at a time, and commits them as the next entries of their chains.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use baleen_meta::{Meta, Outcome, Request, record};
use baleen_signing::sha256;
use baleen_types::AccountId;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::limits::{COMMIT_ENTRIES_MAX, COMMIT_TRIES_MAX};
use crate::records::{StoredHead, StoredLine};
use crate::refusals::Refusals;
use crate::{Audit, Entry, Error, Event, Recorder, Unrecorded, Weight};

/// What waits for the writer.
pub(crate) struct Job {
    /// Nothing, for who only wants to know that all before it is written.
    work: Option<(AccountId, Box<Event>)>,
    done: Option<oneshot::Sender<Result<(), Error>>>,
}

/// The writer.
pub(crate) struct Writer {
    pub(crate) meta: Meta,
    pub(crate) refusals: Arc<Mutex<Refusals>>,
}

impl Writer {
    /// Writes until the last handle of the log is gone and the queue is empty.
    pub(crate) async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(COMMIT_ENTRIES_MAX);
        while jobs.recv_many(&mut batch, COMMIT_ENTRIES_MAX).await > 0 {
            let written = self.write(&batch).await;
            if let Err(error) = &written {
                let lost = batch
                    .iter()
                    .filter(|job| job.work.is_some() && job.done.is_none())
                    .count();
                error!(
                    error = error as &dyn std::error::Error,
                    lost, "the audit log cannot be written"
                );
                metrics::counter!("baleen_audit_lost_total").increment(lost as u64);
            }
            for job in batch.drain(..) {
                if let Some(done) = job.done {
                    // Who stopped waiting does not want to know.
                    let _ = done.send(written.clone());
                }
            }
        }
    }

    /// Commits the events of a batch, in their order, in one request.
    async fn write(&self, batch: &[Job]) -> Result<(), Error> {
        let work: Vec<_> = batch.iter().filter_map(|job| job.work.as_ref()).collect();
        if work.is_empty() {
            return Ok(());
        }
        let mut left_out: HashMap<AccountId, u64> = HashMap::new();
        {
            let mut refusals = self.refusals.lock();
            for (account, _) in &work {
                left_out
                    .entry(*account)
                    .or_insert_with(|| refusals.take_left_out(*account));
            }
        }
        let written = self.commit(&work, &left_out).await;
        if written.is_err() {
            let mut refusals = self.refusals.lock();
            for (account, count) in left_out {
                refusals.leave_out(account, count);
            }
        }
        written
    }

    async fn commit(&self, work: &[&(AccountId, Box<Event>)], left_out: &HashMap<AccountId, u64>) -> Result<(), Error> {
        let accounts: Vec<AccountId> = left_out.keys().copied().collect();
        let keys: Vec<Vec<u8>> = accounts.iter().map(|account| StoredHead::key(*account)).collect();
        for _ in 0..COMMIT_TRIES_MAX {
            let stored = self.meta.get_many(&keys).await?;
            let mut heads = HashMap::with_capacity(accounts.len());
            for (account, bytes) in accounts.iter().zip(&stored) {
                let head = bytes
                    .as_ref()
                    .map_or(Ok(StoredHead::empty()), |bytes| record::decode(bytes))?;
                heads.insert(*account, (head, left_out[account]));
            }
            let mut request = Request::new();
            for (account, event) in work {
                let Some((head, left_out)) = heads.get_mut(account) else {
                    continue;
                };
                let sequence = head.last + 1;
                let untold = std::mem::take(left_out);
                let line = Entry::of(event, &account.to_string(), sequence, &head.newest, untold).to_line();
                head.newest = sha256(line.as_bytes());
                head.last = sequence;
                request = request.put(
                    StoredLine::key(*account, sequence),
                    record::encode(&StoredLine { line })?,
                );
            }
            for ((account, key), before) in accounts.iter().zip(&keys).zip(stored) {
                let head = record::encode(&heads[account].0)?;
                request = request.unchanged(key.clone(), before).put(key.clone(), head);
            }
            match self.meta.commit(request).await? {
                Outcome::Committed => return Ok(()),
                // The clean-up, or another node.
                Outcome::Conflict { .. } => {}
            }
        }
        Err(Error::Contended)
    }
}

#[async_trait]
impl Recorder for Audit {
    async fn record(&self, event: Event) -> Result<(), Unrecorded> {
        let Some(account) = event.account() else { return Ok(()) };
        let weight = event.deed.as_ref().map(|deed| deed.weight);
        match (event.is_refused(), weight) {
            (true, _) => {
                let now = self.clock.monotonic();
                if self.refusals.lock().admit(account, now) {
                    self.offer(account, event);
                }
            }
            (false, Some(Weight::Change)) => self.write(account, event).await.map_err(|error| {
                error!(
                    error = &error as &dyn std::error::Error,
                    "a change could not be recorded in the audit log"
                );
                Unrecorded
            })?,
            (false, Some(Weight::Look)) => self.offer(account, event),
            (false, Some(Weight::Data)) if self.settings.data_events => self.offer(account, event),
            (false, Some(Weight::Data) | None) => {}
        }
        Ok(())
    }
}

impl Audit {
    /// Waits until all that was recorded before is durable.
    ///
    /// # Errors
    /// What the last of it met.
    pub async fn flush(&self) -> Result<(), Error> {
        self.send(None).await
    }

    /// Records an event that is not a request's, such as a job's, and waits until it is durable.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses.
    pub async fn write(&self, account: AccountId, event: Event) -> Result<(), Error> {
        self.send(Some((account, Box::new(event)))).await
    }

    async fn send(&self, work: Option<(AccountId, Box<Event>)>) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        let job = Job { work, done: Some(done) };
        self.queue.send(job).await.map_err(|_| Error::Closed)?;
        written.await.map_err(|_| Error::Closed)?
    }

    /// Queues an event that nobody waits for; what finds no place is counted.
    fn offer(&self, account: AccountId, event: Event) {
        let job = Job {
            work: Some((account, Box::new(event))),
            done: None,
        };
        if self.queue.try_send(job).is_err() {
            metrics::counter!("baleen_audit_left_out_total").increment(1);
            self.refusals.lock().leave_out(account, 1);
        }
    }
}
