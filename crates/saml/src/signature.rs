//! XML signatures: the one shape that SAML prescribes, and nothing that merely could be verified too.
//!
//! saml-core 5.4 allows a signature one form: enveloped in the element it signs, one reference to that element by its id,
//! the transforms enveloped-signature and exclusive canonicalization. Whatever else XML signatures offer (XPath, XSLT,
//! external references, objects, several references) has only ever served attacks on SAML, and is refused here by grammar.
//!
//! **What is read is what was signed.** [`verify`] hands out the octets whose digest the signature covers; everything that
//! is believed of an assertion is read from a parse of those octets, never from the document they came in. So it does not
//! matter for safety how an attacker arranges the rest of the document, nor even whether our canonical form is right: were
//! it wrong, genuine answers would be refused. The same holds one level down: the reference is read from the octets of
//! `SignedInfo` over which the key's signature was checked.
//!
//! **What costs little comes first.** Anybody may send what looks like an answer, so nothing is put into canonical form before
//! the signature has SAML's shape in SAML's size, names the element it stands in, and there is a key to hold it against; and of
//! the element itself nothing before a key has signed for its digest.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};

use crate::canonical::{Apex, canonical};
use crate::certificate::Certificate;
use crate::error::Refused;
use crate::limits::{NAMESPACES_MAX, SIGNATURE_BYTES_MAX, SIGNED_INFO_BYTES_MAX, SIGNED_INFO_ELEMENTS_MAX};
use crate::names;
use crate::text::decode_base64;
use crate::xml::{Document, Id};

/// Octets that a trusted key has signed; only [`verify`] makes them.
pub(crate) struct Signed(String);

impl Signed {
    /// Reads the signed element, and nothing besides it.
    pub(crate) fn document(&self) -> Result<Document, Refused> {
        // What was read once has a canonical form of about its size.
        Document::parse(self.0.as_bytes(), usize::MAX).map_err(Refused::Xml)
    }
}

/// The signature of an element: its direct child. `None` when there is none, an error when there are several.
pub(crate) fn of(document: &Document, element: Id) -> Result<Option<Id>, Refused> {
    let mut found = document.named(element, names::SIGNATURE, "Signature");
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Refused::Signature("an element with two signatures")),
    }
}

/// Checks that one of `keys` has signed `element`.
pub(crate) fn verify<'a>(
    document: &Document,
    element: Id,
    keys: impl Iterator<Item = &'a Certificate>,
) -> Result<Signed, Refused> {
    let mut keys = keys.peekable();
    if keys.peek().is_none() {
        return Err(Refused::Expired);
    }
    let signature = of(document, element)?.ok_or(Refused::Unsigned)?;
    let [info, value] = signature_parts(document, signature)?;
    if !document.fits(info, SIGNED_INFO_ELEMENTS_MAX, SIGNED_INFO_BYTES_MAX) {
        return Err(Refused::Signature(
            "a SignedInfo larger than one of SAML's shape can be",
        ));
    }
    if !document.fits(value, 1, 2 * SIGNATURE_BYTES_MAX) {
        return Err(Refused::Signature("a signature value longer than any key makes"));
    }
    let id = document.attribute(element, "ID").filter(|id| !id.is_empty());
    let names_it = |info: &SignedInfo| {
        if id == Some(&info.id) {
            Ok(())
        } else {
            Err(Refused::Signature(
                "a reference to another element than the one it stands in",
            ))
        }
    };
    names_it(&SignedInfo::read(document, info)?)?;

    let method = document.only(info, names::SIGNATURE, "CanonicalizationMethod");
    let method = method.ok_or(Refused::Signature("no canonicalization method"))?;
    let octets = canonicalized(
        document,
        Apex {
            element: info,
            without: None,
            inclusive: &[],
        },
        method,
    )?;
    let value = document.text(value).and_then(decode_base64);
    let value = value.ok_or(Refused::Signature("a signature value that is not base64"))?;
    // What was read above was for speed. What counts, its algorithm too, is read from the octets: they are what the key speaks for.
    let info = Document::parse(octets.as_bytes(), usize::MAX).map_err(Refused::Xml)?;
    let info = SignedInfo::read(&info, Document::ROOT)?;
    let mut tried = keys.map(|key| UnparsedPublicKey::new(info.algorithm, key.key()));
    if !tried.any(|key| key.verify(octets.as_bytes(), &value).is_ok()) {
        return Err(Refused::Signature(
            "no signing certificate of the connection verifies it",
        ));
    }

    names_it(&info)?;
    let inclusive: Vec<&str> = info.inclusive.iter().map(String::as_str).collect();
    let octets = canonical(
        document,
        Apex {
            element,
            without: Some(signature),
            inclusive: &inclusive,
        },
    )
    .ok_or(Refused::TooLarge)?;
    if digest::digest(info.digest_algorithm, octets.as_bytes()).as_ref() != info.digest {
        return Err(Refused::Signature("the signed element was changed"));
    }
    Ok(Signed(octets))
}

