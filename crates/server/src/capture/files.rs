//! Captures that go into files: the first is opened while the process has the rights of who runs it, the others as they come.

use super::destination::{Destination, Naming, file_path, numbered};
use super::sink::{Names, Written};
use crate::failure::Failure;
use crate::output;
use baleen_capture::engine::Parts;
use baleen_pcapfile::{Item, Reader};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// The largest file that is read once more after a failed write, to be cut behind its last whole packet: some seconds' work.
const CUT_BYTES_MAX: u64 = 4 << 30;

/// The first file of a capture.
pub(super) struct FirstFile {
    names: Names<PathBuf>,
    path: PathBuf,
    file: File,
}

impl FirstFile {
    /// Makes the file, or empties it, if a file was named.
    pub(super) fn open(
        destination: &Destination,
        naming: &Naming,
        are_numbered: bool,
    ) -> Result<Option<Self>, Failure> {
        let Destination::File(path) = destination else {
            return Ok(None);
        };
        let base = file_path(path, naming);
        let names = Names { base, are_numbered };
        let path = names.of(0);
        names.tell_of_older();
        let file = File::create(&path)
            .map_err(|error| Failure::because(format!("{} cannot be written", path.display()), &error))?;
        Ok(Some(Self { names, path, file }))
    }

    /// Where the second file will be, if there may be one.
    pub(super) fn second(&self) -> Option<PathBuf> {
        self.names.are_numbered.then(|| self.names.of(1))
    }

    /// Takes it back when no capture comes of it: an empty file says nothing and is in the way.
    pub(super) fn give_up(self) {
        let left = std::fs::remove_file(&self.path).is_err() && self.file.metadata().is_ok_and(|found| found.is_file());
        if left {
            output::note(&format!("{} is left, and is empty", self.path.display()));
        }
    }
}

/// Writes one file behind the other; each is durable before the next begins.
pub(super) fn write_files(first: FirstFile, mut parts: Parts) -> Result<Written, Failure> {
    let FirstFile {
        names,
        mut path,
        mut file,
    } = first;
    let failed = |file: &File, path: &Path, error: &std::io::Error| {
        Failure::because(format!("{} cannot be written", path.display()), error).advise(left(file))
    };
    let flushed = |file: &File, path: &Path| match file.sync_all() {
        // What is no file of a disk (/dev/null) has nothing to flush.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        flushed => flushed.map_err(|error| failed(file, path, &error)),
    };
    let (mut written, mut number) = (Vec::new(), 0);
    while let Some(part) = parts.blocking_next() {
        if part.file != number {
            flushed(&file, &path)?;
            number = part.file;
            written.push(std::mem::replace(&mut path, names.of(number)));
            let next = File::create(&path);
            file = next.map_err(|error| Failure::because(format!("{} cannot be written", path.display()), &error))?;
        }
        let done = file.write_all(&part.bytes);
        done.map_err(|error| failed(&file, &path, &error))?;
    }
    flushed(&file, &path)?;
    written.push(path);
    Ok(Written::Files {
        paths: written,
        last: file,
    })
}

/// A file that is being written, to be read from its beginning. It is come to by what is open: its folder may be closed to this process.
pub(super) fn reread(file: &File) -> std::io::Result<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Cuts a file behind its last whole packet, after a write that failed somewhere; says what is there.
fn left(file: &File) -> String {
    let cut = || -> Option<u64> {
        let found = file.metadata().ok()?;
        if !found.is_file() || found.len() > CUT_BYTES_MAX {
            return None;
        }
        let mut reader = Reader::new(BufReader::new(reread(file).ok()?)).ok()?;
        let mut packets = 0;
        while let Ok(Some(item)) = reader.next_item() {
            packets += u64::from(matches!(item, Item::Packet(_)));
        }
        let intact = reader.intact_bytes();
        drop(reader);
        file.set_len(intact).and_then(|()| file.sync_all()).ok()?;
        Some(packets)
    };
    match cut() {
        Some(packets) => format!("the {packets} packets written until then are kept, in a valid capture file"),
        None => "what was written until then may end in the middle of a packet".to_owned(),
    }
}

impl Names<PathBuf> {
    fn of(&self, number: u32) -> PathBuf {
        if !self.are_numbered {
            return self.base.clone();
        }
        let name = self.base.file_name().unwrap_or_default().to_string_lossy();
        self.base.with_file_name(numbered(&name, number))
    }

    /// Says so if files of an earlier capture will lie among those of this one.
    fn tell_of_older(&self) {
        let second = self.of(1);
        if self.are_numbered && second.exists() {
            output::note(&format!(
                "{} and perhaps more are of an earlier capture: this one writes over as many as it has files, and leaves the others",
                second.display()
            ));
        }
    }
}
