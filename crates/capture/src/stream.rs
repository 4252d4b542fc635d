//! Captures that are watched while they run: one that goes into a bucket is followed, and one that goes to its asker alone is
//! streamed.
//!
//! A stream is a capture without a record: it has no destination and no list knows it. It begins with the request and ends with
//! it. Nothing in it is left out on the way: who takes it slowly lets the kernel's ring fill up, and the kernel drops and counts
//! as of every capture. Who follows gets a copy, and loses what is not taken in time.

use crate::agent::{Agent, Catch, Format, Limits, Order};
use crate::capture::{self, StoredCapture, StoredKind};
use crate::engine::{FollowError, Rotation};
use crate::limits::{
    BEGIN_GRACE, SNAPLEN_MAX, SNAPLEN_MIN, STREAM_BYTES_MAX, STREAM_PACKETS_MAX, STREAM_TIME_MAX, STREAMS_MAX,
};
use crate::rooms::{Room, To};
use crate::tasks::CaptureFilter;
use crate::{CaptureError, Captures, Limited, Privacy, store};
use baleen_filter::FiveTuple;
use baleen_types::{AccountId, CaptureId, SiteName};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

/// A request for a stream.
#[derive(Clone, Debug)]
pub struct StreamCapture {
    /// For whom.
    pub account: AccountId,
    /// The site or group.
    pub site: SiteName,
    /// Until when, if not until the asker goes.
    pub limits: Limits,
    /// Which packets.
    pub filter: CaptureFilter,
    /// Which never: those of the connection that the stream goes by.
    pub exclude: Vec<FiveTuple>,
    /// The form of the file.
    pub format: Format,
    /// The most bytes kept of a packet, if not all.
    pub snaplen: Option<u32>,
    /// What of packets is not kept as it was.
    pub privacy: Privacy,
    /// On which interfaces of the site, if not on all of them.
    pub interfaces: Vec<String>,
}

/// A capture file that is being written.
pub struct LiveFile {
    /// What it would be called.
    pub name: String,
    /// Its bytes as they come. An error item means that it broke off. Dropping them ends a stream, and following.
    pub body: BoxStream<'static, io::Result<Bytes>>,
}

impl std::fmt::Debug for LiveFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A site as an account sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Its name.
    pub name: SiteName,
    /// Whether it can be asked to capture now.
    pub is_connected: bool,
    /// On which interfaces it captures; `any` is all of them together.
    pub interfaces: Vec<String>,
}

impl Captures {
    /// The sites where an account may capture.
    ///
    /// Shape: `GET pcaps/sites` (ours).
    pub async fn sites(&self, account: AccountId) -> Vec<SiteInfo> {
        let mut sites = Vec::new();
        for site in self.parts.sites.open_to(account) {
            sites.push(SiteInfo {
                name: site.name.clone(),
                is_connected: site.agent.is_connected(),
                interfaces: site.agent.interfaces().await,
            });
        }
        sites
    }

