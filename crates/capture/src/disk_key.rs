//! The key under which packets lie on this machine's disk: in the ring of the look-back, which it was made for and is called by, in the spool, and
//! staged.
//!
//! It is drawn once for a store, and stands there sealed under the master key: so a change of that touches one record, and
//! nothing of what was recorded.

use crate::CaptureError;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::store;
use baleen_keyring::{SealedKind, visit_record};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_meta::{Meta, Request};
use baleen_runtime::Entropy;
use baleen_sealing::blocks::BaseKey;
use baleen_sealing::{Context, Sealer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const CONTEXT: Context<'static> = Context {
    purpose: "look-back-key",
    id: "ring",
};

/// What keys are derived of it for.
const PURPOSE: &[u8] = b"look-back";
const SPOOL_PURPOSE: &[u8] = b"capture spool";
const STAGING_PURPOSE: &[u8] = b"capture staging";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredRingKey {
    sealed: Vec<u8>,
}
first_version!(StoredRingKey, "look-back key");

/// The kind of record that holds it.
pub(crate) const SEALED: SealedKind = SealedKind {
    name: "look-back keys",
    table: Table::LookBackKey,
    prefix: row,
    visit: |entry, visitor| {
        visit_record(entry, visitor, |stored: &mut StoredRingKey, visitor| {
            visitor.field(CONTEXT, &mut stored.sealed)
        })
    },
};

fn row() -> Vec<u8> {
    KeyWriter::new(Table::LookBackKey).finish()
}

/// The ring's key, of the store's, which is made if there is none.
///
/// # Errors
/// Those of the metadata store; `Sealed` when it does not open.
pub(crate) async fn for_ring(meta: &Meta, sealer: &Sealer, entropy: &dyn Entropy) -> Result<BaseKey, CaptureError> {
    key(meta, sealer, entropy, PURPOSE).await
}

/// The key of what waits on the disk, of the same: both lie on this machine, and what is derived of it for one opens nothing of
/// the other.
///
/// # Errors
/// As [`for_ring`].
pub(crate) async fn for_spool(meta: &Meta, sealer: &Sealer, entropy: &dyn Entropy) -> Result<BaseKey, CaptureError> {
    key(meta, sealer, entropy, SPOOL_PURPOSE).await
}

/// The key of what is staged on the disk of captures of groups, as that of what waits there.
///
/// # Errors
/// As [`for_ring`].
pub(crate) async fn for_staging(meta: &Meta, sealer: &Sealer, entropy: &dyn Entropy) -> Result<BaseKey, CaptureError> {
    key(meta, sealer, entropy, STAGING_PURPOSE).await
}

async fn key(meta: &Meta, sealer: &Sealer, entropy: &dyn Entropy, purpose: &[u8]) -> Result<BaseKey, CaptureError> {
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        if let Some(found) = store::read::<StoredRingKey>(meta, &row()).await? {
            let secret = sealer.open(CONTEXT, &found.record.sealed);
            let key = secret.and_then(|secret| BaseKey::from_secret(&secret, purpose));
            return key.map_err(CaptureError::Sealed);
        }
        let key = BaseKey::new(Zeroizing::new(entropy.bytes()), purpose);
        let sealed = sealer.seal(CONTEXT, &key.to_secret(), entropy.bytes());
        let made = Request::new()
            .absent(row())
            .put(row(), store::encode(&StoredRingKey { sealed })?);
        if meta.commit(made).await?.is_committed() {
            return Ok(key);
        }
    }
    Err(CaptureError::Contended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::SeededEntropy;

    #[tokio::test]
    async fn it_is_drawn_once() {
        let (meta, entropy) = (Meta::open_model(), SeededEntropy::new(1));
        let sealer = Sealer::new(&Zeroizing::new([7; 32]));
        let check = |key: BaseKey| key.check(&[1; 16]);
        let made = check(for_ring(&meta, &sealer, &*entropy).await.unwrap());
        assert_eq!(check(for_ring(&meta, &sealer, &*entropy).await.unwrap()), made);
        // With another master key it does not open, and no other key takes its place.
        let other = Sealer::new(&Zeroizing::new([8; 32]));
        assert!(matches!(
            for_ring(&meta, &other, &*entropy).await,
            Err(CaptureError::Sealed(_))
        ));
        assert_eq!(check(for_ring(&meta, &sealer, &*entropy).await.unwrap()), made);
        let stored = meta.get(&row()).await.unwrap().unwrap();
        let secret = for_ring(&meta, &sealer, &*entropy).await.unwrap().to_secret();
        assert!(!String::from_utf8_lossy(&stored).contains(secret.expose()));
    }
}
