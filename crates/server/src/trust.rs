//! Whom a command trusts at the other end of TLS: the very certificate that the server of the data folder says it has, or else the
//! authorities of the system.

use crate::failure::Failure;
use baleen_remote::Connections;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// Takes the first certificate of a file and no other, whatever name it is for: a command on the same machine speaks to an address,
/// and its certificate is for a name. Who could change that file could also read the data folder.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

/// Connections to a door, which trust `certificate` alone if there is one.
pub(crate) fn connector(certificate: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, Failure> {
    let builder = HttpsConnectorBuilder::new();
    let builder = match certificate {
        Some(file) => builder.with_tls_config(trusting(file)?),
        None => builder
            .with_provider_and_native_roots(aws_lc_rs::default_provider())
            .map_err(|error| {
                Failure::because("there are no certificate authorities", &error).advise("install ca-certificates")
            })?,
    };
    Ok(builder.https_or_http().enable_http1().build())
}

/// The same to a store.
pub(crate) fn connections(certificate: Option<&Path>) -> Result<Connections, Failure> {
    Ok(match certificate {
        Some(file) => Connections::trusting(Arc::new(trusting(file)?)),
        None => Connections::new(),
    })
}

/// What to do where a certificate was not taken; `None` if it was something else that failed.
pub(crate) fn advice(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref() {
            Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
                return Some(
                    "the server shows another certificate than the file it names: SIGHUP makes it read that again",
                );
            }
            Some(Error::InvalidCertificate(_)) => {
                return Some(
                    "if its authority is one of your own: SSL_CERT_FILE=ca.pem names the file; --data DIR trusts the server of that folder",
                );
            }
            _ => {}
        }
        cause = error.source();
        // An I/O error which wraps another names that one's source as its own, and so hides it.
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            cause = Some(inner);
        }
    }
    None
}

/// Settings of a client that trusts the certificate in `file`.
fn trusting(file: &Path) -> Result<ClientConfig, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::because(format!("{} holds no certificate", file.display()), error)
            .advise("the server in the data folder says that it has this one; name the server with --endpoint-url")
    };
    let certificate = CertificateDer::from_pem_file(file).map_err(|error| failed(&error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Pinned {
        certificate,
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    Ok(config)
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
