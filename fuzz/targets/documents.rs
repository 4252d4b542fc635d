//! Every document that the S3 door reads, through its own checks and the codec: taken or refused with a document, never an error of
//! the server; what is taken can be asked for again, and no object is lost.
#![no_main]

use baleen_fuzz::Store;
use libfuzzer_sys::fuzz_target;

const CALLS: [(&str, &str); 18] = [
    ("PUT", "/bucket?lifecycle"),
    ("POST", "/bucket?delete"),
    ("PUT", "/bucket?tagging"),
    ("PUT", "/bucket/k?tagging"),
    ("PUT", "/bucket?versioning"),
    ("PUT", "/bucket?cors"),
    ("PUT", "/bucket?policy"),
    ("PUT", "/bucket?publicAccessBlock"),
    ("PUT", "/bucket?ownershipControls"),
    ("PUT", "/bucket?acl"),
    ("PUT", "/bucket/k?acl"),
    ("PUT", "/bucket?object-lock"),
    ("PUT", "/bucket/k?retention"),
    ("PUT", "/bucket/k?legal-hold"),
    ("PUT", "/bucket?encryption"),
    ("PUT", "/bucket?logging"),
    ("PUT", "/new-bucket"),
    ("POST", "/bucket/k?uploadId=00000000000000000000000000000000"),
];

thread_local! {
    static STORE: Store = Store::with_bucket();
}

fuzz_target!(|input: (u8, &[u8])| {
    let (which, document) = input;
    let (method, target) = CALLS[usize::from(which) % CALLS.len()];
    STORE.with(|store| {
        assert_eq!(store.ask("PUT", "/bucket/kept", b"data").0, 200);
        let (status, answer) = store.ask(method, target, document);
        assert!(status < 500 || status == 501, "{method} {target}: {status}");
        let text = String::from_utf8(answer).expect("a document is text");
        if status >= 400 {
            assert!(text.contains("<Code>") && text.ends_with("</Error>"), "{text}");
        }
        if status < 300 && method == "PUT" && target.contains('?') {
            let (status, _) = store.ask("GET", target, b"");
            assert!(status == 200 || status == 404, "{target}: {status}");
        }
        // Deletions may name it, and no other document removes it. A policy may deny all to all, but not to mend it.
        assert!([204, 200].contains(&store.ask("DELETE", "/bucket?policy", b"").0));
        if target != "/bucket?delete" {
            assert_eq!(store.ask("GET", "/bucket/kept", b"").1, b"data", "{target}");
        }
        let _ = store.ask("DELETE", "/new-bucket", b"");
    });
});
