//! Making a backup, of a store that is used or is not.
//!
//! The volume is held first, then the keyspace is shown as it is, and written down; the extents that it names are copied after
//! that, however long it takes, and with no snapshot open. So a backup is of one moment, the one of the snapshot.

use crate::folder::Vacant;
use crate::folder::{MASTER_KEY, Number};
use crate::limits::{BATCH_BYTES, BATCH_EXTENTS, COPIES_AT_ONCE, DAMAGED_MAX, ROWS_AT_ONCE};
use crate::manifest::{Manifest, RecordFile};
use crate::records::{RowReader, RowWriter};
use crate::store::{identity, is_last_folder, remember_folder};
use crate::{BackupFolder, Error};
use baleen_blob::{Blobs, Exported, Extent, Holder, copy_bytes, export};
use baleen_keyring::needed_keys;
use baleen_meta::{Meta, Scan, Snapshot};
use baleen_objects::{live_extent, note_at_home, owners};
use baleen_runtime::{Clock, Entropy};
use baleen_types::Timestamp;
use futures::{StreamExt as _, stream};
use std::collections::VecDeque;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The store that backups are made of.
pub struct Parts {
    /// Its records.
    pub meta: Meta,
    /// Its bytes.
    pub blobs: Blobs,
    /// The folders of other regions that are open when it is asked: what is damaged in the volume is read from there.
    pub elsewhere: Arc<dyn Fn() -> Vec<Holder> + Send + Sync>,
    /// Time, for stamps.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the store's name.
    pub entropy: Arc<dyn Entropy>,
    /// Which Baleen this is.
    pub release: String,
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the backups are.
    pub folder: PathBuf,
    /// How many are kept, with this one; `None` keeps all.
    pub keep: Option<NonZeroUsize>,
    /// Whether to begin again in a folder that has no backups, though those of the store were there.
    pub anew: bool,
    /// The file of the master keys, if it is to be in it: who has such a backup can read everything.
    pub master_key: Option<PathBuf>,
}

/// How far it is; to be looked at while it is made.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    bytes_in_all: AtomicU64,
}

impl Progress {
    /// Rows that were written or read.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes of extents that were copied, or were there.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes of all extents; 0 until they are known.
    pub fn bytes_in_all(&self) -> u64 {
        self.bytes_in_all.load(Ordering::Relaxed)
    }

    pub(crate) fn add_rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect(&self, bytes: u64) {
        self.bytes_in_all.store(bytes, Ordering::Relaxed);
    }
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Which.
    pub number: Number,
    /// What belongs to it.
    pub manifest: Manifest,
    /// Extents that were not there yet.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Those of them that are not in the volume as they were written, and came from other regions.
    pub from_elsewhere: usize,
    /// Older backups that were removed.
    pub removed: usize,
}

/// Makes backups of a store.
pub struct Backup(Parts);

impl Backup {
    /// For a store that this process has open.
    pub fn new(parts: Parts) -> Self {
        Self(parts)
    }

