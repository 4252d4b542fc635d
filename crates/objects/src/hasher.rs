//! Digests of a body while it streams by.

use crate::{Checksum, ChecksumAlgorithm};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};

/// Takes bytes, gives their MD5 and the checksums asked for.
pub(crate) struct Hasher {
    md5: Md5,
    sums: Vec<(ChecksumAlgorithm, Sum)>,
}

enum Sum {
    Crc(Box<Crc>),
    Sha(Context),
}

/// What a [`Hasher`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) md5: [u8; 16],
    /// In the order in which they were asked for.
    pub(crate) checksums: Vec<Checksum>,
}

impl Hasher {
    /// Computes each algorithm once, however often it is named.
    pub(crate) fn new(algorithms: impl IntoIterator<Item = ChecksumAlgorithm>) -> Self {
        let mut sums: Vec<(ChecksumAlgorithm, Sum)> = Vec::with_capacity(2);
        for algorithm in algorithms {
            if sums.iter().all(|(known, _)| *known != algorithm) {
                sums.push((algorithm, Sum::new(algorithm)));
            }
        }
        Self { md5: Md5::new(), sums }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        for (_, sum) in &mut self.sums {
            match sum {
                Sum::Crc(crc) => crc.update(bytes),
                Sum::Sha(context) => context.update(bytes),
            }
        }
    }

    pub(crate) fn finish(self) -> Digests {
        let finish = |(algorithm, sum): (ChecksumAlgorithm, Sum)| {
            let digest = match sum {
                // The value is in the low bytes.
                Sum::Crc(crc) => crc.finalize().to_be_bytes()[8 - algorithm.digest_bytes()..].to_vec(),
                Sum::Sha(context) => context.finish().as_ref().to_vec(),
            };
            Checksum::new(algorithm, digest).expect("each digest has its algorithm's length")
        };
        Digests {
            md5: self.md5.finalize().into(),
            checksums: self.sums.into_iter().map(finish).collect(),
        }
    }
}

impl Sum {
    fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc64Nvme => {
                Self::Crc(Box::new(Crc::new(crc_algorithm(algorithm))))
            }
            ChecksumAlgorithm::Sha1 => Self::Sha(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            ChecksumAlgorithm::Sha256 => Self::Sha(Context::new(&SHA256)),
        }
    }
}

/// The parameters of a CRC; for digests, which have none, those of CRC64NVME, which no caller asks for.
fn crc_algorithm(algorithm: ChecksumAlgorithm) -> CrcAlgorithm {
    match algorithm {
        ChecksumAlgorithm::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
        ChecksumAlgorithm::Crc32c => CrcAlgorithm::Crc32Iscsi,
        ChecksumAlgorithm::Crc64Nvme | ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => CrcAlgorithm::Crc64Nvme,
    }
}

/// The digests of bytes in memory.
pub(crate) fn digest(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
    let mut hasher = Hasher::new([algorithm]);
    hasher.update(bytes);
    hasher.finish().checksums.swap_remove(0)
}

/// The CRC of a whole from the CRCs of its parts and their lengths, without reading a byte; `None` for a digest, which
/// cannot be joined.
pub(crate) fn join_crcs(algorithm: ChecksumAlgorithm, parts: &[(&Checksum, u64)]) -> Option<Checksum> {
    let bytes = match algorithm {
        ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc64Nvme => algorithm.digest_bytes(),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => return None,
    };
    let value = |checksum: &Checksum| {
        checksum
            .digest()
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let ((first, _), rest) = parts.split_first()?;
    let joined = rest.iter().fold(value(first), |whole, (part, length)| {
        crc_fast::checksum_combine(crc_algorithm(algorithm), whole, value(part), *length)
    });
    Checksum::new(algorithm, joined.to_be_bytes()[8 - bytes..].to_vec()).ok()
}

#[cfg(test)]
mod tests {
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
}
