//! Which store `s3://` means, and who asks there.
//!
//! The endpoint is the first of: `--endpoint-url`, the profile's, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the baleen that
//! runs in the data folder, and AWS itself when `AWS_ACCESS_KEY_ID` is set. The credentials are the first of:
//! `--credentials`, the profile's, the `AWS_..` variables, and the root user of the data folder.

use super::path_of;
use crate::cli::Place;
use crate::config::Loaded;
use crate::failure::Failure;
use crate::folder::{ROOT_CREDENTIALS_FILE, published};
use baleen_capture::Endpoint;
use baleen_filter::{End, FiveTuple};
use baleen_iam::RootCredentials;
use baleen_remote::{Addressing, Connections, Credentials, S3};
use baleen_runtime::{Clock, SystemEntropy};
use baleen_types::{Classify, FaultKind, RegionName, Secret};
use clap::Args;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The IP protocol number of TCP.
const TCP: u8 = 6;

/// How to reach the store.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StoreArguments {
    /// The store [default: AWS_ENDPOINT_URL_S3, or the baleen that runs in the data folder].
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,
    /// Its region [default: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1].
    #[arg(long, value_name = "NAME")]
    pub(super) region: Option<String>,
    /// A root-credentials.json [default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or that of the data folder].
    #[arg(long, value_name = "FILE")]
    pub(super) credentials: Option<PathBuf>,
    /// A profile of ~/.config/baleen/profiles.toml, with endpoint, region, access_key_id and secret_access_key.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
}

/// A store that can be written to.
pub(crate) struct Store {
    pub(crate) client: S3,
    endpoint: Endpoint,
    /// Whether `--endpoint-url` named it, so that advice speaks of a flag that was given.
    has_flag: bool,
}

/// One entry of the profiles file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    endpoint: Option<String>,
    region: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
}

/// Finds the store and the credentials.
pub(super) fn find(arguments: &StoreArguments, place: &Place, clock: Arc<dyn Clock>) -> Result<Store, Failure> {
    let profile = match &arguments.profile {
        Some(name) => read_profile(name)?,
        None => Profile::default(),
    };
    let Loaded { config, .. } = place.load()?;
    let own = config.data.as_deref().and_then(published);
    let own_endpoint = own.as_ref().and_then(|own| own["s3"].as_str()).map(str::to_owned);
    let region_text = first([
        arguments.region.clone(),
        profile.region,
        variable("AWS_REGION"),
        variable("AWS_DEFAULT_REGION"),
    ]);
    let region = match region_text {
        Some(text) => RegionName::parse(&text).map_err(|error| Failure::usage(error.to_string()))?,
        None => config.region.clone(),
    };
    let named = [
        arguments.endpoint_url.clone(),
        profile.endpoint,
        variable("AWS_ENDPOINT_URL_S3"),
        variable("AWS_ENDPOINT_URL"),
        own_endpoint,
    ];
    let (url, addressing) = match first(named) {
        Some(url) => (url, Addressing::Path),
        None if variable("AWS_ACCESS_KEY_ID").is_some() => {
            (format!("https://s3.{region}.amazonaws.com"), Addressing::VirtualHost)
        }
        None => {
            return Err(Failure::usage("no store is named for s3://").advise(
                "name it with --endpoint-url URL, or name the data folder of a running baleen with --data DIR or BALEEN_DATA",
            ));
        }
    };
    let endpoint = Endpoint::parse(&url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
    let chosen = match (&arguments.credentials, profile.access_key_id, profile.secret_access_key) {
        (Some(file), _, _) => read_root_credentials(file)?,
        (None, Some(id), Some(secret)) => keys(id, secret, None),
        (None, None, None) => from_environment().map_or_else(|| of_data_folder(config.data.as_deref()), Ok)?,
        (None, _, _) => {
            return Err(Failure::usage("the profile has one half of an access key")
                .advise("it needs access_key_id and secret_access_key, or neither"));
        }
    };
    let parts = baleen_remote::Parts {
        clock,
        entropy: SystemEntropy::new(),
        connections: Connections::new(),
    };
    let at = baleen_remote::Endpoint {
        url: endpoint.as_str().to_owned(),
        region,
        addressing,
        credentials: chosen,
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

fn first(candidates: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    candidates.into_iter().flatten().find(|text| !text.is_empty())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn keys(access_key_id: String, secret: String, session_token: Option<String>) -> Credentials {
    Credentials {
        access_key_id,
        secret: Secret::new(secret),
        session_token: session_token.map(Secret::new),
    }
}

fn from_environment() -> Option<Credentials> {
    let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    Some(keys(id, secret, variable("AWS_SESSION_TOKEN")))
}

fn of_data_folder(data: Option<&Path>) -> Result<Credentials, Failure> {
    let Some(data) = data else {
        return Err(Failure::usage("there are no credentials for the store").advise(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name --credentials FILE, --profile NAME or --data DIR",
        ));
    };
    read_root_credentials(&data.join(ROOT_CREDENTIALS_FILE))
}

fn read_root_credentials(file: &Path) -> Result<Credentials, Failure> {
    let failed = |why: &dyn std::error::Error| {
        Failure::because(format!("the credentials in {} cannot be used", file.display()), why)
            .advise("baleen serve writes this file at its first start")
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let root: RootCredentials = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    Ok(keys(root.access_key_id, root.secret_access_key, None))
}

fn read_profile(name: &str) -> Result<Profile, Failure> {
    let folder = variable("XDG_CONFIG_HOME").map(|folder| path_of(&folder));
    let folder = folder.or_else(|| variable("HOME").map(|home| path_of(&home).join(".config")));
    let file = folder.unwrap_or_default().join("baleen/profiles.toml");
    let failed = |why: &dyn std::error::Error| Failure::because(format!("{} cannot be read", file.display()), why);
    let text = std::fs::read_to_string(&file).map_err(|error| failed(&error))?;
    // The message of a TOML error quotes the line, which may hold a secret: only its place is told.
    let mut profiles: BTreeMap<String, Profile> = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(0, |before| before.matches('\n').count());
        Failure::new(format!("{}:{}: {}", file.display(), line + 1, error.message()))
    })?;
    let known = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
    profiles.remove(name).ok_or_else(|| {
        Failure::usage(format!("there is no profile {name} in {}", file.display())).advise(format!("it has: {known}"))
    })
}
