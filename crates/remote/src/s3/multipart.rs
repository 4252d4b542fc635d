//! Objects made of parts.

use std::fmt::Write as _;

use baleen_types::{Invalid, ObjectPath, PartNumber};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, ETAG, HeaderName};
use md5::{Digest, Md5};

use super::S3;
use super::address::query;
use super::answer::text_at;
use super::call::{Call, Whole, garbled};
use super::object::{ObjectHeaders, check_size};
use crate::error::tame;
use crate::limits::ERROR_BODY_MAX;
use crate::xml::{escape_into, read};
use crate::{Answer, Error, Operation};

const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-crc32c");
const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");

/// Whether each part carries a checksum of its own for the store to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartChecksum {
    /// None: TLS or the signature protects the bytes underway. Every compatible server takes it.
    #[default]
    None,
    /// CRC32C, which the store also keeps. Older compatible servers refuse or ignore it.
    Crc32c,
}

/// A multipart upload that was begun and is neither completed nor aborted.
///
/// An upload which is forgotten costs its owner money until a lifecycle rule sweeps it: complete it or abort it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The object that it will become.
    pub at: ObjectPath,
    /// The store's name for it.
    pub id: String,
    /// What its parts carry.
    pub checksum: PartChecksum,
}

/// A part that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its place.
    pub number: PartNumber,
    /// The entity tag as the store wrote it, quotes included; the completion names it.
    pub etag: String,
    /// Its CRC32C in base64, when the upload has checksums.
    pub crc32c: Option<String>,
}

/// An object made of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedUpload {
    /// The entity tag as the store wrote it, quotes included.
    pub etag: Option<String>,
}

