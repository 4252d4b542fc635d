//! What one member has delivered, in a file of its own, sealed.
//!
//! | bytes | |
//! | --- | --- |
//! | 0..8 | `BLNSTG1\n` |
//! | 8..24 | salt of the file's key |
//! | from there | for each piece: its length, sealed as a block of 8 bytes, and the piece, sealed in blocks of 64 KiB |
//!
//! A process that is killed leaves the last piece cut; what is whole of its blocks is read.
//!
//! It is read twice, and both times it has to be the same. What is damaged the first time ends the file there, for both; what was as it was
//! written then and is not now is an error. That the disk does not give it just now is an error both times, and no damage: whoever reads tries again,
//! and only the last of these tries takes what it cannot have for damaged.

use crate::sealed::{MAGIC_BYTES, SALT_BYTES, damaged, is_torn, read_block, write_blocks};
use baleen_sealing::blocks::{BaseKey, PieceKey, Salt};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

const MAGIC: [u8; MAGIC_BYTES] = *b"BLNSTG1\n";
const LENGTH_BYTES: usize = size_of::<u64>();

/// Read from a file at once.
const READ_BYTES: usize = 256 << 10;

/// Where such a file is.
#[derive(Clone)]
pub(super) struct SealedPath {
    pub(super) path: PathBuf,
    pub(super) key: Arc<BaseKey>,
    /// Where it ends for what is wrong with it.
    broken_at: Arc<OnceLock<Broken>>,
}

/// The end of a file that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// It is none.
    Head,
    /// The block of this number cannot be read.
    Block(u64),
}

/// Which time a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// What is damaged is found.
    First,
    /// The same, behind others of which each failed: what cannot be read now is as damaged.
    FirstAtLast,
    /// It is as it was found.
    Again,
}

impl Reading {
    /// Whether a file ends where this is wrong with it.
    fn ends_at(self, error: &io::Error) -> bool {
        match self {
            Self::First => is_torn(error),
            Self::FirstAtLast => true,
            Self::Again => false,
        }
    }
}

/// One that is written.
pub(super) struct SealedWriter {
    file: File,
    /// None behind a failure: what is written then would have numbers of blocks that were used before, under the same key.
    key: Option<PieceKey>,
    next: u64,
    /// Its bytes that are whole pieces.
    whole_bytes: u64,
}

/// One that is read: the pieces one behind the other.
pub(super) struct SealedReader {
    file: BufReader<File>,
    key: PieceKey,
    next: u64,
    /// Bytes of the piece that are not read yet.
    left: u64,
    block: Cursor<Vec<u8>>,
    reading: Reading,
    broken_at: Arc<OnceLock<Broken>>,
}

impl SealedPath {
    pub(super) fn new(path: PathBuf, key: Arc<BaseKey>) -> Self {
        Self {
            path,
            key,
            broken_at: Arc::default(),
        }
    }

