//! Writes the parts of a capture to where they go.

use super::destination::{Destination, Naming, file_path, object_key};
use super::store::Store;
use crate::failure::Failure;
use baleen_capture::engine::{self, Parts};
use baleen_remote::{ObjectHeaders, PartChecksum, S3, Upload, UploadedPart};
use baleen_types::{Classify, FaultKind, ObjectPath, PartNumber};
use futures::{StreamExt, TryStreamExt};
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
    File { path: PathBuf, file: File },
    Object { store: Box<Store>, upload: Upload },
}

/// Where the capture is now.
pub(super) enum Written {
    Pipe,
    File(PathBuf),
    Object { store: Box<Store>, at: ObjectPath },
}

impl Sink {
    /// Opens the place; a store is asked at once, so that a wrong bucket or key shows before the first packet.
    pub(super) async fn open(
        destination: &Destination,
        naming: &Naming,
        store: Option<Store>,
        make_bucket: bool,
    ) -> Result<Self, Failure> {
        match (destination, store) {
            (Destination::Bucket { bucket, key }, Some(store)) => {
                let at = ObjectPath {
                    bucket: bucket.clone(),
                    key: object_key(key, naming)?,
                };
                if make_bucket {
                    store
                        .client
                        .create_bucket(bucket)
                        .await
                        .map_err(|error| store.failed(&error))?;
                }
                let upload = begin(&store, &at).await?;
                Ok(Self::Object {
                    store: Box::new(store),
                    upload,
                })
            }
            (Destination::File(path), _) => {
                let path = file_path(path, naming);
                let file = File::create(&path)
                    .map_err(|error| Failure::because(format!("{} cannot be written", path.display()), &error))?;
                Ok(Self::File { path, file })
            }
            (Destination::Pipe, _) | (Destination::Bucket { .. }, None) => {
                if std::io::stdout().is_terminal() {
                    return Err(Failure::usage("a capture file is nothing for a terminal")
                        .advise("pipe it into a reader, as in: baleen capture - | tshark -r -"));
                }
                // A descriptor of our own: the standard library's handle would gather lines and copy.
                let out = std::io::stdout().as_fd().try_clone_to_owned();
                let out = out.map_err(|error| Failure::because("standard output cannot be used", &error))?;
                Ok(Self::Pipe(File::from(out)))
            }
        }
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
    /// Files and pipes are written by a thread of their own straight from the part buffers: at a million packets a
    /// second a further copy is a quarter of what the whole capture costs.
    pub(super) async fn write_all(self, parts: Parts) -> Result<Written, Failure> {
        match self {
            Self::Pipe(out) => on_a_thread(move || write_pipe(out, parts))
                .await
                .map(|()| Written::Pipe),
            Self::File { path, file } => {
                let failed = |error: std::io::Error| {
                    Failure::because(format!("{} cannot be written", path.display()), &error)
                        .advise("what was written until then is a valid capture file")
                };
                on_a_thread(move || Ok(write_file(file, parts)))
                    .await?
                    .map_err(failed)?;
                Ok(Written::File(path))
            }
            Self::Object { store, upload } => match upload_all(&store.client, &upload, parts).await {
                Ok(()) => Ok(Written::Object { store, at: upload.at }),
                Err(error) => {
                    abort(&store.client, &upload).await;
                    Err(store
                        .failed(&error)
                        .advise("nothing was stored under the object's name"))
                }
            },
        }
    }

    /// Tells whether a failure to write loses the whole capture: an object is stored whole or not at all.
    pub(super) fn is_whole_or_nothing(&self) -> bool {
        matches!(self, Self::Object { .. })
    }

    /// Takes back what [`Sink::open`] began, when no capture comes of it.
    pub(super) async fn give_up(self) {
        match self {
            Self::Pipe(_) => {}
            // An empty file says nothing and is in the way.
            Self::File { path, .. } => _ = tokio::fs::remove_file(path).await,
            Self::Object { store, upload } => abort(&store.client, &upload).await,
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

fn write_file(mut file: File, mut parts: Parts) -> std::io::Result<()> {
    while let Some(part) = parts.blocking_next() {
        file.write_all(&part.bytes)?;
    }
    file.sync_all()
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

async fn upload_all(client: &S3, upload: &Upload, parts: Parts) -> Result<(), baleen_remote::Error> {
    let sent: Vec<UploadedPart> = parts
        .map(|part| async move {
            let number = PartNumber::new(part.number)?;
            client.put_part(upload, number, part.bytes).await
        })
        .buffered(PARTS_IN_FLIGHT)
        .try_collect()
        .await?;
    client.complete_upload(upload, &sent).await.map(drop)
}

/// Gives an upload up. That this fails too changes nothing for the person, whose store sweeps such uploads by a rule.
async fn abort(client: &S3, upload: &Upload) {
    if let Err(error) = client.abort_upload(upload).await {
        tracing::debug!(%error, "an upload could not be aborted");
    }
}
