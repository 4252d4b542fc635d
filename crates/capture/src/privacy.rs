//! What of packets is not kept, as it is asked for, stored and told.

use crate::capture::StoredMask;
use baleen_packet::masking::{AddressKey, Masking};
use baleen_runtime::Entropy;

/// What a request wants not to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// Nothing behind the headers.
    pub headers_only: bool,
    /// No payload; zeros in its place.
    pub zero_payload: bool,
    /// Whether addresses become others, and how.
    pub anonymise: Anonymise,
}

/// Under which key addresses become others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Anonymise {
    /// They stay.
    #[default]
    No,
    /// One of the capture's own, which nobody ever gets to know.
    Anew,
    /// This one, so that the same address is the same in several captures.
    Under(AddressKey),
}

/// What was not kept, as it is told. The key is nobody's to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownPrivacy {
    /// Nothing behind the headers.
    pub headers_only: bool,
    /// No payload.
    pub zero_payload: bool,
    /// Addresses are others.
    pub anonymise: bool,
}

impl Privacy {
    /// What the engine is to do. A key that is drawn here is in no record: packets are masked by who takes them, while they
    /// are taken, and nobody has to do it again.
    pub(crate) fn masking(&self, entropy: &dyn Entropy) -> Masking {
        Masking {
            headers_only: self.headers_only,
            zero_payload: self.zero_payload,
            addresses: match &self.anonymise {
                Anonymise::No => None,
                Anonymise::Anew => Some(AddressKey::new(entropy.bytes())),
                Anonymise::Under(key) => Some(key.clone()),
            },
        }
    }

    /// What is stored of it.
    pub(crate) fn stored(&self) -> Option<StoredMask> {
        (*self != Self::default()).then(|| StoredMask {
            headers_only: self.headers_only,
            zero_payload: self.zero_payload,
            addresses: self.anonymise != Anonymise::No,
            sealed_address_key: None,
        })
    }
}

impl From<&StoredMask> for ShownPrivacy {
    fn from(stored: &StoredMask) -> Self {
        Self {
            headers_only: stored.headers_only,
            zero_payload: stored.zero_payload,
            anonymise: stored.addresses,
        }
    }
}
