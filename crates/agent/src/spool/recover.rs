//! What a process left behind of an order.

use super::journal::{Journal, Line, PartLine};
use super::{OrderFolder, Spool, part_path};
use crate::part::PartHead;
use baleen_agentwire::{Counts, Ended, OrderId};
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use crc_fast::Digest;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The words for a capture whose process did not end it.
const KILLED: &str = "the agent was ended while it captured; the file holds what it had stored until then";
/// The same when not all is there that it had captured.
const LOST: &str =
    "the agent was ended while parts of the file waited in its memory; the file holds what is before them";

/// An order that has ended with its process, and what is to be sent of it.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) id: OrderId,
    pub(crate) folder: OrderFolder,
    /// Parts that are not in the store, in their order.
    pub(crate) parts: Vec<PartHead>,
    /// How it ended.
    pub(crate) ended: Ended,
}

pub(super) fn order(spool: &Spool, id: OrderId, path: &Path) -> io::Result<Recovered> {
    let (journal, lines) = Journal::recover(path)?;
    let mut told = Told::of(&lines);
    told.take_for_stored(path)?;
    let mut parts = Vec::new();
    let mut is_cut = false;
    // What was told to be the last that can be delivered stays the last.
    let until = told.ended.as_ref().map_or(u32::MAX, |ended| ended.parts);
    for (number, lines) in told.parts.range(told.stored..until.max(told.stored)) {
        let is_next = u32::try_from(parts.len()).ok().map(|n| told.stored + n) == Some(*number);
        let held = is_next.then(|| held(path, lines)).transpose()?.flatten();
        let Some((line, is_whole)) = held else {
            is_cut = true;
            break;
        };
        parts.push(line.head());
        if !is_whole {
            is_cut = true;
            break;
        }
    }
    let folder = spool.order(path.to_owned(), journal);
    let last = parts.last_mut();
    let after = last
        .as_deref()
        .map(|head| PartLine::of(head, true).after)
        .or(told.after)
        .unwrap_or_default();
    let ended = match &told.ended {
        // All of it is there.
        Some(ended) if !is_cut && ended.parts == told.parts_until(parts.len()) => ended.clone(),
        said => Ended {
            counts: after,
            parts: told.parts_until(parts.len()),
            trouble: Some(if said.is_some() { LOST } else { KILLED }.to_owned()),
            missing: None,
        },
    };
    if let Some(last) = parts.last_mut() {
        last.ends_file = true;
        let file = File::options().write(true).open(part_path(path, last.number))?;
        file.set_len(last.length)?;
    }
    folder.take_up(&parts, &ended);
    Ok(Recovered {
        id,
        folder,
        parts,
        ended,
    })
}

impl OrderFolder {
    /// Counts what is there, and notes how it has ended, for a process after this one.
    fn take_up(&self, parts: &[PartHead], ended: &Ended) {
        let mut state = self.state.lock();
        let mut kept = Vec::new();
        for head in parts {
            kept.push(part_path(&self.path, head.number));
            // More than may be is there already; it goes as it is sent.
            *self.space.used.lock() += head.length;
            state.taken.insert(head.number, head.length);
        }
        if let Some(last) = parts.last() {
            state.begun = Some(last.number);
            let _ = state.journal.put(&Line::Part(PartLine::of(last, true)));
        }
        let _ = state.journal.put(&Line::Ended(ended.clone()));
        // What cannot follow on what is sent.
        for entry in std::fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_part = entry.file_name().to_string_lossy().starts_with("part-");
            if is_part && !kept.contains(&path) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// What a journal tells.
#[derive(Debug, Default)]
struct Told {
    /// Lines of each part.
    parts: BTreeMap<u32, Vec<PartLine>>,
    /// The first part that is not in the store.
    stored: u32,
    /// Counts of those that are.
    after: Option<Counts>,
    ended: Option<Ended>,
}

impl Told {
    fn of(lines: &[Line]) -> Self {
        let mut told = Self::default();
        for line in lines {
            match line {
                Line::Part(part) => {
                    let lines = told.parts.entry(part.number).or_default();
                    // A process before this one found no more of it. There may be very many, and each is no shorter than the one before.
                    while lines.last().is_some_and(|last| last.length > part.length) {
                        lines.pop();
                    }
                    if lines.last() != Some(part) {
                        lines.push(*part);
                    }
                }
                Line::Stored(part) => {
                    told.stored = told.stored.max(part.number.saturating_add(1));
                    told.after = Some(part.after);
                }
                Line::Ended(ended) => told.ended = Some(ended.clone()),
            }
        }
        told
    }

    /// Takes what was whole and is gone from the front for stored: nothing else removes it, and the last lines of a journal are what a loss of
    /// power takes first. Where that is wrong the server refuses what is behind, and says so.
    fn take_for_stored(&mut self, folder: &Path) -> io::Result<()> {
        let until = self.ended.as_ref().map_or(u32::MAX, |ended| ended.parts);
        while self.stored < until {
            let last = self.parts.get(&self.stored).and_then(|lines| lines.last());
            let Some(whole) = last.filter(|line| line.is_whole) else {
                break;
            };
            if part_path(folder, self.stored).try_exists()? {
                break;
            }
            self.after = Some(whole.after);
            self.stored += 1;
        }
        Ok(())
    }

    fn parts_until(&self, held: usize) -> u32 {
        self.stored.saturating_add(u32::try_from(held).unwrap_or(u32::MAX))
    }
}

/// How much of a part is there, by the last of its lines that is true, and whether that is all of it; `None` when nothing is.
fn held(folder: &Path, lines: &[PartLine]) -> io::Result<Option<(PartLine, bool)>> {
    let number = lines.first().map_or(0, |line| line.number);
    let mut file = match File::open(part_path(folder, number)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut digest = Digest::new(Crc32Iscsi);
    let mut at = 0;
    let mut good: Option<PartLine> = None;
    for line in lines {
        if line.length < at || !advance(&mut file, &mut digest, line.length - at)? {
            break;
        }
        at = line.length;
        if crate::part::crc32c(&digest) != line.crc32c {
            break;
        }
        good = Some(*line);
    }
    Ok(good.map(|line| (line, line.is_whole)))
}

/// Reads so many bytes; `false` when there are not so many.
fn advance(file: &mut File, digest: &mut Digest, bytes: u64) -> io::Result<bool> {
    let mut left = bytes;
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = file.read(&mut buffer[..most])?;
        if read == 0 {
            return Ok(false);
        }
        digest.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok(true)
}
