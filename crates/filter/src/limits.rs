//! Limits of filters.

/// The longest expression, as the capture API states for its filter texts.
pub const EXPRESSION_BYTES_MAX: usize = 4096;

/// The most words and signs in an expression. libpcap's optimizer takes time with the cube of the program: 200 ports
/// (400 words) take it 1.3 s, 300 ports 4.7 s.
pub const EXPRESSION_WORDS_MAX: usize = 400;

/// The longest program: the kernel takes 4096 instructions (`BPF_MAXINSNS`), and the ring puts 6 in front of ours where
/// packets of the loopback interface may come by.
pub const INSTRUCTIONS_MAX: usize = 4096 - 6;

/// The most address blocks, and the most port ranges, at one end of a five-tuple.
pub const END_ITEMS_MAX: usize = 64;

/// The longest text in the Rules language, in characters (capture contract, A.2, `filter_v2`).
pub const RULES_CHARACTERS_MAX: usize = 4096;

/// The most comparisons, and values in sets, of a text in the Rules language, as for the words of an expression.
pub const RULES_TERMS_MAX: usize = EXPRESSION_WORDS_MAX;

/// How deep parentheses may stand in each other in the Rules language, since they are read by recursion.
pub(crate) const RULES_DEPTH_MAX: usize = 64;

/// How many IPv6 extension headers a hand-made program looks behind. Hosts drop longer chains (RFC 9098, section 6).
pub(crate) const EXTENSION_HEADERS_MAX: usize = 8;

/// The most words among which the position of a mistake is searched, and how often libpcap is asked for it.
pub(crate) const LOCATE_WORDS_MAX: usize = 200;
pub(crate) const LOCATE_COMPILES_MAX: usize = 200;

/// Scratch words of a program (`BPF_MEMWORDS`).
pub(crate) const MEMORY_WORDS: usize = 16;

/// What an accepting program returns before a snap length is set.
pub(crate) const ACCEPT: u32 = 262_144;

const _: () = assert!(LOCATE_WORDS_MAX <= EXPRESSION_WORDS_MAX);
