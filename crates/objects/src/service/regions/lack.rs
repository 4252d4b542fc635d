//! What a region lacks now, for who asks whether all is well.

use super::State;
use super::reconcile::LEFT_COUNTED_MAX;
use crate::service::Objects;
use baleen_types::RegionName;
use std::fmt;
use std::sync::atomic::Ordering;

/// What a region beside home lacks. Reads and writes go on without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Its folder: there is none that could be used.
    Folder,
    /// Nobody knows what: it is being compared.
    Unknown,
    /// So many extents, of a folder that was lost or is new.
    Extents(u64),
}

impl Lack {
    fn of(state: &State) -> Option<Self> {
        match state {
            State { copies: None, .. } => Some(Self::Folder),
            State { is_whole: false, .. } => Some(Self::Unknown),
            State {
                is_filled: true, left, ..
            } => Some(Self::Extents(*left)),
            State { .. } => None,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("its folder is not there, or cannot be used"),
            Self::Unknown => f.write_str("its folder is new or was lost, and is being compared"),
            Self::Extents(left) if *left >= LEFT_COUNTED_MAX as u64 => {
                write!(
                    f,
                    "its folder is being filled, {LEFT_COUNTED_MAX} or more extents are left"
                )
            }
            Self::Extents(left) => write!(f, "its folder is being filled, {left} extents are left"),
        }
    }
}

impl Objects {
    /// The regions beside home that lack something, as the last passes over them know it. Looks at no disk, which may hang.
    pub fn lacking_regions(&self) -> Vec<(RegionName, Lack)> {
        let others = self.regions.others.iter();
        let lacking = others.filter_map(|other| Some((other.of.name.clone(), Lack::of(&other.spot.state.lock())?)));
        lacking.collect()
    }

    /// How often the folder of a region has gone while it was in use.
    pub fn times_gone(&self, region: &RegionName) -> u64 {
        let other = self.regions.other(region);
        other.map_or(0, |other| other.spot.gone.load(Ordering::Relaxed))
    }
}
