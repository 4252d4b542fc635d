//! A new store, made of a backup.
//!
//! It is made beside its place and gets its name when all of it is on disk: a folder with that name is whole, or there is none.

use crate::folder::{MASTER_KEY, Number, make_private, sync_folder, write_synced};
use crate::limits::COMMIT_BYTES;
use crate::make::{Progress, blocking};
use crate::manifest::{Manifest, RecordFile};
use crate::records::RowReader;
use crate::store::is_of_backups;
use crate::{BackupFolder, Error};
use baleen_blob::{Extent, NewVolume, Settings as VolumeSettings};
use baleen_meta::keys::Table;
use baleen_meta::{Entry, FjallSettings, Meta, Request};
use baleen_objects::live_extent;
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that says that a folder is a restore under way, and may be removed.
const UNDER_WAY: &str = "restore-under-way";

/// What is to be restored, and where.
#[derive(Clone, Debug)]
pub struct Restore {
    /// The folder with the backups.
    pub from: PathBuf,
    /// Which of them; the newest if none is named.
    pub number: Option<Number>,
    /// The new store's folder: none, or an empty one.
    pub to: PathBuf,
    /// Whether a store is made without the extents that are damaged in the backup.
    pub skip_damaged: bool,
    /// How its keyspace is opened.
    pub meta: FjallSettings,
    /// How its volume is laid out.
    pub volume: VolumeSettings,
}

/// A store that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Of which backup.
    pub number: Number,
    /// What belongs to that. If the file of the master keys does not, the store serves nobody until that is at its place.
    pub manifest: Manifest,
    /// Extents that are in the store.
    pub extents: u64,
    /// Those that are damaged in the backup, and were left out, each with what is wrong.
    pub skipped: Vec<String>,
}

/// Makes a store of a backup, and checks every byte on the way.
///
/// # Errors
/// `Occupied`, `NoBackup`, `Damaged`, `DamagedExtents`: no store was made. The last comes when all extents were looked at.
pub async fn restore(restore: Restore, progress: &Arc<Progress>) -> Result<Restored, Error> {
    let Restore {
        from,
        number,
        to,
        skip_damaged,
        meta,
        volume,
    } = restore;
    let to = blocking(move || place_of(&to)).await?;
    let (target, draft) = (to.clone(), draft_of(&to));
    let making = draft.clone();
    let (folder, number, manifest) = blocking(move || {
        let folder = BackupFolder::open(&from)?;
        let number = match number {
            Some(number) => number,
            None => *folder.backups()?.last().ok_or(Error::NoBackup(from))?,
        };
        let manifest = folder.manifest(number)?;
        check_empty(&target)?;
        begin(&making)?;
        Ok((Arc::new(folder), number, manifest))
    })
    .await?;
    progress.expect(manifest.extent_bytes);

    let (place, shared) = (draft.clone(), Arc::clone(progress));
    let (source, of) = (Arc::clone(&folder), manifest.clone());
    let (extents, skipped) = blocking(move || {
        let mut filling = Filling {
            volume: NewVolume::create(&place.join("blobs"), volume)?,
            folder: &source,
            damaged: of.damaged.iter().cloned().collect(),
            progress: &shared,
            extents: 0,
            skipped: Vec::new(),
        };
        source.each_extent((number, &of), |extent| filling.take(extent))?;
        let Filling {
            volume,
            extents,
            skipped,
            ..
        } = filling;
        if !skipped.is_empty() && !skip_damaged {
            // Nobody goes on with what is there, which may take as much as the store.
            std::fs::remove_dir_all(&place).map_err(Error::io("removing", &place))?;
            return Err(Error::DamagedExtents(skipped));
        }
        volume.finish()?;
        Ok((extents, skipped))
    })
    .await?;

    let store = Meta::open_fjall(&draft.join("meta"), meta)?;
    for file in &manifest.records {
        rows(&store, &folder.backup_path(number), file, progress).await?;
    }
    // Closes the store, which blocks until it is on disk.
    blocking(move || {
        drop(store);
        Ok(())
    })
    .await?;

    let has_key = manifest.has_master_key;
    blocking(move || {
        if has_key {
            let from = folder.backup_path(number).join(MASTER_KEY);
            let (key, to) = (
                std::fs::read(&from).map_err(Error::io("reading", &from))?,
                draft.join(MASTER_KEY),
            );
            baleen_keyring::write_private(&to, &key).map_err(Error::io("writing", &to))?;
        }
        end(&draft, &to)
    })
    .await?;
    Ok(Restored {
        number,
        manifest,
        extents,
        skipped,
    })
}

