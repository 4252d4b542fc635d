//! Frames of many kinds, always the same, and expressions to judge them by. Used by tests of several crates.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests")]

/// The expressions of the differential tests, one a line.
pub fn expressions() -> Vec<&'static str> {
    include_str!("../expressions.txt")
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect()
}

/// How a frame is built; defaults are a plain IPv4 TCP segment.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// (tag protocol, tag control information), outermost first.
    pub tags: Vec<(u16, u16)>,
    pub network: Network,
    pub transport: u8,
    pub source_port: u16,
    pub destination_port: u16,
    /// TCP flags, or the ICMP type.
    pub flags: u8,
    pub payload: usize,
}

#[derive(Clone, Debug)]
pub enum Network {
    /// Last bytes of the addresses in 10.0.0.0/24, words of options, fragment field.
    V4 {
        source: u8,
        destination: u8,
        options: u8,
        fragment: u16,
    },
    /// Last bytes of the addresses in 2001:db8::/64, and extension headers in order.
    V6 {
        source: u8,
        destination: u8,
        extensions: Vec<Extension>,
    },
    /// ARP, with these last bytes.
    Arp { source: u8, destination: u8 },
    /// Any other EtherType.
    Other(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    HopByHop,
    Routing,
    Destination,
    Authentication,
    /// Offset in units of 8 bytes.
    Fragment(u16),
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            network: Network::V4 {
                source: 1,
                destination: 2,
                options: 0,
                fragment: 0,
            },
            transport: 6,
            source_port: 40_000,
            destination_port: 80,
            flags: 0x18,
            payload: 40,
        }
    }
}

impl Recipe {
    pub fn build(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for (protocol, control) in &self.tags {
            frame.extend(protocol.to_be_bytes());
            frame.extend(control.to_be_bytes());
        }
        match &self.network {
            Network::V4 {
                source,
                destination,
                options,
                fragment,
            } => {
                frame.extend([0x08, 0x00]);
                let content = self.transport_bytes(*fragment & 0x1fff != 0);
                let header = 20 + 4 * usize::from(*options);
                frame.extend([0x45 + options, 0]);
                frame.extend(u16::try_from(header + content.len()).unwrap().to_be_bytes());
                frame.extend([0, 7]);
                frame.extend(fragment.to_be_bytes());
                frame.extend([64, self.transport, 0, 0, 10, 0, 0, *source, 10, 0, 0, *destination]);
                frame.extend(vec![1; 4 * usize::from(*options)]);
                frame.extend(content);
            }
            Network::V6 {
                source,
                destination,
                extensions,
            } => {
                frame.extend([0x86, 0xdd]);
                let numbers: Vec<u8> = extensions.iter().map(|e| e.number()).chain([self.transport]).collect();
                let is_later = extensions
                    .iter()
                    .any(|e| matches!(e, Extension::Fragment(offset) if *offset != 0));
                let mut content = Vec::new();
                for (n, extension) in extensions.iter().enumerate() {
                    content.extend(extension.build(numbers[n + 1]));
                }
                content.extend(self.transport_bytes(is_later));
                frame.extend([0x60, 0, 0, 0]);
                frame.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
                frame.extend([numbers[0], 64]);
                for last in [source, destination] {
                    frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, *last]);
                }
                frame.extend(content);
            }
            Network::Arp { source, destination } => {
                frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, *source]);
                frame.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, *destination]);
            }
            Network::Other(ethertype) => {
                frame.extend(ethertype.to_be_bytes());
                frame.extend((0..=255u8).cycle().take(self.payload));
            }
        }
        // As an interface sends it: no shorter than 60 bytes.
        frame.resize(frame.len().max(60), 0);
        frame
    }

    fn transport_bytes(&self, is_later_fragment: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !is_later_fragment {
            match self.transport {
                6 => {
                    bytes.extend(self.source_port.to_be_bytes());
                    bytes.extend(self.destination_port.to_be_bytes());
                    bytes.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, self.flags, 1, 0, 0, 0, 0, 0]);
                }
                17 | 132 | 136 => {
                    bytes.extend(self.source_port.to_be_bytes());
                    bytes.extend(self.destination_port.to_be_bytes());
                    bytes.extend(u16::try_from(8 + self.payload).unwrap().to_be_bytes());
                    bytes.extend([0, 0]);
                }
                _ => bytes.extend([self.flags, 0, 0, 0, 0, 1, 0, 2]),
            }
        }
        bytes.extend((0x20u8..0x7f).cycle().take(self.payload));
        bytes
    }
}

