//! Every setting: its key, form, default and meaning, where it is read.

mod destinations;
mod lookback;
mod quota;

use super::parse::{
    address, auto_or, bytes_within, domain, duration_with_unit, duration_within, interface, log_level, number,
    on_or_off, region_folder, size, size_within, text, user, zero_or,
};
use super::reader::{Reader, Setting};
use super::{Agents, Backups, Capture, Compaction, Config, Listen, Log, LogFormat, Scrubbing, Store, TlsFiles};
use baleen_capture::engine::BUFFERS_MIN;
use baleen_http::TrustedProxies;
use baleen_iam::{PublicUrl, RootOverrides};
use baleen_objects::{PublicAccessBlock, RegionFolder};
use baleen_ring::RING_BYTES_MAX;
use baleen_types::{AccountId, CustomerName, Invalid, RegionName, Secret, SiteName};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The least and the most bytes of a part buffer: S3 takes no part below 5 MiB but the last, and a part is held in memory.
const PART_BYTES: (usize, usize) = (5 << 20, 128 << 20);

/// The least and the most bytes of a kernel ring: two blocks of 1 MiB, and what crate `ring` allows.
const RING_BYTES: (usize, usize) = (2 << 20, RING_BYTES_MAX);

/// The least and the most captured bytes of a capture task.
const TASK_BYTES: (u64, u64) = (1 << 20, 1 << 40);

/// The least and the most buffers of one capture, as the engine allows them.
const PART_BUFFERS: (usize, usize) = (BUFFERS_MIN, 256);

/// The least and the most bytes of parts that wait on the disk.
const SPOOL_BYTES: (u64, u64) = (64 << 20, 16 << 40);

/// The least and the most bytes of the metadata cache.
const CACHE_BYTES_MIN: u64 = 1 << 20;
/// The largest cache of metadata.
pub(crate) const CACHE_BYTES_MAX: u64 = 64 << 30;

/// The least and the most bytes for what is read and written ahead.
const TRANSFER_BYTES: (u64, u64) = (1 << 20, 64 << 30);

/// Stand for the other half of an access key while one half is checked.
const ANY_KEY_ID: &str = "AKIAAAAAAAAAAAAAAAAA";
const ANY_SECRET: &str = "aaaaaaaaaaaaaaaa";

/// A shorthand for the plain kind of setting.
const fn setting(key: &'static str, form: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting {
        key,
        form,
        default,
        about,
        secret: false,
    }
}

/// The same for a value that is never shown.
const fn secret(key: &'static str, form: &'static str, about: &'static str) -> Setting {
    Setting {
        key,
        form,
        default: "",
        about,
        secret: true,
    }
}

