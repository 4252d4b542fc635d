use super::*;

fn numbered(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|n| (format!("key{n}"), String::new()))
}

fn outcome(tags: impl IntoIterator<Item = (String, String)>) -> String {
    match Tags::of_object(tags) {
        Ok(_) => "taken".into(),
        Err(ObjectError::TooManyTags { limit }) => format!("more than {limit}"),
        Err(ObjectError::BadTag(fault)) => format!("{fault:?}"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn one_tag_at_under_and_over_its_limits() {
    let wide = "\u{10400}";
    for (key, value, expected) in [
        ("k".to_owned(), String::new(), "taken"),
        (String::new(), "v".into(), "Key"),
        ("k".repeat(128), "v".repeat(256), "taken"),
        ("k".repeat(129), "v".into(), "Key"),
        ("k".into(), "v".repeat(257), "Value"),
        // Characters, however many bytes or UTF-16 units each takes.
        ("ü".repeat(128), "ü".repeat(256), "taken"),
        (wide.repeat(128), wide.repeat(256), "taken"),
        (wide.repeat(129), String::new(), "Key"),
        ("a b+c-d=e.f_g:h/i@j1".into(), "a b+c-d=e.f_g:h/i@j1".into(), "taken"),
        ("ключ名前".into(), "\u{a0}٣\u{3000}".into(), "taken"),
        ("k!".into(), "v".into(), "Key"),
        ("k".into(), "v&".into(), "Value"),
        ("k".into(), "<v>".into(), "Value"),
        ("k\n".into(), "v".into(), "Key"),
        ("k".into(), "v\t".into(), "Value"),
        ("k\0".into(), "v".into(), "Key"),
        ("k".into(), "\u{1f40b}".into(), "Value"),
        ("aws:k".into(), "v".into(), "Reserved"),
        ("AwS:k".into(), "v".into(), "Reserved"),
        ("aws".into(), "aws:v".into(), "taken"),
        ("aüx".into(), "v".into(), "taken"),
        ("my:aws:k".into(), "v".into(), "taken"),
    ] {
        assert_eq!(outcome([(key.clone(), value.clone())]), expected, "{key:?} {value:?}");
    }
}

#[test]
fn their_number() {
    assert_eq!(outcome(numbered(0)), "taken");
    assert_eq!(outcome(numbered(10)), "taken");
    assert_eq!(outcome(numbered(11)), "more than 10");
    assert!(Tags::of_bucket(numbered(50)).is_ok());
    assert!(matches!(
        Tags::of_bucket(numbered(51)),
        Err(ObjectError::TooManyTags { limit: 50 })
    ));
}

#[test]
fn keys_are_told_apart_by_case_and_stand_once() {
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(outcome([tag("a", "1"), tag("A", "1")]), "taken");
    assert_eq!(outcome([tag("a", "1"), tag("b", "1"), tag("a", "2")]), "Duplicate");
}

/// Whatever is taken can be stored.
#[test]
fn the_longest_tags_fit_into_a_record() {
    let longest = |count: u32, value: usize| {
        let key = |n: u32| format!("{}{n:02}", "\u{10400}".repeat(126));
        (0..count)
            .map(move |n| (key(n), "\u{10400}".repeat(value)))
            .collect::<Vec<_>>()
    };
    assert!(matches!(
        Tags::of_bucket(longest(50, 256)),
        Err(ObjectError::BadTag(TagFault::Together))
    ));
    let tags = Tags::of_bucket(longest(50, 170)).unwrap();
    let record = BucketTagging::from(tags.clone());
    let bytes = baleen_meta::record::encode(&record).unwrap();
    assert!(bytes.len() <= baleen_meta::VALUE_BYTES_MAX, "{}", bytes.len());
    let read: BucketTagging = baleen_meta::record::decode(&bytes).unwrap();
    assert_eq!(Tags::from(read), tags);
    let of_object = Tags::of_object(longest(10, 256)).unwrap();
    assert!(
        of_object
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>()
            < 16 << 10
    );
}

#[test]
fn stored_bytes_of_bucket_tags_stay_as_they_are() {
    let tags = Tags::of_bucket([("a".to_owned(), "1".to_owned())]).unwrap();
    let bytes = baleen_meta::record::encode(&BucketTagging::from(tags)).unwrap();
    assert_eq!(&bytes[..], b"\x01\x01\x01a\x011");
}
