use super::*;

fn parsed(uri: &str) -> Destination {
    Destination::parse(uri).unwrap_or_else(|e| panic!("{uri}: {e}"))
}

fn refused(uri: &str) -> String {
    match Destination::parse(uri) {
        Ok(to) => panic!("{uri} was taken as {to:?}"),
        Err(error) => error.why,
    }
}

#[test]
fn the_forms_of_the_source_pages() {
    let to = parsed("s3://test-bucket?region=us-east-1");
    assert_eq!((to.bucket().as_str(), to.directory()), ("test-bucket", ""));
    assert_eq!(to.region().map(RegionName::as_str), Some("us-east-1"));
    assert_eq!(to.shown(), "s3://test-bucket?region=us-east-1");

    let to = parsed("s3://bucket/a/b%20c/?region=eu-1&sse=AES256&endpoint=https%3A%2F%2Fminio.example%3A9000");
    assert_eq!(to.directory(), "a/b c");
    assert!(to.encrypt());
    assert_eq!(to.endpoint().map(Endpoint::as_str), Some("https://minio.example:9000"));
    assert_eq!(to.key("f.pcap").as_str(), "a/b c/f.pcap");
}

#[test]
fn the_stores_of_other_clouds() {
    let to = parsed("gs://evidence/case-17");
    assert_eq!(
        (to.store(), to.directory(), to.shown()),
        (&Store::Gs, "case-17", "gs://evidence/case-17")
    );
    let to =
        parsed("r2://evidence?account-id=0123456789ABCDEF0123456789abcdef&access-key-id=a&secret-access-key=CANARY");
    let Store::R2(account) = to.store() else {
        panic!("{to:?}")
    };
    assert_eq!(account.as_str(), "0123456789abcdef0123456789abcdef");
    assert_eq!(to.shown(), "r2://evidence?account-id=0123456789ABCDEF0123456789abcdef");
    assert!(to.keys().is_some_and(|keys| keys.id == "a"));
}

#[test]
fn keys_are_taken_and_never_shown() {
    let to = parsed("s3://bucket?access-key-id=AKIDCANARY&region=eu-1&secret-access-key=s/Ec+ret%2FCANARY");
    assert_eq!(to.shown(), "s3://bucket?region=eu-1");
    let keys = to.keys().expect("both keys were given");
    assert_eq!(
        (keys.id.as_str(), keys.secret.expose()),
        ("AKIDCANARY", "s/Ec+ret/CANARY")
    );
    assert!(!format!("{to:?} {to}").contains("s/Ec"));
    for half in ["s3://bucket?access-key-id=a", "s3://bucket?secret-access-key=CANARY"] {
        assert!(refused(half).contains("together"));
    }
    // A refusal never repeats what was sent, since the secret may stand in the wrong place.
    for uri in [
        "CANARY://bucket",
        "s3://CANARY@bucket",
        "s3://bucket?secret=CANARY",
        "s3://bucket?sse=CANARY",
        "s3://bucket?region=CANARY_",
    ] {
        assert!(!refused(uri).contains("CANARY"), "{uri}");
    }
}

#[test]
fn what_is_refused() {
    for (uri, word) in [
        ("", "expected"),
        ("bucket/dir", "expected"),
        ("r2://bucket", "account-id"),
        ("r2://bucket?account-id=1", "32 hex digits"),
        (
            "r2://bucket?account-id=..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..",
            "32 hex digits",
        ),
        (
            "r2://bucket?account-id=0123456789abcdef0123456789abcdef&region=auto",
            "r2:// knows account-id",
        ),
        ("gs://bucket?region=eu", "gs:// knows access-key-id"),
        ("gs://bucket?sse=AES256", "unknown member"),
        ("gs://bucket_with_underscores", "not valid"),
        (
            "s3://bucket?account-id=0123456789abcdef0123456789abcdef",
            "unknown member",
        ),
        (
            "https://bucket.s3.amazonaws.com",
            "only s3://, gs://, r2:// and azure://",
        ),
        ("S3://bucket", "only s3://, gs://, r2:// and azure://"),
        ("azure://account", "container"),
        ("azure://account/", "missing"),
        ("azure://Account/box", "3 to 24"),
        ("azure://ab/box", "3 to 24"),
        ("azure://evil.example/box", "3 to 24"),
        ("azure://account@evil/box", "3 to 24"),
        ("azure://account:80/box", "3 to 24"),
        ("azure://account/b.ox", "no dots"),
        ("azure://account/b--x", "hyphens"),
        ("azure://account/$web", "not valid"),
        ("azure://account/box/..", ".."),
        ("azure://account/box?access-key-id=a", "azure:// knows account-key, sas"),
        ("azure://account/box?endpoint=https://x", "azure:// knows"),
        ("azure://account/box?account-key=", "account-key: 1 to 256"),
        ("azure://account/box?sas=", "sas: 1 to 1024"),
        ("azure://account/box?account-key=a&sas=b", "one of them"),
        (
            "azure://account/box?sas=sv%3D1%26sig%3Da&sr=c",
            "unknown member sr in the query; sas is one value",
        ),
        (
            "azure://account/box?sas=se=2026&sp=cw&sig=a%2Fb",
            "percent-encode the signature, & as %26",
        ),
        (
            "azure://account/box?key=a",
            "unknown member key in the query; azure:// knows account-key, sas",
        ),
        ("s3://bucket?sas=a", "unknown member"),
        ("s3://", "the name of a bucket is missing"),
        ("s3:///dir", "missing"),
        ("s3://Bucket", "not valid"),
        ("s3://a", "the bucket name has 1 character; 3 to 63 are allowed"),
        ("s3://no/x", "the bucket name has 2 characters; 3 to 63 are allowed"),
        ("s3://192.168.1.1", "not valid"),
        ("s3://user:word@bucket", "user info"),
        ("s3://bucket/a/../b", ".."),
        ("s3://bucket/..", ".."),
        ("s3://bucket/%2e%2e/b", ".."),
        ("s3://bucket/a%2f..", ".."),
        ("s3://bucket/./b", ". or"),
        ("s3://bucket//b", "slash"),
        ("s3://bucket/a//b", "slash"),
        ("s3://bucket/a#frag", "fragment"),
        ("s3://bucket?region=a#frag", "fragment"),
        ("s3://bucket/a%0ab", "control"),
        ("s3://bucket/a b", "%20"),
        ("s3://bucket/a\tb", "%20"),
        ("s3://bucket/a%zz", "hex"),
        ("s3://bucket/a%", "hex"),
        ("s3://bucket/%ff", "UTF-8"),
        ("s3://bucket?regoin=eu", "unknown member regoin in the query"),
        ("s3://bucket?Se/cret=", "unknown member in the query"),
        ("s3://bucket?region=a&region=b", "twice"),
        ("s3://bucket?region=", "region"),
        ("s3://bucket?sse=aws:kms", "sse"),
        ("s3://bucket?endpoint=minio:9000", "only http"),
        ("s3://bucket?access-key-id=&secret-access-key=s", "visible"),
    ] {
        let why = refused(uri);
        assert!(why.contains(word), "{uri:?} answered {why:?}, without {word:?}");
    }
}

