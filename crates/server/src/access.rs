//! Which server a command speaks to, and who asks there.
//!
//! The endpoint is the first of: `--endpoint-url`, the profile's, the baleen that runs in the folder of `--data`, the
//! `AWS_ENDPOINT_URL..` variables, and the baleen that runs in the data folder of the environment or the configuration. The
//! credentials are the first of: `--credentials`, the profile's, the root user of the folder of `--data`, the `AWS_..`
//! variables, and the root user of the other data folder. So flags beat the environment.

use crate::cli::Place;
use crate::config::{Config, Loaded};
use crate::failure::Failure;
use crate::folder::{ROOT_CREDENTIALS_FILE, published};
use crate::profiles::Profile;
use baleen_iam::RootCredentials;
use baleen_remote::Credentials;
use baleen_types::{RegionName, Secret};
use clap::Args;
use std::path::{Path, PathBuf};

/// How to reach the server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AccessArguments {
    /// The server's S3 door [default: AWS_ENDPOINT_URL, or the baleen that runs in the data folder].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Its region [default: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1].
    #[arg(long, global = true, value_name = "NAME")]
    region: Option<String>,
    /// A root-credentials.json [default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or that of the data folder].
    #[arg(long, global = true, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// A profile of ~/.config/baleen/profiles.toml, with endpoint, region, access_key_id and secret_access_key (admin login --save makes one).
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
}

impl AccessArguments {
    /// The name of the profile.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// All places that say where and who, read.
pub(crate) struct Access {
    arguments: AccessArguments,
    profile: Profile,
    config: Config,
    own_endpoint: Option<String>,
    /// The certificate of the baleen that runs in the data folder, if it has one.
    own_certificate: Option<PathBuf>,
    /// The data folder was named by a flag, so nothing of the environment goes before it.
    is_data_flagged: bool,
}

impl Access {
    /// Reads the configuration, the profile, and what a server says of itself in the data folder.
    pub(crate) fn read(arguments: &AccessArguments, place: &Place) -> Result<Self, Failure> {
        let profile = match &arguments.profile {
            Some(name) => Profile::read(name)?,
            None => Profile::default(),
        };
        let Loaded { config, .. } = place.load()?;
        let own = config.data.as_deref().and_then(published);
        let own_endpoint = own.as_ref().and_then(|own| own["s3"].as_str()).map(str::to_owned);
        Ok(Self {
            arguments: arguments.clone(),
            profile,
            config,
            own_endpoint,
            own_certificate: own
                .as_ref()
                .and_then(|own| own["certificate"].as_str())
                .map(PathBuf::from),
            is_data_flagged: place.data.is_some(),
        })
    }

    /// The URL of the server, if any place names one; `variables` are looked at in their order.
    pub(crate) fn endpoint(&self, variables: &[&str]) -> Option<String> {
        let told = [self.arguments.endpoint_url.clone(), self.profile.endpoint.clone()];
        let variables = if self.is_data_flagged { &[] } else { variables };
        let told = told.into_iter().chain(variables.iter().map(|name| variable(name)));
        first(told.chain([self.own_endpoint.clone()]))
    }

    /// The certificate to trust at `url`: that of the baleen in the data folder, if it is there.
    pub(crate) fn certificate_at(&self, url: &str) -> Option<&Path> {
        let is_own = self.own_endpoint.as_deref() == Some(url);
        self.own_certificate.as_deref().filter(|_| is_own)
    }

    /// Whether a flag named the data folder.
    pub(crate) fn is_data_flagged(&self) -> bool {
        self.is_data_flagged
    }

    /// The data folder that was named.
    pub(crate) fn data(&self) -> Option<&Path> {
        self.config.data.as_deref()
    }

    /// The region to sign for.
    pub(crate) fn region(&self) -> Result<RegionName, Failure> {
        let named = first([
            self.arguments.region.clone(),
            self.profile.region.clone(),
            variable("AWS_REGION"),
            variable("AWS_DEFAULT_REGION"),
        ]);
        match named {
            Some(text) => RegionName::parse(&text).map_err(|error| Failure::usage(error.to_string())),
            None => Ok(self.config.region.clone()),
        }
    }

    /// Who asks.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        let profile = (
            self.profile.access_key_id.clone(),
            self.profile.secret_access_key.clone(),
        );
        match (&self.arguments.credentials, profile) {
            (Some(file), _) => read_root_credentials(file),
            (None, (Some(id), Some(secret))) => Ok(keys(id, secret, self.profile.session_token.clone())),
            (None, (None, None)) => {
                let told = if self.is_data_flagged {
                    None
                } else {
                    from_environment()?
                };
                told.map_or_else(|| of_data_folder(self.config.data.as_deref()), Ok)
            }
            (None, _) => Err(Failure::usage("the profile has one half of an access key")
                .advise("it needs access_key_id and secret_access_key, or neither")),
        }
    }
}

fn first(candidates: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    candidates.into_iter().flatten().find(|text| !text.is_empty())
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn keys(access_key_id: String, secret: String, session_token: Option<String>) -> Credentials {
    Credentials {
        access_key_id,
        secret: Secret::new(secret),
        session_token: session_token.map(Secret::new),
    }
}

/// Half a key is refused: who set it did not mean to ask as root.
fn from_environment() -> Result<Option<Credentials>, Failure> {
    match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Ok(Some(keys(id, secret, variable("AWS_SESSION_TOKEN")))),
        (None, None) => Ok(None),
        _ => Err(Failure::usage("the environment has one half of an access key")
            .advise("set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither")),
    }
}

fn of_data_folder(data: Option<&Path>) -> Result<Credentials, Failure> {
    let Some(data) = data else {
        return Err(Failure::usage("there are no credentials").advise(
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
