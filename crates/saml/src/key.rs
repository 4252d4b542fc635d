//! The key with which we sign requests, one per connection.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use baleen_types::{Secret, Timestamp};
use std::time::Duration;
use zeroize::Zeroizing;

use crate::text::{decode_base64, encode_base64};

/// How long the certificate around our key says it is good; identity providers look at the key alone.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// An RSA key of ours with the certificate that carries it to identity providers.
pub struct SigningKey {
    pair: KeyPair,
    certificate: Vec<u8>,
}

/// A key that could not be made or read; says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SAML signing key: {0}")]
pub struct BadKey(&'static str);

impl SigningKey {
    /// Makes a key of 2048 bits and a certificate in its own name; takes tens of milliseconds.
    ///
    /// The key is drawn by the cryptographic library from its own generator: it takes none from outside.
    pub fn generate(common_name: &str, now: Timestamp) -> Result<Self, BadKey> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| BadKey("could not be made"))?;
        let certificate = self_signed(&pair, common_name, now).ok_or(BadKey("its certificate could not be made"))?;
        Ok(Self { pair, certificate })
    }

    /// Puts together what [`SigningKey::secret`] and [`SigningKey::certificate`] gave.
    pub fn from_parts(secret: &Secret, certificate: Vec<u8>) -> Result<Self, BadKey> {
        let pkcs8 = decode_base64(secret.expose())
            .map(Zeroizing::new)
            .ok_or(BadKey("is not base64"))?;
        let pair = KeyPair::from_pkcs8(&pkcs8).map_err(|_| BadKey("is not an RSA key in PKCS #8"))?;
        Ok(Self { pair, certificate })
    }

    /// The private key as text, for sealing.
    pub fn secret(&self) -> Result<Secret, BadKey> {
        Ok(Secret::new(encode_base64(
            &pkcs8(&self.pair).ok_or(BadKey("could not be written"))?,
        )))
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// RSA PKCS #1 v1.5 with SHA-256; the same message gives the same signature.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BadKey> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // The padding is deterministic; the generator is an argument of the interface only.
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| BadKey("could not sign"))?;
        Ok(signature)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

fn pkcs8(pair: &KeyPair) -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(pair.as_der().ok()?.as_ref().to_vec()))
}

fn self_signed(pair: &KeyPair, common_name: &str, now: Timestamp) -> Option<Vec<u8>> {
    let pkcs8 = pkcs8(pair)?;
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &rcgen::PKCS_RSA_SHA256).ok()?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    params.not_before = now.to_datetime();
    params.not_after = now.plus(CERTIFICATE_LIFE).to_datetime();
    Some(params.self_signed(&pair).ok()?.der().to_vec())
}
