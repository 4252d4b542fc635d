//! The messages.

use crate::VIEWS_SINCE;
use crate::limits::{
    END_ITEMS_MAX, EXCLUDED_MAX, FILTER_BYTES_MAX, INTERFACE_NAME_BYTES_MAX, INTERFACES_MAX, ORDERS_MAX, TEXT_BYTES_MAX,
};
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A message that says more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message says more than it may: {0}")]
pub struct Unsound(pub &'static str);

/// What goes in a frame.
pub trait Message: Serialize + DeserializeOwned {
    /// Whether an end that does not know it may go on without.
    fn may_be_left_unread(&self) -> bool;

    /// Whether it keeps to its limits.
    ///
    /// # Errors
    /// Which it does not.
    fn check(&self) -> Result<(), Unsound>;
}

/// Which work of which capture. A generation that is lower than one before is late and means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderId {
    /// The id of the capture.
    pub capture: [u8; 16],
    /// Counts the times that it was begun there.
    pub generation: u32,
}

/// What an agent says first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The highest version of the protocol that it speaks.
    pub protocol: u16,
    /// The release of the program, for people.
    pub release: String,
    /// Drawn when the program starts. What it holds of the one before is in `held` all the same.
    pub boot: [u8; 16],
    /// Where it may capture.
    pub interfaces: Vec<Interface>,
    /// What it is at.
    pub held: Vec<OrderId>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name there.
    pub name: String,
    /// The type of its link, as capture files number them.
    pub link: u16,
    /// Whether it is up.
    pub is_up: bool,
}

/// What was caught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets that the kernel dropped.
    pub dropped: u64,
}

/// How an agent is; every few seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// What each of its orders has caught.
    pub orders: Vec<(OrderId, Counts)>,
    /// Free space for what waits to be sent, in bytes.
    pub free_bytes: u64,
}

/// The end of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// All that was caught.
    pub counts: Counts,
    /// Parts that the file has.
    pub parts: u32,
    /// What went wrong, if the end came early by itself.
    pub trouble: Option<String>,
    /// What the file lacks though the end came as it was asked for.
    pub missing: Option<String>,
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToServer {
    /// First, and once.
    Hello(Hello),
    /// The answer to a ping, in nanoseconds since 1970: when it was sent (the server's clock), came in and was answered (the
    /// agent's).
    Pong {
        /// As in the ping.
        t1: i64,
        /// When it came in.
        t2: i64,
        /// When this was sent.
        t3: i64,
    },
    /// How it is.
    Beat(Beat),
    /// It will not, or cannot; also the answer to an order that it does not know.
    Refused {
        /// What was asked for.
        order: OrderId,
        /// Why, for who asked for the capture.
        why: String,
    },
    /// Packets are being taken.
    Began {
        /// Which order.
        order: OrderId,
        /// From how many interfaces.
        interfaces: u16,
    },
    /// No more packets are taken; parts may still be to come.
    Ended(OrderId, Ended),
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// The answer to the greeting.
    Welcome {
        /// The version of the protocol that is spoken from here on.
        protocol: u16,
    },
    /// Asks for the time there.
    Ping {
        /// When it was sent, by the server's clock, in nanoseconds since 1970.
        t1: i64,
    },
    /// To capture. Again for what runs or has ended: the answer is that of before.
    Begin(OrderId, Begin),
    /// To end a capture; what was caught is still delivered.
    Stop(OrderId),
    /// Nothing of it is wanted any more.
    Forget(OrderId),
    /// The certificate is to be renewed now.
    Renew,
    /// The connection ends; to come back or not is said by why.
    Bye {
        /// For people.
        why: String,
        /// Whether to come back.
        come_back: bool,
    },
    /// As `Begin`, and addresses become others. Since protocol 2: who speaks an older one is not asked.
    BeginMasked(OrderId, Begin, AddressKey),
    /// As `Begin`, for somebody who watches: no part is made, and what is caught is sent as it comes, as view 0. It is over when that
    /// cannot be sent any more. Since protocol 2.
    BeginLive(OrderId, Begin, Live),
    /// To send what a capture catches from now on as a view of this number, until it is over. Since protocol 2.
    Show(OrderId, u32),
}

/// What is said besides of a capture for somebody who watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Under which key addresses become others, unless they stay.
    pub address_key: Option<AddressKey>,
    /// On which interfaces, if not on all.
    pub interfaces: Vec<String>,
}

/// What is ordered, in whichever message says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What to capture, until when.
    pub begin: Begin,
    /// Under which key addresses become others, unless they stay.
    pub address_key: Option<AddressKey>,
    /// On which interfaces, if not on all, for somebody who watches; `None` when parts are made.
    pub live: Option<Vec<String>>,
}

impl Job {
    /// A capture in parts, of packets as they are.
    pub const fn plain(begin: Begin) -> Self {
        Self {
            begin,
            address_key: None,
            live: None,
        }
    }

    /// The lowest version of the protocol that has words for it.
    pub const fn protocol(&self) -> u16 {
        if self.address_key.is_some() || self.live.is_some() {
            VIEWS_SINCE
        } else {
            1
        }
    }

    /// The message that asks for it.
    pub fn asked(&self, id: OrderId) -> ToAgent {
        let begin = self.begin.clone();
        match (&self.live, &self.address_key) {
            (Some(interfaces), key) => {
                let live = Live {
                    address_key: key.clone(),
                    interfaces: interfaces.clone(),
                };
                ToAgent::BeginLive(id, begin, live)
            }
            (None, Some(key)) => ToAgent::BeginMasked(id, begin, key.clone()),
            (None, None) => ToAgent::Begin(id, begin),
        }
    }
}