/// Reads all settings, in the order of the reference.
pub(super) fn read(from: &mut Reader) -> Config {
    let config = Config {
        data: from.optional(
            &setting(
                "data",
                "path",
                "",
                "The data folder: everything the server keeps. Made, for its owner alone, when it is not there.",
            ),
            |path| text(path).map(PathBuf::from),
        ),
        region: from.value(
            &setting("region", "name", "us-east-1", "The region that this store says it is."),
            worded(RegionName::parse),
        ),
        regions: from.list(
            &setting(
                "regions",
                "list of NAME=FOLDER",
                "",
                "Regions beside `region`, each with the folder of its copies: `west=/mnt/west/copies`. At most eight. A folder is made in \
                 the one above it, and belongs to one store alone. A folder in which a file system was mounted is not used while none is, also after a restart; an empty file `plain` in it says that it is to be used itself. Objects are written to the data folder first, and copied where the replication policy \
                 of their bucket says, which is everywhere unless it says otherwise.",
            ),
            region_folder,
        ),
        copied_bytes_per_second: from.value(
            &setting(
                "replication.bytes_per_second",
                "size",
                "0",
                "Most bytes that are copied to each region in a second, `region` too when it is healed; `0` is as many as the disks allow.",
            ),
            zero_or(size_within(1 << 10, 64 << 30)),
        ),
        domain: from.optional(
            &setting(
                "domain",
                "DNS name",
                "",
                "The domain below which buckets are host names (`bucket.domain`). Without it buckets stand in the path only.",
            ),
            domain,
        ),
        signature_v2: from.value(
            &setting(
                "s3.signature_v2",
                "`on` or `off`",
                "on",
                "Whether S3 requests and links may be signed with Signature Version 2 (HMAC-SHA1), which AWS CLI v1 and boto3 use for links in `us-east-1`.",
            ),
            on_or_off,
        ),
        public_url: from.optional(
            &setting(
                "public_url",
                "URL",
                "",
                "Where browsers reach the S3 listener, such as `https://store.example.net`: an identity provider sends them back there. Without it: the address that `listen.s3` is, if that is one.",
            ),
            worded(PublicUrl::parse),
        ),
        listen: listen(from),
        tls: tls(from),
        log: log(from),
        confine: from.value(
            &setting(
                "process.confine",
                "`on` or `off`",
                "on",
                "Whether the process gives up for good, when it starts, the rights of root but CAP_NET_RAW (and CAP_NET_BIND_SERVICE for a port below 1024), \
                 and the calls to the kernel that it never makes. Files are then read as by any user, also by root: the data folder, the \
                 certificate and its key, at the start and at SIGHUP, have to be its own or open to it. `off` is for who looks for a fault.",
            ),
            on_or_off,
        ),
        process_user: from.optional(
            &setting(
                "process.user",
                "user",
                "",
                "Who the process goes on as when it was started as root: a user of `/etc/passwd`, or two numbers, as `1000:1000`. Root without rights \
                 still owns the system; another user does not. All folders and files of the settings have to be that user's or open to them; \
                 a data folder that is not there is made for them, and `lookback.folder` and `backup.folder`, by root only where what is above is root's alone. Not a user of root's \
                 group (0). Without it: who started it.",
            ),
            user,
        ),
        hold: from.value(
            &setting(
                "customers.hold_days",
                "number",
                "30",
                "Days for which a deleted customer is kept and can be taken back, before all it has is removed: 0 to 3650.",
            ),
            |text| number(0, 3650)(text).map(|days: u64| Duration::from_secs(days * 86_400)),
        ),
        usage: baleen_usage::Settings {
            minimum_stay_days: from.value(
                &setting(
                    "billing.minimum_stay_days",
                    "number",
                    "0",
                    "Days that an object is charged at least: deleted before, it counts as ghost space until then. 0 to 3650.",
                ),
                number(0, 3650),
            ),
        },
        blocked: from.value(
            &setting(
                "buckets.block_public_access",
                "`on` or `off`",
                "off",
                "Whether no bucket is public, whatever its policy, its access control lists and its own public access block say. \
                 Such policies and lists are refused, and those that are there let in nobody but the owner's account.",
            ),
            |text| on_or_off(text).map(block),
        ),
        secure_keys_only: from.value(
            &setting(
                "encryption.secure_keys_only",
                "`on` or `off`",
                "off",
                "Whether keys that customers send with their requests (SSE-C) are refused unless they come over TLS, with `tls.certificate` or by the \
                 `X-Forwarded-Proto` of a trusted proxy. To be turned on wherever there is either.",
            ),
            on_or_off,
        ),
        lifecycle_day: from.value(
            &setting(
                "lifecycle.day",
                "time",
                "24h",
                "How long a day of lifecycle rules is, 1s to 24h. Shorter, what is meant for weeks can be tried out in minutes, \
                 and is removed as fast: for trials only.",
            ),
            duration_within((Duration::from_secs(1), Duration::from_hours(24)), "1s to 24h"),
        ),
        logging_interval: from.value(
            &setting(
                "logging.interval",
                "time",
                "5m",
                "How often the logs of buckets are delivered, 1s to 24h, and sooner when there is much. What waits is lost when the \
                 process is killed; a stop delivers it.",
            ),
            duration_within((Duration::from_secs(1), Duration::from_hours(24)), "1s to 24h"),
        ),
        audit: audit(from),
        drain: from.value(
            &setting(
                "drain",
                "time",
                "20s",
                "How long a stop waits for requests, and for the uploads of captures, which it ends with the packets they have, before it cuts them.",
            ),
            duration_with_unit,
        ),
        reseller: from.value(
            &setting(
                "reseller",
                "name",
                "baleen",
                "The name of the first customer, which manages the others. Taken at the first start; the customer keeps its name.",
            ),
            worded(CustomerName::parse),
        ),
        root: root(from),
        master_key_file: from.optional(
            &setting(
                "master_key_file",
                "path",
                "",
                "The file of the keys under which secrets are sealed, made at the first start. Without it: `master.key` in the data folder.",
            ),
            |path| text(path).map(PathBuf::from),
        ),
        store: store(from),
        scrub: scrubbing(from),
        compaction: compaction(from),
        backup: backups(from),
        capture: capture(from),
        agents: agents(from),
        look_back: lookback::read(from),
        destinations: destinations::read(from),
    };
    compare(&config, from);
    config
}

