//! What an agent and its server say: any bytes are messages and then an error, whatever the pieces they come in, and what was read is
//! read again from what it is written as.
#![no_main]

use baleen_agentwire::limits::FRAME_BYTES_MAX;
use baleen_agentwire::{Frames, ToAgent, ToServer, encode};
use libfuzzer_sys::fuzz_target;

macro_rules! check {
    ($message:ty, $bytes:expr, $piece:expr) => {{
        let read = |bytes: &[u8], piece: usize| {
            let mut frames = Frames::<$message>::default();
            let mut messages = Vec::new();
            for piece in bytes.chunks(piece.max(1)) {
                frames.push(piece);
                loop {
                    match frames.take() {
                        Ok(Some(message)) => messages.push(message),
                        Ok(None) => break,
                        Err(error) => {
                            assert!(frames.take().is_err_and(|again| again == error) && frames.held_bytes() == 0);
                            return (messages, Some(error));
                        }
                    }
                }
                assert!(frames.held_bytes() < FRAME_BYTES_MAX + 4);
            }
            (messages, None)
        };
        let whole = read($bytes, $bytes.len());
        assert_eq!(whole, read($bytes, $piece));
        let mut again = Vec::new();
        for message in &whole.0 {
            encode(message, &mut again).expect("it came in a frame");
        }
        assert_eq!(read(&again, again.len()), (whole.0, None));
    }};
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    check!(ToServer, bytes, usize::from(piece));
    check!(ToAgent, bytes, usize::from(piece));
});
