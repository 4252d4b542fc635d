use super::*;
use crate::fixtures::{ISSUER, NOW, key, now_plus, service};
use crate::xml::Malformed;

fn certificate() -> String {
    encode_base64(key().certificate())
}

fn descriptor(use_attribute: &str, certificate: &str) -> String {
    format!(
        "<KeyDescriptor{use_attribute}><KeyInfo xmlns=\"{}\"><X509Data><X509Certificate>\n{certificate}\n</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
        names::SIGNATURE
    )
}

fn sso(binding: &str, location: &str) -> String {
    format!("<SingleSignOnService Binding=\"{binding}\" Location=\"{location}\"/>")
}

fn role(inner: &str) -> String {
    format!(
        "<IDPSSODescriptor protocolSupportEnumeration=\"urn:x {}\">{inner}</IDPSSODescriptor>",
        names::PROTOCOL
    )
}

fn entity(inner: &str) -> String {
    format!(
        "<EntityDescriptor xmlns=\"{}\" entityID=\"{ISSUER}\">{inner}</EntityDescriptor>",
        names::METADATA
    )
}

fn usual() -> String {
    [
        descriptor(" use=\"signing\"", &certificate()),
        sso(names::POST, "https://idp.example/post"),
        sso(names::REDIRECT, "https://idp.example/login"),
    ]
    .concat()
}

fn parse(xml: &str) -> Result<IdentityProvider, BadMetadata> {
    IdentityProvider::parse(xml.as_bytes(), NOW)
}

#[test]
fn good_metadata() {
    let provider = parse(&entity(&role(&usual()))).unwrap();
    assert_eq!(provider.entity_id, ISSUER);
    assert_eq!(provider.sso_url, "https://idp.example/login");
    assert_eq!(provider.certificates.len(), 1);
    assert_eq!(provider.expiry(), Some(provider.certificates[0].not_after()));
    let without_use = usual().replace(" use=\"signing\"", "");
    assert_eq!(parse(&entity(&role(&without_use))).unwrap(), provider);
    let wrapped = format!(
        "<EntitiesDescriptor xmlns=\"{}\">{}</EntitiesDescriptor>",
        names::METADATA,
        entity(&role(&usual()))
    );
    assert_eq!(parse(&wrapped).unwrap(), provider);
    let twice = [descriptor("", &certificate()), usual()].concat();
    assert_eq!(parse(&entity(&role(&twice))).unwrap(), provider);
    let encryption_too = [descriptor(" use=\"encryption\"", "never read"), usual()].concat();
    assert_eq!(parse(&entity(&role(&encryption_too))).unwrap(), provider);
}

#[test]
fn first_end() {
    let with = |outer: &str, inner: &str| {
        let xml = entity(&role(&usual()));
        let xml = xml.replace("<EntityDescriptor", &format!("<EntityDescriptor {outer}"));
        parse(&xml.replace("<IDPSSODescriptor", &format!("<IDPSSODescriptor {inner}")))
    };
    let until = |secs: u64| format!("validUntil=\"{}\"", now_plus(secs).to_rfc3339_millis());
    assert_eq!(with(&until(90), "").unwrap().expiry(), Some(now_plus(90)));
    assert_eq!(with(&until(90), &until(60)).unwrap().expiry(), Some(now_plus(60)));
    assert_eq!(with(&until(0), ""), Err(BadMetadata::Expired));
    assert!(matches!(
        with("validUntil=\"tomorrow\"", ""),
        Err(BadMetadata::Lacks(_))
    ));
    let after = IdentityProvider::parse(entity(&role(&usual())).as_bytes(), Timestamp::from_nanos(i64::MAX));
    assert_eq!(after, Err(BadMetadata::Expired));
}

