//! Sends the parts of one order, one after the other, each until it is in the store.

use crate::connection::{Answer, Connection};
use crate::limits::{PART_PATIENCE, PART_PAUSE};
use crate::part::PartHead;
use crate::progress::Progress;
use crate::queue::{Queue, Waiting};
use crate::shared::Shared;
use crate::spool::OrderFolder;
use baleen_agentwire::OrderId;
use baleen_types::CaptureId;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What becomes of a part after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is in the store.
    Stored,
    /// It is sent again in a moment.
    Again,
    /// Another part of that number is in the store.
    Changed(String),
    /// It cannot be delivered, and nothing behind it either.
    Never(String),
}

/// Which process has captured what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This one.
    Ours,
    /// One before it, of whose last part no more may be there than had reached the disk.
    OfBefore,
}

impl Whose {
    /// Whether a part is as good as stored when another of its number is: what is left of the last one is the beginning of that, whose answer was
    /// lost with the process that sent it.
    fn has_sent_more(self, head: &PartHead) -> bool {
        self == Self::OfBefore && head.ends_file
    }
}

/// Sends until the queue is closed and empty.
///
/// # Errors
/// Why no more can be delivered.
pub(crate) async fn all(
    shared: &Shared,
    (id, whose): (OrderId, Whose),
    folder: &OrderFolder,
    queue: &Queue,
) -> Result<(), String> {
    while let Some(first) = queue.first().await {
        one(shared, (id, whose), folder, &first).await?;
        let (folder, head) = (folder.clone(), first.head);
        // A panic there is a bug of ours, and no reason to send it again.
        let _ = tokio::task::spawn_blocking(move || folder.stored(&head)).await;
        queue.pop();
    }
    Ok(())
}

async fn read(folder: &OrderFolder, head: PartHead) -> Result<Bytes, String> {
    let folder = folder.clone();
    let read = tokio::task::spawn_blocking(move || folder.read(&head)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(format!(
            "a part that waited on the agent's disk cannot be read: {error}"
        )),
        Err(_) => Err("a part that waited on the agent's disk cannot be read".to_owned()),
    }
}

async fn one(
    shared: &Shared,
    (id, whose): (OrderId, Whose),
    folder: &OrderFolder,
    part: &Waiting,
) -> Result<(), String> {
    loop {
        // Nobody closes it.
        let Ok(turn) = Arc::clone(&shared.turns).acquire_owned().await else {
            return Err("the agent ends".to_owned());
        };
        // Behind the turn, which may be minutes on a slow line: the connection is the one that there is then.
        let connection = shared.connection().await;
        // What is on the disk is read when it is sent, so that of all captures few parts are in memory.
        let bytes = match &part.bytes {
            Some(bytes) => bytes.clone(),
            None => read(folder, part.head).await?,
        };
        match sent(shared, &connection, id, &part.head, (bytes, turn)).await {
            Some(Verdict::Stored) => return Ok(()),
            Some(Verdict::Changed(_)) if whose.has_sent_more(&part.head) => return Ok(()),
            Some(Verdict::Changed(why) | Verdict::Never(why)) => return Err(why),
            Some(Verdict::Again) | None => {}
        }
        shared.clock.sleep(PART_PAUSE).await;
    }
}

/// `None` when there was no answer.
async fn sent(
    shared: &Shared,
    connection: &Connection,
    id: OrderId,
    head: &PartHead,
    (bytes, turn): (Bytes, OwnedSemaphorePermit),
) -> Option<Verdict> {
    let capture = CaptureId::from_bytes(id.capture);
    let path = format!("parts/{capture}/{}/0/{}", id.generation, head.number);
    let headers = [
        ("content-length", head.length.to_string()),
        ("x-crc32c", format!("{:08x}", head.crc32c)),
        ("x-packets", head.after.packets.to_string()),
        ("x-bytes", head.after.bytes.to_string()),
        ("x-dropped", head.after.dropped.to_string()),
        ("x-ends-file", head.ends_file.to_string()),
    ];
    let progress = Progress::begin(turn);
    let mut put = std::pin::pin!(connection.put(&path, &headers, (bytes, &progress)));
    let answered = loop {
        tokio::select! {
            biased;
            answered = &mut put => break answered,
            () = progress.moved() => {}
            () = shared.clock.sleep(PART_PATIENCE) => {
                tracing::debug!(%capture, part = head.number, "nothing of a part goes");
                return None;
            }
        }
    };
    match answered {
        Ok(answer) => {
            let verdict = judge(&answer, head.number);
            if verdict != Verdict::Stored {
                tracing::debug!(%capture, part = head.number, status = answer.status.as_u16(), answer.message, "a part is not taken");
            }
            Some(verdict)
        }
        Err(error) => {
            tracing::debug!(%capture, part = head.number, %error, "a part is not answered");
            None
        }
    }
}

fn judge(answer: &Answer, number: u32) -> Verdict {
    let why = || format!("the server did not take part {number}: {}", answer.message);
    match (answer.status.as_u16(), answer.code.as_str()) {
        (204, _) => Verdict::Stored,
        // The answer to it was lost, and those behind it have come since.
        (409, "OutOfOrder") if answer.next.is_some_and(|next| next > number) => Verdict::Stored,
        (409, "TooManyParts") => Verdict::Again,
        (409, "Changed") => Verdict::Changed(why()),
        (400 | 409 | 411 | 413, _) => Verdict::Never(why()),
        // It is not known for the moment, or wanted no more, which is said on the link.
        _ => Verdict::Again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    /// A killed agent has less of the last part than it had sent.
    #[test]
    fn what_is_left_of_a_last_part_is_stored_with_it() {
        for (whose, ends_file, is_stored) in [
            (Whose::OfBefore, true, true),
            (Whose::OfBefore, false, false),
            (Whose::Ours, true, false),
        ] {
            let head = PartHead {
                number: 3,
                length: 7,
                crc32c: 1,
                after: baleen_capture::Counts::default(),
                ends_file,
            };
            assert_eq!(whose.has_sent_more(&head), is_stored, "{whose:?} {ends_file}");
        }
    }

    #[test]
    fn answers_say_what_becomes_of_a_part() {
        let never = |words: &str| Verdict::Never(format!("the server did not take part 3: {words}"));
        for (next, expected) in [
            (Some(4), Verdict::Stored),
            (Some(3), never("another")),
            (Some(2), never("another")),
            (None, never("another")),
        ] {
            let answer = Answer {
                status: StatusCode::CONFLICT,
                code: "OutOfOrder".to_owned(),
                message: "another".to_owned(),
                next,
            };
            assert_eq!(judge(&answer, 3), expected, "{next:?}");
        }
        for (status, code, message, expected) in [
            (204, "", "", Verdict::Stored),
            (
                409,
                "Changed",
                "other bytes",
                Verdict::Changed("the server did not take part 3: other bytes".to_owned()),
            ),
            (409, "AfterEnd", "over", never("over")),
            (409, "TooManyParts", "wait", Verdict::Again),
            (400, "Counts", "too many", never("too many")),
            (401, "Unauthenticated", "who", Verdict::Again),
            (403, "Denied", "no", Verdict::Again),
            (404, "NotOrdered", "no", Verdict::Again),
            (408, "Stalled", "slow", Verdict::Again),
            (503, "Unavailable", "full", Verdict::Again),
            (500, "Internal", "", Verdict::Again),
            (200, "", "", Verdict::Again),
        ] {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                code: code.to_owned(),
                message: message.to_owned(),
                next: None,
            };
            assert_eq!(judge(&answer, 3), expected, "{status} {code} {message}");
        }
    }
}
