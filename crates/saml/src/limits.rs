//! Every bound of this crate. SAML names none of these; each says what it is measured by.

use std::time::Duration;

/// Bytes of a metadata document (contract, RSCreateSAMLConnection).
pub const METADATA_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a decoded answer. Real ones have 5 to 20 KiB; one that lists a thousand groups stays below this.
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// Bytes of the form field that carries an answer: base64, with line breaks as some identity providers send it.
pub const RESPONSE_FIELD_BYTES_MAX: usize = RESPONSE_BYTES_MAX / 3 * 4 + RESPONSE_BYTES_MAX / 16;

/// Nested elements; a genuine answer has about ten.
pub(crate) const DEPTH_MAX: usize = 32;

/// Elements of one document.
pub(crate) const ELEMENTS_MAX: usize = 8_192;

/// Attributes of one element, declarations of namespaces included.
pub(crate) const ATTRIBUTES_MAX: usize = 64;

/// Namespaces in scope at one place. With [`ELEMENTS_MAX`] it bounds the work of looking names up.
pub(crate) const NAMESPACES_MAX: usize = 64;

/// Bytes of a namespace's name. Canonical form writes it again at each element that uses it first, so this bounds how much
/// longer than the document that form can be.
pub(crate) const NAMESPACE_BYTES_MAX: usize = 256;

/// Bytes of an entity id (saml-core 8.3.6).
pub(crate) const ENTITY_ID_BYTES_MAX: usize = 1024;

/// Bytes of a log-in address.
pub(crate) const SSO_URL_BYTES_MAX: usize = 2048;

/// Signing certificates of one identity provider: two while one is rolled over, and room.
pub const CERTIFICATES_MAX: usize = 8;

/// Bytes of a certificate; one with an 8192-bit key and long names has about 3,000.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 4096;

/// Bytes of a name identifier (saml-core 8.3: up to 256 characters).
pub(crate) const NAME_ID_BYTES_MAX: usize = 256;

/// Elements of a `SignedInfo`: SAML's one shape has eleven with both lists of prefixes.
pub(crate) const SIGNED_INFO_ELEMENTS_MAX: usize = 16;

/// Bytes of text, attributes and namespaces in a `SignedInfo`. Real ones have about 1,000; lists of prefixes make them longer.
pub(crate) const SIGNED_INFO_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a signature: those of the largest key, of 8192 bits.
pub(crate) const SIGNATURE_BYTES_MAX: usize = 1024;

/// Bytes of a canonical form. That of a real answer is about as long as the answer.
pub(crate) const CANONICAL_BYTES_MAX: usize = 4 * RESPONSE_BYTES_MAX;

/// Bytes of the relay state (saml-bindings 3.4.3).
pub const RELAY_STATE_BYTES_MAX: usize = 80;

/// How far two clocks may be apart. SAML errata E92 calls three to five minutes reasonable.
pub const CLOCK_SKEW: Duration = Duration::from_secs(180);

/// How far away the end of an assertion may be: so long it must be remembered. Real ones live for minutes, at most an hour.
pub const ASSERTION_LIFE_MAX: Duration = Duration::from_secs(24 * 3600);
