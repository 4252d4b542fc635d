//! Forms: the same file or the same refusal, whatever the pieces; and what is whole is a part of what was sent.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, body) = input;
    let send = |piece| {
        let head = http::Request::post("/b")
            .header("host", "h")
            .header("content-type", "multipart/form-data; boundary=X");
        baleen_fuzz::send(head, body, piece)
    };
    let (status, file) = send(usize::from(piece));
    assert_eq!((status, &file), (send(body.len()).0, &send(body.len()).1));
    if status == 200 {
        assert!(file.is_empty() || body.windows(file.len()).any(|part| part == file));
        assert!(!file.windows(5).any(|part| part == b"\r\n--X"));
    }
});