impl Extension {
    fn number(self) -> u8 {
        match self {
            Self::HopByHop => 0,
            Self::Routing => 43,
            Self::Destination => 60,
            Self::Authentication => 51,
            Self::Fragment(_) => 44,
        }
    }

    fn build(self, next: u8) -> Vec<u8> {
        match self {
            Self::HopByHop => vec![next, 0, 1, 4, 0, 0, 0, 0],
            Self::Routing => [&[next, 2, 0, 1][..], &[0; 20]].concat(),
            Self::Destination => [&[next, 1, 1, 12][..], &[0; 12]].concat(),
            Self::Authentication => [&[next, 4, 0, 0][..], &[9; 20]].concat(),
            Self::Fragment(offset) => {
                let field = (offset << 3 | 1).to_be_bytes();
                vec![next, 0, field[0], field[1], 0, 0, 0, 5]
            }
        }
    }
}

/// Those, and frames that nobody built.
pub fn all_frames() -> Vec<Vec<u8>> {
    frames().into_iter().chain(real_frames()).collect()
}

/// Two hundred frames of real programs between two hosts, as tcpdump wrote them: how they were made is in `real.sh`.
pub fn real_frames() -> Vec<Vec<u8>> {
    let mut rest = &include_bytes!("real.pcap")[24..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (header, behind) = rest.split_at(16);
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let (frame, next) = behind.split_at(length);
        found.push(frame.to_vec());
        rest = next;
    }
    found
}

/// Some thousand frames: every kind of header in every kind of tagging, with the ports and addresses that the expressions
/// ask for and others.
pub fn frames() -> Vec<Vec<u8>> {
    let taggings: [&[(u16, u16)]; 6] = [
        &[],
        &[(0x8100, 10)],
        &[(0x8100, 0x6064)],
        &[(0x88a8, 20)],
        &[(0x88a8, 20), (0x8100, 10)],
        &[(0x8100, 10), (0x8100, 200)],
    ];
    let mut networks = vec![
        Network::Arp {
            source: 1,
            destination: 2,
        },
        Network::Arp {
            source: 9,
            destination: 1,
        },
        Network::Other(0x88b5),
        Network::Other(0x88cc),
        Network::Other(0x8847),
    ];
    for (source, destination) in [(1, 2), (2, 1), (5, 200), (77, 1)] {
        for (options, fragment) in [(0, 0), (2, 0), (0, 0x2000), (0, 0x00b9), (0, 0x4000)] {
            networks.push(Network::V4 {
                source,
                destination,
                options,
                fragment,
            });
        }
        for extensions in [
            vec![],
            vec![Extension::HopByHop],
            vec![Extension::HopByHop, Extension::Routing, Extension::Destination],
            vec![Extension::Authentication],
            vec![Extension::Fragment(0)],
            vec![Extension::HopByHop, Extension::Fragment(185)],
        ] {
            networks.push(Network::V6 {
                source,
                destination,
                extensions,
            });
        }
    }
    let transports = [
        (6u8, 40_000u16, 80u16, 0x02u8),
        (6, 443, 40_001, 0x12),
        (6, 22, 1024, 0x14),
        (17, 5353, 53, 0),
        (17, 53, 40_002, 0),
        (132, 2905, 2905, 0),
        (1, 0, 0, 8),
        (58, 0, 0, 128),
        (2, 0, 0, 0x16),
        (47, 0, 0, 0),
    ];
    let mut frames = Vec::new();
    for (t, tags) in taggings.iter().enumerate() {
        for (n, network) in networks.iter().enumerate() {
            for (m, (transport, source_port, destination_port, flags)) in transports.into_iter().enumerate() {
                // Frames without a transport header are built once.
                if matches!(network, Network::Arp { .. } | Network::Other(_)) && m > 0 {
                    continue;
                }
                let recipe = Recipe {
                    tags: tags.to_vec(),
                    network: network.clone(),
                    transport,
                    source_port,
                    destination_port,
                    flags,
                    payload: 10 + 37 * ((t + n + m) % 9),
                };
                frames.push(recipe.build());
            }
        }
    }
    frames
}
