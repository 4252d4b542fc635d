//! Logging in: passwords, and the brake on guessing them.

mod hashing;
pub mod limits;
mod password;
mod throttle;

pub use hashing::{Argon2Hasher, Busy, Hasher, Hashing, HashingCost, Verdict};
pub use password::{GivenPassword, NewPassword, PolicyViolation};
pub use throttle::{Admission, Alert, Failure, Target, Throttle, TooMany};
