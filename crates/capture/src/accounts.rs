//! What happens to captures when their account may not act any more.
//!
//! A capture is the account's, not its user's: it goes on when the user who started it is deleted or may do less, and any
//! user who may stop captures stops it. With the account itself it ends, with what it has, and does not begin again when the
//! account comes back: nobody knows by then what was missed.

use crate::{CaptureError, Captures};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{SCAN_ENTRIES_MAX, Scan};
use baleen_types::AccountId;
use tracing::info;

/// What is kept of an account, in the order in which it goes.
const TABLES: [Table; 14] = [
    Table::Schedule,
    Table::CapturePart,
    Table::CaptureFile,
    Table::TaskSlot,
    Table::TaskName,
    Table::TaskByTime,
    Table::CaptureActive,
    Table::SampleTurn,
    Table::CaptureDay,
    Table::CaptureTaskByTime,
    Table::CaptureTask,
    Table::OwnershipByDestination,
    Table::Ownership,
    Table::OwnershipNewest,
];

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Records that are gone.
    pub records: u64,
    /// Captures that are not finished: nothing was removed, since their uploads need the rest.
    pub unfinished: usize,
}

impl Captures {
    /// The accounts whose captures run in this process, or are being uploaded.
    pub fn running_accounts(&self) -> Vec<AccountId> {
        self.live.accounts()
    }

    /// Ends the captures of an account that may not act any more. They keep what they have, and their message says why they
    /// ended. Returns how many there were; asking again is no error.
    pub fn suspend(&self, account: AccountId) -> usize {
        let ended = self.live.suspend(account);
        if ended > 0 {
            info!(%account, ended, "captures of an account that may not act any more are ended");
        }
        ended
    }

    /// Removes an account's capture tasks, its destinations and their ownership challenges. May stop anywhere and be called
    /// again until nothing is unfinished; who calls it has made sure that nobody acts for the account any more.
    ///
    /// A challenge's file and the captures in other stores are their owner's and stay.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn purge_account(&self, account: AccountId) -> Result<Purged, CaptureError> {
        let _ = self.suspend(account);
        let of_account = |table| KeyWriter::new(table).u64(account.as_u64()).finish();
        // Each of them ends by itself, whatever its store does (`finish.rs`).
        let unfinished = Scan::prefix(&of_account(Table::CaptureUnfinished)).keys_only();
        let unfinished = self.parts.meta.scan(unfinished.limit(SCAN_ENTRIES_MAX)).await?.len();
        if unfinished > 0 {
            return Ok(Purged { records: 0, unfinished });
        }
        let mut records = 0;
        for table in TABLES {
            let alone = |_: &_| Ok(Vec::new());
            records += self.parts.meta.remove_all(&of_account(table), alone).await?;
        }
        Ok(Purged { records, unfinished })
    }
}
