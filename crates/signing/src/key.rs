//! Scopes, signing keys and their cache.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::digest::{Hmac, equal_in_constant_time, sha256};
use crate::limits::CACHED_KEYS_MAX;

/// Where and on which day a signing key is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Day, `YYYYMMDD`.
    pub day: &'a str,
    /// Region, such as `us-east-1`.
    pub region: &'a str,
    /// Service, such as `s3`.
    pub service: &'a str,
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }
}

/// A key derived from a secret for one [`Scope`]. Clones share it, since what an HMAC prepares is large.
#[derive(Clone)]
pub struct SigningKey(pub(crate) Arc<Hmac>);

impl SigningKey {
    /// Derives the key: four HMACs over the parts of the scope.
    #[must_use]
    pub fn derive(secret: &str, scope: Scope<'_>) -> Self {
        let mut seed = Vec::with_capacity(4 + secret.len());
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret.as_bytes());
        let mut key = Hmac::new(&seed);
        for part in [scope.day, scope.region, scope.service, "aws4_request"] {
            key = Hmac::new(&key.sign(part.as_bytes()));
        }
        Self(Arc::new(key))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// Derived keys of recent requests: spares four of the five HMACs of a signature check.
///
/// A changed secret is noticed, since an entry is only used with the secret it was derived from.
#[derive(Default)]
pub struct KeyCache {
    by_access_key: Mutex<HashMap<String, Vec<Entry>>>,
}

struct Entry {
    day: String,
    region: String,
    service: String,
    secret_sha256: [u8; 32],
    key: SigningKey,
}

/// One access key is used in few regions and services at a time; more just derive anew.
const SCOPES_PER_ACCESS_KEY: usize = 4;

impl KeyCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key for `scope`, derived now or earlier.
    #[must_use]
    pub fn signing_key(&self, access_key_id: &str, secret: &str, scope: Scope<'_>) -> SigningKey {
        let secret_sha256 = sha256(secret.as_bytes());
        let mut by_access_key = self.by_access_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = by_access_key.get(access_key_id)
            && let Some(entry) = entries.iter().find(|entry| entry.serves(&secret_sha256, scope))
        {
            return entry.key.clone();
        }
        let key = SigningKey::derive(secret, scope);
        // Forgetting all is simple and cheap: what is in use comes back with its next request.
        if by_access_key.len() >= CACHED_KEYS_MAX && !by_access_key.contains_key(access_key_id) {
            by_access_key.clear();
        }
        let entries = by_access_key.entry(access_key_id.to_owned()).or_default();
        if entries.len() >= SCOPES_PER_ACCESS_KEY {
            entries.remove(0);
        }
        entries.push(Entry {
            day: scope.day.to_owned(),
            region: scope.region.to_owned(),
            service: scope.service.to_owned(),
            secret_sha256,
            key: key.clone(),
        });
        key
    }
}

impl Entry {
    fn serves(&self, secret_sha256: &[u8; 32], scope: Scope<'_>) -> bool {
        self.day == scope.day
            && self.region == scope.region
            && self.service == scope.service
            && equal_in_constant_time(&self.secret_sha256, secret_sha256)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCache(..)")
    }
}
