//! Whether the server would be linked with, for who looks at what is missing on a host.

use crate::connection::{Connection, ServerAddress};
use crate::error::Error;
use crate::identity::Identity;
use crate::tls;
use std::net::SocketAddr;

/// Connects to the server as an agent does, and asks whether this identity is one of its agents; nothing comes of it there. Without an identity
/// there is nothing by which to know the server: then only its names are held against its address.
///
/// # Errors
/// What would keep the agent from its link.
pub async fn greet(server: &ServerAddress, identity: Option<&Identity>) -> Result<SocketAddr, Error> {
    let tls = match identity {
        Some(identity) => tls::mutual(identity)?,
        None => tls::of_anybody()?,
    };
    let connection = Connection::open(server, &server.look_up().await?, &tls).await?;
    if identity.is_some() {
        connection.is_known().await?;
    }
    Ok(connection.remote)
}
