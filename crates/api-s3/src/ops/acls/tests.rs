use super::*;
use http::HeaderValue;

fn outcome(headers: &[(&'static str, &str)], of: Of) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let owner = AccountId::parse("100000000001").unwrap();
    match of_headers(&map, of, owner) {
        Ok(None) => "none".to_owned(),
        Ok(Some(acl)) => acl
            .grants()
            .iter()
            .map(|grant| format!("{:?} {:?}", grant.to, grant.permission))
            .filter(|grant| !grant.contains("100000000001"))
            .collect::<Vec<_>>()
            .join(", "),
        Err(fault) => fault.code.to_owned(),
    }
}

#[test]
fn canned_lists() {
    for (name, bucket, object) in [
        ("private", "", ""),
        ("public-read", "Everyone Read", "Everyone Read"),
        (
            "public-read-write",
            "Everyone Read, Everyone Write",
            "Everyone Read, Everyone Write",
        ),
        ("authenticated-read", "AnyAccount Read", "AnyAccount Read"),
        ("bucket-owner-read", "InvalidArgument", ""),
        ("bucket-owner-full-control", "InvalidArgument", ""),
        (
            "log-delivery-write",
            "LogDelivery Write, LogDelivery ReadAcl",
            "InvalidArgument",
        ),
        ("aws-exec-read", "InvalidArgument", "InvalidArgument"),
        ("Public-Read", "InvalidArgument", "InvalidArgument"),
        ("", "InvalidArgument", "InvalidArgument"),
        ("private, public-read", "InvalidArgument", "InvalidArgument"),
    ] {
        assert_eq!(outcome(&[("x-amz-acl", name)], Of::Bucket), bucket, "{name}");
        assert_eq!(outcome(&[("x-amz-acl", name)], Of::Object), object, "{name}");
    }
}

#[test]
fn grants_in_headers() {
    const READ: &str = "x-amz-grant-read";
    let all = format!("uri=\"{EVERYONE}\"");
    let many = vec!["id=100000000002"; 101].join(",");
    for (value, expected) in [
        (all.as_str(), "Everyone Read"),
        (&format!("URI={ANY_ACCOUNT}"), "AnyAccount Read"),
        ("id=\"100000000001\"", ""),
        (&format!("id=100000000001 , {all}"), "Everyone Read"),
        ("id=\"someone\"", "InvalidArgument"),
        ("id=", "InvalidArgument"),
        ("", "InvalidArgument"),
        (",", "InvalidArgument"),
        ("uri=\"http://example.com\"", "InvalidArgument"),
        ("emailAddress=\"a@example.com\"", "UnresolvableGrantByEmailAddress"),
        ("who=\"1\"", "InvalidArgument"),
        (&many, "InvalidArgument"),
    ] {
        assert_eq!(outcome(&[(READ, value)], Of::Bucket), expected, "{value}");
    }
    let two = [(READ, &*all), ("x-amz-grant-write-acp", &*all)];
    assert_eq!(outcome(&two, Of::Object), "Everyone WriteAcl, Everyone Read");
    assert_eq!(outcome(&[], Of::Object), "none");
    let both = [("x-amz-acl", "private"), (READ, &*all)];
    assert_eq!(outcome(&both, Of::Object), "InvalidRequest");
}
