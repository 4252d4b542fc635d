//! What keys were used for last.
//!
//! Noted in memory by whoever verified a signature, and written by a background pass: at most once a minute for each key,
//! many in one commit's sync. What is noted and not yet written is lost with the process, which makes a "last used" older
//! than it is, by a minute or so.

use crate::keys::{AccessKeyInfo, LastUse};
use crate::limits::{NOTED_USES_MAX, USE_NOTED_SECS};
use crate::records::{StoredKey, StoredUse, stamp};
use crate::{Error, Iam};
use baleen_types::AccessKeyId;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Uses by key.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<AccessKeyId, Noted>>);

struct Noted {
    what: LastUse,
    is_written: bool,
}

impl Iam {
    /// Notes that a key has signed for a service in a region, now. What sessions do is not noted.
    ///
    /// Costs a look into a map; changes nothing but once a minute for each key.
    pub fn note_use(&self, id: &AccessKeyId, service: &str, region: &str) {
        if id.is_of_session() {
            return;
        }
        let at = self.parts.clock.now();
        let mut uses = self.uses.0.lock();
        if let Some(noted) = uses.get(id) {
            let age = at.as_secs().saturating_sub(noted.what.at.as_secs());
            // A clock that was set back must not keep an old note for ever.
            if (0..USE_NOTED_SECS).contains(&age) {
                return;
            }
        } else if uses.len() >= NOTED_USES_MAX {
            return;
        }
        // Both come from the client's signature, which was right; they are short all the same.
        let short = |text: &str| text.chars().take(64).collect();
        let what = LastUse {
            at,
            service: short(service),
            region: short(region),
        };
        uses.insert(
            id.clone(),
            Noted {
                what,
                is_written: false,
            },
        );
    }

    /// Writes what was noted; for a background task. Notes of keys that are gone are dropped.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses; the notes that are left are written by the next pass.
    pub async fn write_uses(&self) -> Result<(), Error> {
        let waiting: Vec<_> = {
            let mut uses = self.uses.0.lock();
            let now = self.parts.clock.now().as_secs();
            // What is written stays only as long as it keeps the next note away.
            uses.retain(|_, noted| !noted.is_written || now.saturating_sub(noted.what.at.as_secs()) < USE_NOTED_SECS);
            let open = uses.iter().filter(|(_, noted)| !noted.is_written);
            open.map(|(id, noted)| (id.clone(), noted.what.clone())).collect()
        };
        for batch in waiting.chunks(64) {
            let writes = batch.iter().map(|(id, what)| self.write_use(id, what));
            for (done, (id, what)) in futures::future::join_all(writes).await.into_iter().zip(batch) {
                done?;
                if let Some(noted) = self.uses.0.lock().get_mut(id).filter(|noted| noted.what == *what) {
                    noted.is_written = true;
                }
            }
        }
        Ok(())
    }

    /// Writes one use, unless the key is gone.
    async fn write_use(&self, id: &AccessKeyId, what: &LastUse) -> Result<(), Error> {
        self.tried(|| async {
            let Some(was) = self.view().await?.get::<StoredKey>(&StoredKey::key(id)).await? else {
                return Ok(Some(()));
            };
            let mut next = was.value.clone();
            next.last_used = Some(StoredUse {
                at_ns: stamp(what.at),
                service: what.service.clone(),
                region: what.region.clone(),
            });
            let request = was.replace(StoredKey::key(id), &next)?;
            Ok(self.settle(request, &[]).await?.then_some(()))
        })
        .await
    }

    /// The key with what is noted and not yet written.
    pub(crate) fn freshly_used(&self, key: AccessKeyInfo) -> AccessKeyInfo {
        let noted = self.uses.0.lock().get(&key.id).map(|noted| noted.what.clone());
        let last_used = noted.into_iter().chain(key.last_used).max_by_key(|used| used.at);
        AccessKeyInfo { last_used, ..key }
    }
}