/// `SignedInfo` and `SignatureValue`. `KeyInfo` may be there and is not looked at: the keys are those of the connection.
fn signature_parts(document: &Document, signature: Id) -> Result<[Id; 2], Refused> {
    let known = ["SignedInfo", "SignatureValue", "KeyInfo"];
    if !document
        .children(signature)
        .all(|child| known.iter().any(|name| document.is(child, names::SIGNATURE, name)))
    {
        return Err(Refused::Signature("a signature with more in it than SAML allows"));
    }
    let part = |name| document.only(signature, names::SIGNATURE, name);
    match (part("SignedInfo"), part("SignatureValue")) {
        (Some(info), Some(value)) => Ok([info, value]),
        _ => Err(Refused::Signature("not one SignedInfo and one SignatureValue")),
    }
}

fn canonicalized(document: &Document, apex: Apex<'_>, method: Id) -> Result<String, Refused> {
    let inclusive = inclusive(document, method)?;
    let inclusive: Vec<&str> = inclusive.iter().map(String::as_str).collect();
    let apex = Apex {
        inclusive: &inclusive,
        ..apex
    };
    canonical(document, apex).ok_or(Refused::TooLarge)
}

/// The prefixes of `InclusiveNamespaces` in an element that must name exclusive canonicalization.
fn inclusive(document: &Document, method: Id) -> Result<Vec<String>, Refused> {
    if document.attribute(method, "Algorithm") != Some(names::EXCLUSIVE) {
        return Err(Refused::Algorithm);
    }
    let mut children = document.children(method);
    let Some(list) = children.next() else {
        return Ok(Vec::new());
    };
    if children.next().is_some() || !document.is(list, names::EXCLUSIVE, "InclusiveNamespaces") {
        return Err(Refused::Signature("a canonicalization with unknown parameters"));
    }
    let list = document.attribute(list, "PrefixList").unwrap_or_default();
    let named = list
        .split_ascii_whitespace()
        .map(|prefix| if prefix == "#default" { "" } else { prefix });
    let prefixes: Vec<String> = named.take(NAMESPACES_MAX + 1).map(str::to_owned).collect();
    if prefixes.len() > NAMESPACES_MAX {
        return Err(Refused::Signature("a canonicalization with too many prefixes"));
    }
    Ok(prefixes)
}

/// What a `SignedInfo` says.
struct SignedInfo {
    algorithm: &'static RsaParameters,
    id: String,
    inclusive: Vec<String>,
    digest_algorithm: &'static digest::Algorithm,
    digest: Vec<u8>,
}

impl SignedInfo {
    fn read(document: &Document, info: Id) -> Result<Self, Refused> {
        let mut parts = document.children(info);
        let (Some(_canonicalization), Some(method), Some(reference), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refused::Signature("not one method and one reference"));
        };
        let is = |id, name| document.is(id, names::SIGNATURE, name);
        if !is(info, "SignedInfo") || !is(method, "SignatureMethod") || !is(reference, "Reference") {
            return Err(Refused::Signature("not one method and one reference"));
        }
        let algorithm = match document.attribute(method, "Algorithm") {
            Some(names::RSA_SHA256) => &RSA_PKCS1_2048_8192_SHA256,
            Some(names::RSA_SHA384) => &RSA_PKCS1_2048_8192_SHA384,
            Some(names::RSA_SHA512) => &RSA_PKCS1_2048_8192_SHA512,
            _ => return Err(Refused::Algorithm),
        };
        let id = document
            .attribute(reference, "URI")
            .and_then(|uri| uri.strip_prefix('#'))
            .filter(|id| !id.is_empty());
        let id = id
            .ok_or(Refused::Signature("a reference that is not to an id"))?
            .to_owned();

        let mut parts = document.children(reference);
        let (Some(transforms), Some(method), Some(value), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refused::Signature("a reference of another shape than SAML's"));
        };
        if !is(transforms, "Transforms") || !is(method, "DigestMethod") || !is(value, "DigestValue") {
            return Err(Refused::Signature("a reference of another shape than SAML's"));
        }
        let digest_algorithm = match document.attribute(method, "Algorithm") {
            Some(names::SHA256) => &digest::SHA256,
            Some(names::SHA384) => &digest::SHA384,
            Some(names::SHA512) => &digest::SHA512,
            _ => return Err(Refused::Algorithm),
        };
        let digest = document.text(value).and_then(decode_base64);
        let digest = digest.ok_or(Refused::Signature("a digest that is not base64"))?;
        if digest.len() != digest_algorithm.output_len() {
            return Err(Refused::Signature("a digest of another length than its algorithm's"));
        }

        let mut parts = document.children(transforms);
        let (Some(enveloped), Some(exclusive), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Refused::Signature("other transforms than SAML's two"));
        };
        let is_enveloped = document.attribute(enveloped, "Algorithm") == Some(names::ENVELOPED);
        if !is(enveloped, "Transform") || !is_enveloped || !is(exclusive, "Transform") {
            return Err(Refused::Signature("other transforms than SAML's two"));
        }
        let inclusive = inclusive(document, exclusive)?;
        Ok(Self {
            algorithm,
            id,
            inclusive,
            digest_algorithm,
            digest,
        })
    }
}

#[cfg(test)]
mod tests;
