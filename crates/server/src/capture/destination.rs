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

impl Destination {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text == "-" {
            return Ok(Self::Pipe);
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.split_once("://") {
                Some((scheme, _)) => Err(Failure::usage(format!("{scheme}:// is not known as a destination"))
                    .advise("name s3://bucket/prefix/, a file, or - for standard output")),
                None => Ok(Self::File(path_of(text))),
            };
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let bucket = BucketName::parse(bucket).map_err(|error| Failure::usage(format!("{text}: {error}")))?;
        Ok(Self::Bucket {
            bucket,
            key: key.to_owned(),
        })
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
