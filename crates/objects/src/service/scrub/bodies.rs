//! Whether the bytes of bodies are what was written: each block has a checksum, and each is computed. What is sealed under a key
//! that the server has is opened too, which tells whether it is the right key.

use super::walk::Owned;
use crate::keys;
use crate::records::{BodyRecord, ExtentPage, LiveExtent, Piece, decode_inline};
use crate::service::Objects;
use crate::service::elsewhere::Elsewhere;
use crate::service::pace::Pace;
use crate::{ObjectError, ScrubProgress, Scrubbed};
use baleen_blob::{Error, Extent};
use baleen_meta::record;
use baleen_sealing::blocks::{BaseKey, BlockOpener};
use baleen_types::ServedRange;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use std::num::NonZeroU64;

/// Bodies read at a time when nobody else is to be left room: disks give more to several readers.
const READERS: usize = 4;

/// What is said of bytes that are as they were stored, and that nobody can read.
const DOES_NOT_OPEN: &str = "it does not open under its key";

/// What a piece came to: its bytes, or the damage.
type Outcome = Result<u64, Damaged>;

/// What is wrong with a piece.
struct Damaged {
    what: String,
    /// Whether it is whole in another region.
    is_healable: bool,
}

impl Damaged {
    fn lost(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is_healable: false,
        }
    }
}

