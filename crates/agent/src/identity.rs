//! Who an agent is: its key, the certificate that its server gave it, and the authority by which it knows that server.
//!
//! All of it is one file that only its owner reads. It is replaced as a whole, so that no key is ever beside another's certificate.

use crate::durable;
use crate::error::Error;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use baleen_agentwire::{KeyProof, Purpose};
use baleen_types::AgentId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The name of the file.
const FILE: &str = "identity.json";

/// Rights of others on it.
const OTHERS: u32 = 0o077;

/// A key that may have no certificate yet.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// Who an agent is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, as the server knows it.
    pub id: AgentId,
    /// The certificate as DER.
    pub certificate: Vec<u8>,
    /// Its key as PKCS#8.
    pub key: Zeroizing<Vec<u8>>,
    /// The certificate of the server's authority as DER.
    pub authority: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({}, hidden)", self.id)
    }
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    agent: String,
    certificate: String,
    key: String,
    authority: String,
}

/// An answer of the server that gives a certificate.
#[derive(Deserialize)]
pub(crate) struct Given {
    agent: String,
    certificate: String,
    authority: String,
}

impl Key {
    /// Draws one. The library draws it with the system's generator: who could hand it another could know the key.
    pub(crate) fn new() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| Error::Key)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| Error::Key)?;
        Ok(Self {
            pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()),
            pair,
        })
    }

    /// The public key with the proof that it is one's own, as JSON has them.
    pub(crate) fn proven(&self, purpose: Purpose<'_>) -> Result<(String, String), Error> {
        let public_key = self.pair.public_key().as_ref();
        let text = KeyProof::signed_text(public_key, purpose);
        let signature = self.pair.sign(&SystemRandom::new(), &text).map_err(|_| Error::Key)?;
        Ok((BASE64.encode(public_key), BASE64.encode(signature.as_ref())))
    }

    /// With the certificate that was given for it.
    pub(crate) fn identity(self, given: &Given) -> Result<Identity, Error> {
        let decode = |text: &str| BASE64.decode(text).map_err(|_| Error::Answer("it is not base64"));
        Ok(Identity {
            id: AgentId::parse(&given.agent).map_err(|_| Error::Answer("there is no agent in it"))?,
            certificate: decode(&given.certificate)?,
            key: self.pkcs8,
            authority: decode(&given.authority)?,
        })
    }
}

impl Identity {
    /// The SHA-256 of its certificate.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.certificate)
    }

    /// By what this agent of this server is known from all others: its id, and the SHA-256 of the server's authority.
    pub(crate) fn mark(&self) -> String {
        format!("{} {}\n", self.id, BASE64.encode(sha256(&self.authority)))
    }

    /// Where it is in a folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Reads it from a folder; `None` when the agent is not enrolled.
    ///
    /// # Errors
    /// What cannot be read, and what others may read.
    pub fn load(folder: &Path) -> Result<Option<Self>, Error> {
        let path = Self::path(folder);
        let failed = |why: String| Error::Identity {
            path: path.clone(),
            why,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let mode = file.metadata().map_err(|error| failed(error.to_string()))?;
        if mode.permissions().mode() & OTHERS != 0 {
            let advice = format!("others may read it; chmod 600 {}", path.display());
            return Err(failed(advice));
        }
        let damaged = || failed("it is damaged; remove it and enrol again with a new token".to_owned());
        let stored: Stored = serde_json::from_reader(file).map_err(|_| damaged())?;
        let decode = |text: &str| BASE64.decode(text).map_err(|_| damaged());
        if stored.version != 1 {
            return Err(failed("it is of another release of this program".to_owned()));
        }
        Ok(Some(Self {
            id: AgentId::parse(&stored.agent).map_err(|_| damaged())?,
            certificate: decode(&stored.certificate)?,
            key: Zeroizing::new(decode(&stored.key)?),
            authority: decode(&stored.authority)?,
        }))
    }

    /// Writes it into a folder, in the place of the one that is there.
    ///
    /// # Errors
    /// Why it is not written; the one that was there stays.
    pub fn store(&self, folder: &Path) -> Result<(), Error> {
        let path = Self::path(folder);
        let stored = Stored {
            version: 1,
            agent: self.id.to_string(),
            certificate: BASE64.encode(&self.certificate),
            key: BASE64.encode(&*self.key),
            authority: BASE64.encode(&self.authority),
        };
        let write = || {
            let text = Zeroizing::new(serde_json::to_vec(&stored)?);
            durable::replace(&path, &text)
        };
        write().map_err(|error: std::io::Error| Error::Identity {
            path: path.clone(),
            why: format!("it cannot be written: {error}"),
        })
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.as_ref());
    sha256
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(byte: u8) -> Identity {
        let given = Given {
            agent: AgentId::from_bytes([byte; 16]).to_string(),
            certificate: BASE64.encode([byte; 40]),
            authority: BASE64.encode([2; 40]),
        };
        Key::new().unwrap().identity(&given).unwrap()
    }

    #[test]
    fn it_is_replaced_as_a_whole_and_read_by_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap(), None);
        for byte in [1, 2] {
            let new = identity(byte);
            new.store(dir.path()).unwrap();
            assert_eq!(Identity::load(dir.path()).unwrap(), Some(new.clone()));
            assert!(!format!("{new:?}").contains("key"));
        }
        let path = Identity::path(dir.path());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Identity::load(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn what_is_none_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        identity(1).store(dir.path()).unwrap();
        let whole = std::fs::read_to_string(Identity::path(dir.path())).unwrap();
        for damaged in [
            String::new(),
            whole[..whole.len() / 2].to_owned(),
            whole.replace("\"agent\"", "\"other\""),
            whole.replace("\"version\":1", "\"version\":2"),
            whole.replace('=', "!"),
        ] {
            std::fs::write(Identity::path(dir.path()), &damaged).unwrap();
            let error = Identity::load(dir.path()).unwrap_err().to_string();
            assert!(error.contains("enrol again") || error.contains("release"), "{error}");
        }
    }
}
