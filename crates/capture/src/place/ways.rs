//! What stores that speak S3 do each in its own way.

use crate::CaptureError;
use crate::engine::PART_BYTES_DEFAULT;
use baleen_remote::Addressing;
use baleen_types::RegionName;

/// How a store wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) addressing: Addressing,
    /// Whether it knows access control lists. Who does not refuses what names one.
    pub(super) acls: bool,
    /// The size of all parts of an upload but the last, if they must have one: R2 does not complete others (Cloudflare, "Multipart
    /// upload": "all parts except the last one must be the same size").
    pub(super) even_parts: Option<usize>,
    /// The region requests are signed for when nobody says one.
    region: &'static str,
}

impl Ways {
    /// Most stores. Those without regions take any.
    pub(super) const USUAL: Self = Self {
        addressing: Addressing::Path,
        acls: true,
        even_parts: None,
        region: "us-east-1",
    };

    /// Amazon S3, which wants buckets named in front of the host.
    pub(super) const AWS: Self = Self {
        addressing: Addressing::VirtualHost,
        ..Self::USUAL
    };

    /// The XML API of Google Cloud Storage; buckets with uniform access refuse lists.
    pub(super) const GS: Self = Self {
        acls: false,
        region: "auto",
        ..Self::USUAL
    };

    /// Cloudflare R2, which has no lists.
    pub(super) const R2: Self = Self {
        acls: false,
        even_parts: Some(PART_BYTES_DEFAULT),
        region: "auto",
        ..Self::USUAL
    };

    /// The ways of the store at a host.
    pub(super) fn of_host(host: &str) -> Self {
        if host.ends_with(".amazonaws.com") {
            Self::AWS
        } else if host.ends_with(".r2.cloudflarestorage.com") {
            Self::R2
        } else if host == "storage.googleapis.com" || host.ends_with(".storage.googleapis.com") {
            Self::GS
        } else {
            Self::USUAL
        }
    }

    /// The region requests are signed for when nobody says one.
    pub(super) fn region(&self) -> Result<RegionName, CaptureError> {
        RegionName::parse(self.region).map_err(CaptureError::Destination)
    }
}
