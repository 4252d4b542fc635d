//! Where a capture goes, as the command line names it.

use super::path_of;
use crate::failure::Failure;
use baleen_types::{BucketName, ObjectKey, Timestamp};
use std::path::{Path, PathBuf};

/// A place for one capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Standard output.
    Pipe,
    /// A file, or a folder for one.
    File(PathBuf),
    /// A bucket, and the key or the prefix of a key in it.
    Bucket { bucket: BucketName, key: String },
}

/// What the name of a file is made of when only its folder was given.
pub(super) struct Naming {
    pub(super) started: Timestamp,
    pub(super) interface: String,
    pub(super) suffix: &'static str,
}

impl Naming {
    fn file_name(&self) -> String {
        let at = self.started.to_basic();
        // An interface may be called anything but `/`; what is no letter or digit would only trouble a shell.
        let interface: String = self
            .interface
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        format!("capture_{at}_{interface}.{}", self.suffix)
    }
}

/// Words with which filters begin, and files hardly ever.
const WORDS_OF_FILTERS: [&str; 24] = [
    "arp",
    "broadcast",
    "dst",
    "ether",
    "greater",
    "host",
    "icmp",
    "icmp6",
    "igmp",
    "ip",
    "ip6",
    "ipv6",
    "less",
    "mpls",
    "multicast",
    "net",
    "not",
    "port",
    "portrange",
    "sctp",
    "src",
    "tcp",
    "udp",
    "vlan",
];

/// Forms in which a capture is not written.
const COMPRESSED: [&str; 5] = ["gz", "zst", "xz", "bz2", "lz4"];

