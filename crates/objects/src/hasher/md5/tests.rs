use super::*;
use md5::Digest as _;

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
