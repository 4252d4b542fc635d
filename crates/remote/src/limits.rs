//! What is bounded, and by how much.

use std::time::Duration;

/// Time for name resolution, TCP and nothing else; the TLS handshake counts as silence of the store.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a store may neither take nor send a byte. Kernel buffers hold up to some 4 MiB of a part, which a peer at
/// 150 KB/s needs this long to drain, so that a shorter time would cut off slow stores which do work.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a store may think about completing a multipart upload (AWS: "may take several minutes to finalize").
pub const COMPLETE_TIMEOUT: Duration = Duration::from_mins(10);

/// How long the whole of an answer that is read into memory may take, so that a trickle of bytes is no way around
/// [`STALL_TIMEOUT`].
pub const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// The slowest transfer that is waited for, in bytes per second: a store which takes a byte now and then is none.
pub const TRANSFER_RATE_MIN: u64 = 64 << 10;

/// What a transfer may take besides, for connecting, TLS and the store's own work.
pub const TRANSFER_GRACE: Duration = Duration::from_mins(1);

/// How long the tries of one part go on; its bytes wait in memory meanwhile.
pub const PART_PATIENCE: Duration = Duration::from_mins(1);

/// Idle connections are given up before a store or a middle-box does, which usually waits for a minute.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Idle connections kept for each store.
pub const POOL_IDLE_MAX: usize = 16;

/// Bytes read of the body of an error; real ones have less than one KiB.
pub const ERROR_BODY_MAX: usize = 64 << 10;

/// Bytes read of the body of a listing: 1000 keys of 1024 bytes, each byte percent-encoded, and twice as much again for
/// what stands around them.
pub const LIST_BODY_MAX: usize = 8 << 20;

/// Depth of elements in an answer; the deepest S3 answer read here has four levels.
pub const XML_DEPTH_MAX: usize = 16;

/// Bytes of text in one element; the longest is a policy document with all its blanks, percent-encoded.
pub const XML_TEXT_MAX: usize = 192 << 10;

/// Characters kept of a code, message or request id which a store sent.
pub const ANSWER_TEXT_MAX: usize = 300;

/// Bytes of one slice in which a body is handed to the connection: progress is noticed per slice.
pub const SEND_SLICE: usize = 64 << 10;

/// Keys of one page of a listing (S3, ListObjectsV2, `max-keys`).
pub const LIST_KEYS_MAX: u16 = 1000;

/// The longest wait that a store may impose by `Retry-After`.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Bytes of one part or of one object put at once (S3, "Multipart upload limits").
pub const PART_BYTES_MAX: u64 = 5 << 30;