#[test]
fn bad_metadata() {
    let one = || usual();
    let tried = [
        ("another document", "<a/>".into()),
        (
            "no namespace",
            format!("<EntityDescriptor entityID=\"x\">{}</EntityDescriptor>", role(&one())),
        ),
        ("no role", entity("")),
        (
            "only a service provider",
            entity(&role(&one()).replace("IDPSSODescriptor", "SPSSODescriptor")),
        ),
        ("two roles", entity(&[role(&one()), role(&one())].concat())),
        (
            "another protocol",
            entity(&role(&one()).replace(names::PROTOCOL, "urn:oasis:names:tc:SAML:1.1:protocol")),
        ),
        ("no entity id", entity(&role(&one())).replace(ISSUER, "")),
        (
            "long entity id",
            entity(&role(&one())).replace(ISSUER, &"x".repeat(1025)),
        ),
        (
            "no certificate",
            entity(&role(&sso(names::REDIRECT, "https://idp.example/login"))),
        ),
        (
            "certificate for another use",
            entity(&role(&one().replace("use=\"signing\"", "use=\"encryption\""))),
        ),
        (
            "certificate that is none",
            entity(&role(&one().replace(&certificate(), "AAAA"))),
        ),
        (
            "certificate that is not base64",
            entity(&role(&one().replace(&certificate(), "?"))),
        ),
        (
            "no redirect binding",
            entity(&role(&one().replace(names::REDIRECT, names::POST))),
        ),
    ];
    for (name, xml) in tried {
        assert!(parse(&xml).is_err(), "{name}");
    }
    for location in [
        "",
        "login",
        "javascript:alert(1)",
        "http://idp.example/login",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "data:text/html,x",
        "https://user@idp.example/",
        "https://idp.example/#x",
        "//idp.example/",
        "https://",
        &format!("https://idp.example/{}", "x".repeat(SSO_URL_BYTES_MAX)),
    ] {
        let xml = entity(&role(&one().replace("https://idp.example/login", location)));
        assert!(matches!(parse(&xml), Err(BadMetadata::Lacks(_))), "{location}");
    }
    for location in [
        "http://127.0.0.1:8080/sso",
        "http://localhost/sso",
        "http://[::1]/sso",
        "https://idp.example:8443/a?b=c",
    ] {
        let xml = entity(&role(&one().replace("https://idp.example/login", location)));
        assert_eq!(parse(&xml).unwrap().sso_url, location);
    }
}

#[test]
fn bombs() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><a>&b;</a>";
    assert_eq!(parse(bomb), Err(BadMetadata::Xml(Malformed::DocumentType)));
    assert_eq!(parse(&entity("&b;")), Err(BadMetadata::Xml(Malformed::Entity)));
    assert_eq!(
        parse(&entity(&"<a>".repeat(99))),
        Err(BadMetadata::Xml(Malformed::TooDeep))
    );
    let large = format!("{}{}", entity(&role(&usual())), " ".repeat(METADATA_BYTES_MAX));
    assert_eq!(
        parse(&large),
        Err(BadMetadata::Xml(Malformed::TooLarge(METADATA_BYTES_MAX)))
    );
}

#[test]
fn ours() {
    let service = ServiceProvider {
        acs_url: "https://x.example/acs?a=1&b=\"2\"".into(),
        ..service()
    };
    let xml = service.metadata(key());
    let document = Document::parse(xml.as_bytes(), METADATA_BYTES_MAX).unwrap();
    let root = Document::ROOT;
    assert_eq!(document.attribute(root, "entityID"), Some(&*service.entity_id));
    let role = document.only(root, names::METADATA, "SPSSODescriptor").unwrap();
    assert_eq!(document.attribute(role, "AuthnRequestsSigned"), Some("true"));
    assert_eq!(document.attribute(role, "WantAssertionsSigned"), Some("true"));
    assert_eq!(certificates(&document, role).unwrap()[0].der(), key().certificate());
    let acs = document
        .only(role, names::METADATA, "AssertionConsumerService")
        .unwrap();
    assert_eq!(document.attribute(acs, "Location"), Some(&*service.acs_url));
}

#[test]
fn expiry_day() {
    assert_eq!(
        expiry_text(Timestamp::parse_rfc3339("2027-03-04T23:59:59Z").unwrap()),
        "03/04/2027"
    );
}
