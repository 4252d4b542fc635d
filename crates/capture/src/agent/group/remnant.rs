//! What is left of a capture of a group whose server was killed.

use super::again::count;
use super::gather::deliver;
use super::given_up;
use super::merged::{Job, Member};
use super::sealed_file::{Reading, SealedReader};
use crate::Counts;
use crate::agent::{Agent, AgentError, Catch, Ended, Order, Running};
use async_trait::async_trait;
use baleen_runtime::Clock;
use baleen_types::LinkType;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::io::{self, Read as _};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

const KILLED: &str = "the server ended unexpectedly; the file holds what each site had delivered by then";

/// The same where that is nothing, so that there is no file.
const KILLED_TOO_SOON: &str = "the server ended unexpectedly, before any of the sites had delivered packets";

/// Delivers, once, what the members of a group had delivered.
pub(crate) struct Remnant {
    members: Mutex<Option<Vec<Member>>>,
    clock: Arc<dyn Clock>,
}

impl Remnant {
    pub(super) fn new(members: Vec<Member>, clock: Arc<dyn Clock>) -> Self {
        Self {
            members: Mutex::new(Some(members)),
            clock,
        }
    }
}

/// Whether something of what members had delivered is there and no damage. Reads the disk.
///
/// # Errors
/// That nothing is found and not all could be looked at.
pub(super) fn is_any_readable(members: &[Member]) -> io::Result<bool> {
    let mut failed = None;
    for member in members {
        match member.file.open(Reading::First).and_then(begins) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(false), Err)
}

fn begins(file: Option<SealedReader>) -> io::Result<bool> {
    let Some(mut file) = file else { return Ok(false) };
    Ok(file.read(&mut [0])? > 0)
}

#[async_trait]
impl Agent for Remnant {
    async fn links(&self) -> Vec<LinkType> {
        Vec::new()
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        let left = self.members.lock().take();
        let members = left.ok_or_else(|| AgentError("it was delivered before".to_owned()))?;
        let job = Arc::new(Job {
            comment: super::comment(&order),
            members,
            limits: order.limits,
            format: order.format,
            dropped: None,
            counted: OnceLock::new(),
        });
        let ended = match count(&job, &*self.clock, order.capture).await {
            Ok(counts) => Ended {
                counts,
                trouble: Some(if counts.packets > 0 { KILLED } else { KILLED_TOO_SOON }.to_owned()),
                missing: Some(job.damaged().collect::<Vec<_>>().join("; ")).filter(|missing| !missing.is_empty()),
            },
            Err(error) => {
                tracing::error!(capture = %order.capture, %error, "captures of several sites cannot be merged");
                given_up()
            }
        };
        let (to_run, pieces) = mpsc::channel(1);
        let clock = Arc::clone(&self.clock);
        tokio::spawn(async move { deliver(order.capture, job, &*clock, to_run).await });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::group::sealed_file::SealedPath;
    use baleen_sealing::blocks::BaseKey;
    use baleen_types::SiteName;
    use zeroize::Zeroizing;

    /// What was uploaded is given up for what is staged, so there has to be some.
    #[test]
    fn of_nothing_nothing_is_merged() {
        let folder = tempfile::tempdir().unwrap();
        let member = |number: usize| Member {
            site: SiteName::parse("lab01").unwrap(),
            file: SealedPath::new(
                folder.path().join(number.to_string()),
                Arc::new(BaseKey::new(Zeroizing::new([1; 32]), b"test")),
            ),
            clock: None,
        };
        let (none, begun, whole) = (member(0), member(1), member(2));
        drop(begun.file.create([3; 16]).unwrap());
        whole.file.create([4; 16]).unwrap().append(b"packets").unwrap();
        let bytes = std::fs::read(&whole.file.path).unwrap();
        let damaged = |at: usize| {
            let member = member(3 + at);
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            std::fs::write(&member.file.path, bytes).unwrap();
            member
        };
        let (at_head, in_block) = (damaged(0), damaged(30));
        let away = member(200);
        std::fs::create_dir(&away.file.path).unwrap();
        let mut all = vec![none, begun, at_head, in_block];
        assert!(!is_any_readable(&all).unwrap());
        all.insert(0, away);
        assert!(is_any_readable(&all).is_err(), "nobody knows");
        all.push(whole);
        assert!(is_any_readable(&all).unwrap());
    }
}
