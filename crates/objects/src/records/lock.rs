//! What is stored of object lock.
//!
//! A lock is part of the record of its version: it cannot be lost without the version, and a version whose record cannot be
//! read is not taken for one without a lock (peers' failure F14).

use crate::{DefaultRetention, LegalHold, Lock, ObjectError, ObjectLock, Retention, RetentionMode, RetentionPeriod};
use baleen_types::Timestamp;
use serde::{Deserialize, Serialize};

/// [`Lock`] as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockRecord {
    retention: Option<RetentionRecord>,
    /// Whether there is a legal hold; nothing if there never was one.
    legal_hold: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RetentionRecord {
    mode: ModeRecord,
    until_ns: i64,
}

/// [`RetentionMode`] as it is stored: the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ModeRecord {
    Governance,
    Compliance,
}

/// [`ObjectLock`] as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectLockRecord {
    default_retention: Option<DefaultRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DefaultRecord {
    mode: ModeRecord,
    period: PeriodRecord,
}

/// [`RetentionPeriod`] as it is stored: the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PeriodRecord {
    Days(u32),
    Years(u32),
}

mirrors!(ModeRecord, RetentionMode: Governance, Compliance);

impl From<Lock> for LockRecord {
    fn from(lock: Lock) -> Self {
        Self {
            retention: lock.retention.map(|retention| RetentionRecord {
                mode: retention.mode.into(),
                until_ns: retention.until.as_nanos(),
            }),
            legal_hold: lock.legal_hold.map(|hold| hold == LegalHold::On),
        }
    }
}

impl From<LockRecord> for Lock {
    fn from(record: LockRecord) -> Self {
        Self {
            retention: record.retention.map(|retention| Retention {
                mode: retention.mode.into(),
                until: Timestamp::from_nanos(retention.until_ns),
            }),
            legal_hold: record
                .legal_hold
                .map(|is_on| if is_on { LegalHold::On } else { LegalHold::Off }),
        }
    }
}

impl From<ObjectLock> for ObjectLockRecord {
    fn from(lock: ObjectLock) -> Self {
        Self {
            default_retention: lock.default_retention.map(|default| DefaultRecord {
                mode: default.mode().into(),
                period: match default.period() {
                    RetentionPeriod::Days(days) => PeriodRecord::Days(days),
                    RetentionPeriod::Years(years) => PeriodRecord::Years(years),
                },
            }),
        }
    }
}

impl ObjectLockRecord {
    pub(crate) fn object_lock(&self) -> Result<ObjectLock, ObjectError> {
        let default = self.default_retention.map(|default| {
            let period = match default.period {
                PeriodRecord::Days(days) => RetentionPeriod::Days(days),
                PeriodRecord::Years(years) => RetentionPeriod::Years(years),
            };
            DefaultRetention::new(default.mode.into(), period).map_err(ObjectError::corrupt)
        });
        Ok(ObjectLock {
            default_retention: default.transpose()?,
        })
    }
}
