//! The checks, in the order in which a new operator meets their subjects.

use super::Finding;
use super::probes::{self, Sync};
use crate::config::Config;
use crate::folder;
use baleen_filter::Expression;
use baleen_types::{LinkType, format_bytes};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Free space below which a few captures fill the disk.
const FREE_SPACE_LEAST: u64 = 1 << 30;

/// Flush time above which durable writes feel slow: 50 small objects a second and client.
const SYNC_SLOW: Duration = Duration::from_millis(20);

/// Open files below which many clients together exhaust them.
const OPEN_FILES_LEAST: u64 = 4096;

/// Tools of the last look, and the Debian package that has each.
const TOOLS: [(&str, &str); 2] = [("tshark", "tshark"), ("sharkd", "wireshark-common")];

/// A filter that every libpcap compiles.
const FILTER_SAMPLE: &str = "tcp port 443";

/// Runs all checks.
pub(super) fn all(config: &Config) -> Vec<Finding> {
    let mut findings = vec![
        capture_right(),
        filter_compiler(),
        capture_interfaces(&config.capture.interfaces),
    ];
    let data = config.data.as_deref();
    findings.extend(data.map_or_else(|| vec![no_data_folder()], data_folder));
    let is_running = data.is_some_and(folder::is_held);
    let listen = &config.listen;
    for (subject, address) in [
        ("port s3", listen.s3),
        ("port api", listen.api),
        ("port ops", listen.ops),
    ] {
        findings.push(port(subject, address, is_running));
    }
    findings.extend([open_files(), clock()]);
    findings.extend(TOOLS.map(|(name, package)| tool(name, package)));
    findings
}

/// What grants the right to capture to this very file.
pub(crate) fn setcap_advice() -> String {
    let path = std::env::current_exe().map_or_else(|_| "baleen".to_owned(), |path| path.display().to_string());
    format!("sudo setcap cap_net_raw+ep {path}")
}

/// Tells whether this process may open packet sockets.
pub(crate) fn may_capture() -> bool {
    probes::effective_capabilities().is_none_or(|set| set & probes::CAP_NET_RAW != 0)
}

fn capture_right() -> Finding {
    if may_capture() {
        Finding::good("capture right", "this process has CAP_NET_RAW")
    } else {
        Finding::missing("capture right", "this process lacks CAP_NET_RAW", setcap_advice())
    }
}

fn filter_compiler() -> Finding {
    let compiled = Expression::parse(FILTER_SAMPLE).and_then(|filter| filter.compile(LinkType::ETHERNET));
    match compiled {
        Ok(_) => Finding::good("libpcap", "compiles capture filters"),
        Err(error) => Finding::missing(
            "libpcap",
            format!("refuses the filter \"{FILTER_SAMPLE}\": {error}"),
            "sudo apt-get install --reinstall libpcap0.8",
        ),
    }
}

fn capture_interfaces(named: &[String]) -> Finding {
    const SUBJECT: &str = "interfaces";
    let strange: Vec<String> = named
        .iter()
        .filter_map(|name| baleen_ring::find_interface(name).err())
        .map(|error| error.to_string())
        .collect();
    if !strange.is_empty() {
        return Finding::missing(
            SUBJECT,
            strange.join("; "),
            "name one that is there with --capture-interface",
        );
    }
    if !named.is_empty() {
        return Finding::good(SUBJECT, named.join(", "));
    }
    match baleen_ring::default_interface() {
        Ok(chosen) => Finding::good(SUBJECT, format!("{} (of the default route)", chosen.name)),
        Err(error) => Finding::warning(
            SUBJECT,
            format!("{error}; captures are taken from lo"),
            "name the interface to capture from with --capture-interface",
        ),
    }
}

fn no_data_folder() -> Finding {
    Finding::warning(
        "data folder",
        "none is named, so the disk is not checked",
        "name it with --data DIR or BALEEN_DATA",
    )
}

fn data_folder(path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A folder that is not there yet is made by `serve`; what counts is the disk it will be on.
    let Some(there) = path
        .ancestors()
        .find(|ancestor| ancestor.is_dir())
        .or(Some(Path::new(".")))
    else {
        return findings;
    };
    findings.push(match probes::free_space(there) {
        Ok(free) if free < FREE_SPACE_LEAST => Finding::warning(
            "disk space",
            format!("{} are free at {}", format_bytes(free), there.display()),
            format!(
                "free at least {} or name a folder on another disk",
                format_bytes(FREE_SPACE_LEAST)
            ),
        ),
        Ok(free) => Finding::good(
            "disk space",
            format!("{} are free at {}", format_bytes(free), there.display()),
        ),
        Err(error) => Finding::warning("disk space", format!("cannot be told: {error}"), "look at it with df"),
    });
    findings.push(match probes::sync_time(there) {
        Ok(Sync { median, worst }) => {
            let found = format!(
                "{:.1} ms in the median, {:.1} ms at worst",
                millis(median),
                millis(worst)
            );
            if median > SYNC_SLOW {
                let advice = "every acknowledged write waits for one flush; a disk with a protected cache is faster";
                Finding::warning("disk flush", found, advice)
            } else {
                Finding::good("disk flush", found)
            }
        }
        Err(error) => Finding::missing(
            "disk flush",
            format!("{} cannot be written: {error}", there.display()),
            "give this user the right to write there, or name another folder with --data DIR",
        ),
    });
    findings
}

fn port(subject: &'static str, address: SocketAddr, is_running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(subject, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_running => Finding::good(
            subject,
            format!("{address} is in use, and baleen runs in the data folder"),
        ),
        Err(error) => {
            let door = subject.rsplit(' ').next().unwrap_or(subject);
            let advice = format!("choose another address with --listen-{door}; `ss -ltnp` shows who has it");
            Finding::missing(subject, format!("{address} cannot be listened on: {error}"), advice)
        }
    }
}

fn open_files() -> Finding {
    match probes::open_files_limit() {
        Some(limit) if limit < OPEN_FILES_LEAST => Finding::warning(
            "open files",
            format!("at most {limit}"),
            format!("ulimit -n {OPEN_FILES_LEAST}, or LimitNOFILE= in the systemd unit"),
        ),
        Some(limit) => Finding::good("open files", format!("at most {limit}")),
        None => Finding::warning("open files", "the limit cannot be told", "look at it with ulimit -n"),
    }
}

fn clock() -> Finding {
    if probes::clock_is_synchronized() {
        Finding::good("clock", "set by a time service")
    } else {
        Finding::warning(
            "clock",
            "no time service is seen to set it",
            "run one (chrony, systemd-timesyncd): signatures are refused when a clock is 15 minutes off",
        )
    }
}

fn tool(name: &'static str, package: &str) -> Finding {
    match probes::find_program(name) {
        Some(path) => Finding::good(name, path.display().to_string()),
        None => Finding::warning(name, "not found", format!("sudo apt-get install {package}")),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
