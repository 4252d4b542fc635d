//! What is stored of a proof.

use super::{Ownership, Proof, file_name};
use crate::destination::{AccessKeys, Identity};
use crate::limits::CHALLENGE_LIFE;
use crate::place::{Place, RemotePlace};
use crate::{CaptureError, Destination, Endpoint};
use baleen_keyring::{SealedKind, visit_record};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_runtime::Entropy;
use baleen_sealing::{Context, Sealer};
use baleen_types::{AccountId, OwnershipId, RegionName, Timestamp};
use serde::{Deserialize, Serialize};

/// A proof as it is stored, under its account and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredOwnership {
    /// The destination as sent, without its access keys.
    shown: String,
    place: StoredPlace,
    keys: Option<StoredKeys>,
    pub(super) proof: StoredProof,
    submitted_ns: i64,
    pub(super) validated_ns: Option<i64>,
    pub(super) challenge_sha256: [u8; 32],
    pub(super) wrong_answers: u8,
}
first_version!(StoredOwnership, "ownership");

/// The kind of record that holds access keys.
pub(crate) const SEALED: SealedKind = SealedKind {
    name: "destination keys",
    table: Table::Ownership,
    prefix: || KeyWriter::new(Table::Ownership).finish(),
    visit: |entry, visitor| {
        let id = id_of(&entry.key)
            .map_err(|_| baleen_keyring::Unsealable::Key)?
            .to_string();
        visit_record(entry, visitor, |proof: &mut StoredOwnership, visitor| {
            let keys = proof.keys.as_mut();
            keys.map_or(Ok(()), |keys| visitor.field(context(&id), &mut keys.sealed_secret))
        })
    },
};

/// A place as it is stored; the access keys stand apart, since they are sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredPlace {
    Own,
    Remote { endpoint: String, region: Option<String> },
}

/// Access keys of a URI: the id, and the secret sealed under the proof's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredKeys {
    id: String,
    sealed_secret: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredProof {
    Pending,
    Failed,
    Success,
}

pub(super) fn prefix(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::Ownership).u64(account.as_u64()).finish()
}

pub(super) fn key(account: AccountId, id: OwnershipId) -> Vec<u8> {
    KeyWriter::new(Table::Ownership)
        .u64(account.as_u64())
        .fixed(id.as_bytes())
        .finish()
}

pub(super) fn by_destination_key(account: AccountId, identity: &Identity) -> Vec<u8> {
    KeyWriter::new(Table::OwnershipByDestination)
        .u64(account.as_u64())
        .tail(identity.as_str())
}

pub(super) fn newest_key(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::OwnershipNewest).u64(account.as_u64()).finish()
}

/// The id in a key of the table.
pub(super) fn id_of(key: &[u8]) -> Result<OwnershipId, CaptureError> {
    let mut reader = KeyReader::new(key, Table::Ownership)?;
    reader.u64()?;
    let id = OwnershipId::from_bytes(reader.fixed()?);
    reader.end()?;
    Ok(id)
}

impl StoredOwnership {
    /// A pending proof of the challenge with this digest.
    pub(super) fn new(to: &Destination, place: &Place, challenge_sha256: [u8; 32], now: Timestamp) -> Self {
        let place = match place {
            Place::Own { .. } => StoredPlace::Own,
            Place::Remote(remote) => StoredPlace::Remote {
                endpoint: remote.endpoint.as_str().to_owned(),
                region: remote.region.as_ref().map(ToString::to_string),
            },
        };
        Self {
            shown: to.shown().to_owned(),
            place,
            keys: None,
            proof: StoredProof::Pending,
            submitted_ns: now.as_nanos(),
            validated_ns: None,
            challenge_sha256,
            wrong_answers: 0,
        }
    }

