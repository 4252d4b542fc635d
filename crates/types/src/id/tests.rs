use super::*;

#[test]
fn hex_ids_have_one_spelling() {
    let text = "cc20c2d6c62e11ecbe646b173af3b6b9";
    assert_eq!(CaptureId::parse(text).unwrap().to_string(), text);
    for wrong in [
        "",
        "cc20",
        &text.to_uppercase(),
        &format!("{text}0"),
        "zz20c2d6c62e11ecbe646b173af3b6b9",
    ] {
        assert!(CaptureId::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn decimal_ids_have_twelve_digits() {
    assert_eq!(AccountId::parse("100000000288").unwrap().to_string(), "100000000288");
    for wrong in ["", "1", "10000000028", "1000000002888", "10000000028x"] {
        assert!(AccountId::parse(wrong).is_err(), "{wrong}");
    }
    for seed in [0, 1, 7, u64::MAX] {
        assert_eq!(AccountId::from_entropy(seed).to_string().len(), 12);
    }
}

#[test]
fn access_key_ids_are_bounded() {
    assert!(AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").is_ok());
    for wrong in ["", "short", "AKIA IOSFODNN7EXAMPLE", &"A".repeat(129)] {
        assert!(AccessKeyId::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn keys_of_sessions_have_a_form_of_their_own() {
    for (id, is_of_session) in [
        ("STX000000000000000000000", true),
        ("STX00000000000000000000", false),
        ("STX0000000000000000000000", false),
        ("stx000000000000000000000", false),
        ("AKIAIOSFODNN7EXAMPLE", false),
    ] {
        assert_eq!(AccessKeyId::parse(id).unwrap().is_of_session(), is_of_session, "{id}");
    }
}

#[test]
fn decimal_ids_come_back_from_their_numbers() {
    for (number, fits) in [
        (0, true),
        (999_999_999_999, true),
        (1_000_000_000_000, false),
        (u64::MAX, false),
    ] {
        let id = AccountId::from_u64(number);
        assert_eq!(id.is_ok(), fits, "{number}");
        assert!(id.is_ok_and(|id| id.as_u64() == number && AccountId::parse(&id.to_string()).unwrap() == id) == fits);
    }
}
