use super::*;
use std::fmt::Write as _;

/// What was written, in the pieces in which it was.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().push(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn line(of: &Gathered, is_urgent: bool) -> Line<'_> {
    Line {
        shared: &of.shared,
        is_urgent,
    }
}

#[test]
fn what_was_gathered_is_written_at_the_end() {
    let seen = Seen::default();
    let (gathered, flusher) = Gathered::start(seen.clone());
    for n in 0..100 {
        writeln!(line(&gathered, false), "{n}").unwrap();
    }
    drop(flusher);
    let mut expected = String::new();
    for n in 0..100 {
        writeln!(expected, "{n}").unwrap();
    }
    assert_eq!(seen.0.lock().concat(), expected);
    // There is nobody left to write it later.
    line(&gathered, false).write_all(b"late\n").unwrap();
    assert_eq!(seen.0.lock().last().unwrap(), "late\n");
}

/// A warning is out before who gave it goes on, behind what came before it.
#[test]
fn a_warning_does_not_wait() {
    let seen = Seen::default();
    let (gathered, _flusher) = Gathered::start(seen.clone());
    line(&gathered, false).write_all(b"before\n").unwrap();
    line(&gathered, true).write_all(b"warning\n").unwrap();
    assert_eq!(seen.0.lock().concat(), "before\nwarning\n");
}

#[test]
fn memory_has_a_bound() {
    let (gathered, _flusher) = Gathered::start(Seen::default());
    let long = vec![b'x'; GATHERED_BYTES_MAX / 4];
    for _ in 0..100 {
        line(&gathered, false).write_all(&long).unwrap();
        assert!(gathered.shared.state.lock().lines.len() <= GATHERED_BYTES_MAX);
    }
}

#[test]
fn levels() {
    let is_urgent = |gathered: &Gathered, level| {
        let about = Metadata::new(
            "",
            "",
            level,
            None,
            None,
            None,
            tracing::field::FieldSet::new(&[], tracing::callsite::Identifier(&CALLSITE)),
            tracing::metadata::Kind::EVENT,
        );
        gathered.make_writer_for(&about).is_urgent
    };
    let (gathered, _flusher) = Gathered::start(Seen::default());
    for (level, expected) in [
        (Level::ERROR, true),
        (Level::WARN, true),
        (Level::INFO, false),
        (Level::DEBUG, false),
    ] {
        assert_eq!(is_urgent(&gathered, level), expected, "{level}");
    }
}

static CALLSITE: NoCallsite = NoCallsite;

struct NoCallsite;

impl tracing::callsite::Callsite for NoCallsite {
    fn set_interest(&self, _: tracing::subscriber::Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        unreachable!("nobody registers it")
    }
}
