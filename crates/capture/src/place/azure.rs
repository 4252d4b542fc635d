//! Storage accounts of Azure: by a key or a signature of the URI, or by the configured key of that account.

use super::{Place, Places, RemotePlace, refuse, remote_place};
use crate::destination::{AzureAccount, SIGNATURE};
use crate::sink::{AzureSink, Sink};
use crate::{CaptureError, Destination};
use baleen_remote::{self as remote, Azure, AzureAuth, AzureEndpoint};
use baleen_types::{BucketName, Timestamp};
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than a capture a signature has to be good: its last parts are sent behind its end.
const UPLOAD_SLACK: Duration = Duration::from_mins(1);

impl Places {
    /// Refuses a place whose signature ends before a capture of that length could be in it.
    pub(crate) fn check_lasts(place: &Place, length: Duration, now: Timestamp) -> Result<(), CaptureError> {
        let Place::Remote(RemotePlace { keys: Some(keys), .. }) = place else {
            return Ok(());
        };
        if keys.id != SIGNATURE {
            return Ok(());
        }
        match signature_end(keys.secret.expose()) {
            Some(end) if end < now.plus(length + UPLOAD_SLACK) => Err(refuse(format!(
                "the shared access signature of this destination ends at {}, before the capture would be in the container: create the \
                 ownership challenge again, with one that lasts",
                end.to_rfc3339_secs()
            ))),
            // What has no end of its own has that of a stored policy, which is told by the store.
            _ => Ok(()),
        }
    }

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

/// When a signature ends, as it says itself (`se`): with seconds, without them, or a day.
///
/// Source: Azure, "Create a service SAS", "Specifying the access policy"; the three forms are in "Formatting DateTime values".
fn signature_end(signature: &str) -> Option<Timestamp> {
    let mut members = signature.split('&').filter_map(|member| member.split_once('='));
    let (_, end) = members.find(|(name, _)| *name == "se")?;
    let end = percent_decode_str(end).decode_utf8().ok()?;
    let whole = match end.len() {
        10 => format!("{end}T00:00:00Z"),
        17 => format!("{}:00Z", end.strip_suffix('Z')?),
        _ => end.into_owned(),
    };
    Timestamp::parse_rfc3339(&whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessKeys, Endpoint};
    use baleen_types::Secret;

    #[test]
    fn signatures_say_when_they_end() {
        let at = |text| Some(Timestamp::parse_rfc3339(text).unwrap());
        for (signature, wanted) in [
            ("sv=2021&se=2026-11-28T15%3A00%3A00Z&sig=a", at("2026-11-28T15:00:00Z")),
            ("se=2026-11-28T15:00:00Z", at("2026-11-28T15:00:00Z")),
            ("se=2026-11-28T15%3A00Z&sp=cw", at("2026-11-28T15:00:00Z")),
            ("sp=cw&se=2026-11-28", at("2026-11-28T00:00:00Z")),
            ("si=policy&sig=a", None),
            ("se=", None),
            ("se=soon", None),
            ("se=%ff%ff", None),
            ("se=\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", None),
            ("use=2026-11-28&sig=a", None),
            ("", None),
        ] {
            assert_eq!(signature_end(signature), wanted, "{signature}");
        }
    }

    #[test]
    fn a_capture_is_not_begun_that_a_signature_would_cut_off() {
        let account = AzureAccount::parse("account").unwrap();
        let keys = |id: &str, secret: &str| AccessKeys {
            id: id.to_owned(),
            secret: Secret::new(secret.to_owned()),
        };
        let place = |keys| {
            let to = Destination::parse("azure://account/box?sas=se%3D2026").unwrap();
            let place = remote_place(&to, Endpoint::parse("https://account.example").unwrap());
            Place::Remote(RemotePlace {
                keys,
                azure: Some(account.clone()),
                ..place
            })
        };
        let now = Timestamp::parse_rfc3339("2026-11-28T14:00:00Z").unwrap();
        let lasts = |place, secs| Places::check_lasts(&place, Duration::from_secs(secs), now).is_ok();
        let until = |end: &str| place(Some(keys(SIGNATURE, &format!("se={end}&sig=a"))));
        assert!(lasts(until("2026-11-28T14:02:00Z"), 60));
        assert!(!lasts(until("2026-11-28T14:01:59Z"), 60));
        assert!(!lasts(until("2026-11-28T13:00:00Z"), 1));
        assert!(!lasts(until("2026-11-28"), 1));
        assert!(lasts(place(Some(keys(SIGNATURE, "si=policy&sig=a"))), 300));
        assert!(lasts(place(Some(keys("account-key", "se=2020-01-01"))), 300));
        assert!(lasts(place(None), 300));
        assert!(lasts(Place::Own { encrypt: false }, 300));
        let refused = Places::check_lasts(&until("2026-11-28"), Duration::from_secs(1), now).unwrap_err();
        assert!(refused.to_string().contains("2026-11-28T00:00:00Z"), "{refused}");
    }
}