#[test]
fn lengths_at_their_limits() {
    let with_directory = |n: usize| Destination::parse(&format!("s3://bucket/{}", "d".repeat(n)));
    let longest = with_directory(DIRECTORY_BYTES_MAX).unwrap();
    assert!(longest.key(&"n".repeat(123)).as_str().len() == 1024);
    assert!(with_directory(DIRECTORY_BYTES_MAX + 1).is_err());
    let padded = |n: usize| {
        let start = "s3://bucket?endpoint=https://h/";
        Destination::parse(&format!("{start}{}", "/".repeat(n - start.len())))
    };
    assert!(padded(DESTINATION_BYTES_MAX + 1).unwrap_err().why.contains("at most"));
}

#[test]
fn sameness_is_scheme_bucket_and_directory() {
    let same = |a: &str, b: &str| parsed(a).identity() == parsed(b).identity();
    assert!(same("s3://bucket/dir?region=a", "s3://bucket/dir/?region=b&sse=AES256"));
    assert!(same("s3://bucket", "s3://bucket/"));
    assert!(same("s3://bucket/a%2Db", "s3://bucket/a-b"));
    assert!(!same("s3://bucket/dir", "s3://bucket/Dir"));
    assert!(!same("s3://bucket/dir", "s3://bucket"));
    assert!(!same("s3://bucket", "s3://bucket2"));
    assert!(!same("s3://bucket", "gs://bucket"));
    let r2 = "r2://bucket?account-id=0123456789abcdef0123456789abcdef";
    assert!(same(r2, &format!("{r2}&access-key-id=a&secret-access-key=b")));
    assert!(!same(r2, "s3://bucket"));
    let azure = "azure://account/bucket";
    assert!(same(azure, "azure://account/bucket/?account-key=YQ=="));
    assert!(!same(azure, "azure://accoun2/bucket"));
    assert!(!same(azure, "azure://account/bucket/dir"));
    assert!(!same("azure://account/bucket/dir", "s3://account/bucket/dir"));
}

#[test]
fn a_container_of_azure() {
    let to = parsed("azure://account/box/case%2017?sas=%3Fsv%3D2021%26sig%3Da%252Bb");
    assert_eq!(to.shown(), "azure://account/box/case%2017");
    let keys = to.keys().unwrap();
    assert_eq!((keys.id.as_str(), keys.secret.expose()), ("sas", "sv=2021&sig=a%2Bb"));
    assert_eq!(to.key("x").as_str(), "case 17/x");
    let keys = parsed("azure://account/box?account-key=a+/b==")
        .keys()
        .cloned()
        .unwrap();
    assert_eq!((keys.id.as_str(), keys.secret.expose()), ("account-key", "a+/b=="));
    assert!(!format!("{to:?}").contains("a%2Bb"));
    assert!(!refused("azure://account/box?sas=CANARY&sas=CANARY").contains("CANARY"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = Destination::parse(&text);
        let _ = Destination::parse(&format!("s3://bucket/{text}"));
        let _ = Destination::parse(&format!("s3://bucket?{text}"));
        let _ = Endpoint::parse(&text);
        let _ = EndpointRule::parse(&text);
    }

    #[test]
    fn what_is_shown_means_the_same(directory in "[a-z%/. ]{0,20}", region in "[a-z0-9-]{1,10}") {
        let uri = format!("s3://bucket/{directory}?region={region}&access-key-id=k&secret-access-key=s");
        if let Ok(to) = Destination::parse(&uri) {
            let again = Destination::parse(to.shown()).expect("what is shown can be read");
            proptest::prop_assert_eq!(again.identity(), to.identity());
            proptest::prop_assert!(again.keys().is_none());
        }
    }
}