    /// Follows a running capture: gives what is caught from now on, until it is over. One that has not begun is awaited for some
    /// seconds.
    ///
    /// Shape: `GET pcaps/{id}/follow` (ours).
    ///
    /// # Errors
    /// `NoSuchCapture`; `NotFollowable` when it is over or no full capture, or when as many follow it as may.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn follow(&self, account: AccountId, id: CaptureId) -> Result<LiveFile, CaptureError> {
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        let record = read.map(|read| read.record).filter(StoredCapture::is_shown_as_capture);
        let record = record.ok_or(CaptureError::NoSuchCapture(id))?;
        let over = |why| CaptureError::NotFollowable { id, why };
        if record.kind != StoredKind::Full || record.status().is_terminal() {
            return Err(over(FollowError::Over));
        }
        let running = tokio::select! {
            running = self.live.running(id) => running,
            () = self.parts.clock.sleep(BEGIN_GRACE) => None,
        };
        let running = running.ok_or(over(FollowError::Over))?;
        let following = running.follow().await.map_err(over)?;
        info!(capture = %id, "capture followed");
        let suffix = if record.is_pcapng { Format::PcapNg } else { Format::Pcap }.suffix();
        Ok(LiveFile {
            name: format!("pcap_{id}.{suffix}"),
            body: following,
        })
    }

    /// Captures for who asks, into the answer. Packets are being taken when this returns.
    ///
    /// Shape: `POST pcaps/stream` (ours).
    ///
    /// # Errors
    /// `Limit`, `Filter`, `FilterAtSite`, `NoSite`, `NoAgentConnected`; `Busy` when as many captures run as may, or as many streams of
    /// this account, `Share` when as many captures of it; `NotBegun` with what the agent says.
    ///
    /// # Cancel safety
    /// Safe: what was begun for nobody ends by itself.
    pub async fn stream(self: &Arc<Self>, request: StreamCapture) -> Result<LiveFile, CaptureError> {
        check(&request)?;
        let site = self.open_one_site(&request.site, request.account)?;
        let filter = self.compile(request.filter, &site).await?;
        let room = self.rooms.take(request.account, To::Asker)?;
        let id = CaptureId::from_bytes(self.parts.entropy.bytes());
        let order = Order {
            capture: id,
            site: site.name.clone(),
            filter,
            exclude: request.exclude,
            limits: request.limits,
            format: request.format,
            snaplen: request.snaplen,
            rotation: Rotation::default(),
            masking: request.privacy.masking(&*self.parts.entropy),
            is_live: true,
            interfaces: request.interfaces,
        };
        let name = format!("pcap_{id}.{}", request.format.suffix());
        let (begun, told) = oneshot::channel();
        let (pieces, body) = mpsc::channel(1);
        let (captures, account) = (Arc::clone(self), request.account);
        let run = async move {
            let to = Asker { begun, pieces };
            captures.run_stream((account, id), &*site.agent, order, to, room).await;
        };
        self.parts.supervisor.spawn(&format!("stream {id}"), run);
        told.await.map_err(|_| CaptureError::Stopping)??;
        let body = stream::unfold(
            body,
            |mut body| async move { body.recv().await.map(|item| (item, body)) },
        );
        Ok(LiveFile {
            name,
            body: body.boxed(),
        })
    }

    async fn run_stream(
        &self,
        (account, id): (AccountId, CaptureId),
        agent: &dyn Agent,
        order: Order,
        to: Asker,
        room: Room,
    ) {
        let Asker { begun, pieces: to } = to;
        let Some(registered) = self.live.register_stream(account, id, STREAMS_MAX) else {
            let _ = begun.send(Err(CaptureError::Busy));
            return;
        };
        let live = &registered.live;
        let site = order.site.clone();
        let Catch {
            mut pieces, running, ..
        } = match agent.begin(order).await {
            Ok(catch) => catch,
            Err(why) => {
                let _ = begun.send(Err(CaptureError::NotBegun(why)));
                return;
            }
        };
        info!(stream = %id, %account, %site, "stream begun");
        if begun.send(Ok(())).is_err() {
            return;
        }
        let shutdown = self.parts.supervisor.shutdown();
        let mut asked = false;
        let is_whole = loop {
            let piece = tokio::select! {
                piece = pieces.next() => piece,
                () = to.closed() => break false,
                () = live.stop.stopping(), if !asked => { asked = true; running.stop(); continue }
                () = shutdown.stopping(), if !asked => { asked = true; running.stop(); continue }
            };
            let Some(piece) = piece else { break true };
            // Copied, so that its buffer is the capture's again before a slow asker has taken it all.
            let bytes = Bytes::copy_from_slice(&piece.bytes);
            drop(piece);
            let sent = tokio::select! {
                sent = to.send(Ok(bytes)) => sent.is_ok(),
                // Who is told to end does not wait for an asker who takes nothing.
                () = async { shutdown.stopping().await; self.parts.clock.sleep(BEGIN_GRACE).await } => false,
            };
            if !sent {
                break false;
            }
        };
        drop(pieces);
        let ended = running.ended().await;
        drop(room);
        if let (true, Some(trouble)) = (is_whole, &ended.trouble) {
            let _ = to.send(Err(io::Error::other(trouble.clone()))).await;
        }
        let counts = ended.counts;
        let (packets, bytes, dropped) = (counts.packets, counts.bytes, counts.dropped);
        info!(stream = %id, %account, packets, bytes, dropped, is_whole, "stream ended");
    }
}

/// Where a stream goes.
struct Asker {
    begun: oneshot::Sender<Result<(), CaptureError>>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

fn check(request: &StreamCapture) -> Result<(), CaptureError> {
    let refuse = |of, why| Err(CaptureError::Limit { of, why });
    let limits = request.limits;
    if limits.time.is_zero() || limits.time > STREAM_TIME_MAX {
        let hours = STREAM_TIME_MAX.as_secs() / Duration::from_hours(1).as_secs();
        return refuse(Limited::Time, format!("up to {hours} hours are allowed"));
    }
    if !(1..=STREAM_PACKETS_MAX).contains(&limits.packets) {
        return refuse(
            Limited::Packets,
            format!("1 to {STREAM_PACKETS_MAX} packets are allowed"),
        );
    }
    if !(1..=STREAM_BYTES_MAX).contains(&limits.bytes) {
        return refuse(Limited::Bytes, format!("1 to {STREAM_BYTES_MAX} bytes are allowed"));
    }
    if request
        .snaplen
        .is_some_and(|snaplen| !(SNAPLEN_MIN..=SNAPLEN_MAX).contains(&snaplen))
    {
        let why = format!("{SNAPLEN_MIN} to {SNAPLEN_MAX} bytes of a packet can be kept");
        return refuse(Limited::Snaplen, why);
    }
    Ok(())
}
