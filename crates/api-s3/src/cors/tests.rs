use super::*;

fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CorsRule {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    CorsRule {
        origins: own(origins),
        methods: own(methods),
        headers: own(headers),
        ..CorsRule::default()
    }
}

fn of(rules: Vec<CorsRule>) -> Cors {
    Cors { rules }
}

/// The document's first example: the second rule takes what the first does not.
fn example() -> Cors {
    of(vec![
        rule(&["http://www.example.com"], &["PUT", "POST", "DELETE"], &["*"]),
        rule(&["*"], &["GET"], &[]),
    ])
}

#[test]
fn the_first_rule_that_fits_counts() {
    for (origin, method, headers, allowed) in [
        (
            "http://www.example.com",
            "PUT",
            vec!["x-any", "Content-Type"],
            Some("http://www.example.com"),
        ),
        ("http://www.example.com", "GET", vec![], Some("*")),
        ("http://other.example", "GET", vec![], Some("*")),
        ("http://other.example", "GET", vec!["x-any"], None),
        ("http://other.example", "PUT", vec![], None),
        ("http://www.example.com.evil.example", "PUT", vec![], None),
        ("https://www.example.com", "PUT", vec![], None),
        ("null", "PUT", vec![], None),
        ("http://www.example.com", "HEAD", vec![], None),
    ] {
        let asked = Asked {
            origin,
            method,
            headers,
        };
        let answer = allow(&example(), &asked);
        let told = answer
            .as_ref()
            .map(|headers| headers[ACCESS_CONTROL_ALLOW_ORIGIN].to_str().unwrap());
        assert_eq!(told, allowed, "{origin} {method}");
    }
}

#[test]
fn credentials_go_to_origins_that_were_named_whole() {
    for (pattern, origin, credentials) in [
        ("https://a.example", "https://a.example", true),
        ("https://*.example", "https://a.example", false),
        ("*", "https://a.example", false),
    ] {
        let asked = Asked {
            origin,
            method: "GET",
            headers: Vec::new(),
        };
        let headers = allow(&of(vec![rule(&[pattern], &["GET"], &[])]), &asked).unwrap();
        assert_eq!(
            headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS),
            credentials,
            "{pattern}"
        );
        assert!(headers[VARY].to_str().unwrap().contains("Origin"));
    }
}

#[test]
fn one_wildcard_stands_for_any_text() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("http://*.example.com", "http://a.b.example.com", true),
        ("http://*.example.com", "http://.example.com", true),
        ("http://*.example.com", "http://example.com", false),
        ("ab*ba", "aba", false),
        ("x-amz-*", "x-amz-", true),
        ("x-amz-*", "x-am", false),
        ("exact", "exactly", false),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn nothing_is_kept_that_could_end_a_header() {
    let with = |change: fn(&mut CorsRule)| {
        let mut rule = rule(&["*"], &["GET"], &[]);
        change(&mut rule);
        check(&of(vec![rule])).err().map(|fault| fault.code)
    };
    assert_eq!(with(|_| {}), None);
    assert_eq!(
        with(|rule| rule.exposed = vec!["x-lyve-example".into(), "ETag".into()]),
        None
    );
    assert_eq!(with(|rule| rule.headers = vec!["x-*".into(), "*".into()]), None);
    let invalid = Some("InvalidRequest");
    assert_eq!(with(|rule| rule.exposed = vec!["a\r\nset-cookie: x".into()]), invalid);
    assert_eq!(with(|rule| rule.exposed = vec!["a\nb".into()]), invalid);
    assert_eq!(with(|rule| rule.exposed = vec!["*".into()]), invalid);
    assert_eq!(with(|rule| rule.exposed = vec![String::new()]), invalid);
    assert_eq!(with(|rule| rule.headers = vec!["a b".into()]), invalid);
    assert_eq!(with(|rule| rule.headers = vec!["*-*".into()]), invalid);
    assert_eq!(with(|rule| rule.origins = vec!["http://*.*".into()]), invalid);
    assert_eq!(with(|rule| rule.origins = vec!["http://a\r\nb".into()]), invalid);
    assert_eq!(with(|rule| rule.origins = vec!["http://ä".into()]), invalid);
    assert_eq!(with(|rule| rule.methods = vec!["PATCH".into()]), invalid);
    assert_eq!(with(|rule| rule.methods = vec!["get".into()]), invalid);
    let malformed = Some("MalformedXML");
    assert_eq!(with(|rule| rule.origins.clear()), malformed);
    assert_eq!(with(|rule| rule.methods.clear()), malformed);
    assert_eq!(with(|rule| rule.id = Some("i".repeat(256))), malformed);
    assert_eq!(with(|rule| rule.id = Some("i".repeat(255))), None);
    let many = |count| check(&of(vec![rule(&["*"], &["GET"], &[]); count])).is_ok();
    assert_eq!([0, 1, 100, 101].map(many), [false, true, true, false]);
}

#[test]
fn a_preflight_says_what_it_is_about() {
    let headers = |pairs: &[(&'static str, &'static str)]| {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect::<HeaderMap>()
    };
    let whole = headers(&[
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-a, ,X-B"),
    ]);
    assert_eq!(Asked::preflight(&whole).unwrap().headers, ["x-a", "X-B"]);
    for lacking in [
        headers(&[("access-control-request-method", "PUT")]),
        headers(&[("origin", "https://a.example")]),
        headers(&[
            ("origin", "https://a.example"),
            ("access-control-request-method", "TRACE"),
        ]),
    ] {
        assert_eq!(
            Asked::preflight(&lacking).err().unwrap().status,
            StatusCode::BAD_REQUEST
        );
    }
    let bucket = || BucketName::parse("bucket").ok();
    assert!(Page::of(&headers(&[]), &Method::GET, bucket).is_none());
    assert!(Page::of(&whole, &Method::GET, bucket).is_some());
    assert!(Page::of(&whole, &Method::OPTIONS, bucket).is_none());
}
