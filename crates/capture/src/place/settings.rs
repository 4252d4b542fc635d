//! How other stores may be used.

use super::ways::Ways;
use crate::destination::{AzureAccount, R2Account};
use crate::{Endpoint, EndpointRules};
use baleen_remote::Tokens;
use baleen_types::{Invalid, RegionName, Secret};
use std::sync::Arc;

/// Where Google Cloud Storage is, unless the settings say otherwise.
const GS_ENDPOINT: &str = "https://storage.googleapis.com";

/// Where R2 is, unless the settings say otherwise.
const R2_ENDPOINT: &str = "https://{account-id}.r2.cloudflarestorage.com";

/// Where Azure Blob Storage is, unless the settings say otherwise.
const AZURE_ENDPOINT: &str = "https://{account}.blob.core.windows.net";

/// Stands for the account in an endpoint of Azure.
const AZURE_ACCOUNT: &str = "{account}";

/// Stands for the account in an endpoint of R2.
const ACCOUNT: &str = "{account-id}";

/// How other stores may be used.
#[derive(Clone, Debug, Default)]
pub struct DestinationSettings {
    /// The store that `s3://` means when the bucket is not one of ours: `[destinations.s3]`.
    pub s3: Option<S3Destination>,
    /// What `gs://` means: `[destinations.gs]`. Without it, Google's public endpoint, if `endpoints` allows that.
    pub gs: Option<GsDestination>,
    /// What `r2://` means: `[destinations.r2]`. Without it, Cloudflare's public endpoint, if `endpoints` allows that.
    pub r2: Option<R2Endpoint>,
    /// What `azure://` means: `[destinations.azure]`. Without it, Microsoft's public endpoint, if `endpoints` allows that.
    pub azure: Option<AzureDestination>,
    /// Which endpoints requests may name themselves; none by default.
    pub endpoints: EndpointRules,
}

/// The configured S3-compatible store.
#[derive(Clone, Debug)]
pub struct S3Destination {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its region, where the URI says none.
    pub region: RegionName,
    /// Who the server is there. Without credentials every URI has to bring its own.
    pub credentials: Option<S3Credentials>,
}

/// Access keys of the configured store.
#[derive(Clone, Debug)]
pub struct S3Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret: Secret,
}

/// Google Cloud Storage, as it is configured.
#[derive(Clone, Debug)]
pub struct GsDestination {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Who the server is there: a service account, which owners of buckets grant the role Storage Object Admin.
    pub own: Option<GsOwn>,
}

/// By what the server says who it is at Google.
#[derive(Clone, Debug)]
pub enum GsOwn {
    /// An HMAC key of a service account.
    Keys(S3Credentials),
    /// The key file of one.
    ServiceAccount(Arc<Tokens>),
}

impl GsDestination {
    /// Google's public endpoint.
    ///
    /// # Errors
    /// Never: it is one.
    pub fn public_endpoint() -> Result<Endpoint, Invalid> {
        Endpoint::parse(GS_ENDPOINT)
    }
}

/// Where the accounts of R2 are: a URL in which `{account-id}` stands for the account, as in
/// `https://{account-id}.eu.r2.cloudflarestorage.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct R2Endpoint(String);

impl R2Endpoint {
    /// Reads the setting.
    ///
    /// # Errors
    /// It is no address of a store whichever account is put in.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let template = Self(text.to_owned());
        template.of(&R2Account::parse(&"0".repeat(32))?)?;
        Ok(template)
    }

    fn of(&self, account: &R2Account) -> Result<Endpoint, Invalid> {
        Endpoint::parse(&self.0.replace(ACCOUNT, account.as_str()))
    }

    /// Whether an endpoint is that of some account.
    fn is_of_one(&self, endpoint: &Endpoint) -> bool {
        let Some((before, after)) = self.0.split_once(ACCOUNT) else {
            return Endpoint::parse(&self.0).is_ok_and(|only| only == *endpoint);
        };
        let account = endpoint.as_str().strip_prefix(before).and_then(|rest| {
            // As endpoints are written.
            rest.strip_suffix(after.trim_end_matches('/'))
        });
        account
            .and_then(|account| R2Account::parse(account).ok())
            .and_then(|account| self.of(&account).ok())
            .is_some_and(|of_account| of_account == *endpoint)
    }
}

/// Azure Blob Storage, as it is configured.
#[derive(Clone, Debug, Default)]
pub struct AzureDestination {
    /// Where accounts are.
    pub endpoint: AzurePlace,
    /// A storage account, and its key in base64, for URIs that bring none.
    pub own: Option<(AzureAccount, Secret)>,
}

