//! Another certificate, which is stored before it is shown.

use crate::connection::Connection;
use crate::enrol;
use crate::error::Error;
use crate::identity::Identity;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::path::PathBuf;
use tracing::{info, warn};

/// A renewal on its way: it ends with the new identity, or with `None` and a line in the log, and then the one there is goes on.
pub(crate) type Renewing = BoxFuture<'static, Option<Identity>>;

/// Begins to renew.
pub(crate) fn begin(connection: Connection, identity: Identity, folder: PathBuf) -> Renewing {
    async move {
        match renew(&connection, &identity, folder).await {
            Ok(renewed) => {
                info!("the certificate of this agent was renewed");
                Some(renewed)
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "the certificate is not renewed; this is tried again later");
                None
            }
        }
    }
    .boxed()
}

async fn renew(connection: &Connection, identity: &Identity, folder: PathBuf) -> Result<Identity, Error> {
    let renewed = enrol::renew(connection, identity).await?;
    let path = Identity::path(&folder);
    let store = move || renewed.store(&folder).map(|()| renewed);
    let stored = tokio::task::spawn_blocking(store).await;
    let why = "it cannot be written".to_owned();
    stored.unwrap_or(Err(Error::Identity { path, why }))
}

/// How it ended; pending while there is none. Cancel safe.
pub(crate) async fn over(renewal: &mut Option<Renewing>) -> Option<Identity> {
    let Some(renewing) = renewal else {
        return std::future::pending().await;
    };
    let renewed = renewing.await;
    *renewal = None;
    renewed
}
