//! What is left of a capture of a group whose server was killed.

use super::gather::deliver;
use super::given_up;
use super::merged::{Job, Member};
use super::sealed_file::Reading;
use crate::Counts;
use crate::agent::{Agent, AgentError, Catch, Ended, Order, Running};
use async_trait::async_trait;
use baleen_types::LinkType;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

const KILLED: &str = "the server ended unexpectedly; the file holds what each site had delivered by then";

/// Delivers, once, what the members of a group had delivered.
pub(crate) struct Remnant(Mutex<Option<Vec<Member>>>);

impl Remnant {
    pub(super) fn new(members: Vec<Member>) -> Self {
        Self(Mutex::new(Some(members)))
    }

    /// Whether some of it can be opened. Reads the disk.
    pub(crate) fn is_readable(&self) -> bool {
        let members = self.0.lock();
        let is_readable = |member: &Member| member.source(Reading::First).is_ok() && !member.file.is_damaged();
        members.iter().flatten().any(is_readable)
    }
}

#[async_trait]
impl Agent for Remnant {
    async fn links(&self) -> Vec<LinkType> {
        Vec::new()
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        let left = self.0.lock().take();
        let members = left.ok_or_else(|| AgentError("it was delivered before".to_owned()))?;
        let job = Arc::new(Job {
            comment: super::comment(&order),
            members,
            limits: order.limits,
            format: order.format,
            dropped: None,
            counted: OnceLock::new(),
        });
        let counting = Arc::clone(&job);
        let counted = tokio::task::spawn_blocking(move || counting.count()).await;
        let ended = match counted.map_err(io::Error::other).and_then(|counted| counted) {
            Ok(counts) => Ended {
                counts,
                trouble: Some(KILLED.to_owned()),
                missing: Some(job.damaged().collect::<Vec<_>>().join("; ")).filter(|missing| !missing.is_empty()),
            },
            Err(error) => {
                tracing::error!(capture = %order.capture, %error, "captures of several sites cannot be merged");
                given_up()
            }
        };
        let (to_run, pieces) = mpsc::channel(1);
        tokio::spawn(deliver(order.capture, job, to_run));
        let pieces = futures::stream::unfold(pieces, |mut pieces| async move {
            let piece = pieces.recv().await?;
            Some((piece, pieces))
        });
        Ok(Catch {
            pieces: pieces.boxed(),
            interfaces: None,
            running: Arc::new(Over(ended)),
        })
    }
}

/// A capture that is over.
struct Over(Ended);

#[async_trait]
impl Running for Over {
    fn counts(&self) -> Counts {
        self.0.counts
    }

    fn stop(&self) {}

    async fn ended(&self) -> Ended {
        self.0.clone()
    }
}
