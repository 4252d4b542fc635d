//! When an agent was there, and when it was not: by the clock that never goes back.
//!
//! That it was heard of and that it is there are two things. Whatever comes on a connection shows that the connection stands; there is an
//! agent that has greeted on it. One that links again and again and never greets is away all that time.

use baleen_agentwire::limits::LOST_AFTER;
use std::time::Duration;

/// When an agent was there.
pub(super) struct Presence {
    /// When something came from it, however little.
    heard: Duration,
    /// When something of a part came, of whatever order.
    part_heard: Duration,
    /// Since when it is not there, while it is not.
    away_since: Option<Duration>,
    /// How long it was not there before, as a whole.
    away: Duration,
    /// How long it may be away, as far as that was told.
    away_max: Duration,
}

impl Presence {
    /// Of an agent that has not come yet.
    pub(super) fn away_since(now: Duration) -> Self {
        Self {
            heard: Duration::ZERO,
            part_heard: Duration::ZERO,
            away_since: Some(now),
            away: Duration::ZERO,
            away_max: Duration::MAX,
        }
    }

    /// Something has come.
    pub(super) fn hear(&mut self, now: Duration) {
        self.heard = now;
    }

    /// Something of a part has come. While one makes its way over a slow line, words may wait behind it, where there is who has them.
    pub(super) fn hear_part(&mut self, now: Duration) {
        self.part_heard = now;
        if self.away_since.is_none() {
            self.heard = now;
        }
    }

    /// When something of a part came.
    pub(super) fn part_heard(&self) -> Duration {
        self.part_heard
    }

    /// How long it is until a connection is lost on which nothing comes.
    pub(super) fn until_lost(&self, now: Duration) -> Duration {
        (self.heard + LOST_AFTER).saturating_sub(now)
    }

    /// A connection has come, on which nobody has greeted.
    pub(super) fn link(&mut self, now: Duration) {
        self.leave();
        self.heard = now;
    }

    /// It has greeted.
    pub(super) fn greet(&mut self, now: Duration) {
        self.away = self.away(now);
        self.away_since = None;
    }

    /// It has no connection any more. If it was there it was so until it was last heard of.
    pub(super) fn leave(&mut self) {
        self.away_since.get_or_insert(self.heard);
    }

    /// Waits anew for one that is away.
    pub(super) fn wait_anew(&mut self, now: Duration) {
        if self.away_since.is_some() {
            self.away = self.away(now);
            self.away_since = Some(now);
        }
    }

    /// Whether it is away for longer than it may.
    pub(super) fn is_lost(&mut self, now: Duration, away_max: Duration) -> bool {
        self.away_max = away_max;
        self.away_since
            .is_some_and(|since| now.saturating_sub(since) >= away_max)
    }

    /// How long it was not there until now, as a whole. It never goes back, and it grows as long as the agent is away.
    pub(super) fn away(&self, now: Duration) -> Duration {
        let at_present = self.away_since.map(|since| now.saturating_sub(since));
        self.away + at_present.unwrap_or_default()
    }

    /// How long somebody waits in vain who began to wait when it had been away for `before`. No more of it counts than an agent may be away:
    /// one that comes for a moment each time, and says nothing of what is waited for, has an end.
    pub(super) fn excused(&self, now: Duration, before: Duration) -> Duration {
        self.away(now).saturating_sub(before).min(self.away_max)
    }
}
