//! Into a container of Azure Blob Storage: a file is a blob of blocks.
//!
//! An upload has no id there. Blocks belong to the name of a blob, and go after a week if no list names them; so giving an upload
//! up is doing nothing, and what is called an upload here is a name of ours, which the blob keeps.

use super::remote::flows;
use super::{Completion, SentPart, Sink, SinkError, Upload};
use crate::Endpoint;
use async_trait::async_trait;
use baleen_filter::FiveTuple;
use baleen_remote::{Azure, BlobHeaders, Connections, Error};
use baleen_runtime::Entropy;
use baleen_types::{BucketName, Classify, FaultKind, Invalid, ObjectKey, PartNumber};
use bytes::Bytes;
use std::sync::Arc;

/// What the service says of a list with a block that it does not have.
const NO_SUCH_BLOCK: &str = "InvalidBlockList";

/// Writes into a container; the client tries again by itself.
pub(crate) struct AzureSink {
    pub(crate) client: Azure,
    pub(crate) connections: Connections,
    pub(crate) endpoint: Endpoint,
    pub(crate) container: BucketName,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// What an upload is called: a number, and the content type that the list of blocks has to say.
fn headers(upload: &Upload) -> Result<BlobHeaders, SinkError> {
    let (number, content_type) = upload
        .id
        .split_once(' ')
        .ok_or_else(|| SinkError::Damaged(Invalid::new("upload", "it has no content type")))?;
    Ok(BlobHeaders {
        content_type: content_type.to_owned(),
        upload: number.to_owned(),
    })
}

/// What it means that blocks are gone, by the upload which the blob says it is of.
fn settle(gone: Error, found: Result<Option<String>, Error>, upload: &str) -> Result<Completion, SinkError> {
    match found {
        Ok(Some(number)) if number == upload => Ok(Completion::Confirmed),
        // A signature may allow writing alone.
        Err(Error::Denied(..)) => Ok(Completion::Presumed),
        // That they are gone would be the last word, and nobody has looked.
        Err(error) if matches!(error.kind(), FaultKind::Throttled | FaultKind::Unavailable) => {
            Err(SinkError::Remote(error))
        }
        Ok(_) | Err(_) => Err(SinkError::Remote(gone)),
    }
}

#[async_trait]
impl Sink for AzureSink {
    async fn put(&self, key: &ObjectKey, body: Bytes, content_type: &str) -> Result<(), SinkError> {
        let stored = self.client.put(&self.container, key, content_type, body).await;
        stored.map_err(SinkError::Remote)
    }

    async fn begin(&self, key: &ObjectKey, content_type: &str) -> Result<Upload, SinkError> {
        let number = hex::encode(self.entropy.bytes::<16>());
        Ok(Upload {
            key: key.clone(),
            id: format!("{number} {content_type}"),
        })
    }

    async fn part(&self, upload: &Upload, number: PartNumber, body: Bytes) -> Result<SentPart, SinkError> {
        let sent = self
            .client
            .put_block(&self.container, &upload.key, number.get(), body)
            .await;
        Ok(SentPart {
            number: number.get(),
            tag: sent.map_err(SinkError::Remote)?,
        })
    }

    async fn complete(&self, upload: &Upload, parts: &[SentPart], again: bool) -> Result<Completion, SinkError> {
        let headers = headers(upload)?;
        let ids: Vec<String> = parts.iter().map(|part| part.tag.clone()).collect();
        let listed = self
            .client
            .put_block_list(&self.container, &upload.key, &headers, &ids)
            .await;
        let error = match listed {
            Ok(()) => return Ok(Completion::Confirmed),
            Err(error) => error,
        };
        // Blocks of a blob that was made are found in it, unless somebody has put another one in its place.
        let is_gone = error.answer().and_then(|answer| answer.code.as_deref()) == Some(NO_SUCH_BLOCK);
        if !again || !is_gone {
            return Err(SinkError::Remote(error));
        }
        let found = self.client.upload_of(&self.container, &upload.key).await;
        settle(error, found, &headers.upload)
    }

    async fn abort(&self, _: &Upload) -> Result<(), SinkError> {
        Ok(())
    }

    async fn begun(&self, _: &ObjectKey) -> Result<Vec<Upload>, SinkError> {
        Ok(Vec::new())
    }

    async fn own_traffic(&self) -> Vec<FiveTuple> {
        flows(&self.connections, &self.endpoint).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_remote::{Answer, Operation};

    #[test]
    fn what_a_blob_tells_of_blocks_that_are_gone() {
        let answer = |status, code: Option<&str>| Answer {
            status,
            code: code.map(str::to_owned),
            message: None,
            request_id: None,
        };
        let head = Operation::HeadObject;
        for (name, found, wanted) in [
            ("ours", Ok(Some("7".to_owned())), Ok(Completion::Confirmed)),
            ("another's", Ok(Some("8".to_owned())), Err(FaultKind::Invalid)),
            ("one of no upload", Ok(None), Err(FaultKind::Invalid)),
            (
                "not there",
                Err(Error::NotFound(head, answer(404, None))),
                Err(FaultKind::Invalid),
            ),
            (
                "not to be read",
                Err(Error::Denied(head, answer(403, None))),
                Ok(Completion::Presumed),
            ),
            (
                "not now",
                Err(Error::Unavailable(head, answer(503, None))),
                Err(FaultKind::Unavailable),
            ),
            (
                "too often",
                Err(Error::Throttled(head, answer(429, None))),
                Err(FaultKind::Throttled),
            ),
        ] {
            let gone = Error::Refused(Operation::CompleteMultipartUpload, answer(400, Some(NO_SUCH_BLOCK)));
            let settled = settle(gone, found, "7").map_err(|error| error.kind());
            assert_eq!(settled, wanted, "{name}");
        }
    }
}
