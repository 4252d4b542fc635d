//! Builds every component in order. Reading [`build`] is reading the system.

use crate::agents::{self, tls as agents_tls};
use crate::backup::{self, RELEASE};
use crate::compaction;
use crate::config::{CACHE_BYTES_MAX, Config, TlsFiles};
use crate::credentials::IamCredentials;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::folder::{Folder, ROOT_CREDENTIALS_FILE};
use crate::keys::{self, KEYS_PERIOD, KeyKeeper};
use crate::lifecycle;
use crate::logging;
use crate::look_back;
use crate::ops::{self, Operations};
use crate::regions;
use crate::room;
use crate::schedules;
use crate::scrub;
use crate::tasks;
use crate::tenants::Whitelists;
use crate::tls::{self, Certificate};
use baleen_api_agent::AgentDoor;
use baleen_api_capture::{PcapsDoor, TaskDoor};
use baleen_api_iam::IdentityDoor;
use baleen_api_s3::S3Door;
use baleen_audit::Audit;
use baleen_backup::Backup;
use baleen_blob::Blobs;
use baleen_capture::engine::{self, Engine, Interfaces};
use baleen_capture::{
    Accounts, Captures, EmbeddedAgent, EmbeddedSettings, LookBackParts, RemoteAgents, Site, Sites, SpoolSettings,
};
use baleen_fleet::Fleet;
use baleen_http::{Door, DoorNames, DrainReport, Edge, Gate, Listener, Recorder, ServerSettings};
use baleen_iam::{Hashing, Iam, PublicUrl, RootStart};
use baleen_keyring::Keyring;
use baleen_meta::{FjallSettings, Meta};
use baleen_objects::{Objects, home_was_mount};
use baleen_remote::Connections;
use baleen_runtime::{Clock, Entropy, Shutdown, Supervisor, SystemClock, SystemEntropy};
use baleen_tenancy::Tenancy;
use baleen_usage::Usage;
use baleen_usage::limits::{FLUSH_PERIOD, FOLD_PERIOD};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info, warn};

/// The folder in the data folder where captures of several sites wait to be merged.
const STAGING: &str = "staging";

/// How often recorded samples are folded into their histograms; between two of them they take memory.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// How often what is over is swept away, and the volume is brought in line with the records. The pass at the start matters
/// most: it takes the segments of the last run back into use.
const SWEEP_PERIOD: Duration = Duration::from_hours(1);

/// The gauge of the memory that is held for bytes on their way.
const TRANSFER_BYTES: &str = "baleen_transfer_bytes";

/// How often it is written what keys and tokens were used for last.
const USES_PERIOD: Duration = Duration::from_mins(1);

/// A pass over what `iam` has to keep in order.
type Upkeep = fn(Arc<Iam>) -> BoxFuture<'static, Result<(), baleen_iam::Error>>;

/// How often the audit log forgets what is past its time, and tells of refusals it left out.
const AUDIT_UPKEEP: Duration = Duration::from_mins(5);

/// How often it is looked for deleted customers whose hold time is over.
const PURGE_PERIOD: Duration = Duration::from_hours(1);

/// How often it is looked for captures whose customer may not act any more: so much longer than it they last at most. Nothing
/// is read while nothing runs.
const SUSPEND_PERIOD: Duration = Duration::from_secs(1);

/// A built server that does not serve yet: its sockets are bound and its stores are open.
pub(crate) struct System {
    /// Where it listens.
    pub(crate) addresses: Addresses,
    /// Where the root user's credentials are, and whether they were made just now.
    pub(crate) root: (PathBuf, RootStart),
    /// The file of the certificate, if there is one.
    pub(crate) certificate: Option<PathBuf>,
    /// The names and addresses by which agents may call this server; none where it takes none.
    pub(crate) agent_names: Vec<String>,
    /// The data folder, held until the system is dropped.
    pub(crate) folder: Folder,
    doors: Vec<Bound>,
    /// Ends what is still needed while captures end: the doors of operations and of agents.
    last: Shutdown,
    ops: Bound,
    agents: Option<Bound>,
    iam: Arc<Iam>,
    audit: Arc<Audit>,
    usage: Arc<Usage>,
    s3_door: Arc<S3Door>,
    supervisor: Supervisor,
    drain: Duration,
}

/// The addresses with the ports that were chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) s3: SocketAddr,
    pub(crate) api: SocketAddr,
    pub(crate) ops: SocketAddr,
    /// Where agents come in, always encrypted.
    pub(crate) agents: Option<SocketAddr>,
    /// Whether the first two take encrypted connections.
    pub(crate) is_encrypted: bool,
}

