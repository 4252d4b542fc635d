//! `baleen capture`: packets from this machine's interfaces to a bucket, a file or a pipe.
//!
//! Everything that can be wrong is looked at before the first packet: the filter, the store, its credentials, the bucket.
//! One task writes parts while another watches progress and signals; nobody stands between the kernel and the pool of
//! part buffers, and into files the capture itself writes. The first Ctrl-C ends the capture and keeps the file, a second gives it up.

mod destination;
mod files;
mod follow;
mod masking;
pub(crate) mod progress;
pub(crate) mod report;
mod sink;
mod store;
mod tcpdump;

use crate::access::AccessArguments;
use crate::cli::Place;
use crate::config::{self, parse};
use crate::confine;
use crate::doctor::setcap_advice;
use crate::failure::Failure;
use crate::serve::{Signals, runtime};
use baleen_capture::engine::{
    self, CaptureRequest, EndReason, Engine, EngineError, Format, Interfaces, Limits, Outcome, Parts, Rotation,
};
use baleen_filter::Filter;
use baleen_runtime::{Clock, SystemClock};
use baleen_types::{Classify, FaultKind};
use clap::{Args, ValueEnum};
use destination::Destination;
use files::FirstFile;
use progress::Progress;
use report::Report;
use sink::Sink;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often the progress line is drawn anew.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// What says something of a capture that is made here, or of the store that it goes to: nothing that a server would do to a capture
/// which runs there. Taken in silence, `--anonymise` would look as if it had masked what it has not.
const OF_A_CAPTURE_OF_ITS_OWN: [&str; 18] = [
    "interface",
    "filter",
    "time",
    "count",
    "bytes",
    "rotate",
    "keep",
    "format",
    "snaplen",
    "headers_only",
    "zero_payload",
    "anonymise",
    "no_promiscuous",
    "rings",
    "make_bucket",
    "endpoint_url",
    "region",
    "credentials",
];

/// What to capture, until when, and where it goes.
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Arguments {
    /// s3://bucket/prefix/, a file, or - for standard output (baleen capture - | tshark -r -).
    #[arg(value_name = "DEST", required_unless_present_any = ["follow", "written", "list", "read", "every", "files"])]
    destination: Option<String>,
    /// A filter where tcpdump takes it, which is refused with a word on where it goes here.
    #[arg(hide = true, conflicts_with = "follow")]
    behind: Vec<String>,
    /// DEST as tcpdump names it.
    #[arg(short = 'w', value_name = "DEST", hide = true, conflicts_with = "follow")]
    written: Option<String>,
    /// Follow a running capture of a server, from now on until it is over (baleen capture --follow ID | tshark -r -).
    #[arg(long, value_name = "ID", conflicts_with_all = OF_A_CAPTURE_OF_ITS_OWN)]
    follow: Option<String>,
    /// The server's capture API, of --follow [default: BALEEN_API, or the baleen that runs in the data folder].
    #[arg(long, value_name = "URL", requires = "follow")]
    api: Option<String>,
    /// An interface; may be repeated; `any` is all of them [default: that of the default route].
    #[arg(short, long = "interface", value_name = "IF")]
    interface: Vec<String>,
    /// A filter in tcpdump's language: 'tcp port 443 and not host 10.0.0.1' [default: every packet].
    #[arg(short, long, value_name = "EXPR", default_value = "", hide_default_value = true)]
    filter: String,
    /// End after this time: 30s, 5m, 2h [default: Ctrl-C].
    #[arg(short, long, value_name = "TIME", value_parser = parse::limit_of_time)]
    time: Option<Duration>,
    /// End after this many packets.
    #[arg(short, long, value_name = "PACKETS", value_parser = parse::limit_of_packets)]
    count: Option<u64>,
    /// End before more than this of packet bytes is kept: 100MiB.
    #[arg(short = 'C', long, value_name = "BYTES", value_parser = parse::limit_of_bytes)]
    bytes: Option<u64>,
    /// Go on in a further file behind so many bytes or so long a time: 100MiB, 60s; both may be given. Files are numbered:
    /// trace_0000.pcapng.
    #[arg(long, value_name = "SIZE|TIME", value_parser = parse::rotation)]
    rotate: Vec<Rotation>,
    /// With --rotate: keep only so many files, the last ones; those before are removed. How one waits for a fault overnight.
    #[arg(long, value_name = "FILES", requires = "rotate", value_parser = clap::value_parser!(u16).range(2..))]
    keep: Option<u16>,
    /// The file's form [default: pcapng, or what the name of DEST says].
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    /// Keep only so many bytes of each packet; 0 keeps all.
    #[arg(short, long, value_name = "BYTES", default_value_t = baleen_ring::SNAPLEN_MAX, value_parser = parse::snaplen)]
    snaplen: u32,
    /// Keep headers only, of packets and of those inside them.
    #[arg(long)]
    headers_only: bool,
    /// Keep payload as zeros.
    #[arg(long)]
    zero_payload: bool,
    /// Make addresses others under the key in this file: 64 hexadecimal digits, as they come
    /// of (umask 077; openssl rand -hex 32 > address.key). Who shares a prefix still
    /// does; payload that may hold an address becomes zeros, but for DNS.
    #[arg(long, value_name = "KEYFILE")]
    anonymise: Option<PathBuf>,
    /// Do not ask the interface for packets to other machines.
    #[arg(short = 'p', long)]
    no_promiscuous: bool,
    /// Rings of each interface, for one whose packets are received by several processors.
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, value_parser = clap::value_parser!(u8).range(1..=baleen_ring::RINGS_MAX as i64))]
    rings: u8,
    #[command(flatten)]
    of_tcpdump: tcpdump::Flags,
    /// Show no progress and no summary.
    #[arg(short, long)]
    quiet: bool,
    /// Make the bucket if it is not there.
    #[arg(long)]
    make_bucket: bool,
    #[command(flatten)]
    store: AccessArguments,
    #[command(flatten)]
    place: Place,
}

