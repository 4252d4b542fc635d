//! Google Cloud Storage by a service account. Its XML API is S3's but for who asks: a bearer token in place of a signature.
//!
//! Source: Google, "Using OAuth 2.0 for server to server applications" (RFC 7523): a JWT which the account's key has signed is
//! given for a token, which is good for an hour.

mod account;
mod tokens;

pub use account::ServiceAccount;
pub use tokens::Tokens;

#[cfg(test)]
mod tests;
