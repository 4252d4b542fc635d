//! The first shape of a file: why it was lost was not stored.

use super::{StoredFile, StoredFileState};
use baleen_meta::record::first_version;
use serde::{Deserialize, Serialize};

/// A file as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFileV1 {
    object: String,
    upload: String,
    state: StoredFileState,
    packets_before: u64,
    bytes_before: u64,
    packets: u64,
    bytes: u64,
    dropped_until: u64,
    file_bytes: u64,
}
first_version!(StoredFileV1, "capture file");

impl From<StoredFileV1> for StoredFile {
    fn from(before: StoredFileV1) -> Self {
        Self {
            object: before.object,
            upload: before.upload,
            state: before.state,
            packets_before: before.packets_before,
            bytes_before: before.bytes_before,
            packets: before.packets,
            bytes: before.bytes,
            dropped_until: before.dropped_until,
            file_bytes: before.file_bytes,
            note: None,
        }
    }
}
