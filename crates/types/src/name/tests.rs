use super::*;

#[test]
fn bucket_names() {
    for good in ["abc", "a.b", "a-b-c", "123", &"a".repeat(63), "0ab.c-d9"] {
        assert!(BucketName::parse(good).is_ok(), "{good}");
    }
    let long = "a".repeat(64);
    for wrong in [
        "", "ab", &long, "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "10.0.0.1", "a/b", "a b", "ab\0", "äbc",
    ] {
        assert!(BucketName::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn object_keys_are_any_utf8_up_to_the_limit() {
    for good in ["a", "a/b", "/", "..", "a\0b", "\u{1F433}", &"k".repeat(1024)] {
        assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
    }
    assert!(ObjectKey::parse("").is_err());
    assert!(ObjectKey::parse("k".repeat(1025)).is_err());
    assert!(
        ObjectKey::parse("\u{1F433}".repeat(257)).is_err(),
        "the limit is in bytes, not characters"
    );
}

#[test]
fn user_names_compare_without_case() {
    assert_eq!(
        UserName::parse("Ann@example.com").unwrap(),
        UserName::parse("ann@EXAMPLE.com").unwrap()
    );
    for wrong in ["", "a b", "a/b", &"u".repeat(65)] {
        assert!(UserName::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_site_answers_to_its_name_and_its_group() {
    let site = SiteName::parse("ord02").unwrap();
    for (wanted, answers) in [
        ("ord02", true),
        ("ORD02", true),
        ("ORD", true),
        ("ord", true),
        ("ord03", false),
        ("o", false),
    ] {
        assert_eq!(site.answers_to(&SiteName::parse(wanted).unwrap()), answers, "{wanted}");
    }
    assert!(
        !SiteName::parse("42")
            .unwrap()
            .answers_to(&SiteName::parse("43").unwrap())
    );
}

#[test]
fn customer_names_are_kept_in_lower_case() {
    for good in ["abc", "0-9", "a--", &"c".repeat(63)] {
        assert_eq!(CustomerName::parse(good).unwrap().as_str(), good);
    }
    assert_eq!(CustomerName::parse("NEWCORP").unwrap().as_str(), "newcorp");
    for wrong in [
        "",
        "ab",
        &"c".repeat(64),
        "-ab",
        "a_b",
        "a.b",
        "a b",
        "a:b",
        "abc\0",
        "\u{212A}bc",
        "ÄBC",
    ] {
        assert!(CustomerName::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn root_names_have_two_forms() {
    for (text, reseller) in [("abc", None), ("r00t:abc", Some("r00t")), ("R00T:ABC", Some("r00t"))] {
        let name = RootName::parse(text).unwrap();
        assert_eq!(name.reseller.as_ref().map(CustomerName::as_str), reseller, "{text}");
        assert_eq!(name.customer.as_str(), "abc");
    }
    for wrong in ["", ":", ":abc", "abc:", "abc:abc:abc", "ab:abc", "abc:ab", "abc :abc"] {
        assert!(RootName::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn addresses_are_user_names_with_one_at_inside() {
    let longest = format!("{}@b", "a".repeat(62));
    for good in ["a@b", "a.b+c@example.com", &longest] {
        assert_eq!(EmailAddress::parse(good).unwrap().as_str(), good);
    }
    let long = format!("{}@b", "a".repeat(63));
    for wrong in ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\r\n", "<a@b>", &long] {
        assert!(EmailAddress::parse(wrong).is_err(), "{wrong}");
    }
}
