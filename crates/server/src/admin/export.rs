//! Takes the audit log away: line by line as it comes, checked on the way, and under its name once it is whole.

use super::call::Call;
use super::client::Client;
use crate::failure::Failure;
use crate::output;
use baleen_audit::ExportCheck;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// The longest line that is taken; the log has none half as long.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Where the lines go.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) to: PathBuf,
    /// Whether each line has to follow the one before: nothing is left out between them.
    pub(super) is_chain: bool,
}

/// The file that is being written; it goes if it is not finished.
struct Unfinished {
    path: PathBuf,
    file: BufWriter<File>,
    is_finished: bool,
}

/// Puts pieces together to lines, and counts and checks these.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    count: u64,
    check: Option<ExportCheck>,
}

impl Export {
    pub(super) fn is_to_standard_output(&self) -> bool {
        self.to == Path::new("-")
    }

    /// Writes what the call answers; tells how much it was.
    pub(super) async fn take(&self, client: &Client, call: &Call) -> Result<Value, Failure> {
        let mut lines = Lines {
            check: self.is_chain.then(ExportCheck::default),
            ..Lines::default()
        };
        if self.is_to_standard_output() {
            let pass = |piece: &[u8]| {
                lines.take(piece)?;
                output::bytes(piece)
            };
            client.send_through(call, pass).await?;
        } else {
            let mut file = Unfinished::create(&self.to)?;
            let pass = |piece: &[u8]| {
                lines.take(piece)?;
                file.write(piece)
            };
            client.send_through(call, pass).await?;
            lines.end()?;
            file.finish(&self.to)?;
        }
        lines.end()?;
        Ok(json!({ "entries": lines.count, "newest": lines.check.and_then(|check| check.newest()) }))
    }
}

impl Lines {
    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.rest.extend_from_slice(piece);
        let mut from = 0;
        while let Some(length) = self.rest[from..].iter().position(|byte| *byte == b'\n') {
            let line = &self.rest[from..from + length];
            let line = std::str::from_utf8(line).map_err(|_| Failure::new("a line of the log is not UTF-8"))?;
            if let Some(check) = &mut self.check {
                check.step(line).map_err(|broken| {
                    Failure::new(broken.to_string())
                        .advise("somebody has changed the store, or entries past their time went while it was read: try once more")
                })?;
            }
            self.count += 1;
            from += length + 1;
        }
        self.rest.drain(..from);
        if self.rest.len() > LINE_BYTES_MAX {
            return Err(Failure::new("a line of the log has no end"));
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Failure> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Failure::new("the log broke off in the middle of a line"))
    }
}

impl Unfinished {
    fn create(to: &Path) -> Result<Self, Failure> {
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let file = File::create(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            is_finished: false,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| unwritable(&self.path, &error))
    }

    fn finish(mut self, to: &Path) -> Result<(), Failure> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written
            .and_then(|()| std::fs::rename(&self.path, to))
            .map_err(|error| unwritable(to, &error))?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            // It is in nobody's way if it stays.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::because(format!("{} cannot be written", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"sequence":7,"before":"0000000000000000000000000000000000000000000000000000000000000000","time":"t","request":"r","account":"a","credential":"none","source":"s","door":"d","operation":"o","decision":"allowed","status":200}"#;

    #[test]
    fn lines_are_put_together_and_checked() {
        let whole = format!("{FIRST}\n");
        for size in [1, 7, 300] {
            let mut lines = Lines {
                check: Some(ExportCheck::default()),
                ..Lines::default()
            };
            for piece in whole.as_bytes().chunks(size) {
                lines.take(piece).unwrap();
            }
            lines.end().unwrap();
            assert_eq!(lines.count, 1);
            let error = lines.take(whole.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("broken at entry 8"), "{error}");
        }
        let mut unchecked = Lines::default();
        unchecked.take(format!("{whole}{whole}rest").as_bytes()).unwrap();
        assert_eq!(unchecked.count, 2);
        assert!(unchecked.end().is_err(), "the last line has no end");
        assert!(unchecked.take(&vec![b'x'; LINE_BYTES_MAX]).is_err());
        assert!(Lines::default().take(b"\xff\n").is_err());
    }

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("audit.jsonl");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        drop(Unfinished::create(&to).unwrap());
        assert_eq!(names(), 0);
        let mut file = Unfinished::create(&to).unwrap();
        file.write(b"line\n").unwrap();
        assert!(!to.exists());
        file.finish(&to).unwrap();
        assert_eq!((std::fs::read(&to).unwrap().as_slice(), names()), (&b"line\n"[..], 1));
        assert!(Unfinished::create(&folder.path().join("missing/a")).is_err());
    }
}
