//! Views: what a capture catches, sent to the server as it comes, for somebody who watches.
//!
//! Each view has a connection of its own: one that takes its bytes slowly holds up neither the link nor parts. Who follows a capture loses
//! what is not taken in time; a capture for somebody who watches alone keeps it back, and the kernel drops and counts.

use crate::connection::Connection;
use crate::error::Error;
use crate::limits::{FRAME_BYTES, VIEW_PATIENCE, VIEWS_MAX};
use crate::shared::{Shared, Work, wire};
use crate::told;
use crate::work::{joined, watch};
use baleen_agentwire::{Ended, LIVE_VIEW, OrderId};
use baleen_capture::{Catch, Piece};
use baleen_types::CaptureId;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use std::sync::Arc;
use tracing::warn;

/// The words of a capture whose watcher cannot be sent anything.
const CUT: &str = "the connection by which it was shown was cut";

/// Sends what a capture catches from now on. What is not there, or cannot be followed, is a view with nothing in it.
pub(crate) fn follow(shared: &Arc<Shared>, id: OrderId, view: u32) {
    let Ok(place) = Arc::clone(&shared.views).try_acquire_owned() else {
        warn!(?id, view, "{VIEWS_MAX} views are sent, which is as many as may");
        return;
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let _place = place;
        // The server waits no longer for one to begin, and what waits to be sent takes memory.
        let connection = tokio::select! {
            connection = connect(&shared) => connection,
            () = shared.clock.sleep(VIEW_PATIENCE) => Err(Error::Timeout),
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return unsent((id, view), &error),
        };
        let following = match shared.work(id).and_then(|work| work.running) {
            Some(running) => running.follow().await.ok(),
            None => None,
        };
        let shown = following.map_or_else(
            || stream::empty().boxed(),
            |following| following.filter_map(async |bytes| bytes.ok()).boxed(),
        );
        if let Err(error) = connection.show(&path((id, view)), shown).await {
            unsent((id, view), &error);
        }
    });
}

/// Captures for somebody who watches, until it is over or nobody does.
pub(crate) async fn capture(shared: &Shared, id: OrderId, work: &Work, (catch, missing): (Catch, Option<String>)) {
    let Catch {
        pieces,
        interfaces,
        running,
    } = catch;
    shared.began(id, interfaces, &running);
    let showing = async {
        let shown = send(shared, (id, LIVE_VIEW), pieces.flat_map(frames).boxed()).await;
        running.stop();
        let ended = running.ended().await;
        shared.edit(id, |work| work.running = None);
        let own = work.why.lock().clone();
        let cut = (!shown).then(|| CUT.to_owned());
        let ended = Ended {
            counts: wire(ended.counts),
            parts: 0,
            trouble: own.or(ended.trouble).or(cut),
            missing: joined(missing, ended.missing),
        };
        told::ended(id, &ended);
        shared.note(|desk| desk.ended(id, &ended));
    };
    let ending = async {
        work.stop.stopping().await;
        running.stop();
        std::future::pending::<()>().await;
    };
    let watching = async {
        watch(shared, work, &*running).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = showing => {}
        () = ending => {}
        () = watching => {}
    }
}

/// A piece as the connection takes it. Copied, so that its buffer is the capture's again before a slow watcher has taken it all.
fn frames(piece: Piece) -> BoxStream<'static, Bytes> {
    let mut rest = Bytes::copy_from_slice(&piece.bytes);
    drop(piece);
    let split = std::iter::from_fn(move || {
        let length = rest.len().min(FRAME_BYTES);
        (length > 0).then(|| rest.split_to(length))
    });
    stream::iter(split).boxed()
}

/// Sends a view; whether all of it was taken.
async fn send(shared: &Shared, of: (OrderId, u32), shown: BoxStream<'static, Bytes>) -> bool {
    let sent = async { connect(shared).await?.show(&path(of), shown).await };
    match sent.await {
        Ok(()) => true,
        Err(error) => {
            unsent(of, &error);
            false
        }
    }
}

/// A connection for one view.
async fn connect(shared: &Shared) -> Result<Connection, Error> {
    shared.connection().await.another().await
}

fn path((id, view): (OrderId, u32)) -> String {
    let capture = CaptureId::from_bytes(id.capture);
    format!("views/{capture}/{}/{view}", id.generation)
}

fn unsent((id, view): (OrderId, u32), error: &Error) {
    let capture = CaptureId::from_bytes(id.capture);
    warn!(%capture, view, error = error as &dyn std::error::Error, "a view is sent no more");
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_capture::Counts;

    #[tokio::test]
    async fn a_piece_goes_in_frames() {
        for length in [0, 1, FRAME_BYTES, FRAME_BYTES + 1, 5 * FRAME_BYTES] {
            let bytes: Bytes = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            let piece = Piece {
                file: 0,
                bytes: bytes.clone(),
                ends_file: false,
                after: Counts::default(),
            };
            let sent: Vec<_> = frames(piece).collect().await;
            assert!(sent.iter().all(|frame| (1..=FRAME_BYTES).contains(&frame.len())));
            assert_eq!(sent.concat(), bytes);
        }
    }
}
