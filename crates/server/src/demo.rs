//! `baleen demo`: the main job on live traffic, before the eyes of a new user.
//!
//! It starts the very server that `baleen serve` starts, and is then a client like any other: it makes a bucket, proves
//! that the bucket is its own, requests a full capture while HTTP and DNS traffic flows, watches, fetches the file by a
//! presigned link and says what is in it. It speaks to no address but this machine's own.

mod api;
mod dns;
mod tour;
mod traffic;

use crate::capture::progress::Progress;
use crate::cli::Settings;
use crate::config::{Config, Loaded, Origin, parse};
use crate::doctor::{may_capture, setcap_advice};
use crate::failure::Failure;
use crate::output;
use crate::serve::{self, Signals, runtime};
use baleen_runtime::Shutdown;
use baleen_types::LinkType;
use clap::Args;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tour::Tour;

/// Where the demonstration keeps its store when no folder is named.
const DATA_DEFAULT: &str = "baleen-data";

/// The interface on which the demonstration's own traffic flows.
const LOOPBACK: &str = "lo";

/// How the demonstration goes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// How long to capture.
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "8s")]
    time: Duration,
    /// End after the summary instead of serving on; DEMO_ONESHOT=1 does the same.
    #[arg(long, env = "DEMO_ONESHOT", value_parser = clap::builder::FalseyValueParser::new())]
    oneshot: bool,
}

/// Shows the main job, then serves on.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if !may_capture() {
        let advice = setcap_advice();
        return Err(Failure::new(format!(
            "capturing needs a right that this program has not: {advice}"
        )));
    }
    let mut loaded = arguments.settings.load()?;
    adapt(&mut loaded);
    let _log = crate::logs::start(&loaded.config.log);
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let system = serve::start(&loaded).await?;
        let tour = Tour::new(&loaded.config, &system, arguments.time)?;
        let stop = Shutdown::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(async move { system.serve(stopped.stopping()).await });
        let progress = Progress::line(json);
        let shown = tokio::select! {
            shown = tour.show(&progress, json) => shown.map(|()| true),
            () = signals.next() => Ok(false),
        };
        progress.clear();
        if matches!(shown, Ok(true)) && !arguments.oneshot {
            output::note(&tour.goodbye());
            signals.next().await;
        }
        stop.stop();
        let drained = serving.await.map_err(|_| Failure::new("the server died"))?;
        let is_whole = shown?;
        let code = serve::finish(drained);
        if is_whole && arguments.oneshot {
            output::note(&tour.farewell());
        }
        Ok(code)
    })
}

/// What differs from `baleen serve` where nothing was chosen: a folder, quiet logs, ports that are free, and interfaces
/// that see the demonstration's own traffic.
fn adapt(loaded: &mut Loaded) {
    let is_default = |key: &str| {
        loaded
            .effective
            .iter()
            .any(|seen| seen.setting.key == key && seen.origin == Origin::Default)
    };
    let (s3, api, ops) = (
        is_default("listen.s3"),
        is_default("listen.api"),
        is_default("listen.ops"),
    );
    let (level, interfaces) = (is_default("log.level"), is_default("capture.interfaces"));
    let Config {
        data,
        listen,
        log,
        capture,
        tls,
        ..
    } = &mut loaded.config;
    // It speaks to this machine alone, and to what it has just started.
    *tls = None;
    data.get_or_insert_with(|| PathBuf::from(DATA_DEFAULT));
    if level {
        "warn".clone_into(&mut log.level);
    }
    for (address, may_move) in [(&mut listen.s3, s3), (&mut listen.api, api), (&mut listen.ops, ops)] {
        if may_move && TcpListener::bind(*address).is_err() {
            output::note(&format!("{address} is taken, so another port is used"));
            *address = SocketAddr::new(address.ip(), 0);
        }
    }
    if interfaces {
        capture.interfaces = demo_interfaces();
    }
}

/// Loopback, and the interface of the default route if both fit into one file.
fn demo_interfaces() -> Vec<String> {
    let route = baleen_ring::default_interface()
        .ok()
        .filter(|found| found.link_type() == LinkType::ETHERNET);
    let mut names: Vec<String> = route.map(|found| found.name).into_iter().collect();
    names.push(LOOPBACK.to_owned());
    names
}
