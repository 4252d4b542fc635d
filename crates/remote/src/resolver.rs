//! Names to addresses.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use parking_lot::Mutex;

/// Decides whether an address behind a name may be connected to.
pub type AddressRule = fn(IpAddr) -> bool;

/// Looks names up. A pinned one asks once for each name, keeps the answer, and takes no address that its rule refuses: so
/// a name cannot lead elsewhere later, and what is connected to is known.
#[derive(Clone)]
pub(crate) struct Resolver {
    pins: Option<Arc<Pins>>,
}

pub(crate) struct Pins {
    rule: Option<AddressRule>,
    found: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl Resolver {
    /// Asks the system each time.
    pub(crate) fn system() -> Self {
        Self { pins: None }
    }

    /// Asks the system once for each name.
    pub(crate) fn pinned(rule: Option<AddressRule>) -> Self {
        let found = Mutex::default();
        Self {
            pins: Some(Arc::new(Pins { rule, found })),
        }
    }

    /// The addresses that were found so far; none unless pinned.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let pins = self.pins.iter();
        pins.flat_map(|pins| {
            pins.found
                .lock()
                .values()
                .flatten()
                .map(SocketAddr::ip)
                .collect::<Vec<_>>()
        })
        .collect()
    }

    async fn resolve(self, name: String) -> io::Result<std::vec::IntoIter<SocketAddr>> {
        let Some(pins) = self.pins else {
            return Ok(look_up(&name).await?.into_iter());
        };
        if let Some(known) = pins.found.lock().get(&name) {
            return Ok(known.clone().into_iter());
        }
        let mut addresses = look_up(&name).await?;
        if let Some(rule) = pins.rule {
            addresses.retain(|address| rule(address.ip()));
            if addresses.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "no address behind the name may be used",
                ));
            }
        }
        // Two look-ups at once agree on the first answer.
        let mut found = pins.found.lock();
        Ok(found.entry(name).or_insert(addresses).clone().into_iter())
    }
}

async fn look_up(name: &str) -> io::Result<Vec<SocketAddr>> {
    // The port is the connector's business.
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

impl tower::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().resolve(name.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pinned_name_stays_and_obeys() {
        let pinned = Resolver::pinned(None);
        assert!(pinned.addresses().is_empty());
        let found: Vec<_> = pinned.clone().resolve("localhost".to_owned()).await.unwrap().collect();
        assert!(found.iter().all(|a| a.ip().is_loopback()));
        let again: Vec<_> = pinned.clone().resolve("localhost".to_owned()).await.unwrap().collect();
        assert_eq!((pinned.addresses().len(), again), (found.len(), found));

        let refusing = Resolver::pinned(Some(|address| !address.is_loopback()));
        let refused = refusing.clone().resolve("localhost".to_owned()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(refusing.addresses().is_empty());
    }
}
