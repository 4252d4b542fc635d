//! Capturing into several files: while one is filled, those before it are completed.

use super::even::EvenParts;
use super::memory::Held;
use super::{CAPTURE_CONTENT_TYPE, Failure, Run};
use crate::agent::{Agent, Catch, Order, Piece, Running};
use crate::capture::{Counts, End, StoredState};
use crate::files::{EndedFile, FILES_WAITING_MAX, StoredFile, Tally};
use crate::finish::joined;
use crate::limits::NO_SPOOL_PATIENCE;
use crate::rooms::Room;
use crate::sink::{SentPart, Upload};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

/// A file whose parts are being sent.
struct OpenFile {
    number: u16,
    upload: Upload,
    row: StoredFile,
    parts: Vec<SentPart>,
    even: Option<EvenParts>,
}

impl OpenFile {
    fn has_packets(&self) -> bool {
        self.row.packets > 0
    }

    fn ended(self) -> EndedFile {
        EndedFile {
            number: self.number,
            row: self.row,
            parts: self.parts,
        }
    }
}

impl Run<'_> {
    /// Captures until all files are objects; `room` is held until the last part is in the store or on the disk.
    pub(super) async fn to_files(&self, agent: &dyn Agent, order: Order, room: &Room) -> Result<Option<End>, Failure> {
        match self.try_files(agent, order, room).await {
            Ok(end) => Ok(Some(end)),
            Err(failure @ (Failure::Stopping | Failure::Cut(_))) => Err(failure),
            Err(failure) => Ok(Some(End::Abandoned(failure.message()))),
        }
    }

    async fn try_files(&self, agent: &dyn Agent, order: Order, room: &Room) -> Result<End, Failure> {
        let first = self.open_file(0, self.upload.clone(), Counts::default()).await?;
        let Catch { pieces, running, .. } = self.start(agent, order).await?;
        let (pieces, waits) = self.by_the_spool(agent, pieces).await;
        // Room for all: who captures never waits for a store that is slow to complete.
        let (ended, to_finish) = mpsc::channel(FILES_WAITING_MAX);
        let catching = async {
            let sending = self.send_files(first, pieces, &ended);
            let (empty, message) = Box::pin(self.see_through(&*running, waits, room, sending)).await?;
            // What nobody was sure of, since there is no packet in it.
            if let Some(empty) = empty {
                hand_over(empty, &ended).await?;
            }
            let all_sent = |record: &mut crate::capture::StoredCapture| {
                record.state = StoredState::ConversionRunning;
                record.message.clone_from(&message);
            };
            self.captures
                .persist(self.owner.1, "end of the uploads", || async {
                    self.note(all_sent).await.map(drop)
                })
                .await?;
            drop(ended);
            Ok(message)
        };
        let mut tally = Tally::default();
        let finishing = self.finish_files(to_finish, &*running, &mut tally);
        let (caught, finished) = tokio::join!(catching, finishing);
        // What keeps files from being finished also ends capturing, and is the reason then.
        match finished.and(caught) {
            Ok(message) => Ok(tally.end(message)),
            Err(failure @ (Failure::Stopping | Failure::Cut(_))) => Err(failure),
            Err(failure) if tally.complete == 0 => {
                tally.notes.insert(0, failure.message());
                Ok(tally.end(None))
            }
            Err(failure) if self.live.is_forsaken() => {
                let stay = format!("{} of its files are complete, and stay", tally.complete);
                Err(Failure::Final(joined(Some(failure.message()), &stay)))
            }
            Err(failure) => {
                tally.leaves_uploads = true;
                let early = format!(
                    "the capture ended early, and its last packets are in no file: {}",
                    failure.message()
                );
                Ok(tally.end(Some(early)))
            }
        }
    }

    /// Completes files one behind the other, as they end. When it cannot be noted what became of one, capturing ends.
    async fn finish_files(
        &self,
        mut ended: mpsc::Receiver<EndedFile>,
        running: &dyn Running,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        while let Some(file) = ended.recv().await {
            if self.live.is_forsaken() {
                continue;
            }
            let finished = self
                .captures
                .finish_file(self.owner, (self.sink, Some(self.live)), file, false, tally)
                .await;
            if finished.is_err() {
                running.stop();
                return finished;
            }
        }
        Ok(())
    }

    /// Sends pieces in their order, one at a time, and hands each file over when it has ended. One without packets is returned.
    async fn send_files(
        &self,
        first: OpenFile,
        mut pieces: BoxStream<'static, Piece>,
        ended: &mpsc::Sender<EndedFile>,
    ) -> Result<Option<OpenFile>, Failure> {
        let mut open = Some(first);
        let (mut number, mut after, mut empty) = (0, Counts::default(), None);
        let hand_over = async |file: OpenFile| {
            if !file.has_packets() {
                return Ok(Some(file));
            }
            hand_over(file, ended).await.map(|()| None)
        };
        while let Some(piece) = pieces.next().await {
            if piece.file == number + 1 {
                if let Some(file) = open.take() {
                    empty = hand_over(self.end_file(file).await?).await?.or(empty);
                }
                number = piece.file;
                open = Some(self.begin_file(number, after).await?);
            }
            let file = open.as_mut().filter(|_| piece.file == number);
            let Some(file) = file else {
                return Err(Failure::Final(
                    "the capture agent delivered a file out of turn".to_owned(),
                ));
            };
            after = piece.after;
            let ends_file = piece.ends_file;
            self.send_into(file, piece).await?;
            if ends_file && let Some(file) = open.take() {
                empty = hand_over(self.end_file(file).await?).await?.or(empty);
            }
        }
        if let Some(file) = open.take() {
            if file.parts.is_empty() && file.even.is_none() {
                return Err(Failure::Final("the capture agent delivered no file".to_owned()));
            }
            empty = hand_over(self.end_file(file).await?).await?.or(empty);
        }
        Ok(empty)
    }

    /// Begins a further file. A store that cannot just now is waited for as it is with a part: what is caught meanwhile waits too.
    async fn begin_file(&self, number: u16, before: Counts) -> Result<OpenFile, Failure> {
        let key = self.record.file_key(number)?;
        let begin = || self.sink.begin(&key, CAPTURE_CONTENT_TYPE);
        let upload = self
            .ask("a further file", NO_SPOOL_PATIENCE, Failure::Final, begin)
            .await?;
        self.open_file(number, upload, before).await
    }

    /// Notes a file whose upload is begun.
    async fn open_file(&self, number: u16, upload: Upload, before: Counts) -> Result<OpenFile, Failure> {
        let row = StoredFile::begun(&upload, before);
        self.captures.note_file(self.owner, number, &row).await?;
        Ok(OpenFile {
            number,
            upload,
            row,
            parts: Vec::new(),
            even: self.sink.even_parts().map(EvenParts::new),
        })
    }

    async fn send_into(&self, file: &mut OpenFile, piece: Piece) -> Result<(), Failure> {
        file.row.file_bytes += piece.bytes.len() as u64;
        file.row.set_counts(piece.after);
        let Some(even) = &mut file.even else {
            let kept = self.send_piece(&file.upload, file.parts.len(), piece).await?;
            self.note_part(file.number, &kept).await?;
            file.parts.push(kept.part);
            return Ok(());
        };
        let mut bytes = piece.bytes;
        while !bytes.is_empty() {
            if let Some(part) = even.take(&mut bytes) {
                let part = self.send(&file.upload, file.parts.len(), Held::cut(part)).await?;
                file.parts.push(part);
            }
        }
        Ok(())
    }

    /// Sends what is left of a file.
    async fn end_file(&self, mut file: OpenFile) -> Result<OpenFile, Failure> {
        if let Some(rest) = file.even.take().and_then(EvenParts::rest) {
            let part = self.send(&file.upload, file.parts.len(), Held::cut(rest)).await?;
            file.parts.push(part);
        }
        Ok(file)
    }
}

/// Leaves a file to who completes files; they go away only when they cannot go on.
async fn hand_over(file: OpenFile, ended: &mpsc::Sender<EndedFile>) -> Result<(), Failure> {
    let gone = |_| Failure::Final("what becomes of a file cannot be noted".to_owned());
    ended.send(file.ended()).await.map_err(gone)
}
