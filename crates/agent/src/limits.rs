//! Every limit of an agent.

use std::time::Duration;

/// How long a name may take to be looked up, and a connection to come about, each.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses of the server's name that are tried, and that captures leave out.
pub const ADDRESSES_MAX: usize = 32;

/// How often the connection is asked whether it stands, and how long the answer may take. A slow line on which parts go answers late:
/// besides what is here, its modem may hold back seconds of them.
pub const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(5);
/// See [`KEEP_ALIVE_PERIOD`].
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the kernel holds of what is not on the line yet (`TCP_NOTSENT_LOWAT`), whatever it could buffer: a word that is said is behind it.
pub const UNSENT_BYTES_MAX: u32 = 64 << 10;

/// What one part has in the connection at most, in pieces of which each is a frame of HTTP/2.
pub const SEND_BUFFER_BYTES_MAX: usize = 64 << 10;
/// See [`SEND_BUFFER_BYTES_MAX`].
pub const FRAME_BYTES: usize = 16 << 10;

/// Parts that are being sent at once, over all captures; the others wait for their turn, on the disk. So a beat is behind a few frames, and
/// a slow line finishes one part before it begins many.
pub const SENT_AT_ONCE_MAX: usize = 3;

/// Views of captures in parts that are sent at once, each over a connection of its own, with up to 4 MiB that a slow watcher has not taken.
pub const VIEWS_MAX: usize = 8;

/// How long the connection of a view may take to come about; its server waits for 20 seconds.
pub const VIEW_PATIENCE: Duration = Duration::from_secs(15);

/// Without a word of the server for so long, its link is given up. It asks for the time every ten seconds.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The first pause before another connection, and the longest.
pub const PAUSE_MIN: Duration = Duration::from_millis(500);
/// See [`PAUSE_MIN`].
pub const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A link that stood for so long was a good one: the pauses begin anew.
pub const GOOD_LINK: Duration = Duration::from_secs(60);

/// Pause between two renewals, however they went and whatever the server says: each costs it a certificate and a record. It asks each hour.
pub const RENEWAL_PAUSE: Duration = Duration::from_mins(30);

/// How long a small request may take.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// How long nothing of a part may go before it is given up and sent again, and how long its answer may take: stores are slow at times.
pub const PART_PATIENCE: Duration = Duration::from_secs(150);

/// Pause before a part is sent again that the server would not take just now.
pub const PART_PAUSE: Duration = Duration::from_millis(500);

/// What the engine hands over at once: small, so that little is lost with this process, and a part is cut where it should be.
pub const PIECE_BYTES: usize = 256 << 10;

/// How many of them are in memory.
pub const PIECES: usize = 64;

/// After how long what was caught is handed over, however little it is. What is younger is lost with this process.
pub const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// Parts of a file (S3).
pub const PARTS_MAX: u32 = 10_000;

/// The shortest and the longest part that a server may ask for: parts are in memory until they are whole, and servers take none of more than
/// 9 MiB.
pub const PART_BYTES: (u64, u64) = (5 << 20, 9 << 20);

/// Memory of a capture beside its rings: the pieces that the engine fills, the part that is filled, and one that finds no space on the disk.
pub const WORK_BYTES: u64 = (PIECE_BYTES * PIECES) as u64 + 2 * PART_BYTES.1;

/// Memory of all captures together, unless the operator says otherwise.
pub const MEMORY_BYTES_DEFAULT: u64 = 1 << 30;

/// The least space for what waits to be sent: a few parts.
pub const SPOOL_BYTES_MIN: u64 = 64 << 20;

/// The same, unless the operator says otherwise.
pub const SPOOL_BYTES_DEFAULT: u64 = 2 << 30;

/// How long a program that is asked to end delivers what it has; the rest waits for its next start.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The longest line of a journal: the words of an end.
pub const JOURNAL_LINE_BYTES_MAX: usize = 4 << 10;

/// Space that a journal has at hand on the disk: for the lines of hundreds of parts.
pub const JOURNAL_RESERVE_BYTES: u64 = 64 << 10;

/// Expressions whose packets are never given.
pub const NEVER_MAX: usize = 32;

/// How often it is looked whether a capture is more than the owner of the host allows.
pub const WATCH_PERIOD: Duration = Duration::from_secs(2);

/// Captures at once: what the server orders at most.
pub const CAPTURES_MAX: usize = baleen_agentwire::limits::ORDERS_MAX;