    /// Makes a backup. The store can be used meanwhile; what is deleted keeps its space until the end.
    ///
    /// # Errors
    /// The backups that were there are as they were.
    ///
    /// # Cancel safety
    /// Dropping the future ends it at any place; what was copied need not be copied again.
    pub async fn make(&self, options: &Options, progress: &Progress) -> Result<Made, Error> {
        let store = identity(&self.0.meta, &*self.0.entropy).await?;
        let is_known = is_last_folder(&self.0.meta, &options.folder).await?;
        let vacant = if is_known && !options.anew {
            Vacant::IsWrong
        } else {
            Vacant::IsNew
        };
        let (path, of) = (options.folder.clone(), store.clone());
        let folder = Arc::new(blocking(move || BackupFolder::open_for(&path, &of, vacant)).await?);
        let opened = Arc::clone(&folder);
        let (number, dir) = blocking(move || opened.begin()).await?;

        // Held first: what is named from now on stays.
        let hold = self.0.blobs.hold();
        let snapshot = self.0.meta.snapshot().await?;
        let taken = self.0.clock.now();
        let keys = needed_keys(&snapshot).await.map_err(|error| match error {
            baleen_keyring::Error::Meta(error) => Error::Meta(error),
            error => Error::Damaged(error.to_string()),
        })?;
        let records = self.write_rows(&snapshot, &dir, progress).await?;
        drop(snapshot);
        let copied = self.copy_extents(&folder, (&dir, &records), progress).await?;
        drop(hold);
        // Nothing else may read them for long.
        note_at_home(&self.0.meta, &copied.from_elsewhere).await?;
        let damaged_of = self.name(&copied.damaged).await?;

        if let Some(from) = options.master_key.clone() {
            let to = dir.join(MASTER_KEY);
            blocking(move || copy_key(&from, &to)).await?;
        }
        let manifest = Manifest {
            format: Manifest::FORMAT,
            store,
            release: self.0.release.clone(),
            taken: taken.to_rfc3339_millis(),
            ended: self.0.clock.now().to_rfc3339_millis(),
            ended_ns: self.0.clock.now().as_nanos(),
            rows: records.iter().map(|file| file.rows).sum(),
            records,
            extents: copied.there + copied.new,
            extent_bytes: copied.there_bytes + copied.new_bytes,
            damaged: copied.damaged.iter().map(|extent| extent.id.to_string()).collect(),
            damaged_of,
            master_keys: keys,
            has_master_key: options.master_key.is_some(),
        };
        let (ended, end) = (manifest.clone(), Arc::clone(&folder));
        blocking(move || {
            end.sync_all()?;
            end.end((number, &dir), &ended)
        })
        .await?;
        if !is_known {
            remember_folder(&self.0.meta, &options.folder).await?;
        }
        let keep = options.keep;
        let removed = match keep {
            Some(keep) => blocking(move || folder.prune(keep.get())).await?,
            None => 0,
        };
        Ok(Made {
            number,
            manifest,
            copied: copied.new,
            copied_bytes: copied.new_bytes,
            from_elsewhere: copied.from_elsewhere.len(),
            removed,
        })
    }

    async fn write_rows(&self, snapshot: &Snapshot, dir: &Path, progress: &Progress) -> Result<Vec<RecordFile>, Error> {
        let mut writer = RowWriter::new(dir);
        let mut from = Bound::Unbounded;
        loop {
            let scan = Scan::range(from, Bound::Unbounded).limit(ROWS_AT_ONCE);
            let page = snapshot.scan(scan).await?;
            let Some(last) = page.last() else {
                return blocking(move || writer.finish()).await;
            };
            from = Bound::Excluded(last.key.to_vec());
            let rows = page.len();
            writer = blocking(move || {
                page.iter().try_for_each(|row| writer.write(row))?;
                Ok(writer)
            })
            .await?;
            progress.add_rows(rows);
        }
    }

    async fn copy_extents(
        &self,
        folder: &Arc<BackupFolder>,
        (dir, records): (&Path, &[RecordFile]),
        progress: &Progress,
    ) -> Result<Copied, Error> {
        let counted = Marks::new(dir, records);
        progress.expect(blocking(move || counted.bytes()).await?);
        let mut copied = Copied::default();
        let mut marks = Marks::new(dir, records);
        loop {
            let (rest, batch);
            let looked = Arc::clone(folder);
            (rest, batch) = blocking(move || {
                let batch = marks.batch(&looked)?;
                Ok((marks, batch))
            })
            .await?;
            marks = rest;
            copied.there += batch.there;
            copied.there_bytes += batch.there_bytes;
            progress.add(batch.there_bytes);
            let is_last = batch.is_last;
            let mut places = vec![Holder::Volume(self.0.blobs.clone())];
            places.extend((self.0.elsewhere)());
            let places = &places[..];
            let mut copies = stream::iter(batch.new)
                .map(|extent| self.copy(folder, (extent, places), progress))
                .buffer_unordered(COPIES_AT_ONCE);
            let mut whole = Vec::new();
            while let Some(copy) = copies.next().await {
                match copy? {
                    (extent, Ok(from)) => {
                        if from == Exported::Elsewhere {
                            tracing::warn!(extent = %extent.id, "an extent is damaged at home; the backup has it from another region");
                            copied.from_elsewhere.push(extent);
                        }
                        copied.new += 1;
                        copied.new_bytes += copy_bytes(extent.length);
                        whole.push(extent.id);
                    }
                    (extent, Err(error)) => {
                        tracing::error!(%error, "an extent is damaged, and is not in the backup");
                        copied.damaged.push(extent);
                    }
                }
                if copied.damaged.len() > DAMAGED_MAX {
                    return Err(Error::TooMuchDamage(copied.damaged.len()));
                }
            }
            drop(copies);
            let named = Arc::clone(folder);
            blocking(move || named.keep(&whole)).await?;
            if is_last {
                return Ok(copied);
            }
        }
    }

