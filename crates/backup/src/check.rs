//! Whether backups are what was written. All of it blocks.

use crate::folder::{DAMAGED, sync_folder};
use crate::make::Progress;
use crate::records::RowReader;
use crate::{BackupFolder, Error};
use baleen_blob::{BlobId, check_copy, extent_of_copy};
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Backups.
    pub backups: u64,
    /// Rows in them.
    pub rows: u64,
    /// Extents, each once.
    pub extents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged, in words.
    pub damaged: Vec<String>,
    /// Extents of these that lost their name, so that the next backup copies them again.
    pub renamed: u64,
}

/// Reads every byte of all backups in a folder. Damage is an answer. A copy that is damaged gets another name, `ID.damaged`: under
/// its own the next backup would take it for whole, which it says of what has the right length.
///
/// # Errors
/// What keeps it from looking.
pub fn check(folder: &BackupFolder, progress: &Progress) -> Result<Checked, Error> {
    let (mut checked, mut renamed) = (Checked::default(), HashSet::new());
    // Each extent for itself, since backups share them.
    folder.each_file(|id, path| {
        checked.extents += 1;
        let whole = extent(id, path, |bytes| {
            checked.bytes += bytes;
            progress.add(bytes);
        });
        let is_whole = whole.is_ok();
        tell(&mut checked.damaged, &format!("extent {id}"), whole)?;
        if !is_whole {
            match put_aside(path) {
                Ok(()) => drop(renamed.insert(id)),
                Err(error) => checked.damaged.push(format!("extent {id}: {}", error.words())),
            }
        }
        Ok(())
    })?;
    checked.renamed = renamed.len() as u64;
    for number in folder.backups()? {
        checked.backups += 1;
        let of = format!("backup {number}");
        let manifest = match folder.manifest(number) {
            Ok(manifest) => manifest,
            Err(error) => {
                tell(&mut checked.damaged, &of, Err(error))?;
                continue;
            }
        };
        for file in &manifest.records {
            let rows = rows(folder, number, file, progress);
            tell(&mut checked.damaged, &of, rows.map(|rows| checked.rows += rows))?;
        }
        let known: HashSet<&str> = manifest.damaged.iter().map(String::as_str).collect();
        let mut missing = Vec::new();
        let there = folder.each_extent((number, &manifest), |extent| {
            let id = extent.id.to_string();
            if !folder.has(extent) && !known.contains(id.as_str()) && !renamed.contains(&extent.id) {
                missing.push(format!("{of}: extent {id} is gone, or of another length"));
            }
            Ok(())
        });
        // Rows that cannot be read were told.
        if let Err(error) = there
            && !error.is_damage()
        {
            return Err(error);
        }
        checked.damaged.extend(missing);
    }
    Ok(checked)
}

fn rows(
    folder: &BackupFolder,
    number: crate::Number,
    file: &crate::manifest::RecordFile,
    progress: &Progress,
) -> Result<u64, Error> {
    let mut reader = RowReader::open(&folder.backup_path(number), file)?;
    let mut count = 0;
    while let Some(rows) = reader.next()? {
        count += rows.len() as u64;
        progress.add_rows(rows.len());
    }
    Ok(count)
}

/// Whether a file is a copy of the extent of which it has the name.
fn extent(id: BlobId, path: &Path, told: impl FnMut(u64)) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::io("opening", path))?;
    match extent_of_copy(&file)? {
        Some(extent) if extent.id == id => Ok(check_copy(&file, extent, told)?),
        _ => Err(Error::Damaged("it has no header".to_owned())),
    }
}

/// Takes a damaged copy its name, but not its bytes: most of them may be good.
fn put_aside(path: &Path) -> Result<(), Error> {
    std::fs::rename(path, path.with_extension(DAMAGED)).map_err(Error::io("renaming", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Tells of damage; what else went wrong ends the look.
fn tell(damaged: &mut Vec<String>, of: &str, found: Result<(), Error>) -> Result<(), Error> {
    match found {
        Err(error) if error.is_damage() => {
            damaged.push(format!("{of}: {}", error.words()));
            Ok(())
        }
        found => found,
    }
}
