//! Taking a body in: where its bytes go, and whether they are what the sender said.

use super::{CHECKSUM_DEFAULT, Objects, OpenBucket};
use crate::hasher::{Digests, Hasher};
use crate::limits::PUT_BYTES_MAX;
use crate::records::PieceAt;
use crate::{Body, Checksum, ChecksumAlgorithm, Expect, ObjectError};
use baleen_blob::{NewBlob, Placement, Writer, Written};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::task::JoinHandle;

/// Bytes gathered before they are digested on another thread: MD5 takes 1.6 ms for a MiB, which would hold up every other
/// request on this one. Bodies shorter than this are digested in place, which costs less than the way there.
const DIGEST_BATCH_BYTES: usize = 256 << 10;

/// A body of unknown length is held in memory up to here, so that a short one finds its place like any other; only then
/// does it get a file of its own.
const UNKNOWN_LENGTH_BYTES_MAX: usize = 256 << 10;

/// Parts longer than this go to a file of their own, since an aborted upload should give its space back at once.
const PART_OWN_FILE_BYTES_MIN: u64 = 1 << 20;

/// A body and what is known of it.
pub(super) struct Incoming {
    pub(super) body: Body,
    pub(super) length: Option<u64>,
    pub(super) expect: Expect,
    /// What to compute besides what the sender announced.
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    /// The id of the object or upload it is for, and under which it is inlined.
    pub(super) id: [u8; 16],
    /// Whether it is a part.
    pub(super) part: bool,
}

/// A body that has come in whole and is what the sender said; the bytes are on disk or in memory, and nothing names them.
pub(super) struct Ingested {
    pub(super) size: u64,
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
    Volume(Box<Writer>),
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
            Some(length) if part && length > PART_OWN_FILE_BYTES_MIN => Placement::OwnFile,
            _ => Placement::BySize,
        };
        let new_blob = NewBlob {
            owner: bucket.owner_tag(&id),
            length,
            placement,
        };
        let mut digester = Digester::new(Hasher::new(algorithms));
        let mut sink = self.sink_for(new_blob).await?;
        let mut size = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(ObjectError::Body)?;
            size += piece.len() as u64;
            check_progress(size, length)?;
            digester.update(piece.clone()).await?;
            sink = self.pour(sink, piece, new_blob).await?;
        }
        drop(body);
        if let Some(expected) = length.filter(|expected| *expected != size) {
            return Err(ObjectError::IncompleteBody { expected, got: size });
        }
        let digests = digester.finish().await?;
        check_digests(expect, &digests)?;
        let mut ingested = Ingested {
            size,
            md5: digests.md5,
            checksums: digests.checksums,
            at: PieceAt::Empty,
            inline: None,
            written: None,
        };
        match sink {
            Sink::Memory(bytes) if bytes.is_empty() => {}
            Sink::Memory(bytes) if bytes.len() <= self.settings.inline_bytes_max => {
                ingested.at = PieceAt::Inline { id };
                ingested.inline = Some(bytes.freeze());
            }
            Sink::Memory(bytes) => {
                let known = NewBlob {
                    length: Some(size),
                    ..new_blob
                };
                let mut writer = self.blobs.writer(known).await?;
                writer.write(bytes.freeze()).await?;
                let written = writer.finish().await?;
                ingested.at = written.extent().into();
                ingested.written = Some(written);
            }
            Sink::Volume(writer) => {
                let written = writer.finish().await?;
                ingested.at = written.extent().into();
                ingested.written = Some(written);
            }
        }
        Ok(ingested)
    }

    /// Chooses where the bytes go. A full disk is told before the first byte is asked for.
    async fn sink_for(&self, new: NewBlob) -> Result<Sink, ObjectError> {
        let inline_bytes_max = self.settings.inline_bytes_max as u64;
        match new.length {
            Some(length) if length > inline_bytes_max => Ok(Sink::Volume(Box::new(self.blobs.writer(new).await?))),
            known => {
                self.blobs.check_space(inline_bytes_max)?;
                let capacity = usize::try_from(known.unwrap_or_default()).unwrap_or_default();
                Ok(Sink::Memory(BytesMut::with_capacity(capacity)))
            }
        }
    }

    /// Adds a piece; a body of unknown length leaves memory as soon as it is too long to be held there.
    async fn pour(&self, sink: Sink, piece: Bytes, new: NewBlob) -> Result<Sink, ObjectError> {
        let inline_bytes_max = self.settings.inline_bytes_max;
        let memory_max = match new.length {
            Some(_) => inline_bytes_max,
            None => UNKNOWN_LENGTH_BYTES_MAX.max(inline_bytes_max),
        };
        let mut writer = match sink {
            Sink::Memory(mut bytes) if bytes.len() + piece.len() <= memory_max => {
                bytes.extend_from_slice(&piece);
                return Ok(Sink::Memory(bytes));
            }
            Sink::Memory(bytes) => {
                let mut writer = Box::new(self.blobs.writer(new).await?);
                writer.write(bytes.freeze()).await?;
                writer
            }
            Sink::Volume(writer) => writer,
        };
        writer.write(piece).await?;
        Ok(Sink::Volume(writer))
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

/// Digests a body in order, long ones on another thread while the next bytes come in.
struct Digester {
    /// Not here while it works on another thread.
    hasher: Option<Hasher>,
    running: Option<JoinHandle<Hasher>>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
}

impl Digester {
    fn new(hasher: Hasher) -> Self {
        Self {
            hasher: Some(hasher),
            running: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    async fn update(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_bytes >= DIGEST_BATCH_BYTES {
            let mut hasher = self.hasher().await?;
            let batch = std::mem::take(&mut self.waiting);
            self.waiting_bytes = 0;
            self.running = Some(tokio::task::spawn_blocking(move || {
                for bytes in batch {
                    hasher.update(&bytes);
                }
                hasher
            }));
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Digests, ObjectError> {
        let mut hasher = self.hasher().await?;
        for bytes in &self.waiting {
            hasher.update(bytes);
        }
        Ok(hasher.finish())
    }

    /// Takes the hasher back from wherever it is.
    async fn hasher(&mut self) -> Result<Hasher, ObjectError> {
        if let Some(running) = self.running.take() {
            return running.await.map_err(|error| ObjectError::Storage(Box::new(error)));
        }
        self.hasher
            .take()
            .ok_or_else(|| ObjectError::Storage("the digest of a body was given up".into()))
    }
}
