use super::*;
use proptest::prelude::*;

fn check(query: &str, form: &str) -> Result<Vec<(String, String)>, String> {
    let params = Params::parse(query, form.as_bytes()).map_err(|fault| fault.message().to_owned())?;
    Ok(params.values.into_iter().collect())
}

#[test]
fn pairs_of_query_and_form() {
    for (query, form, expected) in [
        ("", "", &[][..]),
        ("A=1", "B=2", &[("A", "1"), ("B", "2")]),
        ("", "A=a+b%2Bc", &[("A", "a b+c")]),
        ("A=a%26b%3d", "", &[("A", "a&b=")]),
        ("", "A=b=c", &[("A", "b=c")]),
        ("", "A&B=&&C=1&", &[("A", ""), ("B", ""), ("C", "1")]),
        ("", "%41=%C3%A9", &[("A", "é")]),
        ("", "a=1&A=2", &[("A", "2"), ("a", "1")]),
        ("", "A=%0A%09%0D", &[("A", "\n\t\r")]),
    ] {
        let pairs = check(query, form).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, expected, "{query} {form}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (query, form, why) in [
        ("A=1", "A=1", "more than once"),
        ("A=1&A=2", "", "more than once"),
        ("", "A=1&%41=2", "more than once"),
        ("", "A&A", "more than once"),
        ("", "A=%", "percent sign"),
        ("", "A=%4", "percent sign"),
        ("", "A=%zz", "percent sign"),
        ("", "%+1=2", "percent sign"),
        ("", "A=%C3", "UTF-8"),
        ("", "A=%ED%A0%80", "UTF-8"),
        ("", "%FF=1", "UTF-8"),
        ("", "A=%00", "control character"),
        ("", "A=%EF%BF%BE", "control character"),
        ("", "A=%7F", "control character"),
    ] {
        let message = check(query, form).unwrap_err();
        assert!(message.contains(why), "{query} {form}: {message}");
    }
}

#[test]
fn numbers_and_names_are_bounded() {
    let many = |n: usize| (0..n).map(|n| format!("p{n}=")).collect::<Vec<_>>().join("&");
    assert!(check("", &many(PARAMETERS_MAX)).is_ok());
    assert!(check("", &many(PARAMETERS_MAX + 1)).unwrap_err().contains("512"));
    assert!(check("", &"n".repeat(PARAMETER_NAME_BYTES_MAX)).is_ok());
    assert!(check("", &"n".repeat(PARAMETER_NAME_BYTES_MAX + 1)).is_err());
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(query in ".{0,64}", form in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = Params::parse(&query, &form);
    }

    #[test]
    fn what_a_client_encodes_comes_back(name in "[a-zA-Z.0-9]{1,20}", value in "[^\\p{Cc}\u{fffe}\u{ffff}]{0,40}") {
        let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
        let params = Params::parse("", format!("{name}={encoded}").as_bytes()).unwrap();
        prop_assert_eq!(params.get(&name), Some(value.as_str()));
    }
}
