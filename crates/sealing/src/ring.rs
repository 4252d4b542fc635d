//! The ring: the numbered master keys of a store, and the text they are kept as.
//!
//! The newest key seals and every key opens, so a key is changed without a moment at which something does not open. The
//! numbers follow one another, because keys are only ever added at the new end and taken away at the old one; a gap or a
//! repetition is a file that somebody has damaged.

use crate::MASTER_KEY_BYTES;
use std::fmt::{self, Write as _};
use std::num::NonZeroU16;
use zeroize::Zeroizing;

/// The most keys in a ring: a rotation a month for a year and some, without ever taking an old key away.
pub const RING_KEYS_MAX: usize = 16;

/// The longest text of a ring that is read, with room for notes.
pub const RING_TEXT_BYTES_MAX: usize = 8 * 1024;

/// What stands above the keys.
const PREAMBLE: &str = "\
# Master keys of a Baleen store: number and key, the newest last. The newest seals, all open.
# Keep a copy apart from the data folder: without its keys a store's secrets are lost.
";

/// How many bytes of a key have to differ from all before them. Of 32 random ones about 30 do, and fewer than 8 never do.
const DISTINCT_BYTES_MIN: usize = 8;

/// One master key.
pub type MasterKey = Zeroizing<[u8; MASTER_KEY_BYTES]>;

/// Which of a store's master keys: 1 is the first, the next rotation makes 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(NonZeroU16);

/// The numbered master keys of a store; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    first: KeyNumber,
    keys: Vec<MasterKey>,
}

/// A text that is no ring. It never repeats what it found, since that may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRing {
    /// Longer than [`RING_TEXT_BYTES_MAX`].
    TooLong,
    /// No key at all.
    Empty,
    /// This line, counted from 1, is no number with 64 hex digits.
    Line(usize),
    /// The key on this line does not have the number after that of the line before.
    Number(usize),
    /// The key on this line stands in the ring twice.
    Repeated(usize),
    /// More than [`RING_KEYS_MAX`] keys.
    Full,
}

impl KeyNumber {
    /// The number of a store's first key.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The number, unless it is 0.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// The number itself.
    pub fn get(self) -> u16 {
        self.0.get()
    }

    fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Ring {
    /// The ring of a new store.
    pub fn single(key: MasterKey) -> Self {
        Self {
            first: KeyNumber::FIRST,
            keys: vec![key],
        }
    }

    /// Reads a ring: lines of a number and 64 hex digits. A single key without a number, which is how the first releases
    /// kept it, is key 1. Empty lines and those that begin with `#` are notes.
    ///
    /// # Errors
    /// `BadRing`, with the line and without what is on it.
    pub fn parse(text: &str) -> Result<Self, BadRing> {
        if text.len() > RING_TEXT_BYTES_MAX {
            return Err(BadRing::TooLong);
        }
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let mut rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (at, row) = rows.next().ok_or(BadRing::Empty)?;
        let Some((number, digits)) = row.split_once(' ') else {
            let key = key_of(row).ok_or(BadRing::Line(at))?;
            return match rows.next() {
                None => Ok(Self::single(key)),
                Some((at, _)) => Err(BadRing::Line(at)),
            };
        };
        let mut ring = Self {
            first: number_of(number).ok_or(BadRing::Line(at))?,
            keys: vec![key_of(digits).ok_or(BadRing::Line(at))?],
        };
        for (at, row) in rows {
            let (number, digits) = row.split_once(' ').ok_or(BadRing::Line(at))?;
            let number = number_of(number).ok_or(BadRing::Line(at))?;
            let key = key_of(digits).ok_or(BadRing::Line(at))?;
            if ring.newest().next() != Some(number) {
                return Err(BadRing::Number(at));
            }
            ring.push(key, at)?;
        }
        Ok(ring)
    }

    /// A key that nobody drew by chance: one byte over and over, as a file of zeros or a forgotten example has it, or a few.
    pub fn guessable(&self) -> Option<KeyNumber> {
        let is_guessable = |key: &MasterKey| {
            let mut bytes = key.clone();
            bytes.sort_unstable();
            bytes.chunk_by(|one, next| one == next).count() < DISTINCT_BYTES_MIN
        };
        self.keys().find(|(_, key)| is_guessable(key)).map(|(number, _)| number)
    }

    /// The text of the ring, as [`Ring::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Grown once, so that no outgrown copy of a key stays behind in memory.
        let mut text = Zeroizing::new(String::with_capacity(RING_TEXT_BYTES_MAX));
        text.push_str(PREAMBLE);
        for (number, key) in self.keys() {
            let digits = Zeroizing::new(hex::encode(key.as_slice()));
            // A String takes whatever is written.
            let _ = writeln!(text, "{number} {}", *digits);
        }
        text
    }

    /// The same ring with one more key, which is the newest then.
    ///
    /// # Errors
    /// `Full`; `Repeated` when the key is in the ring.
    pub fn with(&self, key: MasterKey) -> Result<Self, BadRing> {
        let mut ring = self.clone();
        ring.push(key, self.keys.len() + 1)?;
        Ok(ring)
    }

    /// The newest key alone.
    #[must_use]
    pub fn newest_only(&self) -> Self {
        Self {
            first: self.newest(),
            keys: self.keys.last().cloned().into_iter().collect(),
        }
    }

    /// The number of the key that seals.
    pub fn newest(&self) -> KeyNumber {
        let behind_first = u16::try_from(self.keys.len() - 1).unwrap_or_default();
        self.first.0.checked_add(behind_first).map_or(self.first, KeyNumber)
    }

    /// The numbers of all keys, the newest last.
    pub fn numbers(&self) -> impl Iterator<Item = KeyNumber> {
        self.keys().map(|(number, _)| number)
    }

    pub(crate) fn first(&self) -> KeyNumber {
        self.first
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = (KeyNumber, &MasterKey)> {
        let numbers = std::iter::successors(Some(self.first), |number| number.next());
        numbers.zip(&self.keys)
    }

    fn push(&mut self, key: MasterKey, at: usize) -> Result<(), BadRing> {
        if self.keys.contains(&key) {
            return Err(BadRing::Repeated(at));
        }
        // A number needs room behind it, or the ring could not be added to.
        if self.keys.len() == RING_KEYS_MAX || self.newest().next().is_none() {
            return Err(BadRing::Full);
        }
        self.keys.push(key);
        Ok(())
    }
}

fn number_of(text: &str) -> Option<KeyNumber> {
    // `parse` alone takes a sign and leading zeros, which nobody writes.
    let number: KeyNumber = KeyNumber::new(text.parse().ok()?)?;
    (number.to_string() == text).then_some(number)
}

fn key_of(digits: &str) -> Option<MasterKey> {
    let mut key = Zeroizing::new([0; MASTER_KEY_BYTES]);
    hex::decode_to_slice(digits, key.as_mut_slice()).ok()?;
    Some(key)
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} to {}, hidden)", self.first, self.newest())
    }
}

impl fmt::Display for BadRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {RING_TEXT_BYTES_MAX} bytes"),
            Self::Empty => f.write_str("it holds no key"),
            Self::Line(at) => write!(f, "line {at} is not a number and 64 hex digits"),
            Self::Number(at) => write!(f, "the number on line {at} does not follow the one before it"),
            Self::Repeated(at) => write!(f, "the key on line {at} stands there twice"),
            Self::Full => write!(
                f,
                "it would hold more than {RING_KEYS_MAX} keys; take the old ones away first"
            ),
        }
    }
}

impl std::error::Error for BadRing {}
