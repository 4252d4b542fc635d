//! Whether the keys are there and open.

use super::Kms;
use crate::Error;
use crate::record::{StoredKey, context, id, name_of, row};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Scan, Snapshot, record};
use baleen_types::AccountId;

/// Rows that are in memory at a time: one may have 100 versions.
const ROWS_AT_ONCE: usize = 100;

impl Kms {
    /// Looks whether each key that there is opens, also one that is disabled, and whether each that is said to be there is; tells
    /// of which something is wrong, and what.
    ///
    /// # Errors
    /// The store fails; damage is told.
    pub async fn judge(&self, snapshot: &Snapshot, mut tell: impl FnMut(String, String)) -> Result<(), Error> {
        for table in [Table::EncryptionKey, Table::EncryptionKeyName] {
            let mut scan = Scan::prefix(&KeyWriter::new(table).finish()).limit(ROWS_AT_ONCE);
            loop {
                let page = snapshot.scan(scan.clone()).await?;
                let Some(last) = page.last() else { break };
                scan = scan.after(last.key.to_vec());
                for entry in &page {
                    let Ok((account, name)) = key_of(table, entry) else {
                        tell(format!("a row of {table:?}"), "its key cannot be read".to_owned());
                        continue;
                    };
                    let of = format!("encryption key {name} of account {account}");
                    if table == Table::EncryptionKeyName {
                        if !snapshot.contains_many(&[row(account, name)]).await?.contains(&true) {
                            tell(of, "it is gone: what is encrypted under it cannot be opened".to_owned());
                        }
                    } else if let Err(what) = self.opens(account, name, entry) {
                        tell(of, what);
                    }
                }
            }
        }
        Ok(())
    }

    fn opens(&self, account: AccountId, name: &str, entry: &Entry) -> Result<(), String> {
        let key: StoredKey = record::decode(&entry.value).map_err(|error| error.to_string())?;
        for (version, of) in (1..).zip(&key.versions) {
            let id = id(account.as_u64(), name, version);
            let opened = self.parts.sealer.open(context(&id), &of.sealed);
            opened.map_err(|_| {
                format!("its version {version} does not open: what is encrypted under it cannot be opened")
            })?;
        }
        Ok(())
    }
}

fn key_of(table: Table, entry: &Entry) -> Result<(AccountId, &str), Error> {
    let mut reader = KeyReader::new(&entry.key, table)?;
    let account = AccountId::from_u64(reader.u64()?).map_err(super::damaged)?;
    let name = match table {
        Table::EncryptionKey => name_of(&entry.key)?,
        _ => reader.tail_str()?,
    };
    Ok((account, name))
}
