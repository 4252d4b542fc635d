//! The request that sends a browser to the identity provider.

use baleen_types::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;
use time::macros::format_description;

use crate::key::{BadKey, SigningKey};
use crate::limits::RELAY_STATE_BYTES_MAX;
use crate::metadata::{IdentityProvider, ServiceProvider};
use crate::names;
use crate::text::{encode_base64, escaped};

/// Random bytes in the id of a request (saml-core 1.3.4 asks for 128 bits at least).
pub const REQUEST_ID_BYTES: usize = 20;

/// The id of a request: what the answer must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// From fresh random bytes.
    pub fn new(random: [u8; REQUEST_ID_BYTES]) -> Self {
        let mut text = String::from("_");
        for byte in random {
            let _written = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Takes up an id that [`RequestId::as_str`] gave.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('_')?;
        let fits = digits.len() == 2 * REQUEST_ID_BYTES && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(text.to_owned()))
    }

    /// As it stands in messages.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request to log somebody in.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequest<'a> {
    /// Ourselves.
    pub service: &'a ServiceProvider,
    /// Whom we ask.
    pub provider: &'a IdentityProvider,
    /// Fresh, and bound to the browser.
    pub id: &'a RequestId,
    /// Comes back with the answer; at most [`RELAY_STATE_BYTES_MAX`] bytes.
    pub relay_state: &'a str,
}

/// Why a request could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotAsk {
    /// Longer than SAML allows.
    #[error("a relay state of more than {RELAY_STATE_BYTES_MAX} bytes")]
    RelayState,
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] BadKey),
}

/// What a value in a signed query keeps as it is (saml-bindings 3.4.4.1 leaves it to us; the signature is over the result).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl LoginRequest<'_> {
    /// The address to send the browser to, with the request in it, signed (saml-bindings 3.4).
    pub fn redirect_url(&self, key: &SigningKey, now: Timestamp) -> Result<String, CannotAsk> {
        if self.relay_state.len() > RELAY_STATE_BYTES_MAX {
            return Err(CannotAsk::RelayState);
        }
        let request = encode_base64(&stored_deflate(self.xml(now).as_bytes()));
        let mut query = format!("SAMLRequest={}", utf8_percent_encode(&request, QUERY));
        if !self.relay_state.is_empty() {
            let _written = write!(query, "&RelayState={}", utf8_percent_encode(self.relay_state, QUERY));
        }
        let _written = write!(query, "&SigAlg={}", utf8_percent_encode(names::RSA_SHA256, QUERY));
        let signature = encode_base64(&key.sign(query.as_bytes())?);
        let separator = if self.provider.sso_url.contains('?') { '&' } else { '?' };
        Ok(format!(
            "{}{separator}{query}&Signature={}",
            self.provider.sso_url,
            utf8_percent_encode(&signature, QUERY)
        ))
    }

    fn xml(&self, now: Timestamp) -> String {
        let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        format!(
            concat!(
                r#"<samlp:AuthnRequest xmlns:samlp="{protocol}" xmlns:saml="{assertion}" ID="{id}" Version="2.0" "#,
                r#"IssueInstant="{now}" Destination="{destination}" ProtocolBinding="{post}" "#,
                r#"AssertionConsumerServiceURL="{acs}"><saml:Issuer>{issuer}</saml:Issuer>"#,
                r#"<samlp:NameIDPolicy Format="{email}"/></samlp:AuthnRequest>"#
            ),
            protocol = names::PROTOCOL,
            assertion = names::ASSERTION,
            id = self.id.as_str(),
            now = now.to_datetime().format(&shape).unwrap_or_default(),
            destination = escaped(&self.provider.sso_url),
            post = names::POST,
            acs = escaped(&self.service.acs_url),
            issuer = escaped(&self.service.entity_id),
            email = names::EMAIL,
        )
    }
}

/// DEFLATE without compression: stored blocks (RFC 1951, 3.2.4). A request has under 8 KiB, so one block would do and a
/// compressor would save nothing that matters.
fn stored_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    let mut blocks = bytes.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("chunks are cut to this length");
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out
}

#[cfg(test)]
mod tests;
