//! What a server does about its master keys every few seconds, and what the audit log is told of them.

use super::publish;
use crate::failure::Failure;
use baleen_audit::{Audit, Deed, Event, Weight};
use baleen_iam::Iam;
use baleen_keyring::{Keyring, Status};
use baleen_meta::Meta;
use baleen_runtime::Clock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// What was done with master keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyChange {
    /// Another key seals from now on.
    Rotated,
    /// Keys that were not needed any more were taken out of the file.
    Retired,
}

impl KeyChange {
    /// What tells one status from an earlier one.
    fn between(before: &Status, after: &Status) -> impl Iterator<Item = Self> + use<> {
        let is_rotated = before.newest != after.newest;
        let is_retired = before.held.iter().any(|number| !after.held.contains(number));
        let changes = [(is_rotated, Self::Rotated), (is_retired, Self::Retired)];
        changes
            .into_iter()
            .filter_map(|(is_so, change)| is_so.then_some(change))
    }

    /// Puts it into the log of root's account. Nobody signed: it was done on the machine itself.
    pub(crate) async fn record(
        self,
        status: &Status,
        meta: &Meta,
        audit: &Audit,
        clock: &dyn Clock,
    ) -> Result<(), Failure> {
        let account = Iam::root_account(meta).await;
        let account = account.map_err(|error| Failure::because("the account of root cannot be read", &error))?;
        // A store that nothing was ever started on has no log.
        let Some(account) = account else { return Ok(()) };
        let (operation, resource) = match self {
            Self::Rotated => ("RotateMasterKey", format!("MasterKey={}", status.newest)),
            Self::Retired => {
                let held = status.held.iter().map(u16::to_string).collect::<Vec<_>>();
                ("RetireMasterKeys", format!("KeptMasterKeys={}", held.join(",")))
            }
        };
        let deed = Deed {
            account: Some(account),
            ..Deed::allowed(Weight::Change, "", resource)
        };
        let written = audit
            .write(account, Event::of_server(clock.now(), operation, deed))
            .await;
        written.map_err(|error| {
            Failure::because(
                "the master keys were changed, but the audit log does not tell of it",
                &error,
            )
        })
    }
}

/// Follows the file of the keys, and tells of it.
pub(crate) struct KeyKeeper {
    keyring: Arc<Keyring>,
    folder: PathBuf,
    meta: Meta,
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    /// How things were when the audit log was told last.
    told: Mutex<Status>,
}

impl KeyKeeper {
    pub(crate) fn new(
        keyring: Arc<Keyring>,
        folder: &Path,
        meta: &Meta,
        audit: &Arc<Audit>,
        clock: &Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            told: Mutex::new(keyring.status()),
            keyring,
            folder: folder.to_owned(),
            meta: meta.clone(),
            audit: Arc::clone(audit),
            clock: Arc::clone(clock),
        })
    }

    /// Does what there is to do. What the audit log could not be told is told the next time.
    pub(crate) async fn look(&self) -> Result<(), Failure> {
        let converged = self.keyring.converge().await;
        publish(&self.keyring, &self.folder);
        let mut told = self.told.lock().await;
        let now = self.keyring.status();
        for change in KeyChange::between(&told, &now) {
            change.record(&now, &self.meta, &self.audit, &*self.clock).await?;
        }
        *told = now;
        converged.map_err(|error| Failure::because("the master keys cannot be followed", &error))
    }
}
