//! Answers that other people's code has signed, kept as they came; the clock is set to their time.
//!
//! `samlp*.xml`: npm samlp 8 (xml-crypto). `libxml2.xml`: signed with libxml2's canonical XML, laid out
//! as Shibboleth does it (prefixes listed as inclusive, certificate in lines, SHA-512 and SHA-384).

use baleen_types::Timestamp;

use crate::certificate::Certificate;
use crate::error::Refused;
use crate::fixtures::{USER, provider, request, service};
use crate::metadata::IdentityProvider;
use crate::response::{Answer, Expected};
use crate::text::{decode_base64, encode_base64};

const SAMLP: &str = include_str!("genuine/samlp.xml");
const SAMLP_BOTH: &str = include_str!("genuine/samlp-both.xml");
const SAMLP_SHA1: &str = include_str!("genuine/samlp-sha1.xml");
const LIBXML2: &str = include_str!("genuine/libxml2.xml");

fn verify(xml: &str) -> Result<String, Refused> {
    let der = decode_base64(include_str!("genuine/certificate.txt")).unwrap();
    let provider = IdentityProvider {
        certificates: vec![Certificate::parse(&der).unwrap()],
        ..provider()
    };
    let (service, request) = (service(), request());
    let now = Timestamp::parse_rfc3339("2026-11-27T00:40:00Z").unwrap();
    let expected = Expected {
        service: &service,
        provider: &provider,
        request: &request,
        now,
    };
    Answer::verify(&encode_base64(xml.as_bytes()), &expected)?
        .first_use(true)
        .map(|login| login.name_id)
}

#[test]
fn accepted() {
    for (name, xml) in [
        ("samlp", SAMLP),
        ("samlp, both signed", SAMLP_BOTH),
        ("libxml2", LIBXML2),
    ] {
        assert_eq!(verify(xml).as_deref(), Ok(USER), "{name}");
    }
}

#[test]
fn with_sha1() {
    assert_eq!(verify(SAMLP_SHA1), Err(Refused::Algorithm));
}

#[test]
fn altered() {
    for xml in [SAMLP, SAMLP_BOTH, LIBXML2] {
        assert!(matches!(
            verify(&xml.replace("ana@", "bob@")),
            Err(Refused::Signature(_))
        ));
        assert!(matches!(
            verify(&xml.replace("2026-11-27T00:44", "2026-11-28T00:44")),
            Err(Refused::Signature(_))
        ));
        assert!(matches!(
            verify(&xml.replace("a &amp; b", "a &amp; c")),
            Err(Refused::Signature(_))
        ));
        // What canonical XML does not see: other quotes and references for the same characters, comments, an empty tag.
        let same = xml
            .replace("a &amp; b", "<!-- x -->&#97;<![CDATA[ & ]]>b")
            .replace("\"_s1\"", "'_s1'");
        assert_eq!(verify(&same).as_deref(), Ok(USER));
    }
}
