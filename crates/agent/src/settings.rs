//! What the owner of this host allows and wants. No message of a server changes any of it.

use crate::connection::ServerAddress;
use crate::limits::{PART_BYTES, WORK_BYTES};
use baleen_filter::Filter;
use baleen_types::{Invalid, Timestamp};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of an agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the server takes agents.
    pub server: ServerAddress,
    /// What the agent is called, for people.
    pub name: String,
    /// Where the identity is, and what waits to be sent.
    pub folder: PathBuf,
    /// Most bytes of what waits to be sent.
    pub spool_bytes: u64,
    /// What may be captured.
    pub allowed: Allowed,
    /// Bytes of the ring of each interface.
    pub ring: baleen_ring::Settings,
    /// Most bytes of memory of all captures together.
    pub memory_bytes: u64,
}

/// What may be captured here, whatever is ordered.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// On which interfaces; `any` is all of them, and without one it is that of the default route.
    pub interfaces: Vec<String>,
    /// Whether packets for other machines are seen.
    pub promiscuous: bool,
    /// Packets that are never given.
    pub never: Vec<Filter>,
    /// Most bytes of a packet.
    pub snaplen_max: u32,
    /// Captures at once.
    pub captures_max: usize,
    /// The longest capture.
    pub time_max: Option<Duration>,
    /// Packets a second; a capture of more ends.
    pub packets_per_second_max: Option<u64>,
    /// When, if not always.
    pub hours: Option<Hours>,
}

/// Hours of the day, in UTC: from one minute on and before another, which may be that of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    until: u32,
}

const MINUTES_OF_A_DAY: u32 = 24 * 60;

impl Hours {
    /// Reads `22:00-06:00`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let is_plain =
                hour.len() == 2 && minute.len() == 2 && text.bytes().all(|b| b.is_ascii_digit() || b == b':');
            let minute: u32 = minute.parse().ok().filter(|minute| *minute < 60 && is_plain)?;
            let hour: u32 = hour.parse().ok()?;
            Some(hour * 60 + minute).filter(|minute| *minute <= MINUTES_OF_A_DAY)
        };
        let read = || {
            let (from, until) = text.split_once('-')?;
            Some(Self {
                from: minute(from)? % MINUTES_OF_A_DAY,
                until: minute(until)?,
            })
        };
        let read = read().filter(|hours| hours.from != hours.until % MINUTES_OF_A_DAY);
        read.ok_or_else(|| Invalid::new("hours", "two times of the day in UTC are expected, such as 22:00-06:00"))
    }

    /// Whether a time is within.
    pub fn contain(self, now: Timestamp) -> bool {
        let minutes = now
            .as_nanos()
            .div_euclid(60_000_000_000)
            .rem_euclid(i64::from(MINUTES_OF_A_DAY));
        let minute = u32::try_from(minutes).unwrap_or_default();
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, until] = [self.from, self.until].map(|minute| (minute / 60, minute % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02} UTC", from.0, from.1, until.0, until.1)
    }
}

impl Allowed {
    /// Whether an order may be begun now, while so many are at work, this one with them.
    ///
    /// # Errors
    /// Why not, for who asked for the capture.
    pub(crate) fn admit(&self, time: Duration, at_work: usize, now: Timestamp) -> Result<(), String> {
        if at_work > self.captures_max {
            return Err(format!(
                "the owner of the agent allows {} captures at once",
                self.captures_max
            ));
        }
        if let Some(most) = self.time_max.filter(|most| time > *most) {
            return Err(format!(
                "the owner of the agent allows captures of {} s at most; ask for a shorter time_limit",
                most.as_secs()
            ));
        }
        self.admit_now(now)
    }

    /// Whether packets may be taken at this time.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit_now(&self, now: Timestamp) -> Result<(), String> {
        match self.hours.filter(|hours| !hours.contain(now)) {
            Some(hours) => Err(format!("the owner of the agent allows captures from {hours} alone")),
            None => Ok(()),
        }
    }

    /// Whether so many packets in a second are not too many.
    ///
    /// # Errors
    /// Why they are.
    pub(crate) fn admit_rate(&self, packets: u64) -> Result<(), String> {
        match self.packets_per_second_max.filter(|most| packets > *most) {
            Some(most) => Err(format!(
                "more than {most} packets a second came, which the owner of the agent does not allow"
            )),
            None => Ok(()),
        }
    }
}

impl Settings {
    /// The folder of what waits to be sent.
    pub fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// Memory of one capture: its rings, and what is taken out of them.
    pub fn capture_bytes(&self) -> u64 {
        let rings = self.allowed.interfaces.len().max(1);
        let ring = self.ring.blocks.saturating_mul(self.ring.block_bytes);
        (rings.saturating_mul(ring) as u64).saturating_add(WORK_BYTES)
    }

