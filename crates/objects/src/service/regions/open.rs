//! Taking the folders of regions into use.
//!
//! A folder has a stamp: whose it is, and how often it was taken into use. The keyspace has the same number, and whether the region
//! was whole. If they differ, the folder is new, was lost or swapped or set back, or the keyspace was, and what is in it has to be
//! compared with what is live before the region is whole again. A folder that another store stamped is refused, and one that nobody
//! stamped and that holds bodies is too: to bring it in line would be to remove all that is in it. A store of one region stamps its
//! only folder in the same way, so that it is known wherever it is put.

use super::standing::{Stamp, Standing, place_of};
use super::{Other, Regions, key_name};
use crate::service::Objects;
use crate::{ObjectError, keys};
use baleen_blob::{Blobs, Copies, Held};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Meta, Request, Scan};
use baleen_types::{RegionName, causes};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Notes that are removed in one commit.
const NOTES_REMOVED_AT_ONCE: usize = 1000;

/// How long home may be away before another folder takes its place: who moves or removes one takes a while.
const ANEW_AFTER: Duration = Duration::from_secs(5);

/// Where the folder of bodies is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomePlace {
    /// Where it was.
    Kept,
    /// Not there, and no pass over home has missed it yet.
    Missed,
    /// Not there; it may come back before another takes its place.
    Awaited,
    /// Not there for so long that the next pass takes another, unless a file system was mounted in it.
    GivenUp,
    /// There again, and no pass over home has taken it up yet.
    Back,
}

/// Home is not where it was.
#[derive(Debug, thiserror::Error)]
#[error("the folder of home has gone; if it is not back in a few seconds, another takes its place")]
struct HomeAway;

/// A folder that is not to be touched.
#[derive(Debug, thiserror::Error)]
enum ForeignFolder {
    #[error("{0} was the folder of another store or another region; put that of this one there")]
    Stamped(String),
    #[error("{0} is the home of this store; the copies of a region are in a folder of their own")]
    OwnHome(String),
    #[error("{0} is the home of another store; the copies of a region are in a folder of their own")]
    OtherHome(String),
    #[error(
        "{0} is empty or not there, and is where the bodies of this store were; put that folder back, or mount it, or, if it is lost, make one \
         with an empty file `plain` in it"
    )]
    Lost(String),
    #[error(
        "{0} holds bodies, and nothing in it says of which store they are; put the folder of this one there, or, if all that this store does \
         not know may be removed from it, put an empty file `plain` into it"
    )]
    Unknown(String),
}

/// A folder that is taken into use.
struct Entered {
    whose: Whose,
    is_mount: bool,
    /// Whether it is another than the one that was in use before in this run, whatever its stamp says.
    is_another: bool,
}

/// What a folder says of whose it is.
enum Whose {
    /// It has a stamp.
    Stamped(Stamp),
    /// It has none that can be read.
    Unstamped(Held),
}

impl Whose {
    /// One that lost its stamp while it was in use `is_known` all the same: it is meant. Else `held` is asked if there is no stamp.
    fn of(
        text: Option<&str>,
        is_known: bool,
        held: impl FnOnce() -> Result<Held, baleen_blob::Error>,
    ) -> Result<Self, ObjectError> {
        Ok(match text.and_then(Stamp::read) {
            Some(stamp) => Self::Stamped(stamp),
            None if is_known => Self::Unstamped(Held::Meant),
            None => Self::Unstamped(held()?),
        })
    }
}

pub(super) fn standing_key(region: &str) -> Vec<u8> {
    KeyWriter::new(Table::System).tail(format!("{STANDINGS}{region}"))
}

/// Where it is what the store is called in stamps.
pub(super) fn store_key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("objects/store")
}

pub(super) const STANDINGS: &str = "objects/region/";

pub(super) async fn standing_of(meta: &Meta, region: Option<&RegionName>) -> Result<Standing, ObjectError> {
    let known = meta.get(&standing_key(key_name(region))).await?;
    Ok(known.as_deref().map(Standing::decode).transpose()?.unwrap_or_default())
}

/// Whether a file system was mounted in the folder of home when it was taken into use last, so that nothing is to be made in it while
/// none is; see [`Blobs::open_mounted`].
///
/// # Errors
/// The keyspace cannot be read; or bodies were in that folder, it is not there, and they are in no other region.
pub async fn home_was_mount(meta: &Meta, folder: &Path, has_regions: bool) -> Result<bool, ObjectError> {
    if !has_regions && !folder.exists() {
        refuse_lost(meta, folder).await?;
    }
    Ok(standing_of(meta, None).await?.was_mount(folder))
}

