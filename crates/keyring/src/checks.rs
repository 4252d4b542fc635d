//! Check values: what the store says of the keys it needs.
//!
//! For each key that something may be sealed under there is a known text, sealed under that key. A start opens all of them,
//! so that a wrong, missing or incomplete file is refused there, and not by each secret later. The row is written before the
//! first secret is sealed under a new key, and a key leaves it when a whole pass found nothing sealed under it.

use crate::kind::Visitor;
use crate::limits::SAMPLES;
use crate::{Error, KeyFile, SealedKind};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::{self, first_version};
use baleen_meta::{Meta, Request, Scan, Snapshot};
use baleen_runtime::Entropy;
use baleen_sealing::{Context, KeyNumber, Ring, Sealer, sealed_under};
use baleen_types::Secret;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The check values of the keys that are needed, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredChecks {
    sealed: Vec<Vec<u8>>,
}

first_version!(StoredChecks, "check of the master keys");

const CONTEXT: Context<'static> = Context {
    purpose: "master-key",
    id: "",
};

/// What is sealed; nothing depends on it.
const TEXT: &str = "this opens";

pub(crate) fn key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("master-keys")
}

/// The keys that the store needs, and the row that says so.
#[derive(Clone, Debug)]
pub(crate) struct Needed {
    pub(crate) numbers: Vec<KeyNumber>,
    row: Option<Bytes>,
}

impl Needed {
    /// Reads which keys are needed, and refuses a ring that lacks one.
    pub(crate) async fn read(meta: &Meta, ring: &Ring, file: &KeyFile) -> Result<Option<Self>, Error> {
        let Some(row) = meta.get(&key()).await? else {
            return Ok(None);
        };
        let stored: StoredChecks = record::decode(&row).map_err(baleen_meta::Error::from)?;
        let sealer = Sealer::of(ring);
        let mut numbers = Vec::with_capacity(stored.sealed.len());
        for sealed in &stored.sealed {
            let number = sealed_under(sealed).unwrap_or(KeyNumber::FIRST);
            sealer.open(CONTEXT, sealed).map_err(|_| wrong(file, ring, number))?;
            numbers.push(number);
        }
        Ok(Some(Self {
            numbers,
            row: Some(row),
        }))
    }

    /// For a store that says nothing yet: every key of the ring may be in use. Of what is sealed in it, something must open;
    /// one damaged record is no reason not to start.
    pub(crate) async fn guess(meta: &Meta, ring: &Ring, file: &KeyFile, kinds: &[SealedKind]) -> Result<Self, Error> {
        let sealer = Sealer::of(ring);
        let mut visitor = Visitor::opening(&sealer);
        let mut broken = 0;
        for kind in kinds {
            for entry in meta.scan(Scan::prefix(&(kind.prefix)()).limit(SAMPLES)).await? {
                broken += u64::from((kind.visit)(&entry, &mut visitor).is_err());
            }
        }
        if broken > 0 && visitor.fields <= broken {
            return Err(wrong(file, ring, KeyNumber::FIRST));
        }
        Ok(Self {
            numbers: ring.numbers().collect(),
            row: None,
        })
    }

    /// Whether the store says exactly this.
    pub(crate) fn is_said(&self, numbers: &[KeyNumber]) -> bool {
        self.row.is_some() && self.numbers == numbers
    }

    /// Says that exactly these keys of the ring are needed; `false` when somebody else has said something meanwhile.
    pub(crate) async fn say(
        &mut self,
        numbers: Vec<KeyNumber>,
        meta: &Meta,
        ring: &Ring,
        entropy: &dyn Entropy,
    ) -> Result<bool, Error> {
        let sealer = Sealer::of(ring);
        let text = Secret::new(TEXT);
        let check = |number: &KeyNumber| sealer.seal_under(*number, CONTEXT, &text, entropy.bytes());
        let stored = StoredChecks {
            sealed: numbers.iter().filter_map(check).collect(),
        };
        let row = record::encode(&stored).map_err(baleen_meta::Error::from)?;
        let request = Request::new()
            .unchanged(key(), self.row.clone())
            .put(key(), row.clone());
        let is_said = meta.commit(request).await?.is_committed();
        if is_said {
            (self.numbers, self.row) = (numbers, Some(row));
        }
        Ok(is_said)
    }
}

/// The numbers of the master keys that a store needs, as it says itself; for who has no key. None if nothing was sealed.
///
/// # Errors
/// What the store says cannot be read.
pub async fn needed_keys(snapshot: &Snapshot) -> Result<Vec<u16>, Error> {
    let Some(row) = snapshot.get(&key()).await? else {
        return Ok(Vec::new());
    };
    let stored: StoredChecks = record::decode(&row).map_err(baleen_meta::Error::from)?;
    let number = |sealed: &Vec<u8>| sealed_under(sealed).unwrap_or(KeyNumber::FIRST).get();
    Ok(stored.sealed.iter().map(number).collect())
}

/// Whether the store has something that was sealed.
pub(crate) async fn is_used(meta: &Meta, kinds: &[SealedKind]) -> Result<bool, Error> {
    if meta.get(&key()).await?.is_some() {
        return Ok(true);
    }
    for kind in kinds {
        if !meta
            .scan(Scan::prefix(&(kind.prefix)()).limit(1).keys_only())
            .await?
            .is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn wrong(file: &KeyFile, ring: &Ring, number: KeyNumber) -> Error {
    Error::WrongKey {
        path: file.path().to_owned(),
        number,
        is_there: ring.numbers().any(|held| held == number),
    }
}
