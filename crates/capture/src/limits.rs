//! Every limit of this crate outside the engine, with its rule.

use std::time::Duration;

/// Longest address of a destination, in bytes of the URI (ours; a secret access key and an endpoint fit many times).
pub const DESTINATION_BYTES_MAX: usize = 2048;

/// Longest directory of a destination, in bytes; the longest name below it still fits an object key of 1024 bytes.
pub const DIRECTORY_BYTES_MAX: usize = 900;

/// Random bytes of an ownership challenge (capture contract, A.3: at least 128 bits of randomness).
pub const CHALLENGE_BYTES: usize = 32;

/// Longest answer to a challenge that is looked at, white space included; the right one has 64 characters.
pub const ANSWER_BYTES_MAX: usize = 1024;

/// Wrong answers to one challenge before it is void (capture contract, A.3).
pub const WRONG_ANSWERS_MAX: u8 = 5;

/// How long a challenge may be answered (capture contract, A.3).
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Destinations of one account (ours): their list is one answer without pages.
pub const OWNERSHIPS_PER_ACCOUNT_MAX: usize = 100;

/// Captures in a list (capture contract, A.2: "newest first, at most 50").
pub const LISTED_CAPTURES_MAX: usize = 50;

/// Shortest and longest time of a full capture (seed of the API schema: `time_limit`, 1 to 300 seconds).
pub const TIME_LIMIT_MIN: Duration = Duration::from_secs(1);
/// See [`TIME_LIMIT_MIN`].
pub const TIME_LIMIT_MAX: Duration = Duration::from_secs(300);

/// Most packets of a full capture, and what counts when the request does not say (capture contract, A.2).
pub const PACKET_LIMIT_MAX: u64 = 10_000;

/// Most captured packet bytes of a full capture, and what counts when the request does not say (capture contract, A.2).
pub const BYTE_LIMIT_MAX: u64 = 1_000_000_000;

/// The smallest file of a full capture that has several (ours): with [`BYTE_LIMIT_MAX`], about a thousand of them.
pub const ROTATE_BYTES_MIN: u64 = 1 << 20;

/// The shortest file of a full capture that has several (ours): with [`TIME_LIMIT_MAX`], three hundred of them.
pub const ROTATE_TIME_MIN: Duration = Duration::from_secs(1);

/// The longest stream (ours): it ends with who asked for it, mostly.
pub const STREAM_TIME_MAX: Duration = Duration::from_hours(24);

/// The most packets of a stream (ours).
pub const STREAM_PACKETS_MAX: u64 = 1_000_000_000_000;

/// The most packet bytes of a stream (ours).
pub const STREAM_BYTES_MAX: u64 = 1 << 50;

/// Streams of one account at once (ours): each takes a place of those of all captures.
pub const STREAMS_MAX: usize = 4;

/// The fewest and the most bytes kept of a packet, where a request says how many (ours): every link header fits, and so does
/// every packet.
pub const SNAPLEN_MIN: u32 = crate::engine::SNAPLEN_MIN;
/// See [`SNAPLEN_MIN`].
pub const SNAPLEN_MAX: u32 = baleen_ring::SNAPLEN_MAX;

/// Captures that run or are being uploaded at once, unless the operator says otherwise: with 8 part buffers of 8 MiB each,
/// half a GiB when every destination is too slow.
pub const CAPTURES_MAX_DEFAULT: usize = 8;

/// How long a capture that is over may take to deliver before it is overdue: what is left of it goes to the disk then, and its room is
/// given back.
pub const OVERDUE_AFTER: Duration = Duration::from_secs(5);

/// Captures whose rest is sent from the disk and that hold no room, over all accounts (ours): each has one part in memory, of a store that takes
/// parts of one size two, and of a file that is merged three.
pub const DELIVERING_MAX: usize = 32;

/// Captures of one account that are over and not delivered, at most, when it begins another (ours): from the end of capturing until the
/// store has made the object.
pub const UNDELIVERED_MAX: usize = 4;

/// The same of those which hold their room (ours): more than are on their way to a store that keeps up, and so who has one that takes nothing
/// leaves most of [`CAPTURES_MAX_DEFAULT`] to the others.
pub const UNDELIVERED_WITH_ROOM_MAX: usize = 3;

