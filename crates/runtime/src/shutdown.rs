//! Stopping.

use tokio_util::sync::CancellationToken;

/// Tells tasks to come to an end. Clones share one state; once stopping, always stopping.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A token that is not stopping yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everyone who holds a clone to stop.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Tells whether stopping was asked for.
    pub fn is_stopping(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until stopping is asked for. Cancel safe.
    pub async fn stopping(&self) {
        self.0.cancelled().await;
    }

    /// A token that stops with this one, and can be stopped alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }
}
