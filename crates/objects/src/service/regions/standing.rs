//! What the keyspace and the folder of a region say of it.

use crate::ObjectError;
use std::path::Path;

/// What the keyspace says of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// How often its folder was taken into use.
    pub(super) opened: u64,
    pub(super) is_whole: bool,
    /// Where a file system was mounted in it, if one was.
    pub(super) mount: Option<String>,
}

impl Standing {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mount = self.mount.as_deref().unwrap_or_default();
        let head = [&[2][..], &self.opened.to_be_bytes(), &[u8::from(self.is_whole)]];
        [&head.concat(), mount.as_bytes()].concat()
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, ObjectError> {
        let refuse = || ObjectError::corrupt("what is known of a region is not as it should be");
        let Some(([version, opened @ .., is_whole], mount)) = value.split_first_chunk::<10>() else {
            return Err(refuse());
        };
        let mount = match (version, mount) {
            (1 | 2, []) => None,
            (2, mount) => Some(String::from_utf8(mount.to_vec()).map_err(|_| refuse())?),
            _ => return Err(refuse()),
        };
        Ok(Self {
            opened: u64::from_be_bytes(*opened),
            is_whole: *is_whole == 1,
            mount,
        })
    }

    /// Whether a file system was mounted in this folder. Another folder for the region is another matter.
    pub(super) fn was_mount(&self, folder: &Path) -> bool {
        self.mount == Some(place_of(folder))
    }
}

pub(super) fn place_of(folder: &Path) -> String {
    let place = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    place.to_string_lossy().into_owned()
}

/// What the stamp of a folder says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) store: String,
    pub(super) region: String,
    pub(super) opened: u64,
}

impl Stamp {
    pub(super) fn text(&self) -> String {
        let Self { store, region, opened } = self;
        format!("store {store}\nregion {region}\nopened {opened}\n")
    }

    /// `None` for a text that was cut or changed, which is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut line = |word: &str| lines.next()?.strip_prefix(word)?.strip_prefix(' ');
        let stamp = Self {
            store: line("store")?.to_owned(),
            region: line("region")?.to_owned(),
            opened: line("opened")?.parse().ok()?,
        };
        (stamp.text() == text).then_some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_round_trip_and_what_was_cut_is_none() {
        let stamp = Stamp {
            store: "00ff".to_owned(),
            region: String::new(),
            opened: 12,
        };
        let text = stamp.text();
        assert_eq!(Stamp::read(&text), Some(stamp));
        for cut in 0..text.len() {
            assert_eq!(Stamp::read(&text[..cut]), None, "{cut}");
        }
        assert_eq!(Stamp::read(&format!("{text}x")), None);
    }

    #[test]
    fn standings_round_trip_and_others_are_refused() {
        for (is_whole, mount) in [(false, None), (true, None), (true, Some("/mnt/west".to_owned()))] {
            let opened = 7;
            let standing = Standing {
                opened,
                is_whole,
                mount,
            };
            let value = standing.encode();
            assert_eq!(Standing::decode(&value).unwrap(), standing);
            assert!(Standing::decode(&value[1..]).is_err());
            assert!(Standing::decode(&[&[3], &value[1..]].concat()).is_err());
            assert!(Standing::decode(&[&value[..], b"\xff"].concat()).is_err());
        }
        // As it was before mounts were remembered.
        let earlier = [1, 0, 0, 0, 0, 0, 0, 0, 7, 1];
        let standing = Standing::decode(&earlier).unwrap();
        assert_eq!((standing.opened, standing.is_whole, standing.mount), (7, true, None));
        for bad in [&earlier[..9], &[&earlier[..], b"/mnt"].concat(), b""] {
            assert!(Standing::decode(bad).is_err());
        }
    }
}
