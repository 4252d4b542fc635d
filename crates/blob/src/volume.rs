//! The volume: one folder, held by one process.

use crate::buffers::Buffers;
use crate::folder::{Disk, Folder, Root};
use crate::hold::HoldTable;
use crate::holder::Source;
use crate::jobs::Jobs;
use crate::pins::PinTable;
use crate::segments::Segments;
use crate::sync::{GroupSync, Target};
use crate::{BlobId, Error, Extent, ExtentReader, NewBlob, Pins, Place, Settings, Writer};
use baleen_runtime::Entropy;
use baleen_types::ServedRange;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;
use tracing::warn;

/// The file which says what the folder is; the last that is made in a new one.
const FORMAT_FILE: &str = "format";

/// The text of the file `format`: what the folder is, and which version of the layout it has.
pub(crate) const FORMAT: &str = "baleen blob volume 1\n";

/// The folder of the segments.
pub(crate) const SEGMENTS: &str = "segments";

/// The folder of those of files of their own.
pub(crate) const FILES: &str = "files";

/// Folders of files of their own; an id's first byte chooses.
pub(crate) const FOLDERS: usize = 256;

/// A volume. Clones share it.
#[derive(Clone)]
pub struct Blobs {
    pub(crate) shared: Arc<Shared>,
}

/// How full a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that the segments in use take of the file system.
    pub segment_bytes: u64,
    /// Bytes of them that hold nothing.
    pub segment_bytes_free: u64,
    /// Bytes that the file system still gives us, our reserve not counted.
    pub available_bytes: u64,
}

pub(crate) struct Shared {
    /// Where its folder is to be found.
    pub(crate) dir: PathBuf,
    /// The folder, in which all work is done.
    pub(crate) root: Root,
    pub(crate) settings: Settings,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) jobs: Jobs,
    pub(crate) buffers: Buffers,
    pub(crate) segments: Segments,
    pub(crate) folders: Vec<Arc<GroupSync>>,
    pub(crate) pins: PinTable,
    pub(crate) holds: HoldTable,
    /// Files of their own that no record names yet, and which a sweep must leave alone.
    pub(crate) drafts: Mutex<HashSet<BlobId>>,
    pub(crate) doubtful: Mutex<Vec<Extent>>,
    pub(crate) standing: Mutex<Standing>,
    pub(crate) is_away: AtomicBool,
}

/// How the folder is held.
pub(crate) struct Standing {
    /// Holds the lock until the volume is dropped; `None` while the folder is away.
    pub(crate) lock: Option<File>,
    /// Whether a file system is mounted there.
    pub(crate) is_mount: bool,
    /// Flushes everything at once; `None` while the folder is away, and another one after it failed.
    pub(crate) together: Option<Arc<GroupSync>>,
}

impl Blobs {
    /// Opens the volume in `dir`, or makes one there. Blocks for some milliseconds; a new volume for some more.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, [`Error::NotAVolume`] when the folder holds something else.
    pub fn open(dir: &Path, settings: Settings, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        settings.check()?;
        std::fs::create_dir_all(dir).map_err(Error::io("making the volume's folder"))?;
        Self::open_mounted(dir, false, settings, entropy)
    }

