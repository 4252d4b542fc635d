//! The one file of a group, out of those of its members.

use super::sealed_file::{Reading, SealedPath, SealedReader};
use crate::Counts;
use crate::agent::{Format, Limits, Piece};
use crate::engine::section;
use crate::limits::GROUP_PART_BYTES;
use baleen_agentwire::Estimate;
use baleen_pcapfile::classic::Precision;
use baleen_pcapfile::{Error, Merge, MergeSource, Merged, Record, classic, ng};
use baleen_types::{LinkType, SiteName};
use bytes::Bytes;
use std::io;
use std::sync::OnceLock;

/// What is to be merged into what.
pub(super) struct Job {
    pub(super) members: Vec<Member>,
    pub(super) limits: Limits,
    pub(super) format: Format,
    pub(super) comment: String,
    /// Packets that were lost, over all; if that is not known, it is what the files say.
    pub(super) dropped: Option<u64>,
    /// What it was told to hold.
    pub(super) counted: OnceLock<Counts>,
}

/// A member and what it has delivered.
pub(super) struct Member {
    pub(super) site: SiteName,
    pub(super) file: SealedPath,
    /// How far its clock is before ours.
    pub(super) clock: Option<Estimate>,
}

impl Member {
    /// What it delivered as a file to be merged; `None` when that is nothing.
    pub(super) fn source(&self, reading: Reading) -> io::Result<Option<MergeSource<SealedReader>>> {
        let Some(file) = self.file.open(reading)? else {
            return Ok(None);
        };
        Ok(Some(MergeSource {
            file,
            name: self.site.to_string(),
            description: match self.clock {
                Some(Estimate { offset_ns, bound_ns }) => format!(
                    "site {}; its clock was {offset_ns} ns before the server's, within {bound_ns} ns, which is taken off its stamps",
                    self.site
                ),
                None => format!("site {}", self.site),
            },
            ahead_nanos: self.clock.map_or(0, |clock| clock.offset_ns),
        }))
    }
}

impl Job {
    fn merge(&self, reading: Reading) -> io::Result<Merge<SealedReader>> {
        let sources = self.members.iter().map(|member| member.source(reading));
        let sources = sources.collect::<io::Result<Vec<_>>>()?.into_iter().flatten();
        Merge::new(sources).map_err(unread)
    }

    /// What the file will hold. What is damaged of what a member has delivered ends that member, and is known then.
    pub(super) fn count(&self, reading: Reading) -> io::Result<Counts> {
        let mut merge = self.merge(reading)?;
        let mut counts = Counts::default();
        while let Some(next) = merge.next_merged().map_err(unread)? {
            if let Merged::Packet(record) = next
                && !self.take(&mut counts, &record)
            {
                break;
            }
        }
        counts.dropped = self.dropped.unwrap_or(counts.dropped);
        let _was_known = self.counted.set(counts);
        Ok(counts)
    }

    /// Whose packets are not all in the file, as what they delivered is damaged.
    pub(super) fn damaged(&self) -> impl Iterator<Item = String> {
        let damaged = self.members.iter().filter(|member| member.file.is_damaged());
        damaged.map(|member| {
            format!(
                "site {}: what it had delivered is damaged on the server's disk, and what is behind the damage is missing",
                member.site
            )
        })
    }

    /// Counts a packet, unless that passed a limit: then it and all behind it are left out.
    fn take(&self, counts: &mut Counts, record: &Record<'_>) -> bool {
        let bytes = counts.bytes.saturating_add(record.captured_length() as u64);
        let fits = counts.packets < self.limits.packets && bytes <= self.limits.bytes;
        if fits {
            counts.packets += 1;
            counts.bytes = bytes;
            let dropped = counts.dropped.saturating_add(record.dropped);
            counts.dropped = dropped.min(self.dropped.unwrap_or(u64::MAX));
        }
        fits
    }

    /// Writes the file in pieces, as long as they are taken; they are the same each time.
    pub(super) fn write(&self, give: &mut dyn FnMut(Piece) -> bool) -> io::Result<()> {
        let mut merge = self.merge(Reading::Again)?;
        let mut out = Vec::with_capacity(GROUP_PART_BYTES + (64 << 10));
        let mut counts = Counts::default();
        let mut has_head = false;
        if self.format == Format::PcapNg {
            ng::put_section(&mut out, &section(vec![self.comment.clone()]));
        }
        while let Some(next) = merge.next_merged().map_err(unread)? {
            match next {
                Merged::Interface(interface) => match self.format {
                    Format::PcapNg => ng::put_interface(&mut out, &interface),
                    // They are of one type.
                    Format::Pcap if !has_head => put_head(&mut out, interface.link, interface.snaplen),
                    Format::Pcap => {}
                },
                Merged::Packet(record) => {
                    if !self.take(&mut counts, &record) {
                        break;
                    }
                    match self.format {
                        Format::PcapNg => ng::put_packet(&mut out, &record),
                        Format::Pcap => classic::put_packet(&mut out, &record, Precision::Micros),
                    }
                }
            }
            has_head = true;
            if out.len() >= GROUP_PART_BYTES && !give(piece(&mut out, counts, false)) {
                return Ok(());
            }
        }
        if !has_head && self.format == Format::Pcap {
            put_head(&mut out, LinkType::ETHERNET, 0);
        }
        if self.format == Format::PcapNg {
            // Of what was cut off the counters are wanted all the same.
            while merge.next_merged().map_err(unread)?.is_some() {}
            for statistics in merge.statistics() {
                ng::put_statistics(&mut out, &statistics);
            }
        }
        counts.dropped = self.dropped.unwrap_or(counts.dropped);
        if self.counted.get().is_some_and(|counted| *counted != counts) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it does not hold what was counted of it",
            ));
        }
        if !out.is_empty() {
            give(piece(&mut out, counts, true));
        }
        Ok(())
    }
}

/// What was wrong with a file, as the disk told it.
fn unread(error: Error) -> io::Error {
    match error {
        Error::Read(error) => error,
        Error::NotACapture | Error::Unknown(_) | Error::Damaged { .. } => {
            io::Error::new(io::ErrorKind::InvalidData, error)
        }
    }
}

fn piece(out: &mut Vec<u8>, after: Counts, ends_file: bool) -> Piece {
    let next = Vec::with_capacity(if ends_file { 0 } else { out.capacity() });
    Piece {
        file: 0,
        bytes: Bytes::from(std::mem::replace(out, next)),
        ends_file,
        after,
    }
}

fn put_head(out: &mut Vec<u8>, link: LinkType, snaplen: u32) {
    let snaplen = if snaplen == 0 {
        baleen_ring::SNAPLEN_MAX
    } else {
        snaplen
    };
    classic::put_header(out, link, snaplen, Precision::Micros);
}
