//! `POST /agent/v1/link`: frames both ways, for as long as the connection lives.
//!
//! The answer is what drives the link: it reads what the agent says whenever it is asked for what to say. So there is no task that
//! could outlive the connection, and an agent that takes nothing is not listened to either.

use crate::door::{AgentDoor, NAME};
use crate::fault::Fault;
use crate::limits::{RENEW_AFTER, RENEW_PERIOD};
use baleen_agentwire::limits::PING_PERIOD;
use baleen_agentwire::{Frames, ToAgent, ToServer, encode};
use baleen_fleet::{Attached, Known};
use baleen_http::{Barred, Gate, Request, RequestBody, Response, ResponseBody};
use baleen_policy::Origin;
use baleen_runtime::{Clock, Shutdown};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, info, warn};

pub(crate) fn run(door: &AgentDoor, known: Known, from: Origin, request: Request) -> Result<Response, Fault> {
    // Removed since it was looked up, if it is not there.
    let seat = door.fleet.seat(known.id).ok_or_else(Fault::nobody)?;
    let attached = seat.attach().map_err(|_| Fault::nobody())?;
    info!(site = %seat.site, name = seat.name, agent = %known.id, "an agent is connected");
    let (now, wall) = (door.clock.monotonic(), door.clock.now());
    let link = Link {
        said: request.into_body(),
        attached,
        frames: Frames::default(),
        gate: Arc::clone(&door.gate),
        from,
        clock: Arc::clone(&door.clock),
        shutdown: door.shutdown.clone(),
        ping_at: now,
        renew_at: now + known.renews().since(wall).max(RENEW_AFTER),
        ends_at: now + known.until.since(wall),
        is_over: false,
        why: None,
    };
    let turns = futures::stream::unfold(link, |mut link| async move {
        let bytes = link.turn().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), link))
    });
    Ok(Response::new(ResponseBody::boxed(StreamBody::new(turns))))
}

struct Link {
    said: RequestBody,
    attached: Attached,
    frames: Frames<ToServer>,
    gate: Arc<dyn Gate>,
    /// Where the agent is.
    from: Origin,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    /// When the time there is to be asked for.
    ping_at: Duration,
    /// When it is to be told that its certificate should be renewed.
    renew_at: Duration,
    /// When that is over.
    ends_at: Duration,
    is_over: bool,
    /// Why, where it was this side that ended it.
    why: Option<String>,
}

/// Whoever watches the log hears that a site is gone, however it went.
impl Drop for Link {
    fn drop(&mut self) {
        if self.shutdown.is_stopping() || !self.attached.is_the_last() {
            return;
        }
        let seat = self.attached.seat();
        let why = self.why.as_deref().unwrap_or("the connection ended");
        warn!(site = %seat.site, name = seat.name, agent = %seat.id, why, "an agent is away");
    }
}

impl Link {
    /// What is to be said next; `None` at the end.
    async fn turn(&mut self) -> Option<Bytes> {
        while !self.is_over {
            let now = self.clock.monotonic();
            let until_ping = self.ping_at.saturating_sub(now);
            let until_lost = self.attached.until_lost();
            let until_renewal = self.renew_at.saturating_sub(now);
            let until_end = self.ends_at.saturating_sub(now);
            let message = tokio::select! {
                biased;
                () = self.shutdown.stopping() => Some(self.bye("the server is stopping", true)),
                said = self.attached.next() => Some(said?),
                frame = self.said.frame() => match frame {
                    Some(Ok(frame)) => self.hear(frame.data_ref().map_or(&[][..], |data| data)),
                    Some(Err(_)) | None => return None,
                },
                () = self.clock.sleep(until_ping) => {
                    self.ping_at = self.clock.monotonic() + PING_PERIOD;
                    if self.is_barred().await {
                        Some(self.bye("the account of the agent does not capture, or not from this address", true))
                    } else {
                        Some(ToAgent::Ping { t1: self.clock.now().as_nanos() })
                    }
                }
                () = self.clock.sleep(until_end) => Some(self.bye("the certificate of the agent is over", true)),
                () = self.clock.sleep(until_renewal) => {
                    self.renew_at = self.clock.monotonic() + RENEW_PERIOD;
                    Some(ToAgent::Renew)
                }
                // Unless a part has come meanwhile.
                () = self.clock.sleep(until_lost) => {
                    let is_lost = self.attached.until_lost() == Duration::ZERO;
                    is_lost.then(|| self.bye("the agent said nothing", true))
                }
            };
            let Some(message) = message else { continue };
            let mut bytes = Vec::new();
            // What is too long to be said was too long to be ordered.
            if encode(&message, &mut bytes).is_ok() {
                return Some(bytes.into());
            }
        }
        None
    }

    /// Whether its account is not served any more. What cannot be told now is told at the next ping.
    async fn is_barred(&self) -> bool {
        let account = self.attached.seat().account;
        let admitted = self.gate.admit_to(NAME, account, &self.from).await;
        matches!(admitted, Err(Barred::NotListed | Barred::Withheld))
    }

    /// Takes what the agent said; the answer is why the link ends, if it does.
    fn hear(&mut self, bytes: &[u8]) -> Option<ToAgent> {
        self.attached.hear();
        self.frames.push(bytes);
        loop {
            let taken = match self.frames.take() {
                Ok(None) => return None,
                Ok(Some(message)) => self.attached.take(message).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = taken {
                debug!(agent = %self.attached.seat().id, why, "the link of an agent is ended");
                return Some(self.bye(&why, true));
            }
        }
    }

    fn bye(&mut self, why: &str, come_back: bool) -> ToAgent {
        self.is_over = true;
        self.why = Some(why.to_owned());
        ToAgent::Bye {
            why: why.to_owned(),
            come_back,
        }
    }
}