/// The key under which addresses become others. It is on no disk of an agent, and never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressKey(pub [u8; 32]);

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(..)")
    }
}

/// What to capture, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The name of the site, for the file.
    pub site: String,
    /// Which packets. As source: whoever captures compiles it itself, and adds what it never gives.
    pub filter: OrderFilter,
    /// Which never: the upload's own, as far as it is the server's.
    pub exclude: Vec<Tuple>,
    /// Time from the start, in milliseconds.
    pub time_ms: u64,
    /// Packets.
    pub packets: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Written as what.
    pub format: FileFormat,
    /// Most bytes of a packet.
    pub snaplen: Option<u32>,
    /// Bytes of a part; each is that long or longer, but the last.
    pub part_bytes: u64,
    /// What of packets is not kept.
    pub mask: Mask,
}

/// What of packets is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// Nothing behind the headers.
    pub headers_only: bool,
    /// No payload; zeros in its place.
    pub zero_payload: bool,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileFormat {
    /// Classic pcap.
    Pcap,
    /// pcapng.
    PcapNg,
}

/// A filter as its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderFilter {
    /// Every packet.
    All,
    /// A tcpdump expression.
    Expression(String),
    /// A five-tuple.
    Tuple(Tuple),
    /// A text in the Rules language.
    Rules(String),
}

/// A five-tuple.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuple {
    /// Where packets come from.
    pub source: TupleEnd,
    /// Where they go to.
    pub destination: TupleEnd,
    /// IP protocol.
    pub protocol: Option<u8>,
    /// Whether the other direction matches too.
    pub bidirectional: bool,
}

/// One end of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TupleEnd {
    /// Blocks of addresses.
    pub addresses: Vec<Addresses>,
    /// Ranges of ports.
    pub ports: Vec<PortRange>,
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addresses {
    /// Of IPv4, with the length of the prefix.
    V4([u8; 4], u8),
    /// Of IPv6.
    V6([u8; 16], u8),
}

/// A range of ports, both of which are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Addresses {
    /// Of a network.
    pub fn of(network: IpNet) -> Self {
        match network {
            IpNet::V4(v4) => Self::V4(v4.addr().octets(), v4.prefix_len()),
            IpNet::V6(v6) => Self::V6(v6.addr().octets(), v6.prefix_len()),
        }
    }

    /// The network; `None` when its prefix is longer than its address.
    pub fn network(self) -> Option<IpNet> {
        match self {
            Self::V4(address, prefix) => IpNet::new(address.into(), prefix).ok(),
            Self::V6(address, prefix) => IpNet::new(address.into(), prefix).ok(),
        }
    }
}

impl Message for ToServer {
    fn may_be_left_unread(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), Unsound> {
        match self {
            Self::Hello(hello) => {
                text(&hello.release)?;
                at_most(hello.interfaces.len(), INTERFACES_MAX, "interfaces")?;
                at_most(hello.held.len(), ORDERS_MAX, "captures")?;
                hello.interfaces.iter().try_for_each(|interface| name(&interface.name))
            }
            Self::Beat(beat) => at_most(beat.orders.len(), ORDERS_MAX, "captures"),
            Self::Refused { why, .. } => text(why),
            Self::Ended(_, ended) => {
                let texts = [&ended.trouble, &ended.missing];
                texts.into_iter().flatten().try_for_each(|words| text(words))
            }
            Self::Pong { .. } | Self::Began { .. } => Ok(()),
        }
    }
}

impl Message for ToAgent {
    fn may_be_left_unread(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), Unsound> {
        match self {
            Self::Begin(_, begin) | Self::BeginMasked(_, begin, _) => begin.check(),
            Self::BeginLive(_, begin, live) => {
                at_most(live.interfaces.len(), INTERFACES_MAX, "interfaces")?;
                live.interfaces.iter().try_for_each(|interface| name(interface))?;
                begin.check()
            }
            Self::Bye { why, .. } => text(why),
            Self::Welcome { .. }
            | Self::Ping { .. }
            | Self::Stop(_)
            | Self::Forget(_)
            | Self::Renew
            | Self::Show(..) => Ok(()),
        }
    }
}

impl Begin {
    fn check(&self) -> Result<(), Unsound> {
        text(&self.site)?;
        match &self.filter {
            OrderFilter::All => {}
            OrderFilter::Expression(source) | OrderFilter::Rules(source) => {
                at_most(source.len(), FILTER_BYTES_MAX, "bytes of a filter")?;
            }
            OrderFilter::Tuple(tuple) => tuple.check()?,
        }
        at_most(self.exclude.len(), EXCLUDED_MAX, "five-tuples")?;
        self.exclude.iter().try_for_each(Tuple::check)
    }
}

impl Tuple {
    fn check(&self) -> Result<(), Unsound> {
        for end in [&self.source, &self.destination] {
            at_most(
                end.addresses.len().max(end.ports.len()),
                END_ITEMS_MAX,
                "blocks and ranges",
            )?;
            if end.addresses.iter().any(|block| block.network().is_none()) {
                return Err(Unsound("a prefix is longer than its address"));
            }
        }
        Ok(())
    }
}

/// The name of an interface, which goes into files and messages.
fn name(name: &str) -> Result<(), Unsound> {
    if name.is_empty() || name.len() > INTERFACE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Unsound("the name of an interface"));
    }
    Ok(())
}

fn text(text: &str) -> Result<(), Unsound> {
    at_most(text.len(), TEXT_BYTES_MAX, "bytes of a text")
}

fn at_most(number: usize, most: usize, what: &'static str) -> Result<(), Unsound> {
    if number > most { Err(Unsound(what)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
