//! Takes what the members of a group deliver, and hands on what it is together.

use super::again::{Tries, count, unless_broken_off};
use super::merged::{Job, Member};
use super::staging::{StagedCapture, StagedFile, Staging};
use super::{GroupRunning, given_up};
use crate::agent::{Agent, Catch, Ended, Order, Piece, Running};
use crate::limits::{AWAY_AFTER_STOP, AWAY_LOOKED_AT_EVERY, GROUP_LOOKED_AT_EVERY};
use crate::site::Site;
use baleen_runtime::Clock;
use baleen_types::{CaptureId, SiteName};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::BoxStream;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// A member that captures.
pub(super) struct Begun {
    site: SiteName,
    agent: Arc<dyn Agent>,
    pieces: BoxStream<'static, Piece>,
    pub(super) interfaces: Option<u16>,
    pub(super) running: Arc<dyn Running>,
}

impl Begun {
    pub(super) fn new(site: &Site, catch: Catch) -> Self {
        Self {
            site: site.name.clone(),
            agent: Arc::clone(&site.agent),
            pieces: catch.pieces,
            interfaces: catch.interfaces,
            running: catch.running,
        }
    }
}

/// The work of one capture.
pub(super) struct Gather {
    pub(super) staging: Arc<Staging>,
    pub(super) folder: Arc<StagedCapture>,
    pub(super) running: Arc<GroupRunning>,
    /// What is known to be missing.
    pub(super) missing: Vec<String>,
    pub(super) order: Order,
}

/// What became of a member.
struct Staged {
    member: Option<Member>,
    dropped: u64,
    trouble: Option<String>,
    missing: Option<String>,
}

impl Gather {
    pub(super) async fn run(mut self, begun: Vec<Begun>, to_run: mpsc::Sender<Piece>) {
        let staged = self.stage_all(begun).await;
        let is_any_well = staged.iter().any(|staged| staged.trouble.is_none());
        for staged in &staged {
            self.missing.extend(staged.trouble.clone());
            self.missing.extend(staged.missing.clone());
        }
        let job = Arc::new(Job {
            dropped: Some(staged.iter().map(|staged| staged.dropped).sum()),
            members: staged.into_iter().filter_map(|staged| staged.member).collect(),
            limits: self.order.limits,
            format: self.order.format,
            comment: super::comment(&self.order),
            counted: OnceLock::new(),
        });
        let clock = Arc::clone(&self.staging.clock);
        let counts = match count(&job, &*clock, self.order.capture).await {
            Ok(counts) => counts,
            Err(error) => {
                tracing::error!(capture = %self.order.capture, %error, "captures of several sites cannot be merged");
                return self.running.end(given_up());
            }
        };
        self.missing.extend(job.damaged());
        let missing = Some(self.missing.join("; ")).filter(|missing| !missing.is_empty());
        let (trouble, missing) = if is_any_well { (None, missing) } else { (missing, None) };
        self.running.end(Ended {
            counts,
            trouble,
            missing,
        });
        deliver(self.order.capture, job, &*clock, to_run).await;
    }

    /// Takes all that the members deliver; stops them when they have enough together.
    async fn stage_all(&self, begun: Vec<Begun>) -> Vec<Staged> {
        let members = begun.iter().map(|member| (&member.site, member.agent.clock()));
        let members: Vec<_> = members.map(|(site, clock)| (site.clone(), clock)).collect();
        let folder = Arc::clone(&self.folder);
        let made = tokio::task::spawn_blocking(move || folder.files(&members)).await;
        let files: Vec<_> = match made.map_err(io::Error::other).and_then(|made| made) {
            Ok(files) => files.into_iter().map(Ok).collect(),
            Err(error) => begun.iter().map(|_| Err(error.kind().into())).collect(),
        };
        let clock = &*self.staging.clock;
        let staging = begun.into_iter().zip(files);
        let staging = staging.map(|(member, file)| stage(member, file, (&self.running, clock)));
        let mut staging = std::pin::pin!(join_all(staging));
        let mut is_stopped = false;
        loop {
            tokio::select! {
                staged = &mut staging => return staged,
                () = self.staging.clock.sleep(GROUP_LOOKED_AT_EVERY), if !is_stopped => {
                    if self.running.has_enough() {
                        self.running.stop_members();
                        is_stopped = true;
                    }
                }
            }
        }
    }
}

/// The words of a member that is not waited for, since somebody wants the end.
const AWAY_AT_THE_END: &str = "it was away when the capture was stopped";

/// Waits until an agent is not to be waited for any more: it has been away for a while since somebody wanted the end. Otherwise one that
/// is away is waited for as long as its fleet says.
async fn is_not_waited_for(agent: &dyn Agent, running: &GroupRunning, clock: &dyn Clock) {
    running.asked_to_end.stopping().await;
    let mut away = Duration::ZERO;
    while away < AWAY_AFTER_STOP {
        clock.sleep(AWAY_LOOKED_AT_EVERY).await;
        away = if agent.is_connected() {
            Duration::ZERO
        } else {
            away + AWAY_LOOKED_AT_EVERY
        };
    }
}

