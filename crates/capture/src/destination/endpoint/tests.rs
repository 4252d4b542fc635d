use super::*;

fn judge(rules: &[&str], endpoint: &str) -> Verdict {
    let rules = rules.iter().map(|r| EndpointRule::parse(r).unwrap()).collect();
    EndpointRules(rules).judge(&Endpoint::parse(endpoint).unwrap())
}

#[test]
fn addresses_of_stores() {
    for (text, shown) in [
        ("https://s3.example", "https://s3.example"),
        ("http://10.0.0.1:9000/", "http://10.0.0.1:9000"),
        ("HTTP://S3.Example:80", "http://s3.example"),
        ("https://[2001:db8::1]:9000", "https://[2001:db8::1]:9000"),
    ] {
        assert_eq!(Endpoint::parse(text).unwrap().as_str(), shown);
    }
    for wrong in [
        "",
        "s3.example",
        "ftp://s3.example",
        "https://u:p@s3.example",
        "https://s3.example/path",
        "https://s3.example?x",
        "https://s3.example/#f",
        "https://",
        "file:///etc/passwd",
    ] {
        assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn rules_decide() {
    use Verdict::{Allowed, AllowedIfPublic, Refused};
    for (rules, endpoint, verdict) in [
        (&[][..], "https://s3.example", Refused),
        (&["*"], "https://s3.example", AllowedIfPublic),
        (&["*"], "https://93.184.216.34", Allowed),
        (&["*"], "http://127.0.0.1:9000", Refused),
        (&["*"], "http://[::1]:9000", Refused),
        (&["*"], "http://[::ffff:127.0.0.1]", Refused),
        (&["*"], "http://[64:ff9b::a9fe:a9fe]", Refused),
        (&["*"], "http://[2002:7f00:1::]", Refused),
        // The URL standard reads these as 127.0.0.1 and 169.254.169.254.
        (&["*"], "http://2130706433", Refused),
        (&["*"], "http://0xa9.254.169.254", Refused),
        (&["*"], "http://169.254.169.254", Refused),
        (&["*"], "http://10.1.2.3", Refused),
        (&["*"], "http://0.0.0.0", Refused),
        (&["*"], "http://100.64.0.1", Refused),
        (&["127.0.0.1"], "http://127.0.0.1:9000", Allowed),
        (&["*", "127.0.0.0/8"], "http://127.0.0.1:9000", Allowed),
        (&["127.0.0.1:9000"], "http://127.0.0.1:9000", Allowed),
        (&["127.0.0.1:9000"], "http://127.0.0.1:9001", Refused),
        (&["10.1.0.0/16"], "http://10.2.0.1", Refused),
        (&["[::1]:9000"], "http://[::1]:9000", Allowed),
        (&["*.example.com"], "https://a.b.Example.com", AllowedIfPublic),
        (&["*.example.com"], "https://example.com", Refused),
        (&["*.example.com"], "https://evilexample.com", Refused),
        (&["minio.example"], "https://minio.example:9000", Allowed),
        (&["minio.example:443"], "https://minio.example", Allowed),
        (&["minio.example:443"], "http://minio.example", Refused),
        (&["localhost"], "http://localhost:9000", Allowed),
        (&["https://minio.example"], "https://minio.example", Allowed),
        (&["https://minio.example"], "https://minio.example:9000", Refused),
        (&["http://127.0.0.1:9000/"], "http://127.0.0.1:9000", Allowed),
        (&["http://127.0.0.1:9000/"], "http://127.0.0.1:9001", Refused),
    ] {
        assert_eq!(judge(rules, endpoint), verdict, "{rules:?} {endpoint}");
    }
}

#[test]
fn what_is_no_rule() {
    for wrong in [
        "",
        "https://a/path",
        "ftp://a",
        "*a.example",
        "a/b",
        "host:port",
        "a b",
        "10.0.0.0/40",
    ] {
        assert!(EndpointRule::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn addresses_that_a_general_rule_does_not_mean() {
    for special in [
        "198.18.0.1",
        "198.19.255.1",
        "192.0.0.8",
        "64:ff9b:1::1",
        "64:ff9b::127.0.0.1",
        "::127.0.0.1",
        "::10.0.0.1",
        "2001::1",
        "fec0::1",
        "feff::1",
    ] {
        assert!(is_special(special.parse().unwrap()), "{special}");
    }
    for usual in ["198.20.0.1", "192.0.1.1", "64:ff9b::8.8.8.8", "2001:4860::1", "2a00::1"] {
        assert!(!is_special(usual.parse().unwrap()), "{usual}");
    }
}
