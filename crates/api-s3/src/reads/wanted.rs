//! What a request wants to have of an object, and how.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, HeaderName,
};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{ChecksumMode, Timestamp, TimestampFormat};

use crate::convert::{part_number_wanted, single};
use crate::fault::Fault;
use crate::query::pairs;

/// What the query and the headers say. Conditions and the range were taken off before.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) part: Option<i32>,
    pub(super) version: Option<String>,
    /// The stored checksum (`x-amz-checksum-mode: ENABLED`).
    pub(super) checksum: bool,
    /// Headers of the answer that the request chooses (AWS, GetObject, "Overriding response header values").
    pub(super) instead: Vec<(HeaderName, HeaderValue)>,
}

static CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");

/// Parameters which make another operation of a GET of an object.
const OTHERS: [&str; 7] = [
    "acl",
    "attributes",
    "legal-hold",
    "retention",
    "tagging",
    "torrent",
    "uploadId",
];

const INSTEAD: [(&str, HeaderName); 6] = [
    ("response-cache-control", CACHE_CONTROL),
    ("response-content-disposition", CONTENT_DISPOSITION),
    ("response-content-encoding", CONTENT_ENCODING),
    ("response-content-language", CONTENT_LANGUAGE),
    ("response-content-type", CONTENT_TYPE),
    ("response-expires", EXPIRES),
];

/// Whether a GET of an object with this query is none of its bytes.
pub(super) fn names_another(query: &str) -> bool {
    pairs(query).any(|(name, _)| OTHERS.contains(&&*name))
}

impl Wanted {
    pub(super) fn read(query: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let mut wanted = Self {
            checksum: single(headers, CHECKSUM_MODE.as_str())? == Some(ChecksumMode::ENABLED),
            ..Self::default()
        };
        for (name, value) in pairs(query) {
            let is_again = match &*name {
                "partNumber" => {
                    let number = value.parse();
                    let malformed = |_| part_number_wanted();
                    wanted.part.replace(number.map_err(malformed)?).is_some()
                }
                "versionId" => wanted.version.replace(value.into_owned()).is_some(),
                name => match INSTEAD.iter().find(|(known, _)| *known == name) {
                    None => false,
                    Some((_, header)) => {
                        let is_again = wanted.instead.iter().any(|(other, _)| other == header);
                        wanted.instead.push((header.clone(), chosen(header, &value)?));
                        is_again
                    }
                },
            };
            if is_again {
                return Err(Fault::invalid_request(format!(
                    "The parameter {name} stands more than once."
                )));
            }
        }
        Ok(wanted)
    }
}

/// A header of the answer as the request has it.
fn chosen(header: &HeaderName, value: &str) -> Result<HeaderValue, Fault> {
    let malformed = || Fault::invalid_argument(format!("response-{header} cannot be a header."));
    if *header == EXPIRES {
        let date = Timestamp::parse(TimestampFormat::HttpDate, value).map_err(|_| malformed())?;
        let mut text = Vec::new();
        date.format(TimestampFormat::HttpDate, &mut text)
            .map_err(|_| malformed())?;
        return HeaderValue::try_from(text).map_err(|_| malformed());
    }
    HeaderValue::try_from(value).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Extent, OPERATIONS, Query};
    use crate::reads::GET_OBJECT;

    #[test]
    fn a_query_makes_another_operation_or_not() {
        for (query, another) in [
            ("", false),
            ("versionId=null", false),
            ("x-id=GetObject&partNumber=1", false),
            ("acl", true),
            ("versionId=1&t%61gging=", true),
            ("uploadId=1", true),
            ("uploadid=1", false),
            ("name=acl", false),
        ] {
            assert_eq!(names_another(query), another, "{query}");
        }
    }

    #[test]
    fn a_query_says_what_is_wanted() {
        let read = |query| Wanted::read(query, &HeaderMap::new());
        let wanted = read("partNumber=%37&versionId=a+b&response-content-type=text%2Fplain&x=1").unwrap();
        assert_eq!((wanted.part, wanted.version.as_deref()), (Some(7), Some("a b")));
        assert_eq!(wanted.instead, [(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
        for (query, code) in [
            ("partNumber=x", "InvalidArgument"),
            ("partNumber=", "InvalidArgument"),
            ("partNumber=1&partNumber=1", "InvalidRequest"),
            ("versionId=1&version%49d=2", "InvalidRequest"),
            ("response-expires=tomorrow", "InvalidArgument"),
            ("response-content-type=a%0d%0aset-cookie:b", "InvalidArgument"),
            ("response-content-type=a&response-content-type=b", "InvalidRequest"),
        ] {
            assert_eq!(read(query).unwrap_err().code, code, "{query}");
        }
    }

    /// An operation that is put into the table and forgotten here would be taken for a GetObject.
    #[test]
    fn all_others_that_get_an_object_are_told_by_their_parameters() {
        for row in OPERATIONS {
            let gets = row.name.starts_with("Get") || row.name.starts_with("List");
            if row.extent != Extent::Object || !gets || *row == GET_OBJECT {
                continue;
            }
            let parameter = match row.name {
                "GetObjectAttributes" => "attributes",
                "ListParts" => "uploadId",
                // What is put is got by the same parameter.
                name => {
                    let put = name.replacen("Get", "Put", 1);
                    let put = OPERATIONS.iter().find(|row| row.name == put);
                    let Some(Query::Only([parameter, ..])) = put.map(|row| row.query) else {
                        panic!("{name} is told by no parameter");
                    };
                    *parameter
                }
            };
            assert!(OTHERS.contains(&parameter), "{}", row.name);
        }
    }
}
