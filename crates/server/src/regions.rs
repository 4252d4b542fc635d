//! The passes that keep what is in each region in line with what has to be there.

use crate::config::Config;
use crate::failure::Failure;
use baleen_objects::{HomePlace, Objects, Reconciled, RegionFolder};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::{causes, format_bytes};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// How often a pass begins when nothing says that there is something to do: what failed is tried again, and a folder that has gone
/// is missed.
const PERIOD: Duration = Duration::from_secs(10);

/// How often it is looked where the folder of home is. A look reads its stamp.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// How long a pass waits at its end, so that many writes are one pass and not one each.
const PAUSE: Duration = Duration::from_millis(50);

/// The same after one that failed, whatever comes in meanwhile.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Refuses regions whose folder is that of home or another region by another path, or a data folder: the store would make its copies
/// among what is there. The home of another store is known by what is in it, when the folder is taken into use.
pub(crate) fn check_folders(regions: &[RegionFolder], data: &Path) -> Result<(), Failure> {
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let mut taken = vec![
        ("the data folder of this store".to_owned(), identity(data)),
        ("the home of this store".to_owned(), identity(&data.join("blobs"))),
    ];
    for RegionFolder { name, folder } in regions {
        let found = identity(folder);
        let same = taken.iter().find(|(_, other)| found.is_some() && *other == found);
        let whose = match same {
            Some((whose, _)) => whose.as_str(),
            None if folder.join("meta").is_dir() && folder.join("blobs").is_dir() => "the data folder of another store",
            None => {
                taken.push((format!("that of the region {name}"), found));
                continue;
            }
        };
        let what = format!("the folder of the region {name}, {}, is {whose}", folder.display());
        return Err(
            Failure::usage(what).advise("name a folder of its own for it in regions, such as one on another disk")
        );
    }
    Ok(())
}

/// Lets passes over home and all other regions begin now, and then whenever there is something to do. A store of one region has none.
pub(crate) fn supervise(supervisor: &Supervisor, objects: &Arc<Objects>, clock: &Arc<dyn Clock>, config: &Config) {
    let (home, most) = (&config.region, config.copied_bytes_per_second);
    let others: Vec<_> = objects.regions().cloned().collect();
    if others.is_empty() {
        return;
    }
    watch_home(supervisor, objects);
    let home = (home.clone(), None);
    for (name, region) in others.into_iter().map(|name| (name.clone(), Some(name))).chain([home]) {
        let Ok(hint) = objects.region_hint(region.as_ref()) else {
            continue;
        };
        let task = format!("objects in the region {name}");
        let (objects, clock) = (Arc::clone(objects), Arc::clone(clock));
        let shutdown = supervisor.shutdown().clone();
        let progress = supervisor.progress(&task);
        let pass = move || {
            let (objects, clock, shutdown) = (Arc::clone(&objects), Arc::clone(&clock), shutdown.clone());
            let (name, region, progress) = (name.clone(), region.clone(), progress.clone());
            async move {
                let tell = |done: &Reconciled| {
                    progress.tell(Told { done, most }.to_string());
                    // A gauge holds all of a number that fits into 53 bits.
                    #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
                    metrics::gauge!("baleen_region_extents_left", "region" => name.to_string()).set(done.left as f64);
                };
                let outcome = objects.reconcile(region.as_ref(), &shutdown, &tell).await;
                metrics::counter!("baleen_region_reads_elsewhere_total").absolute(objects.reads_elsewhere());
                metrics::counter!("baleen_region_healed_extents_total", "region" => name.to_string())
                    .absolute(objects.healed(region.as_ref()));
                let pause = if outcome.is_ok() { PAUSE } else { PAUSE_AFTER_FAILURE };
                tokio::select! {
                    () = clock.sleep(pause) => {}
                    () = shutdown.stopping() => {}
                }
                outcome.inspect_err(|error| warn!(region = %name, error = %causes(error), "a region is not in line"))
            }
        };
        supervisor.every_or_when(&task, PERIOD, hint, pass);
    }
}

