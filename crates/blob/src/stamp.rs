//! A note in a folder of what it is and when it was last used, by which a folder that was lost, swapped or set back is known.
//! What is in it is its owner's business.

use crate::sync::Target;
use crate::{Blobs, Copies, Error};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const NAME: &str = "stamp";

/// Longest stamp; what is longer is none of ours.
const STAMP_BYTES_MAX: u64 = 4096;

/// The stamp of a folder that is not opened; `None` if it has none. Blocks.
///
/// # Errors
/// It cannot be read.
pub fn stamp_of(dir: &Path) -> Result<Option<String>, Error> {
    let doing = "reading the stamp of a folder";
    let file = match File::open(dir.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io(doing))?,
    };
    let mut text = Vec::new();
    file.take(STAMP_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(Error::io(doing))?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

/// Replaces the stamp, durably and at once.
pub(crate) fn write(dir: &Path, text: &str) -> Result<(), Error> {
    let doing = "writing the stamp of a folder";
    let draft = dir.join("stamp.new");
    let mut file = File::create(&draft).map_err(Error::io(doing))?;
    file.write_all(text.as_bytes()).map_err(Error::io(doing))?;
    file.sync_data().map_err(Error::io(doing))?;
    std::fs::rename(draft, dir.join(NAME)).map_err(Error::io(doing))?;
    Target::Folder(dir.to_owned()).flush().map_err(Error::io(doing))
}

impl Blobs {
    /// The stamp of the volume's folder; `None` in a new one. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stamp(&self) -> Result<Option<String>, Error> {
        stamp_of(&self.shared.dir)
    }

    /// Replaces it. Blocks.
    ///
    /// # Errors
    /// It cannot be written; the old one is there then.
    pub fn set_stamp(&self, text: &str) -> Result<(), Error> {
        write(&self.shared.dir, text)
    }
}

impl Copies {
    /// The stamp of the folder; `None` in a new one, or if it is gone. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stamp(&self) -> Result<Option<String>, Error> {
        stamp_of(&self.copied.dir)
    }

    /// Replaces it. Blocks.
    ///
    /// # Errors
    /// It cannot be written; the old one is there then.
    pub fn set_stamp(&self, text: &str) -> Result<(), Error> {
        write(&self.copied.dir, text)
    }
}
