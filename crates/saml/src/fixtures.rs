//! An identity provider for tests, which signs whatever it is asked to.

use aws_lc_rs::digest;
use baleen_types::Timestamp;
use std::sync::OnceLock;
use std::time::Duration;

use crate::canonical::{Apex, canonical};
use crate::certificate::Certificate;
use crate::key::SigningKey;
use crate::metadata::{IdentityProvider, ServiceProvider};
use crate::names;
use crate::request::RequestId;
use crate::response::Expected;
use crate::text::encode_base64;
use crate::xml::Document;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
/// When the keys of the tests were made.
pub(crate) const MADE: Timestamp = Timestamp::from_secs(1_799_900_000);
pub(crate) const ACS: &str = "https://baleen.example/saml/lyve-100000000288-saml/acs";
pub(crate) const AUDIENCE: &str = "urn:baleen:lyve-100000000288-saml";
pub(crate) const ISSUER: &str = "https://idp.example/metadata";
pub(crate) const USER: &str = "ana@example.com";

/// A time as SAML writes it, some seconds from [`NOW`].
pub(crate) fn at(seconds: i64) -> String {
    Timestamp::from_secs(NOW.as_secs() + seconds).to_rfc3339_millis()
}

/// The key of the identity provider; making one takes a moment.
pub(crate) fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate("idp.example", MADE).unwrap())
}

/// A key nobody trusts.
pub(crate) fn stranger() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate("idp.example", MADE).unwrap())
}

pub(crate) fn service() -> ServiceProvider {
    ServiceProvider {
        entity_id: AUDIENCE.into(),
        acs_url: ACS.into(),
    }
}

pub(crate) fn provider() -> IdentityProvider {
    IdentityProvider {
        entity_id: ISSUER.into(),
        sso_url: "https://idp.example/login?tenant=7".into(),
        certificates: vec![Certificate::parse(key().certificate()).unwrap()],
        valid_until: None,
    }
}

pub(crate) fn request() -> RequestId {
    RequestId::new([7; 20])
}