    /// Says whose extents are, in their order.
    async fn name(&self, extents: &[Extent]) -> Result<Vec<String>, Error> {
        if extents.is_empty() {
            return Ok(Vec::new());
        }
        let owners = owners(&self.0.meta, extents).await?;
        let name = |extent: &Extent| match owners.get(&extent.id) {
            Some(of) => of.clone(),
            None => "nobody, since it was deleted".to_owned(),
        };
        let names: Vec<_> = extents.iter().map(name).collect();
        for (extent, of) in extents.iter().zip(&names) {
            tracing::error!(%of, extent = %extent.id, "a body is damaged, and is not in the backup");
        }
        Ok(names)
    }

    /// Copies an extent from the first of the places that has it; that it is damaged is an answer.
    async fn copy(
        &self,
        folder: &Arc<BackupFolder>,
        (extent, places): (Extent, &[Holder]),
        progress: &Progress,
    ) -> Result<(Extent, Result<Exported, baleen_blob::Error>), Error> {
        let path = folder.new_path(extent.id);
        let to = blocking({
            let path = path.clone();
            move || File::create(&path).map_err(Error::io("making", &path))
        })
        .await?;
        let to = Arc::new(to);
        match export(extent, places, &to, |bytes| progress.add(bytes)).await {
            Ok(from) => Ok((extent, Ok(from))),
            Err(error @ baleen_blob::Error::Corrupt { .. }) => {
                blocking(move || std::fs::remove_file(&path).map_err(Error::io("removing", &path))).await?;
                Ok((extent, Err(error)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Manifest {
    /// When the backup was whole.
    pub fn ended_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.ended_ns)
    }
}

#[derive(Default)]
struct Copied {
    new: u64,
    new_bytes: u64,
    there: u64,
    there_bytes: u64,
    damaged: Vec<Extent>,
    from_elsewhere: Vec<Extent>,
}

/// The extents of a backup that is being made, as its rows have them.
struct Marks {
    dir: PathBuf,
    files: VecDeque<RecordFile>,
    reader: Option<RowReader>,
    next: VecDeque<Extent>,
}

#[derive(Default)]
struct Batch {
    new: Vec<Extent>,
    there: u64,
    there_bytes: u64,
    is_last: bool,
}

impl Marks {
    fn new(dir: &Path, files: &[RecordFile]) -> Self {
        Self {
            dir: dir.to_owned(),
            files: files.iter().filter(|file| file.is_marks).cloned().collect(),
            reader: None,
            next: VecDeque::new(),
        }
    }

    /// The bytes of all of them.
    fn bytes(mut self) -> Result<u64, Error> {
        let mut bytes = 0;
        while let Some(extent) = self.take()? {
            bytes += copy_bytes(extent.length);
        }
        Ok(bytes)
    }

    /// Those that come next and are not in the folder, as many as are copied at a time.
    fn batch(&mut self, folder: &BackupFolder) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        let mut new_bytes = 0;
        while batch.new.len() < BATCH_EXTENTS && new_bytes < BATCH_BYTES {
            let Some(extent) = self.take()? else {
                batch.is_last = true;
                break;
            };
            let bytes = copy_bytes(extent.length);
            if folder.has(extent) {
                batch.there += 1;
                batch.there_bytes += bytes;
            } else {
                new_bytes += bytes;
                batch.new.push(extent);
            }
        }
        Ok(batch)
    }

    fn take(&mut self) -> Result<Option<Extent>, Error> {
        loop {
            if let Some(extent) = self.next.pop_front() {
                return Ok(Some(extent));
            }
            if self.reader.is_none() {
                let Some(file) = self.files.pop_front() else {
                    return Ok(None);
                };
                self.reader = Some(RowReader::open(&self.dir, &file)?);
            }
            let rows = self.reader.as_mut().map(RowReader::next).transpose()?.flatten();
            match rows {
                None => self.reader = None,
                Some(rows) => {
                    for row in rows {
                        self.next.push_back(live_extent(&row.key, &row.value)?);
                    }
                }
            }
        }
    }
}

fn copy_key(from: &Path, to: &Path) -> Result<(), Error> {
    let key = std::fs::read(from).map_err(Error::io("reading", from))?;
    baleen_keyring::write_private(to, &key).map_err(Error::io("writing", to))
}

/// Does work that blocks on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(Error::Stopped))
}
