//! Parts that are being written to the disk. Who wanted one may be gone before it is there, and so may the folder of its capture: what comes into
//! that afterwards is nobody's, and goes at once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Those of all captures, by their folders.
#[derive(Default)]
pub(super) struct Writings(Arc<Mutex<HashMap<PathBuf, Folder>>>);

#[derive(Default)]
struct Folder {
    parts: usize,
    is_forgotten: bool,
}

/// One part that is being written, until this is dropped.
pub(super) struct Writing {
    all: Arc<Mutex<HashMap<PathBuf, Folder>>>,
    folder: PathBuf,
}

impl Writings {
    /// To be called before writing begins, where nothing can come in between.
    pub(super) fn begin(&self, folder: &Path) -> Writing {
        self.0.lock().entry(folder.to_owned()).or_default().parts += 1;
        Writing {
            all: Arc::clone(&self.0),
            folder: folder.to_owned(),
        }
    }

    /// The folder is about to be removed.
    pub(super) fn forget(&self, folder: &Path) {
        if let Some(folder) = self.0.lock().get_mut(folder) {
            folder.is_forgotten = true;
        }
    }
}

impl Writing {
    /// Whether the folder was removed meanwhile.
    pub(super) fn is_forgotten(&self) -> bool {
        self.all
            .lock()
            .get(&self.folder)
            .is_some_and(|folder| folder.is_forgotten)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(folder) = all.get_mut(&self.folder) {
            folder.parts -= 1;
            if folder.parts == 0 {
                all.remove(&self.folder);
            }
        }
    }
}
