//! The passes that keep what is in each region in line with what has to be there.

use crate::config::Config;
use crate::failure::Failure;
use baleen_objects::{HomePlace, Objects, Reconciled, RegionFolder};
use baleen_runtime::{Clock, Supervisor};
use baleen_types::{Timestamp, causes, format_bytes};
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
        let earlier = Arc::new(Mutex::new(Earlier::default()));
        let pass = move || {
            let (objects, clock, shutdown) = (Arc::clone(&objects), Arc::clone(&clock), shutdown.clone());
            let (name, region, progress) = (name.clone(), region.clone(), progress.clone());
            let earlier = Arc::clone(&earlier);
            async move {
                let last = Mutex::new(Reconciled::default());
                let tell = |done: &Reconciled| {
                    *last.lock() = *done;
                    let gone = region.as_ref().map_or(0, |region| objects.times_gone(region));
                    let told = Told {
                        done,
                        earlier: &earlier.lock(),
                        gone,
                        most,
                    };
                    progress.tell(told.to_string());
                    // A gauge holds all of a number that fits into 53 bits.
                    #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
                    metrics::gauge!("baleen_region_extents_left", "region" => name.to_string()).set(done.left as f64);
                };
                let outcome = objects.reconcile(region.as_ref(), &shutdown, &tell).await;
                let last = *last.lock();
                earlier.lock().add(last, clock.now());
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

/// What the passes before did, since the start.
#[derive(Debug, Default)]
struct Earlier {
    all: Reconciled,
    /// The last that did anything, and when it ended: the next ones have nothing to do, and would hide it.
    busy: Option<(Reconciled, Timestamp)>,
}

impl Earlier {
    fn add(&mut self, done: Reconciled, ended: Timestamp) {
        self.all = self.all.and(&done);
        if !done.is_idle() {
            self.busy = Some((done, ended));
        }
    }
}

/// What a pass did, or the last one that did anything, and all since the start, in words.
struct Told<'a> {
    done: &'a Reconciled,
    earlier: &'a Earlier,
    /// How often the folder has gone.
    gone: u64,
    /// The limit of bytes in a second.
    most: Option<NonZeroU64>,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.earlier.busy {
            Some((busy, ended)) if self.done.is_idle() => {
                write!(f, "{}, {}", Deeds(busy), ended.to_rfc3339_millis())?;
            }
            _ => write!(f, "{}", Deeds(self.done))?,
        }
        write!(f, "; {} left", self.done.left)?;
        if self.earlier.busy.is_some() {
            write!(f, "; since the start {}", Deeds(&self.earlier.all.and(self.done)))?;
        }
        match self.gone {
            0 => {}
            1 => f.write_str("; its folder has gone once")?,
            times => write!(f, "; its folder has gone {times} times")?,
        }
        match self.most {
            Some(most) => write!(f, "; at most {}/s", format_bytes(most.get())),
            None => Ok(()),
        }
    }
}

/// What was done, without what is left.
struct Deeds<'a>(&'a Reconciled);

impl fmt::Display for Deeds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reconciled {
            compared,
            written,
            bytes,
            found,
            removed,
            failed,
            left: _,
        } = self.0;
        if *compared > 0 {
            write!(f, "{compared} extents compared, ")?;
        }
        let bytes = format_bytes(*bytes);
        write!(
            f,
            "{written} written with {bytes}, {found} found, {removed} removed, {failed} failed"
        )
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
    fn what_a_pass_did_is_told_until_another_does_something() {
        let mut earlier = Earlier::default();
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        let idle = Reconciled::default();
        let filled = Reconciled {
            compared: 9,
            written: 3,
            bytes: 4096,
            ..idle
        };
        let removed = Reconciled {
            removed: 1,
            left: 2,
            ..idle
        };
        let mut said = Vec::new();
        for (seconds, done, gone) in [
            (0, idle, 0),
            (1, filled, 1),
            (2, idle, 1),
            (3, removed, 2),
            (4, idle, 2),
        ] {
            let told = Told {
                done: &done,
                earlier: &earlier,
                gone,
                most: None,
            };
            said.push(told.to_string());
            earlier.add(done, at(seconds));
        }
        let nothing = "0 written with 0 B, 0 found, 0 removed, 0 failed";
        let filled = "9 extents compared, 3 written with 4.0 KiB, 0 found, 0 removed, 0 failed";
        let removed = "0 written with 0 B, 0 found, 1 removed, 0 failed";
        let all = "9 extents compared, 3 written with 4.0 KiB, 0 found, 1 removed, 0 failed";
        let (once, twice) = ("; its folder has gone once", "; its folder has gone 2 times");
        assert_eq!(
            said,
            [
                format!("{nothing}; 0 left"),
                format!("{filled}; 0 left{once}"),
                format!("{filled}, 1970-01-01T00:00:01.000Z; 0 left; since the start {filled}{once}"),
                format!("{removed}; 2 left; since the start {all}{twice}"),
                format!("{removed}, 1970-01-01T00:00:03.000Z; 0 left; since the start {all}{twice}"),
            ]
        );
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
