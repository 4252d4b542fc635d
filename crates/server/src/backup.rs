//! `baleen backup`: a copy of the store in a data folder, and whether copies are whole.

mod task;

pub(crate) use task::supervise;

use crate::admin::store_folder;
use crate::capture::progress::Progress as Line;
use crate::cli::Place;
use crate::config::Config;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::fsck::{tell_unlooked, unlooked_json};
use crate::keys::master_key_file;
use crate::output;
use crate::regions::check_folders;
use crate::serve::runtime;
use crate::store::Store;
use crate::wire::open_volume;
use baleen_backup::{Backup, BackupFolder, Error, Made, Options, Parts, Progress, check};
use baleen_objects::{Unlooked, copies_of_unserved};
use baleen_types::format_bytes;
use clap::Args;
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Which Baleen makes the backups.
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// What to copy, and where to.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The folder of backups; made when it is not there [default: the setting backup.folder].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Remove the oldest backups, so that so many are left.
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
    /// Begin again in a folder that has no backups, though those of this store were there.
    #[arg(long)]
    anew: bool,
    /// Put the master keys in too. Whoever can read such a backup can read every secret and every body in it.
    #[arg(long)]
    with_master_key: bool,
    /// Make no backup: read every byte of those in DIR, and end with 1 if anything is damaged. The next backup copies that again.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "keep", "anew", "with_master_key"])]
    verify: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if let Some(folder) = &arguments.verify {
        return verify(folder, json);
    }
    let loaded = arguments.place.load()?;
    let Some(to) = arguments.to.clone().or_else(|| loaded.config.backup.folder.clone()) else {
        return Err(Failure::usage("no folder of backups is named").advise("name it with --to DIR"));
    };
    let folder = Folder::open_unserved(
        store_folder(&loaded)?,
        "this command works on the folder itself, while no server does; a running server makes backups by itself \
         (backup.folder, backup.every, backup.keep)",
    )?;
    let key = master_key_file(&loaded.config, folder.path());
    let options = Options {
        folder: to.clone(),
        keep: arguments.keep,
        anew: arguments.anew,
        master_key: arguments.with_master_key.then(|| key.clone()),
    };
    let (made, unlooked) = runtime()?.block_on(async {
        let (backup, unlooked) = open(&loaded.config, folder.path()).await?;
        let progress = Progress::default();
        let making = backup.make(&options, &progress);
        let made = watched(making, &progress).await.map_err(|error| failed(&error))?;
        Ok::<_, Failure>((made, unlooked))
    })?;
    tell((&made, &unlooked), (folder.path(), &to, &key), json)?;
    Ok(if made.manifest.damaged.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The store in a folder, of which nothing is opened that is sealed; with the regions that are as they were left, and those that are not.
async fn open(config: &Config, folder: &Path) -> Result<(Backup, Vec<Unlooked>), Failure> {
    let Store {
        meta, clock, entropy, ..
    } = Store::open(config, folder)?;
    check_folders(&config.regions, folder)?;
    let blobs = open_volume(config, folder, &meta, baleen_blob::Settings::default(), &entropy).await?;
    let (copies, unlooked) = copies_of_unserved(&meta, &blobs, &config.regions)
        .await
        .map_err(|error| Failure::because("the regions cannot be looked at", &error))?;
    let backup = Backup::new(Parts {
        meta,
        blobs,
        elsewhere: Arc::new(move || copies.clone()),
        clock,
        entropy,
        release: RELEASE.to_owned(),
    });
    Ok((backup, unlooked))
}

/// Waits for work, and draws how far it is.
pub(crate) async fn watched<T>(work: impl Future<Output = Result<T, Error>>, progress: &Progress) -> Result<T, Error> {
    Line::line(false).follow(work, || how_far(progress)).await
}

/// How far it is, in words.
pub(crate) fn how_far(progress: &Progress) -> String {
    match progress.bytes_in_all() {
        0 => format!("{} rows", progress.rows()),
        all => format!(
            "{} rows; {} of {}",
            progress.rows(),
            format_bytes(progress.bytes()),
            format_bytes(all)
        ),
    }
}

pub(crate) fn failed(error: &Error) -> Failure {
    let failure = Failure::because("it was not done", error);
    match error {
        Error::Damaged(_) => failure.advise("baleen backup --verify DIR names everything that is damaged"),
        Error::DamagedExtents(_) => failure.advise("baleen restore --skip-damaged makes a store of the rest"),
        Error::Gone(_) => failure.advise("is its disk mounted? --anew begins there again"),
        Error::Occupied(_) => failure.advise("name a folder that is not there, or is empty, with --data DIR"),
        _ => failure,
    }
}

fn tell(
    (made, unlooked): (&Made, &[Unlooked]),
    (store, to, key): (&Path, &Path, &Path),
    json: bool,
) -> Result<(), Failure> {
    let Made {
        number,
        manifest,
        copied,
        copied_bytes,
        from_elsewhere,
        removed,
    } = made;
    if json {
        return output::json(&json!({
            "store": store,
            "folder": to,
            "backup": number.0,
            "taken": manifest.taken,
            "rows": manifest.rows,
            "extents": manifest.extents,
            "bytes": manifest.extent_bytes,
            "copied": copied,
            "copiedBytes": copied_bytes,
            "removed": removed,
            "fromElsewhere": from_elsewhere,
            "damaged": manifest.damaged,
            "damagedOf": manifest.damaged_of,
            "unlooked": unlooked.iter().map(unlooked_json).collect::<Vec<_>>(),
            "masterKeys": manifest.master_keys,
            "hasMasterKey": manifest.has_master_key,
        }));
    }
    for damage in manifest.damages() {
        output::line(&format!("damaged, and not in the backup: {damage}"))?;
    }
    tell_unlooked(unlooked)?;
    if *from_elsewhere > 0 {
        output::line(&format!(
            "damaged at home, and in the backup from another region: {from_elsewhere}; the next server heals them"
        ))?;
    }
    output::line(&format!(
        "backup {number} of {} is in {}: {} rows, {} extents with {}; copied now: {copied} with {}; older ones removed: {removed}",
        store.display(),
        to.display(),
        manifest.rows,
        manifest.extents,
        format_bytes(manifest.extent_bytes),
        format_bytes(*copied_bytes),
    ))?;
    let keys = numbers(&manifest.master_keys);
    if manifest.has_master_key {
        output::note(&format!(
            "the master keys are in this backup: whoever can read {} can read every secret and every body in it",
            to.display()
        ));
    } else if !manifest.master_keys.is_empty() {
        output::note(&format!(
            "master key {keys} is not in it: keep a copy of {} somewhere else; without it nothing that is sealed can be opened",
            key.display()
        ));
    }
    Ok(())
}

/// Numbers of keys, for people.
pub(crate) fn numbers(keys: &[u16]) -> String {
    let keys: Vec<_> = keys.iter().map(u16::to_string).collect();
    keys.join(", ")
}

fn verify(path: &Path, json: bool) -> Result<ExitCode, Failure> {
    let path = path.to_owned();
    let folder = path.clone();
    let progress = Arc::new(Progress::default());
    let checked = runtime()?.block_on(async {
        let shared = Arc::clone(&progress);
        let checking = tokio::task::spawn_blocking(move || check(&BackupFolder::open(&path)?, &shared));
        let checked = async { checking.await.unwrap_or(Err(Error::Stopped)) };
        watched(checked, &progress).await.map_err(|error| failed(&error))
    })?;
    if json {
        output::json(&json!({
            "folder": folder,
            "backups": checked.backups,
            "rows": checked.rows,
            "extents": checked.extents,
            "bytes": checked.bytes,
            "damaged": checked.damaged,
            "renamed": checked.renamed,
        }))?;
    } else {
        for damage in &checked.damaged {
            output::line(&format!("damaged: {damage}"))?;
        }
        output::line(&format!(
            "{}: {} backups with {} rows, {} extents with {}; {}",
            folder.display(),
            checked.backups,
            checked.rows,
            checked.extents,
            format_bytes(checked.bytes),
            match checked.damaged.len() {
                0 => "no damage".to_owned(),
                1 => "1 damage".to_owned(),
                damages => format!("{damages} damages"),
            }
        ))?;
        if checked.renamed > 0 {
            output::note(&format!(
                "{} damaged extents are called ID.damaged now: the next backup copies them again, if the store still has them",
                checked.renamed
            ));
        }
    }
    Ok(if checked.damaged.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
