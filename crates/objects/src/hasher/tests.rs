use super::*;
use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};

/// The document's own examples (seed 004, "PUT Object"), and the catalogue's check value for CRC64NVME.
#[test]
fn values_of_the_document() {
    let text = b"Hello world\n123\n";
    for (algorithm, base64) in [
        (Crc32, "uWvPlg=="),
        (Crc32c, "Cy8XOQ=="),
        (Sha1, "LupGMeUw441P/33BhJlOZVSBpVg="),
        (Sha256, "uzbBRoYAgN7yiuoYiZFk6kfOPcFad8E8uxFLXfuKVsA="),
    ] {
        assert_eq!(digest(algorithm, text).to_base64(), base64, "{algorithm:?}");
    }
    assert_eq!(
        digest(Crc64Nvme, b"123456789").digest(),
        0xAE8B_1486_0A79_9888_u64.to_be_bytes()
    );
}

#[test]
fn md5_and_each_algorithm_once() {
    let mut hasher = Hasher::new([Crc32, Sha1, Crc32]);
    hasher.update(b"a");
    hasher.update(b"bc");
    let digests = hasher.finish();
    assert_eq!(hex::encode(digests.md5), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(digests.checksums, [digest(Crc32, b"abc"), digest(Sha1, b"abc")]);
}

#[test]
fn joined_crcs_are_those_of_the_whole() {
    let whole: Vec<u8> = (0..100_000u64).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
    for cuts in [
        &[0, 100_000][..],
        &[0, 1, 100_000],
        &[0, 65_536, 65_536, 99_999, 100_000],
    ] {
        for algorithm in [Crc32, Crc32c, Crc64Nvme] {
            let parts: Vec<_> = cuts
                .windows(2)
                .map(|cut| (digest(algorithm, &whole[cut[0]..cut[1]]), (cut[1] - cut[0]) as u64))
                .collect();
            let parts: Vec<_> = parts.iter().map(|(sum, length)| (sum, *length)).collect();
            assert_eq!(
                join_crcs(algorithm, &parts),
                Some(digest(algorithm, &whole)),
                "{algorithm:?} {cuts:?}"
            );
        }
    }
    let sha = digest(Sha1, b"x");
    assert_eq!(join_crcs(Sha1, &[(&sha, 1)]), None);
}
