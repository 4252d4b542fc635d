//! `agent.toml`: what the owner of a host lets its agent do.

use crate::config::nearest;
use crate::config::parse;
use crate::failure::Failure;
use baleen_agent::limits::{CAPTURES_MAX, MEMORY_BYTES_DEFAULT, NEVER_MAX, SPOOL_BYTES_DEFAULT, SPOOL_BYTES_MIN};
use baleen_agent::{Allowed, Hours, ServerAddress, Settings};
use baleen_filter::Filter;
use baleen_ring::{ANY, RING_BYTES_MAX, SNAPLEN_MAX};
use baleen_types::LinkType;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// The folder of an agent, unless it is named.
const FOLDER: &str = "/var/lib/baleen-agent";

/// The shortest snap length: what the headers of a link need.
const SNAPLEN_LEAST: u32 = 32;

/// Interfaces of one capture.
const INTERFACES_MAX: usize = 16;

/// Longest name: that of a host.
const NAME_BYTES_MAX: usize = 255;

/// The settings with those of the program around them.
#[derive(Debug)]
pub(crate) struct AgentConfig {
    pub(crate) settings: Settings,
    pub(crate) log_level: String,
    pub(crate) log_is_json: bool,
    /// Whether the process gives up what it does not need.
    pub(crate) confine: bool,
    /// Who the process goes on as; who started it, without.
    pub(crate) user: Option<String>,
}

impl AgentConfig {
    /// Reads a file; tells of all mistakes at once.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("the settings {} cannot be read: {error}", path.display()))
                .advise("name another file with --config FILE; docs/reference/agents.md has all that can be in it")
        })?;
        Self::parse(&text).map_err(|mistakes| {
            let count = match mistakes.len() {
                1 => "1 mistake".to_owned(),
                n => format!("{n} mistakes"),
            };
            let failure = Failure::usage(format!("the settings {} have {count}", path.display()));
            mistakes.into_iter().fold(failure, Failure::advise)
        })
    }

    fn parse(text: &str) -> Result<Self, Vec<String>> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| vec![error.to_string()])?;
        let mut from = Reader {
            table,
            mistakes: Vec::new(),
        };
        let is_servers = OF_A_SERVER.iter().any(|key| from.table.contains_key(*key));
        let server = from.text("server", |text| {
            ServerAddress::parse(text).map(Some).map_err(|error| error.to_string())
        });
        if from.mistakes.is_empty() && server.is_none() {
            from.mistakes
                .push("server is missing: where the server takes agents, such as capture.example:9003".to_owned());
        }
        let name = from.text("name", name).unwrap_or_else(host_name);
        let folder = from.text("folder", folder).unwrap_or_else(|| PathBuf::from(FOLDER));
        let spool_bytes = from
            .text("spool", size((SPOOL_BYTES_MIN, 1 << 50)))
            .unwrap_or(SPOOL_BYTES_DEFAULT);
        let block = baleen_ring::Settings::default().block_bytes;
        let ring_bytes = from.text("ring", size((2 * block as u64, RING_BYTES_MAX as u64)));
        let mut ring = baleen_ring::Settings::default();
        if let Some(bytes) = ring_bytes {
            // Within what an address is.
            ring.blocks = usize::try_from(bytes).unwrap_or(RING_BYTES_MAX) / block;
        }
        let allowed = Allowed {
            interfaces: from.list("interfaces", INTERFACES_MAX, interface),
            promiscuous: from.switch("promiscuous").unwrap_or(true),
            never: from.list("never", NEVER_MAX, never),
            snaplen_max: from
                .number("snaplen_max", (SNAPLEN_LEAST, SNAPLEN_MAX))
                .unwrap_or(SNAPLEN_MAX),
            captures_max: from.number("captures", (1, CAPTURES_MAX)).unwrap_or(CAPTURES_MAX),
            time_max: from.text("time_max", time),
            packets_per_second_max: from.number("packets_per_second", (1, u64::MAX >> 1)),
            hours: from.text("hours", |text| {
                Hours::parse(text).map(Some).map_err(|error| error.to_string())
            }),
        };
        if allowed.interfaces.len() > 1 && allowed.interfaces.iter().any(|name| name == ANY) {
            from.mistakes
                .push("interfaces: `any` is all of them already; name no other beside it".to_owned());
        }
        if let Err(error) = together(&allowed.never) {
            from.mistakes.push(format!("never: {error}"));
        }
        let memory_bytes = from.text("memory", size((1 << 20, 1 << 50)));
        let log_level = from
            .text("log_level", |text| parse::log_level(text).map(Some))
            .unwrap_or_else(|| "info".to_owned());
        let log_is_json = from.text("log_format", format).unwrap_or(false);
        let confine = from.switch("confine").unwrap_or(true);
        let user = from.text("user", |text| parse::user(text).map(Some));
        if user.is_some() && !confine {
            from.mistakes
                .push("user: with confine = false nothing is given up; leave one of them out".to_owned());
        }
        from.strange(text);
        if is_servers {
            from.mistakes
                .push("these look like the settings of a server: baleen config check FILE looks at those".to_owned());
        }
        let Some(server) = server.filter(|_| from.mistakes.is_empty()) else {
            return Err(from.mistakes);
        };
        let mut settings = Settings {
            server,
            name,
            folder,
            spool_bytes,
            allowed,
            ring,
            memory_bytes: memory_bytes.unwrap_or(MEMORY_BYTES_DEFAULT),
        };
        let one = settings.capture_bytes();
        match memory_bytes {
            Some(bytes) if bytes < one => {
                return Err(vec![format!(
                    "memory: one capture takes {} MiB with these rings; that much at least is expected",
                    one.div_ceil(1 << 20)
                )]);
            }
            Some(_) => {}
            // Or nothing could be captured with large rings.
            None => settings.memory_bytes = settings.memory_bytes.max(one),
        }
        Ok(Self {
            settings,
            log_level,
            log_is_json,
            confine,
            user,
        })
    }
}

