//! Every number that `/metrics` has: what it is called, and what it says. The page about them comes from this table.

/// What a number does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It goes up, and begins anew with the server.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were how long.
    Histogram,
}

/// A number.
#[derive(Clone, Copy)]
struct Number {
    name: &'static str,
    kind: Kind,
    /// What tells its values apart.
    labels: &'static [&'static str],
    about: &'static str,
}

const fn number(kind: Kind, name: &'static str, labels: &'static [&'static str], about: &'static str) -> Number {
    Number {
        name,
        kind,
        labels,
        about,
    }
}

const fn counter(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Number {
    number(Kind::Counter, name, labels, about)
}

const fn gauge(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Number {
    number(Kind::Gauge, name, labels, about)
}

const fn histogram(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Number {
    number(Kind::Histogram, name, labels, about)
}

/// All of them, as they stand on the page.
static NUMBERS: &[Number] = &[
    counter("baleen_requests_total", REQUEST, "Requests that were answered"),
    histogram(
        "baleen_request_seconds",
        REQUEST,
        "Seconds from the head of a request to the end of its answer",
    ),
    counter(
        "baleen_sent_bytes_total",
        REQUEST,
        "Bytes of the bodies of answers that were sent",
    ),
    gauge(
        "baleen_transfer_bytes",
        &[],
        "Memory that uploads and downloads hold for what they read and write",
    ),
    gauge(
        "baleen_disk_free_bytes",
        &["volume"],
        "Bytes that the file system below a folder of the store still gives to the server; 0 while the folder is not there",
    ),
    gauge(
        "baleen_disk_size_bytes",
        &["volume"],
        "Bytes of the file system below a folder of the store; 0 while the folder is not there",
    ),
    gauge(
        "baleen_metadata_live_bytes",
        &[],
        "Bytes of the rows that live in the metadata store",
    ),
    gauge(
        "baleen_metadata_allocated_bytes",
        &[],
        "Bytes that the metadata store takes of the disk",
    ),
    counter(
        "baleen_compaction_moved_bytes_total",
        &[],
        "Bytes of bodies that compaction moved",
    ),
    counter(
        "baleen_compaction_segments_emptied_total",
        &[],
        "Segments that compaction emptied",
    ),
    counter(
        "baleen_compaction_returned_bytes_total",
        &[],
        "Bytes of segments that were given back to the file system",
    ),
    counter(
        "baleen_compaction_metadata_returned_bytes_total",
        &[],
        "Bytes of the metadata store that were given back to the file system",
    ),
    gauge(
        "baleen_scrub_age_seconds",
        &[],
        "Seconds since the last look through the whole store ended, or since the first began that has not ended",
    ),
    gauge(
        "baleen_scrub_damages",
        &[],
        "Damages that the last look through the whole store found and that no other region can heal, baleen fsck too",
    ),
    counter(
        "baleen_scrub_damages_found_total",
        &["kind"],
        "Damages that looks through the store found, by whether another region has what is damaged (healable) or none has (lost)",
    ),
    gauge(
        "baleen_region_extents_left",
        &["region"],
        "Extents that are still to be looked at in a region; 10000 is so many at least",
    ),
    counter(
        "baleen_region_healed_extents_total",
        &["region"],
        "Extents that were damaged or lost in a region and were written there anew from another; in regions beside home only those that were damaged",
    ),
    counter(
        "baleen_region_reads_elsewhere_total",
        &[],
        "Times that an extent was read in another region, since home did not give what was written",
    ),
    gauge(
        "baleen_backup_age_seconds",
        &[],
        "Seconds since the newest backup was whole",
    ),
    counter(
        "baleen_backup_copied_bytes_total",
        &[],
        "Bytes of bodies that were copied to the folder of backups",
    ),
    counter(
        "baleen_lifecycle_removed_total",
        &["what"],
        "What lifecycle rules removed",
    ),
    counter(
        "baleen_bucket_log_left_out_total",
        &[],
        "Records of bucket logging that nobody will get, since too many waited or they may not be written",
    ),
    counter(
        "baleen_login_alerts_total",
        &[],
        "Times that somebody was seen to guess a user's password or code",
    ),
    counter(
        "baleen_audit_lost_total",
        &[],
        "Entries that could not be written to the audit log",
    ),
    counter(
        "baleen_audit_left_out_total",
        &[],
        "Refused requests that the audit log tells by their number alone, since too many waited",
    ),
    gauge(
        "baleen_master_key_newest",
        &[],
        "The number of the master key that seals",
    ),
    gauge("baleen_master_keys_held", &[], "Master keys in the file"),
    gauge("baleen_master_keys_needed", &[], "Master keys that the store needs"),
    counter(
        "baleen_secrets_resealed_total",
        &[],
        "Secrets that were sealed anew under another master key",
    ),
    counter(
        "baleen_captures_total",
        &["state"],
        "Captures that ended, by their end state",
    ),
    gauge(
        "baleen_captures_running",
        &[],
        "Captures at work: pending, running or being uploaded",
    ),
    counter(
        "baleen_capture_packets_total",
        &[],
        "Packets caught by captures that ended",
    ),
    counter("baleen_capture_bytes_total", &[], "Captured bytes of these packets"),
    counter(
        "baleen_capture_dropped_packets_total",
        &[],
        "Packets that matched and that the kernel dropped",
    ),
    counter(
        "baleen_capture_uploaded_bytes_total",
        &[],
        "Bytes of capture files that stores have taken",
    ),
    counter(
        "baleen_captures_over_quota_total",
        &[],
        "Captures that were refused, since their accounts' captures had come to what they may in a day",
    ),
    gauge(
        "baleen_capture_spool_bytes",
        &[],
        "Bytes of parts that wait on the disk for their stores",
    ),
    counter(
        "baleen_capture_spooled_bytes_total",
        &[],
        "Bytes of parts that were written to the disk to wait there",
    ),
    gauge(
        "baleen_agents",
        &["state"],
        "Agents on other hosts that are enrolled, by whether they are linked or away",
    ),
    counter(
        "baleen_lookback_packets_total",
        &[],
        "Packets that the look-back ring has kept",
    ),
    counter(
        "baleen_lookback_cut_packets_total",
        &[],
        "Packets that it did not keep, as it is set up",
    ),
    counter(
        "baleen_lookback_dropped_packets_total",
        &[],
        "Packets that the kernel dropped before they came to it",
    ),
    counter(
        "baleen_lookback_left_out_packets_total",
        &[],
        "Packets that its disk was too slow for, too full, or broken",
    ),
    gauge(
        "baleen_lookback_bytes",
        &[],
        "Bytes of the look-back ring on the disk, where there is one",
    ),
    gauge("baleen_lookback_writing", &[], "1 while it can be written, 0 while not"),
];

/// What tells requests apart.
const REQUEST: &[&str] = &["door", "operation", "status"];

/// Says what the numbers mean, and shows those without labels from the start: one that is not there cannot be told from one that is
/// called otherwise.
pub(crate) fn describe() {
    for &Number {
        name,
        kind,
        labels,
        about,
    } in NUMBERS
    {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, about),
            Kind::Gauge => metrics::describe_gauge!(name, about),
            Kind::Histogram => metrics::describe_histogram!(name, about),
        }
        if kind == Kind::Counter && labels.is_empty() {
            metrics::counter!(name).absolute(0);
        }
    }
}

/// The page about them.
#[cfg(test)]
fn page() -> String {
    use std::fmt::Write as _;

    let mut page = "# Metrics\n\n\
         `GET /metrics` at `listen.ops` answers in Prometheus' text format, for whoever asks: keep that door private. A counter goes up and\n\
         begins anew with the server; a gauge is as it is; a histogram has the buckets of its kind. `volume` is `blobs`, `metadata` or\n\
         `region NAME`, as `baleen fsck` calls them, `region` the name of a region, that of home too.\n\n\
         | name | kind | labels | what it says |\n|---|---|---|---|\n"
        .to_owned();
    for &Number {
        name,
        kind,
        labels,
        about,
    } in NUMBERS
    {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() {
            "–".to_owned()
        } else {
            labels.join(", ")
        };
        let kind = format!("{kind:?}").to_lowercase();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {about}. |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// `UPDATE_REFERENCE=1 cargo test -p baleen` writes the page anew.
    #[test]
    fn the_page_of_metrics_has_each_number() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(file, page()).expect("the page is writable");
        }
        let written = std::fs::read_to_string(file).expect("the page is there");
        assert_eq!(
            written,
            page(),
            "run UPDATE_REFERENCE=1 cargo test -p baleen the_page_of_metrics"
        );
    }

    /// The texts in quotes of a file that are names of numbers.
    fn named(text: &str, names: &mut BTreeSet<String>) {
        for rest in text.split("\"baleen_").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                names.insert(format!("baleen_{name}"));
            }
        }
    }

    fn sources(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                sources(&path, names);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("numbers.rs") {
                named(&std::fs::read_to_string(path).expect("it is text"), names);
            }
        }
    }

    /// Whoever counts something says what it is.
    #[test]
    fn all_that_is_counted_is_described_and_nothing_else() {
        let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let mut counted = BTreeSet::new();
        for entry in std::fs::read_dir(crates).expect("the crates are there") {
            sources(&entry.expect("it can be read").path().join("src"), &mut counted);
        }
        let described: BTreeSet<_> = NUMBERS.iter().map(|number| number.name.to_owned()).collect();
        assert_eq!(counted, described);
        assert_eq!(described.len(), NUMBERS.len(), "each once");
    }
}
