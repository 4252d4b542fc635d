//! What a scrub looks for, and what it found.

use baleen_types::Timestamp;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a scrub goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrub {
    /// Whether the bytes of all bodies are read and checked. Without, only what the records say of each other.
    pub bodies: bool,
    /// Most bytes read in a second, where a row counts 4 KiB, so that the disk is left to others; `None` reads as fast as it
    /// gives them.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Whether it goes on where the last such one was cut, and notes how far it is, so that it comes to an end however often
    /// the server is started anew.
    pub goes_on: bool,
}

/// How far a scrub has come; to be looked at while it runs.
#[derive(Debug, Default)]
pub struct ScrubProgress {
    bytes: AtomicU64,
    bytes_in_all: AtomicU64,
}

impl ScrubProgress {
    /// Bytes of bodies that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes of all bodies that there were at the start; 0 until they are counted.
    pub fn bytes_in_all(&self) -> u64 {
        self.bytes_in_all.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect(&self, bytes: u64) {
        self.bytes_in_all.store(bytes, Ordering::Relaxed);
    }
}

/// What a scrub found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Buckets.
    pub buckets: u64,
    /// Versions of objects, current or not; delete markers are none.
    pub objects: u64,
    /// Parts of unfinished uploads.
    pub parts: u64,
    /// Bodies whose bytes were read and are what was written.
    pub bodies: u64,
    /// The bytes of those.
    pub bytes: u64,
    /// How much is damaged, told or not.
    pub damages: u64,
    /// What is damaged in one region and whole in another, told or not: noted, so that a running server heals it from there. Not
    /// among the damages.
    pub healable: u64,
    /// The first of it, at most [`crate::limits::DAMAGES_TOLD_MAX`].
    pub told: Vec<Damage>,
}

impl Scrubbed {
    pub(crate) fn tell(&mut self, of: String, what: impl Into<String>) {
        self.damages += 1;
        let (what, is_healable) = (what.into(), false);
        self.add(Damage { of, what, is_healable });
    }

    pub(crate) fn tell_healable(&mut self, of: String, what: impl Into<String>) {
        self.healable += 1;
        let (what, is_healable) = (what.into(), true);
        self.add(Damage { of, what, is_healable });
    }

    fn add(&mut self, damage: Damage) {
        if self.told.len() < crate::limits::DAMAGES_TOLD_MAX {
            tracing::error!(of = %damage.of, what = %damage.what, "the store is damaged");
            self.told.push(damage);
        }
    }
}

/// The last scrub that read all bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastScrub {
    /// When it came to its end.
    pub ended: Timestamp,
    /// How much damage it found.
    pub damages: u64,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is affected: `bucket/key` with its version, a bucket, a part, or the store.
    pub of: String,
    /// What is wrong with it. Not for clients.
    pub what: String,
    /// Whether it is whole in another region, from which it is healed.
    pub is_healable: bool,
}

/// What the last scrub that read all bodies told of damage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldDamage {
    /// Whether it was one that somebody had by hand, and not one of those that go on by themselves: then no server's log has it.
    pub is_by_hand: bool,
    /// The first of what it found and cannot be healed, at most [`crate::limits::DAMAGES_KEPT_MAX`].
    pub damages: Vec<Damage>,
}
