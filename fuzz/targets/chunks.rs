//! The framing of `aws-chunked` bodies: what is whole has the announced length, whatever the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, bool, &[u8])| {
    let (piece, announced, trailer, body) = input;
    let send = |piece| {
        let mut head = http::Request::put("/b/k")
            .header("host", "h")
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", announced);
        if trailer {
            head = head.header("x-amz-trailer", "x-amz-checksum-crc32");
        }
        baleen_fuzz::send(head, body, piece)
    };
    let (status, got) = send(usize::from(piece));
    assert_eq!((status, &got), (send(body.len()).0, &send(body.len()).1));
    assert!(status != 200 || got.len() == usize::from(announced));
});
