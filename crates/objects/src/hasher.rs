//! Digests of a body while it streams by.

mod feed;
mod gang;
mod lanes;
mod md5;

pub(crate) use gang::Gang;
pub(crate) use md5::Md5;

use crate::{Checksum, ChecksumAlgorithm};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use crc_fast::{CrcAlgorithm, Digest as Crc};

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
        self.update_sums(bytes);
    }

    /// Whether it is slow besides its MD5, so that it should not hold up others.
    fn is_slow(&self) -> bool {
        self.sums.iter().any(|(_, sum)| matches!(sum, Sum::Sha(_)))
    }

    fn update_sums(&mut self, bytes: &[u8]) {
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
            md5: self.md5.finish(),
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
mod tests;
