//! Vocabulary: ids, names, sizes, ranges, times, fault kinds. No IO, no async, no dependency on any other Baleen crate.
