use super::*;
use crate::fixtures::*;
use crate::text::encode_base64;
use crate::xml::Malformed;
use std::time::Duration;

/// A genuine answer; what follows changes it as an attacker would, or has the identity provider sign something wrong.
fn genuine() -> String {
    Made::default().signed()
}

fn refused(xml: &str) -> Refused {
    verify(xml).expect_err("must be refused")
}

/// Changes the one place where `from` stands.
fn with(xml: &str, from: &str, to: &str) -> String {
    assert_eq!(xml.matches(from).count(), 1, "{from} must stand there once");
    xml.replacen(from, to, 1)
}

/// The signed assertion of the genuine answer.
fn signed_assertion() -> String {
    Signing::default().sign(&Made::default().assertion())
}

/// An assertion for somebody else that nobody signed.
fn forged() -> String {
    Made::default()
        .assertion()
        .replace(USER, "root@example.com")
        .replace("_a1", "_evil")
}

#[test]
fn genuine_answer() {
    let answer = verify(&genuine()).unwrap();
    assert_eq!(answer.assertion_id, "_a1");
    assert_eq!(answer.remember_until, now_plus(300 + 180));
    let login = answer.first_use(true).unwrap();
    assert_eq!(login.name_id, USER);
    assert_eq!(login.session_index.as_deref(), Some("_s1"));
    assert_eq!(login.session_not_on_or_after, None);
}

#[test]
fn genuine_answer_with_both_levels_signed() {
    let response = Made::default().response(&signed_assertion());
    let both = Signing {
        id: "_r1",
        ..Signing::default()
    }
    .sign(&response);
    assert!(verify(&both).is_ok());
    let changed = with(&both, "ID=\"_r1\" Version", "ID=\"_r1\" Consent=\"x\" Version");
    assert_eq!(refused(&changed), Refused::Signature("the signed element was changed"));
}

#[test]
fn key_info_is_not_looked_at() {
    let more = format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
        { encode_base64(stranger().certificate()) }
    );
    let known = Signing {
        more: more.clone(),
        ..Signing::default()
    };
    assert!(verify(&Made::default().response(&known.sign(&Made::default().assertion()))).is_ok());
    let unknown = Signing {
        key: stranger(),
        more,
        ..Signing::default()
    };
    let answer = Made::default().response(&unknown.sign(&Made::default().assertion()));
    assert_eq!(
        refused(&answer),
        Refused::Signature("no signing certificate of the connection verifies it")
    );
}

#[test]
fn replay() {
    assert_eq!(verify(&genuine()).unwrap().first_use(false), Err(Refused::Replayed));
}

#[test]
fn unsigned() {
    assert_eq!(
        refused(&Made::default().response(&Made::default().assertion())),
        Refused::Unsigned
    );
}

#[test]
fn signature_on_the_response_alone() {
    let response = Made::default().response(&Made::default().assertion());
    let signed = Signing {
        id: "_r1",
        ..Signing::default()
    }
    .sign(&response);
    assert_eq!(refused(&signed), Refused::Unsigned);
}

#[test]
fn stripped_signature() {
    let genuine = genuine();
    let start = genuine.find("<ds:Signature ").unwrap();
    let end = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    assert_eq!(
        refused(&[&genuine[..start], &genuine[end..]].concat()),
        Refused::Unsigned
    );
}

#[test]
fn second_assertion_before_and_after() {
    let (signed, forged) = (signed_assertion(), forged());
    for both in [[&*forged, &signed].concat(), [&*signed, &forged].concat()] {
        assert_eq!(
            refused(&Made::default().response(&both)),
            Refused::Shape("not exactly one assertion")
        );
    }
}

