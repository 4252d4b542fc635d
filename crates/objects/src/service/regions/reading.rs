//! Reading an extent from wherever its bytes are what was written.

use super::Regions;
use baleen_blob::{Blobs, Error, Extent, ExtentReader, Holder};
use baleen_types::ServedRange;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Reads a range of an extent, from home as long as that gives what was written, and from the block where it does not on from the
/// next region that does. Only blocks that passed their check are given.
pub(crate) struct RegionReader {
    regions: Arc<Regions>,
    blobs: Blobs,
    extent: Extent,
    /// The next byte, and the end.
    next: u64,
    end: u64,
    reader: ExtentReader,
    is_at_home: bool,
    /// Where the next block was not tried yet; `None` before the first failure since a block was given.
    untried: Option<Vec<Holder>>,
    /// Why it was not given where it was tried first.
    failure: Option<Error>,
}

impl RegionReader {
    pub(in crate::service) fn new(regions: &Arc<Regions>, blobs: &Blobs, extent: Extent, range: ServedRange) -> Self {
        Self {
            regions: Arc::clone(regions),
            blobs: blobs.clone(),
            extent,
            next: range.first.min(extent.length),
            end: range.end().min(extent.length),
            reader: blobs.read(extent, range),
            is_at_home: true,
            untried: None,
            failure: None,
        }
    }

    /// The next bytes, of one block; `None` at the end. After an error there is nothing more.
    ///
    /// # Errors
    /// That of the first place that was tried, when none has the block.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            let error = match self.reader.next().await? {
                Ok(bytes) => {
                    self.next += bytes.len() as u64;
                    (self.untried, self.failure) = (None, None);
                    return Some(Ok(bytes));
                }
                Err(error) => error,
            };
            if self.regions.are_none() {
                return Some(Err(error));
            }
            if self.is_at_home {
                self.regions.notice(self.extent);
            }
            if self.untried.is_none() {
                // What failed may be asked again for a later block, and home comes first.
                let mut holders = self.regions.copies_but_of(None);
                holders.reverse();
                if !self.is_at_home {
                    holders.push(Holder::Volume(self.blobs.clone()));
                }
                self.untried = Some(holders);
            }
            self.failure.get_or_insert(error);
            let Some(holder) = self.untried.as_mut().and_then(Vec::pop) else {
                return self.failure.take().map(Err);
            };
            self.is_at_home = matches!(holder, Holder::Volume(_));
            if !self.is_at_home {
                self.regions.reads_elsewhere.fetch_add(1, Ordering::Relaxed);
            }
            let rest = ServedRange {
                first: self.next,
                length: self.end - self.next,
            };
            self.reader = holder.read(self.extent, rest);
        }
    }
}
