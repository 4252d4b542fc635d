//! The service on a real object store, with a simulated agent and a clock that stands until a test moves it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

pub mod agent;
pub mod s3;
pub mod schedules;

use agent::{SimAgent, SimCatch};
use baleen_blob::{Blobs, Settings as BlobSettings};
use baleen_capture::{
    Accounts, Agent, Asked, Capture, CaptureError, CaptureFilter, Captures, CreateCapture, Destination,
    DestinationSettings, EndpointRule, EndpointRules, Format, Limits, Ownership, Parts, Proof, Quota, Rotation,
    SentFilter, Settings, Site, Sites, SpoolSettings, Status,
};
use baleen_meta::{Meta, Scan};
use baleen_objects::{CreateBucket, ListObjects, ListUploads, Objects, Selection};
use baleen_remote::{Connections, RetrySettings};
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown, Supervisor};
use baleen_sealing::Sealer;
use baleen_types::{AccountId, BucketName, CaptureId, ObjectKey, ObjectPath, RegionName, SiteName, Timestamp};
use bytes::Bytes;
use futures::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};
use zeroize::Zeroizing;

/// How long a test waits for something that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What outlives a process: the stores and the clock.
#[derive(Clone)]
pub struct Disk {
    pub meta: Meta,
    pub objects: Arc<Objects>,
    pub clock: Arc<ManualClock>,
    pub spool: Option<SpoolSettings>,
    pub quota: Quota,
    _dir: Arc<TempDir>,
}

impl Disk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
        let entropy = SeededEntropy::new(1);
        let volume = BlobSettings {
            segment_bytes: 1 << 20,
            segment_body_bytes_max: 256 << 10,
            reserve_bytes: 0,
            io_jobs_max: 8,
            transfer_bytes_max: 4 << 20,
        };
        let meta = Meta::open_model();
        let parts = baleen_objects::Parts {
            meta: meta.clone(),
            blobs: Blobs::open(&dir.path().join("blob"), volume, entropy.clone()).unwrap(),
            clock: clock.clone(),
            entropy,
            sealer: Arc::new(Sealer::new(&Zeroizing::new([7; 32]))),
        };
        Self {
            meta,
            objects: Objects::new(baleen_objects::Settings::default(), parts),
            clock,
            spool: None,
            quota: Quota::default(),
            _dir: Arc::new(dir),
        }
    }
}

impl Disk {
    pub fn clock_now(&self) -> Timestamp {
        baleen_runtime::Clock::now(&*self.clock)
    }
}

/// One process.
pub struct World {
    pub disk: Disk,
    pub captures: Arc<Captures>,
    pub supervisor: Supervisor,
    pub agent: Arc<SimAgent>,
    pub catches: Mutex<mpsc::UnboundedReceiver<SimCatch>>,
}

pub fn account(n: u64) -> AccountId {
    AccountId::from_entropy(n)
}

pub fn to(uri: &str) -> Destination {
    Destination::parse(uri).unwrap()
}

impl World {
    /// A process whose requests may name no endpoint.
    pub fn new() -> Self {
        Self::on(Disk::new(), 2, DestinationSettings::default())
    }

    /// A process on given stores. `seed` has to differ for each on the same stores.
    pub fn on(disk: Disk, seed: u64, destinations: DestinationSettings) -> Self {
        let (agent, catches) = SimAgent::new();
        let sites = lab(agent.clone(), Accounts::All);
        Self::assemble(disk, seed, destinations, sites, (agent, catches))
    }

    /// The same for the captures of some accounts.
    pub fn of_accounts(accounts: Accounts) -> Self {
        let (agent, catches) = SimAgent::new();
        let sites = lab(agent.clone(), accounts);
        Self::assemble(Disk::new(), 2, DestinationSettings::default(), sites, (agent, catches))
    }

    /// The same with an agent of the test's own in place of the simulated one.
    pub fn with_agent(disk: Disk, seed: u64, destinations: DestinationSettings, agent: Arc<dyn Agent>) -> Self {
        Self::assemble(disk, seed, destinations, lab(agent, Accounts::All), SimAgent::new())
    }

    /// The same with sites of the test's own, whose captures come out at `catches`.
    pub fn with_sites(
        disk: Disk,
        seed: u64,
        destinations: DestinationSettings,
        (sites, catches): (Sites, mpsc::UnboundedReceiver<SimCatch>),
    ) -> Self {
        let (agent, _) = SimAgent::new();
        Self::assemble(disk, seed, destinations, sites, (agent, catches))
    }

    fn assemble(
        disk: Disk,
        seed: u64,
        destinations: DestinationSettings,
        sites: Sites,
        (agent, catches): (Arc<SimAgent>, mpsc::UnboundedReceiver<SimCatch>),
    ) -> Self {
        let entropy = SeededEntropy::new(seed);
        let supervisor = Supervisor::new(disk.clock.clone(), Shutdown::new());
        let settings = Settings {
            // Of which an account may have four.
            captures_max: 6,
            spool: disk.spool.clone(),
            quota: disk.quota,
            tasks_max: 3,
            destinations,
            remote: baleen_remote::Settings {
                retry: RetrySettings {
                    attempts: 3,
                    // The clock stands, so pauses have to be none.
                    first_pause: Duration::ZERO,
                    longest_pause: Duration::ZERO,
                    part_patience: None,
                },
                ..baleen_remote::Settings::default()
            },
            ..Settings::default()
        };
        let parts = Parts {
            meta: disk.meta.clone(),
            objects: disk.objects.clone(),
            sites,
            sealer: Arc::new(Sealer::new(&Zeroizing::new([7; 32]))),
            clock: disk.clock.clone(),
            entropy,
            supervisor: supervisor.clone(),
            connections: Connections::new(),
        };
        Self {
            disk,
            captures: Captures::new(settings, parts),
            supervisor,
            agent,
            catches: Mutex::new(catches),
        }
    }

