//! Where in an expression a mistake is.
//!
//! libpcap says "syntax error" and not where. Its parser reads from left to right and stops at the first word after which
//! no expression can go on; that word is found by asking whether what stands before it can be completed.

use crate::limits::{LOCATE_COMPILES_MAX, LOCATE_WORDS_MAX};
use std::ops::Range;

/// Ends of expressions: a beginning is possible when one of them completes it.
const COMPLETIONS: [&str; 11] = [
    "",
    " ip",
    " 1",
    " 10.0.0.1",
    " port 1",
    " host 10.0.0.1",
    " = 1",
    " 1 = 1",
    " 2] = 1",
    "] = 1",
    " 02:00:00:00:00:01",
];

/// The words of an expression, each as its range of bytes: names and numbers, or single signs.
pub(crate) fn words(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            // A name that is not a keyword: everything up to a blank, a sign or a parenthesis.
            b'\\' => {
                at += 1;
                while at < bytes.len() && !matches!(bytes[at], b' ' | b'!' | b'(' | b')' | b'\n' | b'\t') {
                    at += 1;
                }
            }
            byte if byte.is_ascii_alphanumeric() => {
                while at < bytes.len()
                    && (bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'-' | b'_' | b'.' | b':'))
                {
                    at += 1;
                }
                // A name ends with a letter, a digit or a dot.
                while at > start + 1 && matches!(bytes[at - 1], b'-' | b'_' | b':') {
                    at -= 1;
                }
            }
            byte if byte.is_ascii() => at += 1,
            _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
        found.push(start..at);
    }
    found
}

/// Finds the place of the mistake that `message` tells of; `compiles` tells whether an expression has none.
pub(crate) fn locate(text: &str, message: &str, compiles: impl Fn(&str) -> bool) -> Option<usize> {
    if let Some(position) = named_word(text, message) {
        return Some(position);
    }
    // Any other message is about the meaning of the whole, not about a place.
    if !message.contains("syntax error") && !message.contains("parser") {
        return None;
    }
    let words = words(text);
    // Each attempt would ask the name server again; and each that succeeds takes its time.
    if words.len() > LOCATE_WORDS_MAX || words.iter().any(|word| needs_lookup(&text[word.clone()])) {
        return None;
    }
    let mut left = LOCATE_COMPILES_MAX;
    let mut is_beginning = |end: usize| {
        let beginning = &text[..end];
        let closing = closing(beginning);
        COMPLETIONS.iter().any(|completion| {
            left = left.saturating_sub(1);
            left > 0 && compiles(&format!("{beginning}{completion}{closing}"))
        })
    };
    // The last word up to which an expression can go on: beginnings of a beginning are beginnings.
    let (mut good, mut bad) = (0, words.len());
    while good < bad {
        let middle = good + (bad - good) / 2;
        if is_beginning(words[middle].end) {
            good = middle + 1;
        } else {
            bad = middle;
        }
    }
    Some(words.get(good).map_or(text.len(), |word| word.start))
}

/// The word that libpcap names in its message: `unknown port 'foo'`.
pub(crate) fn named_word(text: &str, message: &str) -> Option<usize> {
    let (_, rest) = message.split_once('\'')?;
    let (name, _) = rest.rsplit_once('\'')?;
    words(text)
        .into_iter()
        .find(|word| text[word.clone()].trim_start_matches('\\') == name)
        .map(|word| word.start)
}

/// What closes the parentheses that are open at the end.
fn closing(text: &str) -> String {
    let mut open = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    ")".repeat(open)
}

/// Tells whether a word looks like the name of a host.
fn needs_lookup(word: &str) -> bool {
    word.contains('.') && word.bytes().any(|b| b.is_ascii_alphabetic())
}
