//! What a schedule waits for, as it is stored.

use super::filter::StoredFilter;
use crate::SentFilter;
use crate::schedule::When;
use crate::schedule::trigger::{Trigger, TripsOn, Unit};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a schedule waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) enum StoredWhen {
    Cron(String),
    Trigger(StoredTrigger),
}

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) struct StoredTrigger {
    on: StoredOn,
    filter: StoredFilter,
    sent_tuple: Option<String>,
    sent_bidirectional: bool,
    sent_expression: Option<String>,
    sent_rules: Option<String>,
}

/// One packet, or how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredOn {
    Packet,
    Rate {
        is_bits: bool,
        per_second: u64,
        window_ns: u64,
    },
}

impl From<&When> for StoredWhen {
    fn from(when: &When) -> Self {
        match when {
            When::Cron(cron) => Self::Cron(cron.as_str().to_owned()),
            When::Trigger(trigger) => Self::Trigger(trigger.into()),
        }
    }
}

impl From<&Trigger> for StoredTrigger {
    fn from(trigger: &Trigger) -> Self {
        let sent = &trigger.sent_filter;
        Self {
            on: match trigger.on {
                TripsOn::Packet => StoredOn::Packet,
                TripsOn::Rate {
                    unit,
                    per_second,
                    window,
                } => StoredOn::Rate {
                    is_bits: unit == Unit::Bits,
                    per_second,
                    window_ns: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX),
                },
            },
            filter: (&trigger.filter).into(),
            sent_tuple: sent.tuple.clone(),
            sent_bidirectional: sent.bidirectional,
            sent_expression: sent.expression.clone(),
            sent_rules: sent.rules.clone(),
        }
    }
}

impl StoredTrigger {
    /// The trigger; nothing if its filter is none any more.
    pub(super) fn open(&self) -> Option<Trigger> {
        Some(Trigger {
            on: match self.on {
                StoredOn::Packet => TripsOn::Packet,
                StoredOn::Rate {
                    is_bits,
                    per_second,
                    window_ns,
                } => TripsOn::Rate {
                    unit: if is_bits { Unit::Bits } else { Unit::Packets },
                    per_second,
                    window: Duration::from_nanos(window_ns),
                },
            },
            filter: self.filter.open()?,
            sent_filter: SentFilter {
                tuple: self.sent_tuple.clone(),
                bidirectional: self.sent_bidirectional,
                expression: self.sent_expression.clone(),
                rules: self.sent_rules.clone(),
            },
        })
    }
}
