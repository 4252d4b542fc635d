//! Removing the copies of what is gone.
//!
//! Only of what was gone before all that was noted has been tried: so what was moved has its new copy before the old one goes.

use super::key_name;
use super::reconcile::{NOTES_AT_ONCE, Reconciled, Target, is_mark_of};
use crate::service::Objects;
use crate::{ObjectError, keys};
use baleen_blob::{Copies, Extent, Found, Holder};
use baleen_meta::Request;
use baleen_runtime::Shutdown;
use bytes::Bytes;
use std::time::Duration;

/// How often it is looked for copies of what is gone. Notes have them removed before; this finds what no note told of.
const SWEEP_EVERY: Duration = Duration::from_hours(6);

impl Objects {
    /// Removes the copies of extents that are gone, and their notes. An id is never used again, so that what is gone stays so.
    pub(super) async fn remove_gone(
        &self,
        target: &Target,
        gone: Vec<(Vec<u8>, Extent)>,
        stop: &Shutdown,
        done: &mut Reconciled,
    ) -> Result<(), ObjectError> {
        for some in gone.chunks(NOTES_AT_ONCE) {
            if stop.is_stopping() {
                return Ok(());
            }
            let is_free = |(_, extent): &&(Vec<u8>, Extent)| !self.blobs.is_pinned(extent);
            let some: Vec<_> = some.iter().filter(is_free).collect();
            if some.is_empty() {
                continue;
            }
            if let Holder::Copies(copies) = &target.holder {
                // A deletion may be visible before it is durable. If it were lost, its bytes would be needed again.
                self.barrier().await?;
                for (_, extent) in &some {
                    copies.remove(Found::from(*extent)).await?;
                    done.removed += 1;
                }
            }
            let forget = |request: Request, (key, _): &&(Vec<u8>, Extent)| request.delete(key.clone());
            self.meta.commit(some.iter().fold(Request::new(), forget)).await?;
        }
        Ok(())
    }

    /// Removes copies of what is gone, and that no note tells of.
    pub(super) async fn sweep_copies(
        &self,
        target: &Target,
        copies: &Copies,
        stop: &Shutdown,
        done: &mut Reconciled,
    ) -> Result<(), ObjectError> {
        let spot = self.regions.spot(target.region.as_ref())?;
        let now = self.clock.monotonic();
        let swept = spot.state.lock().swept;
        if swept.is_some_and(|swept| now.saturating_sub(swept) < SWEEP_EVERY) {
            return Ok(());
        }
        let name = key_name(target.region.as_ref());
        for folder in 0..=u8::MAX {
            if stop.is_stopping() {
                return Ok(());
            }
            let found = copies.list(folder).await?;
            let of = |copy: &Found| [keys::extent(copy.place, copy.id), keys::copy_due(name, copy.id)];
            let rows: Vec<_> = found.iter().flat_map(of).collect();
            // Both as they are at one moment. What is noted is for the next pass, in its order, with what may have come in its place.
            let rows = self.meta.snapshot().await?.get_many(&rows).await?;
            let (rows, _) = rows.as_chunks::<2>();
            let is_left = |(copy, [mark, note]): &(Found, &[Option<Bytes>; 2])| {
                let extent = extent_of(*copy);
                !is_mark_of(mark.as_ref(), &extent) && note.is_none() && !self.blobs.is_pinned(&extent)
            };
            let left: Vec<_> = found.into_iter().zip(rows).filter(is_left).collect();
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
