//! Regions: where else than at home the bytes of objects are.
//!
//! Home is the volume that every body is written to first. Each other region is a folder of copies. The keyspace is the one truth
//! for all: which extents are live, and what is still to be looked at in which region (see [`elsewhere`](super::elsewhere)). A
//! pass of [`Objects::reconcile`] makes what is there what has to be there, for home as for the others: so a lost folder, a flipped
//! bit and a new region are healed in one way, and what is asked for a region in between is answered from another.

mod compare;
mod lack;
mod look;
mod open;
mod reading;
mod reconcile;
mod removing;
mod standing;
mod status;

pub use lack::Lack;
pub use look::{Unlooked, copies_of_unserved};
pub use open::{HomePlace, home_was_mount};
pub use reconcile::{Reconciled, note_at_home};

pub(super) use reading::RegionReader;

use super::Objects;
use super::elsewhere::Elsewhere;
use crate::records::BucketId;
use crate::{ObjectError, keys};
use baleen_blob::{BlobId, Copies, Extent, Holder, Seen};
use baleen_types::RegionName;
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Buckets whose policy is kept in memory. It never changes, and is read again when it is not there.
const POLICIES_MAX: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Damaged extents of home that are remembered until they are noted. Who finds more finds them again.
const NOTICED_MAX: usize = 10_000;

/// A region beside home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionFolder {
    /// Its name.
    pub name: RegionName,
    /// The folder of its copies.
    pub folder: PathBuf,
}

/// The regions of a store.
pub(super) struct Regions {
    home: Spot,
    others: Vec<Other>,
    everywhere: Elsewhere,
    pub(super) policies: Mutex<LruCache<BucketId, Elsewhere>>,
    /// Extents that were not read at home as they were written.
    noticed: Mutex<HashMap<BlobId, Extent>>,
    reads_elsewhere: AtomicU64,
}

/// What is known of a region.
#[derive(Default)]
struct Spot {
    /// Told when there may be something to do.
    hint: Arc<Notify>,
    state: Mutex<State>,
    /// Whether its file system failed to write something, and does not say what: what is found and noted is not believed any more in this
    /// run, but written anew, long copies left out.
    is_doubtful: AtomicBool,
    /// Extents that were written anew in place of what was damaged or lost.
    healed: AtomicU64,
    /// How often its folder has gone while it was in use. Never for home, whose loss refuses writes.
    gone: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The folder, when it is open. Never for home.
    copies: Option<Copies>,
    /// What its stamp says since it was taken into use: with any other, or none, it is another folder.
    stamp: Option<String>,
    /// Since when its folder is missed. Only for home.
    away_since: Option<Duration>,
    /// Whether nothing is missing but what is noted.
    is_whole: bool,
    /// Whether it was taken into use without being whole, and no pass has left nothing to do since.
    is_filled: bool,
    /// Notes that the last pass left.
    left: u64,
    /// When it was looked last for copies of what is gone.
    swept: Option<Duration>,
    /// The note behind which a pass goes on, if the last one gave up there.
    resume: Option<Vec<u8>>,
    /// Extents that were whole nowhere when they were tried last: they are read before anything is written for them again.
    lost: HashSet<BlobId>,
}

impl State {
    /// Whether a folder with this stamp is the one that was taken into use.
    fn is_of(&self, stamp: Result<Option<String>, baleen_blob::Error>) -> bool {
        self.stamp.is_some() && stamp.is_ok_and(|found| found == self.stamp)
    }
}

/// A region beside home.
struct Other {
    of: RegionFolder,
    spot: Spot,
    /// Which folder was taken into use last.
    last: Mutex<Option<Seen>>,
}

impl Regions {
    pub(super) fn of(others: Vec<RegionFolder>) -> Arc<Self> {
        let names = others.iter().map(|other| other.name.clone()).collect();
        let other = |of| Other {
            of,
            spot: Spot::default(),
            last: Mutex::default(),
        };
        let home = Spot::default();
        home.state.lock().is_whole = true;
        Arc::new(Self {
            home,
            others: others.into_iter().map(other).collect(),
            everywhere: Elsewhere::of(names),
            policies: Mutex::new(LruCache::new(POLICIES_MAX)),
            noticed: Mutex::default(),
            reads_elsewhere: AtomicU64::new(0),
        })
    }

