//! The checks, in the order in which a new operator meets their subjects.

use super::probes::{self, Sync};
use super::{Finding, Verdict};
use crate::agents;
use crate::config::{Config, TlsFiles};
use crate::confine::{self, Place, Used};
use crate::folder;
use crate::regions::check_folders;
use crate::tls::{Certificate, Life};
use baleen_confine::{Needs, User};
use baleen_filter::Expression;
use baleen_objects::RegionFolder;
use baleen_runtime::{Clock, SystemClock};
use baleen_types::{LinkType, format_bytes};
use std::borrow::Cow;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
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

/// Runs all checks; `made_for` is who a server is to go on as that root starts, and for whom root makes its folders.
pub(super) fn all(config: &Config, needs: &Needs, made_for: Option<&User>) -> Vec<Finding> {
    let mut findings = vec![
        capture_right(),
        confinement(config, needs),
        filter_compiler(),
        capture_interfaces(&config.capture.interfaces),
    ];
    let data = config.data.as_deref();
    findings.extend(data.map_or_else(|| vec![no_data_folder()], |data| data_folder(data, made_for)));
    findings.extend(places(config, needs));
    findings.extend(regions(config));
    findings.extend(look_back(config, made_for));
    findings.extend(config.tls.as_ref().map(certificate));
    let is_running = data.is_some_and(folder::is_held);
    let listen = &config.listen;
    for (subject, address, setting) in [
        ("port s3", Some(listen.s3), "--listen-s3"),
        ("port api", Some(listen.api), "--listen-api"),
        ("port ops", Some(listen.ops), "--listen-ops"),
        ("port agents", listen.agents, "listen.agents"),
    ] {
        findings.extend(address.map(|address| port(subject, address, setting, is_running)));
    }
    findings.extend(listen.agents.map(|address| agent_names(config, address)));
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

fn confinement(config: &Config, needs: &Needs) -> Finding {
    const SUBJECT: &str = "confinement";
    if config.confine {
        let kept = confine::kept_in_words(needs);
        if confine::is_root() {
            let found = format!("{kept}; {}", confine::ROOT_OWNS);
            return Finding::warning(SUBJECT, found, confine::ADVICE_AGAINST_ROOT);
        }
        return Finding::good(SUBJECT, kept);
    }
    Finding::warning(
        SUBJECT,
        "baleen serve keeps all rights that it is started with",
        "process.confine = \"on\", which is usual",
    )
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

fn data_folder(path: &Path, made_for: Option<&User>) -> Vec<Finding> {
    let there = there_of(path);
    let flush = is_made("disk flush", path, made_for);
    vec![
        disk_space("disk space".into(), there, FREE_SPACE_LEAST),
        flush.unwrap_or_else(|| disk_flush("disk flush".into(), there, "name another folder with --data DIR")),
    ]
}

/// That root will make a folder for who serves: what is above it is rightly not that user's to write.
fn is_made(subject: &'static str, path: &Path, made_for: Option<&User>) -> Option<Finding> {
    let user = made_for.filter(|_| !path.exists() && !confine::may_make(there_of(path).join("x").as_path()))?;
    Some(Finding::good(
        subject,
        format!(
            "{} is made for {user} at the start; then it can be measured",
            path.display()
        ),
    ))
}

/// The folder itself, or the one that it will be made in: what counts is the disk.
fn there_of(path: &Path) -> &Path {
    let mut ancestors = path.ancestors();
    ancestors.find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("."))
}

fn disk_space(subject: Cow<'static, str>, there: &Path, least: u64) -> Finding {
    match probes::free_space(there) {
        Ok(free) if free < least => Finding::warning(
            subject,
            format!("{} are free at {}", format_bytes(free), there.display()),
            format!("free at least {} or name a folder on another disk", format_bytes(least)),
        ),
        Ok(free) => Finding::good(
            subject,
            format!("{} are free at {}", format_bytes(free), there.display()),
        ),
        Err(error) => Finding::warning(subject, format!("cannot be told: {error}"), "look at it with df"),
    }
}

fn disk_flush(subject: Cow<'static, str>, there: &Path, other: &str) -> Finding {
    match probes::sync_time(there) {
        Ok(Sync { median, worst }) => {
            let found = format!(
                "{:.1} ms in the median, {:.1} ms at worst",
                millis(median),
                millis(worst)
            );
            if median > SYNC_SLOW {
                let advice = "every acknowledged write waits for one flush; a disk with a protected cache is faster";
                Finding::warning(subject, found, advice)
            } else {
                Finding::good(subject, found)
            }
        }
        Err(error) => Finding::missing(
            subject,
            format!("{} cannot be written: {error}", there.display()),
            format!("give this user the right to write there, or {other}"),
        ),
    }
}

/// What the settings name and somebody else owns, as a confined process will find it.
fn places(config: &Config, needs: &Needs) -> Vec<Finding> {
    let Some(who) = confine::by_name_alone(needs.user.as_ref()) else {
        return Vec::new();
    };
    let of = |place: &Place| {
        let (found, owner) = confine::unusable(place)?;
        let (found, advice) = (
            format!(
                "{}: {} belongs to user {}",
                place.what,
                found.display(),
                confine::in_words(owner)
            ),
            confine::advice_on(&place.path, &who),
        );
        Some(match place.used {
            Used::Later => Finding::warning("owner", found, advice),
            Used::Always | Used::Read => Finding::missing("owner", found, advice),
        })
    };
    confine::of_server(config).iter().filter_map(of).collect()
}

/// The folders of the other regions. One that is not there keeps no server from starting, and its copies from being anywhere.
fn regions(config: &Config) -> Vec<Finding> {
    let nowhere = Path::new("");
    if let Err(failure) = check_folders(&config.regions, config.data.as_deref().unwrap_or(nowhere)) {
        let (what, advice) = failure.parts();
        return vec![Finding::missing("regions", what, advice)];
    }
    let of = |region: &RegionFolder| {
        let (subject, folder) = (format!("region {}", region.name), &region.folder);
        if !folder.is_dir() {
            return Finding::warning(
                subject,
                format!("{} is not there", folder.display()),
                "mount it if it is a disk of its own; a server that starts without makes a new one, and copies all into it",
            );
        }
        let flush = disk_flush(subject.clone().into(), folder, "name another folder for it in regions");
        if flush.verdict == Verdict::Missing {
            return flush;
        }
        disk_space(subject.into(), folder, FREE_SPACE_LEAST)
    };
    config.regions.iter().map(of).collect()
}

/// The folder of the look-back ring, if one is kept, and whether it can become as large as it may.
fn look_back(config: &Config, made_for: Option<&User>) -> Vec<Finding> {
    const SUBJECT: &str = "look-back";
    let Some(look_back) = &config.look_back else {
        return Vec::new();
    };
    let in_data = config.data.as_ref().map(|data| data.join("lookback"));
    let Some(folder) = look_back.folder.clone().or(in_data) else {
        return Vec::new();
    };
    let there = there_of(&folder);
    // What is kept there already is room for what will be.
    let kept = probes::bytes_in(&folder);
    let left = look_back.keeps.bytes.saturating_sub(kept).max(1);
    if let Some(made) = is_made(SUBJECT, &folder, made_for) {
        return vec![made];
    }
    let flush = disk_flush(SUBJECT.into(), there, "name another folder with lookback.folder");
    if flush.verdict == Verdict::Missing {
        return vec![flush];
    }
    let space = disk_space(SUBJECT.into(), there, left);
    vec![Finding {
        found: format!(
            "{}; it keeps {} of at most {}",
            space.found,
            format_bytes(kept),
            format_bytes(look_back.keeps.bytes)
        ),
        advice: space.advice.map(|advice| format!("{advice}, or lower lookback.bytes")),
        ..space
    }]
}

/// The certificate of the S3 and capture doors, without which, if it is set, no server starts.
fn certificate(files: &TlsFiles) -> Finding {
    const SUBJECT: &str = "certificate";
    let clock: Arc<dyn Clock> = SystemClock::new();
    match Certificate::load(files, &clock) {
        Ok(certificate) => match certificate.life() {
            Life::Good(words) => Finding::good(SUBJECT, words),
            Life::Bad(why) => {
                Finding::warning(SUBJECT, why, "renew it; SIGHUP makes a running server take the new one")
            }
        },
        Err(failure) => {
            let (what, advice) = failure.parts();
            Finding::missing(SUBJECT, what, advice)
        }
    }
}

fn port(subject: &'static str, address: SocketAddr, setting: &str, is_running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(subject, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_running => Finding::good(
            subject,
            format!("{address} is in use, and baleen runs in the data folder"),
        ),
        Err(error) => {
            let advice = format!("choose another address with {setting}; `ss -ltnp` shows who has it");
            Finding::missing(subject, format!("{address} cannot be listened on: {error}"), advice)
        }
    }
}

