use super::*;

fn endpoint(url: &str, addressing: Addressing) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        region: RegionName::parse("us-east-1").unwrap(),
        addressing,
        auth: Auth::Keys(Credentials {
            access_key_id: "AKEXAMPLE".to_owned(),
            secret: Secret::new("canary"),
            session_token: None,
        }),
    }
}

fn target(url: &str, addressing: Addressing, bucket: &str, key: &str) -> (String, String) {
    let address = Address::new(endpoint(url, addressing)).unwrap();
    let Target { host, path } = address.object(&ObjectPath {
        bucket: BucketName::parse(bucket).unwrap(),
        key: ObjectKey::parse(key).unwrap(),
    });
    (host, path)
}

#[test]
fn buckets_stand_in_the_path_or_in_the_host() {
    use Addressing::{Path, VirtualHost};
    for (url, addressing, bucket, host, path) in [
        ("http://s:9000", Path, "box", "s:9000", "/box/k"),
        ("https://s", Path, "box", "s", "/box/k"),
        ("https://s:443/", Path, "box", "s", "/box/k"),
        ("http://s/base/", Path, "box", "s", "/base/box/k"),
        ("http://[::1]:9000", Path, "box", "[::1]:9000", "/box/k"),
        ("http://s:9000", VirtualHost, "box", "box.s:9000", "/k"),
        ("http://s:9000", VirtualHost, "b.ox", "b.ox.s:9000", "/k"),
        ("https://s", VirtualHost, "b.ox", "s", "/b.ox/k"),
    ] {
        assert_eq!(
            target(url, addressing, bucket, "k"),
            (host.to_owned(), path.to_owned()),
            "{url} {addressing:?}"
        );
    }
}

#[test]
fn a_bucket_alone_is_a_target_without_a_key() {
    let at = |addressing| {
        let address = Address::new(endpoint("http://s", addressing)).unwrap();
        address.bucket(&BucketName::parse("box").unwrap()).path
    };
    assert_eq!(at(Addressing::Path), "/box");
    assert_eq!(at(Addressing::VirtualHost), "/");
}

#[test]
fn keys_are_encoded_byte_by_byte_and_never_normalised() {
    for (key, path) in [
        ("a/../b", "/box/a/../b"),
        ("//x", "/box///x"),
        ("x/", "/box/x/"),
        ("%2e", "/box/%252e"),
        (".", "/box/."),
        ("a b+c", "/box/a%20b%2Bc"),
        ("ü?#", "/box/%C3%BC%3F%23"),
        ("\n\u{0}", "/box/%0A%00"),
    ] {
        assert_eq!(target("http://s", Addressing::Path, "box", key).1, path);
    }
}

#[test]
fn wrong_endpoints_are_refused() {
    for url in [
        "",
        "s3.example",
        "ftp://s",
        "http://user@s",
        "http://:secret@s",
        "http://s?x",
        "http://s/#y",
        "unix:/x",
    ] {
        assert!(Address::new(endpoint(url, Addressing::Path)).is_err(), "{url}");
    }
    assert!(Address::new(endpoint("http://127.0.0.1", Addressing::VirtualHost)).is_err());
    let mut broken = endpoint("http://s", Addressing::Path);
    let Auth::Keys(keys) = &mut broken.auth else {
        unreachable!()
    };
    keys.access_key_id = "a\nb".to_owned();
    assert!(Address::new(broken).is_err());
}

#[test]
fn debug_hides_the_secret() {
    let address = Address::new(endpoint("http://s", Addressing::Path)).unwrap();
    assert!(!format!("{address:?}").contains("canary"));
}

#[test]
fn queries_are_encoded() {
    assert_eq!(
        query(&[("uploads", ""), ("prefix", "a/b c&")]),
        "uploads=&prefix=a%2Fb%20c%26"
    );
}
