//! The connection of an account to its identity provider.

use super::provider::{PublicUrl, SamlProvider, entity_id};
use crate::change::{Stored, View};
use crate::epochs::Scope;
use crate::login::{Approach, LoginError};
use crate::records::{ConnectionId, StoredConnection, encode, stamp};
use crate::{Error, Iam};
use baleen_meta::Request;
use baleen_policy::Authorized;
use baleen_saml::{Certificate, IdentityProvider, SigningKey};
use baleen_sealing::NONCE_BYTES;
use baleen_types::{AccountId, Timestamp};

/// A connection, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamlConnection {
    /// The address to enter at the identity provider: where answers are posted.
    pub provider_url: String,
    /// Who we are to the identity provider.
    pub entity_id: String,
    /// The first end among the identity provider's certificates and its metadata.
    pub expiry: Timestamp,
    /// The name of the connection.
    pub provider: String,
}

impl SamlConnection {
    /// The day of the expiry as the document writes it: `MM/DD/YYYY`.
    pub fn expiry_day(&self) -> String {
        baleen_saml::expiry_text(self.expiry)
    }
}

impl Iam {
    /// Connects the account to the identity provider that the metadata describes. Makes the key that our requests are signed
    /// with.
    ///
    /// # Errors
    /// `BadMetadata`; `EntityAlreadyExists` when there is a connection.
    pub async fn create_saml_connection(
        &self,
        by: &Authorized,
        provider: &SamlProvider,
        metadata: &[u8],
        at: &PublicUrl,
    ) -> Result<SamlConnection, Error> {
        let account = by.account();
        if provider.account() != account {
            return Err(Error::NotAllowed("a connection has the name of its account"));
        }
        let now = self.parts.clock.now();
        let described = IdentityProvider::parse(metadata, now)?;
        let exists = || Error::exists("SAML connection", provider);
        if self.view().await?.connection(account).await?.is_some() {
            return Err(exists());
        }
        let common_name = provider.to_string();
        // Making an RSA key takes a core for a while.
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(&common_name, now)).await;
        let key = key.map_err(|_| Error::GivenUp)??;
        let nonce: [u8; NONCE_BYTES] = self.parts.entropy.bytes();
        let context = account.to_string();
        let sealed_key = self
            .parts
            .sealer
            .seal(StoredConnection::context(&context), &key.secret()?, nonce);
        let stored = StoredConnection {
            id: self.parts.entropy.bytes(),
            provider: provider.to_string(),
            sealed_key,
            key_certificate: key.certificate().to_vec(),
            created_ns: stamp(now),
            updated_ns: stamp(now),
            is_ending: false,
            entity_id: String::new(),
            sso_url: String::new(),
            certificates: Vec::new(),
            valid_until_ns: None,
        };
        let stored = stored.describing(&described);
        let shown = show(&stored, at)?;
        let row = StoredConnection::key(account);
        let request = Request::new().absent(row.clone()).put(row, encode(&stored)?);
        if self.settle(request, &[]).await? {
            Ok(shown)
        } else {
            Err(exists())
        }
    }

    /// The account's connection.
    pub async fn saml_connection(&self, by: &Authorized, at: &PublicUrl) -> Result<SamlConnection, Error> {
        let stored = self.view().await?.known_connection(by.account()).await?;
        show(&stored.value, at)
    }

    /// Takes up other metadata. When it describes another identity provider (another entity id), what was opened through
    /// the former ends.
    ///
    /// # Errors
    /// `BadMetadata`; `NoSuchEntity` when there is no connection.
    pub async fn update_saml_connection(
        &self,
        by: &Authorized,
        metadata: &[u8],
        at: &PublicUrl,
    ) -> Result<SamlConnection, Error> {
        let account = by.account();
        let now = self.parts.clock.now();
        let described = IdentityProvider::parse(metadata, now)?;
        self.tried(|| async {
            let was = self.view().await?.known_connection(account).await?;
            let is_another = was.value.is_ending || was.value.entity_id != described.entity_id;
            let mut next = was.value.clone().describing(&described);
            next.updated_ns = stamp(now);
            next.is_ending = false;
            if is_another {
                next.id = self.parts.entropy.bytes();
            }
            let shown = show(&next, at)?;
            let request = was.replace(StoredConnection::key(account), &next)?;
            Ok(self.settle(request, &[Scope::Account(account)]).await?.then_some(shown))
        })
        .await
    }

    /// Takes the connection away. Nobody logs in through it any more, and what was opened through it ends: sessions name their
    /// connection, so that it all ends in one commit.
    pub async fn delete_saml_connection(&self, by: &Authorized) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let was = self.view().await?.known_connection(account).await?;
            let row = StoredConnection::key(account);
            let request = was.unchanged(row.clone()).delete(row);
            Ok(self.settle(request, &[Scope::Account(account)]).await?.then_some(()))
        })
        .await
    }

    /// Our metadata for the identity provider's admin.
    ///
    /// # Errors
    /// `NoSuchEntity` when there is no such connection; `Throttled`.
    pub async fn saml_metadata(
        &self,
        provider: &SamlProvider,
        at: &PublicUrl,
        from: Approach<'_>,
    ) -> Result<String, LoginError> {
        let metadata = async {
            let stored = self.connection_for(provider, from).await?;
            let key = self.saml_key(provider.account(), &stored)?;
            Ok(at.service(&stored.provider).metadata(&key))
        };
        self.counted(from.source, metadata).await
    }

    /// The connection of a name that somebody from there may have guessed: one whose account does not let it in is none.
    pub(super) async fn connection_for(
        &self,
        provider: &SamlProvider,
        from: Approach<'_>,
    ) -> Result<StoredConnection, Error> {
        let is_admitted = self.admits(provider.account(), from).await?;
        let found = self.view().await?.connection_named(provider).await?;
        if is_admitted { Ok(found) } else { Err(unknown(provider)) }
    }

    pub(super) fn saml_key(&self, account: AccountId, stored: &StoredConnection) -> Result<SigningKey, Error> {
        let context = account.to_string();
        let opened = self
            .parts
            .sealer
            .open(StoredConnection::context(&context), &stored.sealed_key);
        let secret = opened.map_err(|_| Error::Damaged("SAML connection"))?;
        Ok(SigningKey::from_parts(&secret, stored.key_certificate.clone())?)
    }
}

