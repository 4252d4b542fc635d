//! Reads what must not stand on a command line, where other users of the machine and the shell's history see it.

use crate::failure::Failure;
use crate::output;
use baleen_types::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Read, Stdin, Write};

/// The longest line that is read; the longest password has less.
const LINE_BYTES_MAX: u64 = 4096;

/// Reads a secret: typed unseen on a terminal, else the next line of standard input.
pub(crate) fn ask(what: &str) -> Result<Secret, Failure> {
    let secret = read(what)?;
    if secret.expose().is_empty() {
        return Err(Failure::usage(format!("there is no {what} on standard input"))
            .advise("type it when asked, or give it as one line: baleen ... < FILE"));
    }
    Ok(secret)
}

fn read(what: &str) -> Result<Secret, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    prompt(what);
    let unseen = Unseen::begin(&stdin)?;
    let secret = line(&mut stdin.lock());
    drop(unseen);
    output::note("");
    secret
}

/// Reads a secret that may be left out: by an empty line, or the end of standard input.
pub(super) fn ask_maybe(what: &str) -> Result<Option<Secret>, Failure> {
    let is_typed = std::io::stdin().is_terminal();
    let secret = read(&if is_typed {
        format!("{what} (or nothing)")
    } else {
        what.to_owned()
    })?;
    Ok(Some(secret).filter(|secret| !secret.expose().is_empty()))
}

/// Reads a secret that is new; on a terminal twice, since nobody sees a slip.
pub(super) fn ask_new(what: &str) -> Result<Secret, Failure> {
    let secret = ask(what)?;
    if std::io::stdin().is_terminal() && ask(&format!("{what} again"))?.expose() != secret.expose() {
        return Err(Failure::usage("the two are not the same").advise("begin again"));
    }
    Ok(secret)
}

fn prompt(what: &str) {
    // Nobody can be told that standard error does not work.
    let _ = write!(std::io::stderr().lock(), "{what}: ");
}

/// The next line without its end; what is not there is empty.
fn line(from: &mut impl BufRead) -> Result<Secret, Failure> {
    let mut text = String::new();
    from.take(LINE_BYTES_MAX)
        .read_line(&mut text)
        .map_err(|error| Failure::because("standard input cannot be read", &error))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// A terminal that does not show what is typed, for as long as this lives.
struct Unseen<'a> {
    stdin: &'a Stdin,
    before: Termios,
}

impl<'a> Unseen<'a> {
    fn begin(stdin: &'a Stdin) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::because(
                "the terminal cannot be told to hide what is typed",
                &std::io::Error::from(error),
            )
        };
        let before = tcgetattr(stdin).map_err(failed)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin, OptionalActions::Flush, &hidden).map_err(failed)?;
        Ok(Self { stdin, before })
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        // The terminal is gone if this fails.
        let _ = tcsetattr(self.stdin, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_without_its_end() {
        for (input, expected) in [
            ("secret\n", "secret"),
            ("secret\r\nmore\n", "secret"),
            (" sec ret ", " sec ret "),
            ("", ""),
            ("\n", ""),
        ] {
            let read = line(&mut input.as_bytes()).expect("it is text");
            assert_eq!(read.expose(), expected, "{input:?}");
        }
        let endless = "x".repeat(1 << 20);
        let read = line(&mut endless.as_bytes()).expect("it is cut");
        assert_eq!(read.expose().len(), 4096);
    }
}