impl Addresses {
    /// Where S3 is, as a URL without a path.
    pub(crate) fn s3_url(self) -> String {
        format!("{}://{}", self.scheme(), self.s3)
    }

    /// Where the capture APIs are.
    pub(crate) fn api_url(self) -> String {
        format!("{}://{}", self.scheme(), self.api)
    }

    /// Where agents come in, if they do.
    pub(crate) fn agents_url(self) -> Option<String> {
        self.agents.map(|agents| format!("https://{agents}"))
    }

    /// Where health and metrics are.
    pub(crate) fn ops_url(self) -> String {
        format!("http://{}", self.ops)
    }

    fn scheme(self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }
}

/// A listener with what it serves.
struct Bound {
    listener: Listener,
    edge: Arc<Edge>,
}

/// The volume in a data folder. Where a file system has to be mounted for it and is not, nothing is made.
pub(crate) async fn open_volume(
    config: &Config,
    folder: &Path,
    meta: &Meta,
    settings: baleen_blob::Settings,
    entropy: &Arc<dyn Entropy>,
) -> Result<Blobs, Failure> {
    const WHAT: &str = "the volume of objects cannot be opened";
    let folder = folder.join("blobs");
    let was_mount = home_was_mount(meta, &folder, !config.regions.is_empty()).await;
    let was_mount = was_mount.map_err(|error| objects_failed(WHAT, &error))?;
    Blobs::open_mounted(&folder, was_mount, settings, Arc::clone(entropy))
        .map_err(|error| Failure::because(WHAT, &error))
}

/// What the store says to clients is no word for who starts it, unless there is no other.
fn objects_failed(what: &str, error: &baleen_objects::ObjectError) -> Failure {
    Failure::because(what, std::error::Error::source(error).unwrap_or(error))
}

/// The objects in a data folder, as they were left.
pub(crate) async fn open_objects(
    config: &Config,
    folder: &Path,
    meta: &Meta,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    keyring: &Keyring,
) -> Result<Arc<Objects>, Failure> {
    let volume = baleen_blob::Settings {
        reserve_bytes: config.store.reserve_bytes,
        transfer_bytes_max: config.store.transfer_bytes,
        ..baleen_blob::Settings::default()
    };
    regions::check_folders(&config.regions, folder)?;
    let blobs = open_volume(config, folder, meta, volume, entropy).await?;
    let settings = baleen_objects::Settings {
        usage: config.usage,
        lifecycle_day: config.lifecycle_day,
        copied_bytes_per_second: config.copied_bytes_per_second,
        ..baleen_objects::Settings::default()
    };
    let parts = baleen_objects::Parts {
        meta: meta.clone(),
        blobs,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        sealer: Arc::clone(keyring.sealer()),
    };
    Ok(Objects::with_regions(settings, parts, config.regions.clone()))
}

