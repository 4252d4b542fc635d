use super::*;
use crate::engine::{Batch, Counters, Description, Link, Source, Wake};
use baleen_lookback::Shape;
use baleen_ring::{LinkAddress, Packet};
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown};
use baleen_types::LinkType;
use parking_lot::{Condvar, Mutex as Lock};
use std::collections::VecDeque;
use tempfile::TempDir;
use zeroize::Zeroizing;

const NOW: i64 = 1_800_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// The far end of a made-up interface.
#[derive(Default)]
struct Far {
    state: Lock<FarState>,
    changed: Condvar,
}

#[derive(Default)]
struct FarState {
    /// Seconds of the packets of one batch, and what was lost until it is read.
    batches: VecDeque<(Vec<u32>, u64)>,
    dropped: u64,
    is_gone: bool,
    panics: bool,
    opened: usize,
}

impl Far {
    fn change(&self, change: impl FnOnce(&mut FarState)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    fn push(&self, seconds: &[u32], dropped: u64) {
        self.change(|state| state.batches.push_back((seconds.to_vec(), dropped)));
    }
}

struct Made {
    far: Arc<Far>,
    description: Description,
}

struct MadeBatch(Vec<u32>);

impl Batch for MadeBatch {
    fn sequence(&self) -> u64 {
        0
    }

    fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.0.iter().map(|seconds| Packet {
            seconds: *seconds,
            nanoseconds: 0,
            original_length: 1000,
            bytes: &[0x55; 400],
            vlan: None,
            link: LinkAddress {
                protocol: 0x0800,
                interface: 1,
                hardware: 1,
                packet_type: 4,
                address_length: 0,
                address: [0; 8],
            },
        })
    }

    fn detach(&self) -> Result<(), baleen_ring::Error> {
        Ok(())
    }

    fn counters(&self) -> Result<Counters, baleen_ring::Error> {
        Ok(Counters::default())
    }
}

impl Source for Made {
    type Batch<'a> = MadeBatch;

    fn description(&self) -> &Description {
        &self.description
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| {})
    }

    fn wait(&mut self, _: Duration) -> Result<Wake, baleen_ring::Error> {
        let mut state = self.far.state.lock();
        assert!(!state.panics, "as asked for");
        if state.batches.is_empty() && !state.is_gone {
            self.far.changed.wait_for(&mut state, Duration::from_millis(2));
        }
        Ok(if state.is_gone { Wake::Gone } else { Wake::Look })
    }

    fn next_batch(&mut self) -> Result<Option<MadeBatch>, baleen_ring::Error> {
        let mut state = self.far.state.lock();
        let Some((seconds, dropped)) = state.batches.pop_front() else {
            return Ok(None);
        };
        state.dropped += dropped;
        Ok(Some(MadeBatch(seconds)))
    }

    fn detach(&mut self) -> Result<(), baleen_ring::Error> {
        Ok(())
    }

    fn counters(&self) -> Result<Counters, baleen_ring::Error> {
        let dropped = self.far.state.lock().dropped;
        Ok(Counters {
            accepted: dropped,
            dropped,
        })
    }

    fn link(&self) -> Link {
        Arc::new(|| None)
    }
}

struct World {
    dir: TempDir,
    meta: Meta,
    clock: Arc<ManualClock>,
    far: Arc<Far>,
}

