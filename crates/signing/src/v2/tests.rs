use super::*;

const AWS: Signer<'static> = Signer {
    access_key_id: "AKIAIOSFODNN7EXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

fn secret() -> Secret {
    Secret::new(AWS.secret)
}

fn request<'a>(method: &'a str, path: &'a str, query: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request {
        method,
        host_bucket: None,
        path,
        query,
        headers,
    }
}

fn check(signature: &str, request: &Request<'_>) -> Result<(), Error> {
    let authorization = format!("AWS AKIAIOSFODNN7EXAMPLE:{signature}");
    let claim = Claim::from_authorization(&authorization)?.unwrap();
    claim.verify(request, &secret())
}

/// The examples of AWS's page.
#[test]
fn examples() {
    type Row = (&'static str, Option<&'static str>, Shape);
    type Shape = (&'static str, &'static str, &'static str, Lines);
    type Lines = &'static [(&'static str, &'static [u8])];
    let johnsmith = Some("johnsmith");
    let table: [Row; 7] = [
        (
            "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
            johnsmith,
            (
                "GET",
                "/photos/puppy.jpg",
                "",
                &[("date", b"Tue, 27 Mar 2007 19:36:42 +0000")],
            ),
        ),
        (
            "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
            johnsmith,
            (
                "PUT",
                "/photos/puppy.jpg",
                "",
                &[
                    ("content-type", b"image/jpeg"),
                    ("content-length", b"94328"),
                    ("date", b"Tue, 27 Mar 2007 21:15:45 +0000"),
                ],
            ),
        ),
        (
            "htDYFYduRNen8P9ZfE/s9SuKy0U=",
            johnsmith,
            (
                "GET",
                "/",
                "prefix=photos&max-keys=50&marker=puppy",
                &[("date", b"Tue, 27 Mar 2007 19:42:41 +0000")],
            ),
        ),
        (
            "c2WLPFtWHVgbEmeEG93a4cG37dM=",
            johnsmith,
            ("GET", "/", "acl", &[("date", b"Tue, 27 Mar 2007 19:44:46 +0000")]),
        ),
        (
            "ilyl83RwaSoYIEdixDQcA4OnAnc=",
            Some("static.johnsmith.net"),
            (
                "PUT",
                "/db-backup.dat.gz",
                "",
                &[
                    ("x-amz-meta-reviewedby", b"joe@johnsmith.net,jane@johnsmith.net"),
                    ("x-amz-acl", b" public-read "),
                    ("content-type", b"application/x-download"),
                    ("content-md5", b"4gJE4saaMU4BqNR0kLY+lw=="),
                    ("x-amz-meta-filechecksum", b"0x02661779"),
                    ("x-amz-meta-checksumalgorithm", b"crc32"),
                    ("content-encoding", b"gzip"),
                    ("date", b"Tue, 27 Mar 2007 21:06:08 +0000"),
                ],
            ),
        ),
        (
            "qGdzdERIC03wnaRNKh6OqZehG9s=",
            None,
            ("GET", "/", "", &[("date", b"Wed, 28 Mar 2007 01:29:59 +0000")]),
        ),
        (
            "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
            None,
            (
                "GET",
                "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
                "",
                &[("date", b"Wed, 28 Mar 2007 01:49:49 +0000")],
            ),
        ),
    ];
    for (signature, host_bucket, (method, path, query, headers)) in table {
        let request = Request {
            host_bucket,
            ..request(method, path, query, headers)
        };
        assert_eq!(check(signature, &request), Ok(()), "{request:?}");
        let other = Request {
            method: "DELETE",
            ..request
        };
        assert_eq!(check(signature, &other), Err(Error::Mismatch), "{request:?}");
    }
    let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
    let claim = Claim::from_query(query).unwrap().unwrap();
    assert_eq!(claim.expires(), Some(Timestamp::from_secs(1_175_139_620)));
    let request = Request {
        host_bucket: johnsmith,
        ..request("GET", "/photos/puppy.jpg", query, &[])
    };
    assert_eq!(claim.verify(&request, &secret()), Ok(()));
    assert_eq!(
        AWS.presign(&Request { query: "", ..request }, Timestamp::from_secs(1_175_139_620))
            .unwrap(),
        "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D"
    );
}

fn signed(text: &str) -> String {
    BASE64.encode(hmac_sha1(AWS.secret.as_bytes(), text.as_bytes()))
}

/// The text that is signed, of requests without a date.
#[test]
fn texts() {
    let table: &[(Request<'_>, &str)] = &[
        // A bucket is signed with the slash behind it by SDKs, whatever they send; others do without.
        (request("GET", "/bucket", "", &[]), "GET\n\n\n\n/bucket/"),
        (request("GET", "/bucket", "", &[]), "GET\n\n\n\n/bucket"),
        (request("GET", "/bucket/", "", &[]), "GET\n\n\n\n/bucket/"),
        (request("GET", "", "", &[]), "GET\n\n\n\n/"),
        (request("GET", "/b/%c3%bc", "", &[]), "GET\n\n\n\n/b/%C3%BC"),
        (request("GET", "/b/a//b/../c", "", &[]), "GET\n\n\n\n/b/a//b/../c"),
        // Parameters are decoded, sorted, and only some are signed.
        (
            request("PUT", "/b/k", "uploadId=x&partNumber=2", &[]),
            "PUT\n\n\n\n/b/k?partNumber=2&uploadId=x",
        ),
        (
            request("GET", "/b/", "prefix=a&acl&marker=b", &[]),
            "GET\n\n\n\n/b/?acl",
        ),
        (request("GET", "/b/", "%61cl", &[]), "GET\n\n\n\n/b/?acl"),
        (request("GET", "/b/", "acl=", &[]), "GET\n\n\n\n/b/?acl="),
        (
            request("GET", "/b/k", "response-content-type=a%2Fb%20c", &[]),
            "GET\n\n\n\n/b/k?response-content-type=a/b c",
        ),
        // Headers, also those in the query.
        (
            request(
                "PUT",
                "/b/k",
                "x-amz-acl=private&content-type=a%2Fb",
                &[("x-amz-meta-a", b"1")],
            ),
            "PUT\n\na/b\n\nx-amz-acl:private\nx-amz-meta-a:1\n/b/k",
        ),
        (
            request("PUT", "/b/k", "content-type=a%2Fb", &[("content-type", b"c/d")]),
            "PUT\n\nc/d\n\n/b/k",
        ),
        (
            request("PUT", "/b/k", "x-amz-security-token=a%2Bb", &[]),
            "PUT\n\n\n\nx-amz-security-token:a+b\n/b/k",
        ),
        (
            request("GET", "/b/k", "", &[("x-amz-date", b"then"), ("date", b"now")]),
            "GET\n\n\n\nx-amz-date:then\n/b/k",
        ),
    ];
    for (request, text) in table {
        assert_eq!(check(&signed(text), request), Ok(()), "{request:?} {text:?}");
    }
    // What is added to a signed request is noticed.
    for (request, text) in [
        (request("GET", "/b/k", "acl", &[]), "GET\n\n\n\n/b/k"),
        (request("GET", "/b/k", "%61cl", &[]), "GET\n\n\n\n/b/k"),
        (request("GET", "/b/k", "x-amz-acl=public-read", &[]), "GET\n\n\n\n/b/k"),
        (
            request("GET", "/b/k", "X%2Damz-acl=public-read", &[]),
            "GET\n\n\n\n/b/k",
        ),
        (
            request("GET", "/b/k", "", &[("x-amz-copy-source", b"/b/s")]),
            "GET\n\n\n\n/b/k",
        ),
        (request("GET", "/b/k/", "", &[]), "GET\n\n\n\n/b/k"),
        (request("GET", "/b//", "", &[]), "GET\n\n\n\n/b/"),
    ] {
        assert_eq!(
            check(&signed(text), &request),
            Err(Error::Mismatch),
            "{request:?} {text:?}"
        );
    }
}

#[test]
fn ambiguous_headers_are_refused() {
    for (query, headers) in [
        ("x-amz-acl=a&x-amz-acl=b", &[][..]),
        ("x-amz-acl=a&X-Amz-Acl=b", &[]),
        ("x-amz-acl=a", &[("x-amz-acl", &b"a"[..])]),
        ("x-amz-acl=a%0Ax-amz-b:c", &[]),
        ("content-type=a%0D%0Ab", &[]),
        ("acl=%FF", &[]),
        // Signed decoded, it would be the text of two parameters.
        ("response-content-disposition=attachment%26versionId%3DV", &[]),
        ("response-content-disposition=a%26acl", &[]),
    ] {
        let outcome = check(&signed(""), &request("GET", "/b/k", query, headers));
        assert!(matches!(outcome, Err(Error::Malformed(_))), "{query} {outcome:?}");
    }
}

#[test]
fn strangers() {
    for (query, stranger) in [
        ("", None),
        ("acl&prefix=a&x-id=GetObject", None),
        (
            "AWSAccessKeyId=a&Expires=1&Signature=s&x-amz-security-token=t&Content-Type=a",
            None,
        ),
        ("retention", None),
        ("anything", Some("anything")),
        ("ACL", Some("ACL")),
        ("%61nything=1", Some("anything")),
        ("expires=1", Some("expires")),
        ("uploadid=1", Some("uploadid")),
    ] {
        assert_eq!(
            request("GET", "/b/k", query, &[]).stranger().as_deref(),
            stranger,
            "{query}"
        );
    }
    assert!(OF_RESOURCE.is_sorted() && PLAIN.is_sorted());
}

#[test]
fn claims() {
    let good = signed("text");
    for authorization in [
        "AWS ".to_owned(),
        "AWS AKIA".to_owned(),
        "AWS :c2ln".to_owned(),
        "AWS AKIA:".to_owned(),
        "AWS AKIA:c2ln".to_owned(),
        format!("AWS AK IA:{good}"),
        format!("AWS {}:{good}", "A".repeat(129)),
        format!("AWS AKIA:{good}="),
    ] {
        let claim = Claim::from_authorization(&authorization);
        let wanted = if authorization.contains(':') {
            matches!(claim, Err(Error::Malformed(_)))
        } else {
            matches!(claim, Err(Error::HeaderV2))
        };
        assert!(wanted, "{authorization}");
    }
    for other in ["AWS4-HMAC-SHA256 Credential=a", "Basic AWS a:b", "AWS", "aws a:b", ""] {
        assert!(Claim::from_authorization(other).unwrap().is_none(), "{other}");
    }
    let good = good.replace('+', "%2B").replace('=', "%3D");
    let query = |id: &str, expires: &str, signature: &str| {
        Claim::from_query(&format!("AWSAccessKeyId={id}&Expires={expires}&Signature={signature}"))
    };
    assert!(query("AKIA", "1", &good).unwrap().is_some());
    for expires in ["", "-1", "1e3", "+1", "20260102T030405Z", "99999999999999999999"] {
        assert!(
            matches!(query("AKIA", expires, &good), Err(Error::ExpiresV2)),
            "{expires}"
        );
    }
    for missing in [
        "AWSAccessKeyId=a",
        "Signature=a",
        "AWSAccessKeyId=a&Signature=b",
        "Signature=a&Expires=1",
    ] {
        assert!(
            matches!(Claim::from_query(missing), Err(Error::Malformed(_))),
            "{missing}"
        );
    }
    for twice in PARAMETERS {
        let query = format!("AWSAccessKeyId=a&Expires=1&Signature={good}&{twice}=1");
        assert!(matches!(Claim::from_query(&query), Err(Error::Malformed(_))), "{query}");
    }
    assert!(Claim::from_query("Expires=1&X-Amz-Signature=0").unwrap().is_none());
}

#[test]
fn dates() {
    let at = Timestamp::from_secs(1_175_024_202);
    for text in [
        "Tue, 27 Mar 2007 19:36:42 GMT",
        "Tue, 27 Mar 2007 19:36:42 +0000",
        "Tue, 27 Mar 2007 21:36:42 +0200",
        "20070327T193642Z",
    ] {
        assert_eq!(parse_date(text.as_bytes()), Ok(at), "{text}");
    }
    for text in [
        "",
        "yesterday",
        "1175024202",
        "Tue, 27 Mar 2007",
        "2007-03-27T19:36:42Z",
    ] {
        assert_eq!(parse_date(text.as_bytes()), Err(Error::MalformedDate), "{text}");
    }
    assert_eq!(parse_date(b"\xff"), Err(Error::MalformedDate));
}

#[test]
fn policies() {
    let policy = b"eyJleHBpcmF0aW9uIjoiIn0=";
    let signature = AWS.sign_policy(policy);
    assert_eq!(verify_policy(policy, &signature, &secret()), Ok(()));
    assert_eq!(verify_policy(b"eyJ9", &signature, &secret()), Err(Error::Mismatch));
    assert!(matches!(verify_policy(policy, "", &secret()), Err(Error::Malformed(_))));
}
