//! A body and what it must prove.

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};

use super::*;
use crate::auth::Trailers;

fn pieces(pieces: &[&'static [u8]]) -> RequestBody {
    let frames: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Frame::data(Bytes::from_static(piece))))
        .collect();
    RequestBody::boxed(StreamBody::new(stream::iter(frames)))
}

/// Reads a body to its end: the bytes that came out, and the fault if it ended with one.
fn read(mut body: RequestBody) -> (Vec<u8>, Option<BodyFault>) {
    futures::FutureExt::now_or_never(async {
        let mut out = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => out.extend_from_slice(frame.data_ref().unwrap()),
                Err(fault) => return (out, Some(fault)),
            }
        }
        (out, None)
    })
    .expect("a body in memory never waits")
}

fn sha256(data: &[u8]) -> Payload {
    Payload::Sha256(baleen_signing::sha256(data))
}

#[test]
fn an_unchecked_body_passes_as_it_is() {
    let mut body = pieces(&[b"ab", b"c"]);
    body.prove(Payload::Unchecked).unwrap();
    assert_eq!(read(body), (b"abc".to_vec(), None));
}

#[test]
fn a_hash_is_compared_and_the_last_piece_withheld() {
    let mut body = pieces(&[b"ab", b"c"]);
    body.prove(sha256(b"abc")).unwrap();
    assert_eq!(read(body), (b"abc".to_vec(), None));

    let mut body = pieces(&[b"ab", b"d"]);
    let outcome = body.prove(sha256(b"abc")).unwrap().unwrap();
    assert_eq!(read(body), (b"ab".to_vec(), Some(BodyFault::ContentSha256)));
    assert_eq!(outcome.fault(), Some(&BodyFault::ContentSha256));

    let mut body = pieces(&[b"abd"]);
    body.prove(sha256(b"abc")).unwrap();
    assert_eq!(read(body), (Vec::new(), Some(BodyFault::ContentSha256)));
}

#[test]
fn a_body_that_is_not_there_proves_nothing() {
    assert!(RequestBody::empty().prove(sha256(b"")).unwrap().is_none());
    assert_eq!(
        RequestBody::empty().prove(sha256(b"a")).unwrap_err(),
        BodyFault::ContentSha256
    );
    let trailers = Trailers {
        checksums: Vec::new(),
        signed: false,
    };
    let chunked = Payload::Chunked {
        decoded_bytes: 0,
        signed: None,
        trailers,
    };
    assert_eq!(RequestBody::empty().prove(chunked).unwrap_err(), BodyFault::BrokenOff);
}

#[test]
fn chunks_are_taken_out_of_their_frame() {
    let chunked = |decoded_bytes| Payload::Chunked {
        decoded_bytes,
        signed: None,
        trailers: Trailers {
            checksums: Vec::new(),
            signed: false,
        },
    };
    let mut body = pieces(&[b"3\r\nab", b"c\r\n0", b"\r\n\r\n"]);
    body.prove(chunked(3)).unwrap();
    assert_eq!(body.size_hint().exact(), Some(3));
    assert_eq!(read(body), (b"abc".to_vec(), None));

    // Cut before the last chunk: all data was there, and yet its last piece is never handed out.
    let mut body = pieces(&[b"3\r\nabc\r\n"]);
    body.prove(chunked(3)).unwrap();
    assert_eq!(read(body), (Vec::new(), Some(BodyFault::BrokenOff)));
}

#[test]
fn a_door_adds_its_own_check() {
    struct Refuse;
    impl BodyCheck for Refuse {
        fn update(&mut self, _bytes: &[u8]) -> Result<(), BodyFault> {
            Ok(())
        }
        fn finish(&mut self) -> Result<(), BodyFault> {
            Err(BodyFault::Checksum("Content-MD5"))
        }
    }
    let mut body = pieces(&[b"a"]);
    body.check(Refuse);
    assert_eq!(read(body), (Vec::new(), Some(BodyFault::Checksum("Content-MD5"))));
}

#[test]
fn a_broken_connection_is_a_fault() {
    let frames = [Ok(Frame::data(Bytes::from_static(b"ab"))), Err(BodyFault::BrokenOff)];
    let mut body = RequestBody::boxed(StreamBody::new(stream::iter(frames)));
    let outcome = body.prove(Payload::Unchecked).unwrap().unwrap();
    assert_eq!(read(body), (b"ab".to_vec(), Some(BodyFault::BrokenOff)));
    assert_eq!(outcome.fault(), Some(&BodyFault::BrokenOff));
}