impl View {
    /// The connection that lets users of the account in.
    pub(crate) async fn open_connection(&self, account: AccountId) -> Result<Option<ConnectionId>, Error> {
        let found = self.connection(account).await?.map(|stored| stored.value);
        Ok(found.filter(|stored| !stored.is_ending).map(|stored| stored.id))
    }

    pub(super) async fn connection(&self, account: AccountId) -> Result<Option<Stored<StoredConnection>>, Error> {
        self.get(&StoredConnection::key(account)).await
    }

    async fn known_connection(&self, account: AccountId) -> Result<Stored<StoredConnection>, Error> {
        let found = self.connection(account).await?;
        found.ok_or_else(|| Error::no_such("SAML connection of account", &account))
    }

    /// The connection of a name that somebody may have guessed.
    pub(super) async fn connection_named(&self, provider: &SamlProvider) -> Result<StoredConnection, Error> {
        let found = self.connection(provider.account()).await?.map(|stored| stored.value);
        let found = found.filter(|stored| stored.provider == provider.to_string() && !stored.is_ending);
        found.ok_or_else(|| unknown(provider))
    }
}

fn unknown(provider: &SamlProvider) -> Error {
    Error::no_such("SAML connection", provider)
}

impl StoredConnection {
    fn describing(mut self, provider: &IdentityProvider) -> Self {
        self.entity_id.clone_from(&provider.entity_id);
        self.sso_url.clone_from(&provider.sso_url);
        self.certificates = provider.certificates.iter().map(|c| c.der().to_vec()).collect();
        self.valid_until_ns = provider.valid_until.map(stamp);
        self
    }

    pub(super) fn described(&self) -> Result<IdentityProvider, Error> {
        let certificates = self.certificates.iter().map(|der| Certificate::parse(der));
        Ok(IdentityProvider {
            entity_id: self.entity_id.clone(),
            sso_url: self.sso_url.clone(),
            certificates: certificates
                .collect::<Result<_, _>>()
                .map_err(|_| Error::Damaged("SAML connection"))?,
            valid_until: self.valid_until_ns.map(Timestamp::from_nanos),
        })
    }
}

fn show(stored: &StoredConnection, at: &PublicUrl) -> Result<SamlConnection, Error> {
    let expiry = stored.described()?.expiry().ok_or(Error::Damaged("SAML connection"))?;
    Ok(SamlConnection {
        provider_url: at.service(&stored.provider).acs_url,
        entity_id: entity_id(&stored.provider),
        expiry,
        provider: stored.provider.clone(),
    })
}
