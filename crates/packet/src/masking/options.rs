//! Options of IPv4, IPv6 and TCP headers. Those that are known to hold no address stay, if they have the length that they are to
//! have; of any other the data is blanked.

use super::{Mask, part};

/// Options of IPv6: one that is a single byte, and the address of a sender who is not at home (RFC 6275, 6.3).
const PAD1: u8 = 0;
const HOME_ADDRESS: u8 = 0xC9;

/// The kind and the data of the option at `at`, and where the next one begins; `None` at the end or where none can be read.
struct Found {
    kind: u8,
    data: usize,
    next: usize,
}

/// Reads an option with a length that counts its kind and itself, as IPv4 and TCP have it.
fn option(bytes: &[u8], at: usize) -> Option<Found> {
    const END: u8 = 0;
    const NOTHING: u8 = 1;
    let kind = *bytes.get(at)?;
    match kind {
        END => None,
        NOTHING => Some(Found {
            kind,
            data: at + 1,
            next: at + 1,
        }),
        _ => {
            let next = at + usize::from(*bytes.get(at + 1)?);
            (next >= at + 2 && next <= bytes.len()).then_some(Found {
                kind,
                data: at + 2,
                next,
            })
        }
    }
}

impl Mask {
    pub(super) fn ipv4_options(&mut self, bytes: &mut [u8]) {
        const NOTHING: u8 = 1;
        const RECORD_ROUTE: u8 = 7;
        const LOOSE_ROUTE: u8 = 131;
        const STRICT_ROUTE: u8 = 137;
        const ROUTER_ALERT: u8 = 148;
        let mut at = 0;
        while let Some(found) = option(bytes, at) {
            match (found.kind, found.next - found.data) {
                (NOTHING, 0) | (ROUTER_ALERT, 2) => {}
                // A pointer, then addresses (RFC 791, 3.1).
                (RECORD_ROUTE | LOOSE_ROUTE | STRICT_ROUTE, _) => self.v4_list(part(bytes, found.data + 1, found.next)),
                _ => part(bytes, found.data, found.next).fill(0),
            }
            at = found.next;
        }
        part(bytes, at, usize::MAX).fill(0);
    }

    /// Of the options there are, that of multipath TCP has addresses, and those for signatures and cookies tell of them.
    pub(super) fn tcp_options(bytes: &mut [u8]) {
        const NOTHING: u8 = 1;
        const SEGMENT_SIZE: u8 = 2;
        const WINDOW_SCALE: u8 = 3;
        const SACK_PERMITTED: u8 = 4;
        const SACK: u8 = 5;
        const TIMESTAMPS: u8 = 8;
        const USER_TIMEOUT: u8 = 28;
        let mut at = 0;
        while let Some(found) = option(bytes, at) {
            match (found.kind, found.next - found.data) {
                (NOTHING | SACK_PERMITTED, 0)
                | (WINDOW_SCALE, 1)
                | (SEGMENT_SIZE | USER_TIMEOUT, 2)
                | (TIMESTAMPS, 8)
                | (SACK, 8 | 16 | 24 | 32) => {}
                _ => part(bytes, found.data, found.next).fill(0),
            }
            at = found.next;
        }
        part(bytes, at, usize::MAX).fill(0);
    }

    /// Options of a hop-by-hop or destination header: a length counts the data alone (RFC 8200, 4.2).
    pub(super) fn ipv6_options(&mut self, bytes: &mut [u8]) {
        const ENCAPSULATION_LIMIT: u8 = 4;
        const ROUTER_ALERT: u8 = 5;
        let mut at = 0;
        while let Some(kind) = bytes.get(at).copied() {
            if kind == PAD1 {
                at += 1;
                continue;
            }
            let next = bytes.get(at + 1).map(|length| at + 2 + usize::from(*length));
            let Some(next) = next.filter(|next| *next <= bytes.len()) else {
                break;
            };
            let data = part(bytes, at + 2, next);
            match (kind, data.len()) {
                (ENCAPSULATION_LIMIT, 1) | (ROUTER_ALERT, 2) => {}
                (HOME_ADDRESS, _) => self.v6(data),
                _ => data.fill(0),
            }
            at = next;
        }
        part(bytes, at, usize::MAX).fill(0);
    }
}

/// Where the home address is among the options of a destination header.
pub(super) fn home_address(options: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let kind = *options.get(at)?;
        if kind == PAD1 {
            at += 1;
            continue;
        }
        let length = usize::from(*options.get(at + 1)?);
        options.get(at + 2..at + 2 + length)?;
        if kind == HOME_ADDRESS && length == 16 {
            return Some(at + 2);
        }
        at += 2 + length;
    }
}