/// "On breaking SAML" (2012) and its descendants: the signed assertion is moved to where only the verifier looks, and a
/// forged one stands where the reader looks.
#[test]
fn wrapping() {
    let (signed, forged) = (signed_assertion(), forged());
    let inside = |at: &str, what: &str| with(&forged, at, &format!("{what}{at}"));
    let signature = {
        let start = signed.find("<ds:Signature ").unwrap();
        signed[start..signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len()].to_owned()
    };
    let bare = Made::default().assertion();
    let object = |what: &str| {
        signature.replace(
            "</ds:Signature>",
            &format!("<ds:Object>{what}</ds:Object></ds:Signature>"),
        )
    };
    let tried = [
        (
            "signed one in Extensions",
            format!("<samlp:Extensions>{signed}</samlp:Extensions>{forged}"),
        ),
        (
            "signed one in an unknown wrapper",
            format!("<x:w xmlns:x=\"urn:x\">{signed}</x:w>{forged}"),
        ),
        ("signed one inside the forged one", inside("</saml:Assertion>", &signed)),
        (
            "signed one in SubjectConfirmationData",
            forged.replace(
                "</saml:SubjectConfirmation>",
                &format!(
                    "<saml:SubjectConfirmationData>{signed}</saml:SubjectConfirmationData></saml:SubjectConfirmation>"
                ),
            ),
        ),
        (
            "signed one in an Object of the forged one's signature",
            inside("<saml:Subject>", &object(&bare)),
        ),
        (
            "forged one around, with the signature",
            inside("<saml:Subject>", &signature),
        ),
        (
            "forged one inside the signed one",
            signed.replace("</saml:Assertion>", &format!("{forged}</saml:Assertion>")),
        ),
        (
            "forged one in another namespace",
            format!("{}{signed}", forged.replace("saml:Assertion", "Assertion")),
        ),
        ("signature beside the assertion", format!("{signature}{bare}")),
    ];
    for (name, inner) in tried {
        let answer = verify(&Made::default().response(&inner));
        assert!(answer.is_err(), "{name}: {answer:?}");
    }
    // A response inside a response, and one around it.
    let genuine = genuine();
    let nested = Made::default().response(&format!("{forged}{}", genuine.replace("_r1", "_r2")));
    assert!(verify(&nested).is_err());
    let evil = Made::default().response(&forged);
    assert!(
        verify(&format!(
            "<samlp:Response xmlns:samlp=\"{}\" Version=\"2.0\">{genuine}{evil}</samlp:Response>",
            names::PROTOCOL
        ))
        .is_err()
    );
    // Two documents, one behind the other.
    assert!(matches!(refused(&format!("{genuine}{evil}")), Refused::Xml(_)));
}

#[test]
fn same_id_twice() {
    let (signed, forged) = (
        signed_assertion(),
        forged().replace("_evil", "_a1").replace("Assertion", "Advice"),
    );
    let answer = Made::default().response(&[&*signed, &forged].concat());
    assert_eq!(refused(&answer), Refused::Shape("the same id twice"));
    let lower = with(&genuine(), "ID=\"_r1\"", "id=\"_a1\" ID=\"_r1\"");
    assert_eq!(refused(&lower), Refused::Shape("the same id twice"));
}

#[test]
fn altered_name() {
    let altered = with(&genuine(), USER, "root@example.com");
    assert_eq!(refused(&altered), Refused::Signature("the signed element was changed"));
}

/// VU#475445: `ana@example.com.evil.org`, which its owner may have signed, must not become `ana@example.com`.
#[test]
fn comment_in_the_name() {
    let mallory = format!("{USER}.evil.org");
    let made = Made {
        name_id: format!("<saml:NameID>{mallory}</saml:NameID>"),
        ..Made::default()
    };
    let signed = made.signed();
    let empty = with(&signed, &mallory, &format!("{USER}<!---->.evil.org"));
    assert_eq!(verify(&empty).unwrap().first_use(true).unwrap().name_id, mallory);
    let hidden = with(&signed, &mallory, &format!("{USER}<!--.evil.org-->"));
    assert_eq!(refused(&hidden), Refused::Signature("the signed element was changed"));
}

#[test]
fn element_in_the_name() {
    let made = Made {
        name_id: format!("<saml:NameID>{USER}<x>.evil.org</x></saml:NameID>"),
        ..Made::default()
    };
    assert_eq!(refused(&made.signed()), Refused::NameId);
}

#[test]
fn names_that_cannot_be_looked_up() {
    let long = "a".repeat(257);
    for name in ["", "  ", "a\tb", "a&#10;b", &long] {
        let made = Made {
            name_id: format!("<saml:NameID>{name}</saml:NameID>"),
            ..Made::default()
        };
        assert_eq!(refused(&made.signed()), Refused::NameId, "{name:?}");
    }
    let two = Made {
        name_id: "<saml:NameID>a</saml:NameID><saml:NameID>b</saml:NameID>".into(),
        ..Made::default()
    };
    assert!(verify(&two.signed()).is_err());
    let none = Made {
        name_id: String::new(),
        ..Made::default()
    };
    assert_eq!(refused(&none.signed()), Refused::NameId);
}

