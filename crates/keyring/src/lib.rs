//! The master keys of a store: where they are kept, which of them are needed, and the change from one to the next.
//!
//! A rotation takes these steps, and may be cut between any two of them; whoever comes next, the running server, the next
//! start or the same command again, goes on where it was cut:
//!
//! 1. the file gets one more key, durably;
//! 2. the store says that it needs that key too, before anything is sealed under it (see `checks`);
//! 3. the sealer works with the new ring: the newest key seals, all open;
//! 4. passes seal anew what older keys sealed, until one finds nothing more;
//! 5. the store says that it needs the newest key alone;
//! 6. the older keys are taken out of the file, when the operator says so: backups of the store still need them.
//!
//! While requests are served, something may be under way that was sealed before step 3. So step 5 waits for a pass that
//! began [`limits::UNDER_WAY_MAX`] after it. Where nothing is served there is nothing to wait for.
//!
//! The file is the wish and the store follows it: a server looks at it every few seconds ([`Keyring::converge`]), so a key
//! that was added by the command, by hand or by a secret manager has the same effect.

mod checks;
mod error;
mod file;
mod kind;
pub mod limits;
mod pass;
mod served;
mod status;

pub use checks::needed_keys;
pub use error::Error;
pub use file::{KeyFile, write_private};
pub use kind::{SealedKind, Unsealable, Visitor, holds_sealed, visit_record};
pub use served::{retire_served, rotate_served};
pub use status::{KindTally, Status, Tally};

use baleen_meta::Meta;
use baleen_runtime::{Clock, Entropy};
use baleen_sealing::{Ring, Sealer};
use baleen_types::Timestamp;
use checks::Needed;
use file::Stamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The master keys of one store.
pub struct Keyring {
    parts: Parts,
    sealer: Arc<Sealer>,
    state: Mutex<State>,
    status: parking_lot::Mutex<Status>,
}

/// What a keyring is built from.
pub struct Parts {
    /// Where the records are.
    pub meta: Meta,
    /// Where the keys are.
    pub file: KeyFile,
    /// Everything that is sealed in the store.
    pub kinds: Vec<SealedKind>,
    /// Tells what may still be under way.
    pub clock: Arc<dyn Clock>,
    /// Makes keys and nonces.
    pub entropy: Arc<dyn Entropy>,
}

struct State {
    ring: Ring,
    stamp: Option<Stamp>,
    needed: Needed,
    /// What may be under way that an older key sealed; `None` when the newest key has sealed since before anybody was at work.
    under_way: Option<UnderWay>,
    /// Whether a pass has been made since.
    is_passed: bool,
}

/// Until when something may be under way, by both clocks: the one that is never set, and the one that people read.
#[derive(Clone, Copy)]
struct UnderWay {
    until: Duration,
    until_time: Timestamp,
}

