//! A small identity provider. It writes its assertions in canonical form, so that it needs no XML library to sign them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use baleen_saml::SigningKey;
use baleen_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub struct TestIdp {
    entity_id: String,
    key: SigningKey,
    answers: AtomicU32,
}

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

impl TestIdp {
    pub fn new(entity_id: &str, now: Timestamp) -> Self {
        Self {
            entity_id: entity_id.to_owned(),
            key: SigningKey::generate("idp", now).unwrap(),
            answers: AtomicU32::new(0),
        }
    }

    pub fn metadata(&self) -> String {
        format!(
            concat!(
                r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{}"><IDPSSODescriptor "#,
                r#"protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">"#,
                r#"<KeyInfo xmlns="{}"><X509Data><X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"#,
                r#"<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" "#,
                r#"Location="https://idp.example/login"/></IDPSSODescriptor></EntityDescriptor>"#
            ),
            self.entity_id,
            DS,
            STANDARD.encode(self.key.certificate())
        )
    }

    /// Answers the request in a redirect; gives the form fields `SAMLResponse` and `RelayState`.
    pub fn answer(&self, redirect_url: &str, name: &str, now: Timestamp) -> (String, String) {
        self.answer_until(redirect_url, name, now, None)
    }

    pub fn answer_until(
        &self,
        redirect_url: &str,
        name: &str,
        now: Timestamp,
        session_end: Option<Timestamp>,
    ) -> (String, String) {
        let query: HashMap<String, String> = url::Url::parse(redirect_url)
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect();
        // The request is deflated without compression: five bytes of a header.
        let request = STANDARD.decode(&query["SAMLRequest"]).unwrap();
        let request = std::str::from_utf8(&request[5..]).unwrap();
        let between = |start: &str, end: &str| {
            let rest = &request[request.find(start).unwrap() + start.len()..];
            rest[..rest.find(end).unwrap()].to_owned()
        };
        let (id, acs) = (between(" ID=\"", "\""), between("AssertionConsumerServiceURL=\"", "\""));
        let audience = between("<saml:Issuer>", "</saml:Issuer>");
        let soon = now.plus(Duration::from_secs(300)).to_rfc3339_millis();
        let session_end = session_end.map(|end| format!(" SessionNotOnOrAfter=\"{}\"", end.to_rfc3339_millis()));
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let now = now.to_rfc3339_millis();
        let issuer = &self.entity_id;
        let assertion = |signature: &str| {
            format!(
                concat!(
                    r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a{number}" "#,
                    r#"IssueInstant="{now}" Version="2.0"><saml:Issuer>{issuer}</saml:Issuer>{signature}<saml:Subject>"#,
                    r#"<saml:NameID>{name}</saml:NameID>"#,
                    r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
                    r#"<saml:SubjectConfirmationData InResponseTo="{id}" NotOnOrAfter="{soon}" Recipient="{acs}">"#,
                    r#"</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>"#,
                    r#"<saml:Conditions NotBefore="{now}" NotOnOrAfter="{soon}"><saml:AudienceRestriction>"#,
                    r#"<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"#,
                    r#"<saml:AuthnStatement AuthnInstant="{now}"{session_end}></saml:AuthnStatement></saml:Assertion>"#
                ),
                number = number,
                now = now,
                issuer = issuer,
                signature = signature,
                name = name,
                id = id,
                soon = soon,
                acs = acs,
                audience = audience,
                session_end = session_end.as_deref().unwrap_or_default(),
            )
        };
        let signature = self.signature(&format!("_a{number}"), &assertion(""));
        let response = format!(
            concat!(
                r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r{}" Version="2.0" "#,
                r#"IssueInstant="{}" Destination="{}" InResponseTo="{}"><samlp:Status>"#,
                r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{}</samlp:Response>"#
            ),
            number,
            now,
            acs,
            id,
            assertion(&signature)
        );
        (STANDARD.encode(response), query["RelayState"].clone())
    }

    fn signature(&self, id: &str, canonical: &str) -> String {
        let info = format!(
            concat!(
                r#"<ds:SignedInfo xmlns:ds="{ds}"><ds:CanonicalizationMethod Algorithm="{c14n}"></ds:CanonicalizationMethod>"#,
                r#"<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>"#,
                r##"<ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="{ds}enveloped-signature">"##,
                r#"</ds:Transform><ds:Transform Algorithm="{c14n}"></ds:Transform></ds:Transforms>"#,
                r#"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>"#,
                r#"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"#
            ),
            ds = DS,
            c14n = EXCLUSIVE,
            id = id,
            digest = STANDARD.encode(digest(&SHA256, canonical.as_bytes())),
        );
        let pkcs8 = STANDARD.decode(self.key.secret().unwrap().expose()).unwrap();
        let pair = KeyPair::from_pkcs8(&pkcs8).unwrap();
        let mut value = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), info.as_bytes(), &mut value)
            .unwrap();
        let value = STANDARD.encode(value);
        format!(r#"<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"#)
    }
}
