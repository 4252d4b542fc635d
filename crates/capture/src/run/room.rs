//! How long a capture holds its room: until its store has all of it, or what is left lies on a disk.
//!
//! Rooms bound the memory of all captures together. A store that takes nothing is asked for an hour; so a capture that is over and overdue
//! gives its room back as soon as no more than one part of it is in memory, and goes on delivering. How many may do that at once is
//! bounded too, over all accounts and for each (`rooms.rs`); between two tries it is not one of them (`memory.rs`).

use super::{Failure, Run};
use crate::agent::{Agent, Piece, Running};
use crate::capture::cut;
use crate::finish::joined;
use crate::limits::OVERDUE_AFTER;
use crate::rooms::Room;
use crate::spool::{self, Around, Settling, Spooling};
use baleen_runtime::Shutdown;
use futures::FutureExt as _;
use futures::future::ready;
use futures::stream::BoxStream;
use std::convert::Infallible;
use std::future::pending;
use tracing::{info, warn};

/// Where pieces wait that are caught and not sent.
pub(super) struct Waits {
    place: Place,
    spooling: Spooling,
}

enum Place {
    /// In the buffers of the agent, which are here.
    Buffers,
    /// There, or on the disk.
    Spool(Settling),
    /// Where the agent keeps them, which is no memory of this process: on its own host, or staged.
    WithTheAgent,
}

impl Waits {
    pub(super) fn with_the_agent() -> Self {
        Self::at(Place::WithTheAgent)
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            spooling: ready(Ok(())).boxed(),
        }
    }
}

/// Of a capture that was left to the next start: it is as it should be, as far as is known.
const LEFT: &str = "the server was stopped while this capture was stored";

/// What there is to say of a capture in the end of which this was noted.
pub(crate) fn shown(noted: &str) -> Option<String> {
    (noted != LEFT).then(|| noted.to_owned())
}

impl Place {
    /// Waits until nothing of a capture that is over takes memory but what is being sent.
    async fn leaves_memory(&self) {
        match self {
            Self::Buffers => pending().await,
            Self::Spool(settling) => settling.settle().await,
            Self::WithTheAgent => {}
        }
    }
}

impl Run<'_> {
    /// Lets pieces wait on the disk when the store does not keep up, if there is a spool and the agent has its buffers here.
    pub(super) async fn by_the_spool(
        &self,
        agent: &dyn Agent,
        pieces: BoxStream<'static, Piece>,
    ) -> (BoxStream<'static, Piece>, Waits) {
        let Some(buffers) = agent.buffers() else {
            return (pieces, Waits::with_the_agent());
        };
        let shelf = match self.captures.shelf(self.owner).await {
            Ok(shelf) => shelf,
            Err(error) => {
                warn!(capture = %self.owner.1, %error, "a capture goes on without the spool, whose key cannot be had");
                None
            }
        };
        let Some(shelf) = shelf else {
            return (pieces, Waits::at(Place::Buffers));
        };
        let parts = &self.captures.parts;
        let settling = Settling::new(parts.supervisor.shutdown(), shelf.clone());
        self.memory.spools(settling.clone());
        let around = Around {
            clock: parts.clock.clone(),
            entropy: parts.entropy.clone(),
            settling: settling.clone(),
            // Of parts of one size nothing is noted: a start has nothing that they continue.
            may_be_left: self.sink.even_parts().is_none(),
        };
        let (pieces, spooling) = spool::through(pieces, shelf, buffers, around);
        let place = Place::Spool(settling);
        (pieces, Waits { place, spooling })
    }

    /// Sends what is caught until the capture is over and all of it is sent, and judges it: what is missing, if anything.
    /// `Stopping` when the rest is on the disk for the next start.
    pub(super) async fn see_through<T>(
        &self,
        running: &dyn Running,
        Waits { place, spooling }: Waits,
        room: &Room,
        sending: impl Future<Output = Result<T, Failure>>,
    ) -> Result<(T, Option<String>), Failure> {
        let (over, broken_off) = (Shutdown::new(), Shutdown::new());
        let sending = Box::pin(sending);
        let sending = async {
            let sent = tokio::select! {
                sent = sending => sent,
                () = broken_off.stopping() => Err(Failure::Stopping),
            };
            if sent.is_err() {
                running.stop();
            }
            sent
        };
        let watching = async {
            let ended = self.watch(running, room).await;
            over.stop();
            ended
        };
        let spooling = async {
            let spooled = spooling.await;
            if spooled.is_err() {
                broken_off.stop();
                // Who sends may take it for the end of all pieces.
                running.stop();
            }
            spooled
        };
        let all = async { tokio::join!(sending, watching, spooling) };
        let (sent, ended, spooled) = tokio::select! {
            done = all => done,
            never = self.hold_room(room, &over, &place) => match never {},
        };
        self.memory.leave();
        room.give_back();
        // Where the spool has failed, sending was broken off by that.
        match spooled.and(sent) {
            Err(Failure::Stopping) => {
                // Whatever else is wrong with it is found by the next start.
                let message = self.judge(&ended).ok().flatten().unwrap_or_else(|| LEFT.to_owned());
                self.note_message(message).await;
                Err(Failure::Stopping)
            }
            Err(Failure::Cut(reason)) => {
                let message = joined(self.judge(&ended)?, &reason);
                self.note_message(message).await;
                Err(Failure::Cut(reason))
            }
            sent => {
                let message = self.judge(&ended)?;
                Ok((sent?, message))
            }
        }
    }

    /// Notes what this process knows of the capture, for who settles it.
    async fn note_message(&self, message: String) {
        let message = cut(message);
        let noted = self.note(|record| record.message = Some(message.clone())).await;
        if let Err(error) = noted {
            warn!(capture = %self.owner.1, %error, "what is known of a capture is not noted");
        }
    }

    /// Holds the room of the capture, and after its end no longer than what is left of it takes memory.
    async fn hold_room(&self, room: &Room, over: &Shutdown, place: &Place) -> Infallible {
        over.stopping().await;
        self.captures.parts.clock.sleep(OVERDUE_AFTER).await;
        place.leaves_memory().await;
        self.memory.enter(self.captures.rooms.delivering().await);
        room.give_back();
        info!(capture = %self.owner.1, "the store does not keep up: the rest is sent from the disk, and the room is free");
        pending().await
    }
}