#[test]
fn document_type() {
    let tried = [
        "<!DOCTYPE a [<!ENTITY x \"y\">]>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">",
        "<?xml version=\"1.0\"?>\n<!DOCTYPE a>",
        "<!-- c --><!doctype a>",
        "<!ENTITY x \"y\">",
    ];
    for prefix in tried {
        assert_eq!(
            refused(&format!("{prefix}{}", genuine())),
            Refused::Xml(Malformed::DocumentType),
            "{prefix}"
        );
    }
    let inner = genuine().replace("<saml:Subject>", "<!DOCTYPE a><saml:Subject>");
    assert_eq!(refused(&inner), Refused::Xml(Malformed::DocumentType));
    let entity = genuine().replace(USER, "&xxe;");
    assert_eq!(refused(&entity), Refused::Xml(Malformed::Entity));
}

#[test]
fn bombs() {
    let deep = [&*"<a>".repeat(40), &"</a>".repeat(40)].concat();
    assert_eq!(refused(&deep), Refused::Xml(Malformed::TooDeep));
    let nested = Made::default().response(&deep);
    assert_eq!(refused(&nested), Refused::Xml(Malformed::TooDeep));
    let wide = Made::default().response(&"<a/>".repeat(9000));
    assert_eq!(refused(&wide), Refused::Xml(Malformed::TooMany("elements")));
    assert_eq!(refused(&" ".repeat(RESPONSE_BYTES_MAX + 1)), Refused::TooLarge);
    let (service, provider, request) = (service(), provider(), request());
    let expected = Expected {
        service: &service,
        provider: &provider,
        request: &request,
        now: NOW,
    };
    let field = "A".repeat(RESPONSE_FIELD_BYTES_MAX + 1);
    assert_eq!(Answer::verify(&field, &expected).unwrap_err(), Refused::TooLarge);
    for field in ["", "%%%", "PGE", "=", "PGE-PC9hPg__"] {
        assert_eq!(
            Answer::verify(field, &expected).unwrap_err(),
            Refused::NotBase64,
            "{field:?}"
        );
    }
}

#[test]
fn base64_with_line_breaks() {
    let (service, provider, request) = (service(), provider(), request());
    let expected = Expected {
        service: &service,
        provider: &provider,
        request: &request,
        now: NOW,
    };
    let field = encode_base64(genuine().as_bytes());
    let lines: Vec<&str> = field
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    assert!(Answer::verify(&lines.join("\r\n"), &expected).is_ok());
}

#[test]
fn wrong_audience() {
    let audience = |text: &str| {
        let conditions = Made::default().conditions.replace(AUDIENCE, text);
        verify(
            &Made {
                conditions,
                ..Made::default()
            }
            .signed(),
        )
    };
    assert!(audience(AUDIENCE).is_ok());
    for other in [
        "urn:baleen:lyve-100000000289-saml",
        "",
        "urn:baleen:lyve-100000000288-saml/",
    ] {
        assert_eq!(audience(other).unwrap_err(), Refused::Audience, "{other:?}");
    }
    let among = format!("urn:other</saml:Audience><saml:Audience>{AUDIENCE}");
    assert!(audience(&among).is_ok(), "one of several is enough");
    let both = format!(
        "{AUDIENCE}</saml:Audience></saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>urn:other"
    );
    assert_eq!(
        audience(&both).unwrap_err(),
        Refused::Audience,
        "every restriction must hold"
    );
    let none = Made {
        conditions: "<saml:Conditions/>".into(),
        ..Made::default()
    };
    assert_eq!(refused(&none.signed()), Refused::Audience);
}

#[test]
fn unknown_condition() {
    let conditions = Made::default().conditions;
    let known = with(
        &conditions,
        "</saml:Conditions>",
        "<saml:OneTimeUse/></saml:Conditions>",
    );
    assert!(
        verify(
            &Made {
                conditions: known,
                ..Made::default()
            }
            .signed()
        )
        .is_ok()
    );
    let unknown = with(&conditions, "</saml:Conditions>", "<saml:Condition/></saml:Conditions>");
    let made = Made {
        conditions: unknown,
        ..Made::default()
    };
    assert_eq!(
        refused(&made.signed()),
        Refused::Shape("a condition that is not known here")
    );
}

