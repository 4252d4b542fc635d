//! Every limit of the edge, with its reason.

use std::time::Duration;

/// Connections served at once; more wait in the listener's queue. Each costs one task and at most
/// [`READ_BUFFER_BYTES_MAX`] of buffer; one of HTTP/2 a task for each request, [`CONNECTION_WINDOW_BYTES`] and what its answers buffer.
pub const CONNECTIONS_MAX: usize = 4096;

/// Longest wait for the head of a request, counted from the end of the one before; so also how long an idle connection
/// is kept.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait for the next bytes of a body that somebody reads, and for a client to take the next bytes of its answer. A
/// slow one is fine, a silent one is not.
pub const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest request head: request line and headers. A key of 1,024 bytes, each escaped, with 2 KiB of metadata and a
/// presigned query stays below a fifth of it.
pub const REQUEST_HEAD_BYTES_MAX: usize = 64 << 10;

/// Most that is buffered of a connection ahead of whoever reads the body: large enough that a fast sender costs few
/// system calls.
pub const READ_BUFFER_BYTES_MAX: usize = 256 << 10;

/// Most header lines in a request.
pub const REQUEST_HEADERS_MAX: usize = 128;

/// How long the beginning of an encrypted connection may take, as a whole: two round trips and some arithmetic.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests at once on one connection of HTTP/2; a client that opens more is told to wait (RFC 9113, 5.1.2, recommends no fewer).
pub const STREAMS_MAX: u32 = 100;

/// Streams of one connection that were reset and that nobody has looked at yet. Past it the connection ends: only a client that
/// resets what it has just sent, over and over (CVE-2023-44487), gets there.
pub const RESET_STREAMS_MAX: usize = 32;

/// What a client may send ahead of the reader of one body in HTTP/2, and of all of its connection: eight times what one of HTTP/1 buffers.
/// Who does not read a body that it keeps holds up the others of its connection.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// See [`STREAM_WINDOW_BYTES`].
pub const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;

/// What is buffered of one answer in HTTP/2 while its client is slow to take it: of all [`STREAMS_MAX`] of a connection some 3 MiB.
pub const SEND_BUFFER_BYTES_MAX: usize = 32 << 10;

/// How often a client of HTTP/2 is asked whether it is there, and how long it may take to say so.
pub const PING_PERIOD: Duration = Duration::from_secs(20);
/// See [`PING_PERIOD`].
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a stopping listener waits for requests at work.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// What is read and thrown away of the body of a request that was answered early, so that a client which does not wait
/// for `100 Continue` gets to read the answer instead of a reset connection: more than the parts that SDKs send by default
/// (5 to 8 MiB).
pub const REFUSED_BODY_BYTES_MAX: usize = 16 << 20;

/// How long that reading may take.
pub const REFUSED_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Largest chunk of an `aws-chunked` body: the largest single PUT (5 GiB), since some clients send a body in one chunk.
/// A chunk is hashed as it passes and never held, so that its size costs no memory.
pub const CHUNK_BYTES_MAX: u64 = 5 << 30;

/// Longest line before a chunk: 16 digits of size, the signature's name and its 64 digits, with room to spare.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Longest trailer line.
pub const TRAILER_LINE_BYTES_MAX: usize = 512;

/// Most trailers that a request may announce. Clients send one.
pub const TRAILERS_MAX: usize = 4;

/// Most entries of `X-Forwarded-For` that are walked back: more proxies in a row than anybody has.
pub const FORWARDED_HOPS_MAX: usize = 32;

/// Largest body that is read before its signature can be checked: metadata of an identity provider (256 KiB), each
/// character escaped (identity contract, RSCreateSAMLConnection), and parameters beside it.
pub const WHOLE_BODY_BYTES_MAX: usize = 1 << 20;

/// Memory for all such bodies at once. A body waits for its share before it is read, so nobody fills the memory who only
/// says whom he is.
pub const WHOLE_BODIES_BYTES_MAX: usize = 64 << 20;

/// How long the whole of such a body may take, waiting for its share included. It is small, so a client that takes longer is
/// there to hold the share.
pub const WHOLE_BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest boundary of a form (RFC 2046, 5.1.1).
pub const FORM_BOUNDARY_BYTES_MAX: usize = 70;

/// Names and values of all fields before the file of a form (AWS "POST Object", `MaxPostPreDataLengthExceeded`).
pub const FORM_FIELDS_BYTES_MAX: usize = 20 << 10;

/// The same with the heads of the parts and the delimiters between them.
pub const FORM_HEAD_BYTES_MAX: usize = 64 << 10;

/// Most fields of a form: all that mean something, ten tags' worth of metadata, and as many again to be ignored.
pub const FORM_FIELDS_MAX: usize = 128;

/// Most that may follow the file of a form, which is ignored.
pub const FORM_TAIL_BYTES_MAX: usize = 20 << 10;

/// How long the fields of a form may take as a whole. They come in one piece from all who mean it.
pub const FORM_HEAD_TIMEOUT: Duration = Duration::from_secs(20);

const _: () = assert!(STREAM_WINDOW_BYTES <= CONNECTION_WINDOW_BYTES);
const _: () = assert!(FORM_FIELDS_BYTES_MAX <= FORM_HEAD_BYTES_MAX);
const _: () = assert!(WHOLE_BODY_BYTES_MAX <= WHOLE_BODIES_BYTES_MAX && WHOLE_BODIES_BYTES_MAX <= u32::MAX as usize);
const _: () = assert!(REQUEST_HEAD_BYTES_MAX <= READ_BUFFER_BYTES_MAX);
const _: () = assert!(CHUNK_LINE_BYTES_MAX >= 16 + ";chunk-signature=".len() + 64 + "\r\n".len());