/// The two forms, as they are named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Pcap,
    Pcapng,
}

/// Captures, and reports.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if arguments.of_tcpdump.are_answered(json)? {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(id) = &arguments.follow {
        let asked = follow::ask(arguments, id)?;
        // It is opened when there is something to follow.
        give_up_rights(arguments, || match &asked.destination {
            Destination::File(path) => confine::may_write(path),
            Destination::Pipe | Destination::Bucket { .. } => true,
        })?;
        let runtime = runtime()?;
        let ended = runtime.block_on(async { follow::run(asked, &mut Signals::new()?).await });
        // As below.
        runtime.shutdown_background();
        return ended;
    }
    let filter = Filter::expression(&arguments.filter).map_err(|error| {
        Failure::usage(format!("the filter cannot be used: {error}"))
            .advise("filters are in tcpdump's language, as in: -f 'tcp port 443 and host 10.0.0.1'")
    })?;
    let masking = masking::of(arguments)?;
    let words = arguments.destination.iter().chain(&arguments.behind);
    let words: Vec<&str> = words.map(String::as_str).collect();
    let destination = Destination::named(arguments.written.as_deref(), &words)?;
    let rotation = rotation(&arguments.rotate)?;
    if arguments.keep.is_some() && !matches!(destination, Destination::File(_)) {
        return Err(
            Failure::usage("--keep is of files").advise("what is old in a bucket is removed by a lifecycle rule")
        );
    }
    let clock: Arc<dyn Clock> = SystemClock::new();
    // Whose keys these are, whoever runs it by sudo may read them.
    let store = match &destination {
        Destination::Bucket { .. } => Some(store::find(&arguments.store, &arguments.place, Arc::clone(&clock))?),
        Destination::File(_) | Destination::Pipe => None,
    };
    let format = form(arguments, &destination);
    let interfaces = interfaces(arguments)?;
    check(&filter, &interfaces)?;
    let naming = destination::Naming {
        started: clock.now(),
        interface: interfaces.first().cloned().unwrap_or_default(),
        suffix: if format == Format::Pcap { "pcap" } else { "pcapng" },
    };
    // So is where their file lies: one that is open needs no right any more, and only a capture of several files comes to another.
    let first = FirstFile::open(&destination, &naming, rotation.is_some(), arguments.keep)?;
    let second = first.as_ref().and_then(FirstFile::second);
    give_up_rights(arguments, || {
        second
            .as_ref()
            .is_none_or(|second| confine::may_write(second) && confine::may_make(second))
    })?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let exclude = match &store {
            Some(store) => store.own_traffic().await?,
            None => Vec::new(),
        };
        let open = sink::Open {
            make_bucket: arguments.make_bucket,
            are_numbered: rotation.is_some(),
        };
        let (sink, outlet) = Sink::open(&destination, &naming, (store, first), open).await?;
        let request = CaptureRequest {
            interfaces: Interfaces::Named(interfaces.clone()),
            filter,
            exclude,
            never: Vec::new(),
            limits: Limits {
                packets: arguments.count,
                bytes: arguments.bytes,
                duration: arguments.time,
            },
            snaplen: arguments.snaplen,
            masking,
            promiscuous: !arguments.no_promiscuous,
            format,
            rotation,
            is_live: false,
            comments: Vec::new(),
        };
        let settings = engine::Settings {
            rings: usize::from(arguments.rings),
            ..sink.engine_settings()
        };
        let engine = Engine::new(settings, Arc::clone(&clock)).map_err(|error| refused(&error))?;
        // Mapping rings and compiling filters block for some milliseconds.
        let started = tokio::task::spawn_blocking(move || engine.start_into(&request, outlet)).await;
        let running = match started {
            Ok(Ok(running)) => running,
            Ok(Err(error)) => {
                sink.give_up().await;
                return Err(refused(&error));
            }
            Err(_) => return Err(Failure::new("the capture could not be started")),
        };
        let (parts, handle) = running.split();
        let progress = Progress::new(arguments.quiet || json, &destination, &interfaces);
        let written = watch(parts, &handle, sink, &progress, &mut signals).await;
        progress.clear();
        let (place, outcome) = written?;
        Report {
            place,
            outcome,
            is_quiet: arguments.quiet,
            is_pipe: destination == Destination::Pipe,
        }
        .tell(json)
        .await
    });
    // A thread that is stuck in a write to a pipe which nobody reads must not keep the process.
    runtime.shutdown_background();
    ended
}

