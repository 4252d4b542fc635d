//! Lends the identity service to the edge, which knows principals and not where they are kept.

use async_trait::async_trait;
use baleen_http::{Credentials, KeyRecord};
use baleen_iam::Iam;
use baleen_policy::Principal;
use baleen_types::{AccessKeyId, Secret};
use std::sync::Arc;

/// The identity service, as the edge asks it.
pub(crate) struct IamCredentials(pub(crate) Arc<Iam>);

#[async_trait]
impl Credentials for IamCredentials {
    async fn access_key(&self, id: &str) -> Option<KeyRecord> {
        // An id of another form is no id of ours.
        let id = AccessKeyId::parse(id).ok()?;
        let found = self.0.access_key(&id).await.unwrap_or_else(|error| {
            report(&error);
            None
        });
        found.map(|key| KeyRecord {
            secret: key.secret.clone(),
            principal: Principal::User(Arc::clone(&key.user)),
        })
    }

    async fn api_token(&self, token: &str) -> Option<Principal> {
        let found = self
            .0
            .api_token(None, &Secret::new(token))
            .await
            .unwrap_or_else(|error| {
                report(&error);
                None
            });
        found.map(Principal::User)
    }
}

/// A look-up that failed is answered like an unknown key: fail closed, and tell the operator.
fn report(error: &baleen_iam::Error) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "credentials cannot be looked up"
    );
}
