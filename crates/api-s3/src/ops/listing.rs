//! What both listings have in common.

use baleen_objects::ListEntry;
use baleen_objects::limits::LIST_KEYS_MAX;
use baleen_signing::encode_path;
use baleen_types::AccountId;
use s3s::dto::{CommonPrefix, EncodingType, Object, ObjectStorageClass};

use crate::convert::{checksum_algorithm, checksum_type, etag, owner, size, timestamp};
use crate::fault::Fault;

/// How keys are written into the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    AsTheyAre,
    /// `encoding-type=url`: keys may hold characters that XML 1.0 has no way to write.
    Url,
}

impl Spelling {
    pub(super) fn of(encoding: Option<&EncodingType>) -> Result<Self, Fault> {
        match encoding.map(EncodingType::as_str) {
            None | Some("") => Ok(Self::AsTheyAre),
            Some("url") => Ok(Self::Url),
            Some(_) => Err(Fault::invalid_argument("Invalid Encoding Method specified in Request.")),
        }
    }

    pub(super) fn write(self, text: &str) -> String {
        match self {
            Self::AsTheyAre => text.to_owned(),
            Self::Url => encode_path(text),
        }
    }
}

/// The page size as asked for, which is echoed, and as served.
pub(super) struct MaxKeys {
    pub(super) asked: i32,
    pub(super) effective: usize,
}

pub(super) fn max_keys(asked: Option<i32>) -> Result<MaxKeys, Fault> {
    let most = i32::try_from(LIST_KEYS_MAX).unwrap_or(i32::MAX);
    let asked = asked.unwrap_or(most).min(most);
    let effective = usize::try_from(asked)
        .map_err(|_| Fault::invalid_argument("Argument maxKeys must be an integer between 0 and 2147483647."))?;
    Ok(MaxKeys { asked, effective })
}

pub(super) fn contents(entries: Vec<ListEntry>, spelling: Spelling, owner_of_all: Option<AccountId>) -> Vec<Object> {
    let object = |entry: ListEntry| Object {
        checksum_algorithm: entry
            .checksum
            .as_ref()
            .map(|stored| vec![checksum_algorithm(stored.checksum.algorithm())]),
        checksum_type: entry.checksum.as_ref().map(checksum_type),
        e_tag: Some(etag(&entry.etag)),
        key: Some(spelling.write(entry.key.as_str())),
        last_modified: Some(timestamp(entry.modified)),
        owner: owner_of_all.map(owner),
        restore_status: None,
        size: Some(size(entry.size)),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
    };
    entries.into_iter().map(object).collect()
}

pub(super) fn common_prefixes(prefixes: &[String], spelling: Spelling) -> Option<Vec<CommonPrefix>> {
    let fold = |prefix: &String| CommonPrefix {
        prefix: Some(spelling.write(prefix)),
    };
    (!prefixes.is_empty()).then(|| prefixes.iter().map(fold).collect())
}
