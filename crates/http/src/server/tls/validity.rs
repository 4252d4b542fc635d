//! What a certificate says of itself, as far as an operator has to know it (RFC 5280, section 4.1).

use baleen_types::Timestamp;

/// Tags of the elements on the way (X.690, section 8).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Two digits of a year from here on are of the last century (RFC 5280, section 4.1.2.5.1).
const LAST_CENTURY: &str = "50";

/// The time for which a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub from: Timestamp,
    /// Its last second.
    pub until: Timestamp,
}

/// The time for which the certificate in `der` is good.
pub(super) fn of(der: &[u8]) -> Option<Validity> {
    let mut rest = signed(der)?;
    if element(rest)?.tag == VERSION {
        rest = element(rest)?.behind;
    }
    // Serial number, algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = element(rest).filter(|found| found.tag == tag)?.behind;
    }
    let validity = element(rest).filter(|found| found.tag == SEQUENCE)?;
    let from = element(validity.content)?;
    let until = element(from.behind)?;
    Some(Validity {
        from: time(&from)?,
        until: time(&until)?,
    })
}

/// Whether the certificate in `der` is of the first version: it says of none.
pub(super) fn is_version_1(der: &[u8]) -> bool {
    signed(der).and_then(element).is_some_and(|first| first.tag == INTEGER)
}

/// What its issuer signed.
fn signed(der: &[u8]) -> Option<&[u8]> {
    let certificate = element(der).filter(|found| found.tag == SEQUENCE)?;
    let signed = element(certificate.content).filter(|found| found.tag == SEQUENCE)?;
    Some(signed.content)
}

/// One element of DER, and what comes behind it.
struct Element<'d> {
    tag: u8,
    content: &'d [u8],
    behind: &'d [u8],
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        // A length of more bytes is that of nothing that is in memory.
        let count = Some(usize::from(first & 0x7f)).filter(|count| (1..=4).contains(count))?;
        let (digits, rest) = rest.split_at_checked(count)?;
        let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some(Element {
        tag: *tag,
        content,
        behind,
    })
}

fn time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.content).ok()?;
    let year = match element.tag {
        UTC_TIME if text.get(..2)? < LAST_CENTURY => "20",
        UTC_TIME => "19",
        GENERALIZED_TIME => "",
        _ => return None,
    };
    let text = format!("{year}{text}");
    let (date, time) = text.split_at_checked(8)?;
    Timestamp::parse_basic(&format!("{date}T{time}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn good_for(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_time_is_read_in_both_forms() {
        for (from, until, wanted) in [
            (
                (2020, 1, 2),
                (2049, 12, 31),
                ("2020-01-02T00:00:00Z", "2049-12-31T00:00:00Z"),
            ),
            (
                (1999, 6, 1),
                (2050, 1, 1),
                ("1999-06-01T00:00:00Z", "2050-01-01T00:00:00Z"),
            ),
        ] {
            let der = good_for(from, until);
            let read = of(&der).expect("it is one");
            assert_eq!(
                (read.from.to_rfc3339_secs(), read.until.to_rfc3339_secs()),
                (wanted.0.into(), wanted.1.into())
            );
            assert!(!is_version_1(&der));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0_usize..600, at in 0_usize..600, byte in any::<u8>()) {
            let mut der = good_for((2020, 1, 2), (2049, 12, 31));
            let place = at % der.len();
            der[place] = byte;
            der.truncate(cut);
            let _ = (of(&der), is_version_1(&der));
        }
    }
}
