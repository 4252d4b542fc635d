//! Removing all keys of a prefix: many, in commits of bounded size.

use crate::limits::REMOVED_AT_ONCE;
use crate::{Entry, Meta, Request, Result, Scan};

impl Meta {
    /// Removes every key that starts with a prefix, each in one commit with the keys that hang from it; returns how many of
    /// the prefix there were. May stop anywhere and be called again: what is left is found as it was.
    ///
    /// `hanging` gives at most [`crate::REMOVED_HANGING_MAX`] keys. It sees the entry as it was read a moment ago: who calls
    /// this has made sure that nobody writes there any more.
    ///
    /// # Errors
    /// Those of [`Meta::scan`] and [`Meta::commit`], and what `hanging` says.
    pub async fn remove_all(
        &self,
        prefix: &[u8],
        hanging: impl Fn(&Entry) -> Result<Vec<Vec<u8>>> + Send + Sync,
    ) -> Result<u64> {
        let mut scan = Scan::prefix(prefix).limit(REMOVED_AT_ONCE);
        let mut removed = 0;
        loop {
            let page = self.scan(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(removed) };
            let mut request = Request::new();
            for entry in &page {
                request = hanging(entry)?.into_iter().fold(request, Request::delete);
                request = request.delete(entry.key.to_vec());
            }
            self.commit(request).await?;
            removed += page.len() as u64;
            // Not from the start: an engine may have to step over what was just removed.
            scan = scan.after(last.key.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, FjallSettings};

    async fn keys(meta: &Meta, prefix: &[u8]) -> Vec<Vec<u8>> {
        let page = meta.scan(Scan::prefix(prefix)).await.unwrap();
        page.into_iter().map(|entry| entry.key.to_vec()).collect()
    }

    #[tokio::test]
    async fn a_prefix_goes_with_what_hangs_from_it_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let stored = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
        for meta in [Meta::open_model(), stored] {
            let count = 2 * REMOVED_AT_ONCE + 1;
            for number in 0..count {
                let hanging = format!("h{number}");
                let request = Request::new().put(format!("p{number:04}"), hanging.clone());
                meta.commit(request.put(hanging, "")).await.unwrap();
            }
            let others = Request::new().put("h", "").put("o", "").put("q", "");
            meta.commit(others).await.unwrap();
            let hanging = |entry: &Entry| Ok(vec![entry.value.to_vec()]);
            let failing = |entry: &Entry| {
                let is_bad = entry.key.ends_with(b"150");
                let why = Error::MalformedKey { why: "a test" };
                if is_bad { Err(why) } else { hanging(entry) }
            };
            assert!(meta.remove_all(b"p", failing).await.is_err());
            assert_eq!(keys(&meta, b"p").await.len(), count - REMOVED_AT_ONCE, "whole commits");
            assert_eq!(keys(&meta, b"h").await.len(), count - REMOVED_AT_ONCE + 1);
            let left = (count - REMOVED_AT_ONCE) as u64;
            assert_eq!(meta.remove_all(b"p", hanging).await.unwrap(), left);
            assert_eq!(meta.remove_all(b"p", hanging).await.unwrap(), 0);
            assert_eq!(keys(&meta, b"").await, [b"h", b"o", b"q"]);
        }
    }
}
