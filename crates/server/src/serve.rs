//! `baleen serve`: from the settings to a running server, and to its end.

use crate::cli::Settings;
use crate::config::{Config, Loaded};
use crate::confine;
use crate::doctor::{ignores_hangup, may_capture, setcap_advice};
use crate::failure::Failure;
use crate::folder::{Folder, HOLD_PATIENCE};
use crate::numbers;
use crate::wire::{self, Drained, System};
use crate::{logs, output};
use baleen_iam::RootStart;
use baleen_runtime::Shutdown;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

/// The interface that every machine has.
const LOOPBACK: &str = "lo";

/// The name of the histogram that the edge records, and its bounds in seconds: a cached read takes tens of microseconds, a
/// large upload minutes.
const REQUEST_SECONDS: &str = "baleen_request_seconds";
const REQUEST_SECONDS_BOUNDS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0,
];

/// Serves until SIGTERM or SIGINT; a second signal ends it at once.
pub(crate) fn run(settings: &Settings, json: bool) -> Result<ExitCode, Failure> {
    let loaded = settings.load()?;
    // Before the log, which is a thread, and the runtime: threads have what the one has that makes them.
    let needs = confine::needs_of_server(&loaded.config)?;
    let not_made = confine::make_all(&loaded.config, needs.user.as_ref())?;
    let held = confine::enter(loaded.config.confine, &needs)?;
    let _log = logs::start(&loaded.config.log);
    held.tell();
    for failure in not_made {
        let (what, advice) = failure.parts();
        error!(advice, "{what}");
    }
    confine::check(&confine::of_server(&loaded.config), &needs)?;
    runtime()?.block_on(async {
        let mut signals = Signals::of_server()?;
        let system = start(&loaded).await?;
        announce(&system, json)?;
        serve_until_signalled(system, &mut signals).await
    })
}

/// Serves until a signal, then drains; a second signal cuts the draining short.
pub(crate) async fn serve_until_signalled(system: System, signals: &mut Signals) -> Result<ExitCode, Failure> {
    let stop = Shutdown::new();
    let serving = system.serve(stop.stopping());
    let mut serving = std::pin::pin!(serving);
    loop {
        tokio::select! {
            drained = serving.as_mut() => return Ok(finish(drained)),
            () = signals.next() => {
                if stop.is_stopping() {
                    return Err(Failure::new("stopped at once by a second signal; what was at work was cut"));
                }
                stop.stop();
            }
        }
    }
}

/// The runtime of commands that need one.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("the system gives no threads", &error))
}

/// Opens the data folder and builds the server in it.
pub(crate) async fn start(loaded: &Loaded) -> Result<System, Failure> {
    let Config { data, .. } = &loaded.config;
    let Some(data) = data else {
        return Err(Failure::usage("no data folder is named")
            .advise("name it with --data DIR, BALEEN_DATA, or `data = \"DIR\"` in the configuration file"));
    };
    for variable in &loaded.strange_variables {
        warn!(%variable, "this variable is no setting of baleen and has no effect");
    }
    // Waiting for another process blocks this thread, and there is nothing else to do yet.
    let folder = Folder::open(data, HOLD_PATIENCE)?;
    if folder.is_open_to_others() {
        warn!(path = %folder.path().display(), "others may look into the data folder; chmod 700 keeps them out");
    }
    if !may_capture() {
        // Who only keeps objects may serve so; who wants to capture hears it now, and not from the first capture.
        warn!(
            advice = setcap_advice(),
            "nothing can be captured at this site: this process lacks CAP_NET_RAW"
        );
    }
    let interfaces = capture_interfaces(&loaded.config);
    let system = wire::build(&loaded.config, &interfaces, folder, metrics()?).await?;
    let endpoints = endpoints(&system);
    if let Err(error) = system.folder.publish(&endpoints) {
        warn!(%error, "commands on this machine will not find the server by its data folder");
    }
    Ok(system)
}