struct Filling<'a> {
    volume: NewVolume,
    folder: &'a BackupFolder,
    /// What the backup does not have.
    damaged: HashSet<String>,
    progress: &'a Progress,
    extents: u64,
    skipped: Vec<String>,
}

impl Filling<'_> {
    fn take(&mut self, extent: Extent) -> Result<(), Error> {
        if self.damaged.contains(&extent.id.to_string()) {
            return Ok(());
        }
        match self.copy(extent) {
            Ok(()) => self.extents += 1,
            Err(error) if error.is_unread() => self.skipped.push(format!("extent {}: {}", extent.id, error.words())),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn copy(&mut self, extent: Extent) -> Result<(), Error> {
        let path = self.folder.extent_path(extent.id);
        let copy = File::open(&path).map_err(Error::io("opening", &path))?;
        let progress = self.progress;
        Ok(self.volume.take(extent, &copy, |bytes| progress.add(bytes))?)
    }
}

/// Puts the rows of a file into the new keyspace.
async fn rows(store: &Meta, dir: &Path, file: &RecordFile, progress: &Progress) -> Result<(), Error> {
    let (dir, file) = (dir.to_owned(), file.clone());
    let mut reader = blocking(move || RowReader::open(&dir, &file)).await?;
    loop {
        let (rest, rows) = blocking(move || {
            let rows = reader.next()?;
            Ok((reader, rows))
        })
        .await?;
        reader = rest;
        let Some(rows) = rows else { return Ok(()) };
        let rows: Vec<_> = rows.into_iter().filter(|row| !is_of_backups(&row.key)).collect();
        for row in &rows {
            if row.key.first() == Some(&(Table::Extent as u8)) {
                live_extent(&row.key, &row.value)?;
            }
        }
        progress.add_rows(rows.len());
        put(store, rows).await?;
    }
}

async fn put(store: &Meta, rows: Vec<Entry>) -> Result<(), Error> {
    let (mut request, mut bytes) = (Request::new(), 0);
    for row in rows {
        bytes += row.key.len() + row.value.len() + 32;
        request = request.put(row.key.to_vec(), row.value);
        if bytes >= COMMIT_BYTES {
            store.commit(std::mem::take(&mut request)).await?;
            bytes = 0;
        }
    }
    store.commit(request).await?;
    Ok(())
}

/// The folder that is meant, by a name which can be given to another: without a slash at its end, and no link.
fn place_of(to: &Path) -> Result<PathBuf, Error> {
    let to: PathBuf = to.components().collect();
    if !to.is_dir() {
        return Ok(to);
    }
    let to = std::fs::canonicalize(&to).map_err(Error::io("looking at", &to))?;
    if baleen_blob::is_mount(&to).map_err(Error::io("looking at", &to))? {
        return Err(Error::Mounted(to));
    }
    Ok(to)
}

/// Where a store is made before it gets its name.
fn draft_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}

fn check_empty(to: &Path) -> Result<(), Error> {
    match std::fs::read_dir(to) {
        Ok(mut inside) => match inside.next() {
            None => Ok(()),
            Some(_) => Err(Error::Occupied(to.to_owned())),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        // A file, for instance.
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(Error::Occupied(to.to_owned())),
        Err(error) => Err(Error::io("looking at", to)(error)),
    }
}

fn begin(draft: &Path) -> Result<(), Error> {
    if draft.exists() {
        // Of a restore that was cut, maybe before it said so; anything else is somebody's.
        if !draft.join(UNDER_WAY).exists() {
            check_empty(draft)?;
        }
        std::fs::remove_dir_all(draft).map_err(Error::io("removing", draft))?;
    }
    make_private(draft)?;
    write_synced(&draft.join(UNDER_WAY), b"")
}

/// Gives the store its name.
fn end(draft: &Path, to: &Path) -> Result<(), Error> {
    let mark = draft.join(UNDER_WAY);
    let folder = File::open(draft).map_err(Error::io("opening", draft))?;
    rustix::fs::syncfs(&folder).map_err(|error| Error::io("flushing", draft)(error.into()))?;
    // A rename onto an empty folder replaces it.
    std::fs::rename(draft, to).map_err(Error::io("naming", to))?;
    let mark = to.join(mark.file_name().unwrap_or_default());
    std::fs::remove_file(&mark).map_err(Error::io("removing", &mark))?;
    sync_folder(to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_folder(parent.unwrap_or(Path::new(".")))
}