    /// Whether there is memory for a capture, while so many are at work, this one with them, and so many parts are in memory alone.
    ///
    /// # Errors
    /// That there is none, for who asked for the capture.
    pub(crate) fn admit_memory(&self, at_work: usize, kept: usize) -> Result<(), String> {
        let captures = self.capture_bytes().saturating_mul(at_work as u64);
        let needed = captures.saturating_add(PART_BYTES.1.saturating_mul(kept as u64));
        if needed > self.memory_bytes {
            return Err(format!(
                "the owner of the agent allows its captures {} MiB of memory together, which they have",
                self.memory_bytes >> 20
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64, minute: u64) -> Timestamp {
        // A day in 2027.
        Timestamp::from_secs(1_800_000_000 / 86_400 * 86_400).plus(Duration::from_secs(hour * 3600 + minute * 60))
    }

    fn allowed() -> Allowed {
        Allowed {
            interfaces: Vec::new(),
            promiscuous: true,
            never: Vec::new(),
            snaplen_max: 96,
            captures_max: 2,
            time_max: Some(Duration::from_secs(60)),
            packets_per_second_max: Some(100),
            hours: Some(Hours::parse("22:00-06:00").unwrap()),
        }
    }

    #[test]
    fn hours_may_go_over_midnight() {
        for (text, within, without) in [
            ("08:00-18:30", &[(8, 0), (18, 29)][..], &[(7, 59), (18, 30), (0, 0)][..]),
            (
                "22:00-06:00",
                &[(22, 0), (23, 59), (0, 0), (5, 59)],
                &[(6, 0), (21, 59)],
            ),
            ("00:00-24:00", &[], &[]),
            ("12:00-24:00", &[(12, 0), (23, 59)], &[(0, 0), (11, 59)]),
            ("24:00-01:00", &[(0, 0), (0, 59)], &[(1, 0), (23, 59)]),
        ] {
            let Ok(hours) = Hours::parse(text) else {
                assert!(within.is_empty(), "{text}");
                continue;
            };
            for (times, is_within) in [(within, true), (without, false)] {
                for (hour, minute) in times {
                    assert_eq!(
                        hours.contain(at(*hour, *minute)),
                        is_within,
                        "{text} at {hour}:{minute}"
                    );
                }
            }
        }
        assert_eq!(Hours::parse("22:00-06:30").unwrap().to_string(), "22:00-06:30 UTC");
        for wrong in [
            "",
            "-",
            "22:00",
            "22-06",
            "25:00-06:00",
            "22:60-06:00",
            "2:00-6:00",
            "+2:00-06:00",
            "06:00-06:00",
            "24:01-06:00",
        ] {
            assert!(Hours::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn captures_have_so_much_memory_together() {
        let mut settings = Settings {
            server: ServerAddress::parse("localhost:9003").unwrap(),
            name: "a".to_owned(),
            folder: PathBuf::new(),
            spool_bytes: 0,
            allowed: allowed(),
            ring: baleen_ring::Settings::default(),
            memory_bytes: 0,
        };
        let ring = (settings.ring.blocks * settings.ring.block_bytes) as u64;
        assert_eq!(settings.capture_bytes(), ring + WORK_BYTES);
        settings.allowed.interfaces = vec!["eth0".to_owned(), "eth1".to_owned()];
        let each = 2 * ring + WORK_BYTES;
        settings.memory_bytes = 3 * each;
        for (at_work, kept, fits) in [(1, 0, true), (3, 0, true), (4, 0, false), (3, 1, false), (2, 1, true)] {
            assert_eq!(settings.admit_memory(at_work, kept).is_ok(), fits, "{at_work} {kept}");
        }
        settings.ring.blocks = usize::MAX;
        assert!(settings.admit_memory(usize::MAX, usize::MAX).is_err());
    }

    #[test]
    fn limits_of_the_owner_are_at_their_borders() {
        let allowed = allowed();
        let minute = Duration::from_secs(60);
        assert_eq!(allowed.admit(minute, 2, at(23, 0)), Ok(()));
        for (time, at_work, now, words) in [
            (minute, 3, at(23, 0), "2 captures at once"),
            (minute + Duration::from_millis(1), 2, at(23, 0), "60 s at most"),
            (minute, 2, at(6, 0), "22:00-06:00 UTC alone"),
        ] {
            let refused = allowed.admit(time, at_work, now).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
        assert!(allowed.admit_rate(100).is_ok() && allowed.admit_rate(101).is_err());
        assert!(allowed.admit_now(at(5, 59)).is_ok() && allowed.admit_now(at(6, 0)).is_err());
    }
}
