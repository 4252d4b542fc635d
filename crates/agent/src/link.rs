//! One link: what is said and heard on it, as long as it stands.

use crate::connection::Connection;
use crate::desk::Deed;
use crate::error::Error;
use crate::identity::Identity;
use crate::limits::{RENEWAL_PAUSE, SILENCE_MAX};
use crate::renewal::{self, Renewing};
use crate::shared::Shared;
use crate::{host, view, work};
use baleen_agentwire::limits::BEAT_PERIOD;
use baleen_agentwire::{Frames, Job, OrderId, ToAgent, ToServer, encode};
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{debug, info};

/// Frames that wait for the connection to take them. One that takes none for so long does not stand.
const OUTBOX_MAX: usize = 64;

/// Why a link ended.
#[derive(Debug)]
pub(crate) enum Parted {
    /// The connection did.
    Cut(String),
    /// The server ended it.
    Left {
        /// In its words.
        why: String,
        /// Whether to come back.
        come_back: bool,
    },
    /// The certificate was renewed: the next link is made with the new one.
    Renewed,
}

/// What an agent is on a link.
pub(crate) struct Who {
    /// The release of the program.
    pub(crate) release: String,
    /// Drawn when it started.
    pub(crate) boot: [u8; 16],
    /// With what it shows who it is.
    pub(crate) identity: Identity,
    /// Before that, by the clock that never goes back, no other certificate is asked for, whatever the server says.
    pub(crate) renews_from: Duration,
}

/// Keeps a link until it ends.
///
/// # Errors
/// Why there is none: the server refuses, or does not answer.
pub(crate) async fn keep(shared: &Arc<Shared>, connection: &Connection, who: &mut Who) -> Result<Parted, Error> {
    let (say, said) = mpsc::channel::<Bytes>(OUTBOX_MAX);
    let said = futures::stream::unfold(said, |mut said| async move {
        let bytes = said.recv().await?;
        Some((bytes, said))
    });
    let heard = connection.link(said.boxed()).await?;
    let allowed = shared.settings.allowed.clone();
    let interfaces = tokio::task::spawn_blocking(move || host::interfaces(&allowed)).await;
    let interfaces = interfaces.unwrap_or_default();
    let hello = shared.desk.lock().greet(&who.release, who.boot, interfaces);
    let mut link = Link {
        shared,
        connection,
        who,
        say,
        heard,
        frames: Frames::default(),
        last: shared.clock.monotonic(),
        is_welcome: false,
        renewal: None,
    };
    if let Some(parted) = link.tell(&hello) {
        return Ok(parted);
    }
    let parted = link.go_on().await;
    shared.set_connection(None);
    // Seen through: what is stored is what is shown from then on, also when the link has ended meanwhile.
    if link.renewal.is_some()
        && let Some(renewed) = renewal::over(&mut link.renewal).await
    {
        link.who.identity = renewed;
    }
    Ok(parted)
}

struct Link<'a> {
    shared: &'a Arc<Shared>,
    connection: &'a Connection,
    who: &'a mut Who,
    say: mpsc::Sender<Bytes>,
    heard: Incoming,
    frames: Frames<ToAgent>,
    /// When something was heard, by the clock that never goes back.
    last: Duration,
    is_welcome: bool,
    /// Another certificate on its way.
    renewal: Option<Renewing>,
}

