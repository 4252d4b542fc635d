//! The directory of a block: which chunk has which key.
//!
//! Two chunks behind those with packets. The *sieve* is a Bloom filter over all keys of the block, small, which tells that
//! a block does not have a key. The *table* has the place and time of each chunk, and for each key the chunks in which it
//! is: 32 bits of its hash, sorted, and a mask.

use crate::chunk::{Kind, Summary, long, word};
use crate::limits::BLOCK_CHUNKS_MAX;
use std::collections::HashMap;

/// Keys of a block and the chunks in which they are.
pub(crate) type Keys = HashMap<u64, u16>;

/// Bits set for each key: with 10 to 20 bits for each key, less than one block in a hundred passes that should not.
const PROBES: u64 = 6;
const SIEVE_BITS_PER_KEY: usize = 10;
const SIEVE_BYTES_MIN: usize = 32;

const ENTRY_BYTES: usize = 6;
const PLACE_BYTES: usize = 24;

/// Where a chunk of packets lies in its segment, and when its packets were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub(crate) offset: u32,
    /// With its head.
    pub(crate) bytes: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl ChunkPlace {
    pub(crate) fn new(offset: u32, bytes: u32, summary: &Summary) -> Self {
        Self {
            offset,
            bytes,
            first: summary.first,
            last: summary.last,
        }
    }
}

/// Makes the content of a sieve.
pub(crate) fn sieve(keys: &Keys) -> Vec<u8> {
    let bytes = (keys.len() * SIEVE_BITS_PER_KEY)
        .div_ceil(8)
        .next_power_of_two()
        .max(SIEVE_BYTES_MIN);
    let mut out = vec![0; 1 + bytes];
    out[0] = Kind::Sieve as u8;
    for key in keys.keys() {
        for bit in probes(*key, bytes) {
            out[1 + bit / 8] |= 1 << (bit % 8);
        }
    }
    out
}

/// Whether a sieve's content may have a key; what is no sieve has all.
pub(crate) fn may_have(sieve: &[u8], key: u64) -> bool {
    let Some((_, bits)) = sieve.split_first() else {
        return true;
    };
    if !bits.len().is_power_of_two() {
        return true;
    }
    probes(key, bits.len()).all(|bit| bits[bit / 8] & (1 << (bit % 8)) != 0)
}

fn probes(key: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let (start, step) = (key & 0xffff_ffff, (key >> 32) | 1);
    #[expect(clippy::cast_possible_truncation, reason = "less than the bits of a chunk")]
    (0..PROBES).map(move |n| (start.wrapping_add(step.wrapping_mul(n)) % (bytes as u64 * 8)) as usize)
}

/// Makes the content of a table.
pub(crate) fn table(chunks: &[ChunkPlace], keys: &Keys) -> Vec<u8> {
    debug_assert!(chunks.len() <= BLOCK_CHUNKS_MAX);
    let mut entries: Vec<(u32, u16)> = keys.iter().map(|(key, mask)| (short(*key), *mask)).collect();
    entries.sort_unstable();
    let mut out = Vec::with_capacity(2 + chunks.len() * PLACE_BYTES + entries.len() * ENTRY_BYTES);
    out.push(Kind::Table as u8);
    out.push(u8::try_from(chunks.len()).unwrap_or(u8::MAX));
    for chunk in chunks {
        out.extend_from_slice(&chunk.offset.to_le_bytes());
        out.extend_from_slice(&chunk.bytes.to_le_bytes());
        out.extend_from_slice(&chunk.first.to_le_bytes());
        out.extend_from_slice(&chunk.last.to_le_bytes());
    }
    for (key, mask) in entries {
        out.extend_from_slice(&key.to_le_bytes());
        out.extend_from_slice(&mask.to_le_bytes());
    }
    out
}

/// Other bits than those that the sieve begins with.
fn short(key: u64) -> u32 {
    (key >> 32) as u32
}

/// A table that was read.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) chunks: Vec<ChunkPlace>,
    entries: &'a [[u8; ENTRY_BYTES]],
}

impl<'a> Table<'a> {
    /// Reads the content of a table chunk.
    pub(crate) fn read(plain: &'a [u8]) -> Option<Self> {
        let (&[_, count], rest) = plain.split_first_chunk::<2>()?;
        if usize::from(count) > BLOCK_CHUNKS_MAX {
            return None;
        }
        let (places, entries) = rest.split_at_checked(usize::from(count) * PLACE_BYTES)?;
        let (entries, odd) = entries.as_chunks::<ENTRY_BYTES>();
        let (places, _) = places.as_chunks::<PLACE_BYTES>();
        let chunks = places.iter().map(|place| ChunkPlace {
            offset: word(place, 0),
            bytes: word(place, 4),
            first: long(place, 8),
            last: long(place, 16),
        });
        odd.is_empty().then(|| Self {
            chunks: chunks.collect(),
            entries,
        })
    }

    /// The chunks in which a key is, and perhaps some in which it is not.
    pub(crate) fn with(&self, key: u64) -> u16 {
        let wanted = short(key);
        let first = self.entries.partition_point(|entry| word(entry, 0) < wanted);
        let same = self.entries[first..]
            .iter()
            .take_while(|entry| word(*entry, 0) == wanted);
        same.fold(0, |mask, entry| mask | u16::from_le_bytes([entry[4], entry[5]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_found(keys in proptest::collection::hash_map(any::<u64>(), 1..=u16::MAX, 0..300)) {
            let places = [ChunkPlace { offset: 1, bytes: 2, first: 3, last: u64::MAX }; 16];
            let (sieve, table) = (sieve(&keys), table(&places, &keys));
            let table = Table::read(&table).unwrap();
            prop_assert_eq!(&table.chunks[..], &places[..]);
            for (key, mask) in &keys {
                prop_assert!(may_have(&sieve, *key));
                prop_assert_eq!(table.with(*key) & mask, *mask);
            }
        }

        #[test]
        fn any_bytes_are_a_directory_or_none(plain in proptest::collection::vec(any::<u8>(), 0..200), key: u64) {
            may_have(&plain, key);
            if let Some(table) = Table::read(&plain) {
                table.with(key);
            }
        }
    }

    #[test]
    fn few_pass_that_should_not() {
        for keys in [100u64, 3000, crate::limits::BLOCK_KEYS_MAX as u64] {
            let hashed = |n: u64| crate::hash::hash(&[9; 16], &n.to_le_bytes());
            let sieve = sieve(&(0..keys).map(|n| (hashed(n), 1)).collect());
            let passed = (keys..keys + 10_000).filter(|n| may_have(&sieve, hashed(*n))).count();
            assert!(passed < 150, "{passed} of 10000 with {keys}");
        }
    }
}
