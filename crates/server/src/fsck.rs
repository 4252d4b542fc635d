//! `baleen fsck`: whether everything in a data folder is whole, while no server runs.

use crate::admin::store_folder;
use crate::capture::progress::Progress;
use crate::cli::Place;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::output;
use crate::serve::runtime;
use crate::store::Store;
use baleen_objects::{ObjectError, Objects, Scrub, ScrubProgress, Scrubbed, Unlooked};
use baleen_types::format_bytes;
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// What to check.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Check only whether the records agree with each other, without reading the bytes of objects.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let loaded = arguments.place.load()?;
    let folder = Folder::open_unserved(
        store_folder(&loaded)?,
        "fsck works on the folder itself, while no server does; a running server checks itself now and then (scrub.every)",
    )?;
    let scrub = Scrub {
        bodies: !arguments.quick,
        bytes_per_second: None,
        goes_on: false,
    };
    let (found, areas, unlooked) = runtime()?.block_on(async {
        let store = Store::open(&loaded.config, folder.path())?;
        let keyring = store.keyring().await?;
        let objects = store.objects(&keyring).await?;
        let unlooked = objects
            .look_at_regions()
            .await
            .map_err(|error| Failure::because("the regions cannot be looked at", &error))?;
        let looked = looked(&objects, scrub).await;
        let found = looked.map_err(|error| Failure::because("the check did not come to its end", &error))?;
        Ok::<_, Failure>((found, areas(&store, &objects).await?, unlooked))
    })?;
    tell(&found, (&areas, &unlooked), folder.path(), scrub, json)?;
    Ok(
        if found.damages == 0 && found.healable == 0 && missing(&unlooked) == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

/// A part of the disk that the store takes.
struct Area {
    name: String,
    live_bytes: u64,
    /// `None` for a folder that is not there.
    allocated_bytes: Option<u64>,
}

impl Area {
    fn line(&self) -> String {
        let taken = match self.allocated_bytes {
            Some(bytes) => format!("{:>10} allocated", format_bytes(bytes)),
            None => "not there".to_owned(),
        };
        format!("{:<20} {:>10} live  {taken}", self.name, format_bytes(self.live_bytes))
    }

    fn json(&self) -> Value {
        json!({ "name": self.name, "liveBytes": self.live_bytes, "allocatedBytes": self.allocated_bytes })
    }
}

/// What lives, and what it takes: bodies and metadata at home, and the copies in each other region.
async fn areas(store: &Store<'_>, objects: &Objects) -> Result<Vec<Area>, Failure> {
    let spaces = objects.spaces().await;
    let spaces = spaces.map_err(|error| Failure::because("what lives cannot be counted", &error))?;
    let mut areas: Vec<_> = spaces
        .into_iter()
        .map(|space| Area {
            name: space.region.map_or("blobs".to_owned(), |name| format!("region {name}")),
            live_bytes: space.live_bytes,
            allocated_bytes: space.allocated_bytes,
        })
        .collect();
    let usage = store.meta.usage().await;
    let usage = usage.map_err(|error| Failure::because("the rows cannot be counted", &error))?;
    let metadata = Area {
        name: "metadata".to_owned(),
        live_bytes: usage.live_bytes,
        allocated_bytes: Some(usage.allocated_bytes),
    };
    areas.insert(1, metadata);
    Ok(areas)
}

async fn looked(objects: &Objects, scrub: Scrub) -> Result<Scrubbed, ObjectError> {
    let progress = ScrubProgress::default();
    let how_far = || match progress.bytes_in_all() {
        0 => "comparing records".to_owned(),
        all => format!("{} of {} read", format_bytes(progress.bytes()), format_bytes(all)),
    };
    Progress::line(false)
        .follow(objects.scrub(scrub, &progress), how_far)
        .await
}

/// Names the regions that were not looked at.
pub(crate) fn tell_unlooked(unlooked: &[Unlooked]) -> Result<(), Failure> {
    for Unlooked { region, why, .. } in unlooked {
        output::line(&format!("not looked at: region {region}: {why}"))?;
    }
    if !unlooked.is_empty() {
        output::note("the regions are those of the settings of the server: --config FILE, or BALEEN_REGIONS");
    }
    Ok(())
}

/// A region that was not looked at, for scripts.
pub(crate) fn unlooked_json(unlooked: &Unlooked) -> Value {
    json!({ "region": unlooked.region, "why": unlooked.why, "isMissing": unlooked.is_missing })
}

/// How many regions are set and not there as they were left.
fn missing(unlooked: &[Unlooked]) -> usize {
    unlooked.iter().filter(|region| region.is_missing).count()
}

/// What was found, in words.
fn verdict(found: &Scrubbed, unlooked: &[Unlooked]) -> String {
    let number = |number, one: &str, of_many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {of_many}"),
    };
    let missing = missing(unlooked);
    let mut said = Vec::new();
    match found.damages {
        0 if missing > 0 => said.push("no damage elsewhere".to_owned()),
        0 => said.push("no damage".to_owned()),
        damages => said.push(number(damages, "damage", "damages")),
    }
    if found.healable > 0 {
        let healable = found.healable;
        said.push(format!(
            "{healable} to be healed from another region, by a server that runs"
        ));
    }
    if missing > 0 {
        said.insert(0, number(missing as u64, "region missing", "regions missing"));
    }
    if unlooked.len() > missing {
        let others = (unlooked.len() - missing) as u64;
        said.push(number(others, "region not looked at", "regions not looked at"));
    }
    said.join("; ")
}

