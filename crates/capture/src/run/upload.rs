//! Sending what an agent delivers, and noting what is sent.

use super::even::EvenParts;
use super::memory::{Held, NotSent};
use super::{Delivered, END_PAUSE_MAX, Failure, Run};
use crate::agent::Piece;
use crate::capture::StoredState;
use crate::journal::{self, Kept};
use crate::limits::{SPOOL_PATIENCE, STORE_PAUSE};
use crate::meter;
use crate::patience::{Patience, Refused};
use crate::sink::{SentPart, SinkError, Upload};
use crate::{CaptureError, Captures};
use baleen_types::{CaptureId, Classify as _, PartNumber};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::time::Duration;
use tracing::warn;

/// The one file of a capture that has no others.
pub(crate) const FILE: u16 = 0;

impl Run<'_> {
    /// Sends pieces in their order, one at a time: what waits is in the agent's pool, which is bounded.
    /// `sent` are the parts that were sent before.
    pub(super) async fn upload_all(
        &self,
        pieces: BoxStream<'static, Piece>,
        sent: Vec<SentPart>,
    ) -> Result<Vec<SentPart>, Failure> {
        match self.sink.even_parts() {
            Some(size) => self.upload_evenly(pieces, size).await,
            None => self.upload_pieces(pieces, sent).await,
        }
    }

    /// Sends each piece as a part, and notes it.
    async fn upload_pieces(
        &self,
        mut pieces: BoxStream<'static, Piece>,
        mut sent: Vec<SentPart>,
    ) -> Result<Vec<SentPart>, Failure> {
        while let Some(piece) = pieces.next().await {
            one_file(&piece)?;
            let kept = self.send_piece(&self.upload, sent.len(), piece).await?;
            self.note_part(FILE, &kept).await?;
            sent.push(kept.part);
        }
        Ok(sent)
    }

    /// Sends parts of one size. They are cut within packets, so that they make no file without those behind them: none is noted,
    /// and of a process that is killed nothing is kept.
    async fn upload_evenly(
        &self,
        mut pieces: BoxStream<'static, Piece>,
        size: usize,
    ) -> Result<Vec<SentPart>, Failure> {
        let mut sent: Vec<SentPart> = Vec::new();
        let mut even = EvenParts::new(size);
        while let Some(piece) = pieces.next().await {
            one_file(&piece)?;
            let mut bytes = piece.bytes.clone();
            while !bytes.is_empty() {
                if let Some(part) = even.take(&mut bytes) {
                    sent.push(self.send(&self.upload, sent.len(), Held::cut(part)).await?);
                }
            }
        }
        if let Some(part) = even.rest() {
            sent.push(self.send(&self.upload, sent.len(), Held::cut(part)).await?);
        }
        Ok(sent)
    }

    /// Sends a piece as the part behind so many. Its buffer goes back before it is noted.
    pub(super) async fn send_piece(&self, upload: &Upload, behind: usize, piece: Piece) -> Result<Kept, Failure> {
        let (after, ends_file, part_bytes) = (piece.after, piece.ends_file, piece.bytes.len() as u64);
        let part = self.send(upload, behind, Held::piece(piece.bytes)).await?;
        Ok(Kept {
            part,
            part_bytes,
            after,
            ends_file,
            taken: self.captures.parts.clock.now(),
        })
    }

    /// Sends the part behind so many.
    pub(super) async fn send(&self, upload: &Upload, behind: usize, held: Held) -> Result<SentPart, Failure> {
        let next = u32::try_from(behind + 1).unwrap_or(u32::MAX);
        let number = PartNumber::new(next).map_err(SinkError::Damaged)?;
        let send = || async {
            let bytes = self.memory.take(&held, &self.captures.rooms).await?;
            let length = bytes.len();
            match self.sink.part(upload, number, bytes).await {
                Ok(part) => Ok((part, length)),
                Err(error) => {
                    self.memory.let_go(&held);
                    Err(NotSent::Refused(error))
                }
            }
        };
        // Without a spool the client's own patience is all of it.
        let (part, length) = self.ask("a part", Duration::ZERO, self.given_up, send).await?;
        meter::uploaded(length);
        Ok(part)
    }

    /// Asks the store again and again for something without which nothing goes on, as long as what is caught meanwhile can wait; and for all of
    /// a capture no longer than a store is asked to complete one. With a spool `given_up` is what it is then.
    pub(super) async fn ask<T, E: Refused, F>(
        &self,
        what: &'static str,
        without_spool: Duration,
        given_up: fn(String) -> Failure,
        ask: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, E>>,
    {
        let each = self.captures.spool.as_ref().map_or(without_spool, |_| SPOOL_PATIENCE);
        let before = each.min(*self.patience_left.lock());
        let patience = Patience::while_catching(self.captures, before, self.at_stop);
        let mut patience = patience.heeding(Some(self.live));
        let asked = patience.ask(self.owner.1, what, ask).await;
        let mut left = self.patience_left.lock();
        *left = left.saturating_sub(before.saturating_sub(patience.left()));
        match asked {
            Err(Failure::Final(reason)) if patience.is_exhausted() && self.captures.spool.is_some() => {
                Err(given_up(reason))
            }
            asked => asked,
        }
    }

    /// Notes a part. The next one is not sent before: what a start completes has no gap.
    pub(super) async fn note_part(&self, file: u16, kept: &Kept) -> Result<(), Failure> {
        self.captures
            .persist(self.owner.1, "part", || async {
                let note = journal::note(self.owner, file, kept)?;
                self.captures.parts.meta.commit(note).await?;
                Ok(())
            })
            .await
    }

    /// Stores that all parts are there. Nothing is completed before: a start that does not know of it may end the capture
    /// with fewer parts, and then there must not be an object.
    pub(super) async fn note_delivered(&self, delivered: &Delivered) -> Result<(), Failure> {
        self.captures
            .persist(self.owner.1, "end of the upload", || async {
                let edit = |record: &mut crate::capture::StoredCapture| {
                    record.state = StoredState::ConversionRunning;
                    record.message.clone_from(&delivered.message);
                };
                self.note(edit).await.map(drop)
            })
            .await
    }
}

impl Captures {
    /// Stores something without which the capture cannot go on, again and again while the store cannot.
    pub(crate) async fn persist<F>(&self, id: CaptureId, what: &str, commit: impl Fn() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), CaptureError>>,
    {
        let parts = &self.parts;
        let mut pause = STORE_PAUSE;
        loop {
            match commit().await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind().is_transient() => {
                    warn!(capture = %id, what, %error, "progress of an upload not stored yet");
                }
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                () = parts.clock.sleep(pause) => {}
                () = parts.supervisor.shutdown().stopping() => return Err(Failure::Stopping),
            }
            pause = (pause * 2).min(END_PAUSE_MAX);
        }
    }
}

fn one_file(piece: &Piece) -> Result<(), Failure> {
    if piece.is_broken() {
        Err(Failure::Final(
            "what was captured cannot be read any more from the server's disk".to_owned(),
        ))
    } else if piece.file == FILE {
        Ok(())
    } else {
        Err(Failure::Final("the capture agent delivered a second file".to_owned()))
    }
}
