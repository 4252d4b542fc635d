use super::*;

fn params(form: &str) -> Params {
    Params::parse("", form.as_bytes()).unwrap()
}

fn message<T>(result: Result<T, Fault>) -> String {
    result
        .err()
        .map_or_else(String::new, |fault| fault.message().to_owned())
}

#[test]
fn lengths_at_under_and_over_their_limits() {
    let wrong = "1 validation error detected: Value at 'policyArn' failed to satisfy constraint: Member must";
    for (form, why) in [
        (String::new(), format!("{wrong} not be null")),
        (
            format!("PolicyArn={}", "a".repeat(19)),
            format!("{wrong} have length greater than or equal to 20"),
        ),
        (format!("PolicyArn={}", "a".repeat(20)), String::new()),
        (format!("PolicyArn={}", "%C3%A9".repeat(2048)), String::new()),
        (
            format!("PolicyArn={}", "a".repeat(2049)),
            format!("{wrong} have length less than or equal to 2048"),
        ),
    ] {
        assert_eq!(
            message(params(&form).required("PolicyArn", &(20..=2048))),
            why,
            "{form}"
        );
    }
}

#[test]
fn numbers_and_flags() {
    for (text, number) in [("1", Some(1)), ("1000", Some(1000)), ("0007", Some(7))] {
        assert_eq!(params(&format!("N={text}")).number("N", &(1..=1000)).unwrap(), number);
    }
    for text in [
        "",
        "0",
        "1001",
        "-1",
        "+1",
        "1.0",
        "1e2",
        "4294967297",
        "99999999999999999999",
        "%201",
        "%D9%A3",
    ] {
        assert!(params(&format!("N={text}")).number("N", &(1..=1000)).is_err(), "{text}");
    }
    for (text, flag) in [("true", Some(true)), ("False", Some(false)), ("", None)] {
        assert_eq!(params(&format!("F={text}")).flag("F").unwrap(), flag);
    }
    assert!(params("F=yes").flag("F").is_err());
}

#[test]
fn lists() {
    for (form, expected) in [
        ("", Some(&[][..])),
        ("L=", Some(&[])),
        ("L.1=a&L.2=b", Some(&["a", "b"])),
        ("L.member.2=b&L.member.1=a", Some(&["a", "b"])),
        ("L.10=b&L.9=a", Some(&["a", "b"])),
        ("L.1=a&L.2=b&L.3=c", Some(&["a", "b", "c"])),
        ("L.1=a&L.2=b&L.3=c&L.4=d", None),
        ("L.1=a&L.member.1=b", None),
        ("L.0=a", None),
        ("L.01=a", None),
        ("L.1001=a", None),
        ("L.x=a", None),
        ("L.=a", None),
        ("L.1.Key=a", None),
        ("L.99999999999999999999=a", None),
    ] {
        let params = params(form);
        assert_eq!(params.members("L", 3).ok().as_deref(), expected, "{form}");
    }
}

#[test]
fn tags() {
    let tag = |n: usize, key: &str, value: &str| format!("Tags.member.{n}.Key={key}&Tags.member.{n}.Value={value}&");
    let check = |form: &str| message(params(form).tags());
    assert_eq!(check(&tag(1, "cost", "a%2Fb")), "");
    assert_eq!(
        check(&(1..=50).map(|n| tag(n, &format!("k{n}"), "")).collect::<String>()),
        ""
    );
    for form in [
        (1..=51).map(|n| tag(n, &format!("k{n}"), "")).collect::<String>(),
        tag(1, "", "v"),
        tag(1, "k", "v") + &tag(2, "K", "v"),
        "Tags.member.1.Key=k".to_owned(),
        "Tags.member.1.Value=k".to_owned(),
        "Tags.member.1.Key=k&Tags.member.2.Value=v".to_owned(),
        "Tags.member.1=k".to_owned(),
        "Tags.member.1.Key.2=k&Tags.member.1.Value=v".to_owned(),
    ] {
        assert!(check(&form).contains("'tags'"), "{form}: {}", check(&form));
    }
}

#[test]
fn two_names_of_one_parameter() {
    let text = |form: &str| {
        params(form)
            .either("CustomerName", "Name")
            .map(|(n, t)| (n, t.map(str::to_owned)))
    };
    assert_eq!(text("CustomerName=a").unwrap(), ("CustomerName", Some("a".to_owned())));
    assert_eq!(text("Name=a").unwrap(), ("Name", Some("a".to_owned())));
    assert_eq!(text("Name=a&CustomerName=a").unwrap().1.as_deref(), Some("a"));
    assert_eq!(text("").unwrap(), ("CustomerName", None));
    assert!(text("Name=a&CustomerName=b").is_err());
}