#[test]
fn wrong_destination() {
    let genuine = genuine();
    let destination = format!("Destination=\"{ACS}\"");
    for other in ["Destination=\"https://other.example/acs\"", "Destination=\"\"", ""] {
        assert_eq!(
            refused(&with(&genuine, &destination, other)),
            Refused::Destination("Destination"),
            "{other}"
        );
    }
}

#[test]
fn wrong_recipient() {
    let recipient = format!("Recipient=\"{ACS}\"");
    for other in ["Recipient=\"https://other.example/acs\"", ""] {
        let made = Made {
            confirmation: with(&Made::default().confirmation, &recipient, other),
            ..Made::default()
        };
        assert_eq!(refused(&made.signed()), Refused::Destination("Recipient"));
    }
}

#[test]
fn wrong_issuer() {
    let made = Made {
        issuer: "https://other.example/metadata".into(),
        ..Made::default()
    };
    assert_eq!(refused(&made.signed()), Refused::Issuer);
    // The assertion's own issuer is another than the message's.
    let inner = Made {
        issuer: "https://other.example/metadata".into(),
        ..Made::default()
    };
    let answer = Made::default().response(&Signing::default().sign(&inner.assertion()));
    assert_eq!(refused(&answer), Refused::Issuer);
}

#[test]
fn clock() {
    let genuine = genuine();
    // Conditions from 60 s before to 300 s behind NOW; the clocks may be 180 s apart.
    let at = |seconds: i64| verify_at(&genuine, Timestamp::from_secs(NOW.as_secs() + seconds)).map(|_| ());
    assert_eq!(at(-240), Ok(()));
    assert_eq!(at(-241), Err(Refused::Time("not yet good; compare the clocks")));
    assert_eq!(at(479), Ok(()));
    assert_eq!(at(480), Err(Refused::Time("no longer good")));
}

#[test]
fn clock_of_the_confirmation() {
    let until = |end: &str| {
        let confirmation = with(&Made::default().confirmation, &crate::fixtures::at(300), end);
        verify(
            &Made {
                confirmation,
                ..Made::default()
            }
            .signed(),
        )
        .map(|_| ())
    };
    assert_eq!(until(&crate::fixtures::at(-179)), Ok(()));
    assert_eq!(until(&crate::fixtures::at(-180)), Err(Refused::Time("no longer good")));
    for not_a_time in ["soon", "", "2027-01-15T08:00:00", "2027-01-15"] {
        assert_eq!(
            until(not_a_time),
            Err(Refused::Time("a bound that is not a time in UTC")),
            "{not_a_time}"
        );
    }
}

#[test]
fn confirmation_without_an_end() {
    let confirmation = Made::default()
        .confirmation
        .replace(&format!("NotOnOrAfter=\"{}\" ", at(300)), "");
    let made = Made {
        confirmation,
        ..Made::default()
    };
    assert_eq!(refused(&made.signed()), Refused::Time("the confirmation has no end"));
}

#[test]
fn end_that_is_too_far_away() {
    let far = |xml: &str| xml.replace(&at(300), &at(25 * 3600));
    let made = Made {
        confirmation: far(&Made::default().confirmation),
        ..Made::default()
    };
    assert!(verify(&made.signed()).is_ok(), "the first end counts");
    let made = Made {
        conditions: far(&Made::default().conditions),
        ..made
    };
    assert_eq!(
        refused(&made.signed()),
        Refused::Time("its end is more than a day away")
    );
}

#[test]
fn ended_session() {
    let statement = |end: &str| format!("<saml:AuthnStatement SessionNotOnOrAfter=\"{end}\"/>");
    let made = Made {
        statement: statement(&at(0)),
        ..Made::default()
    };
    assert_eq!(
        refused(&made.signed()),
        Refused::Time("the session at the identity provider has ended")
    );
    let made = Made {
        statement: statement(&at(60)),
        ..Made::default()
    };
    let login = verify(&made.signed()).unwrap().first_use(true).unwrap();
    assert_eq!(
        (login.session_index, login.session_not_on_or_after),
        (None, Some(NOW.plus(Duration::from_secs(60))))
    );
}

