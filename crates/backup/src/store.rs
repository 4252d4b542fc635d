//! What a backup knows of the store it is of.

use crate::Error;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Meta, Request};
use baleen_runtime::Entropy;

/// By what the store is known to its backups; made when the first is.
pub(crate) async fn identity(meta: &Meta, entropy: &dyn Entropy) -> Result<String, Error> {
    let key = KeyWriter::new(Table::System).tail("backup/store");
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
