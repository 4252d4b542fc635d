//! The agent: it keeps a link with its server, whatever happens to it, and ends when it is told to.

use crate::backoff::BackOff;
use crate::connection::Connection;
use crate::error::Error;
use crate::identity::Identity;
use crate::limits::{DRAIN_MAX, GOOD_LINK};
use crate::link::{self, Parted, Who};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::spool::{Recovered, Spool};
use crate::tls;
use crate::work::{self, STOPPED};
use baleen_capture::Agent as Capturer;
use baleen_runtime::{Clock, Entropy, Shutdown};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// The words for those of an agent that is none any more.
const REMOVED: &str = "the agent was removed";

/// The status of HTTP for who is not known.
const UNAUTHENTICATED: u16 = 401;

/// What an agent is built from.
pub struct Parts {
    /// Who captures.
    pub capturer: Arc<dyn Capturer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives chance.
    pub entropy: Arc<dyn Entropy>,
}

/// An agent that is enrolled.
pub struct Agent {
    shared: Arc<Shared>,
    who: Who,
    left: Vec<Recovered>,
    /// Why there was no link the last time, which was told with what to do.
    told: Option<String>,
}

impl Agent {
    /// Takes up the work where a process before this one left it. Blocks.
    ///
    /// # Errors
    /// `Spool` when the folder cannot be used; `Unfit`.
    pub fn open(settings: Settings, identity: Identity, release: &str, parts: Parts) -> Result<Self, Error> {
        let Parts {
            capturer,
            clock,
            entropy,
        } = parts;
        tls::mutual(&identity)?;
        let path = settings.spool();
        let opened = Spool::open(&path, settings.spool_bytes, &identity.mark());
        let (spool, left) = opened.map_err(|source| Error::Spool { path, source })?;
        let who = Who {
            release: release.to_owned(),
            boot: entropy.bytes(),
            identity,
            renews_from: Duration::ZERO,
        };
        let shared = Shared::new(settings, capturer, (clock, entropy), spool);
        Ok(Self {
            shared,
            who,
            left,
            told: None,
        })
    }

    /// Serves until `stop`: captures end then, and what they caught is delivered, for some seconds.
    ///
    /// # Errors
    /// `SentAway` when the server says that this agent is none any more.
    pub async fn run(mut self, stop: &Shutdown) -> Result<(), Error> {
        for left in std::mem::take(&mut self.left) {
            info!(parts = left.parts.len(), "a capture of before is delivered");
            // On the desk before the server asks what there is.
            work::resume(&self.shared, left);
        }
        let shared = Arc::clone(&self.shared);
        let drained = async {
            stop.stopping().await;
            shared.closing.stop();
            for work in shared.works() {
                work.end(STOPPED);
            }
            tokio::select! {
                () = shared.until_idle() => {}
                () = shared.clock.sleep(DRAIN_MAX) => warn!("what is not delivered yet waits for the next start"),
            }
        };
        tokio::select! {
            biased;
            sent_away = self.stay() => {
                for work in shared.works() {
                    work.end(REMOVED);
                }
                Err(sent_away)
            }
            () = drained => Ok(()),
        }
    }

    /// Links again and again; returns why it may not any more.
    async fn stay(&mut self) -> Error {
        let mut pauses = BackOff::default();
        loop {
            let begun = self.shared.clock.monotonic();
            let linked = self.link().await;
            if linked.is_ok() {
                self.told = None;
            }
            match linked {
                Ok(Parted::Left { why, come_back: false }) => return Error::SentAway(why),
                Ok(Parted::Left { why, .. } | Parted::Cut(why)) => warn!(why, "the link ended"),
                // With the certificate that was stored, at once. It is not renewed again soon.
                Ok(Parted::Renewed) => continue,
                Err(error) => self.failed(&error),
            }
            if self.shared.clock.monotonic().saturating_sub(begun) >= GOOD_LINK {
                pauses.reset();
            }
            let pause = pauses.next(&*self.shared.entropy);
            self.shared.clock.sleep(pause).await;
        }
    }

    fn failed(&mut self, error: &Error) {
        // What can be done is told with each new reason, and not each time that it is tried again.
        let reason = format!("{error:?}");
        let is_new = self.told.as_ref() != Some(&reason);
        let advice = is_new.then(|| error.advice(true).join("; "));
        let advice = advice.filter(|advice| !advice.is_empty());
        self.told = Some(reason);
        warn!(
            error = error as &dyn std::error::Error,
            advice, "no link with the server"
        );
        if matches!(error, Error::Refused { status, .. } if *status == UNAUTHENTICATED) {
            // What it captures is for nobody; it is asked again, for a store that was restored from a backup.
            for work in self.shared.works() {
                work.end(REMOVED);
            }
        }
    }

    async fn link(&mut self) -> Result<Parted, Error> {
        let tls = tls::mutual(&self.who.identity)?;
        let mut addresses = self.shared.settings.server.look_up().await?;
        self.prefer(&mut addresses);
        let connection = Connection::open(&self.shared.settings.server, &addresses, &tls).await?;
        // Before parts go over it: they would be captured, and be parts again.
        self.shared.end_those_that_see(&connection.remote);
        link::keep(&self.shared, &connection, &mut self.who).await
    }

    /// Puts addresses first whose connections all captures leave out, or the link would be in their files.
    fn prefer(&self, addresses: &mut [SocketAddr]) {
        let works = self.shared.works();
        addresses.sort_by_key(|address| works.iter().filter(|work| work.sees(address)).count());
    }
}
