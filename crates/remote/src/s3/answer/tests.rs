use super::*;
use baleen_types::{Classify, FaultKind};

fn kind(status: u16, code: &str) -> FaultKind {
    let body = match code {
        "" => String::new(),
        code => format!("<Error><Code>{code}</Code><Message>m</Message><RequestId>r</RequestId></Error>"),
    };
    let status = StatusCode::from_u16(status).unwrap();
    refuse(Operation::PutObject, status, &HeaderMap::new(), body.as_bytes())
        .error
        .kind()
}

#[test]
fn codes_go_before_statuses() {
    for (status, code, expected) in [
        (403, "AccessDenied", FaultKind::Denied),
        (400, "ExpiredToken", FaultKind::Denied),
        (403, "RequestTimeTooSkewed", FaultKind::Denied),
        (404, "NoSuchBucket", FaultKind::NotFound),
        (404, "", FaultKind::NotFound),
        (200, "InternalError", FaultKind::Unavailable),
        (200, "SlowDown", FaultKind::Throttled),
        (503, "SlowDown", FaultKind::Throttled),
        (503, "", FaultKind::Unavailable),
        (400, "RequestTimeout", FaultKind::Unavailable),
        (400, "BadDigest", FaultKind::Unavailable),
        (400, "EntityTooLarge", FaultKind::TooLarge),
        (412, "", FaultKind::Precondition),
        (409, "OperationAborted", FaultKind::Conflict),
        (301, "", FaultKind::Invalid),
        (400, "EntityTooSmall", FaultKind::Invalid),
        (501, "NotImplemented", FaultKind::Invalid),
        (429, "", FaultKind::Throttled),
        (507, "", FaultKind::Unavailable),
    ] {
        assert_eq!(kind(status, code), expected, "{status} {code}");
    }
}

#[test]
fn the_message_says_what_the_store_answered_and_nothing_else() {
    let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>does not\nmatch</Message><AWSAccessKeyId>AKCANARY</AWSAccessKeyId>\
                <StringToSign>canary</StringToSign><RequestId>42</RequestId></Error>";
    let error = refuse(
        Operation::UploadPart,
        StatusCode::FORBIDDEN,
        &HeaderMap::new(),
        body.as_bytes(),
    )
    .error;
    assert_eq!(
        error.to_string(),
        "the store answered UploadPart with 403 SignatureDoesNotMatch: does not match (request id 42)"
    );
}

#[test]
fn the_right_region_is_named() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-bucket-region", "eu-west-1".parse().unwrap());
    let error = refuse(Operation::PutObject, StatusCode::MOVED_PERMANENTLY, &headers, b"").error;
    assert!(error.to_string().contains("region eu-west-1"), "{error}");
    let body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>";
    let error = refuse(Operation::PutObject, StatusCode::BAD_REQUEST, &HeaderMap::new(), body).error;
    assert!(error.to_string().contains("region eu-north-1"), "{error}");
}

#[test]
fn pages_of_proxies_are_no_error_documents() {
    for body in ["<html><body>Bad gateway</body></html>", "nonsense", "", "{}", "<Error>"] {
        assert_eq!(ErrorDocument::read(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn long_texts_are_cut() {
    let body = format!("<Error><Code>X</Code><Message>{}</Message></Error>", "é".repeat(5000));
    let error = refuse(
        Operation::PutObject,
        StatusCode::BAD_REQUEST,
        &HeaderMap::new(),
        body.as_bytes(),
    )
    .error;
    assert_eq!(error.answer().unwrap().message.as_ref().unwrap().chars().count(), 300);
}

#[test]
fn the_wait_asked_for_is_taken_over() {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, "7".parse().unwrap());
    let failed = refuse(Operation::PutObject, StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
    assert_eq!(failed.retry_after, Some(Duration::from_secs(7)));
}
