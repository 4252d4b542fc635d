use super::*;
use crate::certificate::Certificate;
use crate::fixtures::{ACS, AUDIENCE, NOW, key, provider, request, service};
use crate::text::decode_base64;
use crate::xml::Document;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use url::Url;

fn inflate_stored(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let length = usize::from(u16::from_le_bytes([bytes[1], bytes[2]]));
        assert_eq!(
            u16::from_le_bytes([bytes[3], bytes[4]]),
            !u16::from_le_bytes([bytes[1], bytes[2]])
        );
        out.extend_from_slice(&bytes[5..5 + length]);
        if bytes[0] == 1 {
            assert_eq!(bytes.len(), 5 + length);
            return out;
        }
        bytes = &bytes[5 + length..];
    }
}

#[test]
fn signed_redirect() {
    let (service, provider, id) = (service(), provider(), request());
    let login = LoginRequest {
        service: &service,
        provider: &provider,
        id: &id,
        relay_state: "r&s",
    };
    let url = login.redirect_url(key(), NOW).unwrap();
    assert!(
        url.starts_with("https://idp.example/login?tenant=7&SAMLRequest="),
        "{url}"
    );
    let parsed = Url::parse(&url).unwrap();
    let value = |name: &str| parsed.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
    assert_eq!(value("RelayState"), "r&s");
    assert_eq!(value("SigAlg"), names::RSA_SHA256);

    let signed = &url[url.find("SAMLRequest=").unwrap()..url.find("&Signature=").unwrap()];
    let public = Certificate::parse(key().certificate()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.key());
    public
        .verify(signed.as_bytes(), &decode_base64(&value("Signature")).unwrap())
        .unwrap();

    let xml = inflate_stored(&decode_base64(&value("SAMLRequest")).unwrap());
    let document = Document::parse(&xml, 1 << 16).unwrap();
    let root = Document::ROOT;
    assert!(document.is(root, names::PROTOCOL, "AuthnRequest"));
    for (name, expected) in [
        ("ID", id.as_str()),
        ("Version", "2.0"),
        ("IssueInstant", "2027-01-15T08:00:00Z"),
        ("Destination", &provider.sso_url),
        ("ProtocolBinding", names::POST),
        ("AssertionConsumerServiceURL", ACS),
    ] {
        assert_eq!(document.attribute(root, name), Some(expected));
    }
    let issuer = document.only(root, names::ASSERTION, "Issuer").unwrap();
    assert_eq!(document.text(issuer), Some(AUDIENCE));
}

#[test]
fn relay_state_that_is_too_long() {
    let (service, provider, id) = (service(), provider(), request());
    let ask = |relay_state: &str| {
        LoginRequest {
            service: &service,
            provider: &provider,
            id: &id,
            relay_state,
        }
        .redirect_url(key(), NOW)
    };
    assert!(ask(&"r".repeat(80)).is_ok());
    assert_eq!(ask(&"r".repeat(81)), Err(CannotAsk::RelayState));
    assert!(!ask("").unwrap().contains("RelayState"));
}

#[test]
fn ids() {
    let id = request();
    assert_eq!(RequestId::from_text(id.as_str()), Some(id));
    for text in ["", "_", "_07", &"0".repeat(41), &format!("_{}g", "0".repeat(39))] {
        assert_eq!(RequestId::from_text(text), None, "{text}");
    }
}

#[test]
fn stored_blocks() {
    for length in [0, 1, 65_535, 65_536, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|i: u32| i.to_le_bytes()[0]).collect();
        if length > 0 {
            assert_eq!(inflate_stored(&stored_deflate(&bytes)), bytes);
        }
    }
}

#[test]
fn key_through_its_parts() {
    let again = SigningKey::from_parts(&key().secret().unwrap(), key().certificate().to_vec()).unwrap();
    assert_eq!(again.sign(b"x").unwrap(), key().sign(b"x").unwrap());
    assert!(!format!("{again:?}{:?}", key().secret()).contains(key().secret().unwrap().expose()));
    for secret in ["", "?", "AAAA"] {
        assert!(SigningKey::from_parts(&baleen_types::Secret::new(secret), Vec::new()).is_err());
    }
}
