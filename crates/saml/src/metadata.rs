//! Metadata: what an identity provider says of itself, and what we say of ourselves.

use std::fmt::Write as _;

use baleen_types::Timestamp;
use time::macros::format_description;
use url::Url;

use crate::certificate::Certificate;
use crate::error::BadMetadata;
use crate::key::SigningKey;
use crate::limits::{CERTIFICATES_MAX, ENTITY_ID_BYTES_MAX, METADATA_BYTES_MAX, SSO_URL_BYTES_MAX};
use crate::names;
use crate::text::{decode_base64, encode_base64, escaped, time};
use crate::xml::{Document, Id};

/// An identity provider, as its metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Who it is: the issuer of its answers.
    pub entity_id: String,
    /// Where a browser is sent to log in (HTTP-Redirect).
    pub sso_url: String,
    /// The certificates whose keys it signs with; one to [`CERTIFICATES_MAX`].
    pub certificates: Vec<Certificate>,
    /// When the metadata ends, if it says so.
    pub valid_until: Option<Timestamp>,
}

/// Ourselves, for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceProvider {
    /// Who we are to the identity provider; also the audience of its assertions.
    pub entity_id: String,
    /// Where answers are posted.
    pub acs_url: String,
}

impl IdentityProvider {
    /// Reads the metadata of an identity provider.
    ///
    /// A signature of the metadata is not looked at: an authenticated admin hands the document in, and nothing is ever
    /// fetched from an address in it. The document is an `EntityDescriptor`, or `EntitiesDescriptor` with one identity
    /// provider in it.
    ///
    /// # Errors
    /// [`BadMetadata`], in words for the admin: also when it has ended before `now`.
    pub fn parse(xml: &[u8], now: Timestamp) -> Result<Self, BadMetadata> {
        let document = Document::parse(xml, METADATA_BYTES_MAX).map_err(BadMetadata::Xml)?;
        let (entity, role) = the_provider(&document)?;
        let entity_id = document.attribute(entity, "entityID").unwrap_or_default();
        if entity_id.is_empty() || entity_id.len() > ENTITY_ID_BYTES_MAX {
            return Err(BadMetadata::Lacks("has no entityID of 1 to 1024 bytes"));
        }
        let provider = Self {
            entity_id: entity_id.to_owned(),
            sso_url: sso_url(&document, role)?,
            certificates: certificates(&document, role)?,
            valid_until: valid_until(&document, role)?,
        };
        if provider.is_live(now) {
            Ok(provider)
        } else {
            Err(BadMetadata::Expired)
        }
    }

    /// The first end among the certificates and the metadata itself (contract, RSCreateSAMLConnection).
    pub fn expiry(&self) -> Option<Timestamp> {
        self.certificates
            .iter()
            .map(Certificate::not_after)
            .chain(self.valid_until)
            .min()
    }

    /// The certificates that may sign at a time. None when the metadata has ended.
    pub(crate) fn good(&self, now: Timestamp) -> impl Iterator<Item = &Certificate> {
        let is_valid = self.valid_until.is_none_or(|until| now < until);
        self.certificates
            .iter()
            .filter(move |certificate| is_valid && certificate.is_good(now))
    }

    /// Tells whether an answer could be accepted at a time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.good(now).next().is_some()
    }
}

/// A day as the `RS…SAMLConnection` answers print it: `MM/DD/YYYY` (contract section 4).
pub fn expiry_text(at: Timestamp) -> String {
    at.to_datetime()
        .format(format_description!("[month]/[day]/[year]"))
        .unwrap_or_default()
}

/// The entity and its role descriptor for SAML 2.0 identity providers.
fn the_provider(document: &Document) -> Result<(Id, Id), BadMetadata> {
    let root = Document::ROOT;
    let is_known = ["EntityDescriptor", "EntitiesDescriptor"]
        .iter()
        .any(|name| document.is(root, names::METADATA, name));
    if !is_known {
        return Err(BadMetadata::Lacks("is not an EntityDescriptor of SAML 2.0"));
    }
    let speaks_saml = |id: Id| {
        let protocols = document.attribute(id, "protocolSupportEnumeration").unwrap_or_default();
        protocols
            .split_ascii_whitespace()
            .any(|protocol| protocol == names::PROTOCOL)
    };
    let mut roles = document
        .all()
        .map(|(id, _)| id)
        .filter(|id| document.is(*id, names::METADATA, "IDPSSODescriptor") && speaks_saml(*id));
    let role = roles
        .next()
        .ok_or(BadMetadata::Lacks("describes no SAML 2.0 identity provider"))?;
    if roles.next().is_some() {
        return Err(BadMetadata::Lacks(
            "describes several identity providers; upload that of one",
        ));
    }
    let entity = document
        .parent(role)
        .filter(|id| document.is(*id, names::METADATA, "EntityDescriptor"));
    let entity = entity.ok_or(BadMetadata::Lacks(
        "describes an identity provider outside an EntityDescriptor",
    ))?;
    Ok((entity, role))
}

