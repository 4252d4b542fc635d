//! Writing one blob.

use crate::buffers::{Buffer, Share};
use crate::format::{self, BLOCK_BYTES, BLOCK_LEN, HEADER_BYTES, HEADER_LEN, Header, STRIDE_LEN, stored_bytes};
use crate::reservation::Reservation;
use crate::segments::preallocate;
use crate::sync::{GroupSync, Target};
use crate::volume::{FILES, SEGMENTS, Shared, file_name};
use crate::{BlobId, Error, Extent, OwnerTag, Place, Written};
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What is known of a blob before its bytes come.
#[derive(Clone, Copy, Debug)]
pub struct NewBlob {
    /// Whom it is for.
    pub owner: OwnerTag,
    /// Its exact length, if it is known; one more byte is then an error.
    pub length: Option<u64>,
    /// Where it goes.
    pub placement: Placement,
}

/// Where a blob goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// To a segment if it is short enough, else to a file of its own.
    #[default]
    BySize,
    /// To a file of its own: for what will be deleted soon and wholly, since its space is then given back at once.
    OwnFile,
}

/// Takes the bytes of one blob. In memory are the piece that is being filled and one that is being written, each of a unit of
/// blocks, as far as there is memory for them ([`crate::Buffers`]), or else of one block. Dropped, it leaves nothing.
///
/// # Cancel safety
/// After a call of [`Writer::write`] that was dropped before its end, the writer can only be dropped.
pub struct Writer {
    shared: Arc<Shared>,
    reservation: Arc<Reservation>,
    file: Arc<File>,
    sync: Arc<GroupSync>,
    owner: OwnerTag,
    announced: Option<u64>,
    /// Where the extent begins in the file.
    base: u64,
    /// Bytes taken so far.
    taken: u64,
    /// The piece that is being filled, checksums included, and where in the extent it begins.
    piece: Option<Buffer>,
    piece_at: u64,
    /// The header, if it goes out with the first piece: where the length is unknown it follows the last.
    header: Option<[u8; HEADER_LEN]>,
    /// What it holds of the memory of all.
    share: Share,
    /// Where in the piece its full blocks are.
    closed: Vec<Range<usize>>,
    /// Blocks of pieces that were handed to the disk, for who wants to see them.
    sent: Option<Vec<Bytes>>,
    /// Where in the piece the open block begins, and its number in the blob.
    block_at: usize,
    block: u64,
    running: Option<JoinHandle<Result<(), Error>>>,
}

impl Writer {
    pub(crate) async fn begin(shared: Arc<Shared>, new: NewBlob) -> Result<Self, Error> {
        if shared.is_away() {
            let away = io::Error::other("the folder of the volume has gone");
            return Err(Error::io("making a blob")(away));
        }
        let id = BlobId::from_bytes(shared.entropy.bytes());
        let (reservation, file, sync) = match new.length {
            Some(length) if new.placement == Placement::BySize && length <= shared.settings.segment_body_bytes_max => {
                in_segment(&shared, id, length).await?
            }
            _ => in_own_file(&shared, id, new.length).await?,
        };
        let base = match reservation.extent().place {
            Place::Segment { offset, .. } => offset,
            Place::File => 0,
        };
        let mut writer = Self {
            reservation,
            file,
            sync,
            owner: new.owner,
            announced: new.length,
            base,
            taken: 0,
            piece: None,
            piece_at: HEADER_BYTES,
            header: None,
            share: Share::default(),
            closed: Vec::new(),
            sent: None,
            block_at: 0,
            block: 0,
            running: None,
            shared,
        };
        if let Some(length) = new.length {
            writer.header = Some(writer.header(length));
            writer.piece_at = 0;
        }
        Ok(writer)
    }

