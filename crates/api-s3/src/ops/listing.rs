//! What both listings have in common.

use baleen_objects::ListEntry;
use baleen_objects::limits::LIST_KEYS_MAX;
use baleen_signing::encode_path;
use baleen_types::AccountId;
use bytes::Bytes;
use s3s::S3Response;
use s3s::dto::{CommonPrefix, EncodingType, Object};
use std::fmt::Write as _;

use crate::fault::Fault;
use crate::xml::push_name;

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
            None => Ok(Self::AsTheyAre),
            Some("url") => Ok(Self::Url),
            Some(_) => {
                Err(Fault::invalid_argument("Invalid Encoding Method specified in Request")
                    .of_argument("encoding-type"))
            }
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
    let effective = usize::try_from(asked).map_err(|_| out_of_range("maxKeys"))?;
    Ok(MaxKeys { asked, effective })
}

/// The refusal of a count that is negative.
pub(super) fn out_of_range(argument: &'static str) -> Fault {
    let message = format!("Argument {argument} must be an integer between 0 and 2147483647");
    Fault::invalid_argument(message).of_argument(argument)
}

/// The objects of a page, written out. The codec would make a thousand structs of twenty fields, and write each through four
/// layers; it writes one that is empty, and these go where that is. An extension of the answer.
#[derive(Clone)]
pub(crate) struct Rows {
    /// The rows, behind room for the beginning of the document: a page is 300 KiB, which are not to be copied once more.
    text: String,
    spelling: Spelling,
    /// As it is written of each object.
    owner: String,
    /// Room for the page, taken when it is no short one.
    room: usize,
}

/// What the codec makes of an object of which nothing is known.
const PLACE: &str = "<Contents></Contents>";

/// Room for a row with a short key.
const ROW_BYTES: usize = 320;

/// What a page of a few objects takes, with what stands before them.
const SHORT_PAGE_BYTES: usize = 16 * 1024;

/// Room for what stands before the rows, which may be a prefix and a token of a KiB each.
const HEAD_BYTES: usize = 4096;

impl Rows {
    /// Of a page of at most so many.
    pub(super) fn new(page: &MaxKeys, spelling: Spelling, owner_of_all: Option<AccountId>) -> Self {
        let owner = owner_of_all.map_or_else(String::new, |account| {
            format!("<Owner><DisplayName>{account}</DisplayName><ID>{account}</ID></Owner>")
        });
        Self {
            text: String::new(),
            spelling,
            owner,
            room: page.effective * ROW_BYTES,
        }
    }

    /// Writes one more.
    pub(super) fn push(&mut self, entry: &ListEntry<'_>) {
        let rows = &mut self.text;
        if rows.is_empty() {
            rows.extend(std::iter::repeat_n(' ', HEAD_BYTES));
        } else if rows.len() > SHORT_PAGE_BYTES {
            // A page that goes on is mostly full.
            rows.reserve(std::mem::take(&mut self.room));
        }
        rows.push_str("<Contents>");
        if let Some((algorithm, kind)) = entry.checksum {
            for piece in [
                "<ChecksumAlgorithm>",
                algorithm.as_str(),
                "</ChecksumAlgorithm><ChecksumType>",
                kind.as_str(),
                "</ChecksumType>",
            ] {
                rows.push_str(piece);
            }
        }
        rows.push_str("<ETag>&quot;");
        rows.push_str(entry.etag.as_str());
        rows.push_str("&quot;</ETag><Key>");
        match self.spelling {
            Spelling::AsTheyAre => push_name(entry.key, rows),
            // What is encoded so has nothing to escape.
            Spelling::Url => rows.push_str(&encode_path(entry.key)),
        }
        rows.push_str("</Key><LastModified>");
        entry.modified.push_rfc3339_millis(rows);
        rows.push_str("</LastModified>");
        rows.push_str(&self.owner);
        // Writing to a String does not fail.
        let _ = write!(rows, "<Size>{}</Size>", entry.size);
        rows.push_str("<StorageClass>STANDARD</StorageClass></Contents>");
    }

    /// What the codec is to write of them.
    pub(super) fn place(&self) -> Option<Vec<Object>> {
        (!self.text.is_empty()).then(|| vec![Object::default()])
    }

    /// Puts them into the document of the page. One that has no place for them stays what it is.
    pub(crate) fn put_into(self, document: &[u8]) -> Bytes {
        let place = document.windows(PLACE.len()).position(|here| here == PLACE.as_bytes());
        let Some(at) = place else {
            return Bytes::copy_from_slice(document);
        };
        let (before, behind) = (&document[..at], &document[at + PLACE.len()..]);
        let mut page = self.text.into_bytes();
        page.extend_from_slice(behind);
        let Some(from) = HEAD_BYTES
            .checked_sub(before.len())
            .filter(|_| page.len() >= HEAD_BYTES)
        else {
            return [before, page.get(HEAD_BYTES..).unwrap_or_default()].concat().into();
        };
        page[from..HEAD_BYTES].copy_from_slice(before);
        Bytes::from(page).slice(from..)
    }
}

/// The answer of the codec with the rows beside.
pub(super) fn with_rows<T>(page: T, rows: Rows) -> S3Response<T> {
    let mut response = S3Response::new(page);
    response.extensions.insert(rows);
    response
}

