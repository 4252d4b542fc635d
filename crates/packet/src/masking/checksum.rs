//! The Internet checksum (RFC 1071), and what is to become of one whose bytes change.

use super::u16_at;

/// Turns bits of a checksum over, so that one which was wrong is wrong again.
const WRONG: u16 = 0x5555;

/// A sum that is not folded yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    #[must_use]
    pub(super) fn add(mut self, bytes: &[u8]) -> Self {
        let mut pairs = bytes.chunks_exact(2);
        for pair in &mut pairs {
            self.0 += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        if let [last] = pairs.remainder() {
            self.0 += u64::from(*last) << 8;
        }
        self
    }

    #[must_use]
    pub(super) fn number(mut self, number: u32) -> Self {
        self.0 += u64::from(number >> 16) + u64::from(number & 0xFFFF);
        self
    }

    pub(super) fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xFFFF {
            sum = (sum >> 16) + (sum & 0xFFFF);
        }
        u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

/// Where a checksum is and what it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Where it stands.
    pub(super) at: usize,
    /// How many bytes it covers, from the first.
    pub(super) covers: usize,
    /// Whether all it covers is there.
    pub(super) is_whole: bool,
    /// Whether 0 says that there is none.
    pub(super) is_optional: bool,
}

/// What a checksum was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// Not there, or not wanted.
    Absent,
    /// Right, or left to the network card: then it is the sum of the pseudo-header alone, which tells of addresses.
    Good,
    Wrong,
    /// It covers what is not there.
    Unknown,
}

impl Slot {
    /// Looks at the checksum before anything is changed; `pseudo` is the sum of what stands in front of the bytes.
    pub(super) fn look(&self, bytes: &[u8], pseudo: Sum) -> Was {
        let Some(found) = u16_at(bytes, self.at) else {
            return Was::Absent;
        };
        if self.is_optional && found == 0 {
            return Was::Absent;
        }
        let Some(covered) = bytes.get(..self.covers).filter(|_| self.is_whole) else {
            return Was::Unknown;
        };
        let is_left_to_the_card = pseudo.0 > 0 && found == pseudo.folded();
        if pseudo.add(covered).folded() == 0xFFFF || is_left_to_the_card {
            Was::Good
        } else {
            Was::Wrong
        }
    }

    /// Puts the checksum that belongs there now.
    pub(super) fn put(&self, bytes: &mut [u8], pseudo: Sum, was: Was) {
        let Some([high, low]) = bytes.get_mut(self.at..self.at + 2) else {
            return;
        };
        (*high, *low) = (0, 0);
        let value = match was {
            Was::Absent | Was::Unknown => 0,
            Was::Good | Was::Wrong => {
                let right = !pseudo.add(&bytes[..self.covers.min(bytes.len())]).folded();
                let value = if was == Was::Good { right } else { right ^ WRONG };
                // Where 0 says that there is none, the other zero is written (RFC 768).
                if value == 0 && self.is_optional { 0xFFFF } else { value }
            }
        };
        bytes[self.at..self.at + 2].copy_from_slice(&value.to_be_bytes());
    }
}