/// Refuses to go on without the bodies that are to be there and are nowhere else: they may come back, and what is written meanwhile
/// would be lost then.
async fn refuse_lost(meta: &Meta, folder: &Path) -> Result<(), ObjectError> {
    let any = Scan::prefix(&KeyWriter::new(Table::Extent).finish())
        .keys_only()
        .limit(1);
    if standing_of(meta, None).await?.opened == 0 || meta.scan(any).await?.is_empty() {
        return Ok(());
    }
    let lost = ForeignFolder::Lost(folder.display().to_string());
    Err(ObjectError::Storage(Box::new(lost)))
}

impl Objects {
    /// Whether the folder of bodies is still the one that was taken into use; while it is not, nothing is written. Blocks.
    pub fn is_home_there(&self) -> bool {
        self.regions.is_home_there(&self.blobs)
    }

    /// Where the folder of bodies is, for who has a pass over home begin when there is something to do about it. Blocks.
    pub fn home_place(&self) -> HomePlace {
        let away_since = self.regions.home.state.lock().away_since;
        match (self.is_home_there(), away_since) {
            (true, None) => HomePlace::Kept,
            (false, None) => HomePlace::Missed,
            (true, Some(_)) => HomePlace::Back,
            (false, Some(since)) if self.clock.monotonic().saturating_sub(since) < ANEW_AFTER => HomePlace::Awaited,
            (false, Some(_)) => HomePlace::GivenUp,
        }
    }

