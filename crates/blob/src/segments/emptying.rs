//! Giving the space of segments back: emptying some, and making holes in the others.

use super::{Segments, name_of, punch};
use crate::Error;
use crate::space::Sums;
use crate::volume::SEGMENTS;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

impl Segments {
    /// The segments that have something to give back, those with the most first.
    pub(crate) fn to_give_back(&self) -> Vec<u64> {
        self.state.lock().space.by_ready()
    }

    /// Gives the free space of a segment back to the file system, if more than `keep` bytes are free in all that it has not got; tells
    /// how many it was, and `None` when there is no more to do or the file system cannot. Blocks; the caller holds
    /// [`Segments::growth`], since what is given back must not be taken back meanwhile.
    pub(crate) fn give_back(&self, keep: u64, number: u64) -> Result<Option<u64>, Error> {
        let doing = "giving space of a segment back";
        let ranges = {
            let mut state = self.state.lock();
            if state.space.sums().ready() <= keep {
                return Ok(None);
            }
            if state.space.ready_in(number) == 0 {
                return Ok(Some(0));
            }
            let Sums { bytes, free, .. } = state.space.of(number);
            if free == bytes {
                state.space.retire(number);
                drop(state);
                self.open.lock().pop(&number);
                let folder = self.root.get().map_err(Error::io(doing))?;
                if !folder.has_part(Path::new(SEGMENTS)) {
                    return Err(Error::io(doing)(io::Error::other("another folder is in its place")));
                }
                folder.remove(&name_of(number)).map_err(Error::io(doing))?;
                return Ok(Some(bytes));
            }
            state.space.turn(number, true)
        };
        let segment = self.handle(number).map_err(Error::io(doing))?;
        for range in &ranges {
            match punch(&segment.file, range.offset, range.bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.state.lock().space.turn(number, false);
                    return Ok(None);
                }
                Err(error) => return Err(Error::io(doing)(error)),
            }
        }
        Ok(Some(ranges.iter().map(|range| range.bytes).sum()))
    }

    /// Chooses segments that are worth emptying, and lets them hand out nothing any more.
    pub(crate) fn drain(&self, live_max: u64, among: &BTreeSet<u64>) -> BTreeSet<u64> {
        let mut state = self.state.lock();
        let chosen = state.space.sparse(live_max, among);
        for segment in &chosen {
            state.space.drain(*segment, true);
        }
        chosen.into_iter().collect()
    }

    /// Lets segments hand out ranges again.
    pub(crate) fn undrain(&self, segments: &BTreeSet<u64>) {
        let mut state = self.state.lock();
        for segment in segments {
            state.space.drain(*segment, false);
        }
    }

    /// The segments in use.
    pub(crate) fn numbers(&self) -> BTreeSet<u64> {
        self.state.lock().space.numbers()
    }

    /// Takes those off that are not there any more, up to the first that is.
    pub(crate) fn skip_gone(&self, segments: &mut BTreeSet<u64>) {
        let state = self.state.lock();
        while segments
            .first()
            .is_some_and(|segment| state.space.of(*segment).bytes == 0)
        {
            segments.pop_first();
        }
    }

    /// Which of the segments are still there.
    pub(crate) fn left_of(&self, segments: &BTreeSet<u64>) -> BTreeSet<u64> {
        let state = self.state.lock();
        let is_there = |segment: &&u64| state.space.of(**segment).bytes > 0;
        segments.iter().filter(is_there).copied().collect()
    }
}
