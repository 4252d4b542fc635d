//! A pass that makes what is in a region what has to be there.

use super::{NOTICED_MAX, key_name};
use crate::records::{CopyDue, LiveExtent};
use crate::service::Objects;
use crate::service::pace::{Pace, StoppedPace};
use crate::{ObjectError, keys};
use baleen_blob::{BlobId, Extent, Found, Holder, TOGETHER_BYTES_MAX};
use baleen_meta::{Entry, Meta, Request, Scan, record};
use baleen_runtime::Shutdown;
use baleen_types::RegionName;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// Extents that are looked at at once: each holds a unit of 256 KiB in memory.
const AT_ONCE: usize = 8;

/// The same of small ones, which share a flush: as much in memory for each at most, and mostly a few KiB.
const SMALL_AT_ONCE: usize = 64;

/// Notes that are in memory at a time.
pub(super) const NOTES_AT_ONCE: usize = 256;

/// Extents of what is gone that a pass remembers, of some 50 bytes each. Of more, the next pass takes the others at once.
const GONE_MAX: usize = 20_000;

/// Failures after which a pass gives up, what is whole nowhere left out: what they have in common will keep the others from succeeding
/// too. In case they have nothing in common, the next pass goes on from there.
const FAILURES_MAX: u64 = 256;

/// Notes that are counted as left; of more it is told that there are as many at least.
pub(super) const LEFT_COUNTED_MAX: usize = 10_000;

/// What a pass over a region did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Extents that were compared with what is there, if it was not known whether the region is whole.
    pub compared: u64,
    /// Extents whose bytes were written.
    pub written: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Extents that were noted and found to be there.
    pub found: u64,
    /// Copies of what is gone that were removed.
    pub removed: u64,
    /// Extents that could not be brought in line; the next pass tries again.
    pub failed: u64,
    /// Notes that are left, at least 10,000 if it says that.
    pub left: u64,
}

impl Reconciled {
    /// Whether it did anything, or failed to.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        Self { left: 0, ..*self } == Self::default()
    }

    /// What both did; what the other left is left.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            compared: self.compared + other.compared,
            written: self.written + other.written,
            bytes: self.bytes + other.bytes,
            found: self.found + other.found,
            removed: self.removed + other.removed,
            failed: self.failed + other.failed,
            left: other.left,
        }
    }
}

/// The place that a pass is about.
pub(super) struct Target {
    pub(super) region: Option<RegionName>,
    pub(super) holder: Holder,
    /// Where copies come from; the place itself is the last.
    pub(super) sources: Vec<Holder>,
    /// Whether what is found is not to be believed, long copies left out.
    is_doubtful: bool,
    pace: StoppedPace,
    /// Whether something did not fit, so that nothing more is written; what is gone still makes room.
    pub(super) is_full: AtomicBool,
}

impl Target {
    /// Where copies come from, but for the place itself.
    pub(super) fn elsewhere(&self) -> &[Holder] {
        self.sources.split_last().map_or(&[], |(_, elsewhere)| elsewhere)
    }

    /// Whether what is found may be in memory alone. A long copy has its name when it is on disk; at home, names and ranges were there before.
    pub(super) fn doubts(&self, extent: Extent) -> bool {
        self.is_doubtful && (self.region.is_none() || extent.length <= TOGETHER_BYTES_MAX)
    }
}

/// What a pass met on its way.
#[derive(Default)]
struct Met {
    /// The first that went wrong.
    failure: Option<ObjectError>,
    /// How often something did that has nothing to do with the extent.
    stuck: u64,
    /// What is gone, with the keys of its notes: its copies can go when all that was noted by now has been tried.
    gone: Vec<(Vec<u8>, Extent)>,
    /// What was tried and is not there, which is not tried again in the same pass.
    failed: HashSet<BlobId>,
    /// Whether it began with the first note, and not where one that gave up had come to.
    has_begun_anew: bool,
}