/// Where the accounts of Azure are: a URL in which `{account}` stands for the account, or one without, for a server that has the
/// account in the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzurePlace(String);

impl Default for AzurePlace {
    /// Microsoft's public endpoint.
    fn default() -> Self {
        Self(AZURE_ENDPOINT.to_owned())
    }
}

impl AzurePlace {
    /// Reads the setting.
    ///
    /// # Errors
    /// It is no address of a store whichever account is put in, or one of plain HTTP at another machine: who reads a shared access
    /// signature on its way has it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let place = Self(text.to_owned());
        if place.of(&AzureAccount::parse("account")?)?.is_readable_underway() {
            return Err(Invalid::new(
                "endpoint",
                "signatures would be readable on their way; https:// is expected, or a host of this machine",
            ));
        }
        Ok(place)
    }

    fn of(&self, account: &AzureAccount) -> Result<Endpoint, Invalid> {
        Endpoint::parse(&self.0.replace(AZURE_ACCOUNT, account.as_str()))
    }
}

/// Who the server is at an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum Own<'a> {
    Keys(&'a S3Credentials),
    Tokens(&'a Arc<Tokens>),
}

/// What the settings say of one endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Configured<'a> {
    pub(super) own: Option<Own<'a>>,
    pub(super) region: Option<&'a RegionName>,
}

