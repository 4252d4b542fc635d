//! Taking a body in: where its bytes go, and whether they are what the sender said.

use super::digester::Digester;
use super::encryption::{BodySealing, Sealing};
use super::{CHECKSUM_DEFAULT, Objects, OpenBucket};
use crate::hasher::{Digests, Hasher};
use crate::limits::PUT_BYTES_MAX;
use crate::records::PieceAt;
use crate::{Body, Checksum, ChecksumAlgorithm, Expect, ObjectError};
use baleen_blob::{BLOCK_BYTES, Blobs, NewBlob, OwnerTag, Placement, Writer, Written};
use baleen_sealing::blocks::{BlockSealer, sealed_length};
use baleen_types::PartNumber;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

/// A body of unknown length is held in memory up to here, so that a short one finds its place like any other; only then
/// does it get a file of its own.
const UNKNOWN_LENGTH_BYTES_MAX: usize = 256 << 10;

/// Parts longer than this go to a file of their own, since an aborted upload should give its space back at once.
const PART_OWN_FILE_BYTES_MIN: u64 = 1 << 20;

/// Written at once, so that what waits to be digested is not more than a unit of the volume.
const BLOCK_LEN: usize = 64 << 10;
const _: () = assert!(BLOCK_LEN as u64 == BLOCK_BYTES);

/// A body and what is known of it.
pub(super) struct Incoming {
    pub(super) body: Body,
    pub(super) length: Option<u64>,
    pub(super) expect: Expect,
    /// What to compute besides what the sender announced.
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    /// The id of the object or upload it is for, and under which it is inlined.
    pub(super) id: [u8; 16],
    /// Which part it is, if it is one.
    pub(super) part: Option<PartNumber>,
    /// What it is sealed under, if it is.
    pub(super) sealing: Option<Sealing>,
}

/// A body that has come in whole and is what the sender said; the bytes are on disk or in memory, and nothing names them.
pub(super) struct Ingested {
    pub(super) size: u64,
    /// What its tag is made of: its MD5, unless that is not to be told.
    pub(super) md5: [u8; 16],
    /// The algorithm of [`Incoming::algorithm`] first, or else the sender's.
    pub(super) checksums: Vec<Checksum>,
    pub(super) at: PieceAt,
    pub(super) inline: Option<Bytes>,
    pub(super) written: Option<Written>,
}

/// Where the bytes go.
enum Sink {
    Memory(BytesMut),
    Volume(Box<ToVolume>),
}

/// The way to the volume, through the seal if there is one.
struct ToVolume {
    writer: Writer,
    sealer: Option<BlockSealer>,
}

impl ToVolume {
    /// Writes what comes in and has it digested. The volume has copied it then, and that copy is what is digested: what came is let
    /// go of, which is a small part of a large buffer more often than not.
    async fn take(&mut self, mut bytes: Bytes, digester: &mut Digester) -> Result<(), ObjectError> {
        while !bytes.is_empty() {
            let some = bytes.split_to(bytes.len().min(BLOCK_LEN));
            if self.sealer.is_some() {
                // What the volume has of it is sealed.
                digester.gather(&some).await?;
                self.write(some).await?;
            } else {
                self.writer.write(some).await?;
                digester.digest(self.writer.take_sent()).await?;
            }
        }
        Ok(())
    }

    /// Writes what was digested before.
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), ObjectError> {
        let Some(sealer) = &mut self.sealer else {
            return Ok(self.writer.write(bytes).await?);
        };
        while !bytes.is_empty() {
            if let Some(block) = sealer.push(&mut bytes) {
                self.writer.write(block).await?;
            }
        }
        Ok(())
    }

    /// What was taken and is not digested yet.
    fn rest(&self) -> impl Iterator<Item = &[u8]> {
        self.sealer
            .is_none()
            .then(|| self.writer.unsent())
            .into_iter()
            .flatten()
    }

    async fn finish(mut self) -> Result<Written, ObjectError> {
        if let Some(block) = self.sealer.and_then(BlockSealer::finish) {
            self.writer.write(block).await?;
        }
        Ok(self.writer.finish().await?)
    }
}