/// What is found of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    /// It, and on disk.
    Whole,
    /// Other bytes.
    Damaged,
    /// Nothing, or nothing that could be believed.
    Not,
}

/// How a note was dealt with.
enum Done {
    Written(u64),
    Found,
    /// The extent is gone, and its copy can go.
    Gone(Extent),
    /// It changed meanwhile, or somebody reads it; the next pass looks.
    Later,
}

impl Objects {
    /// Brings a region in line with the keyspace, `None` being home. Converges: what it leaves, the next pass finds. Not to be called
    /// twice at a time for a region.
    ///
    /// # Errors
    /// The first thing that went wrong. What could be done is done nevertheless, and `tell` is told of it.
    pub async fn reconcile(
        &self,
        region: Option<&RegionName>,
        stop: &Shutdown,
        tell: &(dyn Fn(&Reconciled) + Send + Sync),
    ) -> Result<(), ObjectError> {
        let mut done = Reconciled::default();
        let outcome = self.reconcile_until(region, stop, &mut done, tell).await;
        done.left = self.notes_left(region).await?;
        self.tell_left(region, &done)?;
        tell(&done);
        outcome
    }

    /// Remembers what a pass left, and says so when a folder that was lost or new has all.
    fn tell_left(&self, region: Option<&RegionName>, done: &Reconciled) -> Result<(), ObjectError> {
        let mut state = self.regions.spot(region)?.state.lock();
        state.left = done.left;
        if state.is_filled && state.is_whole && done.left == 0 {
            state.is_filled = false;
            let (region, Reconciled { written, bytes, .. }) = (name_in_words(region), done);
            tracing::info!(region, written, bytes, "a region has all that has to be there");
        }
        Ok(())
    }

    /// Says what a comparison found to be missing: of a folder that was lost that is more than anybody expects.
    async fn tell_missing(&self, region: Option<&RegionName>, compared: u64) -> Result<(), ObjectError> {
        let missing = self.notes_left(region).await?;
        let region = name_in_words(region);
        if missing > 0 {
            let or_more = if missing >= LEFT_COUNTED_MAX as u64 {
                " or more"
            } else {
                ""
            };
            tracing::warn!(
                region,
                compared,
                missing,
                "a region lacks extents{or_more}; they are copied there"
            );
        } else {
            tracing::info!(region, compared, "a region was compared and lacks nothing");
        }
        Ok(())
    }

    async fn reconcile_until(
        &self,
        region: Option<&RegionName>,
        stop: &Shutdown,
        done: &mut Reconciled,
        tell: &(dyn Fn(&Reconciled) + Send + Sync),
    ) -> Result<(), ObjectError> {
        let target = self.target(region, stop).await?;
        self.note_noticed().await?;
        let is_whole = self.regions.spot(region)?.state.lock().is_whole;
        if !is_whole {
            let mut told = |compared| {
                done.compared += compared;
                tell(done);
            };
            if !self.compare(&target, stop, &mut told).await? {
                return Ok(());
            }
            self.tell_missing(region, done.compared).await?;
        }
        let spot = self.regions.spot(region)?;
        let resume = spot.state.lock().resume.take();
        let mut met = Met {
            has_begun_anew: resume.is_none(),
            ..Met::default()
        };
        let report = (&mut *done, tell);
        self.settle_all(&target, resume, stop, report, &mut met).await?;
        // A body that was moved is noted twice, under its old id and its new one, in one commit, and its old copy stays until there is a new
        // one. So what was found to be gone goes after all has been tried that was noted by then, which may have come to where the scan
        // had been. Where there is no room for that, it makes room.
        let is_full = || target.is_full.load(Ordering::Relaxed);
        let gone = std::mem::take(&mut met.gone);
        if met.has_begun_anew && met.stuck == 0 && !gone.is_empty() {
            let report = (&mut *done, tell);
            self.settle_all(&target, None, stop, report, &mut met).await?;
        }
        if stop.is_stopping() {
            return met.failure.map_or(Ok(()), Err);
        }
        if met.has_begun_anew && (met.stuck == 0 || is_full()) {
            let is_more = is_full() || gone.len() >= GONE_MAX;
            if let Err(error) = self.remove_gone(&target, gone, stop, done).await {
                met.failure.get_or_insert(error);
            } else if is_more && done.removed > 0 {
                spot.hint.notify_one();
            }
            if let Holder::Copies(copies) = &target.holder {
                self.sweep_copies(&target, copies, stop, done).await?;
            }
        } else if !met.has_begun_anew {
            // What was tried by the pass before may go when it is tried once more.
            spot.hint.notify_one();
        }
        met.failure.map_or(Ok(()), Err)
    }

