//! `SDK-HMAC-SHA256`: how the SDKs of the capture-task API sign requests.
//!
//! One HMAC over the request with the secret key itself: no derived key, no scope. The canonical request differs from that of
//! Version 4 in its path, which is decoded wholly before it is cut into segments and ends with a slash whatever was sent,
//! and in its query, in which a plus sign is a plus and whose members are in the order of what they decode to.
//!
//! Source: capture contract, B.3, "Signing: SDK-HMAC-SHA256", with the vectors that were made with the vendor's SDK.

use crate::claim::{authorization_fields, hex_into};
use crate::digest::{Hmac, equal_in_constant_time, sha256};
use crate::encode::{decode_percent, encode_component};
use crate::limits::{ACCESS_KEY_ID_BYTES_MAX, SIGNED_HEADERS_MAX};
use crate::payload::parse_hex32;
use crate::{AmzDate, Error, Signature};
use baleen_types::Secret;

/// Name of the algorithm, as it stands in the `Authorization` header.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// A request as its signature sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// Path as it stands on the request line.
    pub path: &'a str,
    /// Query as it stands on the request line, without `?`; empty when there is none.
    pub query: &'a str,
    /// The signed headers, one line each, in the order of the signature; names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// SHA-256 of the body.
    pub body: [u8; 32],
}

/// A signature as the request presents it: well formed, not yet verified.
///
/// Invariants: signed header names are in lower case and differ; there are 1 to [`SIGNED_HEADERS_MAX`] of them; the access
/// key id has 1 to [`ACCESS_KEY_ID_BYTES_MAX`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    access_key_id: &'a str,
    signed_headers: &'a str,
    signature: Signature,
    date: AmzDate,
}

// A signature is good as long as its date is, so that it is not shown.
impl std::fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim")
            .field("access_key_id", &self.access_key_id)
            .field("date", &self.date)
            .finish_non_exhaustive()
    }
}

impl<'a> Claim<'a> {
    /// Reads the value of an `Authorization` header; `date` is that of `x-sdk-date`.
    ///
    /// Shape: `SDK-HMAC-SHA256 Access=<id>, SignedHeaders=<name;name;..>, Signature=<64 hexadecimal digits>`.
    ///
    /// # Errors
    /// [`Error::Malformed`], also for the vendor's other algorithms.
    pub fn from_authorization(value: &'a str, date: AmzDate) -> Result<Self, Error> {
        let fields = value
            .strip_prefix(ALGORITHM)
            .and_then(|fields| fields.strip_prefix(' '))
            .ok_or(Error::Malformed("the algorithm SDK-HMAC-SHA256 is expected"))?;
        let names = ["Access", "SignedHeaders", "Signature"];
        let required = "Access, SignedHeaders and Signature are required";
        let [access_key_id, signed_headers, signature] = authorization_fields(fields, names, required)?;
        if access_key_id.is_empty() || access_key_id.len() > ACCESS_KEY_ID_BYTES_MAX {
            return Err(Error::Malformed("the access key id is empty or too long"));
        }
        check_names(signed_headers)?;
        Ok(Self {
            access_key_id,
            signed_headers,
            signature: parse_hex32(signature.as_bytes())
                .ok_or(Error::Malformed("the signature is not 64 hexadecimal digits"))?,
            date,
        })
    }

    /// Whose key it is made with, as is claimed.
    #[must_use]
    pub fn access_key_id(&self) -> &'a str {
        self.access_key_id
    }

    /// When it was made.
    #[must_use]
    pub fn date(&self) -> AmzDate {
        self.date
    }

    /// The names of the headers that it covers, in its order.
    pub fn signed_headers(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.signed_headers.split(';')
    }

    /// Whether it covers a header, whose name is given in lower case.
    #[must_use]
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers().any(|signed| signed == name)
    }

    /// Checks that the key made it over this request, whose `headers` are those of [`Claim::signed_headers`].
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn verify(&self, request: &Request<'_>, secret: &Secret) -> Result<(), Error> {
        let expected = signature(request, self.signed_headers, self.date, secret);
        if equal_in_constant_time(&expected, &self.signature) {
            Ok(())
        } else {
            Err(Error::Mismatch)
        }
    }
}

/// Signs a request, and gives the value of its `Authorization` header. `request.headers` are what is to be signed, which
/// has to hold `host` and `x-sdk-date`.
#[must_use]
pub fn authorization(request: &Request<'_>, date: AmzDate, access_key_id: &str, secret: &Secret) -> String {
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut digits = [0; 64];
    let signature = signature(request, &names, date, secret);
    let signature = hex_into(&signature, &mut digits);
    format!("{ALGORITHM} Access={access_key_id}, SignedHeaders={names}, Signature={signature}")
}

fn signature(request: &Request<'_>, names: &str, date: AmzDate, secret: &Secret) -> Signature {
    let mut digits = [0; 64];
    let hash = sha256(&canonical(request, names));
    let to_sign = format!("{ALGORITHM}\n{date}\n{}", hex_into(&hash, &mut digits));
    Hmac::new(secret.expose().as_bytes()).sign(to_sign.as_bytes())
}

/// Steps 1 to 5 of the contract.
fn canonical(request: &Request<'_>, names: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    // An escaped slash is one like any other here.
    for (n, segment) in decode_percent(request.path).split(|byte| *byte == b'/').enumerate() {
        if n > 0 {
            out.push(b'/');
        }
        encode_component(segment, &mut out);
    }
    if out.last() != Some(&b'/') {
        out.push(b'/');
    }
    out.push(b'\n');
    for (n, (name, value)) in members(request.query).iter().enumerate() {
        if n > 0 {
            out.push(b'&');
        }
        encode_component(name, &mut out);
        out.push(b'=');
        encode_component(value, &mut out);
    }
    out.push(b'\n');
    for (name, value) in request.headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.trim_ascii());
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(names.as_bytes());
    out.push(b'\n');
    let mut digits = [0; 64];
    out.extend_from_slice(hex_into(&request.body, &mut digits).as_bytes());
    out
}

/// The members of a query, decoded and in order.
fn members(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut members: Vec<_> = query
        .split('&')
        .filter(|member| !member.is_empty())
        .map(|member| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            (decode_percent(name), decode_percent(value))
        })
        .collect();
    members.sort();
    members
}

fn check_names(names: &str) -> Result<(), Error> {
    let mut seen: Vec<&str> = names.split(';').collect();
    if seen.len() > SIGNED_HEADERS_MAX {
        return Err(Error::Malformed("too many signed headers"));
    }
    let is_name = |name: &&str| {
        let is_in_name = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b':';
        !name.is_empty() && name.bytes().all(is_in_name)
    };
    if !seen.iter().all(is_name) {
        return Err(Error::Malformed("signed headers are names in lower case"));
    }
    seen.sort_unstable();
    if seen.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::Malformed("a signed header stands twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