impl Link<'_> {
    async fn go_on(&mut self) -> Parted {
        let mut beat_at = self.shared.clock.monotonic() + BEAT_PERIOD;
        loop {
            if self.is_welcome
                && let Some(parted) = self.tell_news()
            {
                return parted;
            }
            let now = self.shared.clock.monotonic();
            let until_beat = beat_at.saturating_sub(now);
            let until_lost = (self.last + SILENCE_MAX).saturating_sub(now);
            tokio::select! {
                frame = self.heard.frame() => {
                    let Some(Ok(frame)) = frame else {
                        return Parted::Cut("the server ended the connection".to_owned());
                    };
                    if let Some(parted) = self.hear(frame.data_ref().map_or(&[][..], |data| data)) {
                        return parted;
                    }
                }
                () = self.shared.news.notified() => {}
                renewed = renewal::over(&mut self.renewal) => {
                    if let Some(renewed) = renewed {
                        self.who.identity = renewed;
                        return Parted::Renewed;
                    }
                }
                () = self.shared.clock.sleep(until_beat) => {
                    beat_at = self.shared.clock.monotonic() + BEAT_PERIOD;
                    self.shared.count();
                    let beat = self.shared.desk.lock().beat(self.shared.spool.free());
                    if let Some(parted) = self.tell(&beat) {
                        return parted;
                    }
                }
                () = self.shared.clock.sleep(until_lost) => return Parted::Cut("the server says nothing".to_owned()),
                () = self.connection.over.stopping() => return Parted::Cut("the connection ended".to_owned()),
            }
        }
    }

    fn tell_news(&self) -> Option<Parted> {
        let news = self.shared.desk.lock().say();
        news.iter().find_map(|message| self.tell(message))
    }

    /// Says something; the answer is why the link ends, if it does.
    fn tell(&self, message: &ToServer) -> Option<Parted> {
        let mut bytes = Vec::new();
        if let Err(error) = encode(message, &mut bytes) {
            return Some(Parted::Cut(error.to_string()));
        }
        let told = self.say.try_send(bytes.into());
        told.is_err()
            .then(|| Parted::Cut("the server takes nothing".to_owned()))
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Parted> {
        self.last = self.shared.clock.monotonic();
        let came_in = self.shared.clock.now().as_nanos();
        self.frames.push(bytes);
        loop {
            let message = match self.frames.take() {
                Ok(None) => return None,
                Ok(Some(message)) => message,
                Err(error) => return Some(Parted::Cut(error.to_string())),
            };
            let deed = self.shared.desk.lock().hear(message);
            if let Some(parted) = self.act(deed, came_in) {
                return Some(parted);
            }
        }
    }

    fn act(&mut self, deed: Deed, came_in: i64) -> Option<Parted> {
        match deed {
            Deed::Nothing => None,
            Deed::Pong { t1 } => self.tell(&ToServer::Pong {
                t1,
                t2: came_in,
                t3: self.shared.clock.now().as_nanos(),
            }),
            Deed::Welcomed => {
                self.is_welcome = true;
                self.shared.set_connection(Some(self.connection.clone()));
                info!(server = %self.connection.remote, "linked with the server");
                None
            }
            Deed::Start(id, job) => {
                self.start(id, *job);
                None
            }
            Deed::Show(id, view) => {
                view::follow(self.shared, id, view);
                None
            }
            Deed::Stop(id) => {
                debug!(?id, "a capture is to end");
                if let Some(work) = self.shared.work(id) {
                    work.stop.stop();
                }
                None
            }
            Deed::Forget(id) => {
                debug!(?id, "a capture is forgotten");
                if let Some(work) = self.shared.work(id) {
                    work.forget.stop();
                }
                None
            }
            Deed::Renew => {
                self.renew();
                None
            }
            Deed::Leave { why, come_back } => Some(Parted::Left { why, come_back }),
        }
    }

    /// Beside the link, which ends when there is another certificate and not before: parts go on, and who cannot store it stays linked.
    fn renew(&mut self) {
        let now = self.shared.clock.monotonic();
        if self.renewal.is_some() || now < self.who.renews_from {
            return;
        }
        self.who.renews_from = now + RENEWAL_PAUSE;
        let folder = self.shared.settings.folder.clone();
        self.renewal = Some(renewal::begin(
            self.connection.clone(),
            self.who.identity.clone(),
            folder,
        ));
    }

    fn start(&self, id: OrderId, job: Job) {
        debug!(?id, "a capture is ordered");
        work::begin(self.shared, id, job);
    }
}
