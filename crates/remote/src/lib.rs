//! Clients of storage endpoints which are not ours: S3-compatible stores, [`S3`], that of Google among them, by the tokens of a service
//! account ([`Tokens`]); and Azure Blob Storage, [`Azure`].
//!
//! What holds for every client here:
//! * **Keys are sent as they are.** `a/../b`, `//x`, `x/` and `%2e` are keys of their own; nothing is normalised.
//! * **Bodies are not copied.** A part is handed over as `Bytes` and goes to the socket from there.
//! * **Everything ends.** Connecting, a silent store, an endless answer and repeating are bounded (see [`Settings`] and
//!   [`limits`]); time and chance come from `runtime`.
//! * **Errors say what the store answered**, in words that may be shown to the person who configured it: status, code,
//!   message and request id; never a credential, an address or a header.
//!
//! What is left out: the own store (crate `objects` is called in process), and deciding who may use which endpoint.
//! A client of another protocol becomes a module beside `s3`, over the same `transport`, `exchange`, `retry` and `error`.

mod azure;
mod error;
mod exchange;
mod gcs;
pub mod limits;
mod resolver;
mod retry;
mod s3;
mod transport;
mod underway;
pub mod xml;

pub use azure::{Azure, AzureAuth, AzureEndpoint, BlobHeaders};
pub use error::{Answer, ConnectFault, Error, Operation};
pub use gcs::{ServiceAccount, Tokens};
pub use resolver::AddressRule;
pub use retry::RetrySettings;
pub use s3::{
    Addressing, Auth, Body, CompletedUpload, Credentials, Encryption, Endpoint, Got, Head, ListPage, ListRequest,
    Listed, ObjectHeaders, PartChecksum, Parts, S3, Settings, StoredObject, Upload, UploadedPart,
};
pub use transport::Connections;
pub use underway::is_readable_underway;

#[cfg(test)]
mod tests;