    /// Deals with all notes of a region, from one on, or up to where it gives up. What is noted meanwhile may be among them or not.
    async fn settle_all(
        &self,
        target: &Target,
        after: Option<Vec<u8>>,
        stop: &Shutdown,
        (done, tell): (&mut Reconciled, &(dyn Fn(&Reconciled) + Send + Sync)),
        met: &mut Met,
    ) -> Result<(), ObjectError> {
        let region = target.region.as_ref();
        let mut scan = Scan::prefix(&keys::copies_due(key_name(region)).finish()).limit(NOTES_AT_ONCE);
        if let Some(after) = after {
            scan = scan.after(after);
        }
        while !stop.is_stopping() {
            let page = self.meta.scan(scan.clone()).await?;
            let Some(last) = page.last().map(|last| last.key.to_vec()) else {
                break;
            };
            scan = scan.after(last.clone());
            self.settle_page(target, page, done, met).await;
            tell(done);
            if met.stuck >= FAILURES_MAX && !target.is_full.load(Ordering::Relaxed) {
                self.regions.spot(region)?.state.lock().resume = Some(last);
                break;
            }
        }
        Ok(())
    }

    /// What a pass over a region works on.
    pub(super) async fn target(&self, region: Option<&RegionName>, stop: &Shutdown) -> Result<Target, ObjectError> {
        let home = Holder::Volume(self.blobs.clone());
        let mut sources = self.regions.copies_but_of(region);
        let holder = match region {
            // Last: of what is damaged at home, other blocks may be whole.
            None => {
                self.open_home().await?;
                sources.push(home.clone());
                home
            }
            Some(name) => {
                let other = self.regions.other(name).ok_or_else(|| super::no_such_region(name))?;
                sources.insert(0, home);
                let copies = Holder::Copies(self.open_copies(other).await?);
                sources.push(copies.clone());
                copies
            }
        };
        Ok(Target {
            region: region.cloned(),
            holder,
            sources,
            is_doubtful: self.regions.spot(region)?.is_doubtful.load(Ordering::Relaxed),
            pace: StoppedPace {
                pace: Pace::new(&self.clock, self.settings.copied_bytes_per_second),
                stop: stop.clone(),
            },
            is_full: AtomicBool::new(false),
        })
    }

    /// Notes what readers found at home.
    async fn note_noticed(&self) -> Result<(), ObjectError> {
        let noticed: Vec<_> = self.regions.noticed.lock().values().copied().collect();
        for some in noticed.chunks(NOTES_AT_ONCE) {
            self.note(None, some).await?;
            let mut noticed = self.regions.noticed.lock();
            for extent in some {
                noticed.remove(&extent.id);
            }
        }
        Ok(())
    }

    /// Notes that extents are to be looked at in a region.
    pub(in crate::service) async fn note(
        &self,
        region: Option<&RegionName>,
        extents: &[Extent],
    ) -> Result<(), ObjectError> {
        self.meta.commit(notes_of(region, extents)).await?;
        self.regions.spot(region)?.hint.notify_one();
        Ok(())
    }

