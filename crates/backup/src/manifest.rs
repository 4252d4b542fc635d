//! The end of a backup: what belongs to it.

use crate::Error;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of what a manifest says.
const FORMAT: u32 = 1;

/// What belongs to a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    pub(crate) format: u32,
    /// The store, as its backups know it.
    pub store: String,
    /// The release that made it.
    pub release: String,
    /// When the snapshot was taken: what was acknowledged before is in it, and nothing that came later.
    pub taken: String,
    /// When the backup was whole.
    pub ended: String,
    pub(crate) ended_ns: i64,
    pub(crate) records: Vec<RecordFile>,
    /// Rows of the keyspace.
    pub rows: u64,
    /// Extents that it needs.
    pub extents: u64,
    /// Their bytes, as they are stored.
    pub extent_bytes: u64,
    /// The ids of those that were damaged in the store already, and are not in the backup.
    pub damaged: Vec<String>,
    /// Whose they were, in the same order; none of backups of earlier releases. A manifest of what is whole is as those make it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged_of: Vec<String>,
    /// The master keys that a store of it needs.
    pub master_keys: Vec<u16>,
    /// Whether the file of the master keys is in it.
    pub has_master_key: bool,
}

/// One file of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RecordFile {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) sha256: String,
    /// Whether the marks of extents are in it, and nothing else.
    pub(crate) is_marks: bool,
}

impl Manifest {
    /// What is damaged and not in the backup, in words.
    pub fn damages(&self) -> impl Iterator<Item = String> {
        self.damaged
            .iter()
            .enumerate()
            .map(|(at, id)| match self.damaged_of.get(at) {
                Some(of) => format!("{of} (extent {id})"),
                None => format!("extent {id}"),
            })
    }

    pub(crate) const FORMAT: u32 = FORMAT;

    /// The text of the file: a line of JSON, and a line with its SHA-256.
    pub(crate) fn encode(&self) -> Result<String, Error> {
        let json = serde_json::to_string(self).map_err(|error| Error::Damaged(error.to_string()))?;
        Ok(format!("{json}\n{}\n", sum(json.as_bytes())))
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let damaged = |why: &str| Error::Damaged(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(Error::io("reading", path))?;
        let (json, rest) = text.split_once('\n').ok_or_else(|| damaged("it is cut off"))?;
        if rest.strip_suffix('\n') != Some(sum(json.as_bytes()).as_str()) {
            return Err(damaged("it does not match its checksum"));
        }
        let manifest: Self = serde_json::from_str(json).map_err(|error| damaged(&error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(Error::NotBackups(path.to_owned()));
        }
        Ok(manifest)
    }
}

fn sum(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