/// Gives up what a capture does not need, before there are threads: also the right to files of others, if it `can_go_on` without. What the
/// configuration has wrong is nothing that keeps one from capturing.
fn give_up_rights(arguments: &Arguments, can_go_on: impl FnOnce() -> bool) -> Result<(), Failure> {
    let loaded = arguments.place.load();
    let is_on = loaded.map_or_else(|_| !config::is_unconfined_by_variable(), |loaded| loaded.config.confine);
    let needs = confine::needs_of_capture(arguments.follow.is_none(), can_go_on);
    confine::enter(is_on, &needs).map(drop)
}

/// Writes the parts while showing progress; a signal ends the capture.
async fn watch(
    parts: Parts,
    handle: &baleen_capture::engine::CaptureHandle,
    sink: Sink,
    progress: &Progress,
    signals: &mut Signals,
) -> Result<(sink::Written, Outcome), Failure> {
    let is_whole_or_nothing = sink.is_whole_or_nothing();
    let writing = sink.write_all(parts);
    let mut writing = std::pin::pin!(writing);
    let mut ticks = tokio::time::interval(PROGRESS_EVERY);
    let mut is_stopping = false;
    let written = loop {
        tokio::select! {
            written = writing.as_mut() => break written,
            _ = ticks.tick() => progress.show(&handle.progress()),
            () = signals.next() => {
                if is_stopping {
                    return Err(Failure::new("given up at a second signal; what was caught is not kept whole"));
                }
                is_stopping = true;
                handle.stop();
            }
        }
    };
    // A sink that failed has dropped the parts, so the capture ends at once in either case.
    let outcome = handle.ended().await;
    match written {
        Ok(place) => Ok((place, outcome)),
        Err(failure) if is_whole_or_nothing => {
            Err(failure.advise(format!("the {} packets caught until then are lost", outcome.packets)))
        }
        Err(failure) => Err(failure),
    }
}