fn listen(from: &mut Reader) -> Listen {
    Listen {
        s3: from.value(
            &setting(
                "listen.s3",
                "address",
                "127.0.0.1:9000",
                "Where the S3 door listens. Port 0 lets the system choose.",
            ),
            address,
        ),
        api: from.value(
            &setting(
                "listen.api",
                "address",
                "127.0.0.1:9001",
                "Where the capture APIs (PCAPs and capture tasks) listen.",
            ),
            address,
        ),
        ops: from.value(
            &setting(
                "listen.ops",
                "address",
                "127.0.0.1:9002",
                "Where `/healthz`, `/readyz`, `/metrics` and `/background` are. They ask for no credentials: keep it private.",
            ),
            address,
        ),
        agents: from.optional(
            &setting(
                "listen.agents",
                "address",
                "",
                "Where agents on other hosts come in, over TLS 1.3 with certificates of this store's own authority. Without it: nowhere.",
            ),
            address,
        ),
        proxies: TrustedProxies::new(from.list(
            &setting(
                "listen.trusted_proxies",
                "list of networks",
                "",
                "Reverse proxies (`10.0.0.0/8`, `192.0.2.7`) whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. \
                 Each must append the address it was called from. Without it the client is the other end of the connection.",
            ),
            worded(TrustedProxies::parse_network),
        )),
    }
}

/// Both or none.
fn tls(from: &mut Reader) -> Option<TlsFiles> {
    let path = |path: &str| text(path).map(PathBuf::from);
    let certificate = from.optional(
        &setting(
            "tls.certificate",
            "path",
            "",
            "The certificate of the S3 and capture doors in PEM, with those between it and its authority behind it. With it they take \
             encrypted connections, and no others: TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2. SIGHUP reads it and its key again. It needs a subjectAltName.",
        ),
        path,
    );
    let key = from.optional(
        &setting(
            "tls.key",
            "path",
            "",
            "The private key of that certificate in PEM, without a password. Set both or none.",
        ),
        path,
    );
    match (from.is_set("tls.certificate"), from.is_set("tls.key")) {
        (true, false) => from.refuse_unless_wrong("tls.key", "it is missing while tls.certificate is set"),
        (false, true) => from.refuse_unless_wrong("tls.certificate", "it is missing while tls.key is set"),
        (true, true) | (false, false) => {}
    }
    let (certificate, key) = certificate.zip(key)?;
    Some(TlsFiles { certificate, key })
}

fn log(from: &mut Reader) -> Log {
    Log {
        level: from.value(
            &setting(
                "log.level",
                "directives",
                "info",
                "`error`, `warn`, `info`, `debug` or `trace`, for all or by module: `info,baleen_meta=debug`. `off` is silence.",
            ),
            log_level,
        ),
        format: from.value(
            &setting(
                "log.format",
                "`text` or `json`",
                "text",
                "The shape of log lines, which go to standard error.",
            ),
            |format| match format {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("text or json is expected".to_owned()),
            },
        ),
    }
}

fn block(all: bool) -> PublicAccessBlock {
    if all {
        PublicAccessBlock::ALL
    } else {
        PublicAccessBlock::default()
    }
}

fn audit(from: &mut Reader) -> baleen_audit::Settings {
    baleen_audit::Settings {
        data_events: from.value(
            &setting(
                "audit.data_events",
                "`on` or `off`",
                "off",
                "Whether the audit log has reads and writes of objects too, besides changes of identities, rights, settings and \
                 captures, and what was refused.",
            ),
            on_or_off,
        ),
        retention: from.value(
            &setting(
                "audit.retention_days",
                "number",
                "365",
                "Days for which entries of the audit log are kept: 1 to 3650.",
            ),
            |text| number(1, 3650)(text).map(|days: u64| Duration::from_secs(days * 86_400)),
        ),
    }
}

