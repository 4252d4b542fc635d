//! Which store `s3://` means, and who asks there.
//!
//! See [`crate::access`] for the order of what is asked; AWS itself is meant when nothing names an endpoint and
//! `AWS_ACCESS_KEY_ID` is set, unless `--data` names a folder.

use crate::access::{Access, AccessArguments, variable};
use crate::cli::Place;
use crate::failure::Failure;
use crate::{folder, trust};
use baleen_capture::Endpoint;
use baleen_filter::{End, FiveTuple};
use baleen_remote::{Addressing, Error, S3};
use baleen_runtime::{Clock, SystemEntropy};
use baleen_types::{Classify, FaultKind};
use std::sync::Arc;

/// The IP protocol number of TCP.
const TCP: u8 = 6;

/// A store that can be written to.
pub(crate) struct Store {
    pub(crate) client: S3,
    endpoint: Endpoint,
    /// Whether `--endpoint-url` named it, so that advice speaks of a flag that was given.
    has_flag: bool,
}

/// Finds the store and the credentials.
pub(super) fn find(arguments: &AccessArguments, place: &Place, clock: Arc<dyn Clock>) -> Result<Store, Failure> {
    let access = Access::read(arguments, place)?;
    let region = access.region()?;
    let (url, addressing) = match access.endpoint(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]) {
        Some(url) => (url, Addressing::Path),
        // Root of a folder that was named is nobody at AWS.
        None if !access.is_data_flagged() && variable("AWS_ACCESS_KEY_ID").is_some() => {
            (format!("https://s3.{region}.amazonaws.com"), Addressing::VirtualHost)
        }
        None => {
            if let Some(barred) = access.data().and_then(folder::barred) {
                return Err(barred);
            }
            return Err(Failure::usage("no store is named for s3://").advise(
                "name it with --endpoint-url URL, or name the data folder of a running baleen with --data DIR or BALEEN_DATA",
            ));
        }
    };
    let endpoint = Endpoint::parse(&url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
    let parts = baleen_remote::Parts {
        clock,
        entropy: SystemEntropy::new(),
        connections: trust::connections(access.certificate_at(&url))?,
    };
    let at = baleen_remote::Endpoint {
        url: endpoint.as_str().to_owned(),
        region,
        addressing,
        auth: access.credentials()?.into(),
    };
    let client =
        S3::new(at, baleen_remote::Settings::default(), parts).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Store {
        client,
        endpoint,
        has_flag: arguments.endpoint_url.is_some(),
    })
}

impl Store {
    /// A refusal of the store with what can be done about it.
    pub(super) fn failed(&self, error: &baleen_remote::Error) -> Failure {
        let failure = Failure::new(error.to_string());
        if let Error::Connect { source, .. } = error
            && let Some(advice) = trust::advice(&**source)
        {
            return failure.advise(advice);
        }
        match error.kind() {
            FaultKind::Denied | FaultKind::Unauthenticated => {
                failure.advise("check the access key, its rights on the bucket, and the clock of this machine")
            }
            FaultKind::Unavailable if self.has_flag => {
                failure.advise("is the store running, and is --endpoint-url right?")
            }
            FaultKind::Unavailable => failure.advise(format!("is the store at {} running?", self.endpoint.as_str())),
            _ => failure,
        }
    }

    /// The traffic with the store, which must not be captured: the upload would feed on itself.
    pub(super) async fn own_traffic(&self) -> Result<Vec<FiveTuple>, Failure> {
        let (host, port) = (self.endpoint.host(), self.endpoint.port());
        let found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(|error| {
            Failure::because(format!("the store's name {host} cannot be resolved"), &error).advise(if self.has_flag {
                "is --endpoint-url right?"
            } else {
                "is the store's address right?"
            })
        })?;
        let flow = |address: std::net::SocketAddr| FiveTuple {
            destination: End {
                addresses: vec![address.ip().into()],
                ports: vec![port..=port],
            },
            protocol: Some(TCP),
            bidirectional: true,
            ..FiveTuple::default()
        };
        Ok(found.map(flow).collect())
    }
}
