//! What is said of a capture that is over.

use super::files::reread;
use super::sink::Written;
use super::{ended_words, store::Store};
use crate::failure::Failure;
use crate::output;
use baleen_capture::engine::{EndReason, Outcome};
use baleen_packet::Summary;
use baleen_pcapfile::{Item, Reader};
use baleen_types::{ObjectPath, Timestamp, format_bytes};
use bytes::{Buf, Bytes};
use serde_json::json;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the presigned link works.
const LINK_LASTS: Duration = Duration::from_hours(1);

/// Files up to this size are read once more for a summary; a larger one would keep the person waiting.
const SUMMARY_BYTES_MAX: u64 = 64 << 20;

/// Conversations and protocols shown.
const TOP: usize = 5;

/// The store's host and port in a link: it works for those who reach that address and nobody else.
fn authority(link: &str) -> &str {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// The outcome of a capture and where it is.
pub(super) struct Report {
    pub(super) place: Written,
    pub(super) outcome: Outcome,
    pub(super) is_quiet: bool,
    pub(super) is_pipe: bool,
}

impl Report {
    /// Tells it; the exit code is 1 when the capture broke off.
    pub(super) async fn tell(self, json: bool) -> Result<ExitCode, Failure> {
        let outcome = &self.outcome;
        let (addresses, link) = match &self.place {
            Written::Pipe => (vec!["-".to_owned()], None),
            Written::Files { paths, .. } => (paths.iter().map(|path| path.display().to_string()).collect(), None),
            Written::Objects { store, at } => {
                let link = match &at[..] {
                    [at] => Some(link(store, at)?),
                    // Nobody wants a page of them.
                    _ => None,
                };
                (at.iter().map(|at| format!("s3://{at}")).collect(), link)
            }
        };
        let wants_summary = !self.is_quiet && !json && std::io::stderr().is_terminal();
        let caught = if wants_summary && outcome.file_bytes <= SUMMARY_BYTES_MAX {
            self.caught().await
        } else {
            None
        };
        if json {
            let mut report = json!({
                "destination": addresses.first(),
                "link": link,
                "packets": outcome.packets,
                "bytes": outcome.bytes,
                "fileBytes": outcome.file_bytes,
                "dropped": outcome.dropped,
                "seconds": outcome.elapsed.as_secs_f64(),
                "ended": ended_words(&outcome.ended),
                "interfaces": outcome.interfaces.iter().map(|lane| json!({
                    "name": lane.name, "accepted": lane.accepted, "dropped": lane.dropped, "written": lane.written,
                })).collect::<Vec<_>>(),
            });
            if addresses.len() > 1 {
                report["destinations"] = json!(addresses);
            }
            // Standard output may be the capture itself.
            if self.is_pipe {
                output::note(&report.to_string());
            } else {
                output::json(&report)?;
            }
        } else if !self.is_quiet {
            output::note(&format!(
                "{} packets, {} kept, {} dropped in {:.1} s; {}",
                outcome.packets,
                format_bytes(outcome.bytes),
                outcome.dropped,
                outcome.elapsed.as_secs_f64(),
                ended_words(&outcome.ended)
            ));
            if let Some(caught) = caught {
                caught.lines().iter().for_each(|line| output::note(line));
            }
            if !self.is_pipe {
                for address in &addresses {
                    output::line(address)?;
                }
            }
            // Who reads a log afterwards was not meant.
            if let Some(link) = link.filter(|_| std::io::stderr().is_terminal()) {
                output::note(&format!(
                    "for an hour anyone who reaches {} can fetch it with this link:\n{link}",
                    authority(&link)
                ));
            }
        }
        match &outcome.ended {
            EndReason::Failed(why) => Err(Failure::new(format!("the capture broke off: {why}"))
                .advise("what was caught until then is kept, and is a valid capture file")),
            _ => Ok(ExitCode::SUCCESS),
        }
    }

    /// Reads the finished file once more, or several files; `None` when that cannot be, which takes nothing from the capture.
    async fn caught(&self) -> Option<Caught> {
        match &self.place {
            Written::Pipe => None,
            Written::Files { paths, last } => {
                let last = reread(last);
                let before: Vec<_> = paths.iter().rev().skip(1).rev().cloned().collect();
                let read = move || Caught::read_all(before.iter().map(std::fs::File::open).chain([last]));
                tokio::task::spawn_blocking(read).await.ok().flatten()
            }
            Written::Objects { store, at } => {
                let [at] = &at[..] else { return None };
                let mut got = store.client.get(at, None).await.ok()?;
                let (sender, receiver) = mpsc::channel(4);
                let reading = tokio::task::spawn_blocking(move || read_summary(receiver));
                while let Ok(Some(bytes)) = got.body.next().await {
                    if sender.send(bytes).await.is_err() {
                        break;
                    }
                }
                drop(sender);
                reading.await.ok()
            }
        }
    }
}

fn link(store: &Store, at: &ObjectPath) -> Result<String, Failure> {
    let signed = store.client.presign_get(at, LINK_LASTS);
    signed.map_err(|error| Failure::new(error.to_string()))
}

/// What is in a capture file.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) summary: Summary,
    /// Whether the file could be read to its end.
    pub(crate) is_whole: bool,
}