pub(crate) fn now_plus(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// Checks an answer against the connection of the tests.
pub(crate) fn verify_at(xml: &str, now: Timestamp) -> Result<crate::Answer, crate::Refused> {
    let (service, provider, request) = (service(), provider(), request());
    let expected = Expected {
        service: &service,
        provider: &provider,
        request: &request,
        now,
    };
    crate::Answer::verify(&encode_base64(xml.as_bytes()), &expected)
}

pub(crate) fn verify(xml: &str) -> Result<crate::Answer, crate::Refused> {
    verify_at(xml, NOW)
}

/// The parts of an answer that tests change, each a piece of XML.
pub(crate) struct Made {
    pub(crate) response_attributes: String,
    pub(crate) status: String,
    pub(crate) name_id: String,
    pub(crate) confirmation: String,
    pub(crate) conditions: String,
    pub(crate) statement: String,
    pub(crate) issuer: String,
}

impl Default for Made {
    fn default() -> Self {
        let request = request();
        let request = request.as_str();
        Self {
            response_attributes: format!(r#"Destination="{ACS}" InResponseTo="{request}""#),
            status: names::SUCCESS.into(),
            name_id: format!(r#"<saml:NameID Format="{}">{USER}</saml:NameID>"#, names::EMAIL),
            confirmation: format!(
                concat!(
                    r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
                    r#"<saml:SubjectConfirmationData NotOnOrAfter="{}" Recipient="{}" InResponseTo="{}"/>"#,
                    "</saml:SubjectConfirmation>"
                ),
                at(300),
                ACS,
                request
            ),
            conditions: format!(
                concat!(
                    r#"<saml:Conditions NotBefore="{}" NotOnOrAfter="{}"><saml:AudienceRestriction>"#,
                    "<saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
                ),
                at(-60),
                at(300),
                AUDIENCE
            ),
            statement: format!(r#"<saml:AuthnStatement AuthnInstant="{}" SessionIndex="_s1"/>"#, at(-5)),
            issuer: ISSUER.into(),
        }
    }
}

impl Made {
    /// The assertion alone, unsigned.
    pub(crate) fn assertion(&self) -> String {
        format!(
            concat!(
                r#"<saml:Assertion xmlns:saml="{ns}" ID="_a1" Version="2.0" IssueInstant="{now}">"#,
                "<saml:Issuer>{issuer}</saml:Issuer><saml:Subject>{name}{confirmation}</saml:Subject>",
                "{conditions}{statement}</saml:Assertion>"
            ),
            ns = names::ASSERTION,
            now = at(-5),
            issuer = self.issuer,
            name = self.name_id,
            confirmation = self.confirmation,
            conditions = self.conditions,
            statement = self.statement,
        )
    }

    /// A response around some assertion.
    pub(crate) fn response(&self, assertion: &str) -> String {
        format!(
            concat!(
                r#"<samlp:Response xmlns:samlp="{protocol}" xmlns:saml="{ns}" ID="_r1" Version="2.0" "#,
                r#"IssueInstant="{now}" {attributes}><saml:Issuer>{issuer}</saml:Issuer>"#,
                r#"<samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>{assertion}</samlp:Response>"#
            ),
            protocol = names::PROTOCOL,
            ns = names::ASSERTION,
            now = at(-5),
            attributes = self.response_attributes,
            issuer = self.issuer,
            status = self.status,
            assertion = assertion,
        )
    }

    /// The whole answer, its assertion signed.
    pub(crate) fn signed(&self) -> String {
        self.response(&Signing::default().sign(&self.assertion()))
    }
}

/// How to sign.
pub(crate) struct Signing {
    pub(crate) key: &'static SigningKey,
    pub(crate) algorithm: &'static str,
    pub(crate) digest: &'static str,
    pub(crate) transforms: String,
    pub(crate) canonicalization: &'static str,
    /// The id of the signed element.
    pub(crate) id: &'static str,
    /// What stands behind the signature value: `KeyInfo`, or an `Object`.
    pub(crate) more: String,
}

impl Default for Signing {
    fn default() -> Self {
        let transform = |algorithm| format!(r#"<ds:Transform Algorithm="{algorithm}"></ds:Transform>"#);
        Self {
            key: key(),
            algorithm: names::RSA_SHA256,
            digest: names::SHA256,
            transforms: [transform(names::ENVELOPED), transform(names::EXCLUSIVE)].concat(),
            canonicalization: names::EXCLUSIVE,
            id: "_a1",
            more: String::new(),
        }
    }
}

impl Signing {
    /// Signs an element that is a document of its own, and puts the signature behind its issuer.
    pub(crate) fn sign(&self, xml: &str) -> String {
        let document = Document::parse(xml.as_bytes(), usize::MAX).unwrap();
        let octets = canonical(
            &document,
            Apex {
                element: Document::ROOT,
                without: None,
                inclusive: &[],
            },
        )
        .unwrap();
        let digest = digest::digest(&digest::SHA256, octets.as_bytes());
        let info = format!(
            concat!(
                r#"<ds:SignedInfo xmlns:ds="{ds}"><ds:CanonicalizationMethod Algorithm="{c14n}"></ds:CanonicalizationMethod>"#,
                r#"<ds:SignatureMethod Algorithm="{algorithm}"></ds:SignatureMethod><ds:Reference URI="{hash}{id}">"#,
                "<ds:Transforms>{transforms}</ds:Transforms>",
                r#"<ds:DigestMethod Algorithm="{digest_method}"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue>"#,
                "</ds:Reference></ds:SignedInfo>"
            ),
            ds = names::SIGNATURE,
            c14n = self.canonicalization,
            algorithm = self.algorithm,
            hash = if self.id.is_empty() { "" } else { "#" },
            id = self.id,
            transforms = self.transforms,
            digest_method = self.digest,
            digest = encode_base64(digest.as_ref()),
        );
        let value = encode_base64(&self.key.sign(info.as_bytes()).unwrap());
        let signature = format!(
            r#"<ds:Signature xmlns:ds="{}">{info}<ds:SignatureValue>{value}</ds:SignatureValue>{}</ds:Signature>"#,
            names::SIGNATURE,
            self.more
        );
        xml.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
    }
}