    /// Takes the folders of all regions into use, before the first operation. One that cannot be opened now is tried again by each
    /// pass over its region.
    ///
    /// # Errors
    /// A folder is that of another store or region.
    pub(in crate::service) async fn open_regions(&self) -> Result<(), ObjectError> {
        self.forget_regions().await?;
        if self.standing(None).await?.was_mount(self.blobs.dir()) {
            self.blobs.check_mounted()?;
        }
        let found = Entered {
            whose: Whose::of(self.blobs.stamp()?.as_deref(), false, || self.blobs.held())?,
            is_mount: self.blobs.is_mount(),
            is_another: false,
        };
        if self.regions.are_none() && matches!(found.whose, Whose::Unstamped(Held::Nothing)) {
            refuse_lost(&self.meta, self.blobs.dir()).await?;
        }
        let home = self.enter(None, self.blobs.dir(), found).await?;
        self.blobs.set_stamp(&home.text())?;
        self.regions.home.state.lock().stamp = Some(home.text());
        for other in &self.regions.others {
            match self.open_copies(other).await {
                Err(ObjectError::Storage(source)) if source.is::<ForeignFolder>() => {
                    return Err(ObjectError::Storage(source));
                }
                Err(error) => {
                    tracing::error!(region = %other.of.name, error = %causes(&error), "a region cannot be used now");
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// The folder of a region, opened if it is not, or if it is another by now.
    pub(super) async fn open_copies(&self, other: &Other) -> Result<Copies, ObjectError> {
        let open = other.spot.state.lock().copies.clone();
        if let Some(copies) = open {
            // By its path first: of a disk that died nothing can be read, and another may be mounted there by now. One that was removed has
            // taken its stamp with it, and what is in its place is another.
            let is_left = copies.is_in_place() && {
                let found = copies.stamp();
                other.spot.state.lock().is_of(found)
            };
            if is_left {
                if copies.has_failed() {
                    other.spot.is_doubtful.store(true, Ordering::Relaxed);
                    copies.flush_anew()?;
                }
                return Ok(copies);
            }
            if copies.has_failed() {
                other.spot.is_doubtful.store(true, Ordering::Relaxed);
            }
            other.spot.gone.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                region = %other.of.name,
                folder = %other.of.folder.display(),
                "the folder of a region has gone, or is another; what is missing there is copied again"
            );
        }
        // Nobody is told that it is there until it is known whether it is whole, and its lock is given back.
        *other.spot.state.lock() = super::State::default();
        let (name, folder) = (&other.of.name, &other.of.folder);
        // Before anything is made or locked in it.
        if self.blobs.is_folder(folder) || baleen_blob::is_volume(folder) {
            let of = if self.blobs.is_folder(folder) {
                ForeignFolder::OwnHome
            } else {
                ForeignFolder::OtherHome
            };
            return Err(ObjectError::Storage(Box::new(of(folder.display().to_string()))));
        }
        let was_mount = self.standing(Some(name)).await?.was_mount(folder);
        let copies = Copies::of(&self.blobs, folder, was_mount)?;
        if copies.is_open_to_others() {
            tracing::warn!(
                region = %name,
                path = %folder.display(),
                "others may look into the folder of a region; chmod 700 keeps them out"
            );
        }
        let seen = copies.seen();
        let last = other.last.lock().clone();
        let is_same = last.as_ref() == Some(&seen);
        let found = Entered {
            whose: Whose::of(copies.stamp()?.as_deref(), is_same, || copies.held())?,
            is_mount: copies.is_mount(),
            // A copy of the folder has the same stamp.
            is_another: last.is_some() && !is_same,
        };
        let stamp = self.enter(Some(name), folder, found).await?;
        copies.set_stamp(&stamp.text())?;
        *other.last.lock() = Some(seen);
        let mut state = other.spot.state.lock();
        (state.copies, state.stamp) = (Some(copies.clone()), Some(stamp.text()));
        drop(state);
        Ok(copies)
    }

    /// Sees to it that home is the folder that was taken into use. If it stays away, the one in its place is taken into use, or one is
    /// made; what is missing in that is then for a comparison to find.
    ///
    /// # Errors
    /// There is none that could be used: until there is, bodies are read from elsewhere, and none is written.
    pub(super) async fn open_home(&self) -> Result<(), ObjectError> {
        let spot = &self.regions.home;
        let has_failed = self.blobs.has_failed();
        if has_failed {
            spot.is_doubtful.store(true, Ordering::Relaxed);
        }
        let found = self.blobs.stamp();
        let (is_left, away_since) = {
            let state = spot.state.lock();
            let is_left = found.as_ref().is_ok_and(|found| state.is_of(Ok(found.clone())));
            (is_left && self.blobs.is_in_place(), state.away_since)
        };
        if is_left {
            if away_since.is_some() {
                self.blobs.come_back()?;
                spot.state.lock().away_since = None;
                tracing::warn!("the folder of home is there again, as it was");
            }
            if has_failed {
                self.blobs.flush_anew()?;
            }
            return Ok(());
        }
        let now = self.clock.monotonic();
        let since = away_since.unwrap_or_else(|| {
            tracing::error!("the folder of home has gone; bodies are read from other regions, and none is written");
            spot.state.lock().away_since = Some(now);
            self.blobs.leave();
            now
        });
        let found = found?;
        if now.saturating_sub(since) < ANEW_AFTER {
            return Err(ObjectError::Storage(Box::new(HomeAway)));
        }
        let whose = Whose::of(found.as_deref(), self.blobs.is_in_place(), || self.blobs.held())?;
        self.refuse_foreign((None, self.blobs.dir()), &whose).await?;
        self.blobs.begin_anew(found).await?;
        spot.is_doubtful.store(false, Ordering::Relaxed);
        let found = Entered {
            whose,
            is_mount: self.blobs.is_mount(),
            is_another: true,
        };
        let stamp = self.enter(None, self.blobs.dir(), found).await?;
        self.blobs.set_stamp(&stamp.text())?;
        let mut state = spot.state.lock();
        (state.stamp, state.away_since) = (Some(stamp.text()), None);
        Ok(())
    }

    /// Refuses a folder that another store or region has stamped, or that holds what nobody knows.
    async fn refuse_foreign(
        &self,
        (region, folder): (Option<&RegionName>, &Path),
        whose: &Whose,
    ) -> Result<(), ObjectError> {
        let foreign = match whose {
            Whose::Stamped(stamp) if stamp.store == self.store_id().await? && stamp.region == key_name(region) => {
                return Ok(());
            }
            Whose::Unstamped(Held::Nothing | Held::Meant) => return Ok(()),
            Whose::Stamped(_) => ForeignFolder::Stamped,
            Whose::Unstamped(Held::Bodies) => ForeignFolder::Unknown,
        };
        Err(ObjectError::Storage(Box::new(foreign(folder.display().to_string()))))
    }

    /// What the keyspace says of a region.
    async fn standing(&self, region: Option<&RegionName>) -> Result<Standing, ObjectError> {
        standing_of(&self.meta, region).await
    }

    /// Decides whether a folder is as it was left, and gives the stamp that it gets.
    async fn enter(&self, region: Option<&RegionName>, folder: &Path, found: Entered) -> Result<Stamp, ObjectError> {
        let name = key_name(region);
        let key = standing_key(name);
        let known = self.standing(region).await?;
        let store = self.store_id().await?;
        self.refuse_foreign((region, folder), &found.whose).await?;
        let opened = match found.whose {
            Whose::Stamped(stamp) => stamp.opened,
            Whose::Unstamped(_) => 0,
        };
        let is_left = match known.opened {
            // A new store lacks nothing at home.
            0 => region.is_none() && opened == 0,
            known_opened => known.is_whole && known_opened == opened,
        };
        let is_whole = is_left && !found.is_another;
        let standing = Standing {
            opened: known.opened.max(opened) + 1,
            is_whole,
            mount: found.is_mount.then(|| place_of(folder)),
        };
        self.meta.commit(Request::new().put(key, standing.encode())).await?;
        let spot = self.regions.spot(region)?;
        // What was noted before a restart is as much a lack as what will be.
        let left = self.notes_left(region).await?;
        {
            let mut state = spot.state.lock();
            (state.is_whole, state.left) = (is_whole, left);
            state.is_filled = !is_whole || left > 0;
        }
        if !is_whole && !self.regions.are_none() {
            tracing::info!(
                region = region.map_or("home", RegionName::as_str),
                folder = %folder.display(),
                "a region is new or not as it was left; it will be compared"
            );
        }
        Ok(Stamp {
            store,
            region: name.to_owned(),
            opened: standing.opened,
        })
    }

    /// Notes that a region has all that is not noted as missing.
    pub(super) async fn set_whole(&self, region: Option<&RegionName>) -> Result<(), ObjectError> {
        let key = standing_key(key_name(region));
        let mut standing = self.standing(region).await?;
        standing.is_whole = true;
        self.meta.commit(Request::new().put(key, standing.encode())).await?;
        self.regions.spot(region)?.state.lock().is_whole = true;
        Ok(())
    }

    /// What the store is called in stamps; drawn when it is needed first.
    async fn store_id(&self) -> Result<String, ObjectError> {
        let key = store_key();
        loop {
            if let Some(id) = self.meta.get(&key).await? {
                return Ok(hex::encode(id));
            }
            let drawn = self.entropy.bytes::<16>().to_vec();
            self.meta
                .commit(Request::new().absent(key.clone()).put(key.clone(), drawn))
                .await?;
        }
    }

    /// Forgets regions that are no longer set, before anything comes or goes: nobody notes it for them, so that they are compared when
    /// they come back. A store that has no regions now may have had some.
    async fn forget_regions(&self) -> Result<(), ObjectError> {
        let known = self.meta.scan(Scan::prefix(&standing_key(""))).await?;
        for entry in known {
            let key = KeyReader::new(&entry.key, Table::System)?.tail_str()?.to_owned();
            let name = key.strip_prefix(STANDINGS).unwrap_or_default();
            let is_set = name == keys::HOME || self.regions().any(|region| region.as_str() == name);
            if is_set {
                continue;
            }
            let mut standing = Standing::decode(&entry.value)?;
            if standing.is_whole {
                standing.is_whole = false;
                let left = Request::new().put(entry.key.to_vec(), standing.encode());
                self.meta.commit(left).await?;
                tracing::warn!(
                    region = name,
                    "a region is no longer set; what is in its folder is left alone"
                );
            }
            let notes = Scan::prefix(&keys::copies_due(name).finish()).keys_only();
            loop {
                let page = self.meta.scan(notes.clone().limit(NOTES_REMOVED_AT_ONCE)).await?;
                if page.is_empty() {
                    break;
                }
                let remove = |request: Request, key: &[u8]| request.delete(key.to_vec());
                let request = page
                    .iter()
                    .fold(Request::new(), |request, entry| remove(request, &entry.key));
                self.meta.commit(request).await?;
            }
        }
        Ok(())
    }
}

impl Regions {
    /// Whether a region is there, and whole but for what is noted.
    pub(super) fn is_whole(&self, region: Option<&RegionName>) -> bool {
        let Ok(spot) = self.spot(region) else { return false };
        let (copies, is_whole) = {
            let state = spot.state.lock();
            (state.copies.clone(), state.is_whole)
        };
        let is_there = || {
            copies.is_some_and(|copies| {
                let found = copies.stamp();
                copies.is_in_place() && spot.state.lock().is_of(found)
            })
        };
        is_whole && (region.is_none() || is_there())
    }

    /// Whether the folder of home is still the one that was taken into use.
    pub(in crate::service) fn is_home_there(&self, blobs: &Blobs) -> bool {
        let found = blobs.stamp();
        blobs.is_in_place() && self.home.state.lock().is_of(found)
    }
}
