use super::*;

#[test]
fn headers() {
    use ByteRange::{Between, From, Suffix};
    for (header, range) in [
        ("bytes=0-0", Some(Between { first: 0, last: 0 })),
        ("bytes=5-", Some(From { first: 5 })),
        ("bytes=-5", Some(Suffix { bytes: 5 })),
        ("bytes=18446744073709551615-", Some(From { first: u64::MAX })),
        ("bytes=18446744073709551616-", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=+1-2", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("", None),
    ] {
        assert_eq!(ByteRange::parse(header), range, "{header}");
    }
}

#[test]
fn resolution() {
    for (header, length, served) in [
        ("bytes=0-9", 100, Some((0, 10))),
        ("bytes=90-200", 100, Some((90, 10))),
        ("bytes=100-", 100, None),
        ("bytes=99-", 100, Some((99, 1))),
        ("bytes=-10", 100, Some((90, 10))),
        ("bytes=-200", 100, Some((0, 100))),
        ("bytes=-0", 100, None),
        ("bytes=0-", 0, None),
        ("bytes=-1", 0, None),
        ("bytes=0-18446744073709551615", 7, Some((0, 7))),
    ] {
        let got = ByteRange::parse(header).unwrap().resolve(length);
        assert_eq!(
            got,
            served.map(|(first, length)| ServedRange { first, length }),
            "{header} of {length}"
        );
    }
}