    /// Tells whether an extent is noted in a region.
    pub(in crate::service) async fn is_noted(&self, region: &RegionName, extent: Extent) -> Result<bool, ObjectError> {
        let note = keys::copy_due(region.as_str(), extent.id);
        Ok(self.meta.get(&note).await?.is_some())
    }

    pub(super) async fn notes_left(&self, region: Option<&RegionName>) -> Result<u64, ObjectError> {
        let notes = Scan::prefix(&keys::copies_due(key_name(region)).finish()).keys_only();
        Ok(self.meta.scan(notes.limit(LEFT_COUNTED_MAX)).await?.len() as u64)
    }

    /// Deals with a page of notes.
    async fn settle_page(&self, target: &Target, page: Vec<Entry>, done: &mut Reconciled, met: &mut Met) {
        // One that cannot be read is told of when it is tried.
        let is_small =
            |entry: &Entry| CopyDue::decode(&entry.value).is_ok_and(|note| note.length() <= TOGETHER_BYTES_MAX);
        let is_new = |entry: &Entry| !keys::blob_due_of(&entry.key).is_ok_and(|id| met.failed.contains(&id));
        let (small, large): (Vec<_>, Vec<_>) = page.into_iter().filter(is_new).partition(is_small);
        let settle = |entry: Entry| async move { (self.settle_note(target, &entry).await, entry) };
        let small = stream::iter(small).map(settle).buffer_unordered(SMALL_AT_ONCE);
        let mut outcomes = std::pin::pin!(small.chain(stream::iter(large).map(settle).buffer_unordered(AT_ONCE)));
        while let Some((outcome, entry)) = outcomes.next().await {
            match outcome {
                Ok(Done::Written(bytes)) => {
                    done.written += 1;
                    done.bytes += bytes;
                }
                Ok(Done::Found) => done.found += 1,
                Ok(Done::Gone(extent)) => {
                    if met.gone.len() < GONE_MAX {
                        met.gone.push((entry.key.to_vec(), extent));
                    }
                }
                Ok(Done::Later) => {}
                Err(error) => {
                    done.failed += 1;
                    if met.failed.len() < GONE_MAX
                        && let Ok(id) = keys::blob_due_of(&entry.key)
                    {
                        met.failed.insert(id);
                    }
                    met.stuck += u64::from(!matches!(error, ObjectError::Corrupt(_)));
                    if matches!(error, ObjectError::NoSpace) {
                        target.is_full.store(true, Ordering::Relaxed);
                    }
                    tracing::debug!(region = key_name(target.region.as_ref()), %error, "an extent is not brought in line");
                    met.failure.get_or_insert(error);
                }
            }
        }
    }

    /// Writes what a note says is to be looked at, if it is live and not there.
    async fn settle_note(&self, target: &Target, entry: &Entry) -> Result<Done, ObjectError> {
        let extent = CopyDue::decode(&entry.value)?.extent(keys::blob_due_of(&entry.key)?);
        // Held first, then looked: what is live now stays where it is for as long as it is written.
        let pins = self.blobs.pin(&[extent]);
        let mark_key = keys::extent(extent.place, extent.id);
        let mark = self.meta.get(&mark_key).await?;
        if !is_mark_of(mark.as_ref(), &extent) {
            drop(pins);
            // Who began to read before it went reads on.
            return Ok(if self.blobs.is_pinned(&extent) {
                Done::Later
            } else {
                Done::Gone(extent)
            });
        }
        let is_there = Self::look(target, extent).await?;
        let done = if is_there == There::Whole {
            Done::Found
        } else if target.is_full.load(Ordering::Relaxed) {
            return Err(ObjectError::NoSpace);
        } else {
            self.write(target, extent).await?;
            // What is at home was there when it was answered.
            if is_there == There::Damaged || target.region.is_none() {
                let spot = self.regions.spot(target.region.as_ref())?;
                spot.healed.fetch_add(1, Ordering::Relaxed);
            }
            Done::Written(extent.length)
        };
        drop(pins);
        let settled = Request::new()
            .unchanged(mark_key, mark)
            .unchanged(entry.key.to_vec(), Some(entry.value.clone()))
            .delete(entry.key.to_vec());
        Ok(if self.meta.commit(settled).await?.is_committed() {
            done
        } else {
            Done::Later
        })
    }

