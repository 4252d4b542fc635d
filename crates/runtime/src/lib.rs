//! The outside world, handed in: time, chance, stopping, supervised background tasks.
//!
//! Services take `Arc<dyn Clock>` and `Arc<dyn Entropy>`, so that every test can be replayed. Reading the system clock or
//! the global generator elsewhere is refused by lint (`clippy.toml`).

mod clock;
mod entropy;
mod shutdown;
mod supervisor;
mod turns;

pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use shutdown::Shutdown;
pub use supervisor::{Progress, Supervisor, TaskReport};
pub use turns::Turns;