/// Keeps what a member delivers, until it has ended, is not waited for, or cannot be kept any more.
async fn stage(
    mut member: Begun,
    file: io::Result<StagedFile>,
    (running, clock): (&GroupRunning, &dyn Clock),
) -> Staged {
    let site = &member.site;
    let mut away = std::pin::pin!(is_not_waited_for(&*member.agent, running, clock));
    let mut is_given_up = false;
    // What was taken stays there, whatever becomes of who writes it.
    let at = file.as_ref().ok().map(|file| file.at.clone());
    let (mut file, mut failed) = match file {
        Ok(file) => (Some(file), None),
        Err(error) => (None, Some(error)),
    };
    while failed.is_none()
        // Asked for the next, an agent elsewhere forgets the one before.
        && let Some(piece) = tokio::select! {
            piece = member.pieces.next() => piece,
            () = &mut away => {
                is_given_up = true;
                None
            }
        }
        && let Some(open) = file.take()
    {
        match append(open, piece).await {
            Ok((open, appended)) => (file, failed) = (Some(open), appended.err()),
            Err(error) => failed = Some(error),
        }
    }
    if failed.is_some() {
        member.running.stop();
    }
    // Whoever is not listened to any more ends.
    drop(member.pieces);
    let ended = tokio::select! {
        biased;
        () = std::future::ready(()), if is_given_up => None,
        ended = member.running.ended() => Some(ended),
        () = &mut away => None,
    };
    let ended = ended.unwrap_or_else(|| Ended {
        counts: member.running.counts(),
        trouble: Some(AWAY_AT_THE_END.to_owned()),
        missing: None,
    });
    let failed = failed.map(|error| format!("what it captured could not be kept: {error}"));
    let trouble = failed.or(ended.trouble);
    Staged {
        member: at.map(|at| Member {
            site: site.clone(),
            file: at,
            clock: member.agent.clock(),
        }),
        dropped: ended.counts.dropped,
        trouble: trouble.map(|trouble| format!("site {site} ended early: {trouble}")),
        missing: ended.missing.map(|missing| format!("site {site}: {missing}")),
    }
}

async fn append(mut file: StagedFile, piece: Piece) -> io::Result<(StagedFile, io::Result<()>)> {
    let append = move || {
        let appended = file.append(&piece.bytes);
        (file, appended)
    };
    tokio::task::spawn_blocking(append).await.map_err(io::Error::other)
}