    /// Whether the first reading has found it damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.broken_at.get().is_some()
    }

    /// Makes the file.
    pub(super) fn create(&self, salt: Salt) -> io::Result<SealedWriter> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&self.path)?;
        file.write_all(&MAGIC)?;
        file.write_all(&salt)?;
        Ok(SealedWriter {
            file,
            key: Some(self.key.piece(&salt, 0)),
            next: 0,
            whole_bytes: (MAGIC_BYTES + SALT_BYTES) as u64,
        })
    }

    /// Opens it; `None` when it is not there, no more than begun, or damaged from the beginning.
    pub(super) fn open(&self, reading: Reading) -> io::Result<Option<SealedReader>> {
        if self.broken_at.get() == Some(&Broken::Head) {
            return Ok(None);
        }
        let (file, salt) = match self.open_behind_head() {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(None),
            Err(error) if reading.ends_at(&error) => {
                let _was_known = self.broken_at.set(Broken::Head);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(SealedReader {
            file: BufReader::with_capacity(READ_BYTES, file),
            key: self.key.piece(&salt, 0),
            next: 0,
            left: 0,
            block: Cursor::default(),
            reading,
            broken_at: Arc::clone(&self.broken_at),
        }))
    }

    fn open_behind_head(&self) -> io::Result<Option<(File, Salt)>> {
        let Some(mut file) = open_if_there(&self.path)? else {
            return Ok(None);
        };
        let (mut magic, mut salt) = ([0; MAGIC_BYTES], [0; SALT_BYTES]);
        match file.read_exact(&mut magic).and_then(|()| file.read_exact(&mut salt)) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
            Ok(()) if magic == MAGIC => Ok(Some((file, salt))),
            Ok(()) => Err(damaged()),
        }
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

impl SealedWriter {
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Appends a piece, which is on the disk then.
    ///
    /// # Errors
    /// What is wrong with the disk; the file holds the pieces before then, and is to get no more.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.write(bytes).and_then(|()| self.file.sync_data());
        match written {
            // What is behind it would be read as a part of it; if that cannot be cut off either, it is cut within a packet.
            Err(_) => {
                self.key = None;
                drop(self.file.set_len(self.whole_bytes));
            }
            Ok(()) => self.whole_bytes = self.file.metadata().map_or(self.whole_bytes, |file| file.len()),
        }
        written
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let spoilt = || io::Error::other("it could not be written before");
        let key = self.key.as_ref().ok_or_else(spoilt)?;
        let length = (bytes.len() as u64).to_le_bytes();
        let behind = write_blocks(&mut self.file, key, self.next, &length)?;
        self.next = write_blocks(&mut self.file, key, behind, bytes)?;
        Ok(())
    }
}

impl SealedReader {
    /// The next block; `None` behind the last whole one, and from one on that could not be read the first time.
    fn read_block(&mut self, left: u64) -> io::Result<Option<Vec<u8>>> {
        if self.broken_at.get() == Some(&Broken::Block(self.next)) {
            return Ok(None);
        }
        match read_block(&mut self.file, &self.key, self.next, left) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) if self.reading.ends_at(&error) => {
                tracing::error!(%error, block = self.next, "what a site delivered is damaged on this machine's disk");
                let _was_known = self.broken_at.set(Broken::Block(self.next));
                Ok(None)
            }
            read => {
                self.next += 1;
                read.map(Some)
            }
        }
    }
}

