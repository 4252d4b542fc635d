//! Which store a destination means.
//!
//! * With `endpoint=`: that store, if the operator's list lets requests name it, with the access keys of the URI. The
//!   configured credentials are never sent to an endpoint of a request, unless it is the configured one.
//! * With access keys alone: the configured store, with those keys.
//! * With neither: our own store, if the bucket exists there and belongs to the account; else the configured store with
//!   the configured credentials; else the URI is refused. Whether a bucket of ours belongs to somebody else shows in no
//!   answer: it counts as not there.
//!
//! `gs://` means Google Cloud Storage, by an HMAC key of the URI, or by one or a service account of the settings, and `r2://` the account's store at Cloudflare,
//! with the keys of the URI; `azure://` means a storage account of Azure (`azure.rs`). Their hosts are endpoints as any other: the operator lets requests use them, or sets them.
//!
//! The decision is made when a challenge is created, and kept with the proof. So a bucket that is made or deleted here
//! later never turns a proven destination into another one.

mod azure;
mod settings;
mod ways;

pub use settings::{
    AzureDestination, AzurePlace, DestinationSettings, GsDestination, GsOwn, R2Endpoint, S3Credentials, S3Destination,
};

use crate::destination::{AccessKeys, AzureAccount, Store, Verdict, is_special};
use crate::sink::{OwnSink, RemoteSink, Sink};
use crate::{CaptureError, Destination, Endpoint};
use baleen_objects::{ObjectError, Objects};
use baleen_remote as remote;
use baleen_runtime::Clock;
use baleen_types::{AccountId, BucketName, Invalid, RegionName, Secret};
use settings::Own;
use std::sync::Arc;

/// A store, as a destination means it.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Our own store, in process.
    Own {
        /// Whether objects are to be encrypted also where their bucket does not say so.
        encrypt: bool,
    },
    /// Another store.
    Remote(RemotePlace),
}

#[derive(Clone, Debug)]
pub(crate) struct RemotePlace {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: Option<RegionName>,
    /// The URI's own access keys; without them the configured ones are used, at the configured endpoint only.
    pub(crate) keys: Option<AccessKeys>,
    pub(crate) encrypt: bool,
    /// The storage account, if it is Azure's.
    pub(crate) azure: Option<AzureAccount>,
}

/// Finds and opens places.
pub(crate) struct Places {
    pub(crate) settings: DestinationSettings,
    pub(crate) objects: Arc<Objects>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) remote: remote::Parts,
    pub(crate) remote_settings: remote::Settings,
}

impl Places {
    /// Decides which store a destination means for an account.
    ///
    /// # Errors
    /// `Destination` when it means none that may be used; the text says what to do.
    pub(crate) async fn resolve(&self, account: AccountId, to: &Destination) -> Result<Place, CaptureError> {
        match to.store() {
            Store::S3 => {}
            Store::Gs => {
                let endpoint = self.settings.gs_endpoint().map_err(CaptureError::Destination)?;
                let how = "gs:// needs an HMAC key of Google Cloud Storage as access-key-id and secret-access-key";
                return self.named_by_request(to, &endpoint, how).await.map(Place::Remote);
            }
            Store::Azure(account) => return self.azure_place(to, account).await.map(Place::Remote),
            Store::R2(account) => {
                let endpoint = self.settings.r2_endpoint(account).map_err(CaptureError::Destination)?;
                let how = "r2:// needs access-key-id and secret-access-key when its challenge is created";
                return self.named_by_request(to, &endpoint, how).await.map(Place::Remote);
            }
        }
        if let Some(endpoint) = to.endpoint() {
            let how = "endpoint= needs access-key-id and secret-access-key";
            return self.named_by_request(to, endpoint, how).await.map(Place::Remote);
        }
        if to.keys().is_none() && self.is_own(account, to.bucket()).await? {
            return Ok(Place::Own { encrypt: to.encrypt() });
        }
        let Some(configured) = &self.settings.s3 else {
            return Err(refuse(format!(
                "there is no bucket {} in this server's own store under your account, and no other store is configured: \
                 create the bucket here first, or name its store with endpoint=https://.., access-key-id and \
                 secret-access-key",
                to.bucket()
            )));
        };
        if to.keys().is_none() && configured.credentials.is_none() {
            return Err(refuse(format!(
                "there is no bucket {} in this server's own store under your account, and this server has no credentials \
                 of its own for other stores: add access-key-id and secret-access-key",
                to.bucket()
            )));
        }
        let endpoint = configured.endpoint.clone();
        Ok(Place::Remote(remote_place(to, endpoint)))
    }

