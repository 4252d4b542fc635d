//! The interface on which traffic leaves by default.

use crate::error::Error;
use crate::interface::{Interface, find_interface};
use std::fs;

/// Finds the interface of the default route with the lowest metric: of IPv4, or else of IPv6.
///
/// # Errors
/// `NotFound` when there is none.
pub fn default_interface() -> Result<Interface, Error> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let name = default_ipv4(&read("/proc/thread-self/net/route"))
        .or_else(|| default_ipv6(&read("/proc/thread-self/net/ipv6_route")))
        .ok_or(Error::NoDefaultRoute)?;
    find_interface(&name)
}

const ROUTE_UP: u32 = 0x0001;
const ROUTE_REJECT: u32 = 0x0200;

/// Source: Linux `net/ipv4/fib_trie.c`: name, destination, gateway, flags, reference count, use, metric, mask, ..
fn default_ipv4(text: &str) -> Option<String> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let flags = u32::from_str_radix(columns.get(3)?, 16).ok()?;
            let metric: u32 = columns.get(6)?.parse().ok()?;
            let is_default = *columns.get(1)? == "00000000" && *columns.get(7)? == "00000000";
            (is_default && flags & ROUTE_UP != 0 && flags & ROUTE_REJECT == 0).then(|| (metric, columns[0].to_owned()))
        })
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, name)| name)
}

/// Source: Linux `net/ipv6/route.c`, `rt6_info_route`: destination, prefix length, source, its length, next hop, metric,
/// reference count, use, flags, name; all but the name in hexadecimal.
fn default_ipv6(text: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let flags = u32::from_str_radix(columns.get(8)?, 16).ok()?;
            let metric = u32::from_str_radix(columns.get(5)?, 16).ok()?;
            let name = *columns.get(9)?;
            let is_default = columns[0].bytes().all(|b| b == b'0') && columns[1] == "00";
            (is_default && flags & ROUTE_UP != 0 && flags & ROUTE_REJECT == 0 && name != "lo")
                .then(|| (metric, name.to_owned()))
        })
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_metric_wins() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let rows = "wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                    eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                    dead\t00000000\t0101A8C0\t0200\t0\t0\t1\t00000000\t0\t0\t0\n\
                    eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(default_ipv4(&format!("{head}{rows}")).as_deref(), Some("eth0"));
        assert_eq!(default_ipv4(head), None);
        for broken in ["", "x", "a\nb", "Iface\neth0\t00000000\n"] {
            assert_eq!(default_ipv4(broken), None);
        }
    }

    #[test]
    fn ipv6_ignores_the_reject_route_of_loopback() {
        let zeros = "0".repeat(32);
        let hop = "fe800000000000000000000000000001";
        let text = format!(
            "{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n\
             fe800000000000000000000000000000 40 {zeros} 00 {zeros} 00000100 00000001 00000000 00000001     eth1\n\
             {zeros} 00 {zeros} 00 {hop} 00000400 00000001 00000000 00000003     eth0\n"
        );
        assert_eq!(default_ipv6(&text).as_deref(), Some("eth0"));
        assert_eq!(default_ipv6("0 0 0"), None);
    }
}
