//! Every limit of the door, with its rule.

use std::time::Duration;

/// Largest XML body: a complete of 10,000 parts with checksums is below 3 MiB, a delete of 1,000 escaped keys below 7. Of lifecycle
/// rules there may be as many as can be stored.
pub const XML_BODY_BYTES_MAX: usize = 8 << 20;

/// Largest of all other documents: 50 tags with every character escaped are below 500 KiB, and none has more in it.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Documents that are read at once, all together. What is made of one takes several times as much.
pub const DOCUMENTS_BYTES_MAX: usize = 32 << 20;

const _: () = assert!(DOCUMENT_BYTES_MAX <= XML_BODY_BYTES_MAX && XML_BODY_BYTES_MAX <= DOCUMENTS_BYTES_MAX);

/// Largest file of a form (AWS "POST Object", as for a single PUT).
pub const FORM_FILE_BYTES_MAX: u64 = 5 << 30;

/// Rules of a CORS configuration (AWS, PutBucketCors).
pub const CORS_RULES_MAX: usize = 100;

/// Lines of logs that wait to be delivered, all together; what comes then is left out.
pub const LOG_BYTES_WAITING_MAX: usize = 32 << 20;

/// So many of them are delivered without waiting for the time.
pub const LOG_BYTES_WAKING: usize = 4 << 20;

/// Of them, what the edge refused at one bucket, between two deliveries: what strangers can make an owner store.
pub const LOG_BYTES_REFUSED_MAX: usize = 1 << 20;

/// What a line tells of a key, an address, a referer or an agent that the edge refused, before it is encoded.
pub const LOG_REFUSED_TEXT_BYTES_MAX: usize = 1 << 10;

/// Compiled policies of buckets that are kept: of the longest that there may be, each a few hundred KiB at worst, so that all
/// stay within tens of MiB.
pub const COMPILED_POLICIES_MAX: usize = 256;

/// The form of a link: one date.
pub const LINK_FORM_BYTES_MAX: usize = 4 << 10;

/// How long a speed test lasts (seed 004, "RSSpeedTestDownload" and "RSSpeedTestUpload").
pub const SPEED_TEST_TIME: Duration = Duration::from_secs(10);

/// What a speed test sends in one piece: enough that a piece costs little, and all that a test holds in memory.
pub const SPEED_TEST_PIECE_BYTES: usize = 256 << 10;

/// Speed tests at once. One alone fills the line, and two tell each other's half.
pub const SPEED_TESTS_MAX: usize = 4;

/// The form of a new bucket: names of regions.
pub const REPLICATION_FORM_BYTES_MAX: usize = 4 << 10;
