//! The authority of the store: a key and its certificate, and what it signs.

use crate::limits::{AUTHORITY_LIFE, BACKDATED, CERTIFICATE_LIFE};
use crate::token::sha256;
use baleen_agentwire::PUBLIC_KEY_BYTES;
use baleen_runtime::Entropy;
use baleen_types::{AgentId, Timestamp};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of a serial number: random, so that none is ever given twice (CA/Browser Forum asks for 8).
const SERIAL_BYTES: usize = 16;

/// The authority, ready to sign.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) der: Vec<u8>,
    /// The SHA-256 of that.
    pub(crate) sha256: [u8; 32],
}

/// A key with a certificate of the authority.
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    /// PKCS#8.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// What of an authority is stored.
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) certificate: Vec<u8>,
    /// PKCS#8.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl Authority {
    /// Makes one.
    pub(crate) fn draw(now: Timestamp, entropy: &dyn Entropy) -> Result<Kept, Error> {
        let name = format!("Baleen agents {}", hex::encode(entropy.bytes::<4>()));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = of_name(&name);
        valid(&mut params, now, AUTHORITY_LIFE);
        params.serial_number = Some(serial(entropy));
        Ok(Kept {
            certificate: params.self_signed(&key)?.der().to_vec(),
            key: Zeroizing::new(key.serialize_der()),
            name,
        })
    }

    /// Takes up one that was made.
    pub(crate) fn of(kept: Kept) -> Result<Self, Error> {
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&kept.key.as_slice().into(), &PKCS_ECDSA_P256_SHA256)?;
        Ok(Self {
            // Of what it was made with, only its name and its key go into what it signs.
            issuer: Issuer::new(of_name(&kept.name), key),
            sha256: sha256(&kept.certificate),
            der: kept.certificate,
        })
    }

    /// A certificate of an agent for its key: it is that agent towards servers, and nothing else.
    pub(crate) fn of_agent(
        &self,
        id: AgentId,
        key: &[u8; PUBLIC_KEY_BYTES],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let mut params = leaf(&id.to_string(), now, entropy);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(self.sign(&params, &Point(key))?.der().to_vec())
    }

    /// A key of a server with its certificate, for names and addresses.
    pub(crate) fn of_server(&self, names: &[String], now: Timestamp, entropy: &dyn Entropy) -> Result<Identity, Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = leaf("Baleen server", now, entropy);
        params.subject_alt_names = CertificateParams::new(names.to_vec())?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(Identity {
            certificate: self.sign(&params, &key)?.der().to_vec(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    fn sign(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Result<Certificate, Error> {
        params.signed_by(key, &self.issuer)
    }
}

/// A public key as it came.
struct Point<'a>(&'a [u8; PUBLIC_KEY_BYTES]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn of_name(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    // It signs agents and servers, and no other authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(name: &str, now: Timestamp, entropy: &dyn Entropy) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial(entropy));
    valid(&mut params, now, CERTIFICATE_LIFE);
    params
}

fn valid(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    params.not_before = Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos(BACKDATED))).to_datetime();
    params.not_after = now.plus(life).to_datetime();
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Positive, as it has to be.
fn serial(entropy: &dyn Entropy) -> SerialNumber {
    let mut bytes = entropy.bytes::<SERIAL_BYTES>();
    bytes[0] &= 0x7f;
    SerialNumber::from_slice(&bytes)
}
