use super::*;
use baleen_http::ResponseBody;
use baleen_types::{AccountId, BucketName, RequestId};
use http::StatusCode;
use std::time::Duration;

/// The line of a request without its end, with these headers of request and answer.
fn line(
    method: Method,
    uri: &str,
    asked: &[(&str, &str)],
    told: &[(&str, &str)],
    about: About,
    ended: Ended,
) -> String {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in asked {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let heard = Heard::of(&head);
    let mut response = Response::new(ResponseBody::empty());
    for (name, value) in told {
        response.headers_mut().insert(
            http::HeaderName::try_from(*name).unwrap(),
            HeaderValue::try_from(*value).unwrap(),
        );
    }
    if ended.status.is_client_error() {
        response.extensions_mut().insert(ErrorCode("NoSuchKey".to_owned()));
    }
    Logged::new(&Arc::default(), about, heard, &response).line(&ended)
}

fn about(operation: &'static str, key: Option<&str>) -> About {
    About {
        source: Source {
            name: BucketName::parse("testlog").unwrap(),
            owner: AccountId::parse("100000000001").unwrap(),
            created: Timestamp::from_secs(1),
        },
        operation,
        key: key.map(str::to_owned),
    }
}

fn ended(status: u16, sent_bytes: u64) -> Ended {
    let peer = "[::1]:34178".parse().unwrap();
    Ended {
        at: Timestamp::parse_rfc3339("2020-02-12T20:28:02Z").unwrap(),
        id: RequestId::from_bytes([0xAB; 8]),
        origin: Origin {
            source: "::1".parse().unwrap(),
            peer,
            is_secure: false,
        },
        status: StatusCode::from_u16(status).unwrap(),
        sent_bytes,
        until_head: Duration::from_millis(274),
        until_end: Duration::from_millis(279),
    }
}

/// The examples of the source document, but for what they have of another server: who asks, ids, zone and TLS.
#[test]
fn lines_are_those_of_the_source_document() {
    let agent = ("user-agent", "aws-sdk-go/1.28.13 (go1.13.7; linux; amd64)");
    let whole = ("content-length", "125829120");
    let version = ("x-amz-version-id", "01E0XDYR0H0DA24AYE1DV1PK5S");
    let start = "100000000001 testlog [12/Feb/2020:20:28:02 +0000] \"[::1]:34178\" \"-\" \"ABABABABABABABAB\"";
    let end = "\"\" \"aws-sdk-go/1.28.13 (go1.13.7; linux; amd64)\"";
    for (method, operation, asked, told, sent, expected) in [
        (
            Method::PUT,
            "PutObject",
            vec![agent, whole],
            vec![version],
            0,
            "125829120 \"0\" 279 274 {end} 01E0XDYR0H0DA24AYE1DV1PK5S - - - - - \"-\"",
        ),
        (
            Method::HEAD,
            "HeadObject",
            vec![agent],
            vec![version, whole],
            0,
            "125829120 125829120 279 274 {end} 01E0XDYR0H0DA24AYE1DV1PK5S - - - - - \"-\"",
        ),
        (
            Method::GET,
            "GetObject",
            vec![agent],
            vec![("content-range", "bytes 0-9/125829120"), ("content-length", "10")],
            10,
            "10 125829120 279 274 {end} \"-\" - - - - - \"-\"",
        ),
        (
            Method::DELETE,
            "DeleteObject",
            vec![agent],
            vec![],
            0,
            "\"0\" \"0\" 279 274 {end} \"-\" - - - - - \"-\"",
        ),
    ] {
        let told = line(
            method,
            "/testlog/Everest",
            &asked,
            &told,
            about(operation, Some("Everest")),
            ended(200, sent),
        );
        let expected = expected.replace("{end}", end);
        assert_eq!(
            told,
            format!("{start} s3:{operation} \"Everest\" \"/testlog/Everest\" \"200\" \"-\" {expected}\n")
        );
    }
}

/// What a client has chosen stays in its field, and secrets stay out.
#[test]
fn nothing_ends_a_field_or_tells_a_secret() {
    let hostile = "a\" \"b\\ \u{e9}\n";
    let told = line(
        Method::GET,
        "/testlog/k?versionId=null&X-Amz-Signature=s3cr3t&x-amz-security-token=s3cr3t&%58-Amz-Credential=s3cr3t&Signature=s3cr3t\
         &AWSAccessKeyId=s3cr3t&Expires=1",
        &[("referer", "http://a/\"b\\"), ("user-agent", "\u{e9}\"")],
        &[],
        About {
            key: Some(hostile.to_owned()),
            ..about("GetObject", None)
        },
        ended(404, 120),
    );
    assert!(!told.contains("s3cr3t"), "{told}");
    assert_eq!(told.matches('\n').count(), 1);
    assert!(
        told.contains(" \"a%22%20%22b%5C%20%C3%A9%0A\" \"/testlog/k?versionId=null&X-Amz-Signature=-&"),
        "{told}"
    );
    assert!(
        told.contains("\"404\" \"NoSuchKey\" 120 \"0\" 279 274 \"http://a/\\\"b\\\\\" \"\\u{e9}\\\"\" null - "),
        "{told}"
    );
    let none = line(
        Method::GET,
        "/testlog?list-type=2",
        &[],
        &[],
        about("ListObjectsV2", None),
        ended(200, 5),
    );
    assert!(
        none.contains("s3:ListObjectsV2 \"-\" \"/testlog?list-type=2\" \"200\" \"-\" 5 \"0\""),
        "{none}"
    );
}
