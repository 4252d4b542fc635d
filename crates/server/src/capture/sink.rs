//! Writes the parts of a capture to where they go.

use super::destination::{Destination, Naming, numbered, object_key};
use super::files::{Ended, FirstFile};
use super::store::Store;
use crate::failure::Failure;
use baleen_capture::engine::{self, Outlet, Part, Parts};
use baleen_remote::{ObjectHeaders, PartChecksum, S3, Upload, UploadedPart};
use baleen_types::{Classify, FaultKind, ObjectKey, ObjectPath, PartNumber};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Parts on their way to a store at once. One alone waits for the round trip after each; more than a few only take
/// buffers away from the capture.
const PARTS_IN_FLIGHT: usize = 3;

/// The media type of both forms of capture files (IANA, `application/vnd.tcpdump.pcap`).
const CONTENT_TYPE: &str = "application/vnd.tcpdump.pcap";

/// A place that is open for one capture.
pub(super) enum Sink {
    Pipe(File),
    /// Files that a capture writes by itself.
    File {
        first: FirstFile,
        ended: Ended,
    },
    Object {
        names: Names<ObjectPath>,
        store: Box<Store>,
        upload: Upload,
    },
}

/// How a place is opened.
#[derive(Clone, Copy)]
pub(super) struct Open {
    /// Whether the bucket is made if it is not there.
    pub(super) make_bucket: bool,
    /// Whether there may be several files.
    pub(super) are_numbered: bool,
}

/// Where the capture is now. It has one file, unless it was to rotate.
pub(super) enum Written {
    Pipe,
    /// The last of them is open: who may have written it need not be able to come to it by its name.
    Files {
        paths: Vec<PathBuf>,
        last: File,
    },
    Objects {
        store: Box<Store>,
        at: Vec<ObjectPath>,
    },
}

/// What the files of a capture are called.
#[derive(Clone)]
pub(super) struct Names<T> {
    pub(super) base: T,
    /// Whether there may be several.
    pub(super) are_numbered: bool,
}

impl Names<ObjectPath> {
    fn of(&self, number: u32) -> Result<ObjectPath, baleen_types::Invalid> {
        if !self.are_numbered {
            return Ok(self.base.clone());
        }
        Ok(ObjectPath {
            bucket: self.base.bucket.clone(),
            key: ObjectKey::parse(numbered(self.base.key.as_str(), number))?,
        })
    }
}

impl Sink {
    /// Opens the place, with what the capture writes to by itself if it does; a store is asked at once, so that a wrong bucket or key shows before the first packet.
    pub(super) async fn open(
        destination: &Destination,
        naming: &Naming,
        (store, first): (Option<Store>, Option<FirstFile>),
        Open {
            make_bucket,
            are_numbered,
        }: Open,
    ) -> Result<(Self, Option<Box<dyn Outlet>>), Failure> {
        if let Some(first) = first {
            let (outlet, ended) = first.outlet()?;
            return Ok((Self::File { first, ended }, Some(outlet)));
        }
        let sink = match (destination, store) {
            (Destination::Bucket { bucket, key }, Some(store)) => {
                let base = ObjectPath {
                    bucket: bucket.clone(),
                    key: object_key(key, naming)?,
                };
                let names = Names { base, are_numbered };
                let at = names.of(0).map_err(|error| Failure::usage(error.to_string()))?;
                if make_bucket {
                    store
                        .client
                        .create_bucket(bucket)
                        .await
                        .map_err(|error| store.failed(&error))?;
                }
                let upload = begin(&store, &at).await?;
                Self::Object {
                    names,
                    store: Box::new(store),
                    upload,
                }
            }
            (Destination::Pipe, _) if are_numbered => {
                return Err(Failure::usage("standard output is one file")
                    .advise("name a file or a bucket with --rotate, or leave it out"));
            }
            // What goes into files was opened above.
            (Destination::Pipe | Destination::File(_), _) | (Destination::Bucket { .. }, None) => {
                if std::io::stdout().is_terminal() {
                    return Err(Failure::usage("a capture file is nothing for a terminal")
                        .advise("pipe it into a reader, as in: baleen capture - | tshark -r -"));
                }
                // A descriptor of our own: the standard library's handle would gather lines and copy.
                let out = std::io::stdout().as_fd().try_clone_to_owned();
                let out = out.map_err(|error| Failure::because("standard output cannot be used", &error))?;
                Self::Pipe(File::from(out))
            }
        };
        Ok((sink, None))
    }

    /// How the engine is best set for this place.
    pub(super) fn engine_settings(&self) -> engine::Settings {
        match self {
            Self::Pipe(_) => engine::Settings::for_pipes(),
            Self::File { .. } => engine::Settings::for_files(),
            Self::Object { .. } => engine::Settings::default(),
        }
    }

