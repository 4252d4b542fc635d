//! Every condition key gets its value from some door, or stands in the list of those that get none yet: a Deny on a key that
//! nobody sets never fires.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use baleen_policy::{Key, TagFamily};
use std::path::Path;

/// Keys that no door sets. A Deny on one of them with a positive operator holds nobody; who sets one takes it from here.
const NOT_YET: &[&str] = &[
    "S3XAmzContentSha256",
    "S3LocationConstraint",
    "CaptureSite",
    "CaptureDestination",
    "CaptureType",
];

fn read_all(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_key_has_a_setter() {
    let mut doors = String::new();
    for door in ["api-s3", "api-iam", "api-capture"] {
        read_all(&Path::new("..").join(door).join("src"), &mut doors);
    }
    let words: Vec<&str> = doors.split(|c: char| !c.is_alphanumeric() && c != ':').collect();
    let keys = Key::ALL.iter().map(|key| ("Key", format!("{key:?}")));
    let families = TagFamily::ALL.iter().filter(|family| **family != TagFamily::Principal);
    let families = families.map(|family| ("TagFamily", format!("{family:?}")));
    for (list, name) in keys.chain(families) {
        let setter = format!("{list}::{name}");
        let is_set = words.iter().any(|word| word.trim_end_matches(':') == setter);
        let is_owed = NOT_YET.contains(&&name[..]);
        assert!(
            is_set != is_owed,
            "{setter}: set by a door {is_set}, on the list {is_owed}"
        );
    }
}
