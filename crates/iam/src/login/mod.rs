//! Logging in: passwords, second factors, reset tokens, and the brake on guessing.
//!
//! Every way to prove a password goes through [`Throttle`] and [`Hashing`]; the table in `log_in` says what work is done in
//! which case, so that a refusal tells nothing. What is stored is in `record`.

mod approach;
mod error;
mod first;
mod hashing;
pub mod limits;
mod log_in;
mod password;
mod profile;
mod qr;
mod record;
mod recovery;
mod reset;
mod second_factor;
mod start;
mod state;
mod throttle;
mod totp;

pub use approach::Approach;
pub use error::LoginError;
pub(crate) use first::FirstWay;
pub use hashing::{Argon2Hasher, Busy, Hasher, Hashing, HashingCost, Verdict};
pub use log_in::{LogIn, LoggedIn};
pub use password::{GivenPassword, NewPassword, PolicyViolation};
pub use profile::LoginProfile;
pub(crate) use record::{StoredLogin, StoredPepper, StoredTicket, totp_context, totp_id};
pub(crate) use reset::start_over;
pub use second_factor::PreparedFactor;
pub(crate) use second_factor::without_second_factor;
pub use start::stored_cost;
pub use state::{LoginCounts, LoginState};
pub use throttle::{Admission, Alert, Failure, Target, Throttle, TooMany};
pub use totp::{Code, TotpSecret};

use baleen_runtime::Entropy;
use std::sync::Arc;

/// What logging in holds in memory.
pub(crate) struct Login {
    pub(crate) hashing: Arc<Hashing>,
    pub(crate) throttle: Throttle,
}

impl Login {
    pub(crate) fn new(hashing: Arc<Hashing>) -> Self {
        Self {
            hashing,
            throttle: Throttle::default(),
        }
    }

    /// With hashes at the floor of the allowed cost, until a calibrated gate is given.
    pub(crate) fn uncalibrated(entropy: &Arc<dyn Entropy>) -> Self {
        Self::new(Arc::new(Hashing::uncalibrated(Arc::clone(entropy))))
    }
}

#[cfg(test)]
mod tests;