/// All settings of an agent.
pub(crate) const ALL: &[&str] = &[
    "server",
    "name",
    "interfaces",
    "promiscuous",
    "never",
    "snaplen_max",
    "captures",
    "time_max",
    "packets_per_second",
    "hours",
    "folder",
    "spool",
    "ring",
    "memory",
    "confine",
    "user",
    "log_level",
    "log_format",
];

/// Of those of a server, some that are in most of its files.
const OF_A_SERVER: &[&str] = &["data", "site", "listen", "capture", "process"];

/// Takes values out of a table and gathers mistakes.
struct Reader {
    table: Table,
    mistakes: Vec<String>,
}

impl Reader {
    fn text<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<Option<T>, String>) -> Option<T> {
        let why = match self.table.remove(key)? {
            Value::String(text) => match parse(&text) {
                Ok(value) => return value,
                Err(why) => why,
            },
            _ => "a text in quotes is expected".to_owned(),
        };
        self.mistakes.push(format!("{key}: {why}"));
        None
    }

    fn list<T>(&mut self, key: &str, most: usize, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some(value) = self.table.remove(key) else {
            return Vec::new();
        };
        let Value::Array(values) = value else {
            self.mistakes
                .push(format!("{key}: a list is expected, such as [\"..\", \"..\"]"));
            return Vec::new();
        };
        if values.len() > most {
            self.mistakes.push(format!("{key}: at most {most} are possible"));
        }
        let mut read = Vec::new();
        for value in values {
            let parsed = value.as_str().ok_or_else(|| "texts in quotes are expected".to_owned());
            match parsed.and_then(&parse) {
                Ok(value) => read.push(value),
                Err(why) => self.mistakes.push(format!("{key}: {why}")),
            }
        }
        read
    }

    fn switch(&mut self, key: &str) -> Option<bool> {
        let value = self.table.remove(key)?;
        if value.as_bool().is_none() {
            self.mistakes.push(format!("{key}: true or false is expected"));
        }
        value.as_bool()
    }

    fn number<T>(&mut self, key: &str, (least, most): (T, T)) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Copy + std::fmt::Display,
    {
        let number = self
            .table
            .remove(key)?
            .as_integer()
            .and_then(|number| T::try_from(number).ok());
        let fits = number.filter(|number| *number >= least && *number <= most);
        if fits.is_none() {
            let why = format!("{key}: a whole number from {least} to {most} is expected");
            self.mistakes.push(why);
        }
        fits
    }

    /// What is left has no meaning.
    fn strange(&mut self, text: &str) {
        let of = |key: &String| {
            let is_it = |line: &str| {
                let rest = line
                    .trim_start_matches([' ', '\t', '[', '"'])
                    .strip_prefix(key.as_str());
                rest.is_some_and(|rest| rest.starts_with([' ', '\t', '=', '.', ']', '"']))
            };
            let line = text.lines().position(is_it);
            let line = line.map_or(String::new(), |line| format!(" (line {})", line + 1));
            match nearest(key, ALL.iter().copied()) {
                Some(meant) => format!("{key} is no setting of an agent{line}; did you mean {meant}?"),
                None => format!("{key} is no setting of an agent{line}"),
            }
        };
        let strange: Vec<_> = self.table.keys().map(of).collect();
        self.mistakes.extend(strange);
    }
}

