//! Parts of one size, cut of pieces that have each another.

use bytes::{Bytes, BytesMut};

/// Gathers pieces and cuts them.
pub(super) struct EvenParts {
    size: usize,
    open: BytesMut,
}

impl EvenParts {
    /// Holds one part of this size in memory.
    pub(super) fn new(size: usize) -> Self {
        Self {
            size: size.max(1),
            open: BytesMut::new(),
        }
    }

    /// Takes the first of `piece`; what is returned is a part, and there may be more in the piece.
    pub(super) fn take(&mut self, piece: &mut Bytes) -> Option<Bytes> {
        if self.open.is_empty() && piece.len() >= self.size {
            return Some(piece.split_to(self.size));
        }
        let fitting = piece.len().min(self.size - self.open.len());
        self.open.reserve(self.size - self.open.len());
        self.open.extend_from_slice(&piece.split_to(fitting));
        (self.open.len() == self.size).then(|| self.open.split().freeze())
    }

    /// What is left for the last part.
    pub(super) fn rest(self) -> Option<Bytes> {
        (!self.open.is_empty()).then(|| self.open.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_all_parts_but_the_last_are_alike() {
        for (size, pieces) in [
            (4, vec![3, 3, 3]),
            (4, vec![4, 4]),
            (4, vec![9, 0, 1, 2]),
            (4, vec![17]),
            (4, vec![1]),
            (4, vec![]),
            (1, vec![2, 1]),
        ] {
            let whole: Vec<u8> = (0..pieces.iter().sum()).collect();
            let (mut at, mut parts, mut even) = (0, Vec::new(), EvenParts::new(size));
            for length in pieces {
                let mut piece = Bytes::copy_from_slice(&whole[at..at + usize::from(length)]);
                at += usize::from(length);
                while !piece.is_empty() {
                    parts.extend(even.take(&mut piece));
                }
            }
            assert!(parts.iter().all(|part| part.len() == size), "{parts:?}");
            let rest = even.rest();
            assert!(rest.as_ref().is_none_or(|rest| (1..size).contains(&rest.len())));
            parts.extend(rest);
            assert_eq!(parts.concat(), whole);
        }
    }
}
