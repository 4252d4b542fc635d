//! Rules: what they are, and how their parts are written.

use crate::limits::{RULE_NOTES_BYTES_MAX, RULE_REGIONS_MAX, RULE_TTL_DAYS_MAX};
use baleen_types::{Invalid, RegionName, Timestamp};
use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::IpAddr;

/// A rule of a whitelist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// From where requests may come.
    pub subnet: Subnet,
    /// Where it holds; empty: everywhere.
    pub regions: Vec<RegionName>,
    /// What the customer or, later, the reseller has to say about it.
    pub notes: String,
    /// How many days it is in force from its approval on; `None` is without end.
    pub ttl_days: Option<u32>,
    /// When it ends, or has ended, since it was approved; `None` is without end, or not approved.
    pub until: Option<Timestamp>,
    /// Where it stands.
    pub state: RuleState,
    /// When it was asked for.
    pub inserted: Timestamp,
    /// When its state changed last.
    pub updated: Timestamp,
}

impl Rule {
    /// Tells whether it is one of a region, in force or not.
    pub fn is_of(&self, region: &RegionName) -> bool {
        is_among(&self.regions, region)
    }
}

/// Tells whether a region is among those of a rule.
pub(super) fn is_among(regions: &[RegionName], region: &RegionName) -> bool {
    regions.is_empty() || regions.contains(region)
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// It was asked for and says nothing yet.
    Pending,
    /// It is in force.
    Active,
    /// The reseller has refused it.
    Rejected,
    /// It was in force and has come to its end.
    Suspended,
}

impl RuleState {
    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Rejected => "Rejected",
            Self::Suspended => "Suspended",
        }
    }
}

/// A rule to be asked for.
#[derive(Clone, Debug)]
pub struct NewRule {
    pub(crate) subnet: Subnet,
    pub(crate) regions: Vec<RegionName>,
    pub(crate) notes: String,
    pub(crate) ttl_days: Option<u32>,
}

impl NewRule {
    /// Checks the limits; whether the store has the regions is looked at when the rule is added.
    ///
    /// # Errors
    /// `Invalid` for notes, days or regions out of their limits.
    pub fn new(
        subnet: Subnet,
        regions: Vec<RegionName>,
        notes: String,
        ttl_days: Option<u32>,
    ) -> Result<Self, Invalid> {
        check_notes(&notes)?;
        if regions.len() > RULE_REGIONS_MAX {
            let why = format!("at most {RULE_REGIONS_MAX} are allowed");
            return Err(Invalid::new("regions", why));
        }
        if ttl_days.is_some_and(|days| !(1..=RULE_TTL_DAYS_MAX).contains(&days)) {
            let why = format!("1 to {RULE_TTL_DAYS_MAX} days are expected, or none for a rule without end");
            return Err(Invalid::new("ttl", why));
        }
        Ok(Self {
            subnet,
            regions,
            notes,
            ttl_days,
        })
    }
}

pub(super) fn check_notes(notes: &str) -> Result<(), Invalid> {
    if notes.len() <= RULE_NOTES_BYTES_MAX {
        return Ok(());
    }
    let why = format!("{} bytes are more than {RULE_NOTES_BYTES_MAX}", notes.len());
    Err(Invalid::new("notes", why))
}

/// The id of a rule: a UUID (seed 004, "RSWhitelistAddRule").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId([u8; 16]);

impl RuleId {
    /// Makes a UUID of version 4 from random bytes.
    pub const fn from_entropy(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        Self(bytes)
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the form with hyphens, in either case.
    ///
    /// ```
    /// use baleen_tenancy::RuleId;
    /// let text = "c205e1b6-8891-11ea-968c-14cc2006610b";
    /// assert_eq!(RuleId::parse(text).unwrap().to_string(), text);
    /// assert!(RuleId::parse("c205e1b6889111ea968c14cc2006610b").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const HYPHENS: [usize; 4] = [8, 13, 18, 23];
        let refused = || {
            Invalid::new(
                "rule id",
                "a UUID such as c205e1b6-8891-11ea-968c-14cc2006610b is expected",
            )
        };
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return Err(refused());
        }
        let mut digits = Vec::with_capacity(32);
        for (at, byte) in bytes.iter().enumerate() {
            match (HYPHENS.contains(&at), *byte) {
                (true, b'-') => {}
                (false, byte) if byte.is_ascii_hexdigit() => digits.push(byte),
                _ => return Err(refused()),
            }
        }
        let mut id = [0; 16];
        hex::decode_to_slice(&digits, &mut id).map_err(|_| refused())?;
        Ok(Self(id))
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = hex::encode(self.0);
        let part = |from, to| &hex[from..to];
        write!(
            f,
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleId({self})")
    }
}

/// A network of IPv4 or IPv6 addresses. One of mapped addresses (`::ffff:0:0/96`) is kept as the IPv4 network that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet(IpNet);

impl Subnet {
    /// Reads `address/prefix`, or one address. Bits behind the prefix are refused: `10.1.2.3/8` may have been meant as one
    /// address, and would open sixteen million.
    ///
    /// ```
    /// use baleen_tenancy::Subnet;
    /// assert_eq!(Subnet::parse("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
    /// assert!(Subnet::parse("192.0.2.7/24").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let what = "subnet";
        // The standard library's addresses, not ipnet's: that takes `010.0.0.0`, which other tools read as octal.
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let read = || {
            let address: IpAddr = address.parse().ok()?;
            match prefix {
                None => Some(IpNet::from(address)),
                Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                    IpNet::new(address, digits.parse().ok()?).ok()
                }
                Some(_) => None,
            }
        };
        let net = read().ok_or_else(|| {
            let why = "a network such as 192.0.2.0/24 or 2001:db8::/32, or one address, is expected";
            Invalid::new(what, why)
        })?;
        if net.addr() != net.network() {
            let why = format!(
                "bits are set behind the prefix; {} or {} is expected",
                net.trunc(),
                net.addr()
            );
            return Err(Invalid::new(what, why));
        }
        Ok(Self(match net {
            IpNet::V6(v6) => match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
                (Some(v4), Some(prefix)) => Ipv4Net::new(v4, prefix).map_or(net, IpNet::V4),
                _ => net,
            },
            IpNet::V4(_) => net,
        }))
    }

    /// Tells whether an address lies in it; a mapped one (`::ffff:192.0.2.7`) is the IPv4 address that it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
