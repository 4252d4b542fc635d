//! Taking a log away: its lines as they are stored, oldest first, piece by piece.

use std::sync::Arc;

use baleen_policy::Authorized;

use crate::limits::EXPORT_PIECE_ENTRIES;
use crate::{Audit, Error, Order, Query};

/// A log on its way out: what was in it when the export began, whatever comes in meanwhile.
pub struct Export {
    audit: Arc<Audit>,
    authorized: Authorized,
    query: Query,
    /// The newest entry that belongs to it.
    last: u64,
    is_over: bool,
}

impl Audit {
    /// Begins an export of the entries that `query` wants, of the account that was authorized. Order, place and limit of the
    /// query say nothing here.
    ///
    /// Entries whose time is over may be removed while an export goes on; their numbers are then missing in it.
    ///
    /// # Errors
    /// As [`Audit::page`].
    pub async fn export(self: &Arc<Self>, authorized: &Authorized, query: Query) -> Result<Export, Error> {
        let newest = Query {
            limit: 1,
            ..Query::default()
        };
        let newest = self.page(authorized, &newest).await?;
        let last = newest.entries.first().map_or(0, |(entry, _)| entry.sequence);
        Ok(Export {
            audit: Arc::clone(self),
            authorized: authorized.clone(),
            query: Query {
                order: Order::OldestFirst,
                after: None,
                limit: EXPORT_PIECE_ENTRIES,
                ..query
            },
            last,
            is_over: last == 0,
        })
    }
}

impl Export {
    /// The next lines, each ended; `None` at the end.
    ///
    /// # Errors
    /// As [`Audit::page`]. What came before is then not the whole.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        while !self.is_over {
            let mut page = self.audit.page(&self.authorized, &self.query).await?;
            page.entries.retain(|(entry, _)| entry.sequence <= self.last);
            self.query.after = page.next;
            self.is_over = page.next.is_none_or(|next| next >= self.last);
            if !page.entries.is_empty() {
                return Ok(Some(page.to_lines()));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
