//! The certificate of the listeners: read at the start, and again at SIGHUP.

use crate::config::TlsFiles;
use crate::failure::Failure;
use crate::serve::listen;
use baleen_http::{ServedCertificate, Tls, TlsError, Validity};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::SignalKind;
use tracing::{error, info, warn};

/// Bits of a key's file by which everybody would read it.
const EVERYBODY: u32 = 0o007;

/// How long before its end one is told that a certificate ends: who renews by a timer has done so by then.
const ENDS_SOON: Duration = Duration::from_hours(14 * 24);

/// The certificate in its files, and as it is served.
pub(crate) struct Certificate {
    files: TlsFiles,
    served: Arc<ServedCertificate>,
    clock: Arc<dyn Clock>,
}

/// For how long a certificate is good, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Good(String),
    /// Clients refuse it, or will soon.
    Bad(String),
}

fn life(validity: Option<Validity>, now: Timestamp) -> Life {
    let Some(Validity { from, until }) = validity else {
        return Life::Good("how long it is good cannot be read".to_owned());
    };
    let (first, last) = (from.to_rfc3339_secs(), until.to_rfc3339_secs());
    if until < now {
        Life::Bad(format!("it ended at {last}, and no client takes it"))
    } else if now < from {
        Life::Bad(format!("it begins at {first}, and no client takes it before"))
    } else if until < now.plus(ENDS_SOON) {
        Life::Bad(format!("it ends at {last}"))
    } else {
        Life::Good(format!("good until {last}"))
    }
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// What cannot be read, and what is no certificate with its key.
    pub(crate) fn load(files: &TlsFiles, clock: &Arc<dyn Clock>) -> Result<Arc<Self>, Failure> {
        let (chain, key) = read(files)?;
        let served = ServedCertificate::from_pem(&chain, &key).map_err(|error| unfit(files, &error))?;
        Ok(Arc::new(Self {
            files: files.clone(),
            served,
            clock: Arc::clone(clock),
        }))
    }

    /// How a listener with it encrypts.
    pub(crate) fn tls(&self) -> Result<Tls, Failure> {
        Tls::of_the_web(Arc::clone(&self.served), Arc::clone(&self.clock)).map_err(|error| unfit(&self.files, &error))
    }

    /// For how long it is good.
    pub(crate) fn life(&self) -> Life {
        life(self.served.validity(), self.clock.now())
    }

    /// Warns of a certificate that clients refuse, or will soon. It is served all the same: some do not look.
    pub(crate) fn warn_of_end(&self) {
        if let Life::Bad(why) = self.life() {
            warn!(
                file = %self.files.certificate.display(),
                "the certificate has to be renewed: {why}; SIGHUP makes a new one served"
            );
        }
    }

    fn reload(&self) {
        let read = read(&self.files).and_then(|(chain, key)| {
            let replaced = self.served.replace_by_pem(&chain, &key);
            replaced.map_err(|error| unfit(&self.files, &error))
        });
        let file = self.files.certificate.display();
        match read {
            Ok(()) => {
                info!(%file, "the certificate was read again; new connections get it");
                self.warn_of_end();
            }
            Err(failure) => {
                // One line: the second of two would have no time.
                let (reason, advice) = failure.parts();
                error!(%file, reason, advice, "the certificate of before is still served");
            }
        }
    }
}

/// Reads the certificate again whenever SIGHUP comes; what cannot be read or used changes nothing. Without one there is nothing to
/// read, but nobody who sends the signal means that captures and uploads are to be cut, which is what the system would do.
pub(crate) fn read_again_on_hangup(
    certificate: Option<Arc<Certificate>>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let mut hangups = listen(SignalKind::hangup())?;
    let shutdown = supervisor.shutdown().clone();
    supervisor.spawn("hangup", async move {
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                _ = hangups.recv() => {}
            }
            if let Some(certificate) = &certificate {
                certificate.reload();
            } else {
                info!("SIGHUP came: there is no certificate to read again, and settings are read at the start alone");
            }
        }
    });
    Ok(())
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
        TlsError::NoCertificate | TlsError::VersionOne | TlsError::Unfit(_) | TlsError::Authority(_) => {
            &files.certificate
        }
    };
    let failure = Failure::because(format!("{} cannot be served", path.display()), error);
    if matches!(error, TlsError::VersionOne) {
        return failure
            .advise("make one with a subjectAltName, which is of version 3; README has the line of openssl for it");
    }
    failure.advise("tls.certificate is the server's certificate with those of its authorities behind it, tls.key its key, both PEM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_told_before_it_comes() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let validity = Validity {
            from: at("2026-01-01T00:00:00Z"),
            until: at("2026-04-01T00:00:00Z"),
        };
        for (now, is_good, word) in [
            ("2025-12-31T23:59:59Z", false, "it begins at 2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00Z", true, "good until 2026-04-01T00:00:00Z"),
            ("2026-03-18T00:00:00Z", true, "good until"),
            ("2026-03-18T00:00:01Z", false, "it ends at 2026-04-01T00:00:00Z"),
            ("2026-04-01T00:00:01Z", false, "no client takes it"),
        ] {
            let life = life(Some(validity), at(now));
            let (Life::Good(words) | Life::Bad(words)) = &life;
            assert!(words.contains(word), "{now}: {words}");
            assert_eq!(matches!(life, Life::Good(_)), is_good, "{now}");
        }
        assert!(matches!(life(None, at("2026-01-01T00:00:00Z")), Life::Good(_)));
    }
}
