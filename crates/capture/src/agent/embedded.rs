//! The agent inside the server, over the engine.

use super::{Agent, AgentError, Catch, Ended, Followed, Format, Order, Piece, Running, WatchOrder, Watching};
use crate::Counts;
use crate::engine::{
    self, CaptureHandle, CaptureRequest, EndReason, Engine, FollowError, Interfaces, Outcome, Part, Seen, Watch,
    WatchRequest,
};
use crate::look_back::{LookBack, Past, PastQuery};
use async_trait::async_trait;
use baleen_filter::Filter;
use baleen_ring::ANY;
use baleen_types::LinkType;
use futures::StreamExt;
use std::error::Error;
use std::sync::Arc;

/// Captures on this machine's interfaces.
pub struct EmbeddedAgent {
    engine: Engine,
    settings: EmbeddedSettings,
    look_back: Option<Arc<LookBack>>,
}

/// What the operator chooses.
#[derive(Clone, Debug)]
pub struct EmbeddedSettings {
    /// Where to capture.
    pub interfaces: Interfaces,
    /// Whether to see packets for other machines.
    pub promiscuous: bool,
    /// Packets that no request ever gets.
    pub never: Vec<Filter>,
    /// What its files call it, where a site may have several.
    pub name: Option<String>,
}

impl Default for EmbeddedSettings {
    /// The default route's interface, promiscuous, and nothing forbidden.
    fn default() -> Self {
        Self {
            interfaces: Interfaces::DefaultRoute,
            promiscuous: true,
            never: Vec::new(),
            name: None,
        }
    }
}

impl EmbeddedAgent {
    /// An agent over an engine whose settings are for multipart uploads.
    pub fn new(engine: Engine, settings: EmbeddedSettings) -> Arc<Self> {
        Self::looking_back(engine, settings, None)
    }

    /// The same with what went by on this machine, if that is kept.
    pub fn looking_back(engine: Engine, settings: EmbeddedSettings, look_back: Option<Arc<LookBack>>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            settings,
            look_back,
        })
    }

    fn request(&self, order: &Order) -> CaptureRequest {
        let mut comment = format!("Baleen capture {} at site {}", order.capture, order.site);
        // Where addresses are not told, the name of a host is neither.
        if let Some(name) = self
            .settings
            .name
            .as_ref()
            .filter(|_| order.masking.addresses.is_none())
        {
            comment.extend([", agent ", name]);
        }
        CaptureRequest {
            interfaces: self.settings.interfaces.clone(),
            filter: order.filter.clone(),
            exclude: order.exclude.clone(),
            never: self.settings.never.clone(),
            limits: engine::Limits {
                packets: Some(order.limits.packets),
                bytes: Some(order.limits.bytes),
                duration: Some(order.limits.time),
            },
            masking: order.masking.clone(),
            promiscuous: self.settings.promiscuous,
            format: match order.format {
                Format::Pcap => engine::Format::Pcap,
                Format::PcapNg => engine::Format::PcapNg,
            },
            snaplen: order.snaplen.unwrap_or(baleen_ring::SNAPLEN_MAX),
            rotation: order.rotation,
            is_live: order.is_live,
            comments: vec![comment],
        }
    }
}

#[async_trait]
impl Agent for EmbeddedAgent {
    async fn links(&self) -> Vec<LinkType> {
        let interfaces = self.settings.interfaces.clone();
        let told = tokio::task::spawn_blocking(move || interfaces.links()).await;
        told.ok().and_then(Result::ok).unwrap_or_default()
    }

    async fn interfaces(&self) -> Vec<String> {
        let interfaces = self.settings.interfaces.clone();
        let told = tokio::task::spawn_blocking(move || choice(&interfaces)).await;
        told.unwrap_or_default()
    }

    fn buffers(&self) -> Option<usize> {
        Some(self.engine.buffers())
    }

    fn looks_back(&self) -> bool {
        self.look_back.is_some()
    }

    async fn look_back(&self, asked: PastQuery) -> Result<Past, AgentError> {
        match &self.look_back {
            Some(kept) => kept.find(asked).await,
            None => Err(AgentError("no packets are kept there".to_owned())),
        }
    }

    fn watches(&self) -> bool {
        true
    }

