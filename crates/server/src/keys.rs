//! The master keys of the store in a data folder.

mod keeper;

pub(crate) use keeper::{KeyChange, KeyKeeper};

use crate::config::Config;
use crate::failure::Failure;
use crate::folder::MASTER_KEY_FILE;
use baleen_keyring::{KeyFile, Keyring, Parts, SealedKind, Status, Tally};
use baleen_meta::Meta;
use baleen_runtime::{Clock, Entropy};
use baleen_types::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often a server looks whether the file has another key.
pub(crate) const KEYS_PERIOD: Duration = Duration::from_secs(2);

/// Where a running server says how things are with its keys, for the command that changes them.
const STATUS_FILE: &str = "master-keys.json";

/// Everything that is sealed in a store.
fn sealed_kinds() -> Vec<SealedKind> {
    [
        baleen_iam::SEALED,
        baleen_capture::SEALED,
        baleen_objects::SEALED,
        baleen_kms::SEALED,
        baleen_fleet::SEALED,
    ]
    .concat()
}

/// Where the master keys of a data folder are.
pub(crate) fn master_key_file(config: &Config, folder: &Path) -> PathBuf {
    let named = config.master_key_file.clone();
    named.unwrap_or_else(|| folder.join(MASTER_KEY_FILE))
}

/// Opens the master keys of the store in a folder; a new store gets its first.
pub(crate) async fn open(
    config: &Config,
    folder: &Path,
    meta: &Meta,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Arc<Keyring>, Failure> {
    let parts = Parts {
        meta: meta.clone(),
        file: KeyFile::at(master_key_file(config, folder)),
        kinds: sealed_kinds(),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    Keyring::open(parts)
        .await
        .map_err(|error| Failure::because("the master key cannot be used", &error))
}

/// Says how things are. A server that cannot is told of in the log, and works on.
pub(crate) fn publish(keyring: &Keyring, folder: &Path) {
    let file = keyring.file().path();
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut told = show(&keyring.status());
    told["file"] = json!(file);
    let (text, path) = (format!("{told}\n"), folder.join(STATUS_FILE));
    if std::fs::read_to_string(&path).is_ok_and(|before| before == text) {
        return;
    }
    let draft = folder.join(format!("{STATUS_FILE}.new"));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    if let Err(error) = written {
        tracing::warn!(%error, "how things are with the master keys cannot be told to commands on this machine");
    }
}

/// What the server of a folder said last, and where its keys are.
pub(crate) fn published(folder: &Path) -> Option<(Status, PathBuf)> {
    let told: Value = serde_json::from_slice(&std::fs::read(folder.join(STATUS_FILE)).ok()?).ok()?;
    let number = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let numbers = |name: &str| told[name].as_array()?.iter().map(number).collect::<Option<Vec<_>>>();
    let until = told["until"].as_str();
    let status = Status {
        newest: number(&told["newest"])?,
        held: numbers("held")?,
        needed: numbers("needed")?,
        is_passed: told["isPassed"].as_bool()?,
        until: until.and_then(|text| Timestamp::parse_rfc3339(text).ok()),
        // Counts are only shown; see `published_counts`.
        sealed: Tally::default(),
    };
    Some((status, PathBuf::from(told["file"].as_str()?)))
}

/// The counts of what the server of a folder has sealed anew.
pub(crate) fn published_counts(folder: &Path) -> Value {
    let told = std::fs::read(folder.join(STATUS_FILE)).unwrap_or_default();
    let told: Value = serde_json::from_slice(&told).unwrap_or_default();
    told["sealed"].clone()
}

/// A status as JSON.
pub(crate) fn show(status: &Status) -> Value {
    json!({
        "newest": status.newest,
        "held": status.held,
        "needed": status.needed,
        "isPassed": status.is_passed,
        "until": status.until.map(Timestamp::to_rfc3339_millis),
        "sealed": counts(&status.sealed),
    })
}

fn counts(tally: &Tally) -> Value {
    let kinds = tally.kinds.iter().map(|kind| {
        json!({
            "kind": kind.name,
            "records": kind.records,
            "resealed": kind.resealed,
            "unopened": kind.unopened,
        })
    });
    kinds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_keyring::holds_sealed;
    use baleen_meta::keys::Table;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_with_something_sealed_has_whoever_seals_it_anew() {
        let kinds = sealed_kinds();
        for kind in &kinds {
            assert_eq!((kind.prefix)()[0], kind.table as u8, "{kind:?}");
        }
        let names: BTreeSet<_> = kinds.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), kinds.len(), "each by a name of its own");
        let covered: BTreeSet<_> = kinds.iter().map(|kind| kind.table).collect();
        let holding = Table::ALL.iter().copied().filter(|table| holds_sealed(*table));
        assert_eq!(covered, holding.collect());
    }
}
