//! What the log and the audit log are told of a request, and its error document beside what the codec writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use baleen_http::{Deed, Verdict};
use baleen_objects::Bucket;
use baleen_types::AccountId;
use s3s::path::S3Path;

use crate::fault::{Detail, Fault};
use crate::logging::{About, Source};
use crate::ops::Row;

/// Where [`crate::access::Access`] leaves what it has found of a request. An extension of the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoutedTo(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    row: OnceLock<&'static Row>,
    unbuilt: AtomicBool,
    resource: OnceLock<String>,
    statement: OnceLock<String>,
    account: OnceLock<AccountId>,
    logged: OnceLock<Source>,
    key: OnceLock<String>,
    detail: OnceLock<Detail>,
    denied: AtomicBool,
    admitted: AtomicBool,
}

impl RoutedTo {
    pub(crate) fn name(&self) -> Option<&'static str> {
        self.0.row.get().map(|row| row.name)
    }

    /// What the log calls it: an operation of S3 that there is no row for is known to be none of ours. Of it nothing was decided.
    pub(crate) fn name_for_the_log(&self) -> &'static str {
        let unbuilt = self.0.unbuilt.load(Ordering::Relaxed);
        self.name()
            .unwrap_or(if unbuilt { "NotImplemented" } else { "unknown" })
    }

    pub(crate) fn is_unbuilt(&self) {
        self.0.unbuilt.store(true, Ordering::Relaxed);
    }

    /// What the audit log is told; nothing of what was routed nowhere.
    pub(crate) fn deed(&self) -> Option<Deed> {
        let row = self.0.row.get()?;
        let resource = self.0.resource.get().cloned().unwrap_or_default();
        let mut deed = Deed::allowed(row.weight(), row.action.name(), resource);
        deed.statement = self.0.statement.get().cloned();
        deed.account = self.0.account.get().copied();
        if self.0.denied.load(Ordering::Relaxed) {
            deed.verdict = Verdict::Denied;
        }
        Some(deed)
    }

    pub(crate) fn is(&self, row: &'static Row, path: &S3Path) {
        let resource = match (path.get_bucket_name(), path.get_object_key()) {
            (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
            (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
            (None, _) => "arn:aws:s3:::*".to_owned(),
        };
        // Set once: s3s routes a request once.
        let _ = self.0.row.set(row);
        let _ = self.0.resource.set(resource);
        if let Some(key) = path.get_object_key() {
            let _ = self.0.key.set(key.to_owned());
        }
    }

    /// Whose log it belongs to, when nobody asks.
    pub(crate) fn belongs_to(&self, account: AccountId) {
        // Set once: a request goes to one bucket.
        let _ = self.0.account.set(account);
    }

    /// The bucket keeps a log of its requests.
    pub(crate) fn is_logged(&self, bucket: &Bucket) {
        // Set once: a request goes to one bucket.
        let _ = self.0.logged.set(Source::of(bucket));
    }

    /// What the bucket's log is told, if it keeps one.
    pub(crate) fn logged(&self) -> Option<About> {
        Some(About {
            source: self.0.logged.get()?.clone(),
            operation: self.name()?,
            key: self.0.key.get().cloned(),
        })
    }

    pub(crate) fn decided_by(&self, statement: Option<String>) {
        if let Some(statement) = statement {
            // Set once: it is decided once about the request as a whole.
            let _ = self.0.statement.set(statement);
        }
    }

    /// What the codec cannot be told of a fault.
    pub(crate) fn failed(&self, fault: &Fault) {
        if let Some(detail) = fault.detail {
            // Set once: a request fails once.
            let _ = self.0.detail.set(detail);
        }
    }

    pub(crate) fn detail(&self) -> Option<Detail> {
        self.0.detail.get().copied()
    }

    /// Something of it was allowed: who asks may learn what else is wrong with it.
    pub(crate) fn admit(&self) {
        self.0.admitted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.0.admitted.load(Ordering::Relaxed)
    }

    pub(crate) fn judge<T>(&self, decided: &Result<T, Fault>) {
        let Err(fault) = decided else { return };
        self.failed(fault);
        if fault.is_denial() {
            self.0.denied.store(true, Ordering::Relaxed);
        }
    }
}
