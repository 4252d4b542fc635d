//! Proof that a bucket belongs to who wants captures in it.
//!
//! The service writes a random text into the bucket; who can read it there may have captures written there. So the proof
//! shows two things at once: that the caller reads the bucket, and that the service can write it.
//!
//! Invariants:
//! * the text stands in the bucket alone: the store holds its SHA-256, and no answer of ours holds either;
//! * an account uses a destination only after it validated it itself;
//! * a wrong answer is counted before it is answered, so that asking many times at once gives no further tries;
//! * the proof is one of a *place* (our own store, or one endpoint). A URI that has come to mean another place has to be
//!   proven again.

mod record;

pub(crate) use record::{SEALED, StoredOwnership};

use crate::limits::{
    ANSWER_BYTES_MAX, CHALLENGE_BYTES, COMMIT_ATTEMPTS_MAX, OWNERSHIPS_PER_ACCOUNT_MAX, WRONG_ANSWERS_MAX,
};
use crate::place::Place;
use crate::store::{self, Change, Read};
use crate::{CaptureError, Captures, Destination};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use baleen_meta::{Outcome, Request, Scan};
use baleen_types::{AccountId, OwnershipId, Timestamp};
use bytes::Bytes;
use record::{StoredProof, by_destination_key, key, newest_key, prefix};
use tracing::{info, warn};

/// A destination and how far its proof has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The id of the proof.
    pub id: OwnershipId,
    /// How far it has come.
    pub proof: Proof,
    /// When its challenge was made; of a proven one, the challenge that proved it first.
    pub submitted: Timestamp,
    /// When it was proven.
    pub validated: Option<Timestamp>,
    /// The destination as it was sent, without access keys.
    pub destination: String,
    /// The name of the challenge's file, in the directory of the destination.
    pub file_name: String,
}

/// How far a proof of ownership has come (capture contract, A.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A challenge was written and not answered yet.
    Pending,
    /// It was answered wrongly too often, or is too old.
    Failed,
    /// It was answered.
    Success,
}

/// What [`Captures::validate_ownership`] found, decided in one commit.
enum Verdict {
    Right,
    Wrong { left: u8 },
    Void,
}

