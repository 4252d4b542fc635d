//! Checking a chain: is it all there, as it was written?

use std::fmt;

use baleen_meta::{Scan, Snapshot, record};
use baleen_signing::sha256;
use baleen_types::AccountId;

use crate::limits::STEP_ENTRIES;
use crate::records::{StoredHead, StoredLine};
use crate::{Audit, Entry, Error};

/// A chain that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of the oldest entry that is kept.
    pub first: u64,
    /// The number of the newest entry; before `first` when there is none.
    pub last: u64,
    /// Hash of the newest line, in hexadecimal digits: kept elsewhere, it proves later that this history was not rewritten.
    pub newest: String,
}

/// A chain that is not whole: the first entry at which it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number.
    pub sequence: u64,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the audit log is broken at entry {}: {}", self.sequence, self.why)
    }
}

impl std::error::Error for Broken {}

/// Walks a chain, line by line. Pure.
pub(crate) struct Walk {
    next: u64,
    newest: [u8; 32],
}

impl Walk {
    /// Starts before the entry `first`, after the line of hash `anchor`.
    pub(crate) fn new(first: u64, anchor: [u8; 32]) -> Self {
        Self {
            next: first,
            newest: anchor,
        }
    }

    /// Takes the line that is stored under a number.
    pub(crate) fn step(&mut self, sequence: u64, line: &str) -> Result<(), Broken> {
        let broken = |sequence, why| Err(Broken { sequence, why });
        if sequence != self.next {
            return broken(self.next, "it is missing");
        }
        let Ok(entry) = serde_json::from_str::<Entry>(line) else {
            return broken(sequence, "it cannot be read");
        };
        if entry.sequence != sequence {
            return broken(sequence, "it was moved");
        }
        if entry.before != hex::encode(self.newest) {
            return broken(sequence, "it does not follow the one before, as that one is now");
        }
        self.newest = sha256(line.as_bytes());
        self.next += 1;
        Ok(())
    }

    /// Compares with where the chain is said to end.
    pub(crate) fn finish(&self, last: u64, newest: &[u8; 32]) -> Result<(), Broken> {
        let broken = |sequence, why| Err(Broken { sequence, why });
        if self.next != last + 1 {
            return broken(self.next, "it is missing");
        }
        if self.newest != *newest {
            return broken(last, "it is not the one that was written last");
        }
        Ok(())
    }
}

/// Checks an export without gaps, line by line as it comes. Pure; the first line is believed.
#[derive(Default)]
pub struct ExportCheck(Option<Walk>);

impl ExportCheck {
    /// Takes the next line, without its end.
    ///
    /// # Errors
    /// When it does not follow the one before.
    pub fn step(&mut self, line: &str) -> Result<(), Broken> {
        let next = self.0.as_ref().map_or(0, |walk| walk.next);
        let unreadable = Broken {
            sequence: next,
            why: "it cannot be read",
        };
        let entry: Entry = serde_json::from_str(line).map_err(|_| unreadable.clone())?;
        let walk = if let Some(walk) = &mut self.0 {
            walk
        } else {
            let mut anchor = [0; 32];
            hex::decode_to_slice(&entry.before, &mut anchor).map_err(|_| unreadable)?;
            self.0.insert(Walk::new(entry.sequence, anchor))
        };
        walk.step(entry.sequence, line)
    }

    /// The hash of the newest line, in hexadecimal digits; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<String> {
        self.0.as_ref().map(|walk| hex::encode(walk.newest))
    }
}

impl Audit {
    /// Checks the whole log of an account.
    ///
    /// # Errors
    /// When the store refuses. That the log is broken is an answer.
    pub async fn verify(&self, account: AccountId) -> Result<Result<Verified, Broken>, Error> {
        let view = self.meta.snapshot().await?;
        let stored = view.get(&StoredHead::key(account)).await?;
        let had_head = stored.is_some();
        let head: StoredHead = stored.map_or(Ok(StoredHead::empty()), |bytes| record::decode(&bytes))?;
        let mut walk = Walk::new(head.first, head.anchor);
        let mut from = 0;
        loop {
            let lines = lines(&view, account, from, STEP_ENTRIES).await?;
            let Some((last, _)) = lines.last() else { break };
            if !had_head {
                // Entries without an end: the record that says where it is was taken away.
                let why = "it is there, but nothing says where the log ends";
                return Ok(Err(Broken {
                    sequence: lines[0].0,
                    why,
                }));
            }
            from = last + 1;
            for (sequence, line) in &lines {
                if let Err(broken) = walk.step(*sequence, line) {
                    return Ok(Err(broken));
                }
            }
        }
        Ok(walk.finish(head.last, &head.newest).map(|()| Verified {
            first: head.first,
            last: head.last,
            newest: hex::encode(head.newest),
        }))
    }
}

