//! `baleen capture --follow ID`: what a running capture of a server catches, into a pipe or a file, until it is over.

use super::Arguments;
use super::destination::Destination;
use crate::failure::Failure;
use crate::pcaps::{Door, Whom};
use crate::serve::Signals;
use baleen_types::CaptureId;
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use tokio::sync::mpsc;

/// What is asked of which server, and where it goes.
pub(super) struct Asked {
    id: CaptureId,
    pub(super) destination: Destination,
    door: Door,
}

/// Reads what was asked, and the files that say of whom.
pub(super) fn ask(arguments: &Arguments, id: &str) -> Result<Asked, Failure> {
    let id = CaptureId::parse(&id.to_ascii_lowercase())
        .map_err(|_| Failure::usage(format!("{id} is no id of a capture")).advise("it has 32 hexadecimal digits"))?;
    let destination = destination(arguments.destination.as_deref())?;
    let whom = Whom {
        api: arguments.api.clone(),
        profile: arguments.store.profile().map(str::to_owned),
        or_profile: None,
    };
    let door = Door::find(&whom, &arguments.place)?;
    Ok(Asked { id, destination, door })
}

pub(super) async fn run(asked: Asked, signals: &mut Signals) -> Result<ExitCode, Failure> {
    let Asked { id, destination, door } = asked;
    let body = door.live(Method::GET, &format!("/{id}/follow"), None).await?;
    // Only now: who is refused finds no empty file, and an older one as it was.
    let out = open(&destination)?;
    tokio::select! {
        copied = copy(body, out) => copied?,
        () = signals.next() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Where it goes: standard output, if nothing else is named.
fn destination(named: Option<&str>) -> Result<Destination, Failure> {
    match Destination::parse(named.unwrap_or("-"))? {
        Destination::Pipe if std::io::stdout().is_terminal() => {
            Err(Failure::usage("a capture file is nothing for a terminal")
                .advise("pipe it into a reader, as in: baleen capture --follow ID | tshark -r -"))
        }
        Destination::Bucket { .. } => Err(Failure::usage(
            "a capture that is followed goes to standard output or into a file",
        )),
        fits => Ok(fits),
    }
}

fn open(destination: &Destination) -> Result<File, Failure> {
    match destination {
        Destination::File(path) => File::create(path)
            .map_err(|error| Failure::because(format!("{} cannot be written", path.display()), &error)),
        Destination::Pipe | Destination::Bucket { .. } => {
            let out = std::io::stdout().as_fd().try_clone_to_owned();
            let out = out.map_err(|error| Failure::because("standard output cannot be used", &error))?;
            Ok(File::from(out))
        }
    }
}

/// Writes a file as it comes. That who reads has seen enough ends it, and is no failure.
async fn copy(mut body: Incoming, mut out: File) -> Result<(), Failure> {
    let (pieces, mut received) = mpsc::channel::<bytes::Bytes>(4);
    // A pipe may be full for long, which is nothing for a task.
    let writing = tokio::task::spawn_blocking(move || {
        while let Some(piece) = received.blocking_recv() {
            match out.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => return Err(Failure::because("the capture cannot be written", &error)),
            }
        }
        Ok(())
    });
    let reading = async move {
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = pieces.closed() => return Ok(()),
            };
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|error| Failure::because("the capture broke off", &error))?;
            if let Ok(bytes) = frame.into_data()
                && pieces.send(bytes).await.is_err()
            {
                return Ok(());
            }
        }
    };
    let (read, written) = tokio::join!(reading, writing);
    written.map_err(|_| Failure::new("the thread that writes the capture died"))??;
    read
}