impl Destination {
    /// The place that a command line names: with `-w`, or as the first of `words`. What tcpdump would take for a filter is refused, or
    /// everything would be caught, into a file called `icmp`.
    pub(super) fn named(written: Option<&str>, words: &[&str]) -> Result<Self, Failure> {
        let is_filter = |word: &str| WORDS_OF_FILTERS.contains(&word);
        let (place, filter) = match (written, words) {
            (Some(place), filter) => (Some(place), filter),
            (None, [first, ..]) if is_filter(first) => (None, words),
            (None, [first, filter @ ..]) => (Some(*first), filter),
            (None, []) => (Some("-"), words),
        };
        match place {
            Some(place) if filter.is_empty() => Self::parse(place),
            place => {
                let (filter, place) = (filter.join(" "), place.unwrap_or("trace.pcapng"));
                Err(Failure::usage(format!("{filter} is behind no -f, where filters are"))
                    .advise(format!("as in: baleen capture -f '{filter}' {place}"))
                    .advise("a file of such a name is named with its folder: ./icmp"))
            }
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text == "-" {
            return Ok(Self::Pipe);
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.split_once("://") {
                Some((scheme, _)) => Err(Failure::usage(format!("{scheme}:// is not known as a destination"))
                    .advise("name s3://bucket/prefix/, a file, or - for standard output")),
                None => Self::File(path_of(text)).uncompressed(),
            };
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let bucket = BucketName::parse(bucket).map_err(|error| Failure::usage(format!("{text}: {error}")))?;
        let key = key.to_owned();
        Self::Bucket { bucket, key }.uncompressed()
    }

    /// Refuses a name by which everybody would take the file for a compressed one.
    fn uncompressed(self) -> Result<Self, Failure> {
        match self.suffix() {
            Some(suffix) if COMPRESSED.contains(&suffix) => Err(Failure::usage(format!(
                "captures are not compressed, and .{suffix} says they are"
            ))
            .advise("name it without, or compress it on its way: baleen capture - | gzip > trace.pcapng.gz")),
            _ => Ok(self),
        }
    }

    /// The suffix of the file's name, if a file was named.
    pub(super) fn suffix(&self) -> Option<&str> {
        let name = match self {
            Self::Pipe => return None,
            Self::File(path) => path.as_path(),
            Self::Bucket { key, .. } => Path::new(key),
        };
        name.extension().and_then(|suffix| suffix.to_str())
    }
}

/// The object's key: a name with a capture file's suffix stands for itself, anything else is a folder.
pub(super) fn object_key(key: &str, naming: &Naming) -> Result<ObjectKey, Failure> {
    let is_file = [".pcap", ".pcapng", ".cap", ".dmp"]
        .iter()
        .any(|suffix| key.ends_with(suffix));
    let full = match key {
        _ if is_file => key.to_owned(),
        "" => naming.file_name(),
        folder => format!("{}/{}", folder.trim_end_matches('/'), naming.file_name()),
    };
    ObjectKey::parse(full).map_err(|error| Failure::usage(error.to_string()))
}

/// The name of one of several files: its number goes before the suffix, as in `trace_0000.pcapng`.
pub(super) fn numbered(name: &str, number: u32) -> String {
    let at = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[at..].rfind('.').filter(|dot| *dot > 0) {
        Some(dot) => format!("{}_{number:04}{}", &name[..at + dot], &name[at + dot..]),
        None => format!("{name}_{number:04}"),
    }
}

/// The file's path: a folder gets a name of ours in it.
pub(super) fn file_path(path: &Path, naming: &Naming) -> PathBuf {
    if path.is_dir() {
        path.join(naming.file_name())
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_told_apart() {
        assert_eq!(Destination::parse("-").expect("standard output"), Destination::Pipe);
        assert_eq!(
            Destination::parse("a/b.pcap").expect("a file"),
            Destination::File(PathBuf::from("a/b.pcap"))
        );
        let bucket = Destination::parse("s3://evidence/case-17/").expect("a bucket");
        assert!(matches!(&bucket, Destination::Bucket { key, .. } if key == "case-17/"));
        for wrong in ["s3://", "s3://UPPER/x", "gs://bucket", "http://x"] {
            assert!(Destination::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            Destination::parse("s3://evidence/x.pcap").expect("a bucket").suffix(),
            Some("pcap")
        );
    }

    #[test]
    fn what_tcpdump_takes_for_a_filter_is_no_place() {
        for (written, words, wanted) in [
            (None, &["x.pcap"][..], Ok("x.pcap")),
            (None, &["./icmp"], Ok("./icmp")),
            (None, &["ports.pcap"], Ok("ports.pcap")),
            (Some("x.pcap"), &[], Ok("x.pcap")),
            (Some("icmp"), &[], Ok("icmp")),
            (None, &["icmp"], Err("-f 'icmp' trace.pcapng")),
            (None, &["tcp", "port", "80"], Err("-f 'tcp port 80' trace.pcapng")),
            (None, &["x.pcap", "tcp", "port", "80"], Err("-f 'tcp port 80' x.pcap")),
            (Some("x.pcap"), &["port", "80"], Err("-f 'port 80' x.pcap")),
            (None, &["x.pcap.gz"], Err("not compressed")),
            (None, &["s3://evidence/x.pcap.zst"], Err("not compressed")),
        ] {
            let named = Destination::named(written, words);
            match (named, wanted) {
                (Ok(place), Ok(path)) => assert_eq!(place, Destination::File(PathBuf::from(path))),
                (Err(failure), Err(word)) => assert!(failure.to_string().contains(word), "{words:?}: {failure}"),
                (named, _) => panic!("{written:?} {words:?}: {named:?}"),
            }
        }
        assert_eq!(Destination::named(None, &[]).expect("it is"), Destination::Pipe);
    }

    #[test]
    fn numbers_go_before_the_suffix() {
        for (name, number, wanted) in [
            ("trace.pcapng", 0, "trace_0000.pcapng"),
            ("a.b/trace.tar.pcap", 12, "a.b/trace.tar_0012.pcap"),
            ("a.b/trace", 9999, "a.b/trace_9999"),
            ("a/.pcap", 10_000, "a/.pcap_10000"),
        ] {
            assert_eq!(numbered(name, number), wanted);
        }
    }

    #[test]
    fn names_are_made_where_none_is_given() {
        let naming = Naming {
            started: Timestamp::from_secs(0),
            interface: "eth0.7".to_owned(),
            suffix: "pcapng",
        };
        for (key, wanted) in [
            ("", "capture_19700101T000000Z_eth0-7.pcapng"),
            ("case-17", "case-17/capture_19700101T000000Z_eth0-7.pcapng"),
            ("case-17/", "case-17/capture_19700101T000000Z_eth0-7.pcapng"),
            ("case-17/first.pcap", "case-17/first.pcap"),
        ] {
            assert_eq!(object_key(key, &naming).expect("it fits").as_str(), wanted);
        }
    }
}