    pub async fn make_bucket(&self, owner: AccountId, name: &str) {
        let new = CreateBucket {
            owner,
            name: BucketName::parse(name).unwrap(),
            region: RegionName::parse("us-east-1").unwrap(),
            object_lock: false,
        };
        self.disk.objects.create_bucket(new).await.unwrap();
    }

    /// The bytes of an object of our own store.
    pub async fn read(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let at = ObjectPath {
            bucket: BucketName::parse(bucket).unwrap(),
            key: ObjectKey::parse(key).unwrap(),
        };
        let opened = self.disk.objects.open(&at, Selection::Whole).await.ok()?;
        let mut body = opened.body;
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        Some(bytes)
    }

    /// The keys in a bucket of our own store.
    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let list = ListObjects {
            bucket: BucketName::parse(bucket).unwrap(),
            prefix: String::new(),
            delimiter: String::new(),
            after: None,
            max_keys: 1000,
        };
        let page = self
            .disk
            .objects
            .list(list, |entry| entry.key.to_owned())
            .await
            .unwrap();
        page.entries
    }

    /// How many multipart uploads are open in a bucket of our own store.
    pub async fn open_uploads(&self, bucket: &str) -> usize {
        let list = ListUploads {
            bucket: BucketName::parse(bucket).unwrap(),
            prefix: String::new(),
            delimiter: String::new(),
            after: None,
            max_uploads: 1000,
        };
        self.disk.objects.list_uploads(list).await.unwrap().uploads.len()
    }

    /// The text of a challenge, as the bucket's owner reads it.
    pub async fn challenge(&self, uri: &str, ownership: &Ownership) -> String {
        let to = to(uri);
        let key = to.key(&ownership.file_name);
        let bytes = self.read(to.bucket().as_str(), key.as_str()).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Makes and answers the challenge of a bucket of our own store.
    pub async fn prove(&self, account: AccountId, uri: &str) -> Ownership {
        let created = self.captures.create_ownership(account, &to(uri)).await.unwrap();
        let text = self.challenge(uri, &created).await;
        let proven = self
            .captures
            .validate_ownership(account, &to(uri), &text)
            .await
            .unwrap();
        assert_eq!(proven.proof, Proof::Success);
        proven
    }

    pub async fn create(&self, account: AccountId, uri: &str) -> Result<Capture, CaptureError> {
        self.captures.create(request(account, uri)).await
    }

    /// The next capture that the agent begins.
    pub async fn caught(&self) -> SimCatch {
        let next = async { self.catches.lock().await.recv().await.unwrap() };
        tokio::time::timeout(PATIENCE, next).await.expect("the agent begins")
    }

    /// Waits until a capture has a status, and returns it.
    pub async fn until(&self, account: AccountId, id: CaptureId, status: Status) -> Capture {
        self.until_that(account, id, |capture| capture.status == status).await
    }

    pub async fn until_that(&self, account: AccountId, id: CaptureId, holds: impl Fn(&Capture) -> bool) -> Capture {
        let mut last = None;
        let wait = async {
            loop {
                let capture = self.captures.get(account, id).await.unwrap();
                if holds(&capture) {
                    return capture;
                }
                last = Some(capture);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, wait).await.ok();
        found.unwrap_or_else(|| panic!("it stays {last:?}"))
    }

    /// All that is stored, for looking whether something is in it.
    pub async fn dump(&self) -> Vec<u8> {
        let entries = self.disk.meta.scan(Scan::prefix(b"")).await.unwrap();
        entries
            .iter()
            .flat_map(|e| [&e.key[..], &e.value[..]].concat())
            .collect()
    }
}

/// One site, lab01, in one group.
fn lab(agent: Arc<dyn Agent>, accounts: Accounts) -> Sites {
    Sites::new(vec![Site {
        name: SiteName::parse("lab01").unwrap(),
        groups: vec![SiteName::parse("everywhere").unwrap()],
        accounts,
        agent,
    }])
}

pub fn request(account: AccountId, uri: &str) -> CreateCapture {
    CreateCapture {
        account,
        site: SiteName::parse("LAB01").unwrap(),
        destination: to(uri),
        limits: Limits {
            time: Duration::from_secs(20),
            packets: 10_000,
            bytes: 1_000_000_000,
        },
        filter: CaptureFilter::All,
        sent_filter: SentFilter::default(),
        format: Format::Pcap,
        snaplen: None,
        rotation: Rotation::default(),
        privacy: baleen_capture::Privacy::default(),
        asked: Asked::of(b"{}", false),
    }
}

/// Lets requests name the loopback, where the tests' stores are.
pub fn loopback_allowed() -> DestinationSettings {
    DestinationSettings {
        s3: None,
        endpoints: EndpointRules(vec![EndpointRule::parse("127.0.0.1").unwrap()]),
        ..DestinationSettings::default()
    }
}

/// A part of a file that is large enough not to be the last.
pub fn big_part(fill: u8) -> Bytes {
    Bytes::from(vec![fill; 5 << 20])
}

pub fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