fn tell(
    found: &Scrubbed,
    (areas, unlooked): (&[Area], &[Unlooked]),
    folder: &Path,
    scrub: Scrub,
    json: bool,
) -> Result<(), Failure> {
    if json {
        let told = found
            .told
            .iter()
            .map(|damage| json!({ "of": damage.of, "what": damage.what, "isHealable": damage.is_healable }));
        return output::json(&json!({
            "folder": folder,
            "buckets": found.buckets,
            "objects": found.objects,
            "parts": found.parts,
            "bodies": found.bodies,
            "bytes": found.bytes,
            "damages": found.damages,
            "healable": found.healable,
            "damaged": told.collect::<Vec<_>>(),
            "unlooked": unlooked.iter().map(unlooked_json).collect::<Vec<_>>(),
            "areas": areas.iter().map(Area::json).collect::<Vec<_>>(),
        }));
    }
    for damage in &found.told {
        output::line(&format!("damaged: {}: {}", damage.of, damage.what))?;
    }
    let more = (found.damages + found.healable).saturating_sub(found.told.len() as u64);
    if more > 0 {
        output::line(&format!("and {more} more"))?;
    }
    for area in areas {
        output::line(&area.line())?;
    }
    tell_unlooked(unlooked)?;
    let read = if scrub.bodies {
        format!("{} bodies with {} read", found.bodies, format_bytes(found.bytes))
    } else {
        "bytes not read".to_owned()
    };
    output::line(&format!(
        "{}: {} buckets, {} versions of objects, {} parts of uploads; {read}; {}",
        folder.display(),
        found.buckets,
        found.objects,
        found.parts,
        verdict(found, unlooked),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_is_missing_is_told_before_all_else() {
        let region = |is_missing| Unlooked {
            region: "west".to_owned(),
            why: String::new(),
            is_missing,
        };
        for (damages, healable, unlooked, wanted) in [
            (0, 0, vec![], "no damage"),
            (2, 0, vec![], "2 damages"),
            (0, 0, vec![region(true)], "1 region missing; no damage elsewhere"),
            (1, 0, vec![region(true), region(true)], "2 regions missing; 1 damage"),
            (0, 0, vec![region(false)], "no damage; 1 region not looked at"),
            (
                0,
                3,
                vec![region(false), region(true), region(false)],
                "1 region missing; no damage elsewhere; 3 to be healed from another region, by a server that runs; \
                 2 regions not looked at",
            ),
        ] {
            let found = Scrubbed {
                damages,
                healable,
                ..Scrubbed::default()
            };
            assert_eq!(verdict(&found, &unlooked), wanted);
        }
    }
}