impl DestinationSettings {
    /// What is configured of an endpoint; the operator's list does not matter for it then.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<Configured<'_>> {
        if let Some(s3) = self.s3.as_ref().filter(|s3| s3.endpoint == *endpoint) {
            return Some(Configured {
                own: s3.credentials.as_ref().map(Own::Keys),
                region: Some(&s3.region),
            });
        }
        if let Some(gs) = self.gs.as_ref().filter(|gs| gs.endpoint == *endpoint) {
            return Some(Configured {
                own: gs.own.as_ref().map(|own| match own {
                    GsOwn::Keys(keys) => Own::Keys(keys),
                    GsOwn::ServiceAccount(tokens) => Own::Tokens(tokens),
                }),
                region: None,
            });
        }
        let r2 = self.r2.as_ref().filter(|r2| r2.is_of_one(endpoint));
        r2.map(|_| Configured {
            own: None,
            region: None,
        })
    }

    /// How the store at an endpoint wants to be spoken to.
    pub(super) fn ways(&self, endpoint: &Endpoint) -> Ways {
        if self.gs.as_ref().is_some_and(|gs| gs.endpoint == *endpoint) {
            Ways::GS
        } else if self.r2.as_ref().is_some_and(|r2| r2.is_of_one(endpoint)) {
            Ways::R2
        } else {
            Ways::of_host(&endpoint.host())
        }
    }

    /// Where `gs://` is.
    pub(super) fn gs_endpoint(&self) -> Result<Endpoint, Invalid> {
        self.gs
            .as_ref()
            .map_or_else(GsDestination::public_endpoint, |gs| Ok(gs.endpoint.clone()))
    }

    /// Where `azure://` of an account is.
    pub(super) fn azure_endpoint(&self, account: &AzureAccount) -> Result<Endpoint, Invalid> {
        match &self.azure {
            Some(azure) => azure.endpoint.of(account),
            None => AzurePlace::default().of(account),
        }
    }

    /// Whether an endpoint is the configured one of an account; the operator's list does not matter for it then.
    pub(super) fn is_azure(&self, endpoint: &Endpoint, account: &AzureAccount) -> bool {
        let configured = self.azure.as_ref().map(|azure| azure.endpoint.of(account));
        configured.is_some_and(|configured| configured.is_ok_and(|configured| configured == *endpoint))
    }

    /// Whether the name of an account is in the host of its endpoint; else it stands in the path.
    pub(super) fn is_account_in_host(&self, endpoint: &Endpoint, account: &AzureAccount) -> bool {
        let public = AzurePlace::default();
        let configured = self.azure.as_ref().map(|azure| &azure.endpoint);
        let place = configured
            .into_iter()
            .chain([&public])
            .find(|place| place.of(account).is_ok_and(|at| at == *endpoint));
        match place {
            Some(place) => place.0.contains(AZURE_ACCOUNT),
            // It was proven under other settings: what it looks like is all there is to know.
            None => endpoint.host().split('.').next() == Some(account.as_str()),
        }
    }

    /// The key of a storage account, if it is the configured one.
    pub(super) fn azure_key(&self, account: &AzureAccount) -> Option<&Secret> {
        let own = self.azure.as_ref()?.own.as_ref()?;
        (own.0 == *account).then_some(&own.1)
    }

    /// Where `r2://` of an account is.
    pub(super) fn r2_endpoint(&self, account: &R2Account) -> Result<Endpoint, Invalid> {
        match &self.r2 {
            Some(r2) => r2.of(account),
            None => R2Endpoint(R2_ENDPOINT.to_owned()).of(account),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT_ID: &str = "0123456789abcdef0123456789abcdef";

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text).unwrap()
    }

    #[test]
    fn an_endpoint_of_r2_is_one_for_each_account() {
        let account = R2Account::parse(&ACCOUNT_ID.to_ascii_uppercase()).unwrap();
        let public = DestinationSettings::default().r2_endpoint(&account).unwrap();
        assert_eq!(
            public.as_str(),
            format!("https://{ACCOUNT_ID}.r2.cloudflarestorage.com")
        );
        for text in ["https://{account-id}.eu.r2.example/", "http://r2.example:9000"] {
            let r2 = R2Endpoint::parse(text).unwrap();
            assert!(r2.is_of_one(&r2.of(&account).unwrap()), "{text}");
            for other in [
                "https://r2.example",
                "https://x.eu.r2.example",
                "https://.eu.r2.example.org",
            ] {
                assert!(
                    Endpoint::parse(other).is_err() || !r2.is_of_one(&endpoint(other)),
                    "{text} {other}"
                );
            }
        }
        for wrong in [
            "",
            "{account-id}",
            "ftp://{account-id}.example",
            "https://r2.example/{account-id}",
        ] {
            assert!(R2Endpoint::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "",
            "1",
            &format!("{ACCOUNT_ID}0"),
            &ACCOUNT_ID.replace('0', "."),
            &ACCOUNT_ID.replace('0', "/"),
        ] {
            assert!(R2Account::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn accounts_of_azure_are_at_https_or_here() {
        for (text, is_taken) in [
            ("https://{account}.blob.core.usgovcloudapi.net", true),
            ("https://azure.example:10000", true),
            ("http://127.0.0.1:10000", true),
            ("http://localhost:10000", true),
            ("http://{account}.blob.example", false),
            ("http://10.0.0.1:10000", false),
        ] {
            assert_eq!(AzurePlace::parse(text).is_ok(), is_taken, "{text}");
        }
    }

    #[test]
    fn an_account_is_in_the_host_where_the_settings_say_so() {
        let account = AzureAccount::parse("azurite").unwrap();
        for (configured, at, is_in_host) in [
            (None, "https://azurite.blob.core.windows.net", true),
            (
                Some("https://{account}.blob.example"),
                "https://azurite.blob.example",
                true,
            ),
            (
                Some("https://blobs-{account}.example"),
                "https://blobs-azurite.example",
                true,
            ),
            (Some("http://127.0.0.1:10000"), "http://127.0.0.1:10000", false),
            // A server that happens to be called as the account.
            (
                Some("https://azurite.example:10000"),
                "https://azurite.example:10000",
                false,
            ),
            // Of other settings than these.
            (Some("https://{account}.blob.example"), "https://azurite.example", true),
            (Some("https://{account}.blob.example"), "https://store.example", false),
        ] {
            let settings = DestinationSettings {
                azure: configured.map(|text| AzureDestination {
                    endpoint: AzurePlace::parse(text).unwrap(),
                    own: None,
                }),
                ..DestinationSettings::default()
            };
            assert_eq!(settings.is_account_in_host(&endpoint(at), &account), is_in_host, "{at}");
        }
    }

    #[test]
    fn each_store_is_spoken_to_in_its_way() {
        let own = DestinationSettings {
            gs: Some(GsDestination {
                endpoint: endpoint("http://gs.example"),
                own: None,
            }),
            r2: Some(R2Endpoint::parse("http://r2.example").unwrap()),
            ..DestinationSettings::default()
        };
        for (address, ways) in [
            ("http://gs.example", Ways::GS),
            ("http://r2.example", Ways::R2),
            ("https://storage.googleapis.com", Ways::GS),
            ("https://a.r2.cloudflarestorage.com", Ways::R2),
            ("https://a.eu.r2.cloudflarestorage.com:8443", Ways::R2),
            ("https://s3.eu-central-1.amazonaws.com", Ways::AWS),
            ("https://r2.cloudflarestorage.com.example", Ways::USUAL),
            ("https://amazonaws.com.example", Ways::USUAL),
        ] {
            assert_eq!(own.ways(&endpoint(address)), ways, "{address}");
        }
    }
}