    /// The same, but only the last folder of the path is made; and if a file system `was_mount`ed in it, nothing is made and nothing is
    /// opened unless one is, or a file `plain` in it says that it is meant.
    ///
    /// # Errors
    /// As there, and [`Error::NotMounted`].
    pub fn open_mounted(
        dir: &Path,
        was_mount: bool,
        settings: Settings,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        settings.check()?;
        let mut folder = Folder::enter(dir, was_mount)?;
        let lock = folder.lock()?;
        make_folders(&folder, FORMAT, &[SEGMENTS])?;
        folder.watch_parts()?;
        let is_mount = folder.is_mount().map_err(Error::io("looking at the volume's folder"))?;
        let together = together(&folder)?;
        let root = Root::of(folder);
        let segments = Segments::open(root.clone(), &settings)?;
        let folder_sync = |n| GroupSync::new(Target::Folder(root.clone(), folder_name(n)));
        let shared = Shared {
            dir: dir.to_owned(),
            root: root.clone(),
            settings,
            entropy,
            jobs: Jobs::new(settings.io_jobs_max),
            buffers: Buffers::new(settings.transfer_bytes_max),
            segments,
            folders: (0..=u8::MAX).map(folder_sync).collect(),
            pins: PinTable::default(),
            holds: HoldTable::default(),
            drafts: Mutex::default(),
            doubtful: Mutex::default(),
            standing: Mutex::new(Standing {
                lock: Some(lock),
                is_mount,
                together: Some(together),
            }),
            is_away: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Where the volume's folder is to be found.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Whether the folder that is in the volume's place is the one that is in use, or was last.
    pub fn is_in_place(&self) -> bool {
        self.shared.root.seen().is_in_place()
    }

    /// Whether this is another path to the folder that is in use, or was last.
    pub fn is_folder(&self, dir: &Path) -> bool {
        self.shared.root.seen().is_at(dir)
    }

    /// Whether a file system is mounted in the folder that is in use.
    pub fn is_mount(&self) -> bool {
        self.shared.standing.lock().is_mount
    }

    /// Refuses if no file system is mounted in the folder, and no file `plain` in it says that this is meant.
    ///
    /// # Errors
    /// [`Error::NotMounted`].
    pub fn check_mounted(&self) -> Result<(), Error> {
        let folder = self.shared.root.get();
        folder
            .map_err(Error::io("looking at the volume's folder"))?
            .check_mounted()
    }

    /// Begins a blob; see [`Writer`].
    ///
    /// # Errors
    /// [`Error::NoSpace`] before a byte is sent, if the length is known and does not fit.
    pub async fn writer(&self, new: NewBlob) -> Result<Writer, Error> {
        Writer::begin(Arc::clone(&self.shared), new).await
    }

    /// Keeps extents from being freed; see [`Pins`].
    pub fn pin(&self, extents: &[Extent]) -> Pins {
        Pins::new(Arc::clone(&self.shared), extents)
    }

    /// Reads a range of one extent, in order. The caller holds a pin. `range` is cut to the extent.
    pub fn read(&self, extent: Extent, range: ServedRange) -> ExtentReader {
        ExtentReader::new(Source::Volume(Arc::clone(&self.shared)), extent, range)
    }

    /// Frees extents which no record names any more, as soon as nobody reads or holds them. To be called after the commit that
    /// removed the record is durable, once for each extent.
    pub fn release(&self, extents: Vec<Extent>) {
        // What is released is in doubt no longer, so that nobody releases it again on that ground.
        self.shared.doubtful.lock().retain(|other| !extents.contains(other));
        let free = self.shared.pins.doom(self.shared.holds.keep(extents));
        self.shared.free(&free);
    }

    /// Refuses when less than `bytes` and our reserve are left on the file system. Does not reserve anything.
    pub fn check_space(&self, bytes: u64) -> Result<(), Error> {
        self.shared.check_space(bytes)
    }

    /// What it has of memory for bytes on their way.
    pub fn buffers(&self) -> &Buffers {
        &self.shared.buffers
    }

    /// How the volume was opened.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Tells how full the volume is.
    pub fn usage(&self) -> Result<Usage, Error> {
        let sums = self.shared.segments.sums();
        Ok(Usage {
            segment_bytes: sums.bytes - sums.hollow,
            segment_bytes_free: sums.ready(),
            available_bytes: self
                .shared
                .available()?
                .saturating_sub(self.shared.settings.reserve_bytes),
        })
    }

    /// The room on its file system; `None` while its folder is not in its place. Blocks.
    pub fn disk(&self) -> Option<Disk> {
        let folder = self.shared.root.get().ok()?;
        folder.is_in_place().then(|| folder.disk().ok())?
    }

    /// What the volume's folder takes of the file system, names and all.
    ///
    /// # Errors
    /// A part of it cannot be looked at.
    pub async fn allocated_bytes(&self) -> Result<u64, Error> {
        let dir = self.shared.dir.clone();
        self.shared.run(move || allocated_in(&dir)).await
    }
}

impl Shared {
    /// Bytes that the file system has left for us.
    fn available(&self) -> Result<u64, Error> {
        let folder = self.root.get();
        folder.map_err(Error::io("asking for free space"))?.available()
    }

    /// Whether the folder has gone, so that what is in its place is not to be touched.
    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    pub(crate) fn check_space(&self, bytes: u64) -> Result<(), Error> {
        let needed = bytes.saturating_add(self.settings.reserve_bytes);
        if self.available()? < needed {
            Err(Error::NoSpace)
        } else {
            Ok(())
        }
    }

    /// The file which holds an extent. Blocks if it has to be opened.
    pub(crate) fn file_of(&self, extent: &Extent) -> io::Result<Arc<File>> {
        let file = match extent.place {
            Place::Segment { segment, .. } => self.segments.handle(segment).map(|segment| Arc::clone(&segment.file)),
            Place::File => {
                let folder = self.root.get()?;
                folder.open_file(&file_name(extent.id)).map(Arc::new)
            }
        };
        match file {
            // It was removed, and may be made anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.has_format() => {
                Err(io::Error::other("the folder of the volume is not there"))
            }
            file => file,
        }
    }

    fn has_format(&self) -> bool {
        let folder = self.root.get();
        folder.is_ok_and(|folder| folder.exists(Path::new(FORMAT_FILE)).unwrap_or(true))
    }

    /// Starts blocking work on an I/O thread as soon as there is one for it.
    pub(crate) async fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, Error> {
        self.jobs.start(work).await
    }

    /// Does blocking work on an I/O thread and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.jobs.run(work).await
    }

