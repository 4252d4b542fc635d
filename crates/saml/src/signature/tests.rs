//! What is refused before anything is put into canonical form: told by the reason, since the key of none of these is known.

use crate::error::Refused;
use crate::fixtures::{Made, Signing, stranger, verify};

/// An answer that a stranger signed, changed behind that.
fn refused(from: &str, to: &str) -> Refused {
    let signing = Signing {
        key: stranger(),
        ..Signing::default()
    };
    let made = Made::default();
    let signed = made.response(&signing.sign(&made.assertion()));
    assert!(from.is_empty() || signed.contains(from), "{from}");
    verify(&signed.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn cheap_checks_come_first() {
    let (elements, text) = ("<ds:X/>".repeat(8_000), "x".repeat(100_000));
    let prefixes = "p ".repeat(20_000);
    let too_large = "a SignedInfo larger than one of SAML's shape can be";
    for (case, from, to, expected) in [
        (
            "as it is",
            "",
            "",
            "no signing certificate of the connection verifies it",
        ),
        (
            "another element's",
            "URI=\"#_a1\"",
            "URI=\"#_r1\"",
            "a reference to another element than the one it stands in",
        ),
        (
            "two references",
            "</ds:SignedInfo>",
            "<ds:Reference/></ds:SignedInfo>",
            "not one method and one reference",
        ),
        (
            "elements",
            "</ds:Reference>",
            &format!("{elements}</ds:Reference>"),
            too_large,
        ),
        ("text", "<ds:Transforms>", &format!("{text}<ds:Transforms>"), too_large),
        (
            "an attribute",
            "<ds:Transforms>",
            &format!("<ds:Transforms a=\"{text}\">"),
            too_large,
        ),
        (
            "prefixes",
            "</ds:CanonicalizationMethod>",
            &format!("<ds:X PrefixList=\"{prefixes}\"/></ds:CanonicalizationMethod>"),
            too_large,
        ),
        (
            "a digest that can never fit",
            "<ds:DigestValue>",
            "<ds:DigestValue>AAAA",
            "a digest of another length than its algorithm's",
        ),
        (
            "a long value",
            "<ds:SignatureValue>",
            &format!("<ds:SignatureValue>{}", "AAAA".repeat(1_000)),
            "a signature value longer than any key makes",
        ),
    ] {
        assert_eq!(refused(from, to), Refused::Signature(expected), "{case}");
    }
}

/// An answer of somebody else's is not looked at any further, whoever signed it.
#[test]
fn answers_of_another_issuer() {
    let made = Made {
        issuer: "https://other.example/metadata".into(),
        ..Made::default()
    };
    let signing = Signing {
        key: stranger(),
        ..Signing::default()
    };
    let answer = Made::default().response(&signing.sign(&made.assertion()));
    assert_eq!(verify(&answer).unwrap_err(), Refused::Issuer);
}