    /// Takes over a proof that was given before, if it was given at the same place with the same credentials (capture
    /// contract, A.3: a new challenge "sets `pending` again unless it was already `success`"). To be called when the keys
    /// are sealed.
    ///
    /// In a store where each tenant has names of its own, other credentials mean another bucket.
    pub(super) fn keep_proof_of(&mut self, before: &Self) {
        let same_place = match (&self.place, &before.place) {
            (StoredPlace::Own, StoredPlace::Own) => true,
            (StoredPlace::Remote { endpoint: a, .. }, StoredPlace::Remote { endpoint: b, .. }) => a == b,
            (StoredPlace::Own, StoredPlace::Remote { .. }) | (StoredPlace::Remote { .. }, StoredPlace::Own) => false,
        };
        let same_tenant = self.keys.as_ref().map(|keys| &keys.id) == before.keys.as_ref().map(|keys| &keys.id);
        if before.proof == StoredProof::Success && same_place && same_tenant {
            self.proof = StoredProof::Success;
            self.validated_ns = before.validated_ns;
            // Of the proof that is in force: otherwise it would be validated before it was submitted.
            self.submitted_ns = before.submitted_ns;
        }
    }

    /// Puts the URI's access keys into the record, the secret sealed.
    pub(super) fn seal_keys(&mut self, id: OwnershipId, to: &Destination, sealer: &Sealer, entropy: &dyn Entropy) {
        self.keys = to.keys().map(|keys| StoredKeys {
            id: keys.id.clone(),
            sealed_secret: sealer.seal(context(&id.to_string()), &keys.secret, entropy.bytes()),
        });
    }

    /// The place where the proof was given, with its access keys opened.
    pub(crate) fn place(&self, id: OwnershipId, sealer: &Sealer) -> Result<Place, CaptureError> {
        let StoredPlace::Remote { endpoint, region } = &self.place else {
            let encrypt = self.destination()?.encrypt();
            return Ok(Place::Own { encrypt });
        };
        let keys = self.keys.as_ref().map(|keys| {
            let secret = sealer.open(context(&id.to_string()), &keys.sealed_secret);
            secret.map(|secret| AccessKeys {
                id: keys.id.clone(),
                secret,
            })
        });
        let region = region.as_deref().map(RegionName::parse).transpose();
        Ok(Place::Remote(RemotePlace {
            endpoint: Endpoint::parse(endpoint).map_err(|_| CaptureError::Damaged("ownership"))?,
            region: region.map_err(|_| CaptureError::Damaged("ownership"))?,
            keys: keys.transpose().map_err(CaptureError::Sealed)?,
            encrypt: self.destination()?.encrypt(),
            azure: self.destination()?.azure().cloned(),
        }))
    }

    /// The destination; its access keys are not in it.
    pub(crate) fn destination(&self) -> Result<Destination, CaptureError> {
        Destination::parse(&self.shown).map_err(|_| CaptureError::Damaged("ownership"))
    }

    pub(super) fn identity(&self) -> Result<Identity, CaptureError> {
        Ok(self.destination()?.identity())
    }

    /// The proof now: a pending one fails by age alone.
    pub(super) fn proof(&self, now: Timestamp) -> Proof {
        let age = now.since(Timestamp::from_nanos(self.submitted_ns));
        match self.proof {
            StoredProof::Success => Proof::Success,
            StoredProof::Pending if age < CHALLENGE_LIFE => Proof::Pending,
            StoredProof::Pending | StoredProof::Failed => Proof::Failed,
        }
    }

    pub(super) fn show(&self, id: OwnershipId, now: Timestamp) -> Ownership {
        Ownership {
            id,
            proof: self.proof(now),
            submitted: Timestamp::from_nanos(self.submitted_ns),
            validated: self.validated_ns.map(Timestamp::from_nanos),
            destination: self.shown.clone(),
            file_name: file_name(id),
        }
    }
}

fn context(id: &str) -> Context<'_> {
    Context {
        purpose: "destination-keys",
        id,
    }
}

#[cfg(test)]
mod tests;
