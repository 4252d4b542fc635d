//! Forgetting: entries past their time are removed from the old end of a chain, which stays checkable from there on.

use baleen_meta::{Outcome, Request, Scan, record};
use baleen_signing::sha256;
use baleen_types::{AccountId, Timestamp};

use crate::chain::lines;
use crate::limits::{COMMIT_TRIES_MAX, STEP_ENTRIES};
use crate::records::{StoredHead, StoredLine};
use crate::{Audit, Deed, Entry, Error, Event, Weight};

impl Audit {
    /// What is to be done now and then: tells of refusals that were left out and that no entry has told of since, and
    /// removes what is past its time. Idempotent.
    ///
    /// # Errors
    /// When the store refuses; the next pass goes on.
    pub async fn upkeep(&self) -> Result<(), Error> {
        let untold = self.refusals.lock().untold();
        for account in untold {
            self.write(account, self.left_out_event(account)).await?;
        }
        let mut after = None;
        loop {
            let scan = Scan::prefix(&StoredHead::all()).limit(STEP_ENTRIES).keys_only();
            let scan = match after.take() {
                Some(key) => scan.after(key),
                None => scan,
            };
            let heads = self.meta.scan(scan).await?;
            for head in &heads {
                self.forget(StoredHead::account(&head.key)?).await?;
            }
            match heads.last() {
                Some(last) if heads.len() == STEP_ENTRIES => after = Some(last.key.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    /// Removes the entries of one account that are past their time.
    async fn forget(&self, account: AccountId) -> Result<(), Error> {
        let kept_from = self
            .clock
            .now()
            .as_nanos()
            .saturating_sub(i64::try_from(self.settings.retention.as_nanos()).unwrap_or(i64::MAX));
        let kept_from = Timestamp::from_nanos(kept_from);
        let mut tries = 0;
        while tries < COMMIT_TRIES_MAX {
            let view = self.meta.snapshot().await?;
            let key = StoredHead::key(account);
            let Some(stored) = view.get(&key).await? else {
                return Ok(());
            };
            let mut head: StoredHead = record::decode(&stored)?;
            let oldest = lines(&view, account, head.first, STEP_ENTRIES).await?;
            let mut request = Request::new().unchanged(key.clone(), Some(stored));
            let mut removed = 0;
            for (sequence, line) in &oldest {
                let time = serde_json::from_str(line).ok().map(|entry: Entry| entry.time);
                let at = time.and_then(|time| Timestamp::parse_rfc3339(&time).ok());
                // What is damaged is evidence: it stays, and so does what is behind it.
                if *sequence != head.first || at.is_none_or(|at| at >= kept_from) {
                    break;
                }
                request = request.delete(StoredLine::key(account, *sequence));
                head.first = sequence + 1;
                head.anchor = sha256(line.as_bytes());
                removed += 1;
            }
            if removed == 0 {
                return Ok(());
            }
            match self.meta.commit(request.put(key, record::encode(&head)?)).await? {
                Outcome::Committed if removed < STEP_ENTRIES => return Ok(()),
                Outcome::Committed => tries = 0,
                // An entry was written meanwhile.
                Outcome::Conflict { .. } => tries += 1,
            }
        }
        Err(Error::Contended)
    }

    fn left_out_event(&self, account: AccountId) -> Event {
        let deed = Deed {
            account: Some(account),
            ..Deed::denied(Weight::Look, "", "")
        };
        Event {
            door: "audit",
            refusal: Some("more requests were refused than are recorded"),
            ..Event::of_server(self.clock.now(), "RefusalsLeftOut", deed)
        }
    }
}
