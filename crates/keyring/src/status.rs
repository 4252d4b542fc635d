//! How things are with the master keys, for people and for other processes.

use crate::State;
use baleen_sealing::KeyNumber;
use baleen_types::Timestamp;

/// How things are with the master keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The key that seals.
    pub newest: u16,
    /// The keys in the file, the newest last.
    pub held: Vec<u16>,
    /// Those that something may be sealed under. Keys that are held and not needed may be taken away.
    pub needed: Vec<u16>,
    /// Before then no pass can find that older keys are not needed; `None` when it is not a question of time.
    pub until: Option<Timestamp>,
    /// Whether a whole pass has been made since the newest key was taken up.
    pub is_passed: bool,
    /// What the last rotation has sealed anew so far.
    pub sealed: Tally,
}

/// What passes have found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By kind, in the order of the registry.
    pub kinds: Vec<KindTally>,
}

/// What passes have found and done of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindTally {
    /// The kind.
    pub name: &'static str,
    /// Records that were looked at.
    pub records: u64,
    /// Secrets that were sealed anew.
    pub resealed: u64,
    /// Records of which something does not open, under any key. The log names them.
    pub unopened: u64,
    /// Records that others kept changing; the next pass sees to them.
    pub left: u64,
}

impl Tally {
    /// Secrets that were sealed anew.
    pub fn resealed(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.resealed).sum()
    }

    /// Records of which something does not open.
    pub fn unopened(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.unopened).sum()
    }

    /// Whether nothing is sealed under an older key.
    pub(crate) fn is_clean(&self) -> bool {
        self.kinds
            .iter()
            .all(|kind| (kind.resealed, kind.unopened, kind.left) == (0, 0, 0))
    }

    /// Whether another pass right away would find the same.
    pub(crate) fn is_stuck(&self) -> bool {
        self.kinds.iter().any(|kind| (kind.unopened, kind.left) != (0, 0))
    }

    /// What both found: the sum of what was done, and the newer count of what there is.
    pub(crate) fn then(&self, newer: &Self) -> Self {
        let mut sum = newer.clone();
        for kind in &mut sum.kinds {
            let before = self.kinds.iter().find(|older| older.name == kind.name);
            kind.resealed += before.map_or(0, |older| older.resealed);
        }
        sum
    }
}

impl Status {
    pub(crate) fn of(state: &State) -> Self {
        let is_waiting = state.needed.numbers.len() > 1;
        let under_way = state.under_way.filter(|_| is_waiting);
        Self {
            is_passed: state.is_passed || !is_waiting,
            until: under_way.map(|under_way| under_way.until_time),
            newest: state.ring.newest().get(),
            held: state.ring.numbers().map(KeyNumber::get).collect(),
            needed: state.needed.numbers.iter().map(|number| number.get()).collect(),
            ..Self::default()
        }
    }
}