/// The lines of an account from a number on, in order.
pub(crate) async fn lines(
    view: &Snapshot,
    account: AccountId,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, String)>, Error> {
    let range = (StoredLine::key(account, from), StoredLine::key(account, u64::MAX));
    let scan = Scan::range(std::ops::Bound::Included(range.0), std::ops::Bound::Included(range.1));
    let found = view.scan(scan.limit(limit)).await?;
    found
        .into_iter()
        .map(|entry| {
            let stored: StoredLine = record::decode(&entry.value)?;
            Ok((StoredLine::sequence(&entry.key)?, stored.line))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: u64) -> (Vec<(u64, String)>, [u8; 32]) {
        let mut newest = [0; 32];
        let lines = (1..=count)
            .map(|sequence| {
                let entry = serde_json::json!({
                    "sequence": sequence, "before": hex::encode(newest), "time": "t", "request": "r", "account": "a",
                    "credential": "none", "source": "s", "door": "d", "operation": "o", "decision": "allowed", "status": 200,
                });
                let line = entry.to_string();
                newest = sha256(line.as_bytes());
                (sequence, line)
            })
            .collect();
        (lines, newest)
    }

    #[test]
    fn an_export_is_checked_from_its_first_line_on() {
        let (lines, newest) = chain(5);
        let check = |lines: &[&str]| {
            let mut check = ExportCheck::default();
            let outcome = lines.iter().try_for_each(|line| check.step(line));
            (outcome.map_err(|broken| broken.sequence), check.newest())
        };
        let lines: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(check(&[]), (Ok(()), None));
        // What is past its time may be missing before the first.
        assert_eq!(check(&lines), (Ok(()), Some(hex::encode(newest))));
        assert_eq!(check(&lines[2..]), (Ok(()), Some(hex::encode(newest))));
        let changed = lines[1].replace("200", "403");
        assert_eq!(check(&[lines[0], &changed, lines[2]]).0, Err(3));
        assert_eq!(check(&[lines[0], lines[2]]).0, Err(2));
        assert_eq!(check(&[lines[0], "{"]).0, Err(2));
        assert_eq!(check(&["nonsense"]).0, Err(0));
        assert_eq!(check(&[&lines[0].replace("000", "xyz")]).0, Err(0));
    }

    fn check(lines: &[(u64, String)], last: u64, newest: &[u8; 32]) -> Result<(), Broken> {
        let mut walk = Walk::new(1, [0; 32]);
        for (sequence, line) in lines {
            walk.step(*sequence, line)?;
        }
        walk.finish(last, newest)
    }

    #[test]
    fn whatever_is_done_to_a_chain_shows() {
        let (whole, newest) = chain(5);
        assert_eq!(check(&whole, 5, &newest), Ok(()));
        let at = |lines: &[(u64, String)]| check(lines, 5, &newest).unwrap_err().sequence;

        for gone in 0..5 {
            let mut lines = whole.clone();
            lines.remove(gone);
            assert_eq!(at(&lines), gone as u64 + 1, "dropped");
            // Dropped, and those behind it moved up.
            for (place, line) in lines.iter_mut().enumerate() {
                line.0 = place as u64 + 1;
            }
            assert_eq!(at(&lines), gone as u64 + 1, "dropped and closed up");
        }
        for changed in 0..5 {
            let mut lines = whole.clone();
            lines[changed].1 = lines[changed].1.replace("200", "403");
            // The last has nobody behind it but the head.
            assert_eq!(at(&lines), (changed as u64 + 2).min(5), "changed");
            lines[changed].1.push(' ');
            assert_eq!(at(&lines), (changed as u64 + 2).min(5), "a blank is a change");
        }
        for (one, two) in [(0, 1), (1, 3), (3, 4)] {
            let mut lines = whole.clone();
            let kept = lines[one].1.clone();
            lines[one].1 = std::mem::replace(&mut lines[two].1, kept);
            assert_eq!(at(&lines), one as u64 + 1, "reordered");
        }
        let (longer, _) = chain(6);
        assert_eq!(at(&longer), 7, "added");
        let mut garbled = whole.clone();
        garbled[2].1 = "{}".to_owned();
        assert_eq!(at(&garbled), 3);
    }
}