#[test]
fn no_authentication_stated() {
    let made = Made {
        statement: String::new(),
        ..Made::default()
    };
    assert_eq!(
        refused(&made.signed()),
        Refused::Shape("an assertion that states no authentication")
    );
}

#[test]
fn confirmations_of_other_kinds() {
    let other = Made::default().confirmation.replace("cm:bearer", "cm:holder-of-key");
    let made = Made {
        confirmation: other.clone(),
        ..Made::default()
    };
    assert_eq!(
        refused(&made.signed()),
        Refused::Shape("no bearer confirmation of the subject")
    );
    let made = Made {
        confirmation: [other, Made::default().confirmation].concat(),
        ..Made::default()
    };
    assert!(verify(&made.signed()).is_ok());
    let made = Made {
        confirmation: String::new(),
        ..Made::default()
    };
    assert!(verify(&made.signed()).is_err());
}

#[test]
fn answer_to_another_request() {
    let request = request();
    let mine = format!("InResponseTo=\"{}\"", request.as_str());
    let genuine = genuine();
    let outer = genuine.replacen(&mine, "InResponseTo=\"_other\"", 1);
    assert_eq!(refused(&outer), Refused::OtherRequest);
    // The message is not signed; the assertion is, and says it too.
    let confirmation = with(&Made::default().confirmation, &mine, "InResponseTo=\"_other\"");
    assert_eq!(
        refused(
            &Made {
                confirmation,
                ..Made::default()
            }
            .signed()
        ),
        Refused::OtherRequest
    );
}

#[test]
fn begun_at_the_identity_provider() {
    let request = request();
    let mine = format!("InResponseTo=\"{}\"", request.as_str());
    let nobody = Made {
        response_attributes: Made::default().response_attributes.replace(&mine, ""),
        confirmation: Made::default().confirmation.replace(&mine, ""),
        ..Made::default()
    };
    assert_eq!(refused(&nobody.signed()), Refused::Unsolicited);
    let inner_only = Made {
        confirmation: Made::default().confirmation.replace(&mine, ""),
        ..Made::default()
    };
    assert_eq!(refused(&inner_only.signed()), Refused::Unsolicited);
}

#[test]
fn encrypted() {
    let blob = "<saml:EncryptedAssertion><x:EncryptedData xmlns:x=\"http://www.w3.org/2001/04/xmlenc#\"/></saml:EncryptedAssertion>";
    assert_eq!(refused(&Made::default().response(blob)), Refused::Encrypted);
    // CVE-2026-2092: an encrypted one first, a signed one behind it.
    assert_eq!(
        refused(&Made::default().response(&[blob, &signed_assertion()].concat())),
        Refused::Encrypted
    );
    let made = Made {
        name_id: "<saml:EncryptedID/>".into(),
        ..Made::default()
    };
    assert_eq!(refused(&made.signed()), Refused::Encrypted);
}

#[test]
fn status_other_than_success() {
    let status = "urn:oasis:names:tc:SAML:2.0:status:Responder";
    let made = Made {
        status: status.into(),
        ..Made::default()
    };
    assert_eq!(refused(&made.signed()), Refused::Status(status.into()));
    assert_eq!(
        refused(&with(&genuine(), "<samlp:StatusCode", "<samlp:Code")),
        Refused::Shape("no status")
    );
}

#[test]
fn weak_and_unknown_algorithms() {
    let sign = |signing: Signing| refused(&Made::default().response(&signing.sign(&Made::default().assertion())));
    for algorithm in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "none",
        "",
    ] {
        assert_eq!(
            sign(Signing {
                algorithm,
                ..Signing::default()
            }),
            Refused::Algorithm,
            "{algorithm}"
        );
    }
    for digest in [
        "http://www.w3.org/2000/09/xmldsig#sha1",
        "http://www.w3.org/2001/04/xmldsig-more#md5",
        "",
    ] {
        assert_eq!(
            sign(Signing {
                digest,
                ..Signing::default()
            }),
            Refused::Algorithm,
            "{digest}"
        );
    }
    for canonicalization in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "",
    ] {
        assert_eq!(
            sign(Signing {
                canonicalization,
                ..Signing::default()
            }),
            Refused::Algorithm,
            "{canonicalization}"
        );
    }
}

