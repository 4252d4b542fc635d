//! Object lock in headers, documents and the conditions of policies.

use baleen_objects::{Governance, LegalHold, Lock, Retention, RetentionMode};
use baleen_policy::{Action, Context, Key, Value};
use baleen_types::{ObjectKey, Timestamp};
use http::{HeaderMap, StatusCode};
use s3s::dto;
use std::borrow::Cow;

use crate::access::Call;
use crate::convert::single;
use crate::fault::Fault;

pub(crate) const MODE: &str = "x-amz-object-lock-mode";
pub(crate) const RETAIN_UNTIL: &str = "x-amz-object-lock-retain-until-date";
pub(crate) const LEGAL_HOLD: &str = "x-amz-object-lock-legal-hold";

/// The headers with which a write locks what it makes.
pub(crate) const HEADERS: [&str; 3] = [MODE, RETAIN_UNTIL, LEGAL_HOLD];

/// The lock that a write gives to what it makes. An empty header is none, as for the codec.
pub(crate) fn header_lock(headers: &HeaderMap) -> Result<Lock, Fault> {
    let mode = single(headers, MODE)?
        .map(|text| mode(text).ok_or_else(|| Fault::invalid_argument("Unknown wormMode directive.")))
        .transpose()?;
    let until = single(headers, RETAIN_UNTIL)?
        .map(|text| {
            Timestamp::parse_rfc3339(text)
                .map_err(|_| Fault::invalid_argument("The retain until date must be provided in ISO 8601 format."))
        })
        .transpose()?;
    let retention = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(until)) => Some(retention(mode, until)?),
        (Some(_), None) | (None, Some(_)) => {
            let message = format!("{RETAIN_UNTIL} and {MODE} must both be supplied.");
            return Err(Fault::invalid_argument(message));
        }
    };
    let hold = single(headers, LEGAL_HOLD)?
        .map(|text| {
            legal_hold(text).ok_or_else(|| Fault::invalid_argument("Legal Hold must be either of 'ON' or 'OFF'."))
        })
        .transpose()?;
    Ok(Lock {
        retention,
        legal_hold: hold,
    })
}

/// Modes are spelled in capitals only, as in AWS's schema.
pub(crate) fn mode(text: &str) -> Option<RetentionMode> {
    [RetentionMode::Governance, RetentionMode::Compliance]
        .into_iter()
        .find(|mode| mode_text(*mode) == text)
}

pub(crate) const fn mode_text(mode: RetentionMode) -> &'static str {
    match mode {
        RetentionMode::Governance => dto::ObjectLockRetentionMode::GOVERNANCE,
        RetentionMode::Compliance => dto::ObjectLockRetentionMode::COMPLIANCE,
    }
}

pub(crate) fn legal_hold(text: &str) -> Option<LegalHold> {
    [LegalHold::On, LegalHold::Off]
        .into_iter()
        .find(|hold| hold_text(*hold) == text)
}

pub(crate) const fn hold_text(hold: LegalHold) -> &'static str {
    match hold {
        LegalHold::On => dto::ObjectLockLegalHoldStatus::ON,
        LegalHold::Off => dto::ObjectLockLegalHoldStatus::OFF,
    }
}

/// A retention, if the store can hold its date.
pub(crate) fn retention(mode: RetentionMode, until: Timestamp) -> Result<Retention, Fault> {
    // A later date becomes this one when it is read; to keep for less than was asked would be worse than to refuse.
    if until >= Timestamp::from_secs(i64::MAX / 1_000_000_000) {
        return Err(Fault::invalid_argument(
            "The retain until date must be before the year 2262.",
        ));
    }
    Ok(Retention::new(mode, until))
}

/// Tells policies of a lock that a request sets (AWS, "Actions, resources, and condition keys for Amazon S3").
pub(crate) fn tell(context: &mut Context<'static>, lock: &Lock) {
    let now = context.now();
    let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
    let retention = lock.retention;
    context.set(Key::S3ObjectLockMode, retention.map(|kept| text(mode_text(kept.mode))));
    context.set(Key::S3ObjectLockRetainUntilDate, retention.map(|kept| kept.until));
    let days = retention.map(|kept| remaining_days(now, kept.until));
    context.set(Key::S3ObjectLockRemainingRetentionDays, days);
    let hold = lock.legal_hold.map(|hold| text(hold_text(hold)));
    context.set(Key::S3ObjectLockLegalHold, hold);
}

/// Days from now, to the nearest minute: who asks for 30 days is not refused for the way of the request, and who asks for an
/// hour is not taken for somebody who asks for a day.
fn remaining_days(now: Timestamp, until: Timestamp) -> String {
    const MINUTE_NS: i128 = 60_000_000_000;
    const DAY_MINUTES: i128 = 24 * 60;
    let left = i128::from(until.as_nanos()) - i128::from(now.as_nanos());
    let minutes = (left + MINUTE_NS / 2).div_euclid(MINUTE_NS).max(0);
    let fraction = minutes % DAY_MINUTES * 1_000_000_000 / DAY_MINUTES;
    format!("{}.{fraction:09}", minutes / DAY_MINUTES)
}

/// Whether retentions of the mode governance count: a bypass that is asked for by who may not is as one that is not asked for.
pub(crate) fn governance(call: &Call, is_asked: Option<bool>, key: &ObjectKey) -> Governance {
    let may = || call.decide_key(Action::S3BypassGovernanceRetention, key).is_ok();
    if is_asked == Some(true) && may() {
        Governance::Bypassed
    } else {
        Governance::Holds
    }
}

/// As much of a lock as who asks may read.
pub(crate) fn readable(call: &Call, lock: Lock) -> Result<Lock, Fault> {
    if lock.is_empty() {
        return Ok(lock);
    }
    let key = call.path()?.key;
    let may = |action| call.decide_key(action, &key).is_ok();
    Ok(Lock {
        retention: lock.retention.filter(|_| may(Action::S3GetObjectRetention)),
        legal_hold: lock.legal_hold.filter(|_| may(Action::S3GetObjectLegalHold)),
    })
}

/// In a bucket without object lock nothing can be said of a lock, which is not the same as to have said nothing.
pub(crate) fn require_locking(call: &Call) -> Result<(), Fault> {
    match &call.bucket {
        Some(bucket) if bucket.object_lock.is_some() => Ok(()),
        _ => Err(baleen_objects::ObjectError::LockMissing.into()),
    }
}

pub(crate) fn no_such_lock() -> Fault {
    Fault::new(
        "NoSuchObjectLockConfiguration",
        StatusCode::NOT_FOUND,
        "The specified object does not have an object lock configuration.",
    )
}

#[cfg(test)]
mod tests;