    /// Gives space back. Files are removed in the background: unlinking a long one takes the file system a while.
    pub(crate) fn free(self: &Arc<Self>, extents: &[Extent]) {
        if extents.is_empty() {
            return;
        }
        let segments = self.segments.release(extents);
        let own: Vec<_> = extents
            .iter()
            .filter(|e| e.place == Place::File)
            .map(|e| e.id)
            .collect();
        if segments.is_empty() && own.is_empty() {
            return;
        }
        let this = Arc::clone(self);
        let remove = move || {
            // If it is away, or another is in its place, the next sweep and the next start will find them.
            if let Ok(folder) = this.root.get() {
                if folder.has_part(Path::new(SEGMENTS)) {
                    for name in segments {
                        remove_file(&folder, &name);
                    }
                }
                let has_files = folder.has_part(Path::new(FILES));
                for id in &own {
                    // One that was just made was made there.
                    if has_files || this.drafts.lock().contains(id) {
                        remove_file(&folder, &file_name(*id));
                    }
                }
            }
            let mut drafts = this.drafts.lock();
            for id in own {
                drafts.remove(&id);
            }
        };
        match tokio::runtime::Handle::try_current() {
            // If the runtime is going down the files stay, and the sweep after the next start removes them.
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// What flushes all that is in the file system of a volume.
pub(crate) fn together(folder: &Folder) -> Result<Arc<GroupSync>, Error> {
    GroupSync::of_file_system(folder).map_err(Error::io("opening the volume's folder"))
}

/// Removes a file that nothing names; if that fails, the sweep of the next start will try again.
pub(crate) fn remove_file(folder: &Folder, name: &Path) {
    match folder.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(folder = %folder.path().display(), name = %name.display(), %error, "a freed file could not be removed");
        }
        _ => {}
    }
}

impl Folder {
    /// Remembers which folders of a volume are in it.
    pub(crate) fn watch_parts(&mut self) -> Result<(), Error> {
        let mut watch = |name| {
            self.watch(Path::new(name))
                .map_err(Error::io("opening the volume's folder"))
        };
        watch(FILES)?;
        watch(SEGMENTS)
    }
}

/// Name of a file of its own in a volume.
pub(crate) fn file_name(id: BlobId) -> PathBuf {
    folder_name(id.folder()).join(id.to_string())
}

/// Name of a folder of such files.
pub(crate) fn folder_name(folder: u8) -> PathBuf {
    Path::new(FILES).join(format!("{folder:02x}"))
}

/// Makes those of the folders that are not there.
fn make_missing(folder: &Folder, more: &[&str]) -> io::Result<()> {
    for name in more {
        folder.make_folder(Path::new(name))?;
    }
    for n in 0..=u8::MAX {
        folder.make_folder(&folder_name(n))?;
    }
    folder.flush(Path::new(FILES))
}

/// What all in a folder takes of the file system. What goes away meanwhile is not counted.
pub(crate) fn allocated_in(dir: &Path) -> Result<u64, Error> {
    fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
        match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }
    let count = || {
        let (mut bytes, mut folders) = (0, vec![dir.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in there(std::fs::read_dir(folder))?.into_iter().flatten() {
                let entry = entry?;
                let Some(metadata) = there(entry.metadata())? else {
                    continue;
                };
                bytes += metadata.blocks() * 512;
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        Ok(bytes)
    };
    count().map_err(Error::io("counting what is on the volume"))
}

/// Whether another file system than that of the folder above is mounted in a folder.
///
/// # Errors
/// It cannot be looked at.
pub fn is_mount(dir: &Path) -> io::Result<bool> {
    Folder::open(dir)?.is_mount()
}

/// Whether a folder is a volume, and so no folder of copies.
pub fn is_volume(dir: &Path) -> bool {
    std::fs::read(dir.join(FORMAT_FILE)).is_ok_and(|text| text == FORMAT.as_bytes())
}

/// Makes the folders of a new volume, those for files of their own and `more`; the file `format` comes last, so that a half-made
/// one is made again.
pub(crate) fn make_folders(folder: &Folder, text: &str, more: &[&str]) -> Result<(), Error> {
    let doing = "making the volume's folders";
    let format = Path::new(FORMAT_FILE);
    let mut found = String::new();
    let read = folder
        .open_file(format)
        .and_then(|mut file| file.read_to_string(&mut found));
    match read {
        Ok(_) if found == text => {
            // What was lost of them since, by who removed it and did not come to an end.
            if let Err(error) = make_missing(folder, more) {
                warn!(folder = %folder.path().display(), %error, "not all folders of a volume are there");
            }
            return Ok(());
        }
        Ok(_) if !found.is_empty() => return Err(Error::NotAVolume(folder.path().to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("reading the format")(error)),
        Ok(_) | Err(_) => {}
    }
    make_missing(folder, more).map_err(Error::io(doing))?;
    let write = || {
        let mut file = folder.create(format)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        folder.flush(Path::new("."))
    };
    write().map_err(Error::io(doing))
}

const _: () = assert!(FOLDERS == u8::MAX as usize + 1);