/// Longest tcpdump expression (ours, as long as the contract lets a `filter_v2` be).
pub const EXPRESSION_BYTES_MAX: usize = 4096;

/// Filters that are compiled at once, over all accounts (ours), and beside them those with names that have to be looked up, which may take as
/// long as whoever answers for the names likes.
pub const COMPILING_MAX: usize = 2;

/// Longest filter as it was sent, which is kept to be echoed; far below a stored value's 64 KiB.
pub const SENT_FILTER_BYTES_MAX: usize = 8192;

/// Longest message about a failed capture, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 512;

/// How long a capture that was asked to stop before it began may still take to begin: the end comes within seconds.
pub const BEGIN_GRACE: Duration = Duration::from_secs(5);

/// How long a client may repeat a request whose answer was lost (ours): its clients give up long before.
pub const REPEATED_WITHIN: Duration = Duration::from_mins(5);

/// How long after one sample of an account the next may be asked for (capture contract, A.2: "at most one request per minute
/// per account").
pub const SAMPLE_EVERY: Duration = Duration::from_mins(1);

/// The bytes of a packet that a sample gives out (capture contract, A.2).
pub const SAMPLE_SNAPLEN: u32 = 160;

/// How long ago, and how far in the future, the end of a sample's window may be (capture contract, A.2).
pub const OFFSET_BACK_MAX: Duration = Duration::from_hours(24);
/// See [`OFFSET_BACK_MAX`].
pub const OFFSET_AHEAD_MAX: Duration = Duration::from_mins(1);

/// How long the request for a sample waits for its end, so that it is answered with it (capture contract, A.2: "normally success
/// in the POST's own answer or within a second").
pub const SAMPLE_ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// Look-backs that are read at once, over all accounts (ours): each takes a processor.
pub const LOOK_BACKS_MAX: usize = 2;

/// Most bytes of the ring that one look-back reads (ours): some ten times what a window of five minutes has on a busy site.
pub const LOOK_BACK_SCAN_BYTES_MAX: u64 = 2 << 30;

/// How long one look-back reads at most (ours).
pub const LOOK_BACK_TIME_MAX: Duration = Duration::from_secs(10);

/// How often the counts of a running capture are stored: what a crash can lose of them.
pub const PROGRESS_SAVED_EVERY: Duration = Duration::from_secs(5);

/// Other writers of a record that one change gives way to before it gives up.
pub const COMMIT_ATTEMPTS_MAX: u32 = 64;

/// Tries of one call to a store which answers that it cannot now; pauses double from [`STORE_PAUSE`].
pub const STORE_ATTEMPTS_MAX: u32 = 4;

/// The longest pause between tries to complete or to abort an upload that the store cannot end now.
pub const FINISH_PAUSE_MAX: Duration = Duration::from_mins(5);

/// How long such tries of one process go on, and for all files of a capture together: a store that is away for a day is given up. So is one
/// that has let a capture wait for its parts for so long altogether.
pub const FINISH_PATIENCE: Duration = Duration::from_hours(24);

/// How long a store is asked again for a part, or for the beginning of a further file, where what is caught meanwhile may wait on the disk, also when
/// that has no more room of it; and the disk for what is staged of several sites.
pub const SPOOL_PATIENCE: Duration = Duration::from_hours(1);

/// The same without a spool, where packets wait in the kernel: as long as the clients of stores are patient with a part by themselves.
pub const NO_SPOOL_PATIENCE: Duration = baleen_remote::limits::PART_PATIENCE;

/// The pause between two such tries.
pub const SPOOL_PAUSE: Duration = Duration::from_secs(2);

/// The pause after the first failed try of a call to a store.
pub const STORE_PAUSE: Duration = Duration::from_millis(500);

/// Longest time of a capture task, in minutes (capture contract, B.2: the vendor says the least, 1; the most is ours).
pub const TASK_MINUTES_MAX: u32 = 24 * 60;

/// Most packets of a capture task (seed 002, table 4).
pub const TASK_PACKETS_MAX: u64 = 1_000_000;

