//! Going over all rows of a table, page by page: what background tasks and a purge do.

use crate::change::Stored;
use crate::limits::SWEEP_PAGE;
use crate::records::decode;
use crate::{Error, Iam};
use baleen_meta::record::Record;
use baleen_meta::{Request, Scan};

impl Iam {
    /// Goes over all rows that begin so, and commits what is to become of each; returns how many changes were made. A row that
    /// was changed by another meanwhile is passed over, if its change requires it to be as it was read.
    ///
    /// # Errors
    /// What `change` says; `Unavailable` when the store refuses. What was done before stays done.
    pub(crate) async fn sweep<R: Record + Send>(
        &self,
        prefix: &[u8],
        change: impl Fn(&[u8], Stored<R>) -> Result<Option<Request>, Error> + Send + Sync,
    ) -> Result<u64, Error> {
        let mut scan = Scan::prefix(prefix).limit(SWEEP_PAGE);
        let mut changed = 0;
        loop {
            let entries = self.parts.meta.scan(scan.clone()).await.map_err(Error::Meta)?;
            for entry in &entries {
                let stored = Stored {
                    value: decode(&entry.value)?,
                    bytes: entry.value.clone(),
                };
                if let Some(request) = change(&entry.key, stored)? {
                    changed += u64::from(self.settle(request, &[]).await?);
                }
            }
            match entries.last() {
                Some(last) if entries.len() == SWEEP_PAGE => scan = scan.after(last.key.to_vec()),
                _ => return Ok(changed),
            }
        }
    }
}
