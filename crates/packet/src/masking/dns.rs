//! DNS messages: addresses in records and in names.
//!
//! Records of addresses, of names, of mail servers and services are kept, with addresses changed; of any other the data is
//! blanked. A name stays as it is, but for one that spells an address: below `in-addr.arpa` and `ip6.arpa`, and where it has as many
//! groups of digits as an address has, digits become 0.

use super::{Mask, part, u16_at};

const HEADER_BYTES: usize = 12;
/// The most labels of a name (RFC 1035, 2.3.4: 255 bytes), also through pointers.
const LABELS_MAX: usize = 128;
/// Groups of digits that an IPv4 address has.
const GROUPS_OF_AN_ADDRESS: usize = 4;
/// Bytes of a record behind its name: type, class, time to live, length of its data.
const RECORD_BYTES: usize = 10;

const TYPE_A: u16 = 1;
const TYPE_NS: u16 = 2;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
const TYPE_PTR: u16 = 12;
const TYPE_MX: u16 = 15;
const TYPE_AAAA: u16 = 28;
const TYPE_SRV: u16 = 33;
const TYPE_DNAME: u16 = 39;

impl Mask {
    /// Changes a message; what is behind the last thing that could be read is zero.
    pub(super) fn dns(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        // How far it was read is all there is to know.
        let _ = self.message(bytes, &mut at);
        part(bytes, at, usize::MAX).fill(0);
        bytes.len()
    }

    /// RFC 1035, 4.1. `at` is behind what was changed already.
    fn message(&mut self, bytes: &mut [u8], at: &mut usize) -> Option<()> {
        let questions = u16_at(bytes, 4)?;
        let records = [6, 8, 10]
            .iter()
            .map(|count| u16_at(bytes, *count).map(usize::from))
            .sum::<Option<usize>>()?;
        *at = HEADER_BYTES;
        for _ in 0..questions {
            let behind = name(bytes, *at, bytes.len())?;
            bytes.get(behind..behind + 4)?;
            *at = behind + 4;
        }
        for _ in 0..records {
            let behind = name(bytes, *at, bytes.len())?;
            let kind = u16_at(bytes, behind)?;
            let data = behind + RECORD_BYTES;
            let end = data + usize::from(u16_at(bytes, data - 2)?);
            *at = data;
            bytes.get(data..end)?;
            self.data(kind, bytes, data, end);
            *at = end;
        }
        Some(())
    }

    fn data(&mut self, kind: u16, bytes: &mut [u8], from: usize, to: usize) {
        let behind = match kind {
            TYPE_A if to - from == 4 => {
                self.v4(&mut bytes[from..to]);
                Some(to)
            }
            TYPE_AAAA if to - from == 16 => {
                self.v6(&mut bytes[from..to]);
                Some(to)
            }
            TYPE_NS | TYPE_CNAME | TYPE_PTR | TYPE_DNAME => name(bytes, from, to),
            TYPE_MX => name(bytes, from + 2, to),
            TYPE_SRV => name(bytes, from + 6, to),
            // Five numbers behind two names.
            TYPE_SOA => name(bytes, from, to)
                .and_then(|second| name(bytes, second, to))
                .filter(|numbers| numbers + 20 == to)
                .map(|_| to),
            _ => None,
        };
        if behind != Some(to) {
            part(bytes, from, to).fill(0);
        }
    }
}

/// Changes the name at `at`, which is to end at `end` at the latest, if it spells an address; returns where it ends.
fn name(bytes: &mut [u8], at: usize, end: usize) -> Option<usize> {
    let mut labels: [(usize, usize); LABELS_MAX] = [(0, 0); LABELS_MAX];
    let (mut count, mut own) = (0, 0);
    let mut behind = None;
    let mut place = at;
    // A pointer goes back, so that names cannot go in circles.
    let mut lowest = at;
    loop {
        let length = usize::from(*bytes.get(place)?);
        match length >> 6 {
            0 if length == 0 => {
                behind = behind.or(Some(place + 1));
                break;
            }
            0 => {
                bytes.get(place + 1..place + 1 + length)?;
                *labels.get_mut(count)? = (place + 1, length);
                count += 1;
                if behind.is_none() {
                    own = count;
                }
                place += 1 + length;
            }
            3 => {
                let target = usize::from(u16_at(bytes, place)? & 0x3FFF);
                behind = behind.or(Some(place + 2));
                if target >= lowest || target < HEADER_BYTES {
                    return None;
                }
                (lowest, place) = (target, target);
            }
            _ => return None,
        }
    }
    let behind = behind.filter(|behind| *behind <= end)?;
    let labels = &labels[..count];
    let text = |index: usize| labels.get(index).map(|(at, length)| &bytes[*at..at + length]);
    let is_last = |from_end: usize, word: &[u8]| {
        let index = count.checked_sub(from_end);
        index
            .and_then(text)
            .is_some_and(|label| label.eq_ignore_ascii_case(word))
    };
    let spells = if is_last(1, b"arpa") && (is_last(2, b"in-addr") || is_last(2, b"ip6")) {
        Some(count - 2)
    } else if groups_of_digits(labels, bytes) >= GROUPS_OF_AN_ADDRESS {
        Some(count)
    } else {
        None
    };
    let is_arpa = spells.is_some_and(|until| until < count);
    // Those behind a pointer were changed where they stand, if they were to be.
    for (at, length) in labels.iter().take(spells.unwrap_or(0).min(own)) {
        for byte in &mut bytes[*at..at + length] {
            if is_arpa || byte.is_ascii_digit() {
                *byte = b'0';
            }
        }
    }
    Some(behind)
}

fn groups_of_digits(labels: &[(usize, usize)], bytes: &[u8]) -> usize {
    labels
        .iter()
        .map(|(at, length)| {
            let label = &bytes[*at..at + length];
            label
                .split(|byte| !byte.is_ascii_digit())
                .filter(|group| !group.is_empty())
                .count()
        })
        .sum()
}