/// Builds the server, with an agent that captures from `interfaces`.
///
/// # Errors
/// What cannot be opened or bound, with what to do about it.
pub(crate) async fn build(
    config: &Config,
    interfaces: &[String],
    folder: Folder,
    metrics: PrometheusHandle,
) -> Result<System, Failure> {
    let clock: Arc<dyn Clock> = SystemClock::new();
    let entropy: Arc<dyn Entropy> = SystemEntropy::new();
    let supervisor = Supervisor::new(Arc::clone(&clock), Shutdown::new());

    // Sockets first: that an address is taken should not cost the opening of a store.
    let mut s3 = listen("s3", config.listen.s3, config.drain).await?;
    let mut api = listen("api", config.listen.api, config.drain).await?;
    let ops = listen("ops", config.listen.ops, config.drain).await?;
    let mut agents_socket = None;
    if let Some(address) = config.listen.agents {
        agents_socket = Some(listen("agents", address, config.drain).await?);
    }
    let addresses = Addresses {
        agents: agents_socket.as_ref().map(|socket| socket.address),
        s3: s3.address,
        api: api.address,
        ops: ops.address,
        is_encrypted: config.tls.is_some(),
    };
    let certificate = config.tls.as_ref().map(|files| Certificate::load(files, &clock));
    let certificate = certificate.transpose()?;
    if let Some(certificate) = &certificate {
        certificate.warn_of_end();
        let tls = certificate.tls()?;
        s3.listener = s3.listener.encrypted(tls.clone());
        api.listener = api.listener.encrypted(tls);
    }
    tls::read_again_on_hangup(certificate, &supervisor)?;

    let meta = Meta::open_fjall(&folder.path().join("meta"), meta_settings(config))
        .map_err(|error| Failure::because("the metadata store cannot be opened", &error))?;
    let keyring = keys::open(config, folder.path(), &meta, &clock, &entropy).await?;
    let sealer = Arc::clone(keyring.sealer());
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let hashing = Hashing::calibrated(&meta, Arc::clone(&clock), Arc::clone(&entropy), cores)
        .await
        .map_err(|error| Failure::because("the hashing of passwords cannot be calibrated", &error))?;
    let tenancy = customers(config, &meta, &clock, &entropy);
    let parts = baleen_iam::Parts {
        meta: meta.clone(),
        tenancy: Arc::clone(&tenancy),
        sealer: Arc::clone(&sealer),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    };
    let iam = Iam::with_hashing(parts, hashing);
    let credentials_file = folder.path().join(ROOT_CREDENTIALS_FILE);
    let root_start = iam
        .ensure_root(&config.reseller, &config.root, &credentials_file)
        .await
        .map_err(|error| Failure::because("the root user cannot be made", &error))?;

    // Each a task of its own: one that fails keeps none of the others from its work.
    let upkeep: [(&str, Duration, Upkeep); 5] = [
        ("sweep of sessions", SWEEP_PERIOD, |iam| {
            async move { iam.sweep_sessions().await }.boxed()
        }),
        ("sweep of used assertions", SWEEP_PERIOD, |iam| {
            async move { iam.sweep_used_assertions().await }.boxed()
        }),
        ("sweep of reset tokens", SWEEP_PERIOD, |iam| {
            async move { iam.sweep_reset_tokens().await }.boxed()
        }),
        ("uses of access keys", USES_PERIOD, |iam| {
            async move { iam.write_uses().await }.boxed()
        }),
        ("uses of API tokens", USES_PERIOD, |iam| {
            async move { iam.write_token_uses().await }.boxed()
        }),
    ];
    for (name, period, pass) in upkeep {
        let iam = Arc::clone(&iam);
        supervisor.every(name, period, move || pass(Arc::clone(&iam)));
    }

    let audit = Audit::start(
        config.audit,
        baleen_audit::Parts {
            meta: meta.clone(),
            clock: Arc::clone(&clock),
        },
    );
    let keeper = KeyKeeper::new(Arc::clone(&keyring), folder.path(), &meta, &audit, &clock);
    supervisor.every("master keys", KEYS_PERIOD, move || {
        let keeper = Arc::clone(&keeper);
        async move { keeper.look().await }
    });
    let kept = Arc::clone(&audit);
    supervisor.every("upkeep of the audit log", AUDIT_UPKEEP, move || {
        let audit = Arc::clone(&kept);
        async move { audit.upkeep().await }
    });

    let objects = open_objects(config, folder.path(), &meta, (&clock, &entropy), &keyring).await?;
    let buffers = objects.volume().buffers().clone();
    // Before anybody is served: it has to know what is live before the first deletion.
    objects
        .recover()
        .await
        .map_err(|error| objects_failed("the objects of the last run cannot be taken up", &error))?;
    regions::supervise(&supervisor, &objects, &clock, config);
    room::supervise(&supervisor, &objects, folder.path());
    scrub::supervise(&supervisor, &objects, &clock, config.scrub);
    compaction::supervise(&supervisor, &objects, &meta, config.compaction);
    let elsewhere = Arc::clone(&objects);
    let backup = baleen_backup::Parts {
        meta: meta.clone(),
        blobs: objects.volume().clone(),
        elsewhere: Arc::new(move || elsewhere.copies()),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        release: RELEASE.to_owned(),
    };
    backup::supervise(&supervisor, Backup::new(backup), &clock, &config.backup);
    let swept = Arc::clone(&objects);
    supervisor.every("sweep of the volume", SWEEP_PERIOD, move || {
        let objects = Arc::clone(&swept);
        async move { objects.sweep().await.map(drop) }
    });

    lifecycle::register(&supervisor, &objects, (&audit, &clock), config.lifecycle_day);

    let usage = Arc::clone(objects.usage());
    let flushed = Arc::clone(&usage);
    supervisor.every("flush of downloads", FLUSH_PERIOD, move || {
        let usage = Arc::clone(&flushed);
        async move { usage.flush().await }
    });
    let folded = Arc::clone(&usage);
    supervisor.every("folding of usage", FOLD_PERIOD, move || {
        let usage = Arc::clone(&folded);
        async move { usage.fold().await.map(drop) }
    });
    let names = DoorNames::below(config.domain.as_deref());
    let gate: Arc<dyn Gate> = Arc::new(Whitelists {
        tenancy: Arc::clone(&tenancy),
        region: config.region.clone(),
        clock: Arc::clone(&clock),
    });
    let s3_door = S3Door::new(
        baleen_api_s3::Settings {
            region: config.region.clone(),
            domains: names.of_buckets(),
            blocked: config.blocked,
            signature_v2: config.signature_v2,
            secure_keys_only: config.secure_keys_only,
        },
        baleen_api_s3::Parts {
            objects: Arc::clone(&objects),
            gate: Arc::clone(&gate),
            credentials: Arc::new(IamCredentials(Arc::clone(&iam))),
            clock: Arc::clone(&clock),
        },
        &*entropy,
    );

    logging::register(&supervisor, &s3_door, config.logging_interval);

    let engine = Engine::new(engine_settings(config), Arc::clone(&clock))
        .map_err(|error| Failure::because("the capture engine does not take its settings", &error))?;
    let look_back = look_back::start(
        config,
        folder.path(),
        interfaces,
        LookBackParts {
            meta: meta.clone(),
            sealer: Arc::clone(&sealer),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            supervisor: supervisor.clone(),
        },
    );
    let site = Site {
        name: config.capture.site.clone(),
        groups: Vec::new(),
        accounts: match &config.capture.accounts[..] {
            [] => Accounts::All,
            only => Accounts::Only(only.to_vec()),
        },
        agent: EmbeddedAgent::looking_back(
            engine,
            EmbeddedSettings {
                interfaces: Interfaces::Named(interfaces.to_vec()),
                ..EmbeddedSettings::default()
            },
            look_back,
        ),
    };
    let several = tenancy.has_several().await;
    if config.capture.accounts.is_empty()
        && several.map_err(|error| Failure::because("customers cannot be counted", &error))?
    {
        warn!(
            site = %config.capture.site,
            "every customer may capture at this site, and sees the traffic of the others there; capture.accounts names those who may"
        );
    }
    let fleet = Fleet::open(baleen_fleet::Parts {
        meta: meta.clone(),
        sealer: Arc::clone(&sealer),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    })
    .await
    .map_err(|error| Failure::because("the agents of this store cannot be read", &error))?;
    agents::supervise(&supervisor, &fleet, config);
    let remote_agents = RemoteAgents::new(Arc::clone(&fleet), Arc::clone(&clock));
    let mut sites = Sites::new(vec![site]);
    if config.listen.agents.is_some() {
        sites = sites.with_agents(Arc::clone(&remote_agents));
    }
    let sites = sites.merging_in(
        &folder.path().join(STAGING),
        config.capture.staging_bytes,
        Arc::clone(&clock),
    );
    let captures = Captures::new(
        baleen_capture::Settings {
            captures_max: config.capture.running_max,
            tasks_max: config.capture.tasks_max,
            task_bytes_max: config.capture.task_bytes_max,
            quota: config.capture.quota,
            schedule_minute: config.capture.schedule_minute,
            region: config.region.clone(),
            destinations: config.destinations.clone(),
            remote: baleen_remote::Settings::default(),
            spool: config.capture.spool_bytes.map(|bytes_max| SpoolSettings {
                folder: folder.path().join("spool"),
                bytes_max: bytes_max.get(),
            }),
        },
        baleen_capture::Parts {
            meta: meta.clone(),
            objects: Arc::clone(&objects),
            sites,
            sealer,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            supervisor: supervisor.clone(),
            connections: Connections::new(),
        },
    );
    captures
        .recover()
        .await
        .map_err(|error| Failure::because("the captures of the last run cannot be settled", &error))?;
    let ending = Ending {
        tenancy: Arc::clone(&tenancy),
        iam: Arc::clone(&iam),
        objects: Arc::clone(&objects),
        captures: Arc::clone(&captures),
        fleet: Arc::clone(&fleet),
        audit: Arc::clone(&audit),
        clock: Arc::clone(&clock),
    };
    let suspends = ending.clone();
    supervisor.every("captures of suspended customers", SUSPEND_PERIOD, move || {
        let ending = suspends.clone();
        async move { ending.suspend_captures().await }
    });
    supervisor.every("purge of deleted customers", PURGE_PERIOD, move || {
        let ending = ending.clone();
        async move { ending.purge().await }
    });
    tasks::register(&supervisor, &captures, &audit, &clock);
    schedules::register(&supervisor, &captures, (&tenancy, &audit), &clock);
    let pcaps_door = Arc::new(PcapsDoor::new(Arc::clone(&captures), Arc::clone(&clock)));
    let task_door = Arc::new(TaskDoor::new(captures, Arc::clone(&gate), Arc::clone(&clock)));

    let parts = || baleen_http::Parts {
        credentials: Arc::new(IamCredentials(Arc::clone(&iam))),
        gate: Arc::clone(&gate),
        audit: Arc::clone(&audit) as Arc<dyn Recorder>,
        proxies: config.listen.proxies.clone(),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    };
    let identity_door = IdentityDoor::new(baleen_api_iam::Parts {
        iam: Arc::clone(&iam),
        tenancy,
        objects: Arc::clone(&objects),
        audit: Arc::clone(&audit),
        region: config.region.clone(),
        public_url: public_url(config, addresses),
        clock: Arc::clone(&clock),
    });
    // Told by their paths.
    let beside_pcaps: Vec<Arc<dyn Door>> = vec![task_door];
    // Doors that share the S3 listener, each known by its host names, its services and what it claims.
    let beside_s3: Vec<Arc<dyn Door>> = vec![identity_door];
    let doors = vec![
        s3.serving(Edge::shared(
            beside_s3,
            Arc::clone(&s3_door) as Arc<dyn Door>,
            names,
            parts(),
        )),
        api.serving(Edge::shared(beside_pcaps, pcaps_door, DoorNames::default(), parts())),
    ];
    let last = Shutdown::new();
    let mut agents = None;
    if let Some(mut socket) = agents_socket {
        let tls = agents_tls(&supervisor, &fleet, &config.agents, socket.address, &clock)?;
        socket.listener = socket.listener.encrypted(tls);
        let door = AgentDoor::new(baleen_api_agent::Parts {
            fleet,
            agents: remote_agents,
            clock: Arc::clone(&clock),
            gate: Arc::clone(&gate),
            shutdown: last.clone(),
        });
        agents = Some(socket.serving(Edge::new(door, parts())));
    }
    let upkeep = metrics.clone();
    supervisor.every("metrics upkeep", METRICS_UPKEEP, move || {
        buffers.give_back();
        metrics::gauge!(TRANSFER_BYTES).set(compaction::for_a_chart(buffers.held_bytes() as u64));
        upkeep.run_upkeep();
        std::future::ready(Ok::<(), Infallible>(()))
    });
    let operations = Operations::new(ops::Parts {
        meta,
        objects: Arc::clone(&objects),
        clock: Arc::clone(&clock),
        metrics,
        supervisor: supervisor.clone(),
    });
    Ok(System {
        addresses,
        root: (credentials_file, root_start),
        certificate: certificate_file(config)?,
        agent_names: addresses
            .agents
            .map_or_else(Vec::new, |at| agents::names(&config.agents, at)),
        doors,
        last,
        agents,
        ops: ops.serving(Edge::new(operations, parts())),
        iam,
        audit,
        usage,
        s3_door,
        folder,
        supervisor,
        drain: config.drain,
    })
}