/// Captured packet bytes after which a capture task ends, unless the operator says otherwise: its request cannot say.
pub const TASK_BYTES_DEFAULT: u64 = 10 << 30;

/// Longest time for which what a capture task caught is kept, in days, and what counts when its request does not say (capture
/// contract, B.2).
pub const TASK_HOLD_DAYS_MAX: u8 = 7;

/// Longest name of a capture task, in characters (capture contract, B.2).
pub const TASK_NAME_CHARS_MAX: usize = 255;

/// Capture tasks of one account that wait or run at once, unless the operator says otherwise (ours).
pub const TASKS_RUNNING_DEFAULT: u8 = 4;

/// Capture tasks that are kept of one account (ours): a list counts them all.
pub const TASKS_KEPT_MAX: usize = 5_000;

/// Capture tasks that one request deletes (ours): they go in one commit.
pub const TASKS_DELETED_MAX: usize = 100;

/// Longest addresses and ports of a capture task as they were sent, in bytes, all together: those of [`TASKS_DELETED_MAX`] tasks
/// fit a commit.
pub const TASK_SENT_BYTES_MAX: usize = 4096;

/// How long a link to the file of a capture task works (capture contract, B.2, "Result").
pub const TICKET_LIFE: Duration = Duration::from_mins(30);

/// Addresses that a link may be held to (ours).
pub const TICKET_ADDRESSES_MAX: usize = 100;

/// How much later what could not be forgotten is tried again, where more than the store's patience is wanted.
pub const EXPIRY_POSTPONED: Duration = Duration::from_hours(1);

/// Schedules of one account (ours): their list is one answer without pages.
pub const SCHEDULES_PER_ACCOUNT_MAX: u8 = 20;

/// Longest name of a schedule, in characters (ours).
pub const SCHEDULE_NAME_CHARS_MAX: usize = 64;

/// Longest cron pattern, in bytes (ours).
pub const CRON_BYTES_MAX: usize = 128;

/// Most captures of a schedule in a day (ours): one each minute.
pub const BUDGET_RUNS_MAX: u32 = 24 * 60;

/// Most packets, and most bytes, of a schedule in a day (ours): what any client carries exactly.
pub const BUDGET_PACKETS_MAX: u64 = 1 << 50;

/// What is kept of the last times of a schedule (ours).
pub const RUNS_KEPT: usize = 20;

/// So much later than its time a capture of a schedule does not begin any more (ours), and is skipped.
pub const SCHEDULE_LATE_MAX: Duration = Duration::from_mins(1);

/// How long the capture of a schedule may take to begin (ours): its filter is compiled, and its bucket's proof read.
pub const SCHEDULE_BEGIN_MAX: Duration = Duration::from_secs(15);

/// How long one pass waits for what it began (ours); that goes on, and so does the next pass.
pub const SCHEDULE_PASS_MAX: Duration = Duration::from_secs(1);

/// Accounts whose schedules are dealt with at once (ours).
pub const SCHEDULE_ACCOUNTS_AT_ONCE: usize = 8;

/// Schedules that one pass looks at at most (ours); the others are still due for the next one.
pub const SCHEDULES_LOOKED_AT_MAX: usize = 4096;

/// How far a clock is set back at most without that what was due by it is worked out anew (ours): longer than what an hour too many does.
pub const CLOCK_SET_BACK_MAX: Duration = Duration::from_mins(65);

/// Triggers of one account, and those that one server watches for (ours): each has a ring and a thread for each interface.
pub const TRIGGERS_PER_ACCOUNT_MAX: usize = 4;
/// See [`TRIGGERS_PER_ACCOUNT_MAX`].
pub const WATCHERS_MAX: usize = 16;

/// The highest rate that a trigger waits for, in packets or bits a second (ours).
pub const TRIGGER_RATE_MAX: u64 = 1_000_000_000_000;

/// The shortest and the longest time over which a rate is taken (ours).
pub const TRIGGER_WINDOW_MIN: Duration = Duration::from_secs(1);
/// See [`TRIGGER_WINDOW_MIN`].
pub const TRIGGER_WINDOW_MAX: Duration = Duration::from_secs(60);