/// Lets a pass over home begin when its folder goes, when it is back, and when another may take its place: until then no body is taken.
fn watch_home(supervisor: &Supervisor, objects: &Arc<Objects>) {
    let Ok(hint) = objects.region_hint(None) else { return };
    let objects = Arc::clone(objects);
    let last = Arc::new(Mutex::new(HomePlace::Kept));
    supervisor.every("folder of home", LOOK_PERIOD, move || {
        let (objects, hint, last) = (Arc::clone(&objects), Arc::clone(&hint), Arc::clone(&last));
        async move {
            // Of a disk that hangs no answer comes, and no other look begins.
            let Ok(place) = tokio::task::spawn_blocking(move || objects.home_place()).await else {
                return Ok::<(), Infallible>(());
            };
            if is_for_a_pass(std::mem::replace(&mut *last.lock(), place), place) {
                hint.notify_one();
            }
            Ok(())
        }
    });
}

/// Whether a pass has something to do about it. A mount that was given up may stay away for days, and is looked for by the passes that
/// begin anyway.
fn is_for_a_pass(last: HomePlace, place: HomePlace) -> bool {
    match place {
        HomePlace::Kept | HomePlace::Awaited => false,
        HomePlace::Missed | HomePlace::Back => true,
        HomePlace::GivenUp => last != place,
    }
}

/// What a pass did, in words.
struct Told<'a> {
    done: &'a Reconciled,
    /// The limit of bytes in a second.
    most: Option<NonZeroU64>,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reconciled {
            compared,
            written,
            bytes,
            found,
            removed,
            failed,
            left,
        } = self.done;
        if *compared > 0 {
            write!(f, "{compared} extents compared; ")?;
        }
        write!(
            f,
            "{written} written with {}, {found} found, {removed} removed, {failed} failed; {left} left",
            format_bytes(*bytes)
        )?;
        match self.most {
            Some(most) => write!(f, "; at most {}/s", format_bytes(most.get())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_types::RegionName;

    #[test]
    fn a_pass_over_home_begins_when_its_folder_goes_and_comes() {
        use HomePlace::{Awaited, Back, GivenUp, Kept, Missed};
        let (mut last, mut begun) = (Kept, Vec::new());
        for place in [Kept, Missed, Missed, Awaited, Awaited, GivenUp, GivenUp, Back, Kept] {
            begun.push(is_for_a_pass(std::mem::replace(&mut last, place), place));
        }
        assert_eq!(begun, [false, true, true, false, false, true, false, true, false]);
    }

    #[test]
    fn a_region_has_a_folder_that_is_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["data/blobs", "data/meta", "other/blobs", "other/meta", "west", "mount"] {
            std::fs::create_dir_all(path(name)).unwrap();
        }
        for (name, to) in [
            ("data.link", "data"),
            ("home.link", "data/blobs"),
            ("west.link", "west"),
        ] {
            std::os::unix::fs::symlink(path(to), path(name)).unwrap();
        }
        for (folders, said) in [
            (&["west", "mount", "new"][..], None),
            (
                &["mount", "data"],
                Some("r1, DIR/data, is the data folder of this store"),
            ),
            (
                &["data.link"],
                Some("r0, DIR/data.link, is the data folder of this store"),
            ),
            (&["home.link"], Some("r0, DIR/home.link, is the home of this store")),
            (&["other"], Some("r0, DIR/other, is the data folder of another store")),
            (
                &["west", "west.link"],
                Some("r1, DIR/west.link, is that of the region r0"),
            ),
        ] {
            let region = |(n, folder): (usize, &&str)| RegionFolder {
                name: RegionName::parse(&format!("r{n}")).unwrap(),
                folder: path(folder),
            };
            let regions: Vec<_> = folders.iter().enumerate().map(region).collect();
            let refused = check_folders(&regions, &path("data"))
                .err()
                .map(|failure| failure.to_string());
            let wanted = said.map(|said| {
                format!(
                    "baleen: the folder of the region {}",
                    said.replace("DIR", &dir.path().display().to_string())
                )
            });
            assert_eq!(refused.is_some(), wanted.is_some(), "{folders:?}: {refused:?}");
            assert!(
                refused.unwrap_or_default().starts_with(&wanted.unwrap_or_default()),
                "{folders:?}"
            );
        }
    }
}