/// The file of the certificate as commands find it from anywhere.
fn certificate_file(config: &Config) -> Result<Option<PathBuf>, Failure> {
    let absolute = |files: &TlsFiles| std::path::absolute(&files.certificate);
    let file = config.tls.as_ref().map(absolute).transpose();
    file.map_err(|error| Failure::because("this folder cannot be named", &error))
}

/// Where browsers reach the S3 listener: what was set, or else the address it listens on, unless that is every address.
fn public_url(config: &Config, addresses: Addresses) -> Option<PublicUrl> {
    let listening = || (!addresses.s3.ip().is_unspecified()).then(|| addresses.s3_url());
    let own = || listening().and_then(|url| PublicUrl::parse(&url).ok());
    config.public_url.clone().or_else(own)
}

/// The customers of a store.
pub(crate) fn customers(
    config: &Config,
    meta: &Meta,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Arc<Tenancy> {
    let others = config.regions.iter().map(|region| &region.name);
    let regions = std::iter::once(&config.region).chain(others);
    Tenancy::new(
        baleen_tenancy::Settings {
            hold: config.hold,
            ..baleen_tenancy::Settings::new(regions.cloned().collect())
        },
        baleen_tenancy::Parts {
            meta: meta.clone(),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
        },
    )
}

impl System {
    /// Serves until `stop` resolves, then drains: the doors take no more requests and finish those at work, captures
    /// end with the packets they have and their upload is finished; the operations door goes last, so that it can tell of it.
    pub(crate) async fn serve(self, stop: impl Future<Output = ()>) -> Drained {
        let stopping = self.supervisor.shutdown().clone();
        let last = self.last;
        let doors = futures::future::join_all(self.doors.into_iter().map(|door| door.serve(stopping.clone())));
        let ops = tokio::spawn(self.ops.serve(last.clone()));
        let agents = self.agents.map(|agents| tokio::spawn(agents.serve(last.clone())));
        let drain = async {
            stop.await;
            info!(
                deadline_s = self.drain.as_secs(),
                "stopping: requests at work are finished, captures end with the packets they have and are uploaded"
            );
            self.supervisor.drain(self.drain).await
        };
        let (reports, is_quiet) = tokio::join!(doors, drain);
        if let Err(error) = self.audit.flush().await {
            error!(
                error = &error as &dyn std::error::Error,
                "the end of the audit log could not be written"
            );
        }
        // Of keys and tokens, what the last requests were let in by.
        for written in [self.iam.write_uses().await, self.iam.write_token_uses().await] {
            if let Err(error) = written {
                error!(
                    error = &error as &dyn std::error::Error,
                    "the last uses of credentials could not be noted"
                );
            }
        }
        if let Err(error) = self.s3_door.deliver_logs().await {
            error!(
                error = &error as &dyn std::error::Error,
                "the last logs of buckets were not all delivered"
            );
        }
        // What the last readers were given.
        if let Err(error) = self.usage.flush().await {
            error!(
                error = &error as &dyn std::error::Error,
                "the last downloads could not be counted"
            );
        }
        last.stop();
        // The last doors only panic with the runtime.
        if let Some(agents) = agents {
            let _ = agents.await;
        }
        let _ = ops.await;
        Drained {
            cut_connections: reports.iter().map(|report| report.cut).sum(),
            is_quiet,
        }
    }
}

/// How a stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Connections that were cut at the deadline.
    pub(crate) cut_connections: usize,
    /// Whether all background work ended in time.
    pub(crate) is_quiet: bool,
}