/// The time over which a rate is taken whose request does not say (ours).
pub const TRIGGER_WINDOW_DEFAULT: Duration = Duration::from_secs(5);

/// How often a watcher looks at what went by.
pub const WATCH_PERIOD: Duration = Duration::from_millis(250);

/// How much later a watch that cannot go on is tried again.
pub const WATCH_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Times that went by while nobody was there which are counted one by one (ours).
pub const MISSED_COUNTED_MAX: u32 = 1_000;

/// How long an agent on another host may take to begin: it compiles a filter and maps rings, and the network is between.
pub const REMOTE_BEGIN_PATIENCE: Duration = Duration::from_secs(10);

/// How long an agent on another host may take to begin a view: a connection of its own, and what waits before it on a slow line.
pub const VIEW_PATIENCE: Duration = Duration::from_secs(20);

/// How long what a stream of an agent caught may still come when it is over there: its watcher may be slow, and no longer.
pub const LIVE_END_PATIENCE: Duration = Duration::from_mins(5);

/// How long it may take to tell the end behind the last bytes of one.
pub const VIEW_END_PATIENCE: Duration = Duration::from_secs(5);

/// How long an agent is waited for that has not ended a capture when it should have, and for each part of one that has ended, from when
/// something of any part came. Time that it is away does not count, up to `agents.away`, for what is away longer in pieces.
pub const REMOTE_PATIENCE: Duration = Duration::from_mins(10);

/// The longest wait for a part whose agent sends others meanwhile: over a slow line the parts of all its captures take turns.
pub const REMOTE_TURN_PATIENCE: Duration = Duration::from_hours(6);

/// How often it is looked whether that is over when an agent comes and goes.
pub const REMOTE_LOOK_PERIOD: Duration = Duration::from_secs(5);

/// Bytes of the parts that an agent on another host sends.
pub const REMOTE_PART_BYTES: u64 = 8 << 20;

/// The fewest of a part that another follows (S3: 5 MiB), and the most: what was ordered, with the one packet that makes it so long, of
/// 256 KiB and its options.
pub const REMOTE_PART_BYTES_MIN: u64 = 5 << 20;
/// See [`REMOTE_PART_BYTES_MIN`].
pub const REMOTE_PART_BYTES_MAX: u64 = REMOTE_PART_BYTES + (1 << 20);

/// Parts of a file, as S3 takes them.
pub const REMOTE_PARTS_MAX: u32 = 10_000;

const _: () = assert!(
    RUNS_KEPT * (MESSAGE_BYTES_MAX + 64) + 2 * SENT_FILTER_BYTES_MAX + 2 * EXPRESSION_BYTES_MAX + DESTINATION_BYTES_MAX
        < baleen_meta::VALUE_BYTES_MAX
);
const _: () = assert!(TASKS_KEPT_MAX < baleen_meta::SCAN_ENTRIES_MAX);
const _: () = assert!(
    TASKS_DELETED_MAX * (TASK_SENT_BYTES_MAX + 4 * TASK_NAME_CHARS_MAX + 4096) <= baleen_meta::REQUEST_BYTES_MAX
);

/// Free space on the disk that what is staged and what is spooled leave alone (ours): as much as bodies leave to the metadata, which has to
/// be able to record deletions on a full disk.
pub const DISK_RESERVE_BYTES: u64 = 256 << 20;

/// How often it is looked whether the members of a group have captured enough together (ours): they go on for so long at most, into files
/// that are cut.
pub const GROUP_LOOKED_AT_EVERY: Duration = Duration::from_millis(200);

/// How long a member of a group that is away is waited for when somebody stops the capture (ours): an agent that was cut off for a moment has
/// linked again by then. It is looked whether it is there so often.
pub const AWAY_AFTER_STOP: Duration = Duration::from_secs(45);
/// See [`AWAY_AFTER_STOP`].
pub const AWAY_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// From so many bytes on a piece of a merged file is handed on (ours): as much as the engine's, above the 5 MiB of a part.
pub const GROUP_PART_BYTES: usize = 8 << 20;
