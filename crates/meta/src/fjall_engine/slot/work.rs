//! Long work on the open database, and closing and opening it when nothing has failed.

use super::{CannotOpen, Slot, State};
use crate::{Error, Result};
use fjall::{AbstractTree as _, Keyspace};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

impl Slot {
    /// Lends a handle for work that takes long; for a compaction, of which there is one. The work ends soon when the flag is set
    /// that it is given. If it fails, what it had written stays until [`Self::tidy`], since fjall goes on as if nothing had been; if
    /// it panics, fjall's locks cannot be used any more, so that the database is opened again at once, whoever has a snapshot.
    pub(in super::super) fn work_on<T>(
        &self,
        work: impl FnOnce(&Keyspace, &Arc<AtomicBool>) -> Result<T>,
    ) -> Result<T> {
        // The lock is taken while the database is in its place, so whoever closes it either comes before or waits.
        let (keyspace, generation, working) =
            self.read(|open| Ok((open.keyspace.clone(), open.generation, self.working.lock())))?;
        let done = catch_unwind(AssertUnwindSafe(|| work(&keyspace, &self.closing)));
        if !matches!(done, Ok(Ok(_))) {
            self.littered.store(true, Ordering::Relaxed);
        }
        drop(keyspace);
        drop(working);
        done.unwrap_or_else(|_| {
            let mut state = self.state.write();
            if matches!(&*state, State::Open(open) if open.generation == generation) {
                self.open_again(&mut state, None)?;
            }
            Err(Error::Corrupt {
                doing: "compacting",
                why: "the engine came upon what it did not expect".to_owned(),
            })
        })
    }

    /// Opens the database again if work that failed has left files; but not while anybody has a snapshot: then it tells so.
    pub(in super::super) fn tidy(&self) -> Result<bool> {
        if !self.littered.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let mut state = self.state.write();
        if self.views.load(Ordering::Relaxed) == 0 && matches!(*state, State::Open(_)) {
            self.open_again(&mut state, None)?;
        }
        Ok(!self.littered.load(Ordering::Relaxed))
    }

    /// Closes the database, cuts its journal to nothing, and opens it again; but not while anybody has a snapshot, or
    /// something is not in tables yet: then it tells so.
    pub(in super::super) fn start_journal_anew(&self) -> Result<bool> {
        let mut state = self.state.write();
        let State::Open(open) = &*state else { return Ok(false) };
        let is_at_rest = self.views.load(Ordering::Relaxed) == 0
            && open.keyspace.tree.get_highest_memtable_seqno().is_none()
            && open.db.outstanding_flushes() == 0
            && open.db.active_compactions() == 0;
        if is_at_rest {
            self.open_again(&mut state, Some(0))?;
        }
        Ok(is_at_rest)
    }

    /// Closes the database and opens it, when nothing has failed.
    fn open_again(&self, state: &mut State, cut_from: Option<u64>) -> Result<()> {
        let generation = state.generation();
        *state = State::Closed {
            why: Error::Closed,
            cut_from,
            since: Instant::now(),
            generation,
        };
        let (why, cut_from) = match self.cut_and_open(cut_from, generation) {
            Ok(open) => {
                *state = State::Open(open);
                return Ok(());
            }
            Err(CannotOpen::Cut(error)) => (Error::io("cutting the journal", error), cut_from),
            Err(CannotOpen::Open(error)) => (error, None),
        };
        tracing::error!(error = %why, "the metadata store cannot be opened again");
        *state = State::Closed {
            why: why.clone(),
            cut_from,
            since: Instant::now(),
            generation,
        };
        Err(why)
    }
}
