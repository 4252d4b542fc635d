use super::*;
use crate::ManualClock;
use std::sync::atomic::{AtomicU64, Ordering};

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the condition never held");
}

#[tokio::test]
async fn a_periodic_task_reports_errors_and_goes_on() {
    let clock = ManualClock::new(Timestamp::from_secs(1));
    let supervisor = Supervisor::new(clock.clone(), Shutdown::new());
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    let progress = supervisor.progress("sweep");
    supervisor.every("sweep", Duration::from_secs(60), move || {
        let run = counted.fetch_add(1, Ordering::SeqCst);
        progress.tell(format!("{run} before"));
        async move { if run == 0 { Err("disk full") } else { Ok(()) } }
    });
    until(|| clock.sleepers() == 1).await;
    assert_eq!(supervisor.reports()["sweep"].last_error.as_deref(), Some("disk full"));
    clock.advance(Duration::from_secs(60));
    until(|| clock.sleepers() == 1 && runs.load(Ordering::SeqCst) == 2).await;
    let report = supervisor.reports()["sweep"].clone();
    assert_eq!(
        report,
        TaskReport {
            last_run: Some(Timestamp::from_secs(61)),
            last_error: None,
            runs: 2,
            is_running: false,
            progress: Some("1 before".to_owned()),
        }
    );
    assert!(supervisor.drain(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_hint_makes_a_task_run_before_its_time() {
    let clock = ManualClock::new(Timestamp::from_secs(1));
    let supervisor = Supervisor::new(clock.clone(), Shutdown::new());
    let hint = Arc::new(Notify::new());
    supervisor.every_or_when("delivery", Duration::from_secs(60), Arc::clone(&hint), || async {
        Ok::<_, String>(())
    });
    for runs in 1..4 {
        until(|| {
            supervisor
                .reports()
                .get("delivery")
                .is_some_and(|report| report.runs == runs && !report.is_running)
        })
        .await;
        hint.notify_one();
    }
    assert!(supervisor.drain(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn drain_tells_of_a_task_that_does_not_stop() {
    let supervisor = Supervisor::new(ManualClock::new(Timestamp::EPOCH), Shutdown::new());
    supervisor.spawn("stuck", std::future::pending());
    assert!(!supervisor.drain(Duration::from_millis(10)).await);
}