/// Merges what there is into pieces, as long as they are taken. What was told to be there and is not is no file: its beginning would be taken
/// for all of it. Where the disk gives it not just now, it is merged again, without what was taken before.
pub(super) async fn deliver(capture: CaptureId, job: Arc<Job>, clock: &dyn Clock, to_run: mpsc::Sender<Piece>) {
    let mut tries = Tries::new(clock, capture);
    let given = Arc::new(AtomicU32::new(0));
    loop {
        let (job, taken, given) = (Arc::clone(&job), to_run.clone(), Arc::clone(&given));
        let write = move || {
            let mut before = given.load(Ordering::Relaxed);
            job.write(&mut |piece| {
                if let Some(fewer) = before.checked_sub(1) {
                    before = fewer;
                    return true;
                }
                given.fetch_add(1, Ordering::Relaxed);
                taken.blocking_send(piece).is_ok()
            })
        };
        let written = unless_broken_off(tokio::task::spawn_blocking(write).await);
        let Err(error) = written else { return };
        let goes_on = tokio::select! {
            goes_on = tries.wait(&error) => goes_on,
            () = to_run.closed() => return,
        };
        if !goes_on {
            tracing::error!(%capture, %error, "captures of several sites were not merged to their end");
            // Nobody who takes no more wants to know.
            let _ = to_run.send(Piece::broken()).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sealed_file::{Reading, SealedPath};
    use super::*;
    use crate::agent::{Format, Limits};
    use baleen_pcapfile::{Record, ng};
    use baleen_runtime::ManualClock;
    use baleen_sealing::blocks::BaseKey;
    use baleen_types::{LinkType, Timestamp};
    use std::sync::OnceLock;
    use std::time::Duration;
    use zeroize::Zeroizing;

    /// What one site delivered: three packets, each in a piece.
    fn staged(folder: &std::path::Path) -> SealedPath {
        let key = Arc::new(BaseKey::new(Zeroizing::new([1; 32]), b"test"));
        let at = SealedPath::new(folder.join("0"), key);
        let mut file = at.create([3; 16]).unwrap();
        let mut head = Vec::new();
        ng::put_section(&mut head, &ng::Section::default());
        let interface = ng::Interface::new(LinkType::ETHERNET, 262_144, "eth0");
        ng::put_interface(&mut head, &interface);
        file.append(&head).unwrap();
        for stamp in 1..4 {
            let mut packet = Vec::new();
            ng::put_packet(&mut packet, &Record::new(stamp, 60, &[7; 60]));
            file.append(&packet).unwrap();
        }
        at
    }

    fn job(at: &SealedPath) -> Arc<Job> {
        Arc::new(Job {
            members: vec![Member {
                site: SiteName::parse("lab01").unwrap(),
                file: at.clone(),
                clock: None,
            }],
            limits: Limits {
                time: Duration::from_secs(1),
                packets: 100,
                bytes: 100_000,
            },
            format: Format::PcapNg,
            comment: String::new(),
            dropped: Some(0),
            counted: OnceLock::new(),
        })
    }

    async fn delivered(job: Arc<Job>) -> Vec<Piece> {
        let (to_run, mut pieces) = mpsc::channel(8);
        let clock = ManualClock::new(Timestamp::EPOCH);
        deliver(capture(), job, &*clock, to_run).await;
        let mut all = Vec::new();
        while let Some(piece) = pieces.recv().await {
            all.push(piece);
        }
        all
    }

    /// A disk that gives a file once and not again must not make a capture that looks whole.
    #[tokio::test]
    async fn what_was_counted_comes_or_the_file_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let at = staged(folder.path());
        let whole = std::fs::read(&at.path).unwrap();
        let (good, cut, damaged) = (job(&at), job(&staged_again(&at)), job(&staged_again(&at)));
        for job in [&good, &cut, &damaged] {
            assert_eq!(job.count(Reading::First).unwrap().packets, 3);
        }
        let pieces = delivered(good).await;
        assert!(pieces.len() == 1 && pieces[0].ends_file && pieces[0].after.packets == 3);
        std::fs::write(&at.path, &whole[..whole.len() - 1]).unwrap();
        let pieces = delivered(cut).await;
        assert!(pieces.len() == 1 && pieces[0].is_broken(), "the last packet is gone");
        let mut raw = whole.clone();
        raw[whole.len() - 1] ^= 1;
        std::fs::write(&at.path, raw).unwrap();
        let pieces = delivered(damaged).await;
        assert!(pieces.len() == 1 && pieces[0].is_broken(), "it cannot be read");
    }

    fn capture() -> CaptureId {
        CaptureId::from_bytes([1; 16])
    }

    /// Lets time go on in steps until something is done.
    async fn in_time<T>(clock: &ManualClock, step: Duration, work: impl Future<Output = T>) -> T {
        let hurry = async {
            loop {
                clock.advance(step);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = hurry => unreachable!("it never ends"),
        }
    }

    /// A directory in place of a file: the disk says that it cannot read, and no more than that.
    fn hide(at: &SealedPath) {
        std::fs::rename(&at.path, at.path.with_extension("hidden")).unwrap();
        std::fs::create_dir(&at.path).unwrap();
    }

    fn show(at: &SealedPath) {
        std::fs::remove_dir(&at.path).unwrap();
        std::fs::rename(at.path.with_extension("hidden"), &at.path).unwrap();
    }

    /// What the disk does not give for some time is there afterwards, and nothing says that it was damaged.
    #[tokio::test]
    async fn a_disk_that_is_away_for_a_moment_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = staged(folder.path());
        let (job, clock) = (job(&at), ManualClock::new(Timestamp::EPOCH));
        let second = Duration::from_secs(1);
        hide(&at);
        let shown_later = async {
            clock.sleep(Duration::from_mins(1)).await;
            show(&at);
            std::future::pending::<()>().await;
        };
        let counted = in_time(&clock, second, async {
            tokio::select! {
                counted = count(&job, &*clock, capture()) => counted,
                () = shown_later => unreachable!(),
            }
        });
        assert_eq!(counted.await.unwrap().packets, 3);
        assert_eq!(job.damaged().count(), 0);
        hide(&at);
        let (to_run, mut pieces) = mpsc::channel(8);
        let delivery = deliver(capture(), job, &*clock, to_run);
        let shown_later = async {
            clock.sleep(Duration::from_mins(1)).await;
            show(&at);
        };
        in_time(&clock, second, async { tokio::join!(delivery, shown_later) }).await;
        let piece = pieces.recv().await.unwrap();
        assert!(piece.ends_file && piece.after.packets == 3, "{piece:?}");
        assert!(pieces.recv().await.is_none());
    }

    /// What it does not give for as long as it is tried is missing, and named; what was told to be there and does not come is no file.
    #[tokio::test]
    async fn a_disk_that_stays_away_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let at = staged(folder.path());
        let (job, clock) = (job(&at), ManualClock::new(Timestamp::EPOCH));
        let minute = Duration::from_mins(1);
        hide(&at);
        let counted = in_time(&clock, minute, count(&job, &*clock, capture())).await;
        assert_eq!((counted.unwrap().packets, job.damaged().count()), (0, 1));
        show(&at);
        let job = self::job(&staged_again(&at));
        assert_eq!(job.count(Reading::First).unwrap().packets, 3);
        hide(&at);
        let (to_run, mut pieces) = mpsc::channel(8);
        in_time(&clock, minute, deliver(capture(), job, &*clock, to_run)).await;
        assert!(pieces.recv().await.unwrap().is_broken());
    }

    /// The same file, of which nothing is known yet.
    fn staged_again(at: &SealedPath) -> SealedPath {
        SealedPath::new(at.path.clone(), Arc::clone(&at.key))
    }
}
