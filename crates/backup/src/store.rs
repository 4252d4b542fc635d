//! What a store knows of its backups. None of it is in a store that is made of one: that is another store.

use crate::Error;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Meta, Request};
use baleen_runtime::Entropy;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// By what the store is known to its backups; made when the first is.
pub(crate) async fn identity(meta: &Meta, entropy: &dyn Entropy) -> Result<String, Error> {
    let key = identity_key();
    loop {
        if let Some(id) = meta.get(&key).await? {
            return Ok(hex::encode(id));
        }
        let id: [u8; 16] = entropy.bytes();
        // Whoever comes first says it.
        meta.commit(Request::new().absent(key.clone()).put(key.clone(), id.to_vec()))
            .await?;
    }
}

/// Whether the newest backup was made in a folder.
pub(crate) async fn is_last_folder(meta: &Meta, folder: &Path) -> Result<bool, Error> {
    let last = meta.get(&folder_key()).await?;
    Ok(last.is_some_and(|last| last == name_of(folder)))
}

/// Remembers where the newest backup was made.
pub(crate) async fn remember_folder(meta: &Meta, folder: &Path) -> Result<(), Error> {
    meta.commit(Request::new().put(folder_key(), name_of(folder))).await?;
    Ok(())
}

/// Whether a row of a backup is one of these.
pub(crate) fn is_of_backups(key: &[u8]) -> bool {
    key == identity_key() || key == folder_key()
}

fn identity_key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("backup/store")
}

fn folder_key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("backup/folder")
}

fn name_of(folder: &Path) -> Vec<u8> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    folder.as_os_str().as_bytes().to_vec()
}
