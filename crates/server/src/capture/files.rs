//! Captures that go into files: the first is opened while the process has the rights of who runs it, the others as they come.

use super::destination::{Destination, Naming, file_path, numbered};
use super::sink::{Names, Written};
use crate::failure::Failure;
use crate::output;
use baleen_capture::engine::{Outlet, write_pieces};
use baleen_pcapfile::{Item, Reader};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, IoSlice};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// The largest file that is read once more after a failed write, to be cut behind its last whole packet: some seconds' work.
const CUT_BYTES_MAX: u64 = 4 << 30;

/// The first file of a capture.
pub(super) struct FirstFile {
    names: Names<PathBuf>,
    path: PathBuf,
    file: File,
    /// How many are kept, if not all.
    keep: Option<u16>,
}

impl FirstFile {
    /// Makes the file, or empties it, if a file was named.
    pub(super) fn open(
        destination: &Destination,
        naming: &Naming,
        are_numbered: bool,
        keep: Option<u16>,
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
        Ok(Some(Self {
            names,
            path,
            file,
            keep,
        }))
    }

    /// Where the second file will be, if there may be one.
    pub(super) fn second(&self) -> Option<PathBuf> {
        self.names.are_numbered.then(|| self.names.of(1))
    }

    /// What a capture writes to, and what tells of its end. The file itself stays here as long, to be taken back.
    pub(super) fn outlet(&self) -> Result<(Box<dyn Outlet>, Ended), Failure> {
        let file = self.file.try_clone();
        let file = file.map_err(|error| Failure::because("a file cannot be opened twice", &error))?;
        let (told, ended) = oneshot::channel();
        let files = Files {
            names: self.names.clone(),
            path: self.path.clone(),
            file,
            number: 0,
            before: Vec::new(),
            keep: self.keep.map_or(usize::MAX, usize::from),
            failure: None,
            told,
        };
        Ok((Box::new(files), ended))
    }

    /// Takes it back when no capture comes of it: an empty file says nothing and is in the way.
    pub(super) fn give_up(self) {
        let left = std::fs::remove_file(&self.path).is_err() && self.file.metadata().is_ok_and(|found| found.is_file());
        if left {
            output::note(&format!("{} is left, and is empty", self.path.display()));
        }
    }
}

/// What becomes of the files of a capture, told at its end.
pub(super) type Ended = oneshot::Receiver<Result<Written, Failure>>;

/// Writes one file behind the other; each is durable before the next begins.
struct Files {
    names: Names<PathBuf>,
    path: PathBuf,
    file: File,
    /// Which it is.
    number: u32,
    /// Those before it.
    before: Vec<PathBuf>,
    /// How many there are at most, with the one that is being written.
    keep: usize,
    failure: Option<Failure>,
    told: oneshot::Sender<Result<Written, Failure>>,
}

impl Files {
    fn put(&mut self, number: u32, pieces: &mut [IoSlice<'_>]) -> Result<(), Failure> {
        if number != self.number {
            self.flush()?;
            self.number = number;
            let next = self.names.of(number);
            self.before.push(std::mem::replace(&mut self.path, next));
            self.file = File::create(&self.path).map_err(|error| Failure::because(self.cannot(), &error))?;
            self.forget()?;
        }
        write_pieces(&mut self.file, pieces).map_err(|error| self.failed(&error))
    }

    /// Removes the oldest of more files than are kept. One that somebody has taken away is no fault; one that stays would fill the disk.
    fn forget(&mut self) -> Result<(), Failure> {
        while self.before.len() >= self.keep {
            let oldest = self.before.remove(0);
            match std::fs::remove_file(&oldest) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    let what = format!("{} cannot be removed, to make room for the next", oldest.display());
                    return Err(Failure::because(what, &error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), Failure> {
        match self.file.sync_all() {
            // What is no file of a disk (/dev/null) has nothing to flush.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            flushed => flushed.map_err(|error| self.failed(&error)),
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::because(self.cannot(), error).advise(left(&self.file))
    }

    fn cannot(&self) -> String {
        format!("{} cannot be written", self.path.display())
    }
}

impl Outlet for Files {
    fn write(&mut self, file: u32, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.put(file, pieces).map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("told at the end")
        })
    }

    fn end(mut self: Box<Self>) {
        let ended = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.flush(),
        };
        let Self {
            path,
            file: last,
            before: mut paths,
            told,
            ..
        } = *self;
        paths.push(path);
        // Who gave the capture up does not listen.
        let _ = told.send(ended.map(|()| Written::Files { paths, last }));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_types::Timestamp;

    #[tokio::test]
    async fn only_the_last_files_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let naming = Naming {
            started: Timestamp::from_secs(0),
            interface: "lo".to_owned(),
            suffix: "pcapng",
        };
        for (keep, kept) in [(None, 0..5), (Some(2), 3..5), (Some(9), 0..5)] {
            let folder = place.path().join(format!("{keep:?}"));
            std::fs::create_dir(&folder).unwrap();
            let destination = Destination::File(folder.join("trace.pcapng"));
            let first = FirstFile::open(&destination, &naming, true, keep).unwrap().unwrap();
            let (mut outlet, ended) = first.outlet().unwrap();
            for number in 0..5 {
                // One that somebody has taken away.
                let _ = std::fs::remove_file(folder.join("trace_0001.pcapng"));
                outlet.write(number, &mut [IoSlice::new(b"x")]).unwrap();
            }
            outlet.end();
            let Ok(Written::Files { paths, .. }) = ended.await.unwrap() else {
                panic!("they are files");
            };
            let named = |number: u32| folder.join(format!("trace_{number:04}.pcapng"));
            assert_eq!(paths, kept.clone().map(named).collect::<Vec<_>>());
            let there = (0..5).filter(|number| named(*number).exists()).collect::<Vec<_>>();
            assert_eq!(there, kept.filter(|number| *number != 1).collect::<Vec<_>>());
        }
    }
}
