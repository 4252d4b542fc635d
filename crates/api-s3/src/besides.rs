//! What a request does besides its operation, and the permissions for it.

use baleen_policy::Action;
use http::HeaderMap;
use http::header::IF_MATCH;

use crate::header;
use crate::locking;
use crate::ops::Row;

/// Headers by which a write does more than to write.
const OF_WRITES: [(&str, Action); 4] = [
    ("x-amz-tagging", Action::S3PutObjectTagging),
    (locking::MODE, Action::S3PutObjectRetention),
    (locking::RETAIN_UNTIL, Action::S3PutObjectRetention),
    (locking::LEGAL_HOLD, Action::S3PutObjectLegalHold),
];

/// The permissions that a request needs beside that of its row.
pub(crate) fn besides(row: &Row, headers: &HeaderMap) -> Vec<Action> {
    let value = |name: &'static str| header::value(headers, name).filter(|value| !value.is_empty());
    let mut needed = Vec::new();
    match row.action {
        Action::S3PutObject => {
            let asked = OF_WRITES.iter().filter(|(name, _)| value(name).is_some());
            needed.extend(asked.map(|(_, action)| *action));
            needed.extend(gives_a_list(headers).then_some(Action::S3PutObjectAcl));
        }
        // AWS, CreateBucket, "Permissions".
        Action::S3CreateBucket => {
            if wants_object_lock(headers) {
                needed.extend([
                    Action::S3PutBucketObjectLockConfiguration,
                    Action::S3PutBucketVersioning,
                ]);
            }
            if value("x-amz-object-ownership").is_some() {
                needed.push(Action::S3PutBucketOwnershipControls);
            }
            needed.extend(gives_a_list(headers).then_some(Action::S3PutBucketAcl));
        }
        // AWS, GetObjectAttributes, "Permissions".
        Action::S3GetObjectAttributes => needed.push(Action::S3GetObject),
        _ => {}
    }
    // Who may not read an object does not learn its tag by guessing (AWS, "Conditional writes", "Conditional deletes").
    let writes = matches!(row.action, Action::S3PutObject | Action::S3DeleteObject);
    if writes && value(IF_MATCH.as_str()).is_some_and(|tag| tag != "*") {
        needed.push(Action::S3GetObject);
    }
    needed
}

/// Whether an access control list comes with it that gives somebody something; clients send the others unasked.
fn gives_a_list(headers: &HeaderMap) -> bool {
    const NOTHING: [&[u8]; 3] = [b"private", b"bucket-owner-read", b"bucket-owner-full-control"];
    headers.iter().any(|(name, value)| match name.as_str() {
        "x-amz-acl" => !NOTHING.contains(&value.as_bytes()),
        name => name.starts_with("x-amz-grant-"),
    })
}

fn wants_object_lock(headers: &HeaderMap) -> bool {
    let value = headers.get("x-amz-bucket-object-lock-enabled");
    value.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"false"))
}
