//! `baleen schedule`: captures that a server begins by itself, as its PCAPs door has them.

use crate::cli::Place;
use crate::config::parse;
use crate::failure::Failure;
use crate::output;
use crate::pcaps::{Door, Whom};
use crate::serve::runtime;
use baleen_capture::{Cron, Rotation};
use baleen_types::ScheduleId;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// What to do with schedules, and whose.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    act: Act,
    /// The server's capture API [default: BALEEN_API, or the baleen that runs in the data folder].
    #[arg(long, global = true, value_name = "URL")]
    api: Option<String>,
    /// The profile with the API and the token.
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
enum Act {
    /// Make one: baleen schedule create nightly --cron '0 3 * * *' --runs 1 -t 60s s3://evidence/nightly
    Create(Box<Create>),
    /// List them, with when they are due and what the last time came to.
    List,
    /// Show one, with what its last times came to.
    Show(Which),
    /// Let one begin nothing until it is resumed; a capture under way goes on.
    Pause(Which),
    /// Let one go on from now.
    Resume(Which),
    /// Forget one; what it captured stays.
    Delete(Which),
}

/// One of them.
#[derive(Clone, Debug, Args)]
struct Which {
    /// Its id, or its name.
    #[arg(value_name = "ID|NAME")]
    schedule: String,
}

/// What to capture, when, and how much of it.
#[derive(Clone, Debug, Args)]
struct Create {
    /// Its name.
    name: String,
    /// The bucket, which was proven to be the account's: s3://bucket/prefix.
    #[arg(value_name = "DEST")]
    destination: String,
    /// When, in UTC: minute, hour, day, month and weekday as cron has them, or @hourly, @daily, ..
    #[arg(long, value_name = "PATTERN", required_unless_present_any = ["on_packet", "packets_per_second", "bits_per_second"])]
    cron: Option<String>,
    /// Not at times, but when a packet goes by that this filter takes, in tcpdump's language.
    #[arg(long, value_name = "EXPR", conflicts_with = "cron")]
    on_packet: Option<String>,
    /// Not at times, but when so many packets a second go by.
    #[arg(long, value_name = "PACKETS", conflicts_with_all = ["cron", "on_packet"])]
    packets_per_second: Option<u64>,
    /// Not at times, but when so many bits a second go by.
    #[arg(long, value_name = "BITS", conflicts_with_all = ["cron", "on_packet", "packets_per_second"])]
    bits_per_second: Option<u64>,
    /// The time over which a rate is taken, 1s to 60s [default: 5s].
    #[arg(long, value_name = "TIME", value_parser = parse::limit_of_time, conflicts_with_all = ["cron", "on_packet"])]
    window: Option<Duration>,
    /// Which packets count for a rate, in tcpdump's language [default: all].
    #[arg(long, value_name = "EXPR", conflicts_with_all = ["cron", "on_packet"])]
    counting: Option<String>,
    /// At most so many captures a day (UTC).
    #[arg(long, value_name = "CAPTURES")]
    runs: u32,
    /// At most so many packets a day, of all captures.
    #[arg(long, value_name = "PACKETS", value_parser = parse::limit_of_packets)]
    packets_a_day: Option<u64>,
    /// At most so many packet bytes a day, of all captures: 1GiB.
    #[arg(long, value_name = "BYTES", value_parser = parse::limit_of_bytes)]
    bytes_a_day: Option<u64>,
    /// How long each captures at most, 1s to 5m.
    #[arg(short, long, value_name = "TIME", value_parser = parse::limit_of_time)]
    time: Duration,
    /// End each after this many packets [default: 10000].
    #[arg(short, long, value_name = "PACKETS", value_parser = parse::limit_of_packets)]
    count: Option<u64>,
    /// End each before more than this of packet bytes is kept.
    #[arg(short = 'C', long, value_name = "BYTES", value_parser = parse::limit_of_bytes)]
    bytes: Option<u64>,
    /// The site or group of sites.
    #[arg(long, value_name = "NAME", default_value = "local")]
    site: String,
    /// A filter in tcpdump's language [default: every packet].
    #[arg(short, long, value_name = "EXPR")]
    filter: Option<String>,
    /// Go on in a further file behind so many bytes or so long a time: 100MiB, 60s; both may be given.
    #[arg(long, value_name = "SIZE|TIME", value_parser = parse::rotation)]
    rotate: Vec<Rotation>,
    /// The form of the files.
    #[arg(long, value_enum, default_value = "pcap")]
    format: FormatName,
    /// Keep only so many bytes of each packet.
    #[arg(short, long, value_name = "BYTES", value_parser = parse::snaplen)]
    snaplen: Option<u32>,
    /// Keep headers only.
    #[arg(long)]
    headers_only: bool,
    /// Keep payload as zeros.
    #[arg(long)]
    zero_payload: bool,
    /// Make addresses others, in each capture under a key of its own that nobody knows.
    #[arg(long)]
    anonymise: bool,
}