impl Bound {
    async fn serve(self, shutdown: Shutdown) -> DrainReport {
        self.listener.serve(self.edge, shutdown).await
    }
}

/// A socket that is bound, with its address.
struct Socket {
    listener: Listener,
    address: SocketAddr,
}

impl Socket {
    fn serving(self, edge: Arc<Edge>) -> Bound {
        Bound {
            listener: self.listener,
            edge,
        }
    }
}

/// Binds the socket of one door.
async fn listen(door: &'static str, address: SocketAddr, drain: Duration) -> Result<Socket, Failure> {
    let failed = |error: std::io::Error| {
        Failure::because(format!("the {door} door cannot listen on {address}"), &error).advise(format!(
            "choose another address with --listen-{door}; port 0 lets the system choose"
        ))
    };
    let settings = ServerSettings {
        address,
        drain_deadline: drain,
        ..ServerSettings::default()
    };
    let listener = Listener::bind(settings).await.map_err(failed)?;
    let address = listener.address().map_err(failed)?;
    Ok(Socket { listener, address })
}

pub(crate) fn meta_settings(config: &Config) -> FjallSettings {
    let usual = FjallSettings::default();
    // Decision 0046.
    let share = || crate::memory::allowed_bytes().unwrap_or_default() / 8;
    let own = || share().clamp(usual.cache_bytes, CACHE_BYTES_MAX);
    FjallSettings {
        cache_bytes: config.store.cache_bytes.unwrap_or_else(own),
        compacts: config.compaction.metadata,
        ..usual
    }
}

/// The engine of the embedded agent: parts fit a multipart upload, and rings are as large as the operator says.
pub(crate) fn engine_settings(config: &Config) -> engine::Settings {
    let mut settings = engine::Settings {
        rings: config.capture.rings,
        part_bytes: config.capture.part_bytes,
        buffers: config.capture.part_buffers,
        ..engine::Settings::default()
    };
    settings.ring.blocks = config.capture.ring_bytes / settings.ring.block_bytes;
    settings
}