    /// Bytes taken so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes the next bytes; waits while the disk is more than one piece behind.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        let total = self.taken + bytes.len() as u64;
        if let Some(announced) = self.announced.filter(|announced| total > *announced) {
            return Err(Error::Overrun { announced });
        }
        self.taken = total;
        while !bytes.is_empty() {
            let piece = match self.piece.take() {
                Some(piece) => piece,
                None => self.open_piece(),
            };
            let piece = self.piece.insert(piece);
            let room = BLOCK_LEN - (piece.len() - self.block_at);
            let part = bytes.split_to(room.min(bytes.len()));
            piece.push(&part);
            if piece.len() - self.block_at == BLOCK_LEN {
                let is_full = self.close_block();
                if is_full {
                    self.send_piece().await?;
                }
            }
        }
        Ok(())
    }

    /// The bytes of the blocks that were handed to the disk since the last call, of which the first begins it: what has come in, in order, and no
    /// copy of it. Their memory is held until the disk and the caller are done with it, so that from now on this is to be called after
    /// each [`Writer::write`].
    pub fn take_sent(&mut self) -> Vec<Bytes> {
        self.sent.replace(Vec::new()).unwrap_or_default()
    }

    /// What has come in since it was handed to the disk.
    pub fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        let piece: &[u8] = self.piece.as_deref().unwrap_or_default();
        let open = piece.get(self.block_at..).unwrap_or_default();
        self.closed
            .iter()
            .map(|block| &piece[block.clone()])
            .chain(std::iter::once(open))
    }

    /// Ends the blob and returns when it is on disk, with its name in the folder if it has a file of its own.
    ///
    /// # Errors
    /// [`Error::Overrun`] also when fewer bytes came than were announced.
    pub async fn finish(mut self) -> Result<Written, Error> {
        if let Some(announced) = self.announced.filter(|announced| *announced != self.taken) {
            return Err(Error::Overrun { announced });
        }
        if self.header.is_some() {
            self.piece = Some(self.open_piece());
        }
        if self.piece.as_ref().is_some_and(|piece| piece.len() > self.block_at) {
            self.close_block();
        }
        self.send_piece().await?;
        if self.announced.is_none() {
            let mut piece = Buffer::exact(HEADER_LEN);
            piece.push(&self.header(self.taken));
            self.piece = Some(piece);
            self.piece_at = 0;
            self.send_piece().await?;
        }
        self.wait_for_disk().await?;
        let extent = Extent {
            length: self.taken,
            ..self.reservation.extent()
        };
        match extent.place {
            Place::Segment { segment, .. } => {
                self.sync
                    .flush()
                    .await
                    .inspect_err(|_| self.shared.segments.retire(segment))?;
            }
            Place::File => {
                let folder = &self.shared.folders[usize::from(extent.id.folder())];
                futures::future::try_join(self.sync.flush(), folder.flush()).await?;
            }
        }
        self.check_in_place(extent.place)?;
        Ok(Written {
            extent,
            reservation: self.reservation,
        })
    }

    /// What is under its name may be so in another folder, which came in the place of one in the volume.
    fn check_in_place(&self, place: Place) -> Result<(), Error> {
        let doing = "writing a blob";
        let folder = self.shared.root.get().map_err(Error::io(doing))?;
        let part = match place {
            Place::Segment { .. } => SEGMENTS,
            Place::File => FILES,
        };
        if folder.has_in_place(Path::new(part)) {
            return Ok(());
        }
        if let Place::Segment { segment, .. } = place {
            self.shared.segments.retire(segment);
        }
        let what = "another folder is in the place of one of the volume";
        Err(Error::io(doing)(io::Error::other(what)))
    }

    fn header(&self, length: u64) -> [u8; HEADER_LEN] {
        Header {
            id: self.reservation.extent().id,
            owner: self.owner,
            length,
        }
        .encode()
    }

    /// Begins a piece: a unit of blocks, or one if there is no memory for more, or what is left of the blob.
    fn open_piece(&mut self) -> Buffer {
        let left = self.announced.map(|announced| announced - self.block * BLOCK_BYTES);
        let wanted = left.and_then(|left| usize::try_from(stored_bytes(left)).ok());
        let wanted = wanted.unwrap_or(usize::MAX);
        let mut piece = self.shared.buffers.take(&self.share, wanted);
        if let Some(header) = self.header.take() {
            piece.push(&header);
        }
        self.block_at = piece.len();
        piece
    }

    /// Ends the block, and tells whether the piece has room for no other.
    fn close_block(&mut self) -> bool {
        let Some(piece) = &mut self.piece else { return false };
        let crc = format::block_crc(self.reservation.extent().id, self.block, &piece[self.block_at..]);
        self.closed.push(self.block_at..piece.len());
        piece.push(&crc);
        self.block_at = piece.len();
        self.block += 1;
        piece.room() < STRIDE_LEN
    }

    /// Hands the piece to an I/O thread, after the one before it is done.
    async fn send_piece(&mut self) -> Result<(), Error> {
        self.wait_for_disk().await?;
        let Some(piece) = self.piece.take() else {
            return Ok(());
        };
        let piece = piece.freeze();
        let blocks = self.closed.drain(..);
        if let Some(sent) = &mut self.sent {
            sent.extend(blocks.map(|block| piece.slice(block)));
        }
        let at = self.base + self.piece_at;
        self.piece_at += piece.len() as u64;
        self.block_at = 0;
        let grows = self.announced.is_none();
        let (file, shared) = (Arc::clone(&self.file), Arc::clone(&self.shared));
        let reservation = Arc::clone(&self.reservation);
        let write = move || {
            // Held to the end of the write: nobody else gets the place before.
            let _reservation = reservation;
            if grows {
                shared.check_space(piece.len() as u64)?;
            }
            file.write_all_at(&piece, at).map_err(Error::io("writing a blob"))
        };
        self.running = Some(self.shared.start(write).await?);
        Ok(())
    }

    async fn wait_for_disk(&mut self) -> Result<(), Error> {
        if let Some(running) = &mut self.running {
            let outcome = running.await.unwrap_or_else(|_| Err(Error::stopped("writing a blob")));
            self.running = None;
            outcome?;
        }
        Ok(())
    }
}

