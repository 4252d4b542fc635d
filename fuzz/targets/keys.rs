//! Keys and names: what is taken is what was given.
#![no_main]

use baleen_types::{BucketName, ObjectKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = ObjectKey::parse(text) {
        assert_eq!(key.to_string(), text);
        assert!(!text.is_empty() && text.len() <= 1024);
        let path = format!("/b/{}", baleen_signing::encode_path(text));
        assert_eq!(path.parse::<http::Uri>().expect("an address").path(), path);
    }
    if let Ok(bucket) = BucketName::parse(text) {
        assert_eq!(bucket.to_string(), text);
        assert!(!text.contains('/') && text != "..");
    }
});
