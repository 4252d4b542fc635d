//! The policy of a form, rightly signed, whatever it says: it is judged, and what it lets in it has named.
#![no_main]

use baleen_fuzz::{KEY_ID, SECRET, Store};
use baleen_signing::v2::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static STORE: Store = Store::with_bucket();
}

fuzz_target!(|policy: &str| {
    let signer = Signer {
        access_key_id: KEY_ID,
        secret: SECRET,
    };
    let policy64 = BASE64.encode(policy);
    let fields = [
        ("key", "user/k"),
        ("acl", "private"),
        ("Content-Type", "image/png"),
        ("AWSAccessKeyId", KEY_ID),
        ("policy", policy64.as_str()),
        ("signature", &signer.sign_policy(policy64.as_bytes())),
    ];
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ndata\r\n--X--\r\n");
    STORE.with(|store| {
        let head = http::Request::post("/bucket")
            .header("host", "h")
            .header("content-type", "multipart/form-data; boundary=X");
        let (status, answer) = store.send(head, body.as_bytes());
        let text = String::from_utf8_lossy(&answer);
        assert!(status < 500, "{status}: {text}");
        if status < 300 {
            // Escapes may hide letters, but nothing is let in without a time and three fields that conditions name.
            let conditions = policy.matches(['[', '{']).count();
            assert!(conditions >= 5, "{policy}");
            assert_eq!(store.ask("GET", "/bucket/user/k", b"").1, b"data");
            assert_eq!(store.ask("DELETE", "/bucket/user/k", b"").0, 204);
        } else {
            assert!(status == 400 || status == 403, "{status}: {text}");
            assert_eq!(store.ask("HEAD", "/bucket/user/k", b"").0, 404);
        }
    });
});
