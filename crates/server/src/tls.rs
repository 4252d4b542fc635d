//! The certificate of the listeners: read at the start, and again at SIGHUP.

use crate::config::TlsFiles;
use crate::failure::Failure;
use baleen_http::{ServedCertificate, Tls, TlsError};
use baleen_runtime::{Clock, Supervisor};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

/// Bits of a key's file by which everybody would read it.
const EVERYBODY: u32 = 0o007;

/// The certificate in its files, and as it is served.
pub(crate) struct Certificate {
    files: TlsFiles,
    served: Arc<ServedCertificate>,
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// What cannot be read, and what is no certificate with its key.
    pub(crate) fn load(files: &TlsFiles) -> Result<Arc<Self>, Failure> {
        let (chain, key) = read(files)?;
        let served = ServedCertificate::from_pem(&chain, &key).map_err(|error| unfit(files, &error))?;
        Ok(Arc::new(Self {
            files: files.clone(),
            served,
        }))
    }

    /// How a listener with it encrypts.
    pub(crate) fn tls(&self, clock: &Arc<dyn Clock>) -> Result<Tls, Failure> {
        Tls::of_the_web(Arc::clone(&self.served), Arc::clone(clock)).map_err(|error| unfit(&self.files, &error))
    }

    /// Reads it again whenever SIGHUP comes. What cannot be read or used changes nothing.
    pub(crate) fn reload_on_hangup(self: &Arc<Self>, supervisor: &Supervisor) -> Result<(), Failure> {
        let mut hangups =
            signal(SignalKind::hangup()).map_err(|error| Failure::because("signals cannot be received", &error))?;
        let (certificate, shutdown) = (Arc::clone(self), supervisor.shutdown().clone());
        supervisor.spawn("certificate", async move {
            loop {
                tokio::select! {
                    () = shutdown.stopping() => return,
                    _ = hangups.recv() => certificate.reload(),
                }
            }
        });
        Ok(())
    }

    fn reload(&self) {
        let read = read(&self.files).and_then(|(chain, key)| {
            let replaced = self.served.replace_by_pem(&chain, &key);
            replaced.map_err(|error| unfit(&self.files, &error))
        });
        let file = self.files.certificate.display();
        match read {
            Ok(()) => info!(%file, "the certificate was read again; new connections get it"),
            Err(failure) => error!(%file, %failure, "the certificate of before is still served"),
        }
    }
}

fn read(files: &TlsFiles) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let one = |path: &Path, setting: &str| {
        std::fs::read(path).map_err(|error| {
            Failure::because(format!("{} cannot be read", path.display()), &error).advise(format!(
                "{setting} names it; the user that runs the server has to be able to read it"
            ))
        })
    };
    let pair = (one(&files.certificate, "tls.certificate")?, one(&files.key, "tls.key")?);
    if std::fs::metadata(&files.key).is_ok_and(|found| found.permissions().mode() & EVERYBODY != 0) {
        warn!(path = %files.key.display(), "everybody may read the key of the certificate; chmod o= keeps them out");
    }
    Ok(pair)
}

fn unfit(files: &TlsFiles, error: &TlsError) -> Failure {
    let path = match error {
        TlsError::NoKey => &files.key,
        TlsError::NoCertificate | TlsError::Unfit(_) | TlsError::Authority(_) => &files.certificate,
    };
    Failure::because(format!("{} cannot be served", path.display()), error)
        .advise("tls.certificate is the server's certificate with those of its authorities behind it, tls.key its key, both PEM")
}
