use super::*;

fn answer(page: Option<&str>, status: StatusCode) -> Answer {
    Answer {
        bucket: "bucket".to_owned(),
        key: "a b&<c".to_owned(),
        location: "http://h/bucket/a%20b%26%3Cc".to_owned(),
        page: page.map(str::to_owned),
        status,
    }
}

fn put() -> Response {
    let mut response = Response::default();
    response.headers_mut().insert(ETAG, HeaderValue::from_static("\"e\""));
    response
}

#[test]
fn pages() {
    for (page, is) in [
        ("http://example.com", true),
        ("https://example.com/a?b=c#d", true),
        ("", false),
        ("/relative", false),
        ("javascript:alert(1)", false),
        ("ftp://example.com/", false),
        ("http://", false),
        ("http://example.com/\r\nSet-Cookie: a=b", false),
    ] {
        assert_eq!(is_page(page), is, "{page}");
    }
    let query = "bucket=bucket&key=a%20b%26%3Cc&etag=%22e%22";
    for (page, location) in [
        ("http://e/", format!("http://e/?{query}")),
        ("http://e/?a=b", format!("http://e/?a=b&{query}")),
        ("http://e/p#f", format!("http://e/p?{query}#f")),
    ] {
        let response = answer(Some(page), StatusCode::OK).dress(put());
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[LOCATION], location);
    }
}

#[test]
fn documents_are_escaped() {
    assert_eq!(
        answer(None, StatusCode::CREATED).document("\"e\""),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>http://h/bucket/a%20b%26%3Cc</Location>\
         <Bucket>bucket</Bucket><Key>a b&amp;&lt;c</Key><ETag>&quot;e&quot;</ETag></PostResponse>"
    );
}

#[test]
fn what_failed_is_left_as_it_is() {
    let mut failed = Response::default();
    *failed.status_mut() = StatusCode::FORBIDDEN;
    let response = answer(Some("http://e/"), StatusCode::OK).dress(failed);
    assert_eq!(
        (response.status(), response.headers().len()),
        (StatusCode::FORBIDDEN, 0)
    );
}