/// Reads a capture file that arrives in pieces; for a thread that may wait.
fn read_summary(pieces: mpsc::Receiver<Bytes>) -> Caught {
    Caught::read(Pieces {
        pieces,
        rest: Bytes::new(),
    })
}

impl Caught {
    /// Reads a whole file; for a thread that may wait.
    pub(crate) fn read(source: impl Read) -> Self {
        let mut summary = Summary::new();
        let is_whole = Self::fill(&mut summary, source).is_some();
        Self { summary, is_whole }
    }

    /// Reads several files as one; for a thread that may wait.
    fn read_all(sources: impl Iterator<Item = std::io::Result<std::fs::File>>) -> Option<Self> {
        let (mut summary, mut is_whole) = (Summary::new(), true);
        for source in sources {
            is_whole &= Self::fill(&mut summary, source.ok()?).is_some();
        }
        Some(Self { summary, is_whole })
    }

    fn fill(summary: &mut Summary, source: impl Read) -> Option<()> {
        let mut reader = Reader::new(source).ok()?;
        while let Some(item) = reader.next_item().ok()? {
            if let Item::Packet(packet) = item {
                let nanos = packet.stamp_nanos.and_then(|nanos| i64::try_from(nanos).ok());
                let at = Timestamp::from_nanos(nanos.unwrap_or_default());
                summary.add(packet.link, at, packet.bytes, packet.original_length);
            }
        }
        (!reader.is_cut()).then_some(())
    }

    /// The summary for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let summary = &self.summary;
        let protocols = summary.protocols();
        let named: Vec<String> = protocols
            .iter()
            .take(TOP)
            .map(|row| format!("{} {}", row.protocol, row.packets))
            .collect();
        let more = match protocols.len().saturating_sub(TOP) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let least = if summary.uncounted_packets() > 0 {
            "at least "
        } else {
            ""
        };
        let mut lines = vec![
            format!(
                "packets        {} ({} on the wire)",
                summary.packets(),
                format_bytes(summary.bytes())
            ),
            format!("conversations  {least}{}", summary.conversations()),
            format!("protocols      {}{more}", named.join(", ")),
        ];
        for row in summary.top_conversations(TOP) {
            lines.push(format!(
                "  {} ↔ {}  {}: {} packets, {}",
                row.low,
                row.high,
                protocol_name(row.protocol),
                row.packets,
                format_bytes(row.bytes)
            ));
        }
        if !self.is_whole {
            lines.push("the file could not be read to its end".to_owned());
        }
        lines
    }
}

/// The usual name of an IP protocol.
fn protocol_name(number: u8) -> String {
    match number {
        1 => "ICMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        58 => "ICMPv6".to_owned(),
        132 => "SCTP".to_owned(),
        other => format!("IP protocol {other}"),
    }
}

/// Pieces of a file as one source of bytes.
struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.rest = piece,
                None => return Ok(0),
            }
        }
        let bytes = into.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut into[..bytes]);
        Ok(bytes)
    }
}