    /// Writes all parts; a file and an object are durable when this returns.
    ///
    /// Pipes are written by a thread of their own straight from the part buffers, and files by the capture itself: at a million
    /// packets a second a further copy is a quarter of what the whole capture costs.
    pub(super) async fn write_all(self, parts: Parts) -> Result<Written, Failure> {
        match self {
            Self::Pipe(out) => on_a_thread(move || write_pipe(out, parts))
                .await
                .map(|()| Written::Pipe),
            Self::File { first, ended } => {
                // A file that is removed meanwhile is to take no room.
                drop(first);
                let written = ended.await;
                // Only now: a capture whose parts nobody takes is given up.
                drop(parts);
                written.map_err(|_| Failure::new("the thread that writes the capture died"))?
            }
            Self::Object { names, store, upload } => {
                let at = upload_files(&store, &names, upload, parts).await?;
                Ok(Written::Objects { store, at })
            }
        }
    }

    /// Tells whether a failure to write loses the whole capture: an object is stored whole or not at all.
    pub(super) fn is_whole_or_nothing(&self) -> bool {
        matches!(self, Self::Object { names, .. } if !names.are_numbered)
    }

    /// Takes back what [`Sink::open`] began, when no capture comes of it.
    pub(super) async fn give_up(self) {
        match self {
            Self::Pipe(_) => {}
            Self::File { first, .. } => first.give_up(),
            Self::Object { store, upload, .. } => abort(&store.client, &upload).await,
        }
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Failure::new("the thread that writes the capture died"))?
}

fn write_pipe(mut out: File, mut parts: Parts) -> Result<(), Failure> {
    while let Some(part) = parts.blocking_next() {
        match out.write_all(&part.bytes) {
            Ok(()) => {}
            // Who reads has seen enough (`tshark -c 10`); that ends the capture and is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => return Err(Failure::because("standard output cannot be written", &error)),
        }
    }
    Ok(())
}

async fn begin(store: &Store, at: &ObjectPath) -> Result<Upload, Failure> {
    let headers = ObjectHeaders {
        content_type: Some(CONTENT_TYPE.to_owned()),
        ..ObjectHeaders::default()
    };
    store
        .client
        .create_upload(at, &headers, PartChecksum::None)
        .await
        .map_err(|error| {
            let failure = store.failed(&error);
            if error.kind() == FaultKind::NotFound {
                failure.advise(format!("make the bucket {} first, or add --make-bucket", at.bucket))
            } else {
                failure
            }
        })
}

/// Uploads one object behind the other.
async fn upload_files(
    store: &Store,
    names: &Names<ObjectPath>,
    first: Upload,
    mut parts: Parts,
) -> Result<Vec<ObjectPath>, Failure> {
    let (mut written, mut upload, mut waiting) = (Vec::new(), first, None);
    loop {
        let number = u32::try_from(written.len()).unwrap_or(u32::MAX);
        if let Err(error) = upload_one(&store.client, &upload, number, &mut waiting, &mut parts).await {
            abort(&store.client, &upload).await;
            let failure = store.failed(&error);
            return Err(if written.is_empty() {
                failure.advise("nothing was stored under the object's name")
            } else {
                failure.advise(format!(
                    "the {} objects before this one are stored whole",
                    written.len()
                ))
            });
        }
        written.push(upload.at.clone());
        if waiting.is_none() {
            return Ok(written);
        }
        let next = names.of(number + 1).map_err(|error| Failure::new(error.to_string()))?;
        upload = begin(store, &next).await?;
    }
}

/// Uploads the parts of one object; the first that is of the next one is left in `waiting`.
async fn upload_one(
    client: &S3,
    upload: &Upload,
    file: u32,
    waiting: &mut Option<Part>,
    parts: &mut Parts,
) -> Result<(), baleen_remote::Error> {
    let left = waiting.take();
    let of_file = parts_of(left, parts, file, waiting);
    let sent: Vec<UploadedPart> = of_file
        .map(|part| async move {
            let number = PartNumber::new(part.number)?;
            client.put_part(upload, number, part.bytes).await
        })
        .buffered(PARTS_IN_FLIGHT)
        .try_collect()
        .await?;
    client.complete_upload(upload, &sent).await.map(drop)
}

/// The parts of one file out of those of all.
fn parts_of<'s>(
    left: Option<Part>,
    parts: &'s mut Parts,
    file: u32,
    waiting: &'s mut Option<Part>,
) -> impl Stream<Item = Part> + 's {
    stream::unfold((left, parts, waiting), move |(mut left, parts, waiting)| async move {
        let part = match left.take() {
            Some(part) => part,
            None => parts.next().await?,
        };
        if part.file != file {
            *waiting = Some(part);
            return None;
        }
        Some((part, (left, parts, waiting)))
    })
}

/// Gives an upload up. That this fails too changes nothing for the person, whose store sweeps such uploads by a rule.
async fn abort(client: &S3, upload: &Upload) {
    if let Err(error) = client.abort_upload(upload).await {
        tracing::debug!(%error, "an upload could not be aborted");
    }
}
