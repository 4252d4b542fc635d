//! Into another S3-compatible store.
//!
//! Works with the right to put objects alone (capture contract, A.3: "PutObject alone"): nothing is listed or read
//! (but for one look whether a completion whose answer was lost was carried out, which may be refused), and a store that
//! does not let us abort an upload only keeps it until its lifecycle rule.

use super::{Completion, SentPart, Sink, SinkError, Upload};
use crate::Endpoint;
use async_trait::async_trait;
use baleen_filter::{End, FiveTuple};
use baleen_remote::{Connections, Encryption, ObjectHeaders, PartChecksum, S3, UploadedPart};
use baleen_types::{BucketName, ObjectKey, ObjectPath, PartNumber};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::UdpSocket;
use tracing::debug;

/// The IP protocol number of TCP.
const TCP: u8 = 6;

/// Writes into a bucket of another store; the client tries again by itself.
///
/// It has connections of its own, whose names are looked up once: so it is known with which addresses it talks, and a
/// capture on the same machine can leave its packets out.
pub(crate) struct RemoteSink {
    pub(crate) client: S3,
    pub(crate) connections: Connections,
    pub(crate) endpoint: Endpoint,
    pub(crate) bucket: BucketName,
    pub(crate) encrypt: bool,
    /// Whether the store knows access control lists.
    pub(crate) acls: bool,
    /// The size of all parts but the last, if they must have one.
    pub(crate) even_parts: Option<usize>,
}

impl RemoteSink {
    fn at(&self, key: &ObjectKey) -> ObjectPath {
        ObjectPath {
            bucket: self.bucket.clone(),
            key: key.clone(),
        }
    }

    fn headers(&self, content_type: &str) -> ObjectHeaders {
        ObjectHeaders {
            content_type: Some(content_type.to_owned()),
            owner_full_control: self.acls,
            encryption: self.encrypt.then_some(Encryption::Aes256),
            metadata: Vec::new(),
        }
    }

    fn upload(&self, upload: &Upload) -> baleen_remote::Upload {
        baleen_remote::Upload {
            at: self.at(&upload.key),
            id: upload.id.clone(),
            // Older compatible servers refuse checksums; TLS, or the signature over the body, protects the way.
            checksum: PartChecksum::None,
        }
    }
}

#[async_trait]
impl Sink for RemoteSink {
    async fn put(&self, key: &ObjectKey, body: Bytes, content_type: &str) -> Result<(), SinkError> {
        let stored = self.client.put(&self.at(key), &self.headers(content_type), body).await;
        stored.map(drop).map_err(SinkError::Remote)
    }

    async fn begin(&self, key: &ObjectKey, content_type: &str) -> Result<Upload, SinkError> {
        let headers = self.headers(content_type);
        let begun = self
            .client
            .create_upload(&self.at(key), &headers, PartChecksum::None)
            .await;
        Ok(Upload {
            key: key.clone(),
            id: begun.map_err(SinkError::Remote)?.id,
        })
    }

    async fn part(&self, upload: &Upload, number: PartNumber, body: Bytes) -> Result<SentPart, SinkError> {
        let sent = self.client.put_part(&self.upload(upload), number, body).await;
        Ok(SentPart {
            number: number.get(),
            tag: sent.map_err(SinkError::Remote)?.etag,
        })
    }

    async fn complete(&self, upload: &Upload, parts: &[SentPart], again: bool) -> Result<Completion, SinkError> {
        let uploaded = |part: &SentPart| {
            Ok(UploadedPart {
                number: part.part_number()?,
                etag: part.tag.clone(),
                crc32c: None,
            })
        };
        let parts = parts.iter().map(uploaded).collect::<Result<Vec<_>, SinkError>>()?;
        let upload = self.upload(upload);
        let completed = if again {
            self.client.complete_upload_again(&upload, &parts).await
        } else {
            self.client.complete_upload(&upload, &parts).await
        };
        match completed {
            Ok(_) => Ok(Completion::Confirmed),
            Err(baleen_remote::Error::Uncertain(_)) => Ok(Completion::Presumed),
            Err(error) => Err(SinkError::Remote(error)),
        }
    }

    async fn abort(&self, upload: &Upload) -> Result<(), SinkError> {
        self.client
            .abort_upload(&self.upload(upload))
            .await
            .map_err(SinkError::Remote)
    }

    async fn begun(&self, _: &ObjectKey) -> Result<Vec<Upload>, SinkError> {
        // Listing is a right of its own, which we do not ask for; the store's lifecycle rule ends such an upload.
        Ok(Vec::new())
    }

    fn even_parts(&self) -> Option<usize> {
        self.even_parts
    }

    async fn own_traffic(&self) -> Vec<FiveTuple> {
        flows(&self.connections, &self.endpoint).await
    }
}

/// The packets of connections to an endpoint, of which each name was looked up once.
pub(super) async fn flows(connections: &Connections, endpoint: &Endpoint) -> Vec<FiveTuple> {
    let addresses = match endpoint.address() {
        Some(address) => vec![address],
        None => connections.addresses(),
    };
    let mut flows = Vec::new();
    for address in addresses {
        let peer = SocketAddr::from((address, endpoint.port()));
        match local_address(peer).await {
            Ok(local) => flows.push(FiveTuple {
                source: End {
                    addresses: vec![local.into()],
                    ports: Vec::new(),
                },
                destination: End {
                    addresses: vec![peer.ip().into()],
                    ports: vec![peer.port()..=peer.port()],
                },
                protocol: Some(TCP),
                bidirectional: true,
            }),
            // What has no route is not where the upload goes.
            Err(error) => debug!(%peer, %error, "no local address towards a store"),
        }
    }
    flows
}

/// The local address from which the kernel would reach a peer. Nothing is sent.
async fn local_address(peer: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(peer).await?;
    Ok(socket.local_addr()?.ip())
}
