//! The names of a connection, and where we are.

use baleen_saml::ServiceProvider;
use baleen_types::{AccountId, Invalid};
use std::fmt;

/// The name of a connection: `<reseller>-<account>-saml` (seed 004, RSCreateSAMLConnection, "Provider").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamlProvider {
    name: String,
    account: AccountId,
}

const SUFFIX: &str = "-saml";

impl SamlProvider {
    /// The name of an account's connection.
    pub fn new(reseller: &str, account: AccountId) -> Self {
        Self {
            name: format!("{reseller}-{account}{SUFFIX}"),
            account,
        }
    }

    /// Reads a name as it stands in an address. That there is such a connection is not said.
    ///
    /// ```
    /// use baleen_iam::SamlProvider;
    /// assert_eq!(SamlProvider::parse("lyve-100000000288-saml").unwrap().account().to_string(), "100000000288");
    /// assert!(SamlProvider::parse("lyve-saml").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let middle = text.strip_suffix(SUFFIX).and_then(|rest| rest.rsplit_once('-'));
        let account = middle.and_then(|(reseller, account)| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let fits = !reseller.is_empty() && reseller.len() <= 64 && reseller.chars().all(is_plain);
            AccountId::parse(account).ok().filter(|_| fits)
        });
        let account = account.ok_or_else(|| Invalid::new("SAML provider", "<reseller>-<account>-saml is expected"))?;
        Ok(Self {
            name: text.to_owned(),
            account,
        })
    }

    /// The account it belongs to.
    pub fn account(&self) -> AccountId {
        self.account
    }
}

impl fmt::Display for SamlProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where browsers reach this server: scheme and host, from the configuration and never from a request, whose `Host` is
/// anybody's to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Reads an address without path, query or user.
    ///
    /// ```
    /// use baleen_iam::PublicUrl;
    /// assert!(PublicUrl::parse("https://store.example.com:9000").is_ok());
    /// assert!(PublicUrl::parse("store.example.com").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let why = || {
            Invalid::new(
                "public URL",
                "a scheme and a host are expected, such as https://store.example.com",
            )
        };
        let text = text.strip_suffix('/').unwrap_or(text);
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or_else(why)?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || host.len() > 255 || !host.chars().all(is_host) {
            return Err(why());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether browsers come over TLS.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Ourselves, as the identity provider of a connection knows us.
    pub(crate) fn service(&self, provider: &str) -> ServiceProvider {
        ServiceProvider {
            entity_id: entity_id(provider),
            acs_url: format!("{}/saml/{provider}/acs", self.0),
        }
    }
}

/// Our entity id for a connection, which is also the audience of its assertions (identity contract, section 4).
pub(crate) fn entity_id(provider: &str) -> String {
    format!("urn:baleen:{provider}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let account = AccountId::parse("100000000288").unwrap();
        for reseller in ["lyve", "a-b-c", "x"] {
            let made = SamlProvider::new(reseller, account);
            assert_eq!(SamlProvider::parse(&made.to_string()), Ok(made));
        }
        for text in [
            "",
            "-saml",
            "lyve-100000000288",
            "-100000000288-saml",
            "lyve-10000000028-saml",
            "l/e-100000000288-saml",
        ] {
            assert!(SamlProvider::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses() {
        for text in [
            "http://127.0.0.1:9000",
            "https://[::1]:9000",
            "https://store.example.com/",
        ] {
            assert!(PublicUrl::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "https://",
            "ftp://x",
            "https://x/y",
            "https://u@x",
            "https://x?y",
            "https://x y",
            "https://x\"y",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
        let service = PublicUrl::parse("https://x.example/")
            .unwrap()
            .service("lyve-100000000288-saml");
        assert_eq!(service.acs_url, "https://x.example/saml/lyve-100000000288-saml/acs");
        assert_eq!(service.entity_id, "urn:baleen:lyve-100000000288-saml");
    }
}
