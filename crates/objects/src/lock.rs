//! Object lock: what keeps a version from being removed, and who may loosen it. Pure: the time is an argument.
//!
//! A version is protected by a legal hold, without end, and by a retention, until its date. Whether it is protected is
//! decided in the commit that would remove it, see `service/step.rs`. The reasons are in
//! `docs/decisions/0013-what-object-lock-holds.md`.

use crate::ObjectError;
use crate::limits::{RETENTION_DAYS_MAX, RETENTION_YEARS_MAX};
use baleen_types::Timestamp;
use std::time::Duration;

/// How a bucket locks what is written to it. A bucket that has it has it for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectLock {
    /// The retention of a version that comes without one.
    pub default_retention: Option<DefaultRetention>,
}

/// How long, and how strictly, a version is kept that says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultRetention {
    mode: RetentionMode,
    period: RetentionPeriod,
}

/// A time to keep versions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionPeriod {
    /// So many times 24 hours.
    Days(u32),
    /// So many years of the calendar. From the 29th of February to a year without one: to the 1st of March.
    Years(u32),
}

/// How strictly a version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionMode {
    /// Who has the right to bypass it may end it early.
    Governance,
    /// Nobody may, by no way.
    Compliance,
}

/// Until when a version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How strictly.
    pub mode: RetentionMode,
    /// The first moment at which it may be removed.
    pub until: Timestamp,
}

/// A lock without date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegalHold {
    /// It holds, also a version whose retention is over.
    On,
    /// It was taken away.
    Off,
}

/// What is said of a version. A version of which nothing was said is not protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Its retention, which may be over.
    pub retention: Option<Retention>,
    /// Its legal hold, if it ever had one.
    pub legal_hold: Option<LegalHold>,
}

/// Whether retentions of the mode governance count for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Governance {
    /// They do.
    #[default]
    Holds,
    /// Who asks wants to bypass them, and may.
    Bypassed,
}

impl DefaultRetention {
    /// A default (AWS, "Object Lock considerations": at most 100 years).
    ///
    /// ```
    /// use baleen_objects::{DefaultRetention, RetentionMode, RetentionPeriod};
    /// assert!(DefaultRetention::new(RetentionMode::Governance, RetentionPeriod::Days(1)).is_ok());
    /// assert!(DefaultRetention::new(RetentionMode::Governance, RetentionPeriod::Days(0)).is_err());
    /// ```
    ///
    /// # Errors
    /// [`ObjectError::BadRetentionPeriod`].
    pub fn new(mode: RetentionMode, period: RetentionPeriod) -> Result<Self, ObjectError> {
        let fits = match period {
            RetentionPeriod::Days(days) => (1..=RETENTION_DAYS_MAX).contains(&days),
            RetentionPeriod::Years(years) => (1..=RETENTION_YEARS_MAX).contains(&years),
        };
        if fits {
            Ok(Self { mode, period })
        } else {
            Err(ObjectError::BadRetentionPeriod)
        }
    }

    /// How strictly.
    pub const fn mode(&self) -> RetentionMode {
        self.mode
    }

    /// How long.
    pub const fn period(&self) -> RetentionPeriod {
        self.period
    }

    /// The retention of a version that is made at `made`.
    pub(crate) fn of_version(self, made: Timestamp) -> Retention {
        let until = match self.period {
            RetentionPeriod::Days(days) => made.plus(DAY * days),
            RetentionPeriod::Years(years) => years_after(made, years),
        };
        Retention::new(self.mode, until)
    }
}

const DAY: Duration = Duration::from_hours(24);

fn years_after(at: Timestamp, years: u32) -> Timestamp {
    let in_year = |at: Timestamp| {
        let at = at.to_datetime();
        let year = at.year().saturating_add(i32::try_from(years).unwrap_or(i32::MAX));
        at.replace_year(year).ok()
    };
    // Only the 29th of February is not there in every year.
    let then = in_year(at).or_else(|| in_year(at.plus(DAY)));
    then.map_or(Timestamp::from_nanos(i64::MAX), Timestamp::from_datetime)
}

impl Retention {
    /// A retention to the end of the millisecond: its end is told in milliseconds, and who gives back what was told must not
    /// shorten it.
    #[must_use]
    pub const fn new(mode: RetentionMode, until: Timestamp) -> Self {
        const MILLI_NS: i64 = 1_000_000;
        let over = until.as_nanos().rem_euclid(MILLI_NS);
        let up = if over == 0 { 0 } else { MILLI_NS - over };
        Self {
            mode,
            until: Timestamp::from_nanos(until.as_nanos().saturating_add(up)),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    /// Whether it keeps who asks so from removing the version.
    fn holds(&self, now: Timestamp, governance: Governance) -> bool {
        let bypassed = self.mode == RetentionMode::Governance && governance == Governance::Bypassed;
        !self.is_over(now) && !bypassed
    }

    /// Whether this keeps less than `old` does. To change the mode of a retention, also to the stricter one, is to take back
    /// what was said (AWS asks for the bypass for it).
    fn loosens(&self, old: &Self) -> bool {
        self.until < old.until || self.mode != old.mode
    }
}

impl Lock {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the version may not be removed.
    pub(crate) fn protects(&self, now: Timestamp, governance: Governance) -> bool {
        self.legal_hold == Some(LegalHold::On)
            || self.retention.is_some_and(|retention| retention.holds(now, governance))
    }

    /// Checks what a request asks for a version that is to be.
    pub(crate) fn check_new(&self, now: Timestamp) -> Result<(), ObjectError> {
        self.retention.map_or(Ok(()), |retention| check_future(&retention, now))
    }

    /// Replaces the retention; `None` takes it away.
    ///
    /// # Errors
    /// [`ObjectError::RetainUntilPast`]; [`ObjectError::Locked`] if there is one that is not over, the new one keeps less, and
    /// who asks may not loosen it.
    pub(crate) fn retain(
        &mut self,
        new: Option<Retention>,
        now: Timestamp,
        governance: Governance,
    ) -> Result<(), ObjectError> {
        if let Some(new) = &new {
            check_future(new, now)?;
        }
        if let Some(old) = self.retention
            && old.holds(now, governance)
            && new.is_none_or(|new| new.loosens(&old))
        {
            return Err(ObjectError::Locked);
        }
        self.retention = new;
        Ok(())
    }
}

fn check_future(retention: &Retention, now: Timestamp) -> Result<(), ObjectError> {
    if retention.is_over(now) {
        Err(ObjectError::RetainUntilPast)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
