//! Capture sources: the kernel's packet ring (AF_PACKET, TPACKET_V3). The only crate with unsafe code.
