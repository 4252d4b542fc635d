//! Objects put, read, asked about and deleted at once.

use baleen_types::{ByteRange, Invalid, ObjectPath};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED, RANGE};
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Incoming;

use super::S3;
use super::call::{Call, garbled};
use crate::error::tame;
use crate::limits::{ERROR_BODY_MAX, PART_BYTES_MAX};
use crate::transport::Watch;
use crate::{Error, Operation};

/// Encryption by the store with a key of its own (SSE-S3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// AES-256.
    Aes256,
}

/// What is said about an object when it is made.
#[derive(Clone, Debug, Default)]
pub struct ObjectHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Whether the bucket's owner, who may be another account, gets full control: the canned ACL
    /// `bucket-owner-full-control`.
    pub owner_full_control: bool,
    /// `x-amz-server-side-encryption`.
    pub encryption: Option<Encryption>,
    /// `x-amz-meta-NAME` each; names of letters, digits and hyphens.
    pub metadata: Vec<(String, String)>,
}

impl ObjectHeaders {
    pub(super) fn lines(&self) -> Result<Vec<(HeaderName, String)>, Error> {
        let mut lines = Vec::new();
        if let Some(content_type) = &self.content_type {
            lines.push((CONTENT_TYPE, content_type.clone()));
        }
        if self.owner_full_control {
            let name = HeaderName::from_static("x-amz-acl");
            lines.push((name, "bucket-owner-full-control".to_owned()));
        }
        if let Some(Encryption::Aes256) = self.encryption {
            let name = HeaderName::from_static("x-amz-server-side-encryption");
            lines.push((name, "AES256".to_owned()));
        }
        for (name, value) in &self.metadata {
            let name = HeaderName::try_from(format!("x-amz-meta-{name}"))
                .map_err(|_| Invalid::new("metadata name", "letters, digits and hyphens are expected"))?;
            lines.push((name, value.clone()));
        }
        Ok(lines)
    }
}

/// What the store says of an object it has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The entity tag as the store wrote it, quotes included.
    pub etag: Option<String>,
    /// The version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// What the store knows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes in the answer's body: of the object, or of the range that was asked for. `HEAD` answers for the object.
    pub length: Option<u64>,
    /// The entity tag as the store wrote it, quotes included.
    pub etag: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Last-Modified`, as the store wrote it.
    pub last_modified: Option<String>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(String, String)>,
}

impl Head {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let metadata = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        Self {
            length: text(&CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            etag: text(&ETAG),
            content_type: text(&CONTENT_TYPE),
            last_modified: text(&LAST_MODIFIED),
            metadata: metadata.collect(),
        }
    }
}

/// An object being read.
#[derive(Debug)]
pub struct Got {
    /// What the store says of it.
    pub head: Head,
    /// Its bytes.
    pub body: Body,
}

/// The bytes of an object on their way here. A transfer that breaks off is an error, never a short body.
pub struct Body {
    incoming: Incoming,
    watch: Watch,
}

impl Body {
    /// Waits for the next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Broken`] and [`Error::TimedOut`]; a transfer once begun is not repeated.
    ///
    /// # Cancel safety
    /// Safe: no byte is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.watch.next(Operation::GetObject, &mut self.incoming).await
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// As [`Body::next`]; [`Error::Request`] when there are more than `most` bytes.
    pub async fn collect(mut self, most: usize) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if whole.len() + bytes.len() > most {
                return Err(Invalid::new("object", format!("it has more than {most} bytes")).into());
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body(..)")
    }
}

impl S3 {
    /// Puts one object; the body is sent from where it is.
    ///
    /// Shape: `PUT /{bucket}/{key}`.
    /// Source: S3 API Reference, PutObject.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Request`] above 5 GiB.
    pub async fn put(&self, at: &ObjectPath, headers: &ObjectHeaders, body: Bytes) -> Result<StoredObject, Error> {
        check_size(&body)?;
        let call = Call {
            headers: headers.lines()?,
            body,
            ..self.object_call(Operation::PutObject, Method::PUT, at)
        };
        let answer = self.whole(&call, ERROR_BODY_MAX).await?;
        let text = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok()).and_then(tame);
        Ok(StoredObject {
            etag: text("etag"),
            version_id: text("x-amz-version-id"),
        })
    }

    /// Opens an object, or a range of it, for reading.
    ///
    /// Shape: `GET /{bucket}/{key}`, header `Range`.
    /// Source: S3 API Reference, GetObject.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Garbled`] when a range was asked for and something else came.
    pub async fn get(&self, at: &ObjectPath, range: Option<ByteRange>) -> Result<Got, Error> {
        let mut call = self.object_call(Operation::GetObject, Method::GET, at);
        let expected = match range {
            None => StatusCode::OK,
            Some(range) => {
                call.headers.push((RANGE, range_header(range)));
                StatusCode::PARTIAL_CONTENT
            }
        };
        let (response, watch) = self.open(&call).await?;
        if response.status() != expected {
            let why = format!("{} instead of {}", response.status().as_u16(), expected.as_u16());
            return Err(garbled(call.operation, why));
        }
        let head = Head::of(response.headers());
        let body = Body {
            incoming: response.into_body(),
            watch,
        };
        Ok(Got { head, body })
    }

    /// Asks what the store knows of an object.
    ///
    /// Shape: `HEAD /{bucket}/{key}`.
    /// Source: S3 API Reference, HeadObject.
    ///
    /// # Errors
    /// See [`Error`]; the answer has no body, so that codes are missing from them.
    pub async fn head(&self, at: &ObjectPath) -> Result<Head, Error> {
        let call = self.object_call(Operation::HeadObject, Method::HEAD, at);
        let answer = self.whole(&call, ERROR_BODY_MAX).await?;
        Ok(Head::of(&answer.headers))
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// Shape: `DELETE /{bucket}/{key}`.
    /// Source: S3 API Reference, DeleteObject.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&self, at: &ObjectPath) -> Result<(), Error> {
        let call = self.object_call(Operation::DeleteObject, Method::DELETE, at);
        self.whole(&call, ERROR_BODY_MAX).await.map(drop)
    }

    pub(super) fn object_call(&self, operation: Operation, method: Method, at: &ObjectPath) -> Call {
        Call {
            operation,
            method,
            target: self.address.object(at),
            query: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// Source: RFC 9110, section 14.1.2.
fn range_header(range: ByteRange) -> String {
    match range {
        ByteRange::Between { first, last } => format!("bytes={first}-{last}"),
        ByteRange::From { first } => format!("bytes={first}-"),
        ByteRange::Suffix { bytes } => format!("bytes=-{bytes}"),
    }
}

pub(super) fn check_size(body: &Bytes) -> Result<(), Error> {
    if body.len() as u64 > PART_BYTES_MAX {
        return Err(Invalid::new(
            "body",
            format!("more than {PART_BYTES_MAX} bytes are not taken at once"),
        )
        .into());
    }
    Ok(())
}