    async fn watch(&self, order: WatchOrder) -> Result<Box<dyn Watching>, AgentError> {
        let request = WatchRequest {
            interfaces: self.settings.interfaces.clone(),
            filter: order.filter,
            exclude: order.exclude,
            never: self.settings.never.clone(),
            promiscuous: self.settings.promiscuous,
        };
        let engine = self.engine.clone();
        // As with captures.
        match tokio::task::spawn_blocking(move || engine.watch(&request)).await {
            Ok(Ok(watch)) => Ok(Box::new(watch)),
            Ok(Err(error)) => Err(AgentError(in_words(&error))),
            Err(_) => Err(AgentError("the watch could not be started".to_owned())),
        }
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        let mut request = self.request(&order);
        if !order.interfaces.is_empty() {
            let choice = self.interfaces().await;
            if let Some(strange) = order.interfaces.iter().find(|name| !choice.contains(name)) {
                let choice = choice.join(", ");
                let words = format!("the site {} does not capture on {strange}, but on {choice}", order.site);
                return Err(AgentError(words));
            }
            request.interfaces = Interfaces::Named(order.interfaces.clone());
        }
        let engine = self.engine.clone();
        // Mapping rings and compiling filters block for some milliseconds.
        let started = tokio::task::spawn_blocking(move || engine.start(&request)).await;
        let capture = match started {
            Ok(Ok(capture)) => capture,
            Ok(Err(error)) => return Err(AgentError(in_words(&error))),
            Err(_) => return Err(AgentError("the capture could not be started".to_owned())),
        };
        let interfaces = u16::try_from(capture.interfaces().len()).ok();
        let (parts, handle) = capture.split();
        Ok(Catch {
            pieces: parts.map(piece).boxed(),
            interfaces,
            running: Arc::new(EmbeddedRunning(handle)),
        })
    }
}

/// The names of interfaces of which a request may choose. The operator's `any` lets it choose each of them, too.
fn choice(interfaces: &Interfaces) -> Vec<String> {
    match interfaces {
        Interfaces::DefaultRoute => baleen_ring::default_interface()
            .map(|found| vec![found.name])
            .unwrap_or_default(),
        Interfaces::Named(names) if names.iter().any(|name| name == ANY) => {
            let up = baleen_ring::interfaces().unwrap_or_default().into_iter();
            let up = up.filter(|interface| interface.is_up && interface.name != ANY);
            [ANY.to_owned()]
                .into_iter()
                .chain(up.map(|interface| interface.name))
                .collect()
        }
        Interfaces::Named(names) => names.clone(),
    }
}

fn piece(part: Part) -> Piece {
    Piece {
        // The engine has not more files than that.
        file: u16::try_from(part.file).unwrap_or(u16::MAX),
        bytes: part.bytes,
        ends_file: part.ends_file,
        after: Counts {
            packets: part.packets_until,
            bytes: part.bytes_until,
            dropped: part.dropped_until,
        },
    }
}

impl Watching for Watch {
    fn seen(&self) -> Seen {
        Watch::seen(self)
    }

    fn trouble(&self) -> Option<String> {
        Watch::trouble(self)
    }
}

struct EmbeddedRunning(CaptureHandle);

#[async_trait]
impl Running for EmbeddedRunning {
    fn counts(&self) -> Counts {
        let progress = self.0.progress();
        Counts {
            packets: progress.packets,
            bytes: progress.bytes,
            dropped: progress.dropped,
        }
    }

    fn stop(&self) {
        self.0.stop();
    }

    async fn follow(&self) -> Result<Followed, FollowError> {
        let following = self.0.follow()?;
        Ok(following.map(Ok).boxed())
    }

    async fn ended(&self) -> Ended {
        let outcome = self.0.ended().await;
        let counts = Counts {
            packets: outcome.packets,
            bytes: outcome.bytes,
            dropped: outcome.dropped,
        };
        Ended {
            counts: counts.at_least(self.counts()),
            trouble: trouble(&outcome),
            missing: missing(&outcome),
        }
    }
}

/// What went wrong, in words for who asked for the capture; an end that was asked for is no trouble.
fn trouble(outcome: &Outcome) -> Option<String> {
    match &outcome.ended {
        EndReason::PacketLimit
        | EndReason::ByteLimit
        | EndReason::TimeLimit
        | EndReason::Stopped
        // Nobody takes parts any more: why is known to who stopped taking them.
        | EndReason::Abandoned => None,
        EndReason::InterfaceGone => gone(outcome).map(|names| format!("the network interface {names} was removed")),
        EndReason::FileFull => Some("the file reached the largest size that a multipart upload allows".to_owned()),
        EndReason::Failed(reason) => Some(format!("capturing failed: {reason}")),
    }
}

/// What the file does not have of an interface that went away while others went on to the end.
fn missing(outcome: &Outcome) -> Option<String> {
    if outcome.ended == EndReason::InterfaceGone {
        return None;
    }
    gone(outcome).map(|names| format!("the network interface {names} was removed while the capture ran"))
}

/// The names of the interfaces that were removed, if any.
fn gone(outcome: &Outcome) -> Option<String> {
    let gone = outcome.interfaces.iter().filter(|i| i.is_gone).map(|i| i.name.as_str());
    let names = gone.collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then_some(names)
}

/// An error with its causes, since "permission denied" is what the user has to know.
fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}