fn store(from: &mut Reader) -> Store {
    Store {
        cache_bytes: from.value(
            &setting(
                "store.cache_bytes",
                "size",
                "auto",
                "Memory for the cache of metadata. `auto` is an eighth of what this process may use, 32 MiB at least and 64 GiB at \
                 most. It takes what there is to be kept, no more: some 1.5 GiB for all of ten million objects.",
            ),
            auto_or(size_within(CACHE_BYTES_MIN, CACHE_BYTES_MAX)),
        ),
        transfer_bytes: from.value(
            &setting(
                "store.transfer_bytes",
                "size",
                "64MiB",
                "Memory for what uploads and downloads read and write ahead, all of them together. Who finds none of it left \
                 goes on with 64 KiB at a time, which is slower and never refused.",
            ),
            size_within(TRANSFER_BYTES.0, TRANSFER_BYTES.1),
        ),
        reserve_bytes: from.value(
            &setting(
                "store.reserve_bytes",
                "size",
                "256MiB",
                "Disk space that objects never take, so that metadata can still record deletions on a full disk.",
            ),
            size,
        ),
    }
}

fn scrubbing(from: &mut Reader) -> Scrubbing {
    Scrubbing {
        every: from.value(
            &setting(
                "scrub.every",
                "time",
                "7d",
                "How long after one look through everything that is stored the next begins; `0s` is never. What is damaged is logged, and told at `/background`.",
            ),
            duration_with_unit,
        ),
        bytes_per_second: from.value(
            &setting(
                "scrub.bytes_per_second",
                "size",
                "32MiB",
                "Most bytes that such a look reads in a second.",
            ),
            size_within(1 << 10, 64 << 30),
        ),
    }
}

fn compaction(from: &mut Reader) -> Compaction {
    Compaction {
        every: from.value(
            &setting(
                "compaction.every",
                "time",
                "10m",
                "How long after one compaction the next begins; `0s` is never. It moves what lives in sparse segments together, hands free space to the file system, but for as much as was written since the last one, and writes the metadata anew without what is dead.",
            ),
            duration_with_unit,
        ),
        bytes_per_second: from.value(
            &setting(
                "compaction.bytes_per_second",
                "size",
                "32MiB",
                "Most bytes that it moves in a second, and most bytes of metadata that it reads in one.",
            ),
            size_within(1 << 10, 64 << 30),
        ),
        metadata: from.value(
            &setting(
                "compaction.metadata",
                "`on` or `off`",
                "on",
                "Whether the metadata is compacted too.",
            ),
            on_or_off,
        ),
        free_percent_max: from.value(
            &setting(
                "compaction.free_percent",
                "number",
                "10",
                "How much may be free in segments, and dead in the metadata, in percent of what lives there, before anything is moved; 0 to 100. What is free in segments is handed to the file system at any share.",
            ),
            number(0, 100),
        ),
    }
}

fn backups(from: &mut Reader) -> Backups {
    Backups {
        folder: from.optional(
            &setting(
                "backup.folder",
                "path",
                "",
                "Where the store is backed up to while it is served, best on another disk. The master keys are not in it. See [backup](admin.md#backup-and-restore).",
            ),
            |path| text(path).map(PathBuf::from),
        ),
        every: from.value(
            &setting(
                "backup.every",
                "time",
                "1d",
                "How long after one backup has ended the next begins.",
            ),
            duration_within((Duration::from_mins(1), Duration::from_hours(24 * 366)), "1m to 366d"),
        ),
        keep: from.value(
            &setting(
                "backup.keep",
                "number",
                "7",
                "How many backups are kept; they share what has not changed. 1 to 1000.",
            ),
            |text| {
                let keep: usize = number(1, 1000)(text)?;
                NonZeroUsize::new(keep).ok_or_else(|| "a number is expected".to_owned())
            },
        ),
    }
}

