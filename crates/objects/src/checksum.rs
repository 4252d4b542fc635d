//! The checksums that S3 clients send and ask for.

use baleen_types::Invalid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// A checksum algorithm of S3 (seed 004, "PUT Object", and CRC64NVME, which today's SDKs send).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumAlgorithm {
    /// CRC-32 as in Ethernet and zip (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli, iSCSI).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How the checksum of a multipart object is made (AWS, "Checking object integrity").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumKind {
    /// Over the object's bytes, as if it had been put at once.
    FullObject,
    /// Over the checksums of its parts.
    Composite,
}

/// One checksum value; its length is its algorithm's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    digest: Vec<u8>,
}

/// The checksum stored with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChecksum {
    /// The value.
    pub checksum: Checksum,
    /// How it was made.
    pub kind: ChecksumKind,
    /// The number of parts of a composite one.
    pub parts: Option<u16>,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// Bytes of a value.
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The name in `x-amz-checksum-algorithm`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Reads a name as clients write it, in any case.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|a| a.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                Invalid::new(
                    "checksum algorithm",
                    "CRC32, CRC32C, CRC64NVME, SHA1 or SHA256 is expected",
                )
            })
    }

    /// How a multipart object's checksum is made when the client does not say (AWS, "Multipart upload checksums").
    pub const fn usual_kind(self) -> ChecksumKind {
        match self {
            Self::Crc64Nvme => ChecksumKind::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => ChecksumKind::Composite,
        }
    }

    /// Whether a multipart object can have this checksum made so: digests cannot be joined, and CRC64NVME has no
    /// composite form.
    pub const fn allows(self, kind: ChecksumKind) -> bool {
        match (self, kind) {
            (Self::Crc64Nvme, ChecksumKind::Composite) | (Self::Sha1 | Self::Sha256, ChecksumKind::FullObject) => false,
            (Self::Crc32 | Self::Crc32c | Self::Crc64Nvme, ChecksumKind::FullObject)
            | (Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256, ChecksumKind::Composite) => true,
        }
    }
}

impl Checksum {
    /// Takes a digest of the algorithm's length.
    pub fn new(algorithm: ChecksumAlgorithm, digest: Vec<u8>) -> Result<Self, Invalid> {
        if digest.len() == algorithm.digest_bytes() {
            Ok(Self { algorithm, digest })
        } else {
            let bytes = algorithm.digest_bytes();
            Err(Invalid::new(
                "checksum",
                format!("{} has {bytes} bytes", algorithm.as_str()),
            ))
        }
    }

    /// Reads the base64 of a header.
    ///
    /// ```
    /// use baleen_objects::{Checksum, ChecksumAlgorithm};
    /// assert!(Checksum::parse(ChecksumAlgorithm::Crc32, "uWvPlg==").is_ok());
    /// assert!(Checksum::parse(ChecksumAlgorithm::Sha1, "uWvPlg==").is_err());
    /// ```
    pub fn parse(algorithm: ChecksumAlgorithm, base64: &str) -> Result<Self, Invalid> {
        let digest = BASE64
            .decode(base64.trim())
            .map_err(|_| Invalid::new("checksum", "base64 is expected"))?;
        Self::new(algorithm, digest)
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The raw value, most significant byte first.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// The value as a header carries it.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.digest)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.algorithm.as_str(), self.to_base64())
    }
}

impl StoredChecksum {
    /// A checksum over all bytes.
    pub const fn full(checksum: Checksum) -> Self {
        Self {
            checksum,
            kind: ChecksumKind::FullObject,
            parts: None,
        }
    }

    /// The value as a header carries it: base64, and for a composite one `-N`.
    pub fn to_text(&self) -> String {
        match self.parts {
            Some(parts) => format!("{}-{parts}", self.checksum.to_base64()),
            None => self.checksum.to_base64(),
        }
    }
}

impl ChecksumKind {
    /// The name in `x-amz-checksum-type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// Reads a name as clients write it, in any case.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        [Self::FullObject, Self::Composite]
            .into_iter()
            .find(|k| k.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Invalid::new("checksum type", "FULL_OBJECT or COMPOSITE is expected"))
    }
}