/// The interfaces to capture from: those that were named, or that of the default route, or loopback as a makeshift.
fn capture_interfaces(config: &Config) -> Vec<String> {
    let named = &config.capture.interfaces;
    if !named.is_empty() {
        for (interface, error) in named
            .iter()
            .filter_map(|name| Some((name, baleen_ring::find_interface(name).err()?)))
        {
            // It may come with the next cable or tunnel; a capture that wants it before is refused with the same words.
            warn!(%interface, %error, "this interface cannot be captured from now; captures fail until it can");
        }
        return named.clone();
    }
    match baleen_ring::default_interface() {
        Ok(found) => vec![found.name],
        Err(reason) => {
            warn!(%reason, "captures are taken from lo; name others with --capture-interface");
            vec![LOOPBACK.to_owned()]
        }
    }
}

/// The addresses in the form that scripts read, with the file of the certificate if they are encrypted.
fn endpoints(system: &System) -> Value {
    let addresses = system.addresses;
    json!({
        "s3": addresses.s3_url(),
        "api": addresses.api_url(),
        "ops": addresses.ops_url(),
        "agents": addresses.agents_url(),
        "certificate": system.certificate,
        "rootCredentials": system.root.0,
    })
}

fn announce(system: &System, json: bool) -> Result<(), Failure> {
    let (credentials, root_start) = &system.root;
    info!(
        s3 = %system.addresses.s3,
        api = %system.addresses.api,
        ops = %system.addresses.ops,
        agents = system.addresses.agents.map(tracing::field::display),
        data = %system.folder.path().display(),
        "serving"
    );
    if json {
        return output::json(&endpoints(system));
    }
    let made = match root_start {
        RootStart::Created => " (made just now; keep it safe)",
        RootStart::Replaced => " (written anew, as the settings say)",
        RootStart::Kept => "",
    };
    let agents = system.addresses.agents.map_or(String::new(), |agents| {
        format!("\n\x20 agents        {agents}, as {}", system.agent_names.join(", "))
    });
    output::line(&format!(
        "baleen {} is serving; Ctrl-C ends it\n\
         \x20 S3            {}\n\
         \x20 capture APIs  {}/client/v4 (PCAPs) /v1 (capture tasks)\n\
         \x20 operations    {}/healthz /readyz /metrics /background{agents}\n\
         \x20 data          {}\n\
         \x20 credentials   {}{made}",
        env!("CARGO_PKG_VERSION"),
        system.addresses.s3_url(),
        system.addresses.api_url(),
        system.addresses.ops_url(),
        system.folder.path().display(),
        credentials.display(),
    ))
}

/// Says how the stop went.
pub(crate) fn finish(drained: Drained) -> ExitCode {
    if drained.cut_connections > 0 || !drained.is_quiet {
        warn!(
            cut_connections = drained.cut_connections,
            background_ended = drained.is_quiet,
            "stopped at the deadline; what was at work was cut"
        );
    } else {
        info!("stopped; every request at work and every upload of a capture was finished");
    }
    ExitCode::SUCCESS
}

/// Starts the recorder of metrics, once for the process.
fn metrics() -> Result<PrometheusHandle, Failure> {
    use metrics_exporter_prometheus::Matcher;
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), &REQUEST_SECONDS_BOUNDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Failure::because("metrics cannot be recorded", &error))?;
    numbers::describe();
    Ok(handle)
}

/// Signals within this time of one another are one: a terminal and a wrapper (`timeout`, `sudo`) often both send theirs.
const SIGNALS_ARE_ONE: Duration = Duration::from_millis(500);

/// Begins to listen for one kind of signal.
pub(crate) fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::because("signals cannot be received", &error))
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// SIGTERM and SIGINT, and SIGHUP, by which a terminal says that it is closed.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
    last: Option<Instant>,
}

impl Signals {
    /// Begins to listen; from now on none of them ends the process by itself.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut signals = Self::of_server()?;
        // Who started it with nohup wants it to go on.
        if !ignores_hangup() {
            signals.hangup = Some(listen(SignalKind::hangup())?);
        }
        Ok(signals)
    }

    /// As [`Signals::new`], for a server: SIGHUP has another meaning there.
    pub(crate) fn of_server() -> Result<Self, Failure> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: None,
            last: None,
        })
    }

    /// Waits for the next of any. Cancel safe.
    pub(crate) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                () = hung_up(&mut self.hangup) => {}
            }
            let is_echo = self.last.is_some_and(|last| last.elapsed() < SIGNALS_ARE_ONE);
            if !is_echo {
                self.last = Some(Instant::now());
                return;
            }
        }
    }
}
