//! Eight streams in the registers of AVX2, if the processor has them, with the instructions of AVX-512 for words of 32 bits, if it has those.

use super::{BLOCK_BYTES, LANES, Word, block};
use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, cast, u32x8};

/// What processors have in different ways.
trait Registers: Copy {
    /// Does it with these instructions.
    fn run(self, run: Run<'_, Self>);

    /// What all of them have.
    fn avx2(self) -> V3;

    /// Rotates left; the two amounts make 32 together.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, words: u32x8) -> u32x8;

    /// Any function of three bits in one instruction, if there is one for it. Bit `4b + 2c + d` of the table is its value.
    fn bits<const TABLE: i32>(self, b: u32x8, c: u32x8, d: u32x8) -> Option<u32x8>;
}

impl Registers for V3 {
    fn run(self, run: Run<'_, Self>) {
        self.vectorize(run);
    }

    #[inline(always)]
    fn avx2(self) -> V3 {
        self
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, words: u32x8) -> u32x8 {
        let (left, right) = (
            self.shl_const_u32x8::<LEFT>(words),
            self.shr_const_u32x8::<RIGHT>(words),
        );
        self.or_u32x8(left, right)
    }

    #[inline(always)]
    fn bits<const TABLE: i32>(self, _: u32x8, _: u32x8, _: u32x8) -> Option<u32x8> {
        None
    }
}

impl Registers for V4 {
    fn run(self, run: Run<'_, Self>) {
        self.vectorize(run);
    }

    #[inline(always)]
    fn avx2(self) -> V3 {
        *self
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, words: u32x8) -> u32x8 {
        cast(self.avx512vl._mm256_rol_epi32::<LEFT>(cast(words)))
    }

    #[inline(always)]
    fn bits<const TABLE: i32>(self, b: u32x8, c: u32x8, d: u32x8) -> Option<u32x8> {
        let bits = self
            .avx512vl
            ._mm256_ternarylogic_epi32::<TABLE>(cast(b), cast(c), cast(d));
        Some(cast(bits))
    }
}

/// A word of each stream.
#[derive(Clone, Copy)]
struct Eight<R>(R, u32x8);

impl<R: Registers> Word for Eight<R> {
    #[inline(always)]
    fn splat(self, value: u32) -> Self {
        Self(self.0, self.0.avx2().splat_u32x8(value))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0, self.0.avx2().wrapping_add_u32x8(self.1, other.1))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(self.0, self.0.avx2().xor_u32x8(self.1, other.1))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0, self.0.avx2().and_u32x8(self.1, other.1))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0, self.0.avx2().or_u32x8(self.1, other.1))
    }

    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0, self.0.avx2().not_u32x8(self.1))
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        Self(self.0, self.0.rotate::<LEFT, RIGHT>(self.1))
    }

    #[inline(always)]
    fn bits<const TABLE: i32>(self, c: Self, d: Self) -> Option<Self> {
        self.0.bits::<TABLE>(self.1, c.1, d.1).map(|bits| Self(self.0, bits))
    }
}

/// As [`super::compress`]; false, and nothing is done, if the processor cannot.
pub(super) fn compress(states: &mut [[u32; 4]], streams: &[&[u8]], blocks: usize) -> bool {
    if let Some(simd) = V4::try_new() {
        side_by_side(simd, states, streams, blocks);
    } else if let Some(simd) = V3::try_new() {
        side_by_side(simd, states, streams, blocks);
    } else {
        return false;
    }
    true
}

fn side_by_side(simd: impl Registers, states: &mut [[u32; 4]], streams: &[&[u8]], blocks: usize) {
    let Some(first) = streams.first() else { return };
    // A lane without a stream of its own digests the first one once more, into nothing.
    let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| *streams.get(lane).unwrap_or(first));
    // Word by word instead of stream by stream.
    let mut words: [[u32; LANES]; 4] =
        std::array::from_fn(|word| std::array::from_fn(|lane| states.get(lane).map_or(0, |state| state[word])));
    simd.run(Run {
        simd,
        words: &mut words,
        lanes: lanes.map(|lane| &lane.as_chunks().0[..blocks]),
    });
    for (lane, state) in states.iter_mut().enumerate() {
        *state = words.map(|word| word[lane]);
    }
}

