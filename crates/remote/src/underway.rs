//! What may be read on its way.

use url::{Host, Url};

/// Whether what is sent to an address can be read by others on its way: plain HTTP to another machine.
///
/// Nothing that lets in whoever has it must go there: tokens, and signatures of links.
///
/// ```
/// use baleen_remote::is_readable_underway;
/// assert!(is_readable_underway(&"http://store.example".parse().unwrap()));
/// assert!(!is_readable_underway(&"http://127.0.0.1:9000".parse().unwrap()));
/// ```
pub fn is_readable_underway(address: &Url) -> bool {
    let is_here = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    };
    address.scheme() != "https" && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_to_other_machines() {
        for (address, is_readable) in [
            ("https://store.example", false),
            ("https://10.0.0.1", false),
            ("http://localhost:9000", false),
            ("http://127.8.8.8", false),
            ("http://[::1]:9000", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://store.example", true),
            ("http://localhost.example", true),
            ("http://127.0.0.1.example", true),
            ("http://10.0.0.1", true),
            ("http://[fe80::1]", true),
            ("http://0.0.0.0", true),
        ] {
            assert_eq!(
                is_readable_underway(&address.parse().unwrap()),
                is_readable,
                "{address}"
            );
        }
    }
}
