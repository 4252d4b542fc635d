//! Keys, page by page.

use baleen_types::{BucketName, ObjectKey};
use bytes::Bytes;
use http::Method;
use percent_encoding::percent_decode_str;

use super::S3;
use super::address::query;
use super::call::{Call, garbled};
use crate::limits::{LIST_BODY_MAX, LIST_KEYS_MAX};
use crate::xml::{self, Visit};
use crate::{Error, Operation};

/// Which keys are wanted.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Keys with this behind the prefix are folded into one entry of [`ListPage::prefixes`].
    pub delimiter: Option<String>,
    /// Where to go on: [`ListPage::next`] of the page before.
    pub token: Option<String>,
    /// The most keys in a page, 1 to 1000; more means 1000.
    pub max_keys: u16,
}

/// One page of keys, in the order of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects.
    pub objects: Vec<Listed>,
    /// The folded prefixes, each with its delimiter.
    pub prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: ObjectKey,
    /// Its bytes.
    pub size: u64,
    /// Its entity tag as the store wrote it.
    pub etag: Option<String>,
}

impl S3 {
    /// Reads one page of keys.
    ///
    /// Shape: `GET /{bucket}?list-type=2&encoding-type=url&..`; the encoding is asked for because XML 1.0 cannot carry
    /// control characters, which are allowed in keys.
    /// Source: S3 API Reference, ListObjectsV2.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(&self, request: &ListRequest) -> Result<ListPage, Error> {
        let max_keys = request.max_keys.clamp(1, LIST_KEYS_MAX).to_string();
        let mut parameters = vec![
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("max-keys", &max_keys),
            ("prefix", &request.prefix),
        ];
        parameters.extend(request.delimiter.as_deref().map(|text| ("delimiter", text)));
        parameters.extend(request.token.as_deref().map(|text| ("continuation-token", text)));
        let call = Call {
            operation: Operation::ListObjects,
            method: Method::GET,
            target: self.address.bucket(&request.bucket),
            query: query(&parameters),
            headers: Vec::new(),
            body: Bytes::new(),
        };
        let answer = self.whole(&call, LIST_BODY_MAX).await?;
        page(&answer.body).map_err(|why| garbled(call.operation, why))
    }
}

/// Reads the document of one page.
fn page(document: &[u8]) -> Result<ListPage, String> {
    let mut raw = Raw::default();
    xml::read(document, |path, visit| raw.visit(path, &visit))?;
    raw.finish()
}

/// The page before its texts are decoded: whether they are encoded may be said behind them.
#[derive(Default)]
struct Raw {
    is_list: bool,
    is_encoded: bool,
    is_truncated: bool,
    next: Option<String>,
    objects: Vec<RawObject>,
    prefixes: Vec<String>,
}

#[derive(Default)]
struct RawObject {
    key: String,
    size: String,
    etag: Option<String>,
}

impl Raw {
    fn visit(&mut self, path: &[String], visit: &Visit<'_>) {
        let mut names = [""; 3];
        if path.len() > names.len() {
            return;
        }
        for (name, element) in names.iter_mut().zip(path) {
            *name = element;
        }
        if names[0] != "ListBucketResult" {
            return;
        }
        self.is_list = true;
        match (&names[1..], visit) {
            (["Contents", ""], Visit::Open) => self.objects.push(RawObject::default()),
            (["Contents", leaf], Visit::Close(text)) => {
                let Some(object) = self.objects.last_mut() else { return };
                match *leaf {
                    "Key" => (*text).clone_into(&mut object.key),
                    "Size" => (*text).clone_into(&mut object.size),
                    "ETag" => object.etag = Some((*text).to_owned()),
                    _ => {}
                }
            }
            (["CommonPrefixes", "Prefix"], Visit::Close(text)) => self.prefixes.push((*text).to_owned()),
            (["EncodingType", ""], Visit::Close(text)) => self.is_encoded = *text == "url",
            (["IsTruncated", ""], Visit::Close(text)) => self.is_truncated = *text == "true",
            (["NextContinuationToken", ""], Visit::Close(text)) => self.next = Some((*text).to_owned()),
            _ => {}
        }
    }

    fn finish(self) -> Result<ListPage, String> {
        if !self.is_list {
            return Err("it is no listing".to_owned());
        }
        if self.is_truncated && self.next.is_none() {
            // Taken for the last page, it would hide keys.
            return Err("it is cut short and does not say where to go on".to_owned());
        }
        let decode = |text: &str| decode(text, self.is_encoded);
        let mut objects = Vec::with_capacity(self.objects.len());
        for raw in &self.objects {
            objects.push(Listed {
                key: ObjectKey::parse(decode(&raw.key)?).map_err(|invalid| invalid.to_string())?,
                size: raw.size.trim().parse().map_err(|_| "a size is no number")?,
                etag: raw.etag.clone(),
            });
        }
        let prefixes = self
            .prefixes
            .iter()
            .map(|text| decode(text))
            .collect::<Result<_, _>>()?;
        Ok(ListPage {
            objects,
            prefixes,
            next: self.next.filter(|_| self.is_truncated),
        })
    }
}

/// Undoes `encoding-type=url`, which is the encoding of forms: a plus sign is a blank.
fn decode(text: &str, is_encoded: bool) -> Result<String, String> {
    if !is_encoded {
        return Ok(text.to_owned());
    }
    let blanks = text.replace('+', " ");
    let decoded = percent_decode_str(&blanks).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| "a key is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests;