    /// What is there of an extent, and whether it is on disk: it may have been written by a run that ended before it was flushed. If the file system does
    /// not say so, a copy goes, as far as the extent is whole elsewhere: it may be right in memory alone, and a flush after the next start
    /// tells of no failure that was before. At home it is in the way of nobody; it is written over.
    async fn look(target: &Target, extent: Extent) -> Result<There, ObjectError> {
        if target.doubts(extent) {
            return Ok(There::Not);
        }
        match target.holder.verify(extent).await {
            Ok(()) => {}
            Err(error) if error.is_gone() => return Ok(There::Not),
            Err(_) => return Ok(There::Damaged),
        }
        let Err(error) = target.holder.settle().await else {
            let is_on_disk = target.holder.verify_on_disk(extent).await.is_ok();
            return Ok(if is_on_disk { There::Whole } else { There::Damaged });
        };
        if let Holder::Copies(copies) = &target.holder
            && baleen_blob::verify_among(extent, target.elsewhere()).await.is_ok()
        {
            copies.remove(Found::from(extent)).await?;
        }
        Err(error.into())
    }

    /// Writes an extent. One that is whole nowhere is written once, up to what is lost, and then read alone until it is whole again.
    async fn write(&self, target: &Target, extent: Extent) -> Result<(), ObjectError> {
        let spot = self.regions.spot(target.region.as_ref())?;
        let was_lost = spot.state.lock().lost.contains(&extent.id);
        if was_lost {
            baleen_blob::verify_among(extent, &target.sources).await?;
        }
        let written = match &target.holder {
            Holder::Volume(blobs) => blobs.restore(extent, &target.sources, &target.pace).await,
            Holder::Copies(copies) => copies.put(extent, &target.sources, &target.pace).await,
        };
        let mut state = spot.state.lock();
        match &written {
            Err(baleen_blob::Error::Corrupt { .. }) if state.lost.len() < NOTICED_MAX => {
                state.lost.insert(extent.id);
            }
            Err(_) => {}
            Ok(()) => {
                state.lost.remove(&extent.id);
            }
        }
        Ok(written?)
    }
}

/// The name of a region as people know it.
fn name_in_words(region: Option<&RegionName>) -> &str {
    region.map_or("home", RegionName::as_str)
}

fn notes_of(region: Option<&RegionName>, extents: &[Extent]) -> Request {
    let note = |request: Request, extent: &Extent| {
        request.put(
            keys::copy_due(key_name(region), extent.id),
            CopyDue::of(extent).encode(),
        )
    };
    extents.iter().fold(Request::new(), note)
}

/// Notes that extents are to be looked at at home, for who has read them and is no [`Objects`]. A pass over home of the server that runs, or
/// of the next, takes it up.
///
/// # Errors
/// The keyspace does not take it.
pub async fn note_at_home(meta: &Meta, extents: &[Extent]) -> Result<(), ObjectError> {
    for some in extents.chunks(NOTES_AT_ONCE) {
        meta.commit(notes_of(None, some)).await?;
    }
    Ok(())
}

/// Whether a mark says that the extent is live. One that cannot be read is nobody else's.
pub(super) fn is_mark_of(mark: Option<&Bytes>, extent: &Extent) -> bool {
    let names = |mark: &Bytes| record::decode::<LiveExtent>(mark).map_or(true, |live| live.id == *extent.id.as_bytes());
    mark.is_some_and(names)
}
