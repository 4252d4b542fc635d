//! Where a request comes from. One function for all who ask: whitelist, `aws:SourceIp`, throttle, audit and access log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use baleen_policy::Origin;
use baleen_types::Invalid;
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::limits::FORWARDED_HOPS_MAX;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of the connection that a request came by; an extension which the [`crate::Listener`] puts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// Of a request that came by no connection. No whitelist holds this address.
    pub(crate) const NONE: Self = Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
}

/// That the connection a request came by is encrypted; an extension which the [`crate::Listener`] puts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encrypted;

/// The certificate that the other end of an encrypted connection has proven to be its own, and that an authority of the listener
/// has issued; an extension which the [`crate::Listener`] puts there.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The certificate itself, in DER.
    pub der: Bytes,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl PeerCertificate {
    /// Of a certificate whose key was proven.
    #[must_use]
    pub fn new(der: impl Into<Bytes>) -> Self {
        let der = der.into();
        Self {
            sha256: baleen_signing::sha256(&der),
            der,
        }
    }
}

impl std::fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerCertificate").finish_non_exhaustive()
    }
}

/// The networks whose word about the client's address is taken. None by default: then the client is the peer.
///
/// `X-Forwarded-For` is read from the right, since each proxy appends the address it was called from: as long as the hop
/// which wrote an entry is trusted, the entry is true. The first one that is not trusted is the client; what stands to its
/// left is the client's own claim. `X-Real-IP` and `Forwarded` are ignored: a proxy that does not overwrite them hands
/// a client's claim on (identity notes, 4.6).
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts these networks.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Reads one network, or one address.
    ///
    /// ```
    /// use baleen_http::TrustedProxies;
    /// assert!(TrustedProxies::parse_network("10.0.0.0/8").is_ok());
    /// assert!(TrustedProxies::parse_network("10.0.0.1/8").is_err());
    /// ```
    ///
    /// # Errors
    /// What is no network, has bits beyond its length (which of the two was meant?), or holds every address there is:
    /// trusting everyone is trusting the client.
    pub fn parse_network(text: &str) -> Result<IpNet, Invalid> {
        let refuse = |why: &str| Err(Invalid::new("network", why));
        let network = match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
            (Ok(network), _) => network,
            (_, Ok(address)) => address.into(),
            _ => return refuse("an address or a network such as 10.0.0.0/8 is expected"),
        };
        if network.trunc() != network {
            return refuse("the address has bits beyond the length of the network");
        }
        if network.prefix_len() == 0 {
            return refuse("a network of all addresses would let each client say where it comes from");
        }
        Ok(network)
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Establishes the origin of a request. `is_secure` says whether the connection itself is encrypted.
    pub(crate) fn origin(&self, headers: &HeaderMap, peer: Peer, is_secure: bool) -> Origin {
        let peer = SocketAddr::new(peer.0.ip().to_canonical(), peer.0.port());
        let mut origin = Origin {
            source: peer.ip(),
            peer,
            is_secure,
        };
        if self.trust(peer.ip()) {
            origin.source = self.client(headers, peer.ip());
            if let Some(secure) = forwarded_secure(headers) {
                origin.is_secure = secure;
            }
        }
        origin
    }

    /// Walks back from a trusted peer. An entry that cannot be read ends the walk at the hop that wrote it, a proxy's
    /// address: that closes what a rule opens to clients, and opens nothing.
    fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let lines: Vec<_> = headers.get_all(&FORWARDED_FOR).iter().collect();
        let hops = lines
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut at = peer;
        for hop in hops.take(FORWARDED_HOPS_MAX) {
            let Some(from) = parse_hop(hop) else { return at };
            at = from;
            if !self.trust(at) {
                return at;
            }
        }
        at
    }
}

/// An address, with or without a port as some proxies add it.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(bracketed)?;
    Some(address.to_canonical())
}

/// Whether all of the way behind the proxy was encrypted; `None` when it does not say.
fn forwarded_secure(headers: &HeaderMap) -> Option<bool> {
    let mut said = None;
    for line in headers.get_all(&FORWARDED_PROTO) {
        for word in line.as_bytes().split(|byte| *byte == b',') {
            let https = word.trim_ascii().eq_ignore_ascii_case(b"https");
            said = Some(said.unwrap_or(true) && https);
        }
    }
    said
}

#[cfg(test)]
mod tests;