/// The three values are checked together, as `iam` wants them; the error says which of them is wrong.
fn root(from: &mut Reader) -> RootOverrides {
    let id = from.optional(
        &setting(
            "root.access_key_id",
            "16 to 128 letters and digits",
            "",
            "The root user's access key. Without it the first start draws one and writes it to `root-credentials.json`.",
        ),
        |id| RootOverrides::parse(Some(id), Some(ANY_SECRET), None).map(|_| id.to_owned()).map_err(|e| e.why),
    );
    let secret_key = from.optional(
        &secret(
            "root.secret_access_key",
            "16 to 128 visible characters",
            "The secret of that key. Set both or none. Better in the environment than in a file.",
        ),
        |key| {
            RootOverrides::parse(Some(ANY_KEY_ID), Some(key), None)
                .map(|_| Secret::new(key))
                .map_err(|e| e.why)
        },
    );
    let token = from.optional(
        &secret(
            "root.api_token",
            "32 lower-case hex digits",
            "The root user's API token.",
        ),
        |token| {
            RootOverrides::parse(None, None, Some(token))
                .map(|_| Secret::new(token))
                .map_err(|e| e.why)
        },
    );
    // A half that is there and wrong still asks for the other.
    match (from.is_set("root.access_key_id"), from.is_set("root.secret_access_key")) {
        (true, false) => from.refuse_unless_wrong(
            "root.secret_access_key",
            "it is missing while root.access_key_id is set",
        ),
        (false, true) => from.refuse_unless_wrong(
            "root.access_key_id",
            "it is missing while root.secret_access_key is set",
        ),
        (true, true) | (false, false) => {}
    }
    let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let both = id.zip(secret_key);
    let (id, key) = both.map_or((None, None), |(id, key)| (Some(id), Some(key)));
    // Each value was checked above, so that together they cannot be refused.
    RootOverrides::parse(id.as_deref(), text(&key).as_deref(), text(&token).as_deref()).unwrap_or_default()
}

fn capture(from: &mut Reader) -> Capture {
    Capture {
        site: from.value(
            &setting(
                "site",
                "name",
                "local",
                "The site this server captures at: the `colo_name` of a capture request, the `fw_instance_id` of a capture task.",
            ),
            worded(SiteName::parse),
        ),
        interfaces: from.list(
            &setting(
                "capture.interfaces",
                "list of names",
                "",
                "The interfaces to capture from; `any` is all of them. Without it: the one of the default route.",
            ),
            interface,
        ),
        accounts: from.list(
            &setting(
                "capture.accounts",
                "list of accounts",
                "",
                "The accounts that may capture at this site, by their 12 digits; to others it is not there. Who captures sees the \
                 traffic of everybody at the site. Without it: all accounts.",
            ),
            worded(AccountId::parse),
        ),
        running_max: from.value(
            &setting(
                "capture.running_max",
                "number",
                "8",
                "Captures that run or are being uploaded at once, over all accounts: 1 to 1024. Each holds its part buffers and rings; \
                 those of agents on other hosts hold none, and do not count. One that is over gives its place back when the rest of it \
                 lies on the disk. An account holds all but a quarter of them at most, 6 of 8, streams and tasks included; and it begins \
                 no further capture while three that are over hold places, or four were not delivered.",
            ),
            number(1, 1024),
        ),
        tasks_max: from.value(
            &setting(
                "capture.tasks_max",
                "number",
                "4",
                "Capture tasks of one account that wait or run at once: 1 to 64.",
            ),
            number(1, 64),
        ),
        task_bytes_max: from.value(
            &setting(
                "capture.task_bytes_max",
                "size",
                "10GiB",
                "Captured bytes after which a capture task ends, whose request cannot say: 1MiB to 1TiB.",
            ),
            size_within(TASK_BYTES.0, TASK_BYTES.1),
        ),
        quota: quota::read(from),
        staging_bytes: from.value(
            &setting(
                "capture.staging_bytes",
                "size",
                "8GiB",
                "What captures of several sites may keep in `staging` of the data folder, all together, until they are merged: 1MiB to 1TiB. A site whose packets find no room ends early and is named.",
            ),
            size_within(TASK_BYTES.0, TASK_BYTES.1),
        ),
        schedule_minute: from.value(
            &setting(
                "schedules.minute",
                "time",
                "1m",
                "How long a minute of schedules is, 1s to 1m. Shorter, what is meant for hours can be tried out in minutes: for trials only.",
            ),
            duration_within((Duration::from_secs(1), Duration::from_mins(1)), "1s to 1m"),
        ),
        ring_bytes: from.value(
            &setting(
                "capture.ring_bytes",
                "size",
                "64MiB",
                "Kernel memory of one capture ring. It holds what arrives while the reader waits for a processor.",
            ),
            bytes_within(RING_BYTES),
        ),
        rings: from.value(
            &setting(
                "capture.rings",
                "number",
                "1",
                "Rings of each interface, 1 to 8, each with a thread and `capture.ring_bytes`. More than one is for interfaces whose \
                 packets are received by several processors. Packets of one conversation stay in order; those of others may stand \
                 before them though they came later.",
            ),
            number(1, baleen_ring::RINGS_MAX),
        ),
        part_bytes: from.value(
            &setting(
                "capture.part_bytes",
                "size",
                "8MiB",
                "Bytes in one part buffer, 5MiB to 128MiB; a full one is uploaded as one part.",
            ),
            bytes_within(PART_BYTES),
        ),
        part_buffers: from.value(
            &setting(
                "capture.part_buffers",
                "number",
                "8",
                "Part buffers of one capture. When none is free packets wait in the ring, and when that is full the kernel \
                 drops and counts them.",
            ),
            number(PART_BUFFERS.0, PART_BUFFERS.1),
        ),
        spool_bytes: from.value(
            &setting(
                "capture.spool_bytes",
                "size",
                "1GiB",
                "Room on the disk, in `spool` of the data folder, for parts whose store does not keep up when the part buffers are \
                 taken, over all captures: 64MiB to 16TiB. They are sealed, and are sent in their order, also by the next start \
                 after a kill. An account has at most as much there as is left free, so half of it alone, and 256 MiB of the disk are \
                 left free. When it is full, packets wait in the ring, and are dropped and counted behind that. `0`: there is none.",
            ),
            zero_or(size_within(SPOOL_BYTES.0, SPOOL_BYTES.1)),
        ),
    }
}

