//! A watch over somebody at the other end who may fall silent.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Runs out when nothing has moved for a while. Costs a timer only once somebody had to wait.
pub(crate) struct Stall {
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Stall {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            sleep: None,
            waiting: false,
        }
    }

    /// Lets it be silent for as long as it likes.
    pub(crate) fn wait_for_ever(&mut self) {
        self.timeout = Duration::MAX;
    }

    /// Something came, or went.
    pub(crate) fn moved(&mut self) {
        self.waiting = false;
    }

    /// Nothing did: ready when that was so for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout;
        if timeout == Duration::MAX {
            return Poll::Pending;
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !self.waiting {
            sleep.as_mut().reset(Instant::now() + timeout);
            self.waiting = true;
        }
        sleep.as_mut().poll(cx)
    }
}