fn name(text: &str) -> Result<Option<String>, String> {
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !is_plain {
        return Err("1 to 255 visible ASCII characters are expected".to_owned());
    }
    Ok(Some(text.to_owned()))
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name_or(name.trim(), "agent")
}

fn name_or(text: &str, other: &str) -> String {
    name(text).ok().flatten().unwrap_or_else(|| other.to_owned())
}

fn folder(text: &str) -> Result<Option<PathBuf>, String> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err("a path from the root on is expected".to_owned());
    }
    Ok(Some(path))
}

fn size((least, most): (u64, u64)) -> impl Fn(&str) -> Result<Option<u64>, String> {
    move |text| parse::size_within(least, most)(text).map(Some)
}

fn time(text: &str) -> Result<Option<Duration>, String> {
    match parse::duration(text)? {
        Duration::ZERO => Err("more than nothing is expected".to_owned()),
        time => Ok(Some(time)),
    }
}

fn interface(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.len() <= 15 && !text.contains(|c: char| c.is_whitespace() || c == '/');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no name of an interface"))
}

/// An expression of what is never given. Every packet is no such thing: then there would be no agent.
fn never(text: &str) -> Result<Filter, String> {
    match Filter::expression(text) {
        Ok(Filter::All) => Err("an expression is expected, such as \"host 192.0.2.7\"".to_owned()),
        Ok(filter) => Ok(filter),
        Err(error) => Err(format!("{text:?}: {error}")),
    }
}

/// Whether they can be left out together, as far as Ethernet tells.
fn together(never: &[Filter]) -> Result<(), baleen_filter::Error> {
    let link = LinkType::ETHERNET;
    let mut programs = Vec::new();
    for filter in never {
        programs.extend(filter.compile_behind_tags(link)?);
    }
    Filter::All.compile(link)?.excluding(&programs).map(drop)
}

