//! Federated login: users who log in through their account's identity provider (SAML 2.0).
//!
//! An admin uploads the identity provider's metadata; what of it matters (entity id, log-in address, signing certificates)
//! is stored, the document is not, and nothing in it is ever fetched. Users are not made on the fly: the name in an
//! assertion must be that of a user of the connection's account whose way to log in is the federated one. So an identity
//! provider of one account can never speak for a user of another.
//!
//! Between the steps of a login nothing is stored: the request waits in a cookie of the browser, the result in a code, both
//! sealed under the master key and bound to their connection. A flood of begun logins therefore costs no room, and another
//! process, or the next start, can finish them. What is stored is what was used: assertions, requests and codes count once.

mod connection;
mod login;
mod provider;
mod sealed;

pub use baleen_saml::RESPONSE_FIELD_BYTES_MAX as SAML_ANSWER_BYTES_MAX;
pub use connection::SamlConnection;
pub use login::{FederatedAnswer, FederatedStart, LOGIN_CODE_LIFE, LOGIN_REQUEST_LIFE};
pub use provider::{PublicUrl, SamlProvider};
