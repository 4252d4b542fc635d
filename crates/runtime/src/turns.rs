//! One after the other, where each has to see what the one before did.

use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinError;

/// Those who share one number at most wait for each other without need.
const LINES: usize = 64;

/// Lines in which those wait who count something and then add to it, such as what an account may have so many of: without a line two of
/// them count the same, and both add.
pub struct Turns(Vec<Arc<Mutex<()>>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..LINES).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    /// Waits in the line of a number, such as an account's, in the order of those who came, and then works. The work runs in a task of
    /// its own, to its end: when who waits for it goes away, the next must not begin while its commit is under way.
    ///
    /// # Errors
    /// The work panicked, or the runtime is ending.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line, or leaves the work to itself.
    pub async fn run<T: Send + 'static>(
        &self,
        of: u64,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let at = usize::try_from(of % LINES as u64).unwrap_or(0);
        let turn = Arc::clone(&self.0[at]).lock_owned().await;
        tokio::spawn(async move {
            let _turn = turn;
            work.await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn nobody_of_a_line_goes_before_the_last_one_is_done() {
        let (turns, count) = (Arc::new(Turns::default()), Arc::new(AtomicU64::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (turns, count) = (Arc::clone(&turns), Arc::clone(&count));
                tokio::spawn(async move {
                    let work = async move {
                        let seen = count.load(Ordering::Relaxed);
                        tokio::task::yield_now().await;
                        count.store(seen + 1, Ordering::Relaxed);
                    };
                    turns.run(7, work).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), 50);
    }

    #[tokio::test]
    async fn work_goes_on_without_who_waits_and_keeps_its_turn() {
        let turns = Arc::new(Turns::default());
        let (go, going) = oneshot::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let held = Arc::clone(&turns);
        let waiter = tokio::spawn(async move {
            let work = async move {
                begun.send(()).unwrap();
                going.await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
            };
            held.run(7, work).await
        });
        has_begun.await.unwrap();
        waiter.abort();
        assert!(waiter.await.unwrap_err().is_cancelled());
        // Another line is another matter.
        turns.run(8, async {}).await.unwrap();
        let (next, others) = (Arc::clone(&turns), Arc::clone(&count));
        let next = tokio::spawn(async move {
            let seen = next.run(7, async move { others.load(Ordering::Relaxed) });
            seen.await.unwrap()
        });
        tokio::task::yield_now().await;
        go.send(()).unwrap();
        assert_eq!(next.await.unwrap(), 1);
    }
}
