use super::*;
use crate::connection::ServerAddress;
use crate::settings::{Allowed, Settings};
use crate::spool::Spool;
use async_trait::async_trait;
use baleen_agentwire::{Begin, FileFormat, Mask, OrderFilter, ToAgent, ToServer};
use baleen_capture::{Agent as Capturer, AgentError, Order};
use baleen_runtime::{SeededEntropy, SystemClock};
use baleen_types::LinkType;
use std::sync::atomic::{AtomicU32, Ordering};

const ID: OrderId = OrderId {
    capture: [7; 16],
    generation: 1,
};

/// Begins nothing, and counts how often it was asked to.
#[derive(Default)]
struct Asked(AtomicU32);

#[async_trait]
impl Capturer for Asked {
    async fn links(&self) -> Vec<LinkType> {
        Vec::new()
    }

    async fn begin(&self, _: Order) -> Result<Catch, AgentError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(AgentError("no".to_owned()))
    }
}

fn order() -> Begin {
    Begin {
        site: "far".to_owned(),
        filter: OrderFilter::All,
        exclude: Vec::new(),
        time_ms: 1000,
        packets: 10,
        bytes: 1000,
        format: FileFormat::Pcap,
        snaplen: None,
        part_bytes: 8 << 20,
        mask: Mask::default(),
    }
}

fn job() -> Job {
    Job::plain(order())
}

fn shared(folder: &std::path::Path) -> (Arc<Shared>, Arc<Asked>) {
    let settings = Settings {
        server: ServerAddress::parse("localhost:9003").unwrap(),
        name: "host 7".to_owned(),
        folder: folder.to_owned(),
        spool_bytes: 1 << 20,
        allowed: Allowed {
            interfaces: vec!["lo".to_owned()],
            promiscuous: false,
            never: Vec::new(),
            snaplen_max: 96,
            captures_max: 64,
            time_max: None,
            packets_per_second_max: None,
            hours: None,
        },
        ring: baleen_ring::Settings::default(),
        memory_bytes: 1 << 30,
    };
    let (spool, _) = Spool::open(&settings.spool(), settings.spool_bytes, "one").unwrap();
    let asked = Arc::new(Asked::default());
    let shared = Shared::new(
        settings,
        asked.clone(),
        (SystemClock::new(), SeededEntropy::new(1)),
        spool,
    );
    (shared, asked)
}

#[tokio::test]
async fn a_program_that_ends_begins_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (shared, asked) = shared(dir.path());
    shared.desk.lock().hear(ToAgent::Begin(ID, order()));
    shared.closing.stop();
    begin(&shared, ID, job());
    assert!(shared.work(ID).is_none());
    let said = shared.desk.lock().say();
    assert!(
        matches!(&said[..], [ToServer::Refused { why, .. }] if why.contains("stopped")),
        "{said:?}"
    );
    assert_eq!(asked.0.load(Ordering::SeqCst), 0);
}

/// The looking up of names takes its time, and the server may have thought better of it meanwhile.
#[tokio::test]
async fn what_is_forgotten_before_it_has_begun_is_not_begun() {
    for is_forgotten in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (shared, asked) = shared(dir.path());
        begin(&shared, ID, job());
        // In the same turn: nothing of it was done yet.
        let work = shared.work(ID).expect("it is known");
        if is_forgotten {
            work.forget.stop();
        }
        shared.until_idle().await;
        assert_eq!(asked.0.load(Ordering::SeqCst), u32::from(!is_forgotten));
        // The mark of its owner alone.
        assert_eq!(std::fs::read_dir(dir.path().join("spool")).unwrap().count(), 1);
    }
}

/// The first word of a link is said after that.
#[tokio::test]
async fn captures_that_would_hold_the_connection_are_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (shared, _) = shared(dir.path());
    let [known, other] = ["192.0.2.1:9003", "192.0.2.2:9003"].map(|text| text.parse::<SocketAddr>().unwrap());
    let of = |capture: u8| OrderId {
        capture: [capture; 16],
        ..ID
    };
    for (capture, left_out) in [(1, vec![known]), (2, vec![known, other]), (3, Vec::new())] {
        shared.add(of(capture), Work::new());
        shared.edit(of(capture), |work| work.left_out = left_out);
    }
    let ended = || {
        let is_ended = |capture: u8| shared.work(of(capture)).unwrap().stop.is_stopping();
        [1, 2, 3].map(is_ended)
    };
    shared.end_those_that_see(&known);
    assert_eq!(ended(), [false; 3]);
    // The third is none: it is being looked up, or is of a process before.
    shared.end_those_that_see(&other);
    assert_eq!(ended(), [true, false, false]);
    assert!(
        shared
            .work(of(1))
            .unwrap()
            .why
            .lock()
            .as_ref()
            .unwrap()
            .contains("address")
    );
}
