//! SipHash-1-3 under a secret key: what hostile traffic cannot aim at.
//!
//! Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF". The standard library has it too, but under keys of its
//! own which cannot be stored.

/// A key of 128 bits.
pub(crate) type HashKey = [u8; 16];

/// Hashes a few bytes.
pub(crate) fn hash(key: &HashKey, bytes: &[u8]) -> u64 {
    let (k0, k1) = halves(key);
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        absorb(&mut v, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The length's low byte, as the algorithm has it.
    last[7] = bytes.len().to_le_bytes()[0];
    absorb(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn halves(key: &HashKey) -> (u64, u64) {
    let both = u128::from_le_bytes(*key).to_le_bytes();
    let (low, high) = both.split_at(8);
    let word = |half: &[u8]| half.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    (word(low), word(high))
}

fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hasher};

    #[test]
    fn it_is_siphash_1_3() {
        // The standard library's, which has that algorithm under the key of zeroes.
        for length in 0..64u8 {
            let bytes: Vec<u8> = (0..length).collect();
            let mut theirs = DefaultHasher::new();
            theirs.write(&bytes);
            assert_eq!(hash(&[0; 16], &bytes), theirs.finish(), "{length}");
            assert_ne!(hash(&[1; 16], &bytes), theirs.finish(), "{length}");
        }
        assert_eq!(
            halves(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0]),
            (0x0807_0605_0403_0201, 9)
        );
    }
}