/// The two forms, as the door names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Pcap,
    Pcapng,
}

/// Does it, and says what it came to.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    runtime.block_on(act(arguments, json))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    // What is wrong with a request is told before anybody is asked.
    let request = match &arguments.act {
        Act::Create(create) => Some(create.request()?),
        _ => None,
    };
    let whom = Whom {
        api: arguments.api.clone(),
        profile: arguments.profile.clone(),
        or_profile: None,
    };
    let door = Door::find(&whom, &arguments.place)?;
    let answer = match &arguments.act {
        Act::Create(_) => door.call(Method::POST, "/schedules", request.as_ref()).await?,
        Act::List => {
            let list = door.ask("/schedules").await?;
            return tell_list(&list, json);
        }
        Act::Show(which) => door.ask(&which.path(&door).await?).await?,
        Act::Pause(which) => {
            let path = format!("{}/pause", which.path(&door).await?);
            door.call(Method::PUT, &path, None).await?
        }
        Act::Resume(which) => {
            let path = format!("{}/resume", which.path(&door).await?);
            door.call(Method::PUT, &path, None).await?
        }
        Act::Delete(which) => {
            let path = which.path(&door).await?;
            return door.call(Method::DELETE, &path, None).await.map(drop);
        }
    };
    if json {
        return output::json(&answer);
    }
    for line in lines(&answer) {
        output::line(&line)?;
    }
    Ok(())
}

impl Which {
    /// Its path at the door; a name is looked up.
    async fn path(&self, door: &Door) -> Result<String, Failure> {
        if ScheduleId::parse(&self.schedule).is_ok() {
            return Ok(format!("/schedules/{}", self.schedule));
        }
        let list = door.ask("/schedules").await?;
        let named = list.as_array().into_iter().flatten();
        let mut named = named.filter(|one| one["name"].as_str() == Some(&self.schedule));
        let id = named.next().and_then(|one| one["id"].as_str());
        let id = id.ok_or_else(|| {
            Failure::usage(format!("there is no schedule {}", self.schedule)).advise("baleen schedule list names them")
        })?;
        Ok(format!("/schedules/{id}"))
    }
}

impl Create {
    fn trigger(&self) -> Value {
        if let Some(filter) = &self.on_packet {
            return json!({ "on": "packet", "filter_expression": filter });
        }
        if self.cron.is_some() {
            return Value::Null;
        }
        json!({
            "on": "rate", "packets_per_second": self.packets_per_second, "bits_per_second": self.bits_per_second,
            "seconds": self.window.map(|window| window.as_secs_f64()), "filter_expression": self.counting,
        })
    }

    fn request(&self) -> Result<Value, Failure> {
        if let Some(cron) = &self.cron {
            Cron::parse(cron).map_err(|invalid| {
                Failure::usage(format!("--cron {cron}: {}", invalid.why))
                    .advise("as in: --cron '*/15 8-17 * * MON-FRI'")
            })?;
        }
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        put("name", json!(self.name));
        put("cron", json!(self.cron));
        put("trigger", self.trigger());
        put(
            "budget",
            json!({ "runs": self.runs, "packets": self.packets_a_day, "bytes": self.bytes_a_day }),
        );
        put("system", json!("magic-transit"));
        put("type", json!("full"));
        put("time_limit", json!(self.time.as_secs_f64()));
        put("packet_limit", json!(self.count));
        put("byte_limit", json!(self.bytes));
        put("colo_name", json!(self.site));
        put("destination_conf", json!(self.destination));
        put("filter_expression", json!(self.filter));
        put("snaplen", json!(self.snaplen));
        put(
            "format",
            json!(if self.format == FormatName::Pcap {
                "pcap"
            } else {
                "pcapng"
            }),
        );
        let bytes = self.rotate.iter().filter_map(|rotation| rotation.bytes).min();
        let every = self.rotate.iter().filter_map(|rotation| rotation.every).min();
        if !self.rotate.is_empty() {
            put(
                "rotate",
                json!({ "bytes": bytes, "seconds": every.map(|every| every.as_secs()) }),
            );
        }
        if self.headers_only || self.zero_payload || self.anonymise {
            put(
                "privacy",
                json!({
                    "headers_only": self.headers_only, "zero_payload": self.zero_payload, "anonymise": self.anonymise,
                }),
            );
        }
        Ok(Value::Object(body))
    }
}