/// By which names agents may call this server. On all addresses without any that were named there is mostly none that they would use.
fn agent_names(config: &Config, address: SocketAddr) -> Finding {
    const SUBJECT: &str = "agents.names";
    let names = agents::names(&config.agents, address).join(", ");
    if config.agents.names.is_empty() && address.ip().is_unspecified() {
        return Finding::warning(
            SUBJECT,
            format!(
                "it is not set: agents may call this server {names} alone, and refuse it by any other name or address"
            ),
            "agents.names = [\"capture.example\", \"192.0.2.1\"], as `server` in their agent.toml says it",
        );
    }
    Finding::good(SUBJECT, names)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    /// The verdicts over subjects that begin so, with the settings of a file.
    fn found(file: &str, subject: &str) -> Vec<(Verdict, String)> {
        let sources = Sources {
            file: Some(("baleen.toml".into(), file.to_owned())),
            ..Sources::default()
        };
        let config = Config::load(sources).unwrap().config;
        let agents = config.listen.agents.map(|address| agent_names(&config, address));
        let findings = regions(&config)
            .into_iter()
            .chain(look_back(&config, None))
            .chain(agents);
        let of_it = findings.filter(|finding| finding.subject.starts_with(subject));
        of_it.map(|finding| (finding.verdict, finding.found)).collect()
    }

    #[test]
    fn names_for_agents_are_asked_for_where_none_would_do() {
        for (file, verdict) in [
            ("[listen]\nagents = \"0.0.0.0:9003\"", Verdict::Warning),
            ("[listen]\nagents = \"[::]:9003\"", Verdict::Warning),
            ("[listen]\nagents = \"192.0.2.1:9003\"", Verdict::Good),
            (
                "[listen]\nagents = \"0.0.0.0:9003\"\n[agents]\nnames = [\"a.example\"]",
                Verdict::Good,
            ),
        ] {
            assert_eq!(found(file, "agents.names")[0].0, verdict, "{file}");
        }
        assert_eq!(found("", "agents.names"), []);
    }

    /// Root makes a folder for who serves, wherever it lies: that is nothing to be mended.
    #[test]
    fn what_root_will_make_is_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        let user = User::named("65534:65534").unwrap();
        let folder = dir.path().join("var/baleen");
        // Who may make it measures the disk as before.
        assert_eq!(data_folder(&folder, Some(&user))[1].verdict, Verdict::Good);
        if !confine::is_root() {
            return;
        }
        let needs = Needs {
            rights: Vec::new(),
            user: Some(user.clone()),
        };
        let seen = |made_for| confine::as_confined(true, &needs, || data_folder(&folder, made_for)[1].verdict);
        assert_eq!((seen(Some(&user)), seen(None)), (Verdict::Good, Verdict::Missing));
        let told = confine::as_confined(true, &needs, || data_folder(&folder, Some(&user)).remove(1).found);
        assert!(told.contains("is made for 65534:65534 at the start"), "{told}");
    }

    #[test]
    fn the_folders_beside_the_data_folder_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["data", "west", "other/blobs", "other/meta"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("west/kept"), [0; 5000]).unwrap();
        let root = dir.path().display();
        let file = |regions: &str, rest: &str| format!("data = \"{root}/data\"\nregions = [{regions}]\n{rest}");
        assert_eq!(found(&file("", ""), ""), []);
        let two = file(&format!("\"w={root}/west\", \"e={root}/east\""), "");
        let said = found(&two, "region ");
        assert_eq!(said.len(), 2);
        assert!(said[0].1.contains("free at"), "{said:?}");
        assert_eq!(
            (said[1].0, said[1].1.as_str()),
            (Verdict::Warning, format!("{root}/east is not there").as_str())
        );
        let foreign = found(&file(&format!("\"w={root}/other\""), ""), "regions");
        assert!(
            foreign[0].0 == Verdict::Missing && foreign[0].1.contains("of another store"),
            "{foreign:?}"
        );
        let ring = |bytes: &str| {
            let lookback = format!("[lookback]\nenabled = \"on\"\nfolder = \"{root}/west\"\nbytes = \"{bytes}\"\n");
            found(&file("", &lookback), "look-back")
        };
        let said = ring("16MiB");
        assert!(said[0].1.ends_with("it keeps 4.8 KiB of at most 16.0 MiB"), "{said:?}");
        assert_eq!(ring("64TiB")[0].0, Verdict::Warning);
    }
}
