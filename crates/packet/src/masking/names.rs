//! Names in DNS messages, and which of them spell an address.
//!
//! There are many ways of writing an address into a name, so that a name is judged by what it looks like:
//!
//! * Below `in-addr.arpa` and `ip6.arpa` every byte of the labels becomes `0`.
//! * A name with as many groups of decimal digits as an IPv4 address has: its digits.
//! * A label with `:` or `@`, with three groups of hexadecimal digits between other signs, or with eight such digits in a row, and
//!   three labels in a row that are nothing but such groups: their hexadecimal digits. Of groups, one has to have a digit from 0 to 9,
//!   and none has more than four.
//!
//! What has become `0` is judged as before, so that it does not matter how often and through which pointers a label is read.

use super::dns::HEADER_BYTES;
use super::u16_at;
use std::ops::Range;

/// Bytes of a name, with the lengths of its labels and the end (RFC 1035, 2.3.4), also through pointers.
const NAME_BYTES_MAX: usize = 255;
/// The most labels that fit.
const LABELS_MAX: usize = 127;
/// Labels and pointers that are followed; a pointer is there for a label.
pub(super) const STEPS_MAX: usize = 2 * LABELS_MAX;
/// Groups of decimal digits that an IPv4 address has.
const DECIMAL_GROUPS: usize = 4;
/// Groups of hexadecimal digits that make an address.
const GROUPS: usize = 3;
/// The most digits of a group.
const GROUP_DIGITS_MAX: usize = 4;
/// Digits in a row that make an address: those of IPv4 in hexadecimal.
const DIGITS_IN_A_ROW: usize = 8;

/// Labels of a name, and where it ends.
struct Labels {
    places: [(usize, usize); LABELS_MAX],
    count: usize,
    behind: usize,
}

impl Labels {
    fn range(&self, index: usize) -> Option<Range<usize>> {
        let (at, length) = self.places[..self.count].get(index)?;
        Some(*at..at + length)
    }

    fn text<'a>(&self, bytes: &'a [u8], index: usize) -> &'a [u8] {
        self.range(index).map_or(&[], |range| &bytes[range])
    }

    fn is_last(&self, bytes: &[u8], from_end: usize, word: &[u8]) -> bool {
        let index = self.count.checked_sub(from_end);
        index.is_some_and(|index| self.text(bytes, index).eq_ignore_ascii_case(word))
    }
}

/// Changes the name at `at`, which is to end at `end` at the latest, where it spells an address; returns where it ends.
pub(super) fn name(bytes: &mut [u8], at: usize, end: usize) -> Option<usize> {
    let labels = read(bytes, at, &mut 0).filter(|labels| labels.behind <= end)?;
    let is_arpa =
        labels.is_last(bytes, 1, b"arpa") && (labels.is_last(bytes, 2, b"in-addr") || labels.is_last(bytes, 2, b"ip6"));
    if is_arpa {
        for range in (0..labels.count - 2).filter_map(|index| labels.range(index)) {
            bytes[range].fill(b'0');
        }
        return Some(labels.behind);
    }
    let decimal = (0..labels.count)
        .map(|index| decimal_groups(labels.text(bytes, index)))
        .sum::<usize>();
    if decimal >= DECIMAL_GROUPS {
        for range in (0..labels.count).filter_map(|index| labels.range(index)) {
            blank(&mut bytes[range], u8::is_ascii_digit);
        }
    }
    let mut index = 0;
    while index < labels.count {
        let row = row_of_groups(bytes, &labels, index);
        let until = if row > 0 {
            index + row
        } else if spells(labels.text(bytes, index)) {
            index + 1
        } else {
            index
        };
        for range in (index..until).filter_map(|index| labels.range(index)) {
            blank(&mut bytes[range], u8::is_ascii_hexdigit);
        }
        index = until.max(index + 1);
    }
    Some(labels.behind)
}

/// Reads a name. `steps` counts labels and pointers: a message of names that go through all the others takes no longer.
fn read(bytes: &[u8], at: usize, steps: &mut usize) -> Option<Labels> {
    let mut places = [(0, 0); LABELS_MAX];
    let (mut count, mut size) = (0, 1);
    let mut behind = None;
    let mut place = at;
    // A pointer goes back, so that names cannot go in circles.
    let mut lowest = at;
    loop {
        let length = usize::from(*bytes.get(place)?);
        if length == 0 {
            let behind = behind.unwrap_or(place + 1);
            return Some(Labels { places, count, behind });
        }
        if *steps == STEPS_MAX {
            return None;
        }
        *steps += 1;
        match length >> 6 {
            0 => {
                size += 1 + length;
                bytes.get(place + 1..place + 1 + length)?;
                if size > NAME_BYTES_MAX {
                    return None;
                }
                *places.get_mut(count)? = (place + 1, length);
                count += 1;
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
}

fn decimal_groups(label: &[u8]) -> usize {
    let groups = label.split(|byte| !byte.is_ascii_digit());
    groups.filter(|group| !group.is_empty()).count()
}

/// How many labels from this one on are a group each, if they make an address.
fn row_of_groups(bytes: &[u8], labels: &Labels, from: usize) -> usize {
    let row = (from..labels.count)
        .map(|index| labels.text(bytes, index))
        .take_while(|label| is_group(label));
    let (count, has_digit) = row.fold((0, false), |(count, has_digit), label| {
        (count + 1, has_digit || label.iter().any(u8::is_ascii_digit))
    });
    if count >= GROUPS && has_digit { count } else { 0 }
}

/// Whether a label has an address in it, or enough of one.
fn spells(label: &[u8]) -> bool {
    if label.iter().any(|byte| matches!(byte, b':' | b'@')) {
        return true;
    }
    let mut runs = label.split(|byte| !byte.is_ascii_hexdigit());
    if runs.any(|run| run.len() >= DIGITS_IN_A_ROW) {
        return true;
    }
    // A word is no group, though all of them begin or end with such digits.
    let groups = label
        .split(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
        .filter(|group| is_group(group));
    let (count, has_digit) = groups.fold((0, false), |(count, has_digit), group| {
        (count + 1, has_digit || group.iter().any(u8::is_ascii_digit))
    });
    count >= GROUPS && has_digit
}

fn is_group(text: &[u8]) -> bool {
    (1..=GROUP_DIGITS_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit)
}

fn blank(label: &mut [u8], which: impl Fn(&u8) -> bool) {
    for byte in label.iter_mut().filter(|byte| which(byte)) {
        *byte = b'0';
    }
}

#[cfg(test)]
mod tests;
