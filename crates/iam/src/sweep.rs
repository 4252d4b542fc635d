//! Going over all rows of a table, page by page: what background tasks and a purge do.

use crate::change::Stored;
use crate::limits::SWEEP_PAGE;
use crate::{Error, Iam};
use baleen_meta::record::Record;
use baleen_meta::{Request, Scan};

impl Iam {
    /// Goes over all rows that begin so, and commits what is to become of each; returns how many changes were made. A row that
    /// was changed by another meanwhile is passed over, if its change requires it to be as it was read. So is a damaged one, of
    /// which the log is told: one row must not keep all behind it for ever.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses. What was done before stays done.
    pub(crate) async fn sweep<R: Record + Send>(
        &self,
        prefix: &[u8],
        change: impl Fn(&[u8], Stored<R>) -> Result<Option<Request>, Error> + Send + Sync,
    ) -> Result<u64, Error> {
        let mut scan = Scan::prefix(prefix).limit(SWEEP_PAGE);
        let (mut changed, mut damaged) = (0, Damaged::default());
        loop {
            let entries = self.parts.meta.scan(scan.clone()).await.map_err(Error::Meta)?;
            for entry in &entries {
                // Nothing here asks the store: whatever fails is the row's own fault.
                let wanted = Stored::read(entry.value.clone()).and_then(|stored| change(&entry.key, stored));
                match wanted {
                    Ok(Some(request)) => changed += u64::from(self.settle(request, &[]).await?),
                    Ok(None) => {}
                    Err(why) => damaged.note(&entry.key, &why),
                }
            }
            match entries.last() {
                Some(last) if entries.len() == SWEEP_PAGE => scan = scan.after(last.key.to_vec()),
                _ => {
                    damaged.tell(R::NAME);
                    return Ok(changed);
                }
            }
        }
    }
}

/// Rows that are not what was stored. Their keys hold ids and digests, and no secret.
#[derive(Default)]
struct Damaged {
    rows: u64,
    first: Option<(String, String)>,
}

impl Damaged {
    fn note(&mut self, key: &[u8], why: &Error) {
        self.rows += 1;
        self.first.get_or_insert_with(|| (hex::encode(key), why.to_string()));
    }

    /// One line for all of a pass.
    fn tell(&self, record: &'static str) {
        if let Some((key, why)) = &self.first {
            tracing::error!(record, rows = self.rows, key, why, "a sweep passed over damaged rows");
        }
    }
}
