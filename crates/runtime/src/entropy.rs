//! Chance.

use parking_lot::Mutex;
use std::sync::Arc;

/// Gives random bytes for ids, secrets and jitter.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Entropy {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A random number.
    pub fn number(&self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }
}

/// The operating system's generator, fit for secrets.
#[derive(Debug)]
pub struct SystemEntropy;

impl SystemEntropy {
    /// The generator.
    pub fn new() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Entropy for SystemEntropy {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system for chance"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel's generator answers once the system is up");
    }
}

/// A repeatable generator (SplitMix64), for tests and where bytes only have to differ; not for secrets.
#[derive(Debug)]
pub struct SeededEntropy {
    state: Mutex<u64>,
}

impl SeededEntropy {
    /// The generator of one seed.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(seed),
        })
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state.lock();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let draw = |entropy: Arc<dyn Entropy>| entropy.bytes::<20>();
        assert_eq!(draw(SeededEntropy::new(7)), draw(SeededEntropy::new(7)));
        assert_ne!(draw(SeededEntropy::new(7)), draw(SeededEntropy::new(8)));
        assert_ne!(draw(SystemEntropy::new()), draw(SystemEntropy::new()));
    }
}
