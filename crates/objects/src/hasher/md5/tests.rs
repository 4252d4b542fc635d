use super::*;
use md5::Digest as _;
use proptest::prelude::*;

/// The test suite of RFC 1321 (A.5).
#[test]
fn values_of_the_rfc() {
    for (text, expected) in [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
    ] {
        let mut md5 = Md5::new();
        md5.update(text.as_bytes());
        assert_eq!(hex::encode(md5.finish()), expected, "{text}");
    }
}

/// Every length of the padding.
#[test]
fn as_the_library_at_each_length() {
    let bytes: Vec<u8> = (0..=255).collect();
    for length in 0..bytes.len() {
        let mut md5 = Md5::new();
        md5.update(&bytes[..length]);
        let expected: [u8; 16] = md5::Md5::digest(&bytes[..length]).into();
        assert_eq!(md5.finish(), expected, "{length}");
    }
}

/// A body in pieces of any length, and how much of it was taken in before it came to the others.
fn body() -> impl Strategy<Value = (Vec<u8>, Vec<Vec<u8>>)> {
    let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max);
    (bytes(130), proptest::collection::vec(bytes(400), 0..6))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever comes beside it, and however it is cut: the digest of a body is that of the library.
    #[test]
    fn side_by_side_as_alone(bodies in proptest::collection::vec(body(), 1..=LANES)) {
        let mut batches: Vec<_> = bodies
            .iter()
            .map(|(before, pieces)| {
                let mut md5 = Md5::new();
                md5.update(before);
                (md5, pieces.iter().cloned().map(Bytes::from).collect::<Vec<_>>())
            })
            .collect();
        let mut feeds: Vec<_> = batches.iter_mut().map(|(md5, pieces)| Feed::new(md5, pieces)).collect();
        update_all(&mut feeds);
        for ((md5, _), (before, pieces)) in batches.into_iter().zip(bodies) {
            let expected: [u8; 16] = md5::Md5::digest([before, pieces.concat()].concat()).into();
            prop_assert_eq!(md5.finish(), expected);
        }
    }
}