    /// A way to write into a bucket of a place. Endpoints are judged again here, since the operator may have changed
    /// the list after a destination was proven.
    ///
    /// # Errors
    /// `Destination` when the place may not be used any more.
    pub(crate) async fn open(
        &self,
        account: AccountId,
        bucket: &BucketName,
        place: &Place,
    ) -> Result<Box<dyn Sink>, CaptureError> {
        let place = match place {
            Place::Own { encrypt } => {
                return Ok(Box::new(OwnSink {
                    objects: Arc::clone(&self.objects),
                    clock: Arc::clone(&self.clock),
                    account,
                    bucket: bucket.clone(),
                    encrypt: *encrypt,
                }));
            }
            Place::Remote(place) => place,
        };
        if let Some(azure) = &place.azure {
            return self.open_azure(azure, bucket, place).await;
        }
        let configured = self.settings.of(&place.endpoint);
        let rule = match configured {
            Some(_) => None,
            None => self.check_rules(&place.endpoint).await?,
        };
        let by = |id: &String, secret: &Secret| {
            remote::Auth::Keys(remote::Credentials {
                access_key_id: id.clone(),
                secret: secret.clone(),
                session_token: None,
            })
        };
        let auth = match (&place.keys, configured.and_then(|configured| configured.own)) {
            (Some(keys), _) => by(&keys.id, &keys.secret),
            (None, Some(Own::Keys(own))) => by(&own.access_key_id, &own.secret),
            (None, Some(Own::Tokens(tokens))) => remote::Auth::Bearer(Arc::clone(tokens)),
            (None, None) => {
                return Err(refuse(
                    "this server has no credentials for the endpoint any more; create the ownership challenge again",
                ));
            }
        };
        let ways = self.settings.ways(&place.endpoint);
        let region = place.region.clone();
        let region = region.or_else(|| configured.and_then(|configured| configured.region.cloned()));
        let endpoint = remote::Endpoint {
            url: place.endpoint.as_str().to_owned(),
            region: region.map_or_else(|| ways.region(), Ok)?,
            addressing: ways.addressing,
            auth,
        };
        let connections = self.remote.connections.pinned(rule);
        let parts = remote::Parts {
            connections: connections.clone(),
            ..self.remote.clone()
        };
        let client = remote::S3::new(endpoint, self.remote_settings, parts);
        Ok(Box::new(RemoteSink {
            client: client.map_err(|error| refuse(error.to_string()))?,
            connections,
            endpoint: place.endpoint.clone(),
            bucket: bucket.clone(),
            encrypt: place.encrypt,
            acls: ways.acls,
            even_parts: ways.even_parts,
        }))
    }

    /// The place at an endpoint that the request names, in one way or the other. `how` says what to do where keys are missing.
    async fn named_by_request(
        &self,
        to: &Destination,
        endpoint: &Endpoint,
        how: &str,
    ) -> Result<RemotePlace, CaptureError> {
        let configured = self.settings.of(endpoint);
        // Before keys are asked for, which would be sent in vain.
        if configured.is_none() {
            self.check_rules(endpoint).await?;
        }
        let has_own = configured.is_some_and(|configured| configured.own.is_some());
        if to.keys().is_none() && !has_own {
            return Err(refuse(format!("{how}, which this server seals and never shows again")));
        }
        Ok(remote_place(to, endpoint.clone()))
    }

    /// Whether a place takes parts of one size alone: what an agent delivers is cut anew for it then, and is in the store later than it is
    /// taken.
    pub(crate) fn is_even(&self, place: &Place) -> bool {
        match place {
            Place::Own { .. } => false,
            Place::Remote(place) => place.azure.is_none() && self.settings.ways(&place.endpoint).even_parts.is_some(),
        }
    }

    /// Applies the operator's list; answers what connections to the endpoint must obey. A name that only a general rule
    /// covers is looked up here for the sake of a clear answer, and judged again where the connection is made.
    async fn check_rules(&self, endpoint: &Endpoint) -> Result<Option<remote::AddressRule>, CaptureError> {
        let refused = || {
            refuse(format!(
                "the operator of this server does not let requests use the endpoint {}; ask for it to be added to \
                 destinations.endpoints",
                endpoint.authority()
            ))
        };
        match self.settings.endpoints.judge(endpoint) {
            Verdict::Allowed => Ok(None),
            Verdict::Refused => Err(refused()),
            Verdict::AllowedIfPublic => {
                let found = tokio::net::lookup_host((endpoint.host(), endpoint.port())).await;
                let mut addresses = found.map_err(|_| refuse("the name of the endpoint cannot be resolved"))?;
                if addresses.any(|a| is_special(a.ip())) {
                    Err(refused())
                } else {
                    Ok(Some(|address| !is_special(address)))
                }
            }
        }
    }

    async fn is_own(&self, account: AccountId, bucket: &BucketName) -> Result<bool, CaptureError> {
        match self.objects.head_bucket(bucket).await {
            Ok(found) => Ok(found.owner == account),
            Err(ObjectError::NoSuchBucket(_)) => Ok(false),
            Err(error) => Err(CaptureError::Objects(error)),
        }
    }
}

fn remote_place(to: &Destination, endpoint: Endpoint) -> RemotePlace {
    RemotePlace {
        endpoint,
        region: to.region().cloned(),
        keys: to.keys().cloned(),
        encrypt: to.encrypt(),
        azure: to.azure().cloned(),
    }
}

fn refuse(why: impl Into<String>) -> CaptureError {
    CaptureError::Destination(Invalid::new("destination", why))
}
