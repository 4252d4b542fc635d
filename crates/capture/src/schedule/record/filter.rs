//! A filter as it is stored: it is compiled again for each capture.

use crate::tasks::CaptureFilter;
use baleen_filter::{End, FiveTuple, Rules};
use serde::{Deserialize, Serialize};

/// A filter as it is compiled again for each capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) enum StoredFilter {
    All,
    Tuple {
        source: StoredEnd,
        destination: StoredEnd,
        protocol: Option<u8>,
        bidirectional: bool,
    },
    Expression(String),
    Rules(String),
}

/// One end of a five-tuple.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) struct StoredEnd {
    addresses: Vec<String>,
    ports: Vec<(u16, u16)>,
}

impl From<&CaptureFilter> for StoredFilter {
    fn from(filter: &CaptureFilter) -> Self {
        match filter {
            CaptureFilter::All => Self::All,
            CaptureFilter::Tuple(tuple) => Self::Tuple {
                source: (&tuple.source).into(),
                destination: (&tuple.destination).into(),
                protocol: tuple.protocol,
                bidirectional: tuple.bidirectional,
            },
            CaptureFilter::Expression(text) => Self::Expression(text.clone()),
            CaptureFilter::Rules(rules) => Self::Rules(rules.text().to_owned()),
        }
    }
}

impl StoredFilter {
    /// The filter; nothing if it is none any more.
    pub(super) fn open(&self) -> Option<CaptureFilter> {
        Some(match self {
            Self::All => CaptureFilter::All,
            Self::Tuple {
                source,
                destination,
                protocol,
                bidirectional,
            } => CaptureFilter::Tuple(FiveTuple {
                source: source.open()?,
                destination: destination.open()?,
                protocol: *protocol,
                bidirectional: *bidirectional,
            }),
            Self::Expression(text) => CaptureFilter::Expression(text.clone()),
            Self::Rules(text) => CaptureFilter::Rules(Rules::parse(text).ok()?),
        })
    }
}

impl From<&End> for StoredEnd {
    fn from(end: &End) -> Self {
        Self {
            addresses: end.addresses.iter().map(ToString::to_string).collect(),
            ports: end.ports.iter().map(|ports| (*ports.start(), *ports.end())).collect(),
        }
    }
}

impl StoredEnd {
    fn open(&self) -> Option<End> {
        let addresses = self.addresses.iter().map(|text| text.parse().ok());
        Some(End {
            addresses: addresses.collect::<Option<_>>()?,
            ports: self.ports.iter().map(|(first, last)| *first..=*last).collect(),
        })
    }
}
