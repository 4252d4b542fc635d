use super::*;
use crate::fixtures::{MADE, NOW, key};

#[test]
fn our_own() {
    let certificate = Certificate::parse(key().certificate()).unwrap();
    assert!(certificate.is_good(NOW));
    assert!(!certificate.is_good(Timestamp::from_secs(MADE.as_secs() - 1)));
    assert!(!certificate.is_good(Timestamp::from_secs(certificate.not_after().as_secs() + 1)));
    assert_eq!(certificate.der(), key().certificate());
}

#[test]
fn cut_and_bent() {
    let der = key().certificate();
    for length in 0..der.len() {
        assert_eq!(
            Certificate::parse(&der[..length]),
            Err(Unusable::NotACertificate),
            "{length}"
        );
    }
    assert_eq!(
        Certificate::parse(&[der, &[0]].concat()),
        Err(Unusable::NotACertificate)
    );
    assert_eq!(
        Certificate::parse(&vec![0x30; CERTIFICATE_BYTES_MAX + 1]),
        Err(Unusable::NotACertificate)
    );
    for at in 0..der.len() {
        let mut bent = der.to_vec();
        bent[at] ^= 0xff;
        // Some bytes may be anything (names, the signature); none may make it panic.
        let _ = Certificate::parse(&bent);
    }
}

#[test]
fn elliptic_curve_keys() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
    assert_eq!(Certificate::parse(certificate.der()), Err(Unusable::Key));
}

#[test]
fn times() {
    let value = |tag, text: &'static str| {
        Value {
            tag,
            content: text.as_bytes(),
            whole: &[],
        }
        .time()
    };
    assert_eq!(value(UTC_TIME, "700101000001Z"), Some(Timestamp::from_secs(1)));
    assert_eq!(
        value(UTC_TIME, "491231235959Z"),
        Timestamp::parse_rfc3339("2049-12-31T23:59:59Z").ok()
    );
    assert_eq!(
        value(GENERALIZED_TIME, "20500101000000Z"),
        Timestamp::parse_rfc3339("2050-01-01T00:00:00Z").ok()
    );
    for text in ["", "7", "\u{e9}0101000001Z", "7001010000Z", "701301000001Z"] {
        assert_eq!(value(UTC_TIME, text), None, "{text}");
    }
}