impl Read for SealedReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let taken = self.block.read(to)?;
            if taken > 0 || to.is_empty() {
                return Ok(taken);
            }
            if self.left == 0 {
                let Some(length) = self.read_block(LENGTH_BYTES as u64)? else {
                    return Ok(0);
                };
                let length = length.try_into().map_err(|_| damaged())?;
                self.left = u64::from_le_bytes(length);
                continue;
            }
            let Some(block) = self.read_block(self.left)? else {
                return Ok(0);
            };
            self.left = self.left.saturating_sub(block.len() as u64);
            self.block = Cursor::new(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_sealing::blocks::BLOCK_PLAIN_BYTES;
    use zeroize::Zeroizing;

    const PIECES: [usize; 4] = [1000, BLOCK_PLAIN_BYTES, 0, 3 * BLOCK_PLAIN_BYTES + 5];

    fn written() -> (tempfile::TempDir, SealedPath, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let key = Arc::new(BaseKey::new(Zeroizing::new([1; 32]), b"test"));
        let at = SealedPath::new(folder.path().join("0"), key);
        let mut writer = at.create([3; SALT_BYTES]).unwrap();
        let mut all = Vec::new();
        for length in PIECES {
            let piece: Vec<u8> = b"a secret text, ".iter().copied().cycle().take(length).collect();
            writer.append(&piece).unwrap();
            all.extend(piece);
        }
        (folder, at, all)
    }

    /// As somebody reads it who has found out nothing of it.
    fn read(at: &SealedPath) -> (Vec<u8>, SealedPath) {
        let at = SealedPath::new(at.path.clone(), Arc::clone(&at.key));
        (read_as(&at, Reading::First).unwrap(), at)
    }

    fn read_as(at: &SealedPath, reading: Reading) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(mut file) = at.open(reading)? {
            file.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    #[test]
    fn pieces_come_back_and_do_not_lie_in_the_clear() {
        let (_folder, at, all) = written();
        assert!(read(&at).0 == all);
        let raw = std::fs::read(&at.path).unwrap();
        assert!(!raw.windows(8).any(|window| b"a secret".starts_with(window)));
        let other = Arc::new(BaseKey::new(Zeroizing::new([2; 32]), b"test"));
        let (bytes, at) = read(&SealedPath::new(at.path, other));
        assert!(bytes.is_empty() && at.is_damaged());
    }

    #[test]
    fn a_cut_or_damaged_file_is_read_up_to_there_both_times() {
        let (_folder, at, all) = written();
        let whole = std::fs::read(&at.path).unwrap();
        for length in [24, 30, 1100, whole.len() - 1] {
            std::fs::write(&at.path, &whole[..length]).unwrap();
            let (read, at) = read(&at);
            assert!(read.len() < all.len() && all.starts_with(&read), "{length}");
            assert!(!at.is_damaged() && read_as(&at, Reading::Again).unwrap() == read);
        }
        for length in [0, 7, 23] {
            std::fs::write(&at.path, &whole[..length]).unwrap();
            assert!(at.open(Reading::First).unwrap().is_none());
        }
        for place in [0, 9, 24, 60, 2000, whole.len() - 1] {
            let mut raw = whole.clone();
            raw[place] ^= 1;
            std::fs::write(&at.path, &raw).unwrap();
            let (read, at) = read(&at);
            assert!(
                at.is_damaged() && read.len() < all.len() && all.starts_with(&read),
                "{place}"
            );
            assert!(read_as(&at, Reading::Again).unwrap() == read, "{place}");
        }
    }

    /// No block is written twice under one number, also if whoever writes does not heed that it failed.
    #[test]
    fn nothing_is_written_behind_a_failure() {
        let (folder, at, _) = written();
        let at = SealedPath::new(folder.path().join("1"), at.key);
        let mut writer = at.create([5; SALT_BYTES]).unwrap();
        writer.append(b"whole").unwrap();
        let good = std::mem::replace(&mut writer.file, File::open(&at.path).unwrap());
        assert!(writer.append(b"not written").is_err());
        writer.file = good;
        assert!(writer.append(b"neither").is_err());
        assert_eq!(read(&at).0, b"whole");
    }

    /// A directory opens, and gives no byte: as a disk that fails for a moment.
    #[test]
    fn what_the_disk_does_not_give_now_is_no_damage() {
        let (folder, at, all) = written();
        let of_nothing = || BufReader::new(File::open(folder.path()).unwrap());
        let mut reader = at.open(Reading::First).unwrap().unwrap();
        let mut begun = vec![0; 1000];
        reader.read_exact(&mut begun).unwrap();
        reader.file = of_nothing();
        let told = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(!is_torn(&told) && !at.is_damaged(), "{told}");
        let hidden = folder.path().join("hidden");
        std::fs::rename(&at.path, &hidden).unwrap();
        std::fs::create_dir(&at.path).unwrap();
        assert!(at.open(Reading::First).is_err() && !at.is_damaged());
        std::fs::remove_dir(&at.path).unwrap();
        std::fs::rename(&hidden, &at.path).unwrap();
        assert!(read_as(&at, Reading::First).unwrap() == all);
        // The last of the tries takes what it has.
        let mut reader = at.open(Reading::FirstAtLast).unwrap().unwrap();
        reader.read_exact(&mut begun).unwrap();
        reader.file = of_nothing();
        assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 0);
        assert!(at.is_damaged() && read_as(&at, Reading::Again).unwrap() == all[..1000]);
    }

    /// What was counted has to come, or nobody would know that it does not.
    #[test]
    fn what_could_be_read_and_cannot_any_more_is_an_error() {
        let (_folder, at, all) = written();
        let whole = std::fs::read(&at.path).unwrap();
        assert!(read_as(&at, Reading::First).unwrap() == all);
        for place in [0, 24, 2000, whole.len() - 1] {
            let mut raw = whole.clone();
            raw[place] ^= 1;
            std::fs::write(&at.path, &raw).unwrap();
            let told = read_as(&at, Reading::Again).unwrap_err();
            assert_eq!(told.kind(), ErrorKind::InvalidData, "{place}");
        }
    }
}
