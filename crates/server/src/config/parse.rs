//! Reads the values of settings and flags. Each function says what would be right.

use baleen_capture::Rotation;
use baleen_capture::engine::{ROTATION_BYTES_MIN, ROTATION_TIME_MIN};
use baleen_objects::RegionFolder;
use baleen_types::{RegionName, format_bytes};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Reads an address with port; port 0 lets the system choose one.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "an IP address with a port is expected, such as 127.0.0.1:9000 or [::1]:9000".to_owned())
}

/// Reads a switch.
pub(crate) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off is expected".to_owned()),
    }
}

/// Reads how much is logged: a level for all, and others by module. A bare word that is no level would be taken for a module by who filters, at
/// its finest, and nothing else would be logged at all, not even errors.
pub(crate) fn log_level(text: &str) -> Result<String, String> {
    let directives: Result<Vec<_>, _> = text.split(',').map(|one| directive(one.trim())).collect();
    let directives = directives?.join(",");
    match tracing_subscriber::EnvFilter::builder().parse(&directives) {
        Ok(_) => Ok(directives),
        Err(error) => Err(format!(
            "{error}; a level such as info, or info,baleen_meta=debug, is expected"
        )),
    }
}

fn directive(text: &str) -> Result<String, String> {
    let Some((module, word)) = text.rsplit_once('=') else {
        return level(text).map(str::to_owned);
    };
    let is_module = !module.is_empty() && module.chars().all(|c| c.is_ascii_alphanumeric() || "_-:".contains(c));
    if !is_module {
        return Err(format!(
            "{module:?} is no name of a module; baleen_meta=debug is one with its level"
        ));
    }
    Ok(format!("{module}={}", level(word)?))
}

/// One level, in lower case.
fn level(text: &str) -> Result<&'static str, String> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok("off"),
        "error" => Ok("error"),
        // As syslog and others call it.
        "warn" | "warning" => Ok("warn"),
        "info" => Ok("info"),
        "debug" => Ok("debug"),
        "trace" => Ok("trace"),
        _ => Err(format!(
            "{text:?} is no level; error, warn, info, debug or trace is expected"
        )),
    }
}

/// Reads what may be a user of the system: which there is shows when it is looked for.
pub(crate) fn user(text: &str) -> Result<String, String> {
    // Longest name of a user (useradd(8)).
    const BYTES_MAX: usize = 32;
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$:".contains(c));
    if text.is_empty() || text.len() > BYTES_MAX || !is_plain {
        return Err("the name of a user is expected, or two numbers, such as 1000:1000".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads a whole number between two bounds, both allowed.
pub(crate) fn number<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String>
where
    T: FromStr + PartialOrd + Copy + std::fmt::Display,
{
    move |text| {
        text.parse()
            .ok()
            .filter(|n| *n >= least && *n <= most)
            .ok_or_else(|| format!("a whole number from {least} to {most} is expected"))
    }
}

/// Reads a size in bytes: `1048576`, `64KiB`, `64 MiB`, `2G` (binary, as `KiB`), `10MB` (decimal).
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let refuse = || "a size is expected, such as 64MiB or 1048576".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(refuse()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(refuse)
}

/// Reads a size between two bounds, both allowed.
pub(crate) fn size_within(least: u64, most: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let bytes = size(text)?;
        if (least..=most).contains(&bytes) {
            Ok(bytes)
        } else {
            Err(format!(
                "a size from {} to {} is expected",
                format_bytes(least),
                format_bytes(most)
            ))
        }
    }
}

/// The same where `0` is no limit.
pub(crate) fn zero_or(
    parse: impl Fn(&str) -> Result<u64, String>,
) -> impl Fn(&str) -> Result<Option<NonZeroU64>, String> {
    move |text| match text {
        "0" => Ok(None),
        text => parse(text).map(NonZeroU64::new),
    }
}

/// The same where `auto` leaves it to the program.
pub(crate) fn auto_or<T>(parse: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| match text {
        "auto" => Ok(None),
        text => parse(text).map(Some),
    }
}

/// The same for bytes of memory.
pub(crate) fn bytes_within((least, most): (usize, usize)) -> impl Fn(&str) -> Result<usize, String> {
    let within = size_within(least as u64, most as u64);
    // Between two values of its own type.
    move |text| within(text).map(|bytes| usize::try_from(bytes).unwrap_or(most))
}

/// Reads a length of time: `30` (seconds), `30s`, `500ms`, `5m`, `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || "a length of time is expected, such as 30s, 500ms, 5m or 2h".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refuse())?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs).ok_or_else(refuse);
    match unit.trim() {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => Err(refuse()),
    }
}

/// Reads the `-t` of a capture, which must leave room for something.
pub(crate) fn limit_of_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("-t must be longer than 0".to_owned()),
        time => Ok(time),
    }
}

