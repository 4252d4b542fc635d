//! The compression of MD5 over one stream, or over eight at once.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for AVX2 is compiled without it"
)]

#[cfg(target_arch = "x86_64")]
mod wide;

use super::md5::BLOCK_BYTES;

/// Streams that are digested side by side.
pub(super) const LANES: usize = 8;

/// What the words of a stream, or of eight, can do.
trait Word: Copy {
    /// The same number in each stream.
    fn splat(self, value: u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn not(self) -> Self;
    /// Rotates left; the two amounts make 32 together.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;

    /// Any function of three bits in one instruction, if there is one for it. Bit `4 * self + 2 * c + d` of the table is its value.
    #[inline(always)]
    fn bits<const TABLE: i32>(self, _: Self, _: Self) -> Option<Self> {
        None
    }

    // The four functions of RFC 1321, 3.4, each added to a sum. The step waits for `b`, which the one before it has made: the
    // fewer instructions are between `b` and the sum, the faster all is.

    /// Adds F: where `b` has a one the bit of `c`, else that of `d`.
    #[inline(always)]
    fn add_choose(self, b: Self, c: Self, d: Self) -> Self {
        match b.bits::<0xCA>(c, d) {
            Some(bits) => self.add(bits),
            None => self.add(d.xor(b.and(c.xor(d)))),
        }
    }

    /// Adds G: where `d` has a one the bit of `b`, else that of `c`.
    #[inline(always)]
    fn add_choose_by_last(self, b: Self, c: Self, d: Self) -> Self {
        match b.bits::<0xE4>(c, d) {
            Some(bits) => self.add(bits),
            // No bit is in both halves, so that each is added by itself, and only one waits.
            None => self.add(c.and(d.not())).add(b.and(d)),
        }
    }

    /// Adds H: the bits that are odd in number.
    #[inline(always)]
    fn add_parity(self, b: Self, c: Self, d: Self) -> Self {
        match b.bits::<0x96>(c, d) {
            Some(bits) => self.add(bits),
            None => self.add(b.xor(c.xor(d))),
        }
    }

    /// Adds I.
    #[inline(always)]
    fn add_last(self, b: Self, c: Self, d: Self) -> Self {
        match b.bits::<0x39>(c, d) {
            Some(bits) => self.add(bits),
            None => self.add(c.xor(b.or(d.not()))),
        }
    }
}

impl Word for u32 {
    #[inline(always)]
    fn splat(self, value: u32) -> Self {
        value
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }

    #[inline(always)]
    fn not(self) -> Self {
        !self
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        (self << LEFT) | (self >> RIGHT)
    }
}

/// Step `i` adds the whole part of 2^32 times the sine of `i + 1` (RFC 1321, 3.4).
const SINES: [u32; 64] = [
    0xD76A_A478,
    0xE8C7_B756,
    0x2420_70DB,
    0xC1BD_CEEE,
    0xF57C_0FAF,
    0x4787_C62A,
    0xA830_4613,
    0xFD46_9501,
    0x6980_98D8,
    0x8B44_F7AF,
    0xFFFF_5BB1,
    0x895C_D7BE,
    0x6B90_1122,
    0xFD98_7193,
    0xA679_438E,
    0x49B4_0821,
    0xF61E_2562,
    0xC040_B340,
    0x265E_5A51,
    0xE9B6_C7AA,
    0xD62F_105D,
    0x0244_1453,
    0xD8A1_E681,
    0xE7D3_FBC8,
    0x21E1_CDE6,
    0xC337_07D6,
    0xF4D5_0D87,
    0x455A_14ED,
    0xA9E3_E905,
    0xFCEF_A3F8,
    0x676F_02D9,
    0x8D2A_4C8A,
    0xFFFA_3942,
    0x8771_F681,
    0x6D9D_6122,
    0xFDE5_380C,
    0xA4BE_EA44,
    0x4BDE_CFA9,
    0xF6BB_4B60,
    0xBEBF_BC70,
    0x289B_7EC6,
    0xEAA1_27FA,
    0xD4EF_3085,
    0x0488_1D05,
    0xD9D4_D039,
    0xE6DB_99E5,
    0x1FA2_7CF8,
    0xC4AC_5665,
    0xF429_2244,
    0x432A_FF97,
    0xAB94_23A7,
    0xFC93_A039,
    0x655B_59C3,
    0x8F0C_CC92,
    0xFFEF_F47D,
    0x8584_5DD1,
    0x6FA8_7E4F,
    0xFE2C_E6E0,
    0xA301_4314,
    0x4E08_11A1,
    0xF753_7E82,
    0xBD3A_F235,
    0x2AD7_D2BB,
    0xEB86_D391,
];

/// Mixes one block into the state (RFC 1321, 3.4).
#[inline(always)]
fn block<W: Word>(state: &mut [W; 4], words: &[W; 16]) {
    let [mut a, mut b, mut c, mut d] = *state;
    macro_rules! step {
        ($mix:ident $a:ident $b:ident $c:ident $d:ident, $i:expr, $word:expr, $turn:expr) => {
            $a = $a
                .add(words[$word % 16])
                .add($a.splat(SINES[$i]))
                .$mix($b, $c, $d);
            $a = $a.rotate::<{ $turn }, { 32 - $turn }>().add($b);
        };
    }
    macro_rules! four {
        ($mix:ident, $i:expr, $word:expr, $stride:expr, $turns:expr) => {
            step!($mix a b c d, $i, $word, $turns[0]);
            step!($mix d a b c, $i + 1, $word + $stride, $turns[1]);
            step!($mix c d a b, $i + 2, $word + 2 * $stride, $turns[2]);
            step!($mix b c d a, $i + 3, $word + 3 * $stride, $turns[3]);
        };
    }
    macro_rules! round {
        ($mix:ident, $i:expr, $first:expr, $stride:expr, $turns:expr) => {
            four!($mix, $i, $first, $stride, $turns);
            four!($mix, $i + 4, $first + 4 * $stride, $stride, $turns);
            four!($mix, $i + 8, $first + 8 * $stride, $stride, $turns);
            four!($mix, $i + 12, $first + 12 * $stride, $stride, $turns);
        };
    }
    round!(add_choose, 0, 0, 1, [7, 12, 17, 22]);
    round!(add_choose_by_last, 16, 1, 5, [5, 9, 14, 20]);
    round!(add_parity, 32, 5, 3, [4, 11, 16, 23]);
    round!(add_last, 48, 0, 7, [6, 10, 15, 21]);
    state[0] = state[0].add(a);
    state[1] = state[1].add(b);
    state[2] = state[2].add(c);
    state[3] = state[3].add(d);
}

/// Mixes the first `blocks` of each stream into its state. There are as many states as streams, no more than [`LANES`], and
/// each stream has that many blocks.
pub(super) fn compress(states: &mut [[u32; 4]], streams: &[&[u8]], blocks: usize) {
    #[cfg(target_arch = "x86_64")]
    if states.len() > 1 && wide::compress(states, streams, blocks) {
        return;
    }
    for (state, stream) in states.iter_mut().zip(streams) {
        for bytes in &stream.as_chunks::<BLOCK_BYTES>().0[..blocks] {
            let words = bytes.as_chunks::<4>().0;
            block(state, &std::array::from_fn(|i| u32::from_le_bytes(words[i])));
        }
    }
}
