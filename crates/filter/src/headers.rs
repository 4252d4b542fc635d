//! Numbers in headers, for the programs that are made by hand.

pub(crate) const ETHERTYPE_IPV4: u32 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u32 = 0x86dd;
/// 802.1Q, 802.1ad, and the older number for a second tag: those that libpcap takes for a VLAN.
pub(crate) const TAG_PROTOCOLS: [u32; 3] = [0x8100, 0x88a8, 0x9100];

// IPv6 extension headers (RFC 8200 section 4, and the IANA registry "IPv6 Extension Header Types").
const HOP_BY_HOP: u32 = 0;
const ROUTING: u32 = 43;
pub(crate) const FRAGMENT: u32 = 44;
pub(crate) const AUTHENTICATION: u32 = 51;
const DESTINATION_OPTIONS: u32 = 60;
const MOBILITY: u32 = 135;
const HIP: u32 = 139;
const SHIM6: u32 = 140;
pub(crate) const EXTENSIONS: [u32; 8] = [
    HOP_BY_HOP,
    ROUTING,
    FRAGMENT,
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    MOBILITY,
    HIP,
    SHIM6,
];
