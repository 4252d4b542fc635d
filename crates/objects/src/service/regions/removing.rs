//! Removing the copies of what is gone.
//!
//! Only of what was gone when the pass began, and after all that was noted then has been tried: so what was moved has its new copy
//! before the old one goes.

use super::key_name;
use super::reconcile::{NOTES_AT_ONCE, Reconciled, Target, is_mark_of};
use crate::records::CopyDue;
use crate::service::{Objects, Pages};
use crate::{ObjectError, keys};
use baleen_blob::{Copies, Extent, Found, Holder};
use baleen_meta::{Entry, Request, Scan, Snapshot};
use baleen_runtime::Shutdown;
use bytes::Bytes;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it is looked for copies of what is gone. Notes have them removed before; this finds what no note told of.
const SWEEP_EVERY: Duration = Duration::from_hours(6);

impl Objects {
    /// Removes the copies of extents that were gone when the pass began, and their notes. Where nothing more fits, the next pass
    /// follows at once.
    pub(super) async fn remove_gone(
        &self,
        target: &Target,
        snapshot: &Snapshot,
        stop: &Shutdown,
        done: &mut Reconciled,
    ) -> Result<(), ObjectError> {
        let region = target.region.as_ref();
        let notes = Scan::prefix(&keys::copies_due(key_name(region)).finish()).limit(NOTES_AT_ONCE);
        let mut pages = Pages::of(snapshot, notes);
        while !stop.is_stopping()
            && let Some(page) = pages.next().await?
        {
            let mut noted = Vec::new();
            for entry in page {
                // One that cannot be read has been told of.
                if let Ok(note) = CopyDue::decode(&entry.value) {
                    let extent = note.extent(keys::blob_due_of(&entry.key)?);
                    noted.push((entry, extent));
                }
            }
            let mark = |(_, extent): &(Entry, Extent)| keys::extent(extent.place, extent.id);
            let marks = snapshot.get_many(&noted.iter().map(mark).collect::<Vec<_>>()).await?;
            let is_gone = |((_, extent), mark): &((Entry, Extent), Option<Bytes>)| {
                !is_mark_of(mark.as_ref(), extent) && !self.blobs.is_pinned(extent)
            };
            let gone = noted.into_iter().zip(marks).filter(is_gone).map(|(noted, _)| noted);
            let gone: Vec<_> = gone.collect();
            if gone.is_empty() {
                continue;
            }
            if let Holder::Copies(copies) = &target.holder {
                // A deletion may be visible before it is durable. If it were lost, its bytes would be needed again.
                self.barrier().await?;
                for (_, extent) in &gone {
                    copies.remove(Found::from(*extent)).await?;
                    done.removed += 1;
                }
            }
            // An id is never used again, so that what is gone stays so.
            let forget = |request: Request, entry: &Entry| request.delete(entry.key.to_vec());
            let request = gone
                .iter()
                .fold(Request::new(), |request, (entry, _)| forget(request, entry));
            self.meta.commit(request).await?;
            if target.is_full.load(Ordering::Relaxed) {
                self.regions.spot(region)?.hint.notify_one();
            }
        }
        Ok(())
    }

    /// Removes copies of what was gone when the pass began, and that no note told of.
    pub(super) async fn sweep_copies(
        &self,
        target: &Target,
        copies: &Copies,
        snapshot: &Snapshot,
        stop: &Shutdown,
        done: &mut Reconciled,
    ) -> Result<(), ObjectError> {
        let spot = self.regions.spot(target.region.as_ref())?;
        let now = self.clock.monotonic();
        let swept = spot.state.lock().swept;
        if swept.is_some_and(|swept| now.saturating_sub(swept) < SWEEP_EVERY) {
            return Ok(());
        }
        for folder in 0..=u8::MAX {
            if stop.is_stopping() {
                return Ok(());
            }
            let found = copies.list(folder).await?;
            let marks: Vec<_> = found.iter().map(|copy| keys::extent(copy.place, copy.id)).collect();
            // What went since is noted, and so is what may have come in its place: they are for the next pass, in their order.
            let before = snapshot.get_many(&marks).await?;
            let now = self.meta.get_many(&marks).await?;
            let is_left = |(copy, marks): &(Found, [Option<Bytes>; 2])| {
                let extent = extent_of(*copy);
                !marks.iter().any(|mark| is_mark_of(mark.as_ref(), &extent)) && !self.blobs.is_pinned(&extent)
            };
            let marks = before.into_iter().zip(now).map(<[_; 2]>::from);
            let left: Vec<_> = found.into_iter().zip(marks).filter(is_left).collect();
            if !left.is_empty() {
                self.barrier().await?;
            }
            for (copy, _) in left {
                copies.remove(copy).await?;
                done.removed += 1;
            }
        }
        spot.state.lock().swept = Some(now);
        Ok(())
    }
}

/// The extent of a copy, whose length nobody asks for here.
fn extent_of(copy: Found) -> Extent {
    Extent {
        id: copy.id,
        place: copy.place,
        length: 0,
    }
}