impl S3 {
    /// Begins a multipart upload.
    ///
    /// A try whose answer was lost may leave an upload behind that nobody knows of; a lifecycle rule of the bucket is
    /// the remedy which S3 has for that.
    ///
    /// Shape: `POST /{bucket}/{key}?uploads`.
    /// Source: S3 API Reference, CreateMultipartUpload.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_upload(
        &self,
        at: &ObjectPath,
        headers: &ObjectHeaders,
        checksum: PartChecksum,
    ) -> Result<Upload, Error> {
        let mut headers = headers.lines()?;
        if checksum == PartChecksum::Crc32c {
            headers.push((CHECKSUM_ALGORITHM, "CRC32C".to_owned()));
        }
        let call = Call {
            query: query(&[("uploads", "")]),
            headers,
            ..self.object_call(Operation::CreateMultipartUpload, Method::POST, at)
        };
        let answer = self.whole(&call, ERROR_BODY_MAX).await?;
        let id = text_at(&answer.body, &["InitiateMultipartUploadResult", "UploadId"])
            .map_err(|why| garbled(call.operation, why))?
            .filter(|id| !id.is_empty())
            .ok_or_else(|| garbled(call.operation, "it names no upload"))?;
        Ok(Upload {
            at: at.clone(),
            id,
            checksum,
        })
    }

    /// Sends one part; its bytes go to the socket from where they are. A part sent again replaces the one before.
    ///
    /// Shape: `PUT /{bucket}/{key}?partNumber=N&uploadId=ID`.
    /// Units: every part but the last has at least 5 MiB, which the store checks at the end only.
    /// Source: S3 API Reference, UploadPart.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Request`] above 5 GiB.
    pub async fn put_part(&self, upload: &Upload, number: PartNumber, body: Bytes) -> Result<UploadedPart, Error> {
        check_size(&body)?;
        let crc32c = match upload.checksum {
            PartChecksum::None => None,
            PartChecksum::Crc32c => Some(STANDARD.encode(crc_fast::crc32_iscsi(&body).to_be_bytes())),
        };
        let call = Call {
            query: query(&[("partNumber", &number.get().to_string()), ("uploadId", &upload.id)]),
            headers: crc32c.iter().map(|sum| (CHECKSUM, sum.clone())).collect(),
            body,
            ..self.object_call(Operation::UploadPart, Method::PUT, &upload.at)
        };
        let answer = self.whole(&call, ERROR_BODY_MAX).await?;
        let etag = answer
            .headers
            .get(ETAG)
            .and_then(|value| value.to_str().ok())
            .and_then(tame);
        Ok(UploadedPart {
            number,
            etag: etag.ok_or_else(|| garbled(call.operation, "it gives the part no entity tag"))?,
            crc32c,
        })
    }

    /// Makes the object of its parts, in the order of their numbers.
    ///
    /// When the answer to a try is lost and the next one finds the upload gone, the object is asked for: if it carries
    /// the entity tag which these parts give, the first try did it.
    ///
    /// Shape: `POST /{bucket}/{key}?uploadId=ID`, body `CompleteMultipartUpload`.
    /// Source: S3 API Reference, CompleteMultipartUpload.
    ///
    /// # Errors
    /// See [`Error`], and there [`Error::Uncertain`]; [`Error::Request`] when there are no parts.
    pub async fn complete_upload(&self, upload: &Upload, parts: &[UploadedPart]) -> Result<CompletedUpload, Error> {
        self.complete(upload, parts, false).await
    }

    /// The same for an upload whose completion was asked for before, by a process that died or in a call whose answer
    /// was lost: an upload that is gone may be completed already, from the first try on.
    ///
    /// # Errors
    /// As [`S3::complete_upload`]; [`Error::NotFound`] when neither the upload nor the object is there.
    pub async fn complete_upload_again(
        &self,
        upload: &Upload,
        parts: &[UploadedPart],
    ) -> Result<CompletedUpload, Error> {
        self.complete(upload, parts, true).await
    }

    /// `ambiguous`: the store may have completed the upload already.
    async fn complete(
        &self,
        upload: &Upload,
        parts: &[UploadedPart],
        mut ambiguous: bool,
    ) -> Result<CompletedUpload, Error> {
        if parts.is_empty() {
            return Err(Invalid::new("list of parts", "at least one part is needed").into());
        }
        let mut parts: Vec<&UploadedPart> = parts.iter().collect();
        parts.sort_by_key(|part| part.number);
        let call = Call {
            query: query(&[("uploadId", &upload.id)]),
            headers: vec![(CONTENT_TYPE, "application/xml".to_owned())],
            body: completion(&parts).into(),
            ..self.object_call(Operation::CompleteMultipartUpload, Method::POST, &upload.at)
        };
        let payload = self.payload(&call.body);
        let mut retry = self.retry();
        loop {
            let failed = match self.attempt_whole(&call, payload, ERROR_BODY_MAX).await {
                Ok(answer) => return completed(&answer),
                Err(failed) => failed,
            };
            if let (true, Error::NotFound(_, answer)) = (ambiguous, &failed.error) {
                return self.completed_before(upload, &parts, answer).await;
            }
            ambiguous |= failed.error.is_ambiguous();
            retry.after(failed).await?;
        }
    }

    /// Gives up an upload and its parts; one that is gone is no error.
    ///
    /// Shape: `DELETE /{bucket}/{key}?uploadId=ID`.
    /// Source: S3 API Reference, AbortMultipartUpload.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        let call = Call {
            query: query(&[("uploadId", &upload.id)]),
            ..self.object_call(Operation::AbortMultipartUpload, Method::DELETE, &upload.at)
        };
        match self.whole(&call, ERROR_BODY_MAX).await {
            Ok(_) | Err(Error::NotFound(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn completed_before(
        &self,
        upload: &Upload,
        parts: &[&UploadedPart],
        answer: &Answer,
    ) -> Result<CompletedUpload, Error> {
        let uncertain = || Error::Uncertain(answer.clone());
        let head = match self.head(&upload.at).await {
            Ok(head) => head,
            // The object is not there, or the store cannot say just now.
            Err(error) if matches!(error, Error::NotFound(..)) || error.is_transient() => return Err(error),
            Err(_) => return Err(uncertain()),
        };
        let etag = head.etag.ok_or_else(uncertain)?;
        if expected_etag(parts).as_deref() == Some(bare(&etag)) {
            Ok(CompletedUpload { etag: Some(etag) })
        } else {
            Err(uncertain())
        }
    }
}

fn completion(parts: &[&UploadedPart]) -> String {
    let mut xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for part in parts {
        let _ = write!(xml, "<Part><PartNumber>{}</PartNumber><ETag>", part.number.get());
        escape_into(&part.etag, &mut xml);
        xml.push_str("</ETag>");
        if let Some(sum) = &part.crc32c {
            let _ = write!(xml, "<ChecksumCRC32C>{sum}</ChecksumCRC32C>");
        }
        xml.push_str("</Part>");
    }
    xml.push_str("</CompleteMultipartUpload>");
    xml
}

fn completed(answer: &Whole) -> Result<CompletedUpload, Error> {
    let garbled = |why| garbled(Operation::CompleteMultipartUpload, why);
    let mut is_result = false;
    read(&answer.body, |path, _| {
        is_result |= path == ["CompleteMultipartUploadResult"];
    })
    .map_err(garbled)?;
    if !is_result {
        return Err(garbled(format!("{} without a result", answer.status.as_u16())));
    }
    let etag = text_at(&answer.body, &["CompleteMultipartUploadResult", "ETag"]).map_err(garbled)?;
    Ok(CompletedUpload {
        etag: etag.as_deref().and_then(tame),
    })
}

/// The entity tag which S3 gives an object of these parts: the MD5 of their MD5s, and their number. `None` when the
/// parts' tags are no MD5s, as in stores and encryptions which make them up.
fn expected_etag(parts: &[&UploadedPart]) -> Option<String> {
    let mut all = Md5::new();
    for part in parts {
        let mut one = [0; 16];
        hex::decode_to_slice(bare(&part.etag), &mut one).ok()?;
        all.update(one);
    }
    Some(format!("{}-{}", hex::encode(all.finalize()), parts.len()))
}

fn bare(etag: &str) -> &str {
    etag.trim().trim_matches('"')
}
