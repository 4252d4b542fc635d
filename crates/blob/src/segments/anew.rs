//! Segments whose files are gone while the volume is in use, or whose folder is another one.
//!
//! What lives in such a segment is written again, in a file of its number. Nothing else is ever written into that before the next
//! start: an extent that died before may still be released, or wait for its reader, and to hand its range out meanwhile could give it to
//! two owners. New bodies go to new segments.

use super::{Segment, Segments, list, name_of};
use crate::Error;
use crate::volume::SEGMENTS;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tracing::warn;

impl Segments {
    /// The segment to write an extent again into that ends at `end`, made again if it is not in its place. Blocks.
    pub(crate) fn to_write_again(&self, number: u64, end: u64) -> Result<Arc<Segment>, Error> {
        let doing = "making a segment again";
        let _making = self.making_again.lock();
        let segment = match self.handle_in_place(number) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn!(segment = number, "a segment is gone; it is made again");
                self.state.lock().space.retire(number);
                let folder = self.root.get().map_err(Error::io(doing))?;
                let file = folder.create_new(&name_of(number)).map_err(Error::io(doing))?;
                // Not allocated: no more of it is ever written than what lives.
                file.set_len(self.segment_bytes).map_err(Error::io(doing))?;
                file.sync_all().map_err(Error::io(doing))?;
                folder.flush(Path::new(SEGMENTS)).map_err(Error::io(doing))?;
                self.handle_in_place(number).map_err(Error::io(doing))?
            }
            segment => segment.map_err(Error::io(doing))?,
        };
        let bytes = segment.file.metadata().map_err(Error::io(doing))?.len();
        if bytes < end {
            segment.file.set_len(end).map_err(Error::io(doing))?;
        }
        Ok(segment)
    }

    /// The open segment, of the file that is there now. One whose flush failed is opened once more: of what is written by that one, its
    /// flush tells the truth.
    fn handle_in_place(&self, number: u64) -> io::Result<Arc<Segment>> {
        let segment = self.handle(number)?;
        if segment.sync.is_in_place() && !segment.sync.has_failed() {
            return Ok(segment);
        }
        self.open.lock().pop(&number);
        self.handle(number)
    }

    /// As if no segment that is open could be flushed. For tests.
    pub(crate) fn fail(&self) {
        for (_, segment) in self.open.lock().iter() {
            let _ = segment.sync.fail(io::Error::other("a test has it fail"));
        }
    }

    /// Closes all files, for their folder has gone.
    pub(crate) fn close(&self) {
        self.open.lock().clear();
    }

    /// Takes a folder in the place of the one before: of what was in that nothing is written any more. Blocks; the caller holds
    /// [`Segments::growth`].
    pub(crate) fn begin_anew(&self) -> Result<(), Error> {
        let found = list(&self.root).map_err(Error::io("listing the segments"))?;
        let mut state = self.state.lock();
        for number in state.space.numbers() {
            state.space.retire(number);
        }
        state.not_adopted.clear();
        for number in found {
            state.next_is_behind(number);
        }
        drop(state);
        self.close();
        Ok(())
    }
}
