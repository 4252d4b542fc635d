//! Looking at the folders of regions while nobody uses the store: nothing in them is changed.

use super::RegionFolder;
use super::open::{STANDINGS, standing_key, standing_of, store_key};
use super::standing::{Stamp, Standing};
use crate::service::Objects;
use crate::{ObjectError, keys};
use baleen_blob::{Blobs, Copies, Holder};
use baleen_meta::keys::{KeyReader, Table};
use baleen_meta::{Meta, Scan};
use baleen_types::causes;
use std::path::Path;

/// A region whose folder is not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlooked {
    /// Its name.
    pub region: String,
    /// Why not. Not for clients.
    pub why: String,
    /// Whether it is set and its folder is not there as it was left: what has to be in it is missing.
    pub is_missing: bool,
}

/// What is said of a folder that is none of a region.
const NOT_THERE: &str = "the folder is not there, or has no stamp";

/// What a look at the regions of a store came to.
struct Looked {
    /// Those that are set, in their order, each with its stamp if it was opened.
    opened: Vec<Option<(Copies, String)>>,
    unlooked: Vec<Unlooked>,
}

/// Opens the folders of copies that are as they were left, and changes nothing in any.
async fn look_at(meta: &Meta, blobs: &Blobs, set: &[RegionFolder]) -> Result<Looked, ObjectError> {
    let mut looked = Looked {
        opened: Vec::new(),
        unlooked: Vec::new(),
    };
    let store = meta.get(&store_key()).await?.map(hex::encode).unwrap_or_default();
    for RegionFolder { name, folder } in set {
        let known = standing_of(meta, Some(name)).await?;
        let left = Stamp {
            store: store.clone(),
            region: name.to_string(),
            opened: known.opened,
        };
        let opened = match known.is_whole {
            true => open_as_left(blobs, folder, &left),
            false if !folder.is_dir() => Err(NOT_THERE.to_owned()),
            false => Err("no server has come to the end of comparing it yet".to_owned()),
        };
        if let Err(why) = &opened {
            looked.unlooked.push(Unlooked {
                region: name.to_string(),
                why: format!("{}: {why}", folder.display()),
                // Of one that was never taken into use nothing is missing.
                is_missing: known.opened > 0 && (known.is_whole || !folder.is_dir()),
            });
        }
        looked.opened.push(opened.ok());
    }
    for entry in meta.scan(Scan::prefix(&standing_key(""))).await? {
        let key = KeyReader::new(&entry.key, Table::System)?.tail_str()?.to_owned();
        let region = key.strip_prefix(STANDINGS).unwrap_or_default();
        let is_set = region == keys::HOME || set.iter().any(|set| set.name.as_str() == region);
        // A server that was started without it has noted that it is forgotten, and that is meant.
        if !is_set && Standing::decode(&entry.value)?.is_whole {
            looked.unlooked.push(Unlooked {
                region: region.to_owned(),
                why: "it is not set, and the store has copies there".to_owned(),
                is_missing: false,
            });
        }
    }
    Ok(looked)
}

/// The folder of a region if it is as it was left, with its stamp.
fn open_as_left(blobs: &Blobs, folder: &Path, left: &Stamp) -> Result<(Copies, String), String> {
    let text = baleen_blob::stamp_of(folder).map_err(|error| causes(&error))?;
    let text = text.ok_or(NOT_THERE)?;
    let stamp = Stamp::read(&text).ok_or("its stamp cannot be read")?;
    if (&stamp.store, &stamp.region) != (&left.store, &left.region) {
        return Err("it is the folder of another store or another region".to_owned());
    }
    if stamp.opened != left.opened {
        return Err("it is not as it was left".to_owned());
    }
    let copies = Copies::of(blobs, folder, false).map_err(|error| causes(&error))?;
    Ok((copies, text))
}

/// The folders of copies of a store that nobody serves, as far as they are as they were left; and those which are not looked at.
///
/// # Errors
/// The keyspace cannot be read.
pub async fn copies_of_unserved(
    meta: &Meta,
    blobs: &Blobs,
    set: &[RegionFolder],
) -> Result<(Vec<Holder>, Vec<Unlooked>), ObjectError> {
    let looked = look_at(meta, blobs, set).await?;
    let opened = looked.opened.into_iter().flatten();
    Ok((
        opened.map(|(copies, _)| Holder::Copies(copies)).collect(),
        looked.unlooked,
    ))
}

impl Objects {
    /// Opens the folders of copies that are as they were left, for a look while nobody uses the store. The others are left alone,
    /// and told.
    ///
    /// # Errors
    /// The keyspace cannot be read.
    pub async fn look_at_regions(&self) -> Result<Vec<Unlooked>, ObjectError> {
        let set: Vec<_> = self.regions.others.iter().map(|other| other.of.clone()).collect();
        let looked = look_at(&self.meta, &self.blobs, &set).await?;
        for (other, opened) in self.regions.others.iter().zip(looked.opened) {
            let Some((copies, stamp)) = opened else { continue };
            *other.spot.state.lock() = super::State {
                copies: Some(copies),
                stamp: Some(stamp),
                is_whole: true,
                ..super::State::default()
            };
        }
        Ok(looked.unlooked)
    }
}
