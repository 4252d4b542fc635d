//! The store in a data folder, opened by the commands that work on it while no server does.

use crate::config::Config;
use crate::failure::Failure;
use crate::keys;
use crate::wire::{customers, meta_settings, open_objects};
use baleen_keyring::Keyring;
use baleen_meta::Meta;
use baleen_objects::Objects;
use baleen_runtime::{Clock, Entropy, SystemClock, SystemEntropy};
use baleen_tenancy::Tenancy;
use std::path::Path;
use std::sync::Arc;

/// The metadata store of a folder, and what services over it need. What is sealed in it is not opened.
pub(crate) struct Store<'a> {
    config: &'a Config,
    folder: &'a Path,
    pub(crate) meta: Meta,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl<'a> Store<'a> {
    /// Opens it, whose folder has to be held.
    pub(crate) fn open(config: &'a Config, folder: &'a Path) -> Result<Self, Failure> {
        let meta = Meta::open_fjall(&folder.join("meta"), meta_settings(config))
            .map_err(|error| Failure::because("the metadata store is damaged, or cannot be opened", &error))?;
        Ok(Self {
            config,
            folder,
            meta,
            clock: SystemClock::new(),
            entropy: SystemEntropy::new(),
        })
    }

    /// Its master keys.
    pub(crate) async fn keyring(&self) -> Result<Arc<Keyring>, Failure> {
        keys::open(self.config, self.folder, &self.meta, &self.clock, &self.entropy).await
    }

    /// Its customers.
    pub(crate) fn customers(&self) -> Arc<Tenancy> {
        customers(self.config, &self.meta, &self.clock, &self.entropy)
    }

    /// Its objects, as they were left.
    pub(crate) async fn objects(&self, keyring: &Keyring) -> Result<Arc<Objects>, Failure> {
        let effects = (&self.clock, &self.entropy);
        open_objects(self.config, self.folder, &self.meta, effects, keyring).await
    }
}
