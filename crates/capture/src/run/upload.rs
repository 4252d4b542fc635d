//! Sending what an agent delivers, and noting what is sent.

use super::{Delivered, END_PAUSE_MAX, Failure, Run};
use crate::CaptureError;
use crate::agent::Piece;
use crate::capture::StoredState;
use crate::journal::{self, Kept};
use crate::limits::STORE_PAUSE;
use crate::meter;
use crate::sink::{SentPart, SinkError};
use baleen_types::{Classify as _, PartNumber};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tracing::warn;

/// The one file of a capture.
pub(crate) const FILE: u16 = 0;

impl Run<'_> {
    /// Sends pieces in their order, one at a time: what waits is in the agent's pool, which is bounded.
    pub(super) async fn upload_all(&self, mut pieces: BoxStream<'static, Piece>) -> Result<Vec<SentPart>, Failure> {
        let mut sent: Vec<SentPart> = Vec::new();
        while let Some(piece) = pieces.next().await {
            if piece.file != FILE {
                return Err(Failure::Final("the capture agent delivered a second file".to_owned()));
            }
            let next = u32::try_from(sent.len() + 1).unwrap_or(u32::MAX);
            let number = PartNumber::new(next).map_err(SinkError::Damaged)?;
            let part = self.sink.part(&self.upload, number, piece.bytes.clone()).await?;
            meter::uploaded(piece.bytes.len());
            let kept = Kept::of(&piece, part, self.captures.parts.clock.now());
            // Its buffer goes back before the wait for the disk.
            drop(piece);
            self.note_part(&kept).await?;
            sent.push(kept.part);
        }
        Ok(sent)
    }

    /// Notes a part. The next one is not sent before: what a start completes has no gap.
    async fn note_part(&self, kept: &Kept) -> Result<(), Failure> {
        self.persist("part", || async {
            let note = journal::note(self.owner, FILE, kept)?;
            self.captures.parts.meta.commit(note).await?;
            Ok(())
        })
        .await
    }

    /// Stores that all parts are there. Nothing is completed before: a start that does not know of it may end the capture
    /// with fewer parts, and then there must not be an object.
    pub(super) async fn note_delivered(&self, delivered: &Delivered) -> Result<(), Failure> {
        self.persist("end of the upload", || async {
            let edit = |record: &mut crate::capture::StoredCapture| {
                record.state = StoredState::ConversionRunning;
                record.message.clone_from(&delivered.message);
            };
            self.note(edit).await.map(drop)
        })
        .await
    }

    /// Stores something without which the capture cannot go on, again and again while the store cannot.
    async fn persist<F>(&self, what: &str, commit: impl Fn() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), CaptureError>>,
    {
        let parts = &self.captures.parts;
        let mut pause = STORE_PAUSE;
        loop {
            match commit().await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind().is_transient() => {
                    warn!(capture = %self.owner.1, what, %error, "progress of an upload not stored yet");
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
