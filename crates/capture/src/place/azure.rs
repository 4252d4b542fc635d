//! Storage accounts of Azure: by a key or a signature of the URI, or by the configured key of that account.

use super::{Places, RemotePlace, refuse, remote_place};
use crate::destination::{AzureAccount, SIGNATURE};
use crate::sink::{AzureSink, Sink};
use crate::{CaptureError, Destination};
use baleen_remote::{self as remote, Azure, AzureAuth, AzureEndpoint};
use baleen_types::BucketName;
use std::sync::Arc;

impl Places {
    pub(super) async fn azure_place(
        &self,
        to: &Destination,
        account: &AzureAccount,
    ) -> Result<RemotePlace, CaptureError> {
        let endpoint = self.settings.azure_endpoint(account);
        let endpoint = endpoint.map_err(CaptureError::Destination)?;
        // Before keys are asked for, which would be sent in vain.
        if !self.settings.is_azure(&endpoint, account) {
            self.check_rules(&endpoint).await?;
        }
        if to.keys().is_none() && self.settings.azure_key(account).is_none() {
            return Err(refuse(
                "azure:// needs account-key or sas when its challenge is created, which this server seals and never shows again",
            ));
        }
        Ok(remote_place(to, endpoint))
    }

    pub(super) async fn open_azure(
        &self,
        account: &AzureAccount,
        container: &BucketName,
        place: &RemotePlace,
    ) -> Result<Box<dyn Sink>, CaptureError> {
        let is_configured = self.settings.is_azure(&place.endpoint, account);
        let rule = if is_configured {
            None
        } else {
            self.check_rules(&place.endpoint).await?
        };
        // The configured key goes to the configured place and to no other.
        let own = self.settings.azure_key(account).filter(|_| is_configured);
        let auth = match (&place.keys, own) {
            (Some(keys), _) if keys.id == SIGNATURE => AzureAuth::Signature(keys.secret.clone()),
            (Some(keys), _) => AzureAuth::AccountKey(keys.secret.clone()),
            (None, Some(key)) => AzureAuth::AccountKey(key.clone()),
            (None, None) => {
                return Err(refuse(
                    "this server has no key of the storage account any more; create the ownership challenge again",
                ));
            }
        };
        let base = place.endpoint.as_str();
        let endpoint = AzureEndpoint {
            url: if self.settings.is_account_in_host(&place.endpoint, account) {
                base.to_owned()
            } else {
                format!("{base}/{}", account.as_str())
            },
            account: account.as_str().to_owned(),
            auth,
        };
        let connections = self.remote.connections.pinned(rule);
        let parts = remote::Parts {
            connections: connections.clone(),
            ..self.remote.clone()
        };
        let client = Azure::new(&endpoint, self.remote_settings, parts);
        Ok(Box::new(AzureSink {
            client: client.map_err(|error| refuse(error.to_string()))?,
            connections,
            endpoint: place.endpoint.clone(),
            container: container.clone(),
            entropy: Arc::clone(&self.remote.entropy),
        }))
    }
}
