use super::*;

#[test]
fn paths() {
    for (text, fits) in [
        ("", true),
        ("/", true),
        ("/a/", true),
        ("//", true),
        ("/a/b c/", false),
        ("a/", false),
        ("/a", false),
        ("/ä/", false),
        (&format!("/{}/", "a".repeat(510)), true),
        (&format!("/{}/", "a".repeat(511)), false),
    ] {
        assert_eq!(Path::parse(text).is_ok(), fits, "{text}");
    }
}

#[test]
fn policy_arns() {
    let parsed = |text: &str| {
        PolicyArn::parse(text)
            .map(|a| (a.account.is_some(), a.path.0, a.name.0))
            .ok()
    };
    let own = "arn:aws:iam::123456789012:policy/";
    for (text, expected) in [
        ("arn:aws:iam::000000000000:policy/Some", Some((false, "/", "Some"))),
        (&format!("{own}Some"), Some((true, "/", "Some"))),
        (&format!("{own}a/b/Some"), Some((true, "/a/b/", "Some"))),
        (&format!("{own}/Some"), Some((true, "//", "Some"))),
        (own, None),
        (&format!("{own}a/"), None),
        (&format!("{own}a b"), None),
        ("arn:aws:iam::12345678901:policy/Some", None),
        ("arn:aws:iam::aws:policy/Some", None),
        ("arn:aws:iam:x:123456789012:policy/Some", None),
        ("arn:aws:iam::123456789012:role/Some", None),
        ("Some", None),
        ("", None),
    ] {
        let expected = expected.map(|(known, path, name)| (known, path.to_owned(), name.to_owned()));
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn tags() {
    let one = |key: &str, value: &str| Tags::parse(vec![(key.to_owned(), value.to_owned())]).is_ok();
    for (key, value, fits) in [
        ("a", "", true),
        ("", "a", false),
        ("Kostenträger", "Süd 4", true),
        (&"k".repeat(128), &*"v".repeat(256), true),
        (&"k".repeat(129), "v", false),
        ("k", &*"v".repeat(257), false),
        ("aws:x", "v", false),
        ("AWS:x", "v", false),
        ("awsx", "v", true),
        ("k\n", "v", false),
        ("k", "<v>", false),
    ] {
        assert_eq!(one(key, value), fits, "{key:?} {value:?}");
    }
    let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect::<Vec<_>>();
    assert!(Tags::parse(many(50)).is_ok());
    assert!(Tags::parse(many(51)).is_err());
}