impl World {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            meta: Meta::open_model(),
            clock: ManualClock::new(Timestamp::from_secs(NOW)),
            far: Arc::default(),
        }
    }

    /// A process with one interface, whose name decides whether it can be opened.
    fn start(&self, seed: u64, interface: &str) -> (Arc<LookBack>, Supervisor) {
        let supervisor = Supervisor::new(self.clock.clone(), Shutdown::new());
        let settings = LookBackSettings {
            folder: self.dir.path().join("ring"),
            interfaces: vec![interface.to_owned()],
            keeps: baleen_lookback::Settings {
                flow_bytes: None,
                shape: Shape {
                    segment_bytes: 1 << 20,
                    chunk_bytes: 4 << 10,
                },
                ..baleen_lookback::Settings::of(64 << 20)
            },
            ring: baleen_ring::Settings::default(),
        };
        let parts = LookBackParts {
            meta: self.meta.clone(),
            sealer: Arc::new(Sealer::new(&Zeroizing::new([7; 32]))),
            clock: self.clock.clone(),
            entropy: SeededEntropy::new(seed),
            supervisor: supervisor.clone(),
        };
        let far = Arc::clone(&self.far);
        let lane = move |name: &str, desk: &Desk| {
            tap::run(name, desk, || {
                if name == "absent0" {
                    return Err(TapError::Gone);
                }
                far.change(|state| state.opened += 1);
                Ok(Made {
                    far: Arc::clone(&far),
                    description: Description {
                        name: name.to_owned(),
                        link: LinkType::ETHERNET,
                        mac: None,
                        latency: Duration::from_millis(20),
                        batches: 2,
                    },
                })
            });
        };
        let look_back = LookBack::with_lane(settings, parts, Arc::new(lane));
        look_back.supervise();
        (look_back, supervisor)
    }

    async fn until(&self, what: &str, holds: impl Fn(&FarState) -> bool) {
        let wait = async {
            while !holds(&self.far.state.lock()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect(what);
    }
}

/// Asks for the hour before the clock's time, until there are so many packets.
async fn find(look_back: &LookBack, packets: usize) -> Past {
    let asked = PastQuery {
        // Ends before what may still be in the kernel's ring.
        window: Timestamp::from_secs(NOW - 3600)..Timestamp::from_secs(NOW - 1),
        filter: Filter::All,
        limit: 1000,
    };
    let wait = async {
        loop {
            if let Ok(past) = look_back.find(asked.clone()).await
                && past.sample.packets.len() == packets
            {
                return past;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the packets are found")
}

fn second(ago: i64) -> u32 {
    u32::try_from(NOW - ago).unwrap()
}

#[tokio::test]
async fn what_went_by_is_found_also_after_a_restart() {
    let world = World::new();
    let (look_back, supervisor) = world.start(1, "lan0");
    world.far.push(&[second(60), second(50)], 3);
    world.far.push(&[second(40)], 0);
    let past = find(&look_back, 3).await;
    assert_eq!(past.kept_since, Some(Timestamp::from_secs(NOW - 60)));
    let packet = &past.sample.packets[2];
    assert_eq!((packet.bytes.len(), packet.original_length), (160, 1000));
    assert_eq!(&*past.sample.interfaces[packet.interface].name, "lan0");
    // What was lost is told with the packet that came after it.
    assert_eq!(
        look_back.ring.read().clone().unwrap().stats().dropped,
        0,
        "not yet: its chunk is open"
    );
    assert!(supervisor.drain(PATIENCE).await);
    let refused = look_back.find(PastQuery {
        window: Timestamp::EPOCH..Timestamp::from_secs(NOW - 1),
        filter: Filter::All,
        limit: 1,
    });
    assert!(refused.await.is_err(), "it is over");
    drop(look_back);

    // Nothing of it is to be read on the disk without the key.
    let packet = [0x55; 64];
    for entry in std::fs::read_dir(world.dir.path().join("ring")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(packet.len()).any(|window| window == packet));
    }

    let (look_back, supervisor) = world.start(2, "lan0");
    let past = find(&look_back, 3).await;
    assert_eq!(past.sample.dropped, 3);
    world.far.push(&[second(30)], 0);
    find(&look_back, 4).await;
    assert!(supervisor.drain(PATIENCE).await);
}

#[tokio::test]
async fn an_interface_that_goes_comes_back() {
    let world = World::new();
    let (look_back, supervisor) = world.start(1, "lan0");
    world.far.push(&[second(60)], 0);
    find(&look_back, 1).await;
    world.far.change(|state| state.is_gone = true);
    world.until("it is gone", |state| state.opened > 1).await;
    world.far.change(|state| state.is_gone = false);
    world.far.push(&[second(50)], 0);
    find(&look_back, 2).await;

    // A thread that breaks off is started again.
    world.far.change(|state| state.panics = true);
    let opened = world.far.state.lock().opened;
    let broken = async {
        let is_broken = async || match &*look_back.state.lock().await {
            State::Recording { threads, .. } => threads.iter().all(|(_, thread)| thread.is_finished()),
            State::Closed | State::Ended => false,
        };
        while !is_broken().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, broken).await.unwrap();
    world.far.change(|state| state.panics = false);
    world.clock.advance(PERIOD);
    world.until("it is started again", |state| state.opened > opened).await;
    world.far.push(&[second(40)], 0);
    find(&look_back, 3).await;
    assert!(supervisor.drain(PATIENCE).await);
}

#[tokio::test]
async fn what_is_in_trouble_is_tried_again() {
    let world = World::new();
    // No folder can be made in a file.
    let folder = world.dir.path().join("ring");
    std::fs::write(&folder, "a file").unwrap();
    let (look_back, supervisor) = world.start(1, "lan0");
    let is_told = async {
        while supervisor
            .reports()
            .get(TASK)
            .is_none_or(|report| report.last_error.is_none())
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_told).await.unwrap();
    let asked = PastQuery {
        window: Timestamp::EPOCH..Timestamp::from_secs(NOW - 1),
        filter: Filter::All,
        limit: 1,
    };
    let refused = look_back.find(asked).await.unwrap_err();
    assert!(
        !refused.0.contains(folder.to_str().unwrap()),
        "paths are no words for clients"
    );
    std::fs::remove_file(&folder).unwrap();
    world.clock.advance(PERIOD);
    world.far.push(&[second(60)], 0);
    find(&look_back, 1).await;
    assert!(supervisor.drain(PATIENCE).await);
    drop(look_back);

    // An interface that is not there keeps nobody from asking, and none from ending.
    let (look_back, supervisor) = world.start(2, "absent0");
    find(&look_back, 1).await;
    assert!(supervisor.drain(PATIENCE).await);
}