type Begun = (Arc<Reservation>, Arc<File>, Arc<GroupSync>);

async fn in_segment(shared: &Arc<Shared>, id: BlobId, length: u64) -> Result<Begun, Error> {
    let place = match shared.segments.allocate(length) {
        Some(place) => place,
        None => allocate_by_growing(shared, length).await?,
    };
    let extent = Extent { id, place, length };
    let reservation = Reservation::new(Arc::clone(shared), extent);
    let Place::Segment { segment, .. } = place else {
        return Err(Error::stopped("allocating"));
    };
    // Nearly always open already, and then no system call is made.
    let segment = shared
        .segments
        .handle(segment)
        .map_err(Error::io("opening a segment"))?;
    Ok((reservation, Arc::clone(&segment.file), Arc::clone(&segment.sync)))
}

/// Takes space back, or makes segments, until there is room. Others may take the room first, so it is tried more than once.
///
/// The lock goes with the work, which does not end with who waits for it: if it were free meanwhile, space could be given to
/// the file system that is taken back here, and handed out.
async fn allocate_by_growing(shared: &Arc<Shared>, length: u64) -> Result<Place, Error> {
    loop {
        let growing = Arc::clone(&shared.segments.growth).lock_owned().await;
        if let Some(place) = shared.segments.allocate(length) {
            return Ok(place);
        }
        let this = Arc::clone(shared);
        let grow = move || {
            if !this.segments.refill(length, |bytes| this.check_space(bytes))? {
                this.check_space(this.settings.segment_bytes)?;
                this.segments.grow()?;
            }
            Ok(growing)
        };
        let _growing = shared.run(grow).await?;
        // Before anybody gives it back again.
        if let Some(place) = shared.segments.allocate(length) {
            return Ok(place);
        }
    }
}

async fn in_own_file(shared: &Arc<Shared>, id: BlobId, length: Option<u64>) -> Result<Begun, Error> {
    let extent = Extent {
        id,
        place: Place::File,
        length: length.unwrap_or(0),
    };
    let reservation = Reservation::new(Arc::clone(shared), extent);
    let (this, held) = (Arc::clone(shared), Arc::clone(&reservation));
    let (file, sync) = shared
        .run(move || {
            let _reservation = held;
            let doing = "making a blob's file";
            let bytes = length.map_or(0, stored_bytes);
            this.check_space(bytes)?;
            let name = file_name(id);
            let folder = this.root.get().map_err(Error::io(doing))?;
            let file = folder.create_new(&name).map_err(Error::io(doing))?;
            preallocate(&file, 0, bytes).map_err(Error::io(doing))?;
            let file = Arc::new(file);
            let target = Target::file(Arc::clone(&file), this.dir.join(name)).map_err(Error::io(doing))?;
            Ok((file, GroupSync::new(target)))
        })
        .await?;
    Ok((reservation, file, sync))
}

#[cfg(test)]
mod tests;