fn format(text: &str) -> Result<Option<bool>, String> {
    match text {
        "text" => Ok(Some(false)),
        "json" => Ok(Some(true)),
        _ => Err("text or json is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_enough() {
        let config = AgentConfig::parse("server = \"capture.example:9003\"").unwrap();
        let settings = config.settings;
        assert_eq!(settings.server.to_string(), "capture.example:9003");
        assert_eq!(settings.spool().to_str(), Some("/var/lib/baleen-agent/spool"));
        assert_eq!(
            (settings.spool_bytes, settings.allowed.snaplen_max),
            (2 << 30, SNAPLEN_MAX)
        );
        assert!(settings.allowed.never.is_empty() && settings.allowed.promiscuous && !settings.name.is_empty());
        assert_eq!(
            (config.log_level.as_str(), config.log_is_json, config.confine),
            ("info", false, true)
        );
        assert_eq!(settings.memory_bytes, 1 << 30);
        // One capture there can be, whatever its rings.
        let large = AgentConfig::parse("server = \"a:1\"\nring = \"1GiB\"")
            .unwrap()
            .settings;
        assert_eq!(large.memory_bytes, large.capture_bytes());
    }

    #[test]
    fn every_setting_is_read() {
        let config = AgentConfig::parse(
            "server = \"192.0.2.7:1\"\nname = \"edge 7\"\nfolder = \"/srv/agent\"\nspool = \"64MiB\"\nring = \"8MiB\"\nmemory = \"100MiB\"\n\
             interfaces = [\"eth1\", \"eth2\"]\npromiscuous = false\nnever = [\"port 22\", \"host 10.0.0.1 or icmp\"]\n\
             snaplen_max = 96\ncaptures = 3\ntime_max = \"1h\"\npackets_per_second = 5000\nhours = \"22:00-06:00\"\nlog_level = \"debug\"\nlog_format = \"json\"\nuser = \"1000:1000\"\n",
        )
        .unwrap();
        let settings = config.settings;
        assert_eq!((settings.name.as_str(), settings.ring.blocks), ("edge 7", 8));
        assert_eq!(settings.folder.to_str(), Some("/srv/agent"));
        assert_eq!(settings.memory_bytes, 100 << 20);
        let allowed = settings.allowed;
        assert_eq!(
            (allowed.interfaces.len(), allowed.never.len(), allowed.snaplen_max),
            (2, 2, 96)
        );
        assert_eq!((allowed.captures_max, allowed.packets_per_second_max), (3, Some(5000)));
        assert_eq!(
            (allowed.time_max, allowed.hours),
            (Some(Duration::from_secs(3600)), Hours::parse("22:00-06:00").ok())
        );
        assert!(!allowed.promiscuous && config.log_is_json && config.confine);
        assert_eq!(config.user.as_deref(), Some("1000:1000"));
        let open = AgentConfig::parse("server = \"a:1\"\nconfine = false").unwrap();
        assert!(!open.confine && open.user.is_none());
    }

    /// The list of names has all of them: what is read of a file of these is no stranger.
    #[test]
    fn every_setting_is_listed() {
        let text = format!("{} = {{}}\n", ALL.join(" = {}\n"));
        let mistakes = AgentConfig::parse(&text).unwrap_err();
        assert!(
            !mistakes.iter().any(|mistake| mistake.contains("is no setting")),
            "{mistakes:?}"
        );
    }

    #[test]
    fn mistakes_are_told_all_at_once() {
        for (text, words) in [
            ("", &["server is missing"][..]),
            ("server = 7", &["server: a text"]),
            ("server = \"x\"", &["server"]),
            (
                "server = \"a:1\"\nserverr = 1",
                &["serverr is no setting of an agent (line 2); did you mean server?"],
            ),
            (
                "server = \"a:1\"\n[listen]\ns3 = \"x\"",
                &["listen is no setting of an agent (line 2)", "baleen config check"],
            ),
            ("server = \"a:1\"\n[log]\nlevel = \"x\"", &["log is no setting"]),
            ("server = ", &[""]),
            (
                "server = \"a:1\"\nname = \"\"\nfolder = \"x\"\nspool = \"1MiB\"\nring = \"1\"\ninterfaces = \"eth0\"\n\
                 promiscuous = 1\nnever = [\"tcp prt 1\", \"\", 7]\nsnaplen_max = 31\nlog_format = \"xml\"",
                &[
                    "name",
                    "folder",
                    "spool",
                    "ring",
                    "interfaces",
                    "promiscuous",
                    "never",
                    "never",
                    "never",
                    "snaplen_max",
                    "log_format",
                ],
            ),
            ("server = \"a:1\"\ninterfaces = [\"any\", \"eth0\"]", &["interfaces"]),
            (
                "server = \"a:1\"\ninterfaces = [\"a/b\", \"\", \"an-interface-too-long\"]",
                &["interfaces"; 3],
            ),
            ("server = \"a:1\"\nsnaplen_max = 300000", &["snaplen_max"]),
            (
                "server = \"a:1\"\nlog_level = \"loud\"",
                &["log_level: \"loud\" is no level"],
            ),
            ("server = \"a:1\"\nuser = \"a b\"", &["user"]),
            (
                "server = \"a:1\"\nuser = \"x\"\nconfine = false",
                &["user: with confine"],
            ),
            (
                "server = \"a:1\"\ncaptures = 0\ntime_max = \"0\"\npackets_per_second = -1\nhours = \"6-22\"",
                &["captures", "time_max", "packets_per_second", "hours"],
            ),
            (
                "server = \"a:1\"\nmemory = \"90MiB\"",
                &["memory: one capture takes 98 MiB"],
            ),
        ] {
            let mistakes = AgentConfig::parse(text).unwrap_err();
            assert_eq!(mistakes.len(), words.len(), "{mistakes:?}");
            for word in words {
                assert!(
                    mistakes.iter().any(|mistake| mistake.contains(word)),
                    "{word}: {mistakes:?}"
                );
            }
        }
    }
}
