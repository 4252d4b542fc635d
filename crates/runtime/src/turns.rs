//! One after the other, where each has to see what the one before did.

use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Those who share one number at most wait for each other without need.
const LINES: usize = 64;

/// Lines in which those wait who count something and then add to it, such as what an account may have so many of: without a line two of
/// them count the same, and both add.
pub struct Turns(Vec<Arc<Mutex<()>>>);

/// A turn. It is over when this is dropped.
#[must_use]
pub struct Turn(#[expect(dead_code, reason = "held until it is dropped")] OwnedMutexGuard<()>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..LINES).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    /// Waits in the line of a number, such as an account's, in the order of those who came. What is done in a turn has to go on when its
    /// caller goes away, with the turn in it: or another one begins while the commit of this one is under way.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line.
    pub async fn take(&self, of: u64) -> Turn {
        let at = usize::try_from(of % LINES as u64).unwrap_or(0);
        Turn(Arc::clone(&self.0[at]).lock_owned().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[tokio::test]
    async fn nobody_of_a_line_goes_before_the_last_one_is_done() {
        let (turns, count) = (Arc::new(Turns::default()), Arc::new(AtomicU64::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (turns, count) = (Arc::clone(&turns), Arc::clone(&count));
                tokio::spawn(async move {
                    let _turn = turns.take(7).await;
                    let seen = count.load(Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    count.store(seen + 1, Ordering::Relaxed);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), 50);
        // Another line is another matter.
        let _held = turns.take(7).await;
        let _other = turns.take(8).await;
    }
}