fn sso_url(document: &Document, role: Id) -> Result<String, BadMetadata> {
    let mut services = document.named(role, names::METADATA, "SingleSignOnService");
    let service = services.find(|id| document.attribute(*id, "Binding") == Some(names::REDIRECT));
    let service = service.ok_or(BadMetadata::Lacks(
        "has no SingleSignOnService with the HTTP-Redirect binding",
    ))?;
    let location = document.attribute(service, "Location").unwrap_or_default();
    if location.len() <= SSO_URL_BYTES_MAX && Url::parse(location).is_ok_and(|url| is_safe(&url)) {
        return Ok(location.to_owned());
    }
    Err(BadMetadata::Lacks(
        "has a log-in address that is not https (http is for this machine alone), or is over 2048 bytes",
    ))
}

/// A browser is sent there, so it must be a web address; in clear only to the machine itself, for trials.
fn is_safe(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_local))
}

fn certificates(document: &Document, role: Id) -> Result<Vec<Certificate>, BadMetadata> {
    let mut found: Vec<Certificate> = Vec::new();
    for key in document.named(role, names::METADATA, "KeyDescriptor") {
        // Without a use it is for both (saml-metadata 2.4.1.1).
        if document
            .attribute(key, "use")
            .is_some_and(|used_for| used_for != "signing")
        {
            continue;
        }
        let infos = document.named(key, names::SIGNATURE, "KeyInfo");
        let data = infos.flat_map(|info| document.named(info, names::SIGNATURE, "X509Data"));
        for id in data.flat_map(|data| document.named(data, names::SIGNATURE, "X509Certificate")) {
            let der = document.text(id).and_then(decode_base64);
            let der = der.ok_or(BadMetadata::Lacks("has a certificate that is not base64"))?;
            let certificate = Certificate::parse(&der).map_err(BadMetadata::Certificate)?;
            if !found.contains(&certificate) {
                found.push(certificate);
            }
        }
    }
    if found.is_empty() || found.len() > CERTIFICATES_MAX {
        return Err(BadMetadata::Lacks("has no signing certificate, or more than 8"));
    }
    Ok(found)
}

/// The first end that the role or an element around it states.
fn valid_until(document: &Document, role: Id) -> Result<Option<Timestamp>, BadMetadata> {
    let mut first: Option<Timestamp> = None;
    let mut at = Some(role);
    while let Some(id) = at {
        if let Some(text) = document.attribute(id, "validUntil") {
            let until = time(text).ok_or(BadMetadata::Lacks("has a validUntil that is not a time in UTC"))?;
            first = Some(first.map_or(until, |first| first.min(until)));
        }
        at = document.parent(id);
    }
    Ok(first)
}

impl ServiceProvider {
    /// Our metadata, for the identity provider's admin.
    pub fn metadata(&self, key: &SigningKey) -> String {
        let mut out = String::new();
        let certificate = encode_base64(key.certificate());
        let _written = write!(
            out,
            r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="{md}" entityID="{entity}">
  <md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" protocolSupportEnumeration="{protocol}">
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo xmlns:ds="{ds}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
    </md:KeyDescriptor>
    <md:NameIDFormat>{email}</md:NameIDFormat>
    <md:AssertionConsumerService Binding="{post}" Location="{acs}" index="0" isDefault="true"/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
"#,
            md = names::METADATA,
            entity = escaped(&self.entity_id),
            protocol = names::PROTOCOL,
            ds = names::SIGNATURE,
            email = names::EMAIL,
            post = names::POST,
            acs = escaped(&self.acs_url),
        );
        out
    }
}

#[cfg(test)]
mod tests;
