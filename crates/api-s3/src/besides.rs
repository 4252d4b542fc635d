//! What a request does besides its operation, and the permissions for it.

use baleen_policy::Action;
use http::HeaderMap;

use crate::ops::Row;

/// Headers by which a write does more than to write.
const OF_WRITES: [(&str, Action); 4] = [
    ("x-amz-tagging", Action::S3PutObjectTagging),
    ("x-amz-object-lock-mode", Action::S3PutObjectRetention),
    ("x-amz-object-lock-retain-until-date", Action::S3PutObjectRetention),
    ("x-amz-object-lock-legal-hold", Action::S3PutObjectLegalHold),
];

/// The permissions that a request needs beside that of its row.
pub(crate) fn besides(row: &Row, headers: &HeaderMap) -> Vec<Action> {
    let value = |name: &str| headers.get(name).filter(|value| !value.is_empty());
    let mut needed = Vec::new();
    match row.action {
        Action::S3PutObject => {
            let asked = OF_WRITES.iter().filter(|(name, _)| value(name).is_some());
            needed.extend(asked.map(|(_, action)| *action));
        }
        // AWS, CreateBucket, "Permissions".
        Action::S3CreateBucket if wants_object_lock(headers) => {
            needed.extend([
                Action::S3PutBucketObjectLockConfiguration,
                Action::S3PutBucketVersioning,
            ]);
        }
        _ => {}
    }
    needed
}

fn wants_object_lock(headers: &HeaderMap) -> bool {
    let value = headers.get("x-amz-bucket-object-lock-enabled");
    value.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"false"))
}