/// Where a body is to go, as far as it is known before its bytes come.
struct Plan {
    owner: OwnerTag,
    /// Of the body as it comes.
    length: Option<u64>,
    placement: Placement,
    sealing: Option<BodySealing>,
}

impl Plan {
    async fn to_volume(&self, blobs: &Blobs, length: Option<u64>) -> Result<Box<ToVolume>, ObjectError> {
        let stored = match self.sealing {
            Some(_) => length.map(sealed_length),
            None => length,
        };
        let writer = blobs.writer(NewBlob {
            owner: self.owner,
            length: stored,
            placement: self.placement,
        });
        let mut writer = writer.await?;
        if self.sealing.is_none() {
            // Shown from the first block on.
            writer.take_sent();
        }
        Ok(Box::new(ToVolume {
            writer,
            sealer: self.sealing.as_ref().map(BodySealing::sealer),
        }))
    }
}

impl Objects {
    /// Takes a body in. Whatever goes wrong, or if this is dropped: nothing remains.
    pub(super) async fn ingest(&self, bucket: &OpenBucket, incoming: Incoming) -> Result<Ingested, ObjectError> {
        let Incoming {
            mut body,
            length,
            expect,
            algorithm,
            id,
            part,
            sealing,
        } = incoming;
        if length.is_some_and(|length| length > PUT_BYTES_MAX) {
            return Err(ObjectError::TooLarge { limit: PUT_BYTES_MAX });
        }
        let announced = announced_algorithm(&expect)?;
        let algorithms = algorithm.into_iter().chain(announced);
        let mut algorithms: Vec<_> = algorithms.collect();
        if algorithms.is_empty() {
            algorithms.push(CHECKSUM_DEFAULT);
        }
        let placement = match length {
            Some(length) if part.is_some() && length > PART_OWN_FILE_BYTES_MIN => Placement::OwnFile,
            _ => Placement::BySize,
        };
        let hides_md5 = sealing.as_ref().is_some_and(|sealing| sealing.hides_md5);
        let plan = Plan {
            owner: bucket.owner_tag(&id),
            length,
            placement,
            sealing: sealing.map(|Sealing { base, .. }| BodySealing {
                base,
                salt: self.entropy.bytes(),
                number: part.map_or(1, PartNumber::get),
            }),
        };
        let salt = plan.sealing.as_ref().map(|sealing| sealing.salt);
        let mut digester = Digester::new(Hasher::new(algorithms), &self.gang, self.blobs.buffers());
        let mut sink = self.sink_for(&plan).await?;
        let mut size = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(ObjectError::Body)?;
            size += piece.len() as u64;
            check_progress(size, length)?;
            sink = self.pour(sink, piece, (&plan, &mut digester)).await?;
        }
        drop(body);
        if let Some(expected) = length.filter(|expected| *expected != size) {
            return Err(ObjectError::IncompleteBody { expected, got: size });
        }
        let digests = match &sink {
            Sink::Memory(bytes) => digester.finish(std::iter::once(&bytes[..])).await?,
            Sink::Volume(volume) => digester.finish(volume.rest()).await?,
        };
        check_digests(expect, &digests)?;
        let mut ingested = Ingested {
            size,
            md5: match &plan.sealing {
                Some(sealing) if hides_md5 => sealing.base.tag(&sealing.salt, &digests.md5),
                Some(_) | None => digests.md5,
            },
            checksums: digests.checksums,
            at: PieceAt::Empty,
            inline: None,
            written: None,
        };
        match sink {
            Sink::Memory(bytes) if bytes.is_empty() => {}
            Sink::Memory(bytes) if bytes.len() <= self.settings.inline_bytes_max => {
                let bytes = bytes.freeze();
                ingested.at = PieceAt::inline(id, salt);
                ingested.inline = Some(match &plan.sealing {
                    Some(sealing) => sealing.seal_all(bytes),
                    None => bytes,
                });
            }
            Sink::Memory(bytes) => {
                let mut volume = plan.to_volume(&self.blobs, Some(size)).await?;
                volume.write(bytes.freeze()).await?;
                let written = volume.finish().await?;
                ingested.at = PieceAt::extent(written.extent(), salt);
                ingested.written = Some(written);
            }
            Sink::Volume(volume) => {
                let written = volume.finish().await?;
                ingested.at = PieceAt::extent(written.extent(), salt);
                ingested.written = Some(written);
            }
        }
        Ok(ingested)
    }

    /// Chooses where the bytes go. A full disk is told before the first byte is asked for.
    async fn sink_for(&self, plan: &Plan) -> Result<Sink, ObjectError> {
        let inline_bytes_max = self.settings.inline_bytes_max as u64;
        match plan.length {
            Some(length) if length > inline_bytes_max => {
                Ok(Sink::Volume(plan.to_volume(&self.blobs, Some(length)).await?))
            }
            known => {
                self.blobs.check_space(inline_bytes_max)?;
                let capacity = usize::try_from(known.unwrap_or_default()).unwrap_or_default();
                Ok(Sink::Memory(BytesMut::with_capacity(capacity)))
            }
        }
    }

    /// Adds a piece; a body of unknown length leaves memory as soon as it is too long to be held there.
    async fn pour(
        &self,
        sink: Sink,
        piece: Bytes,
        (plan, digester): (&Plan, &mut Digester),
    ) -> Result<Sink, ObjectError> {
        let inline_bytes_max = self.settings.inline_bytes_max;
        let memory_max = match plan.length {
            Some(_) => inline_bytes_max,
            None => UNKNOWN_LENGTH_BYTES_MAX.max(inline_bytes_max),
        };
        let mut volume = match sink {
            Sink::Memory(mut bytes) if bytes.len() + piece.len() <= memory_max => {
                bytes.extend_from_slice(&piece);
                return Ok(Sink::Memory(bytes));
            }
            Sink::Memory(bytes) => {
                let mut volume = plan.to_volume(&self.blobs, plan.length).await?;
                volume.take(bytes.freeze(), digester).await?;
                volume
            }
            Sink::Volume(volume) => volume,
        };
        volume.take(piece, digester).await?;
        Ok(Sink::Volume(volume))
    }
}

