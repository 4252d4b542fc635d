//! The member `privacy`: what of packets is not to be kept. Ours.

use crate::pcaps::fields::Fields;
use baleen_capture::{AddressKey, Anonymise, Privacy};

/// Reads it. A member that nobody knows is refused: who misspells one believes to be protected and is not.
pub(super) fn decode(fields: &mut Fields<'_>) -> Privacy {
    let Some(object) = fields.object("privacy") else {
        return Privacy::default();
    };
    let mut inner = Fields::new(object, "/privacy");
    inner.only(&["headers_only", "zero_payload", "anonymise", "anonymise_key"]);
    let headers_only = inner.boolean("headers_only").unwrap_or(false);
    let zero_payload = inner.boolean("zero_payload").unwrap_or(false);
    let wanted = inner.boolean("anonymise");
    let key = inner.text("anonymise_key").map(AddressKey::from_hex);
    let anonymise = match (wanted, key) {
        (_, Some(None)) => {
            inner.refuse("anonymise_key", "anonymise_key must be 64 hexadecimal digits");
            Anonymise::No
        }
        (Some(false), Some(Some(_))) => {
            inner.refuse("anonymise_key", "anonymise_key is of no use when anonymise is false");
            Anonymise::No
        }
        (_, Some(Some(key))) => Anonymise::Under(key),
        (Some(true), None) => Anonymise::Anew,
        (Some(false) | None, None) => Anonymise::No,
    };
    fields.take_problems(inner);
    Privacy {
        headers_only,
        zero_payload,
        anonymise,
    }
}
