//! Addresses of other stores, and which of them the operator lets requests name.
//!
//! A request that names an endpoint makes this server connect to it. So an endpoint of a request must be on the
//! operator's list, and unless a rule names the host or its network, it must not lead to this machine, to its link, or to
//! the addresses behind which clouds keep their secrets (link-local).

use baleen_types::Invalid;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// The address of an S3-compatible store: `http` or `https`, a host and perhaps a port, nothing else.
///
/// ```
/// use baleen_capture::Endpoint;
/// assert_eq!(Endpoint::parse("https://minio.example:9000/").unwrap().as_str(), "https://minio.example:9000");
/// assert!(Endpoint::parse("ftp://minio.example").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    text: String,
    host: Host<String>,
    port: u16,
}

impl Endpoint {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &str| Err(Invalid::new("endpoint", why));
        let Ok(url) = Url::parse(text) else {
            return refuse("a URL such as https://minio.example:9000 is expected");
        };
        if !["http", "https"].contains(&url.scheme()) {
            return refuse("only http:// and https:// are supported");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("user info is not allowed; use access-key-id and secret-access-key");
        }
        if !["", "/"].contains(&url.path()) || url.query().is_some() || url.fragment().is_some() {
            return refuse("only scheme, host and port are allowed");
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refuse("a host is expected");
        };
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            port,
        })
    }

    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host as it stands in the address, IPv6 without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// Whether what is sent there can be read by others on its way: plain HTTP to another machine.
    pub fn is_readable_underway(&self) -> bool {
        Url::parse(&self.text).is_ok_and(|url| baleen_remote::is_readable_underway(&url))
    }

    /// Host and port, as a rule of the operator's list would name them.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The port, also when it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the host is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One line of the operator's list.
///
/// Shape: `*` (every public host), `*.example.com` (the hosts below a domain), `minio.example`, `minio.example:9000`,
/// `10.1.2.3`, `10.1.0.0/16`, `[fd00::1]:9000`, `fd00::/8`, `https://minio.example:9000` (that host and port).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointRule {
    /// Every host that is not special.
    Public,
    /// Every host below a domain that is not special; the domain with its leading dot, in lower case.
    Below(String),
    /// One host by name, with a port or with any; what its name leads to is the operator's word.
    Host(String, Option<u16>),
    /// One network, with a port or with any.
    Network(IpNet, Option<u16>),
}

impl EndpointRule {
    /// Reads one line of the setting.
    ///
    /// ```
    /// use baleen_capture::EndpointRule;
    /// assert!(EndpointRule::parse("*.example.com").is_ok());
    /// assert!(EndpointRule::parse("example.com/path").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim().to_ascii_lowercase();
        if text == "*" {
            return Ok(Self::Public);
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network, None));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into(), None));
        }
        if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
            return Ok(Self::Network(socket.ip().into(), Some(socket.port())));
        }
        if text.contains("://") {
            let endpoint = Endpoint::parse(&text)?;
            return Ok(match endpoint.address() {
                Some(address) => Self::Network(address.into(), Some(endpoint.port())),
                None => Self::Host(endpoint.host(), Some(endpoint.port())),
            });
        }
        if let Some(domain) = text
            .strip_prefix('*')
            .filter(|d| d.starts_with('.') && is_name(&d[1..]))
        {
            return Ok(Self::Below(domain.to_owned()));
        }
        let (name, port) = match text.split_once(':') {
            None => (text.as_str(), None),
            Some((name, port)) => (name, Some(port.parse().map_err(|_| not_a_rule())?)),
        };
        if is_name(name) {
            Ok(Self::Host(name.to_owned(), port))
        } else {
            Err(not_a_rule())
        }
    }

    /// Whether the rule speaks of this endpoint.
    fn covers(&self, endpoint: &Endpoint) -> bool {
        let port_fits = |wanted: &Option<u16>| wanted.is_none_or(|p| p == endpoint.port());
        match self {
            Self::Public => true,
            Self::Below(domain) => matches!(&endpoint.host, Host::Domain(name) if name.ends_with(domain.as_str())),
            Self::Host(host, port) => matches!(&endpoint.host, Host::Domain(name) if name == host) && port_fits(port),
            Self::Network(network, port) => endpoint.address().is_some_and(|a| network.contains(&a)) && port_fits(port),
        }
    }

    /// Whether the operator named this very place, so that it may also be a special one.
    fn names_the_place(&self) -> bool {
        match self {
            Self::Public | Self::Below(_) => false,
            Self::Host(..) | Self::Network(..) => true,
        }
    }
}

fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_';
    !text.is_empty() && text.len() <= 253 && text.bytes().all(fits)
}

fn not_a_rule() -> Invalid {
    Invalid::new(
        "endpoint rule",
        "*, *.domain, a host, an address or a network is expected, such as minio.example:9000 or 10.1.0.0/16",
    )
}

/// The operator's list. Empty, which is the default, it allows no endpoint in a request at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointRules(pub Vec<EndpointRule>);

/// What the list says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be used.
    Allowed,
    /// It may be used if no address behind its name is special, which has to be looked up.
    AllowedIfPublic,
    /// It may not.
    Refused,
}

impl EndpointRules {
    pub(crate) fn judge(&self, endpoint: &Endpoint) -> Verdict {
        let mut covering = self.0.iter().filter(|rule| rule.covers(endpoint)).peekable();
        if covering.peek().is_none() {
            return Verdict::Refused;
        }
        if covering.any(EndpointRule::names_the_place) {
            return Verdict::Allowed;
        }
        match endpoint.address() {
            Some(address) if is_special(address) => Verdict::Refused,
            Some(_) => Verdict::Allowed,
            None => Verdict::AllowedIfPublic,
        }
    }
}

/// Whether an address leads to this machine, its link, to many or to nobody. Private networks (RFC 1918, unique local)
/// are special too: a general rule means the internet, and a store inside is named by the operator.
pub(crate) fn is_special(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => {
            let [first, second, third, _] = a.octets();
            // 100.64.0.0/10 (RFC 6598) is a provider's inside; 240.0.0.0/4 and above are reserved.
            let shared = first == 100 && (64..128).contains(&second);
            // 198.18.0.0/15 (RFC 2544) and 192.0.0.0/24 (RFC 6890) are for laboratories and for protocols.
            let inner = (first == 198 && second & 0xfe == 18) || (first == 192 && second == 0 && third == 0);
            a.is_loopback()
                || a.is_link_local()
                || a.is_private()
                || inner
                || a.is_multicast()
                || shared
                || first == 0
                || first >= 240
        }
        IpAddr::V6(a) => {
            let segments = a.segments();
            // Site-local addresses (RFC 3879 has given them up, hosts have not), Teredo (RFC 4380), whose server and port
            // are the sender's choice, and NAT64 of a network's own making (RFC 8215).
            let tunnelled = matches!(segments, [0x2001, 0, ..] | [0x0064, 0xff9b, 1, ..]);
            let site_local = segments[0] & 0xffc0 == 0xfec0;
            a.is_loopback()
                || tunnelled
                || site_local
                || a.is_unspecified()
                || a.is_unicast_link_local()
                || a.is_unique_local()
                || a.is_multicast()
                || embedded_v4(a).is_some_and(|v4| is_special(IpAddr::V4(v4)))
        }
    }
}

/// The IPv4 address inside an address of NAT64 (RFC 6052) or 6to4 (RFC 3056), which a gateway would unpack, or in an
/// "IPv4-compatible" one (RFC 4291), which an old stack would.
fn embedded_v4(address: std::net::Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    match address.segments() {
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] | [0, 0, 0, 0, 0, 0, high, low] => {
            let bits = (u32::from(high) << 16) | u32::from(low);
            Some(std::net::Ipv4Addr::from_bits(bits))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
