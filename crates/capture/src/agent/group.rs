//! Several agents as one: a capture of a group of sites.
//!
//! Each member captures for itself, within all of the limits, and what it delivers is staged on this machine's disk (`staging.rs`). When all
//! have ended, their packets are merged by corrected time into the capture's one file, and what is beyond its limits is left out
//! (`merged.rs`): the file holds the first packets of the whole group, exactly as many as were asked for. As soon as they have that many
//! together, the members are stopped. A member that does not begin, or ends early, is named; the others are delivered.

mod again;
mod gather;
mod merged;
mod remnant;
mod sealed_file;
mod staging;

pub(crate) use remnant::Remnant;
pub(crate) use staging::Staging;

use super::{Agent, AgentError, Catch, Ended, Format, Limits, Order, Running};
use crate::Counts;
use crate::site::Site;
use async_trait::async_trait;
use baleen_runtime::Shutdown;
use baleen_types::{LinkType, SiteName};
use futures::StreamExt as _;
use futures::future::join_all;
use gather::{Begun, Gather};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The sites of a group.
pub(crate) struct GroupAgent {
    members: Vec<Site>,
    /// Those that belong to it and cannot be asked now.
    away: Vec<SiteName>,
    staging: Arc<Staging>,
}

impl GroupAgent {
    pub(crate) fn new(members: Vec<Site>, away: Vec<SiteName>, staging: Arc<Staging>) -> Arc<Self> {
        Arc::new(Self { members, away, staging })
    }

    /// Refuses what one merged file cannot be.
    async fn check(&self, order: &Order) -> Result<(), AgentError> {
        if order.is_live {
            return Err(AgentError(
                "several sites are not watched as one; name one of them".to_owned(),
            ));
        }
        if order.rotation.is_some() {
            return Err(AgentError("a capture of several sites is one file".to_owned()));
        }
        if order.format == Format::Pcap && self.links().await.len() > 1 {
            let why = "the sites have links of several types, which one pcap file cannot hold; ask for pcapng";
            return Err(AgentError(why.to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Agent for GroupAgent {
    async fn links(&self) -> Vec<LinkType> {
        let links = join_all(self.members.iter().map(|site| site.agent.links())).await;
        let mut links = links.concat();
        links.sort_unstable();
        links.dedup();
        links
    }

    fn is_elsewhere(&self) -> bool {
        self.members.iter().any(|site| site.agent.is_elsewhere())
    }

    fn makes_one_file(&self) -> bool {
        true
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        self.check(&order).await?;
        let folder = self.staging.folder_of(order.capture).await?;
        let begin = self.members.iter().map(|site| {
            let order = Order {
                site: site.name.clone(),
                // With the types of links, nanoseconds, losses and counters of each.
                format: Format::PcapNg,
                ..order.clone()
            };
            async move { (site, site.agent.begin(order).await) }
        });
        let mut missing: Vec<_> = self
            .away
            .iter()
            .map(|site| format!("site {site} is not connected"))
            .collect();
        let mut begun = Vec::new();
        for (site, outcome) in join_all(begin).await {
            match outcome {
                Ok(catch) => begun.push(Begun::new(site, catch)),
                Err(why) => missing.push(format!("site {} did not begin: {why}", site.name)),
            }
        }
        if begun.is_empty() {
            return Err(AgentError(missing.join("; ")));
        }
        let interfaces = begun.iter().map(|member| member.interfaces.unwrap_or_default()).sum();
        let running = Arc::new(GroupRunning {
            members: begun.iter().map(|member| Arc::clone(&member.running)).collect(),
            limits: order.limits,
            within: Mutex::default(),
            asked_to_end: Shutdown::new(),
            ended: watch::Sender::new(None),
        });
        let (to_run, pieces) = mpsc::channel(1);
        let gather = Gather {
            staging: Arc::clone(&self.staging),
            folder: Arc::new(folder),
            running: Arc::clone(&running),
            missing,
            order,
        };
        let work = tokio::spawn(gather.run(begun, to_run));
        let guard = Guard {
            work,
            running: Arc::clone(&running),
        };
        let pieces = futures::stream::unfold((pieces, guard), |(mut pieces, guard)| async move {
            let piece = pieces.recv().await?;
            Some((piece, (pieces, guard)))
        });
        Ok(Catch {
            pieces: pieces.boxed(),
            interfaces: Some(interfaces).filter(|count| *count > 0),
            running,
        })
    }
}

/// A capture of a group that is going on.
struct GroupRunning {
    members: Vec<Arc<dyn Running>>,
    limits: Limits,
    /// The most that they had together when it was within the limits: what comes then may be cut.
    within: Mutex<Counts>,
    /// Whether somebody wants the end, and not its limits.
    asked_to_end: Shutdown,
    ended: watch::Sender<Option<Ended>>,
}

impl GroupRunning {
    /// What the members have caught together.
    fn caught(&self) -> Counts {
        self.members.iter().fold(Counts::default(), |sum, member| {
            let counts = member.counts();
            Counts {
                packets: sum.packets.saturating_add(counts.packets),
                bytes: sum.bytes.saturating_add(counts.bytes),
                dropped: sum.dropped.saturating_add(counts.dropped),
            }
        })
    }

    /// Whether they have all that may be in the file.
    fn has_enough(&self) -> bool {
        let caught = self.caught();
        caught.packets >= self.limits.packets || caught.bytes >= self.limits.bytes
    }

    fn stop_members(&self) {
        for member in &self.members {
            member.stop();
        }
    }

    fn end(&self, ended: Ended) {
        self.ended
            .send_if_modified(|known| known.is_none() && known.replace(ended).is_none());
    }
}

#[async_trait]
impl Running for GroupRunning {
    fn counts(&self) -> Counts {
        if let Some(ended) = &*self.ended.borrow() {
            return ended.counts;
        }
        let caught = self.caught();
        let mut within = self.within.lock();
        if caught.packets <= self.limits.packets && caught.bytes <= self.limits.bytes {
            *within = within.at_least(caught);
        }
        *within
    }

    fn stop(&self) {
        self.asked_to_end.stop();
        self.stop_members();
    }

    /// When all have delivered and it is counted what the file will hold.
    async fn ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await.ok().and_then(|seen| seen.clone());
        ended.unwrap_or_else(given_up)
    }
}

/// Ends it all when nobody takes pieces any more. What is staged stays until the end of the capture is stored.
struct Guard {
    work: tokio::task::JoinHandle<()>,
    running: Arc<GroupRunning>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.work.abort();
        self.running.stop();
        self.running.end(given_up());
    }
}

fn given_up() -> Ended {
    Ended {
        counts: Counts::default(),
        trouble: Some("what the sites captured was not put together".to_owned()),
        missing: None,
    }
}

/// What the file says of itself.
fn comment(order: &Order) -> String {
    format!(
        "Baleen capture {} of the sites of {}, merged by corrected time",
        order.capture, order.site
    )
}