/// The reading of bodies, by one scrub.
pub(super) struct Reading<'a> {
    objects: &'a Objects,
    progress: &'a ScrubProgress,
    pace: Pace,
    readers: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(objects: &'a Objects, progress: &'a ScrubProgress, bytes_per_second: Option<NonZeroU64>) -> Self {
        Self {
            objects,
            progress,
            pace: Pace::new(&objects.clock, bytes_per_second),
            readers: if bytes_per_second.is_some() { 1 } else { READERS },
        }
    }

    /// Waits until it was time for so many bytes more.
    pub(super) async fn spend(&self, bytes: u64) {
        self.pace.pass(bytes).await;
    }

    /// Reads bodies to their ends, and tells what of them is damaged.
    pub(super) async fn all(&self, bodies: Vec<Owned>, found: &mut Scrubbed) -> Result<(), ObjectError> {
        let reads: Vec<_> = bodies
            .into_iter()
            .map(|owned| async move { (self.body(&owned).await, owned.of) })
            .collect();
        let mut outcomes = stream::iter(reads).buffer_unordered(self.readers);
        while let Some((outcome, of)) = outcomes.next().await {
            for piece in outcome? {
                match piece {
                    Ok(bytes) => {
                        found.bodies += 1;
                        found.bytes += bytes;
                    }
                    Err(damaged) if damaged.is_healable => found.tell_healable(of.clone(), damaged.what),
                    Err(damaged) => found.tell(of.clone(), damaged.what),
                }
            }
        }
        Ok(())
    }

    /// Counts what was read, and waits until it was time for it.
    async fn read(&self, bytes: usize) {
        self.progress.read(bytes as u64);
        self.spend(bytes as u64).await;
    }

    async fn body(&self, owned: &Owned) -> Result<Vec<Outcome>, ObjectError> {
        let mut outcomes = Vec::new();
        match &owned.body {
            BodyRecord::Pieces(pieces) => self.pieces(owned, pieces, &mut outcomes).await?,
            BodyRecord::Pages { id, pages } => {
                for page in 0..*pages {
                    // One that is not there is of an object that has gone, or has been told already, as one that cannot be
                    // read has.
                    let value = self.objects.meta.get(&keys::extent_page(*id, page)).await?;
                    let Some(Ok(page)) = value.map(|value| record::decode::<ExtentPage>(&value)) else {
                        continue;
                    };
                    self.pieces(owned, &page.pieces, &mut outcomes).await?;
                }
            }
        }
        Ok(outcomes)
    }

    async fn pieces(&self, owned: &Owned, pieces: &[Piece], outcomes: &mut Vec<Outcome>) -> Result<(), ObjectError> {
        for piece in pieces {
            let opener = opener(owned.key.as_ref(), piece);
            let outcome = match (piece.extent(), keys::piece(&piece.at)) {
                (Some(extent), _) => {
                    self.copies(extent, &owned.elsewhere, outcomes).await?;
                    self.extent(extent, opener).await?
                }
                (None, Some(key)) => self.inline(&key, opener).await?,
                (None, None) => None,
            };
            outcomes.extend(outcome);
        }
        Ok(())
    }

    /// Reads an extent to its end; nothing if it was freed meanwhile.
    async fn extent(&self, extent: Extent, mut opener: Option<BlockOpener>) -> Result<Option<Outcome>, ObjectError> {
        let mut reader = self.objects.blobs.read(extent, whole(extent.length));
        while let Some(piece) = reader.next().await {
            let damage = match piece {
                Ok(bytes) => {
                    self.read(bytes.len()).await;
                    // A sealed block is a block of the volume.
                    let opened = opener.as_mut().map(|opener| opener.open(&bytes));
                    match opened {
                        Some(Err(_)) => Damaged::lost(DOES_NOT_OPEN),
                        Some(Ok(_)) | None => continue,
                    }
                }
                // Others may have been written where it was, if it is no longer live.
                Err(error) if error.is_damage() && !self.is_live(extent).await? => return Ok(None),
                Err(error) if error.is_damage() => self.objects.damaged_at_home(extent, &error).await?,
                Err(error) => return Err(error.into()),
            };
            return Ok(self.is_live(extent).await?.then_some(Err(damage)));
        }
        Ok(Some(Ok(extent.length)))
    }

    /// Reads the copies of an extent that are said to be there, and has those noted which are not what was written.
    async fn copies(
        &self,
        extent: Extent,
        elsewhere: &Elsewhere,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), ObjectError> {
        for region in elsewhere.regions() {
            let Some(copies) = self.objects.regions.whole_copies(region) else {
                continue;
            };
            let is_noted = async || self.objects.is_noted(region, extent).await;
            if is_noted().await? {
                continue;
            }
            let mut reader = copies.read(extent, whole(extent.length));
            let damage = loop {
                match reader.next().await {
                    Some(Ok(bytes)) => self.spend(bytes.len() as u64).await,
                    Some(Err(error)) if error.is_damage() => break Some(error),
                    Some(Err(error)) => return Err(error.into()),
                    None => break None,
                }
            };
            let Some(error) = damage else { continue };
            // One that went meanwhile has been noted.
            if self.is_live(extent).await? && !is_noted().await? {
                self.objects.note(Some(region), &[extent]).await?;
                outcomes.push(Err(Damaged {
                    what: format!("its copy in the region {region} is to be written anew: {error}"),
                    is_healable: true,
                }));
            }
        }
        Ok(())
    }

    async fn is_live(&self, extent: Extent) -> Result<bool, ObjectError> {
        let mark = self.objects.meta.get(&keys::extent(extent.place, extent.id)).await?;
        // A mark that cannot be read is nobody else's.
        let names =
            |mark: Bytes| record::decode::<LiveExtent>(&mark).map_or(true, |live| live.id == *extent.id.as_bytes());
        Ok(mark.is_some_and(names))
    }

    async fn inline(&self, key: &[u8], opener: Option<BlockOpener>) -> Result<Option<Outcome>, ObjectError> {
        let Some(value) = self.objects.meta.get(key).await? else {
            return Ok(None);
        };
        let body = match decode_inline(&value) {
            Ok(body) => body,
            Err(error) => return Ok(Some(Err(Damaged::lost(error.to_string())))),
        };
        self.read(body.len()).await;
        let opened = opener.map(|mut opener| opener.open(&body));
        Ok(Some(match opened {
            Some(Err(_)) => Err(Damaged::lost(DOES_NOT_OPEN)),
            Some(Ok(_)) | None => Ok(body.len() as u64),
        }))
    }
}

impl Objects {
    /// Looks whether what is damaged at home is whole elsewhere, and notes that it is to be healed then.
    async fn damaged_at_home(&self, extent: Extent, error: &Error) -> Result<Damaged, ObjectError> {
        if self.regions.are_none() || !self.is_somewhere(extent).await {
            return Ok(Damaged::lost(error.to_string()));
        }
        self.note(None, &[extent]).await?;
        Ok(Damaged {
            what: format!("{error}; what is lost of it is in another region, from which it is healed"),
            is_healable: true,
        })
    }
}

/// What opens all blocks of a piece, if it is sealed and the key is there.
fn opener(key: Option<&BaseKey>, piece: &Piece) -> Option<BlockOpener> {
    let salt = piece.at.salt()?;
    Some(BlockOpener::new(
        key?.piece(&salt, piece.part),
        whole(piece.size),
        piece.size,
    ))
}

fn whole(length: u64) -> ServedRange {
    ServedRange { first: 0, length }
}