/// Stops a body that is longer than it said, or than anything may be.
fn check_progress(size: u64, length: Option<u64>) -> Result<(), ObjectError> {
    match length {
        Some(expected) if size > expected => Err(ObjectError::IncompleteBody { expected, got: size }),
        None if size > PUT_BYTES_MAX => Err(ObjectError::TooLarge { limit: PUT_BYTES_MAX }),
        Some(_) | None => Ok(()),
    }
}

/// The one algorithm that the sender speaks of.
fn announced_algorithm(expect: &Expect) -> Result<Option<ChecksumAlgorithm>, ObjectError> {
    let of_value = expect.checksum.as_ref().map(Checksum::algorithm);
    match (of_value, expect.checksum_algorithm) {
        (Some(value), Some(named)) if value != named => Err(ObjectError::ChecksumNotAllowed(format!(
            "a {} checksum was sent where {} was announced",
            value.as_str(),
            named.as_str()
        ))),
        (value, named) => Ok(value.or(named)),
    }
}

/// Compares what the sender said with what was computed.
fn check_digests(expect: Expect, digests: &Digests) -> Result<(), ObjectError> {
    if expect.md5.is_some_and(|md5| md5 != digests.md5) {
        return Err(ObjectError::BadDigest);
    }
    let late = match expect.late {
        Some(late) => late().map_err(ObjectError::Body)?,
        None => None,
    };
    for said in expect.checksum.iter().chain(&late) {
        let algorithm = said.algorithm();
        match digests
            .checksums
            .iter()
            .find(|computed| computed.algorithm() == algorithm)
        {
            Some(computed) if computed == said => {}
            Some(_) => return Err(ObjectError::BadChecksum { algorithm }),
            None => {
                let name = algorithm.as_str();
                return Err(ObjectError::ChecksumNotAllowed(format!(
                    "a {name} checksum follows the body, but it was not announced"
                )));
            }
        }
    }
    Ok(())
}