impl Captures {
    /// Writes a new challenge into a destination and returns its proof, which is pending unless it was proven before.
    ///
    /// Shape: `POST pcaps/ownership`.
    /// Source: seed 000, "Validating a bucket"; capture contract, A.3.
    ///
    /// # Errors
    /// `Destination` when the URI leads nowhere, `Unwritable` when the bucket does not take the file; nothing has changed
    /// then.
    pub async fn create_ownership(&self, account: AccountId, to: &Destination) -> Result<Ownership, CaptureError> {
        let by_destination = by_destination_key(account, &to.identity());
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let known = self.known_ownership(account, &by_destination).await?;
            // Read before the others are counted, so that nobody comes in between unseen.
            let newest = match known {
                None => Some(self.parts.meta.get(&newest_key(account)).await?),
                Some(_) => None,
            };
            if known.is_none() {
                self.check_room(account).await?;
            }
            let id = known
                .as_ref()
                .map_or_else(|| OwnershipId::from_bytes(self.parts.entropy.bytes()), |(id, _)| *id);
            let place = self.places.resolve(account, to).await?;
            let challenge = hex::encode(self.parts.entropy.bytes::<CHALLENGE_BYTES>());
            // The file goes first: a record whose file is missing could never be proven. Who loses the commit below to
            // another request makes a new text, so that the last file and the last record always belong together.
            self.write_challenge(account, &place, to, id, &challenge).await?;
            let now = self.parts.clock.now();
            let mut record = StoredOwnership::new(to, &place, sha256(challenge.as_bytes()), now);
            record.seal_keys(id, to, &self.parts.sealer, &*self.parts.entropy);
            if let Some((_, before)) = &known {
                record.keep_proof_of(&before.record);
            }
            let mut request = Request::new()
                .unchanged(
                    by_destination.clone(),
                    known.as_ref().map(|(id, _)| Bytes::copy_from_slice(id.as_bytes())),
                )
                .unchanged(key(account, id), known.as_ref().map(|(_, read)| read.bytes.clone()))
                .put(by_destination.clone(), Bytes::copy_from_slice(id.as_bytes()))
                .put(key(account, id), store::encode(&record)?);
            if let Some(newest) = newest {
                request = request
                    .unchanged(newest_key(account), newest)
                    .put(newest_key(account), Bytes::copy_from_slice(id.as_bytes()));
            }
            if let Outcome::Committed = self.parts.meta.commit(request).await? {
                info!(ownership = %id, bucket = %to.bucket(), "ownership challenge written");
                return Ok(record.show(id, now));
            }
        }
        Err(CaptureError::Contended)
    }

    /// Checks the answer to a challenge; white space round it is dropped.
    ///
    /// Shape: `POST pcaps/ownership/validate`. A proof that stands already is confirmed by the right answer and not lost
    /// by a wrong one.
    ///
    /// # Errors
    /// `NoSuchOwnership`; `WrongAnswer` with the number of answers left; `ChallengeFailed` from the fifth wrong answer
    /// on, and after 24 hours.
    pub async fn validate_ownership(
        &self,
        account: AccountId,
        to: &Destination,
        answer: &str,
    ) -> Result<Ownership, CaptureError> {
        let id = self.ownership_id(account, to).await?;
        let now = self.parts.clock.now();
        let given = sha256(answer.get(..ANSWER_BYTES_MAX).unwrap_or(answer).trim().as_bytes());
        let judge = |record: &mut StoredOwnership| {
            // Digests are compared, in constant time: nothing of the text is learned from how long it takes.
            let right = verify_slices_are_equal(&given, &record.challenge_sha256).is_ok();
            let verdict = match (record.proof(now), right) {
                (Proof::Failed, _) => return Ok(Change::Leave(Verdict::Void)),
                (Proof::Success, true) => return Ok(Change::Leave(Verdict::Right)),
                (Proof::Success, false) => {
                    return Ok(Change::Leave(Verdict::Wrong {
                        left: WRONG_ANSWERS_MAX,
                    }));
                }
                (Proof::Pending, true) => {
                    record.proof = StoredProof::Success;
                    record.validated_ns = Some(now.as_nanos());
                    Verdict::Right
                }
                (Proof::Pending, false) => {
                    record.wrong_answers += 1;
                    match WRONG_ANSWERS_MAX.saturating_sub(record.wrong_answers) {
                        0 => {
                            record.proof = StoredProof::Failed;
                            Verdict::Void
                        }
                        left => Verdict::Wrong { left },
                    }
                }
            };
            Ok(Change::Store(Request::new(), verdict))
        };
        let missing = || CaptureError::NoSuchOwnership;
        let (record, verdict) = store::update(&self.parts.meta, &key(account, id), missing, judge).await?;
        match verdict {
            Verdict::Right => {
                info!(ownership = %id, "ownership proven");
                Ok(record.show(id, now))
            }
            Verdict::Wrong { left } => Err(CaptureError::WrongAnswer { left }),
            Verdict::Void => Err(CaptureError::ChallengeFailed),
        }
    }

    /// The destinations of an account, oldest first; at most [`OWNERSHIPS_PER_ACCOUNT_MAX`].
    ///
    /// Shape: `GET pcaps/ownership`.
    pub async fn list_ownerships(&self, account: AccountId) -> Result<Vec<Ownership>, CaptureError> {
        let now = self.parts.clock.now();
        let scan = Scan::prefix(&prefix(account)).limit(OWNERSHIPS_PER_ACCOUNT_MAX);
        let mut found = Vec::new();
        for entry in self.parts.meta.scan(scan).await? {
            let id = record::id_of(&entry.key)?;
            found.push(store::decode::<StoredOwnership>(entry.value)?.record.show(id, now));
        }
        found.sort_by_key(|o| o.submitted);
        Ok(found)
    }

    /// Forgets a destination. Captures that run into it are stopped and fail; its objects stay.
    ///
    /// Shape: `DELETE pcaps/ownership/{id}`.
    ///
    /// # Errors
    /// `NoSuchOwnership`.
    pub async fn delete_ownership(&self, account: AccountId, id: OwnershipId) -> Result<(), CaptureError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let read = store::read::<StoredOwnership>(&self.parts.meta, &key(account, id)).await?;
            let Read { record, bytes } = read.ok_or(CaptureError::NoSuchOwnership)?;
            let request = Request::new()
                .unchanged(key(account, id), Some(bytes))
                .delete(key(account, id))
                .delete(by_destination_key(account, &record.identity()?));
            if let Outcome::Committed = self.parts.meta.commit(request).await? {
                self.live.forsake(account, id);
                info!(ownership = %id, "ownership deleted");
                return Ok(());
            }
        }
        Err(CaptureError::Contended)
    }

    /// The proven destination that a capture is to run into.
    ///
    /// # Errors
    /// `NotProven` unless the account proved it itself, at the place it still means.
    pub(crate) async fn proven(
        &self,
        account: AccountId,
        to: &Destination,
    ) -> Result<(OwnershipId, Read<StoredOwnership>), CaptureError> {
        let unknown = CaptureError::NotProven(
            "destination_conf is not a bucket of this account; create its ownership challenge and validate it first",
        );
        let by_destination = by_destination_key(account, &to.identity());
        let Some((id, read)) = self.known_ownership(account, &by_destination).await? else {
            return Err(unknown);
        };
        match read.record.proof(self.parts.clock.now()) {
            Proof::Success => Ok((id, read)),
            Proof::Pending => Err(CaptureError::NotProven(
                "the ownership of this bucket is pending; validate it with the text of the challenge file first",
            )),
            Proof::Failed => Err(CaptureError::NotProven(
                "the ownership challenge of this bucket has failed; create a new one and validate it first",
            )),
        }
    }

    /// Key under which a proof is stored, so that a capture can be made conditional on it.
    pub(crate) fn ownership_key(account: AccountId, id: OwnershipId) -> Vec<u8> {
        key(account, id)
    }

    async fn ownership_id(&self, account: AccountId, to: &Destination) -> Result<OwnershipId, CaptureError> {
        let by_destination = by_destination_key(account, &to.identity());
        let known = self.known_ownership(account, &by_destination).await?;
        known.map(|(id, _)| id).ok_or(CaptureError::NoSuchOwnership)
    }

    async fn known_ownership(
        &self,
        account: AccountId,
        by_destination: &[u8],
    ) -> Result<Option<(OwnershipId, Read<StoredOwnership>)>, CaptureError> {
        let Some(bytes) = self.parts.meta.get(by_destination).await? else {
            return Ok(None);
        };
        let id: [u8; OwnershipId::BYTES] = bytes[..]
            .try_into()
            .map_err(|_| CaptureError::Damaged("ownership id"))?;
        let id = OwnershipId::from_bytes(id);
        // Both are written and deleted together, but read one after the other.
        let read = store::read::<StoredOwnership>(&self.parts.meta, &key(account, id)).await?;
        Ok(read.map(|read| (id, read)))
    }

    async fn check_room(&self, account: AccountId) -> Result<(), CaptureError> {
        let limit = OWNERSHIPS_PER_ACCOUNT_MAX;
        let scan = Scan::prefix(&prefix(account)).limit(limit).keys_only();
        if self.parts.meta.scan(scan).await?.len() < limit {
            Ok(())
        } else {
            Err(CaptureError::TooManyOwnerships { limit })
        }
    }

    async fn write_challenge(
        &self,
        account: AccountId,
        place: &Place,
        to: &Destination,
        id: OwnershipId,
        challenge: &str,
    ) -> Result<(), CaptureError> {
        let sink = self.places.open(account, to.bucket(), place).await?;
        let object = to.key(&file_name(id));
        let text = Bytes::from(format!("{challenge}\n"));
        sink.put(&object, text, "text/plain").await.map_err(|error| {
            warn!(ownership = %id, bucket = %to.bucket(), %error, "ownership challenge not written");
            CaptureError::Unwritable(error)
        })
    }
}

/// The name of a challenge's file (capture contract, A.3: today's form carries the 32-digit id).
pub(crate) fn file_name(id: OwnershipId) -> String {
    format!("ownership-challenge-{id}.txt")
}

pub(crate) fn sha256(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}
