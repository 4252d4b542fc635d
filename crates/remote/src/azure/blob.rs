//! Blobs put at once, and blobs of blocks.

use super::{Azure, Call};
use crate::{Error, Operation};
use baleen_types::{BucketName, ObjectKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use md5::{Digest as _, Md5};
use std::fmt::Write as _;

/// The name under which a blob keeps which upload it came from.
const UPLOAD: &str = "x-ms-meta-upload";

/// What is said about a blob when it is made.
#[derive(Clone, Debug, Default)]
pub struct BlobHeaders {
    /// Its content type.
    pub content_type: String,
    /// What its upload is called, by which it is known again.
    pub upload: String,
}

impl Azure {
    /// Puts a small blob at once.
    ///
    /// Shape: `PUT /{container}/{blob}`, `x-ms-blob-type: BlockBlob`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put(
        &self,
        container: &BucketName,
        key: &ObjectKey,
        content_type: &str,
        body: Bytes,
    ) -> Result<(), Error> {
        let call = Call {
            headers: vec![
                ("x-ms-blob-type", "BlockBlob".to_owned()),
                ("x-ms-blob-content-type", content_type.to_owned()),
                ("content-md5", md5(&body)),
            ],
            body,
            ..Self::call(Operation::PutObject, Method::PUT, container, key)
        };
        self.send(&call).await.map(drop)
    }

    /// Puts a block; nothing is to be seen of it until a list of blocks names it. Returns what the list has to say.
    ///
    /// Shape: `PUT /{container}/{blob}?comp=block&blockid=..`. Ids of one blob have one length; blocks that no list names go after a
    /// week.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_block(
        &self,
        container: &BucketName,
        key: &ObjectKey,
        number: u16,
        body: Bytes,
    ) -> Result<String, Error> {
        let id = STANDARD.encode(format!("{number:08}"));
        let call = Call {
            query: vec![("comp", "block".to_owned()), ("blockid", id.clone())],
            headers: vec![("content-md5", md5(&body))],
            body,
            ..Self::call(Operation::UploadPart, Method::PUT, container, key)
        };
        self.send(&call).await?;
        Ok(id)
    }

    /// Makes the blob of its blocks. May be asked for again: blocks that are in the blob already are found there.
    ///
    /// Shape: `PUT /{container}/{blob}?comp=blocklist`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_block_list(
        &self,
        container: &BucketName,
        key: &ObjectKey,
        headers: &BlobHeaders,
        ids: &[String],
    ) -> Result<(), Error> {
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for id in ids {
            // Ids are base64, in which nothing is to be escaped.
            let _ = write!(list, "<Latest>{id}</Latest>");
        }
        list.push_str("</BlockList>");
        let body = Bytes::from(list);
        let call = Call {
            query: vec![("comp", "blocklist".to_owned())],
            headers: vec![
                ("x-ms-blob-content-type", headers.content_type.clone()),
                (UPLOAD, headers.upload.clone()),
                ("content-md5", md5(&body)),
            ],
            body,
            ..Self::call(Operation::CompleteMultipartUpload, Method::PUT, container, key)
        };
        self.send(&call).await.map(drop)
    }

    /// Which upload a blob came from, if it says so.
    ///
    /// Shape: `HEAD /{container}/{blob}`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upload_of(&self, container: &BucketName, key: &ObjectKey) -> Result<Option<String>, Error> {
        let call = Self::call(Operation::HeadObject, Method::HEAD, container, key);
        let headers = self.send(&call).await?;
        let upload = headers.get(UPLOAD).and_then(|value| value.to_str().ok());
        Ok(upload.map(ToOwned::to_owned))
    }

    fn call<'a>(operation: Operation, method: Method, container: &'a BucketName, key: &'a ObjectKey) -> Call<'a> {
        Call {
            operation,
            method,
            container,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// What the service compares with what has come: TLS ends before it.
fn md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}