struct Run<'a, R> {
    simd: R,
    words: &'a mut [[u32; LANES]; 4],
    lanes: [&'a [[u8; BLOCK_BYTES]]; LANES],
}

impl<R: Registers> NullaryFnOnce for Run<'_, R> {
    type Output = ();

    // What is called from here must be inlined, or it is compiled without the instructions, and thirty times as slow: so there are
    // neither closures nor adaptors below, only functions that are always inlined.
    #[expect(
        clippy::needless_range_loop,
        reason = "the lanes are walked side by side, without adaptors"
    )]
    #[inline(always)]
    fn call(self) {
        let Self { simd, words, lanes } = self;
        let zero = Eight(simd, simd.avx2().splat_u32x8(0));
        let mut state = [zero; 4];
        for word in 0..4 {
            state[word] = Eight(simd, cast(words[word]));
        }
        for at in 0..lanes[0].len() {
            let mut block_words = [zero; 16];
            for half in 0..2 {
                let mut rows = [zero.1; LANES];
                for lane in 0..LANES {
                    rows[lane] = cast(lanes[lane][at].as_chunks::<{ BLOCK_BYTES / 2 }>().0[half]);
                }
                let columns = transpose(simd.avx2(), rows);
                for word in 0..LANES {
                    block_words[half * LANES + word] = Eight(simd, columns[word]);
                }
            }
            block(&mut state, &block_words);
        }
        for word in 0..4 {
            words[word] = cast(state[word].1);
        }
    }
}

/// Turns rows into columns.
#[inline(always)]
fn transpose(simd: V3, rows: [u32x8; LANES]) -> [u32x8; LANES] {
    let avx2 = simd.avx2;
    macro_rules! both {
        ($low:ident $high:ident $x:expr, $y:expr) => {
            (avx2.$low($x, $y), avx2.$high($x, $y))
        };
    }
    macro_rules! pairs {
        ($x:expr, $y:expr) => {
            both!(_mm256_unpacklo_epi32 _mm256_unpackhi_epi32 cast(rows[$x]), cast(rows[$y]))
        };
    }
    macro_rules! fours {
        ($x:expr, $y:expr) => {
            both!(_mm256_unpacklo_epi64 _mm256_unpackhi_epi64 $x, $y)
        };
    }
    macro_rules! halves {
        ($half:literal $x:expr, $y:expr) => {
            cast(avx2._mm256_permute2x128_si256::<$half>($x, $y))
        };
    }
    let ((ab, ab_high), (cd, cd_high)) = (pairs!(0, 1), pairs!(2, 3));
    let ((ef, ef_high), (gh, gh_high)) = (pairs!(4, 5), pairs!(6, 7));
    let ((top0, top1), (top2, top3)) = (fours!(ab, cd), fours!(ab_high, cd_high));
    let ((low0, low1), (low2, low3)) = (fours!(ef, gh), fours!(ef_high, gh_high));
    [
        halves!(0x20 top0, low0),
        halves!(0x20 top1, low1),
        halves!(0x20 top2, low2),
        halves!(0x20 top3, low3),
        halves!(0x31 top0, low0),
        halves!(0x31 top1, low1),
        halves!(0x31 top2, low2),
        halves!(0x31 top3, low3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What one processor keeps another goes on with: an upload outlives the machine it began on.
    fn check(simd: impl Registers, states: &[[u32; 4]], bytes: &[u8]) {
        let streams: Vec<&[u8]> = bytes.chunks_exact(bytes.len() / states.len()).collect();
        let blocks = streams[0].len() / BLOCK_BYTES;
        let (mut wide, mut single) = (states.to_vec(), states.to_vec());
        side_by_side(simd, &mut wide, &streams[..states.len()], blocks);
        for (state, stream) in single.iter_mut().zip(streams) {
            super::super::compress(std::slice::from_mut(state), &[stream], blocks);
        }
        assert_eq!(wide, single);
    }

    proptest! {
        #[test]
        fn eight_streams_are_digested_as_one_is(
            states in prop::collection::vec(any::<[u32; 4]>(), 1..=LANES),
            bytes in prop::collection::vec(any::<u8>(), LANES..4096),
        ) {
            if let Some(simd) = V3::try_new() {
                check(simd, &states, &bytes);
            }
            if let Some(simd) = V4::try_new() {
                check(simd, &states, &bytes);
            }
        }
    }
}
