//! `baleen restore`: a store made of a backup.

use crate::backup::{failed, numbers, watched};
use crate::cli::Place;
use crate::failure::Failure;
use crate::keys::master_key_file;
use crate::output;
use crate::serve::runtime;
use crate::wire::meta_settings;
use baleen_backup::{Number, Progress, Restore, Restored, restore};
use baleen_types::format_bytes;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What to restore, and where.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The folder of backups.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Which backup [default: the newest].
    #[arg(long, value_name = "N")]
    backup: Option<u64>,
    /// Make a store of what is whole, without the bodies that are damaged in the backup; names them, and ends with 1.
    #[arg(long)]
    skip_damaged: bool,
}

pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let loaded = arguments.place.load()?;
    let Some(to) = loaded.config.data.clone() else {
        return Err(Failure::usage("no folder for the store is named").advise("name a new one with --data DIR"));
    };
    let wanted = Restore {
        from: arguments.from.clone(),
        number: arguments.backup.map(Number),
        to: to.clone(),
        skip_damaged: arguments.skip_damaged,
        meta: meta_settings(&loaded.config),
        volume: baleen_blob::Settings::default(),
    };
    let progress = Arc::new(Progress::default());
    let restored = runtime()?.block_on(async {
        let restoring = restore(wanted, &progress);
        watched(restoring, &progress).await.map_err(|error| failed(&error))
    })?;
    let key = master_key_file(&loaded.config, &to);
    tell(&restored, (&to, &key), json)?;
    Ok(if restored.manifest.damaged.is_empty() && restored.skipped.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn tell(restored: &Restored, (to, key): (&Path, &Path), json: bool) -> Result<(), Failure> {
    let Restored {
        number,
        manifest,
        extents,
        skipped,
    } = restored;
    if json {
        return output::json(&json!({
            "folder": to,
            "backup": number.0,
            "taken": manifest.taken,
            "rows": manifest.rows,
            "extents": extents,
            "bytes": manifest.extent_bytes,
            "damaged": manifest.damaged,
            "damagedOf": manifest.damaged_of,
            "skipped": skipped,
            "masterKeys": manifest.master_keys,
            "hasMasterKey": manifest.has_master_key,
        }));
    }
    for damage in manifest.damages() {
        output::line(&format!("damaged before it was backed up, and not restored: {damage}"))?;
    }
    for damage in skipped {
        output::line(&format!("damaged in the backup, and not restored: {damage}"))?;
    }
    if !skipped.is_empty() {
        output::note(&format!(
            "baleen fsck --data {} names what lacks its body",
            to.display()
        ));
    }
    output::line(&format!(
        "{} is the store as it was at {} (backup {number}): {} rows, {extents} extents with {}",
        to.display(),
        manifest.taken,
        manifest.rows,
        format_bytes(manifest.extent_bytes),
    ))?;
    let keys = numbers(&manifest.master_keys);
    if !manifest.has_master_key && !manifest.master_keys.is_empty() {
        output::note(&format!(
            "it needs master key {keys}, which is not in the backup: put the file at {} before you serve it",
            key.display()
        ));
    }
    Ok(())
}