    /// Whether home is the only one.
    pub(super) fn are_none(&self) -> bool {
        self.others.is_empty()
    }

    /// All but home.
    pub(super) fn everywhere(&self) -> &Elsewhere {
        &self.everywhere
    }

    /// The names of all but home.
    pub(super) fn names(&self) -> impl Iterator<Item = &RegionName> {
        self.others.iter().map(|other| &other.of.name)
    }

    /// Says that there may be notes. Nothing but time hangs on it.
    pub(super) fn hint(&self) {
        for other in &self.others {
            other.spot.hint.notify_one();
        }
    }

    /// Remembers that an extent could not be read at home as it was written, so that it is looked at there.
    pub(super) fn notice(&self, extent: Extent) {
        let mut noticed = self.noticed.lock();
        if noticed.len() < NOTICED_MAX {
            noticed.insert(extent.id, extent);
            self.home.hint.notify_one();
        }
    }

    /// The folders of copies that are open, of all regions but one.
    fn copies_but_of(&self, but: Option<&RegionName>) -> Vec<Holder> {
        let others = self.others.iter().filter(|other| Some(&other.of.name) != but);
        let open = others.filter_map(|other| other.spot.state.lock().copies.clone());
        open.map(Holder::Copies).collect()
    }

    /// The folder of copies of a region, if it is open.
    pub(super) fn copies_of(&self, region: &RegionName) -> Option<Holder> {
        let copies = self.other(region)?.spot.state.lock().copies.clone();
        copies.map(Holder::Copies)
    }

    /// The same, if it has all that is not noted.
    pub(super) fn whole_copies(&self, region: &RegionName) -> Option<Holder> {
        self.copies_of(region).filter(|_| self.is_whole(Some(region)))
    }

    fn other(&self, name: &RegionName) -> Option<&Other> {
        self.others.iter().find(|other| other.of.name == *name)
    }

    fn spot(&self, region: Option<&RegionName>) -> Result<&Spot, ObjectError> {
        match region {
            None => Ok(&self.home),
            Some(name) => {
                let other = self.other(name);
                other.map(|other| &other.spot).ok_or_else(|| no_such_region(name))
            }
        }
    }
}

fn no_such_region(name: &RegionName) -> ObjectError {
    ObjectError::Storage(format!("there is no region {name} here").into())
}

/// The name of a region in keys; home has none.
fn key_name(region: Option<&RegionName>) -> &str {
    region.map_or(keys::HOME, RegionName::as_str)
}

impl Objects {
    /// The regions beside home.
    pub fn regions(&self) -> impl Iterator<Item = &RegionName> {
        self.regions.others.iter().map(|other| &other.of.name)
    }

    /// Told when there may be something for [`Objects::reconcile`] to do in a region, `None` being home.
    ///
    /// # Errors
    /// There is no such region.
    pub fn region_hint(&self, region: Option<&RegionName>) -> Result<Arc<Notify>, ObjectError> {
        Ok(Arc::clone(&self.regions.spot(region)?.hint))
    }

    /// The folders of copies that are open now, for who reads what home has not as it was written.
    pub fn copies(&self) -> Vec<Holder> {
        self.regions.copies_but_of(None)
    }

    /// As if the file system of a region failed to write something, `None` being home. For tests.
    #[doc(hidden)]
    pub fn fail_flushes(&self, region: Option<&RegionName>) {
        match region.map(|region| self.regions.copies_of(region)) {
            None => self.blobs.fail(),
            Some(Some(Holder::Copies(copies))) => copies.fail(),
            Some(_) => {}
        }
    }

    /// How many extents were written anew in a region, `None` being home, since they were damaged there, or at home lost.
    pub fn healed(&self, region: Option<&RegionName>) -> u64 {
        let spot = self.regions.spot(region);
        spot.map_or(0, |spot| spot.healed.load(Ordering::Relaxed))
    }

    /// How often an extent was read elsewhere, at least to a part, since home did not give what was written.
    pub fn reads_elsewhere(&self) -> u64 {
        self.regions.reads_elsewhere.load(Ordering::Relaxed)
    }
}
