use super::*;
use crate::message::{Beat, OrderId, ToAgent, ToServer};
use proptest::prelude::*;

fn framed(message: &ToServer) -> Vec<u8> {
    let mut out = Vec::new();
    encode(message, &mut out).unwrap();
    out
}

fn refused(why: &str) -> ToServer {
    ToServer::Refused {
        order: OrderId {
            capture: [7; 16],
            generation: 1,
        },
        why: why.to_owned(),
    }
}

/// What is read of bytes, cut at every place.
fn read(bytes: &[u8], pieces: usize) -> (Vec<ToServer>, Option<FrameError>, usize) {
    let mut frames = Frames::default();
    let mut seen = Vec::new();
    let mut most = 0;
    for piece in bytes.chunks(pieces.max(1)) {
        frames.push(piece);
        loop {
            match frames.take() {
                Ok(Some(message)) => seen.push(message),
                Ok(None) => break,
                Err(error) => {
                    // It stays so.
                    frames.push(&framed(&refused("late")));
                    assert_eq!(frames.take(), Err(error.clone()));
                    return (seen, Some(error), most);
                }
            }
        }
        most = most.max(frames.held_bytes());
    }
    (seen, None, most)
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    let messages = [refused("a"), ToServer::Beat(Beat::default()), refused("b")];
    let bytes: Vec<u8> = messages.iter().flat_map(framed).collect();
    for pieces in 1..=bytes.len() {
        assert_eq!(read(&bytes, pieces).0, messages, "in pieces of {pieces}");
    }
    // An end in the middle is no message.
    for cut in 0..framed(&messages[0]).len() {
        assert_eq!(
            read(&bytes[..cut], 3),
            (Vec::new(), None, cut.min(read(&bytes[..cut], 3).2))
        );
    }
}

#[test]
fn a_length_is_judged_before_anything_is_held() {
    for (length, expected) in [
        (0, true),
        (1, true),
        ((256 << 10) + 1, true),
        (u32::MAX, true),
        (2, false),
    ] {
        let mut frames = Frames::<ToServer>::default();
        frames.push(&length.to_le_bytes());
        assert_eq!(frames.take().is_err(), expected, "{length}");
        if expected {
            frames.push(&vec![0; 100_000]);
            assert_eq!(frames.held_bytes(), 0);
        }
    }
}

#[test]
fn what_is_unknown_is_passed_over_only_if_it_may_be() {
    let frame = |mark: u8, payload: &[u8]| {
        let mut out = u32::try_from(payload.len() + 1).unwrap().to_le_bytes().to_vec();
        out.push(mark);
        out.extend(payload);
        out
    };
    let good = framed(&refused("x"));
    for (bytes, expected) in [
        (frame(OPTIONAL, &[200, 1, 5]), None),
        (frame(OPTIONAL, &[]), Some(FrameError::Length(1))),
        (frame(0, &[200, 1, 5]), Some(FrameError::Unknown)),
        (frame(2, &[0]), Some(FrameError::Mark(2))),
        (frame(0xff, &[0]), Some(FrameError::Mark(0xff))),
        // A message that we know, with something behind it.
        (frame(0, &[&good[5..], &[0][..]].concat()), Some(FrameError::Unknown)),
        // A text that is longer than its frame, and a list that would be longer than any memory.
        (frame(0, &[3, 1, 2, 3]), Some(FrameError::Unknown)),
        (
            frame(
                0,
                &[&[2][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(),
            ),
            Some(FrameError::Unknown),
        ),
    ] {
        let (seen, error, _) = read(&[bytes.clone(), good.clone()].concat(), 7);
        assert_eq!(error, expected, "{bytes:?}");
        assert_eq!(seen.len(), usize::from(expected.is_none()), "{bytes:?}");
    }
}

#[test]
fn what_says_more_than_it_may_is_not_taken() {
    let long = refused(&"x".repeat(crate::limits::TEXT_BYTES_MAX + 1));
    let (seen, error, _) = read(&framed(&long), 1000);
    assert!(
        seen.is_empty() && matches!(error, Some(FrameError::Unsound(_))),
        "{error:?}"
    );
    let huge = refused(&"x".repeat(FRAME_BYTES_MAX));
    let mut out = vec![1];
    assert_eq!(encode(&huge, &mut out), Err(FrameError::TooLong));
    assert_eq!(out, [1]);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_more_than_a_frame_is_held(
        bytes in proptest::collection::vec(any::<u8>(), 0..4096),
        pieces in 1_usize..64,
    ) {
        let (_, _, most) = read(&bytes, pieces);
        prop_assert!(most <= FRAME_BYTES_MAX + LENGTH_BYTES + pieces);
        let mut frames = Frames::<ToAgent>::default();
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.take() {}
    }

    #[test]
    fn flipped_bits_never_panic(at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let mut bytes: Vec<u8> = [framed(&refused("abc")), framed(&ToServer::Beat(Beat::default()))].concat();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = read(&bytes, 5);
    }
}
