use super::*;
use crate::engine::{Batch, Decide, View};
use crate::{Meta, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{join_all, poll_immediate};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// An engine that waits in its first commit until it is told to go on, counts commits, and can be made to fail.
struct Gate {
    model: crate::model::ModelEngine,
    entered: mpsc::SyncSender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
    commits: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

#[async_trait]
impl Engine for Gate {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        self.model.get_many(keys).await
    }

    async fn snapshot(&self) -> Result<Box<dyn View>> {
        self.model.snapshot().await
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()> {
        if self.commits.fetch_add(1, Ordering::SeqCst) == 0 {
            self.entered.send(()).unwrap();
            self.go_on.lock().recv().unwrap();
        }
        if self.broken.load(Ordering::SeqCst) {
            let _: Batch = decide(&vec![None; keys.len()]);
            return Err(Error::NoSpace { doing: "testing" });
        }
        self.model.commit(keys, decide).await
    }
}

struct Gated {
    meta: Meta,
    entered: mpsc::Receiver<()>,
    go_on: mpsc::SyncSender<()>,
    commits: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

fn gated() -> Gated {
    let (enter, entered) = mpsc::sync_channel(1);
    let (go_on, wait) = mpsc::sync_channel(1);
    let (commits, broken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let engine = Gate {
        model: crate::model::ModelEngine::default(),
        entered: enter,
        go_on: Mutex::new(wait),
        commits: commits.clone(),
        broken: broken.clone(),
    };
    Gated {
        meta: Meta::with_engine(engine, CommitterId(9)).unwrap(),
        entered,
        go_on,
        commits,
        broken,
    }
}

/// Queues requests while the first one is held in the engine, lets go, and returns all results.
async fn run(gated: &Gated, requests: Vec<Request>) -> Vec<Result<Outcome>> {
    let mut first = Box::pin(gated.meta.commit(Request::new().put("first", "x")));
    assert!(poll_immediate(&mut first).await.is_none());
    gated.entered.recv().unwrap();
    let rest = join_all(requests.into_iter().map(|request| gated.meta.commit(request)));
    // One task that queues more than tokio's budget of a task allows.
    let rest = tokio::task::unconstrained(rest);
    // Polled after the others, which are queued by then or wait for room.
    let let_go = async { gated.go_on.send(()).unwrap() };
    let (first, rest, ()) = futures::join!(first, rest, let_go);
    assert!(first.unwrap().is_committed());
    rest
}

#[tokio::test]
async fn all_who_wait_share_a_commit() {
    let gated = gated();
    let requests = (0..100_u8)
        .map(|at| Request::new().put([b'O', at], "x").add("n", 1).feed("x"))
        .collect();
    let results = run(&gated, requests).await;
    assert!(results.into_iter().all(|result| result.unwrap().is_committed()));
    assert_eq!(gated.commits.load(Ordering::SeqCst), 2);
    assert_eq!(gated.meta.counter(b"n").await.unwrap(), 100);
}

#[tokio::test]
async fn a_group_stays_within_its_limits() {
    let gated = gated();
    let small = (0..1500_u16).map(|at| Request::new().put(at.to_be_bytes(), "x"));
    let large = (0..40_u8).map(|at| Request::new().put([b'L', at], vec![0; 60_000]));
    let results = run(&gated, small.chain(large).collect()).await;
    assert!(results.into_iter().all(|result| result.unwrap().is_committed()));
    // The first one; 1,024 small ones; the rest of them with 16 large ones or so; then 17 large ones fit into 1 MiB.
    assert_eq!(gated.commits.load(Ordering::SeqCst), 5);
    assert_eq!(gated.meta.scan(Scan::prefix(b"L")).await.unwrap().len(), 40);
}

#[tokio::test]
async fn requests_take_effect_in_order() {
    let gated = gated();
    let requests = (0..50).map(|_| Request::new().absent("k").put("k", "v")).collect();
    let results = run(&gated, requests).await;
    let committed: Vec<_> = results
        .into_iter()
        .map(|result| result.unwrap().is_committed())
        .collect();
    assert!(committed[0] && committed[1..].iter().all(|committed| !committed));
}

#[tokio::test]
async fn more_than_the_queue_holds_is_committed_all_the_same() {
    let gated = gated();
    let requests: Vec<_> = (0..400_u16)
        .map(|at| Request::new().put(at.to_be_bytes(), vec![0; 60_000]))
        .collect();
    assert!(requests.len() * 60_000 > QUEUE_BYTES_MAX);
    let results = run(&gated, requests).await;
    assert!(results.into_iter().all(|result| result.unwrap().is_committed()));
}

#[tokio::test]
async fn a_failure_reaches_everyone_and_the_feed_goes_on() {
    let gated = gated();
    run(&gated, vec![Request::new().feed("one")]).await;
    gated.broken.store(true, Ordering::SeqCst);
    let failing = (0..5).map(|_| gated.meta.commit(Request::new().feed("lost")));
    for result in join_all(failing).await {
        assert!(matches!(result, Err(Error::NoSpace { .. })));
    }
    gated.broken.store(false, Ordering::SeqCst);
    gated.meta.commit(Request::new().feed("two")).await.unwrap();
    let entries = gated.meta.scan(feed::entries_after(CommitterId(9), 0)).await.unwrap();
    let keys: Vec<_> = entries
        .iter()
        .map(|entry| feed::parse_entry_key(&entry.key).unwrap().1)
        .collect();
    assert_eq!(keys, [1, 2]);
}

#[tokio::test]
async fn what_is_queued_is_committed_before_closing() {
    let gated = gated();
    gated.go_on.send(()).unwrap();
    let pending = gated.meta.commit(Request::new().put("k", "v"));
    assert!(pending.await.unwrap().is_committed());
    let meta = gated.meta.clone();
    drop(gated);
    assert!(meta.get(b"k").await.unwrap().is_some());
}

#[tokio::test]
async fn an_empty_request_costs_nothing() {
    let gated = gated();
    assert!(gated.meta.commit(Request::new()).await.unwrap().is_committed());
    assert_eq!(gated.commits.load(Ordering::SeqCst), 0);
}