impl Keyring {
    /// Opens the keys of a store, before anything of it is served. A new store gets its first key.
    ///
    /// # Errors
    /// `Missing`, `WrongKey` when the file is not the one that goes with the store; what is wrong with the file otherwise.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, Error> {
        let Parts { meta, file, kinds, .. } = &parts;
        let (ring, stamp) = match file.read()? {
            Some((ring, stamp)) => (ring, Some(stamp)),
            None if checks::is_used(meta, kinds).await? => return Err(file.missing()),
            None => (file.create(&*parts.entropy)?, file.stamp()?),
        };
        let needed = parts.need(&ring).await?;
        let sealer = Arc::new(Sealer::of(&ring));
        let state = State {
            ring,
            stamp,
            needed,
            under_way: None,
            is_passed: false,
        };
        let keyring = Self {
            sealer,
            status: parking_lot::Mutex::new(Status::of(&state)),
            state: Mutex::new(state),
            parts,
        };
        keyring.count();
        Ok(Arc::new(keyring))
    }

    /// The sealer that works with these keys.
    pub fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Where the keys are.
    pub fn file(&self) -> &KeyFile {
        &self.parts.file
    }

    /// How things are.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Follows the file, and seals anew what older keys sealed; for a background task. Does nothing when there is nothing
    /// to do.
    ///
    /// # Errors
    /// As [`Keyring::open`]: the keys that were good before are used on.
    pub async fn converge(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        self.follow(&mut state).await?;
        if state.needed.numbers.len() > 1 && (!state.is_passed || !self.is_under_way(&state)) {
            self.pass(&mut state, |_| {}).await?;
        }
        self.tell(&state);
        Ok(())
    }

    /// Makes a key and seals everything anew under it; or goes on with the change that was begun. Not while the store is
    /// served. `told` hears of the progress.
    ///
    /// # Errors
    /// `StillNeeded` when something does not open, or does not come to an end; what is wrong with the file otherwise.
    pub async fn rotate(&self, mut told: impl FnMut(&Tally)) -> Result<Status, Error> {
        {
            let mut state = self.state.lock().await;
            self.follow(&mut state).await?;
            if state.needed.numbers.len() == 1 && state.needed.numbers[0] == state.ring.newest() {
                self.parts.file.add(&*self.parts.entropy)?;
                self.follow(&mut state).await?;
            }
        }
        self.finish(&mut told).await
    }

    /// Seals everything anew under the newest key, and takes the older ones out of the file. Not while the store is served.
    ///
    /// # Errors
    /// As [`Keyring::rotate`].
    pub async fn retire(&self, mut told: impl FnMut(&Tally)) -> Result<Status, Error> {
        self.finish(&mut told).await?;
        let mut state = self.state.lock().await;
        if state.ring.numbers().count() > 1 {
            self.parts.file.retire(&state.ring)?;
            self.follow(&mut state).await?;
        }
        self.tell(&state);
        Ok(self.status())
    }

    async fn finish(&self, told: &mut impl FnMut(&Tally)) -> Result<Status, Error> {
        let mut state = self.state.lock().await;
        for _ in 0..limits::PASSES_MAX {
            if state.needed.numbers.len() == 1 {
                self.tell(&state);
                return Ok(self.status());
            }
            // Nobody else is at work.
            state.under_way = None;
            self.pass(&mut state, &mut *told).await?;
        }
        let unopened = self.status().sealed.unopened();
        let why = match unopened {
            0 => "records keep being changed; run the command again".to_owned(),
            n => format!(
                "{n} records do not open under any key; the log names them, and what they belong to can be deleted"
            ),
        };
        Err(Error::StillNeeded { why })
    }

    /// Takes up what the file holds now.
    async fn follow(&self, state: &mut State) -> Result<(), Error> {
        let file = &self.parts.file;
        if file.stamp()? == state.stamp {
            return Ok(());
        }
        let (ring, stamp) = file.read()?.ok_or_else(|| file.missing())?;
        if ring != state.ring {
            let needed = self.parts.need(&ring).await?;
            // From here on nothing waits, so that ring, sealer and state are of one mind however this ends.
            self.sealer.take(&ring);
            if ring.newest() != state.ring.newest() {
                state.under_way = Some(self.under_way());
                state.is_passed = false;
                self.status.lock().sealed = Tally::default();
            }
            (state.ring, state.needed) = (ring, needed);
            tracing::info!(ring = ?state.ring, "master keys taken up");
        }
        state.stamp = Some(stamp);
        self.tell(state);
        Ok(())
    }

    async fn pass(&self, state: &mut State, mut told: impl FnMut(&Tally)) -> Result<(), Error> {
        let Parts {
            meta, kinds, entropy, ..
        } = &self.parts;
        let may_settle = !self.is_under_way(state);
        let before = self.status().sealed;
        let tally = pass::make(meta, &self.sealer, &**entropy, kinds, |so_far| {
            let sum = before.then(so_far);
            told(&sum);
            self.status.lock().sealed = sum;
        })
        .await?;
        self.status.lock().sealed = before.then(&tally);
        metrics::counter!("baleen_secrets_resealed_total").increment(tally.resealed());
        state.is_passed = true;
        if tally.is_clean() && may_settle {
            let newest = vec![state.ring.newest()];
            if state.needed.say(newest, meta, &state.ring, &**entropy).await? {
                tracing::info!(newest = %state.ring.newest(), "everything is sealed under the newest master key");
            } else {
                state.needed = self.parts.need(&state.ring).await?;
            }
        } else if may_settle && (state.under_way.is_some() || tally.is_stuck()) {
            // What a late pass still found may have company; what does not open is looked at again, but not all the time.
            state.under_way = Some(self.under_way());
        }
        self.tell(state);
        Ok(())
    }

    fn under_way(&self) -> UnderWay {
        UnderWay {
            until: self.parts.clock.monotonic() + limits::UNDER_WAY_MAX,
            until_time: self.parts.clock.now().plus(limits::UNDER_WAY_MAX),
        }
    }

    fn is_under_way(&self, state: &State) -> bool {
        let now = self.parts.clock.monotonic();
        state.under_way.is_some_and(|under_way| now < under_way.until)
    }

    fn tell(&self, state: &State) {
        let mut status = self.status.lock();
        let sealed = std::mem::take(&mut status.sealed);
        *status = Status {
            sealed,
            ..Status::of(state)
        };
        drop(status);
        self.count();
    }

    fn count(&self) {
        let status = self.status.lock();
        metrics::gauge!("baleen_master_key_newest").set(f64::from(status.newest));
        let (held, needed) = (status.held.len(), status.needed.len());
        for (name, keys) in [("baleen_master_keys_held", held), ("baleen_master_keys_needed", needed)] {
            metrics::gauge!(name).set(f64::from(u32::try_from(keys).unwrap_or(u32::MAX)));
        }
    }
}

impl Parts {
    /// Which keys the store needs, the newest among them: it has to say so before that seals.
    async fn need(&self, ring: &Ring) -> Result<Needed, Error> {
        let Self { meta, file, .. } = self;
        for _ in 0..limits::ATTEMPTS_MAX {
            let mut needed = match Needed::read(meta, ring, file).await? {
                Some(needed) => needed,
                None => Needed::guess(meta, ring, file, &self.kinds).await?,
            };
            let mut numbers = needed.numbers.clone();
            if !numbers.contains(&ring.newest()) {
                numbers.push(ring.newest());
            }
            // What a process that was cut short has asked for may come in between.
            if needed.is_said(&numbers) || needed.say(numbers, meta, ring, &*self.entropy).await? {
                return Ok(needed);
            }
        }
        Err(Error::Busy {
            path: self.file.path().to_owned(),
        })
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:?})", self.status())
    }
}

#[cfg(test)]
mod tests;
