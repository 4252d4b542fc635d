//! How the server is known: by the authority that the token names, and afterwards by the one that was stored.

use crate::error::Error;
use crate::identity::{Identity, sha256};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// For the first connection: whoever shows a certificate of the authority with this SHA-256.
pub(crate) fn pinned(authority: [u8; 32]) -> Result<Arc<ClientConfig>, Error> {
    without_identity(Some(authority))
}

/// For a look at whom somebody says that they are: whoever shows a certificate for the name, by whatever authority. Nothing is told them.
pub(crate) fn of_anybody() -> Result<Arc<ClientConfig>, Error> {
    without_identity(None)
}

fn without_identity(authority: Option<[u8; 32]>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Pinned {
        authority,
        algorithms: provider.signature_verification_algorithms,
        provider: Arc::clone(&provider),
    };
    let config = versions(provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(http_2(config))
}

/// For every other: the authority that is known, and the agent's own certificate.
pub(crate) fn mutual(identity: &Identity) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(identity.authority.clone()))
        .map_err(Error::Unfit)?;
    let config = versions(Arc::new(aws_lc_rs::default_provider()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from(identity.certificate.clone())],
            PrivateKeyDer::Pkcs8(identity.key.to_vec().into()),
        )
        .map_err(Error::Unfit)?;
    Ok(http_2(config))
}

fn versions(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::Unfit)
}

fn http_2(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

/// Believes one authority, or whichever, which is shown behind the certificate that it signed.
#[derive(Debug)]
struct Pinned {
    authority: Option<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let shown = match self.authority {
            Some(authority) => intermediates.iter().find(|shown| sha256(shown) == authority),
            None => intermediates.last(),
        };
        let mut roots = RootCertStore::empty();
        roots.add(shown.ok_or_else(|| unknown.clone())?.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider));
        let verifier = verifier.build().map_err(|_| unknown)?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    /// TLS 1.3 alone is spoken.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 is expected".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