/// The form that was asked for, or that the name of the file says.
fn form(arguments: &Arguments, destination: &Destination) -> Format {
    match (arguments.format, destination.suffix()) {
        (Some(FormatName::Pcap), _) | (None, Some("pcap" | "cap" | "dmp")) => Format::Pcap,
        (Some(FormatName::Pcapng) | None, _) => Format::PcapNg,
    }
}

/// The size and the time of a file.
fn rotation(given: &[Rotation]) -> Result<Rotation, Failure> {
    let bytes: Vec<_> = given.iter().filter_map(|rotation| rotation.bytes).collect();
    let times: Vec<_> = given.iter().filter_map(|rotation| rotation.every).collect();
    if bytes.len() > 1 || times.len() > 1 {
        return Err(Failure::usage("--rotate is given twice with the same meaning")
            .advise("give it once with a size, once with a time, or both: --rotate 100MiB --rotate 60s"));
    }
    Ok(Rotation {
        bytes: bytes.first().copied(),
        every: times.first().copied(),
    })
}

fn interfaces(arguments: &Arguments) -> Result<Vec<String>, Failure> {
    if !arguments.interface.is_empty() {
        for name in &arguments.interface {
            // A comma may be in a name, but hardly ever is.
            if name.contains(',') && baleen_ring::find_interface(name).is_err() {
                let each: Vec<String> = name.split(',').map(|name| format!("-i {name}")).collect();
                return Err(Failure::usage(format!("there is no interface {name}"))
                    .advise(format!("each has an -i of its own: {}", each.join(" "))));
            }
        }
        return Ok(arguments.interface.clone());
    }
    baleen_ring::default_interface()
        .map(|found| vec![found.name])
        .map_err(|error| Failure::usage(error.to_string()).advise("name one with -i, as in: -i lo"))
}

/// Whether there are such interfaces and the filter has a meaning on each: known before a bucket or a file is touched.
fn check(filter: &Filter, interfaces: &[String]) -> Result<(), Failure> {
    let links = Interfaces::Named(interfaces.to_vec())
        .links()
        .map_err(|error| refused(&error))?;
    for link in links {
        filter.compile(link).map_err(|error| {
            let names = interfaces.join(", ");
            Failure::usage(format!(
                "the filter is not possible on {names} (links of type {link}): {error}"
            ))
            .advise("name interfaces with -i that have what the filter asks for; `any` has no Ethernet addresses")
        })?;
    }
    Ok(())
}

/// An engine that does not start, in words for the person at the keyboard.
fn refused(error: &EngineError) -> Failure {
    if error.kind() == FaultKind::Denied {
        // One line and nothing else: this is what nearly everybody meets first.
        return Failure::new(format!(
            "capturing needs a right that this program has not: {}",
            setcap_advice()
        ));
    }
    Failure::because("the capture cannot start", error)
}

/// Why a capture ended, in words.
pub(crate) fn ended_words(reason: &EndReason) -> String {
    match reason {
        EndReason::PacketLimit => "the packet limit was reached".to_owned(),
        EndReason::ByteLimit => "the byte limit was reached".to_owned(),
        EndReason::TimeLimit => "the time was over".to_owned(),
        EndReason::Stopped => "it was stopped".to_owned(),
        EndReason::InterfaceGone => "the interface was removed".to_owned(),
        EndReason::FileFull => "the object has as many parts as it may have".to_owned(),
        EndReason::Abandoned => "nobody took the packets any more".to_owned(),
        EndReason::Failed(why) => format!("the kernel refused to go on: {why}"),
    }
}

/// A path that was given as text.
fn path_of(text: &str) -> PathBuf {
    PathBuf::from(text)
}
