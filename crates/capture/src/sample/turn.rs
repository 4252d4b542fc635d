//! Whose turn it is: a sample a minute for each account (capture contract, A.2).
//!
//! The turn is taken in the commit that writes the sample, so that two which come at once do not both get it, and a restart
//! gives none away.

use crate::limits::SAMPLE_EVERY;
use crate::store;
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_types::{AccountId, CaptureId, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tracing::warn;

/// The last sample of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) taken_ns: i64,
    pub(crate) capture: [u8; CaptureId::BYTES],
}
first_version!(Turn, "sample turn");

pub(crate) fn key(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::SampleTurn).u64(account.as_u64()).finish()
}

impl Turn {
    /// Whether the next one may not be taken yet. A clock that was set back since counts for nothing: nobody waits for it to
    /// come there again.
    fn refuses(&self, now: Timestamp) -> Result<(), CaptureError> {
        let taken = Timestamp::from_nanos(self.taken_ns);
        let since = now.since(taken);
        if now < taken || since >= SAMPLE_EVERY {
            return Ok(());
        }
        Err(CaptureError::TooSoon {
            last: CaptureId::from_bytes(self.capture),
            left: SAMPLE_EVERY.saturating_sub(since),
        })
    }
}

impl Captures {
    /// What is stored of an account's last turn, if the next one may be taken.
    ///
    /// # Errors
    /// `TooSoon`.
    pub(super) async fn next_turn(&self, account: AccountId, now: Timestamp) -> Result<Option<Bytes>, CaptureError> {
        let Some(last) = store::read::<Turn>(&self.parts.meta, &key(account)).await? else {
            return Ok(None);
        };
        last.record.refuses(now)?;
        Ok(Some(last.bytes))
    }

    /// Gives the turn of a sample back, unless another one was taken since.
    pub(super) async fn give_turn_back(&self, (account, id): (AccountId, CaptureId)) {
        let given = async {
            let Some(last) = store::read::<Turn>(&self.parts.meta, &key(account)).await? else {
                return Ok(());
            };
            if last.record.capture != *id.as_bytes() {
                return Ok(());
            }
            let gone = Request::new()
                .unchanged(key(account), Some(last.bytes))
                .delete(key(account));
            // Who took another one meanwhile has it.
            self.parts.meta.commit(gone).await?;
            Ok::<_, CaptureError>(())
        };
        if let Err(error) = given.await {
            warn!(capture = %id, %error, "the turn of a failed sample was not given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_turn_a_minute() {
        let turn = Turn {
            taken_ns: 1_000_000_000_000,
            capture: [1; 16],
        };
        let at = |millis: i64| Timestamp::from_nanos(turn.taken_ns + millis * 1_000_000);
        for (millis, left) in [
            (0, Some(60_000)),
            (1, Some(59_999)),
            (59_999, Some(1)),
            (60_000, None),
            (600_000, None),
            // Set back.
            (-1, None),
        ] {
            let refused = match turn.refuses(at(millis)) {
                Ok(()) => None,
                Err(CaptureError::TooSoon { left, .. }) => Some(left),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(refused, left.map(Duration::from_millis), "{millis}");
        }
    }
}