fn agents(from: &mut Reader) -> Agents {
    Agents {
        names: from.list(
            &setting(
                "agents.names",
                "list of names",
                "",
                "Names and addresses by which agents reach `listen.agents`: its certificate is for them. Without it: `localhost`, the name of \
                 this machine and the address that it listens on.",
            ),
            |name| match rustls::pki_types::ServerName::try_from(name) {
                Ok(_) => Ok(name.to_owned()),
                Err(_) => Err("a DNS name or an IP address is expected".to_owned()),
            },
        ),
        away: from.value(
            &setting(
                "agents.away",
                "time",
                "10m",
                "How long a capture waits for an agent that was cut off, 15s to 24h; it ends then with what has come.",
            ),
            duration_within((Duration::from_secs(15), Duration::from_hours(24)), "15s to 24h"),
        ),
    }
}

/// Regions beside home: each has its notes in every commit.
const REGIONS_MAX: usize = 8;

/// What only shows when settings are held against each other.
fn compare(config: &Config, from: &mut Reader) {
    let Listen {
        s3, api, ops, agents, ..
    } = config.listen;
    let doors = [("listen.api", api, vec![s3]), ("listen.ops", ops, vec![s3, api])];
    let agents = agents.map(|agents| ("listen.agents", agents, vec![s3, api, ops]));
    for (key, address, others) in doors.into_iter().chain(agents) {
        if address.port() != 0 && others.contains(&address) {
            from.refuse(key, format!("{address} is taken by another door; each needs its own"));
        }
    }
    if config.regions.len() > REGIONS_MAX {
        from.refuse("regions", format!("at most {REGIONS_MAX} beside region"));
    }
    let mut seen = vec![(&config.region, None)];
    for RegionFolder { name, folder } in &config.regions {
        if let Some(data) = &config.data
            && (folder == data || ["blobs", "meta"].iter().any(|name| folder.starts_with(data.join(name))))
        {
            from.refuse(
                "regions",
                format!("{name} is in what the store itself keeps in data; its copies need a folder of their own"),
            );
            continue;
        }
        let why = match seen
            .iter()
            .find(|(other, place)| *other == name || *place == Some(folder))
        {
            Some((other, _)) if *other == name => format!("{name} is named twice, or is what region says"),
            Some((other, _)) => format!("{name} and {other} have one folder; each needs its own"),
            None => {
                seen.push((name, Some(folder)));
                continue;
            }
        };
        from.refuse("regions", why);
    }
    if config.process_user.is_some() && !config.confine {
        from.refuse(
            "process.user",
            "with process.confine = \"off\" nothing is given up; leave one of them out",
        );
    }
    if config.capture.interfaces.len() > 1 && config.capture.interfaces.iter().any(|name| name == "any") {
        from.refuse("capture.interfaces", "any already means all of them; name it alone");
    }
}

/// Turns the refusal of a vocabulary type into the words after the key.
fn worded<T>(parse: impl Fn(&str) -> Result<T, Invalid>) -> impl Fn(&str) -> Result<T, String> {
    move |text| parse(text).map_err(|invalid| invalid.why)
}