#[test]
fn other_transforms_and_references() {
    let transform = |algorithm: &str| format!("<ds:Transform Algorithm=\"{algorithm}\"></ds:Transform>");
    let xpath = transform("http://www.w3.org/TR/1999/REC-xpath-19991116");
    let (enveloped, exclusive) = (transform(names::ENVELOPED), transform(names::EXCLUSIVE));
    for transforms in [
        String::new(),
        enveloped.clone(),
        exclusive.clone(),
        [exclusive.clone(), enveloped.clone()].concat(),
        [enveloped.clone(), xpath.clone(), exclusive.clone()].concat(),
        [xpath, exclusive.clone()].concat(),
        [enveloped, transform("http://www.w3.org/TR/1999/REC-xslt-19991116")].concat(),
    ] {
        let signing = Signing {
            transforms: transforms.clone(),
            ..Signing::default()
        };
        let answer = verify(&Made::default().response(&signing.sign(&Made::default().assertion())));
        assert!(answer.is_err(), "{transforms}");
    }
    for id in ["", "_r1", "_other", "xpointer(/)"] {
        let signing = Signing {
            id,
            ..Signing::default()
        };
        let answer = Made::default().response(&signing.sign(&Made::default().assertion()));
        assert!(matches!(refused(&answer), Refused::Signature(_)), "{id}");
    }
    let signing = Signing {
        more: "<ds:Object></ds:Object>".into(),
        ..Signing::default()
    };
    let answer = Made::default().response(&signing.sign(&Made::default().assertion()));
    assert_eq!(
        refused(&answer),
        Refused::Signature("a signature with more in it than SAML allows")
    );
}

#[test]
fn unknown_certificate() {
    let signing = Signing {
        key: stranger(),
        ..Signing::default()
    };
    let answer = Made::default().response(&signing.sign(&Made::default().assertion()));
    assert_eq!(
        refused(&answer),
        Refused::Signature("no signing certificate of the connection verifies it")
    );
}

#[test]
fn ended_connection() {
    let (service, request) = (service(), request());
    let field = encode_base64(genuine().as_bytes());
    let answer = |provider: IdentityProvider| {
        let expected = Expected {
            service: &service,
            provider: &provider,
            request: &request,
            now: NOW,
        };
        Answer::verify(&field, &expected).map(|_| ())
    };
    assert_eq!(
        answer(IdentityProvider {
            valid_until: Some(NOW),
            ..provider()
        }),
        Err(Refused::Expired)
    );
    assert_eq!(
        answer(IdentityProvider {
            valid_until: Some(now_plus(1)),
            ..provider()
        }),
        Ok(())
    );
    // No certificate is not any certificate (CVE-2026-28323).
    assert_eq!(
        answer(IdentityProvider {
            certificates: Vec::new(),
            ..provider()
        }),
        Err(Refused::Expired)
    );
}

#[test]
fn not_a_response() {
    for xml in [
        "<a/>",
        "<Response Version=\"2.0\"/>",
        &signed_assertion(),
        "<samlp:LogoutResponse xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" Version=\"2.0\"/>",
    ] {
        assert_eq!(refused(xml), Refused::Shape("no Response of SAML 2.0"), "{xml}");
    }
    assert_eq!(
        refused(&with(
            &genuine(),
            "ID=\"_r1\" Version=\"2.0\"",
            "ID=\"_r1\" Version=\"1.1\""
        )),
        Refused::Shape("no Response of SAML 2.0")
    );
}

proptest::proptest! {
    /// Whatever one changes in a signed answer, it is refused or says the same.
    #[test]
    fn no_change_changes_the_name(at in 0usize..4000, byte in 0x20u8..0x7f) {
        let mut bytes = genuine().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(answer) = verify(&String::from_utf8(bytes).unwrap()) {
            proptest::prop_assert_eq!(answer.first_use(true).unwrap().name_id, USER);
        }
    }

    #[test]
    fn no_bytes_panic(text in "[<>/a-z:=\"'&;!\\-\\[\\]?# ]{0,200}") {
        proptest::prop_assert!(verify(&text).is_err());
    }
}
