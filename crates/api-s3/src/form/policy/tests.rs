use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<PostPolicy, Fault> {
    PostPolicy::parse(&BASE64.encode(text))
}

fn conditions(list: &str) -> String {
    format!(r#"{{"expiration": "2026-01-02T04:00:00.000Z", "conditions": [{list}]}}"#)
}

/// The policies of seed 004 and of AWS's pages, with the comma that is none of JSON.
#[test]
fn examples() {
    let policy = parse(
        r#"{ "expiration": "2007-12-01T12:00:00.000Z",
"conditions": [
{"acl": "public-read" },
{"bucket": "mybucket" },
["starts-with", "$key", "user/paul/"],
]
}"#,
    )
    .unwrap();
    let equals = |field: &str, value: &str| Condition::Equals {
        field: field.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        policy.expiration,
        Timestamp::parse_rfc3339("2007-12-01T12:00:00Z").unwrap()
    );
    assert_eq!(
        policy.conditions,
        [
            equals("acl", "public-read"),
            equals("bucket", "mybucket"),
            Condition::StartsWith {
                field: "key".to_owned(),
                prefix: "user/paul/".to_owned(),
            },
        ]
    );
    let policy = parse(&conditions(
        r#"["eq", "$acl", "public-read"], ["content-length-range", 1048576, "10485760"],
           {"success_action_status": 201}, ["EQ", "$X-Amz-Meta-A", "a\$b\v\\\"c\u00fc"]"#,
    ))
    .unwrap();
    assert_eq!(
        policy.conditions,
        [
            equals("acl", "public-read"),
            Condition::Length {
                least: 1_048_576,
                most: 10_485_760,
            },
            equals("success_action_status", "201"),
            equals("x-amz-meta-a", "a$b\u{b}\\\"cü"),
        ]
    );
    for text in [
        r#"["eq", "$key", "a,]"]"#,
        r#"["eq", "$key", "a,]" , ] , "#,
        r#"["eq", "$key", "a,]"],"#,
    ] {
        let parsed = parse(&conditions(text)).unwrap();
        assert_eq!(parsed.conditions, [equals("key", "a,]")], "{text}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"expiration": "2026-01-02T04:00:00Z"}"#,
        r#"{"conditions": []}"#,
        r#"{"expiration": "soon", "conditions": []}"#,
        r#"{"expiration": 1, "conditions": []}"#,
        r#"{"expiration": "2026-01-02T04:00:00Z", "conditions": {}}"#,
        r#"{"expiration": "2026-01-02T04:00:00Z", "conditions": [], "more": 1}"#,
        r#"{"expiration": "2026-01-02T04:00:00Z", "conditions": []} more"#,
        &conditions("[]"),
        &conditions(r#""key""#),
        &conditions(r#"["eq", "key", "a"]"#),
        &conditions(r#"["eq", "$key"]"#),
        &conditions(r#"["eq", "$key", "a", "b"]"#),
        &conditions(r#"["eq", "$key", null]"#),
        &conditions(r#"["eq", "$key", ["a"]]"#),
        &conditions(r#"["ends-with", "$key", "a"]"#),
        &conditions(r#"["content-length-range", -1, 2]"#),
        &conditions(r#"["content-length-range", 1.5, 2]"#),
        &conditions(r#"["content-length-range", 1, 18446744073709551616]"#),
        &conditions(r#"["starts-with", "$bucket", ""]"#),
        &conditions(r#"["starts-with", "$X-Amz-Credential", ""]"#),
        &conditions(r#"{"key": {"a": "b"}}"#),
        &conditions(&"[".repeat(5000)),
        &conditions(r#"["eq", "$key", "\"#),
    ] {
        let refused = parse(text).map_err(|fault| fault.code);
        assert_eq!(refused, Err("InvalidPolicyDocument"), "{text}");
    }
    for encoded in ["not base64", "/w==", "eyJ"] {
        let refused = PostPolicy::parse(encoded).map_err(|fault| fault.code);
        assert_eq!(refused, Err("InvalidPolicyDocument"), "{encoded}");
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(text in r#"[\[\]{},":$a-z\\0-9 ]{0,60}"#) {
        let _ = parse(&text);
        let _ = parse(&conditions(&text));
    }

    /// JSON is left as it is.
    #[test]
    fn json_means_what_it_means(texts in proptest::collection::vec(".{0,12}", 0..5)) {
        let document = serde_json::to_string(&texts).unwrap();
        let read: Vec<String> = serde_json::from_str(&as_json(&document)).unwrap();
        prop_assert_eq!(read, texts);
    }
}
