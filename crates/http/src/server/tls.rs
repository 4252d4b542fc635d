//! Encrypted connections: certificates, which may change while they are served, and the handshake.

mod validity;

use std::io;
use std::sync::Arc;

use baleen_runtime::Clock;
use parking_lot::RwLock;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::origin::PeerCertificate;
pub use validity::Validity;

/// The names of the protocols that are spoken, the better one first (RFC 7301).
const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// Why a certificate is not served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate in what was said to be one.
    #[error("there is no certificate in it: text that begins with -----BEGIN CERTIFICATE----- is expected")]
    NoCertificate,
    /// There is no private key in what was said to be one.
    #[error("there is no private key in it: PEM of PKCS#8, PKCS#1 or SEC1, without a password, is expected")]
    NoKey,
    /// The certificate is of the first version, which has no names of hosts; no client takes it.
    #[error("it is a certificate of version 1 of X.509, which cannot say for which host it is")]
    VersionOne,
    /// They do not go together, or cannot be used.
    #[error("the certificate and the key cannot be used together")]
    Unfit(#[source] rustls::Error),
    /// An authority's certificate cannot be used.
    #[error("the authority of client certificates cannot be used")]
    Authority(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The certificate of a listener with its key. Another one takes its place from the next connection on.
#[derive(Debug)]
pub struct ServedCertificate(RwLock<Arc<CertifiedKey>>);

impl ServedCertificate {
    /// Reads a certificate, with those between it and its authority behind it, and its key, all as PEM.
    ///
    /// # Errors
    /// What is none, and a key of another certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Arc<Self>, TlsError> {
        Ok(Self::new(certified(chain, key)?))
    }

    /// A certificate, and those between it and its authority, with its key as PKCS#8, all as DER.
    ///
    /// # Errors
    /// A key that cannot be used or is that of another certificate.
    pub fn from_der(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<Arc<Self>, TlsError> {
        Ok(Self::new(of_der(chain, key)?))
    }

    fn new(certified: CertifiedKey) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(certified))))
    }

    /// Puts another in its place.
    ///
    /// # Errors
    /// As [`ServedCertificate::from_pem`]; then it stays.
    pub fn replace_by_pem(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        *self.0.write() = Arc::new(certified(chain, key)?);
        Ok(())
    }

    /// Puts another in its place.
    ///
    /// # Errors
    /// As [`ServedCertificate::from_der`]; then it stays.
    pub fn replace_by_der(&self, chain: Vec<Vec<u8>>, key: &[u8]) -> Result<(), TlsError> {
        *self.0.write() = Arc::new(of_der(chain, key)?);
        Ok(())
    }

    /// The time for which the certificate is good; `None` where it cannot be read.
    pub fn validity(&self) -> Option<Validity> {
        validity::of(self.0.read().cert.first()?)
    }
}

impl ResolvesServerCert for ServedCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or(TlsError::NoCertificate)?;
    // Why it is none could tell of what is in it.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
    let is_old = validity::is_version_1(&chain[0]);
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| {
        // The library says of one that it cannot read, too, that the two do not go together.
        if is_old {
            TlsError::VersionOne
        } else {
            TlsError::Unfit(error)
        }
    })
}

fn of_der(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(key.to_vec().into());
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(TlsError::Unfit)
}

/// How the connections of a listener are encrypted.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    /// Whether who does not say that it speaks HTTP/2 is let go.
    http_2_only: bool,
}

impl Tls {
    /// As clients of the web expect it: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, and no certificate of theirs is asked for.
    ///
    /// # Errors
    /// None that a build could have: the versions and ciphers are those of the library.
    pub fn of_the_web(certificate: Arc<ServedCertificate>, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let mut config = builder(clock, &[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            http_2_only: false,
        })
    }

    /// Among our own: TLS 1.3 and HTTP/2 alone, and who has a certificate of one of `authorities` (DER) is known by it. Who has none
    /// is let in too, as nobody.
    ///
    /// # Errors
    /// An authority that is no certificate.
    pub fn mutual(
        certificate: Arc<ServedCertificate>,
        authorities: &[Vec<u8>],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots
                .add(CertificateDer::from(authority.clone()))
                .map_err(|error| TlsError::Authority(error.into()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            .build()
            .map_err(|error| TlsError::Authority(error.into()))?;
        let mut config = builder(clock, &[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        // A session that is taken up again would bring its certificate along unchecked, also when that is over.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            http_2_only: true,
        })
    }

    /// The handshake.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<(TlsStream<S>, Protocol, Option<PeerCertificate>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.acceptor.accept(stream).await?;
        let connection = stream.get_ref().1;
        let protocol = match connection.alpn_protocol() {
            Some(HTTP_2) => Protocol::Http2,
            _ if self.http_2_only => return Err(io::Error::other("the client does not say that it speaks HTTP/2")),
            _ => Protocol::Http1,
        };
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|certificate| PeerCertificate::new(certificate.to_vec()));
        Ok((stream, protocol, certificate))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn builder(
    clock: Arc<dyn Clock>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, TlsError> {
    ServerConfig::builder_with_details(provider(), Arc::new(OurTime(clock)))
        .with_protocol_versions(versions)
        .map_err(TlsError::Unfit)
}

/// The time that certificates of clients are judged by.
struct OurTime(Arc<dyn Clock>);

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.now().as_secs();
        let since = u64::try_from(seconds).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(since)))
    }
}

impl std::fmt::Debug for OurTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OurTime").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