/// Reads the `-c` of a capture.
pub(crate) fn limit_of_packets(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("-c must be at least 1".to_owned()),
        Ok(packets) => Ok(packets),
        Err(_) => Err("a whole number is expected".to_owned()),
    }
}

/// Reads the `-C` of a capture.
pub(crate) fn limit_of_bytes(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("-C must be at least 1".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Reads the `-s` of a capture; 0 is all of each packet, as tcpdump has it.
pub(crate) fn snaplen(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) => Ok(baleen_ring::SNAPLEN_MAX),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err("a whole number is expected".to_owned()),
    }
}

/// Reads the `--rotate` of a capture: a size with its unit, `100MiB`, or a time with its, `60s`. The last letter tells them
/// apart, since both know an `m`.
pub(crate) fn rotation(text: &str) -> Result<Rotation, String> {
    if text.ends_with(['b', 'B']) {
        let bytes = size_within(ROTATION_BYTES_MIN, 1 << 50)(text)?;
        return Ok(Rotation {
            bytes: Some(bytes),
            every: None,
        });
    }
    let expected = "a size such as 100MiB or a time such as 60s is expected";
    let every = duration_with_unit(text).map_err(|_| expected.to_owned())?;
    if every < ROTATION_TIME_MIN {
        return Err("a file lasts at least 1s".to_owned());
    }
    Ok(Rotation {
        bytes: None,
        every: Some(every),
    })
}

/// Reads a length of time that names its unit: in a file a bare number leaves the reader guessing.
pub(crate) fn duration_with_unit(text: &str) -> Result<Duration, String> {
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("a unit is expected, such as {text}s for seconds"));
    }
    duration(text)
}

/// Reads a length of time between two bounds, both allowed, which are told in words.
pub(crate) fn duration_within(
    (least, most): (Duration, Duration),
    bounds: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let time = duration_with_unit(text)?;
        if (least..=most).contains(&time) {
            Ok(time)
        } else {
            Err(format!("a time from {bounds} is expected"))
        }
    }
}

/// Reads a text that is not empty.
pub(crate) fn text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a text is expected".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Reads a DNS name.
pub(crate) fn domain(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.to_ascii_lowercase();
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(name)
    } else {
        Err("a DNS name is expected, such as s3.example.net".to_owned())
    }
}

/// Reads a region with the folder of its copies.
pub(crate) fn region_folder(text: &str) -> Result<RegionFolder, String> {
    let refuse = || "a region and an absolute path are expected, such as west=/mnt/west/copies".to_owned();
    let (name, folder) = text.split_once('=').ok_or_else(refuse)?;
    let name = RegionName::parse(name.trim()).map_err(|invalid| invalid.why)?;
    let folder = PathBuf::from(folder.trim());
    if folder.is_absolute() {
        Ok(RegionFolder { name, folder })
    } else {
        Err(refuse())
    }
}

/// Reads the name of a network interface, as Linux allows it (at most 15 bytes, no blank, no slash).
pub(crate) fn interface(text: &str) -> Result<String, String> {
    let fits = (1..=15).contains(&text.len())
        && !matches!(text, "." | "..")
        && !text.bytes().any(|b| b == b'/' || b == b':' || b.is_ascii_whitespace());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("the name of a network interface is expected, such as eth0, or any".to_owned())
    }
}

#[cfg(test)]
mod tests;