pub(super) fn common_prefixes(prefixes: &[String], spelling: Spelling) -> Option<Vec<CommonPrefix>> {
    let fold = |prefix: &String| CommonPrefix {
        prefix: Some(spelling.write(prefix)),
    };
    (!prefixes.is_empty()).then(|| prefixes.iter().map(fold).collect())
}

#[cfg(test)]
mod tests {
    use baleen_objects::{ChecksumAlgorithm, ChecksumKind};
    use baleen_types::{ETag, Timestamp};
    use s3s::dto::{ChecksumAlgorithm as ChecksumAlgorithmName, ListObjectsV2Output};
    use s3s::xml::{Deserializer, Serialize as _, Serializer};

    use super::*;

    fn entry(key: &str, checksum: Option<(ChecksumAlgorithm, ChecksumKind)>) -> ListEntry<'_> {
        ListEntry {
            key,
            size: 1 << 40,
            etag: ETag::from_parts([0xab; 16], 3),
            modified: Timestamp::from_nanos(1_000_000_123_456_789),
            checksum,
        }
    }

    fn rows(entries: &[ListEntry<'_>], spelling: Spelling, owner: Option<AccountId>) -> Rows {
        let page = MaxKeys {
            asked: 1000,
            effective: 1000,
        };
        let mut rows = Rows::new(&page, spelling, owner);
        for entry in entries {
            rows.push(entry);
        }
        rows
    }

    /// The document as a client reads it.
    fn read(entries: &[ListEntry<'_>], spelling: Spelling, owner: Option<AccountId>) -> (String, Vec<Object>) {
        let rows = rows(entries, spelling, owner);
        let page = ListObjectsV2Output {
            contents: rows.place(),
            name: Some("bucket".to_owned()),
            key_count: Some(2),
            ..Default::default()
        };
        let mut document = Vec::new();
        page.serialize(&mut Serializer::new(&mut document)).unwrap();
        let document = rows.put_into(&document);
        let (mut objects, mut others) = (Vec::new(), Vec::new());
        let mut reader = Deserializer::new(&document);
        let read = reader.named_element("ListBucketResult", |reader| {
            reader.for_each_element(|reader, name| {
                if name == b"Contents" {
                    objects.push(reader.content::<Object>()?);
                } else {
                    others.push(reader.content::<String>()?);
                }
                Ok(())
            })
        });
        read.unwrap();
        assert_eq!(others, ["bucket", "2"]);
        (String::from_utf8(document.to_vec()).unwrap(), objects)
    }

    #[test]
    fn the_codec_reads_what_is_written() {
        let account = AccountId::parse("123456789012").unwrap();
        let stored = (ChecksumAlgorithm::Crc32c, ChecksumKind::FullObject);
        let keys = [
            "plain",
            "a&b<c>\"'d",
            "\ttab\nline\rend ",
            "ü/€/\u{1f40b}",
            "<Contents></Contents>",
        ];
        let entries: Vec<_> = keys.iter().map(|key| entry(key, None)).collect();
        let (document, found) = read(&entries, Spelling::AsTheyAre, None);
        let found: Vec<_> = found.iter().map(|object| object.key.as_deref().unwrap()).collect();
        assert_eq!(found, keys);
        assert!(!document.contains(PLACE));

        let (_, found) = read(&[entry("a b\u{1}", Some(stored))], Spelling::Url, Some(account));
        let [object] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(object.key.as_deref(), Some("a%20b%01"));
        assert_eq!(object.size, Some(1 << 40));
        assert_eq!(
            object.e_tag.as_ref().unwrap().value(),
            "abababababababababababababababab-3"
        );
        let modified = Timestamp::from_nanos(1_000_000_123_000_000).to_datetime();
        assert_eq!(object.last_modified, Some(modified.into()));
        let owner = object.owner.as_ref().unwrap();
        assert_eq!(owner.id.as_deref(), Some("123456789012"));
        assert_eq!(owner.display_name.as_deref(), Some("123456789012"));
        assert_eq!(object.storage_class.as_ref().unwrap().as_str(), "STANDARD");
        let algorithms = object.checksum_algorithm.as_ref().unwrap();
        assert_eq!(
            algorithms.iter().map(ChecksumAlgorithmName::as_str).collect::<Vec<_>>(),
            ["CRC32C"]
        );
        assert_eq!(object.checksum_type.as_ref().unwrap().as_str(), "FULL_OBJECT");

        assert_eq!(read(&[], Spelling::AsTheyAre, None).1, []);
        let (document, _) = read(&[], Spelling::AsTheyAre, None);
        assert!(!document.contains("Contents"));
    }

    /// Whether or not what stands before the rows has room before them.
    #[test]
    fn the_rows_stand_between_what_was_before_and_behind() {
        for before in [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1] {
            let before = "b".repeat(before);
            let rows = rows(&[entry("key", None)], Spelling::AsTheyAre, None);
            let row = rows.text.trim_start().to_owned();
            let page = rows.put_into(format!("{before}{PLACE}behind").as_bytes());
            assert_eq!(page, format!("{before}{row}behind"));
        }
    }

    #[test]
    fn what_xml_cannot_write_is_a_reference() {
        let rows = rows(&[entry("a\u{1}\u{0}b", None)], Spelling::AsTheyAre, None);
        assert!(rows.text.contains("<Key>a&#1;&#0;b</Key>"), "{}", rows.text);
    }
}
