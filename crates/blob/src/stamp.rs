//! A note in a folder of what it is and when it was last used, by which a folder that was lost, swapped or set back is known.
//! What is in it is its owner's business.

use crate::folder::{Folder, PLAIN};
use crate::volume::{SEGMENTS, folder_name};
use crate::{Blobs, Copies, Error};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const NAME: &str = "stamp";

/// Longest stamp; what is longer is none of ours.
const STAMP_BYTES_MAX: u64 = 4096;

/// What a folder holds, whose stamp says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// No bodies.
    Nothing,
    /// Bodies of nobody knows whom.
    Bodies,
    /// A file `plain`, which says that it is meant whatever it holds.
    Meant,
}

/// The stamp of a folder that is not opened; `None` if it has none. Blocks.
///
/// # Errors
/// It cannot be read.
pub fn stamp_of(dir: &Path) -> Result<Option<String>, Error> {
    read(File::open(dir.join(NAME)))
}

fn read(file: io::Result<File>) -> Result<Option<String>, Error> {
    let doing = "reading the stamp of a folder";
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io(doing))?,
    };
    let mut text = Vec::new();
    file.take(STAMP_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(Error::io(doing))?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

impl Folder {
    pub(crate) fn stamp(&self) -> Result<Option<String>, Error> {
        read(self.open_file(Path::new(NAME)))
    }

    fn held(&self) -> Result<Held, Error> {
        let names = |name: &Path| match self.names(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(Error::io("looking for bodies in a folder")),
        };
        if self
            .exists(Path::new(PLAIN))
            .map_err(Error::io("looking at a folder"))?
        {
            return Ok(Held::Meant);
        }
        for folder in std::iter::once(PathBuf::from(SEGMENTS)).chain((0..=u8::MAX).map(folder_name)) {
            if !names(&folder)?.is_empty() {
                return Ok(Held::Bodies);
            }
        }
        Ok(Held::Nothing)
    }

    fn set_stamp(&self, text: &str) -> Result<(), Error> {
        let doing = "writing the stamp of a folder";
        self.replace(Path::new(NAME), text).map_err(Error::io(doing))?;
        self.forget_plain().map_err(Error::io(doing))
    }
}

impl Blobs {
    /// The stamp of the folder that is in the volume's place now; `None` in a new one. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stamp(&self) -> Result<Option<String>, Error> {
        stamp_of(&self.shared.dir)
    }

    /// What the folder holds that is in the volume's place now. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn held(&self) -> Result<Held, Error> {
        match Folder::open(&self.shared.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Held::Nothing),
            folder => folder.map_err(Error::io("opening the volume's folder"))?.held(),
        }
    }

    /// Replaces it in the folder that is in use. Blocks.
    ///
    /// # Errors
    /// It cannot be written; the old one is there then.
    pub fn set_stamp(&self, text: &str) -> Result<(), Error> {
        let folder = self.shared.root.get();
        folder
            .map_err(Error::io("writing the stamp of a folder"))?
            .set_stamp(text)
    }
}

impl Copies {
    /// The stamp of the folder that was opened; `None` in a new one, or if it is gone. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stamp(&self) -> Result<Option<String>, Error> {
        self.copied.folder.stamp()
    }

    /// What the folder holds that was opened. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn held(&self) -> Result<Held, Error> {
        self.copied.folder.held()
    }

    /// Replaces it. Blocks.
    ///
    /// # Errors
    /// It cannot be written; the old one is there then.
    pub fn set_stamp(&self, text: &str) -> Result<(), Error> {
        self.copied.folder.set_stamp(text)
    }
}