fn tell_list(list: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(list);
    }
    for schedule in list.as_array().into_iter().flatten() {
        let last = schedule["runs"].get(0).map(told).unwrap_or_default();
        output::line(format!("{}  {last}", head(schedule)).trim_end())?;
    }
    Ok(())
}

/// One schedule, in lines: what it is, what it has used, and its last times.
fn lines(schedule: &Value) -> Vec<String> {
    let mut lines = vec![head(schedule)];
    let (used, budget) = (&schedule["used_today"], &schedule["budget"]);
    let of = |what: &str| {
        let most = budget[what]
            .as_u64()
            .map_or(String::new(), |most| format!(" of {most}"));
        format!("{}{most} {what}", used[what].as_u64().unwrap_or_default())
    };
    lines.push(format!("today: {}, {}, {}", of("runs"), of("packets"), of("bytes")));
    lines.extend(schedule["runs"].as_array().into_iter().flatten().map(told));
    lines
}

fn head(schedule: &Value) -> String {
    let text = |name: &str| schedule[name].as_str().unwrap_or_default();
    let due = match schedule["next"].as_str() {
        Some(next) => format!("next {next}"),
        None => text("status").to_owned(),
    };
    let when = match &schedule["trigger"] {
        Value::Object(trigger) => waits_for(trigger),
        _ => text("cron").to_owned(),
    };
    format!("{}  {}  {when}  {due}", text("id"), text("name"))
}

/// What a trigger waits for.
fn waits_for(trigger: &Map<String, Value>) -> String {
    let number = |name: &str| trigger.get(name).and_then(Value::as_u64);
    match (number("packets_per_second"), number("bits_per_second")) {
        (Some(packets), _) => format!("on {packets} packets a second"),
        (None, Some(bits)) => format!("on {bits} bits a second"),
        (None, None) => "on a packet".to_owned(),
    }
}

/// What became of one time, or of several alike.
fn told(run: &Value) -> String {
    let text = |name: &str| run[name].as_str().unwrap_or_default();
    let due = text("due");
    if text("outcome") == "skipped" {
        let times = match run["times"].as_u64() {
            Some(times) if times > 1 => format!(" ({times} times, until {})", text("last_due")),
            _ => String::new(),
        };
        return format!("{due}  skipped: {}{times}", text("reason"));
    }
    let cause = run["cause"]
        .as_str()
        .map_or(String::new(), |cause| format!("  by {cause}"));
    let packets = run["packets_captured"].as_u64();
    let packets = packets.map_or(String::new(), |packets| format!("  {packets} packets"));
    let mut line = format!("{due}{cause}  {}  {}{packets}", text("pcap_id"), text("status"));
    if let Some(message) = run["error_message"].as_str() {
        line.push_str("  ");
        line.push_str(message);
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_told_in_lines() {
        let schedule = json!({
            "id": "00", "name": "nightly", "cron": "0 3 * * *", "status": "active", "next": "2026-11-29T03:00:00.000000Z",
            "budget": { "runs": 4, "bytes": 1000 }, "used_today": { "runs": 1, "packets": 7, "bytes": 700 },
            "runs": [
                { "due": "B", "outcome": "skipped", "reason": "busy", "times": 3, "last_due": "C" },
                { "due": "A", "outcome": "began", "pcap_id": "11", "status": "success", "packets_captured": 7 },
            ],
        });
        let wanted = [
            "00  nightly  0 3 * * *  next 2026-11-29T03:00:00.000000Z",
            "today: 1 of 4 runs, 7 packets, 700 of 1000 bytes",
            "B  skipped: busy (3 times, until C)",
            "A  11  success  7 packets",
        ];
        assert_eq!(lines(&schedule), wanted);
        let trigger = json!({
            "id": "00", "name": "flood", "trigger": { "on": "rate", "packets_per_second": 9 }, "status": "active",
            "budget": { "runs": 4 }, "used_today": {},
            "runs": [{ "due": "A", "cause": "10 packets a second over 5 s", "outcome": "began", "pcap_id": "11" }],
        });
        let wanted = [
            "00  flood  on 9 packets a second  active",
            "today: 0 of 4 runs, 0 packets, 0 bytes",
            "A  by 10 packets a second over 5 s  11",
        ];
        assert_eq!(lines(&trigger), wanted);
    }
}
