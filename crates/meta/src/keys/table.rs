//! The registry of tables: the first byte of every key.

/// Defines the tags and their list from one set of rows.
macro_rules! tables {
    ($($(#[$doc:meta])+ $name:ident = $tag:literal $belonging:ident,)+) => {
        /// A table of the keyspace; its tag is the first byte of each of its keys.
        ///
        /// This is the one registry: a new table is a new row here. A tag is never given a second meaning, because old
        /// stores keep the old one. The components of a key are in the row; their encoding is in [`crate::keys`]. The word
        /// behind the tag says to whom the keys belong, so that no table is forgotten when an account is purged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])+ $name = $tag,)+ }

        impl Table {
            /// All tables, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What becomes of the table's keys when an account is purged.
            pub const fn belonging(self) -> Belonging {
                match self { $(Self::$name => Belonging::$belonging,)+ }
            }
        }
    };
}

tables! {
    /// `B` bucket name: id, owner, region, creation time, settings.
    Bucket = b'B' Hanging,
    /// `b` owner account, bucket name: nothing; lists the buckets of an owner.
    BucketByOwner = b'b' Account,
    /// `7` bucket id, kind: one of the bucket's settings.
    BucketSetting = b'7' Hanging,
    /// `8` bucket id: the sealed key of which the keys of the bucket's objects are derived.
    BucketKey = b'8' Hanging,
    /// `O` bucket id, object key: the current version, with its inline body or extent list. Never a delete marker, so
    /// that listing never skips.
    Object = b'O' Hanging,
    /// `V` bucket id, object key, inverted version: noncurrent versions and delete markers.
    Version = b'V' Hanging,
    /// `5` bucket id, object key: the delete marker that is the current version.
    DeleteMarker = b'5' Hanging,
    /// `6` bucket id, object key: which of the noncurrent versions is the null version.
    NullVersion = b'6' Hanging,
    /// `M` bucket id, object key, upload id: an open multipart upload.
    Upload = b'M' Hanging,
    /// `P` upload id, part number: a part of an open upload.
    Part = b'P' Hanging,
    /// `X` object id, page: extent pages of objects above 16 parts.
    ExtentPage = b'X' Hanging,
    /// `E` place (segment and offset, or blob id): an extent that a record names; what is not here is free.
    Extent = b'E' Hanging,
    /// `I` body id: the bytes of a body that is too small for an extent. Apart from its record, so that listings read
    /// records alone.
    InlineBody = b'I' Hanging,
    /// `m` upload id: the answer to a completed upload, for a client that repeats the call.
    CompletedUpload = b'm' Passing,
    /// `+` slot, account id: a renaming that was done, for a client that repeats the call.
    RenameToken = b'+' Passing,
    /// `p` upload id: a counter of part changes, by which a completion sees that none came in between.
    PartChanges = b'p' Hanging,
    /// `C` bucket id, committer, what: objects and bytes added by that committer; the value is a counter, reading sums.
    Counter = b'C' Hanging,
    /// `F` committer, sequence: the change feed.
    Feed = b'F' Store,
    /// `f` committer: sequence of its last feed entry.
    FeedHead = b'f' Store,
    /// `Q` queue, visible-at, id: jobs; a lease is a compare-and-set move to a later visible-at.
    Queue = b'Q' Passing,
    /// `G` kind, id: what a commit left behind because it is too much for one request; a collector removes it.
    Garbage = b'G' Passing,
    /// `S` region, blob id: an extent to be looked at in a region, where its copy has to be, or to go.
    CopyDue = b'S' Hanging,
    /// `L` name: leases of singletons.
    Lease = b'L' Store,
    /// `A` account id: a customer with its project id. Kept, so that the id is never given out again.
    Account = b'A' Kept,
    /// `a` project id: the account it belongs to.
    AccountByProject = b'a' Hanging,
    /// `U` account id, user id: a user. By id, since a name may change and an id is never used again.
    User = b'U' Account,
    /// `c` customer name: the account it names.
    CustomerByName = b'c' Hanging,
    /// `v` reseller's account id, customer's account id: nothing; lists the customers of a reseller.
    CustomerByReseller = b'v' Hanging,
    /// `H` account id, rule id: a rule of the account's whitelist.
    WhitelistRule = b'H' Account,
    /// `u` account id, folded user name: the user id.
    UserByName = b'u' Account,
    /// `N` account id, folded policy name: a managed policy, without its documents.
    Policy = b'N' Account,
    /// `n` account id, policy id, version number: one document of a managed policy.
    PolicyVersion = b'n' Account,
    /// `j` account id, user id, folded policy name: nothing; the managed policies attached to a user.
    PolicyByUser = b'j' Account,
    /// `J` account id, folded policy name, user id: nothing; the users a managed policy is attached to.
    UserByPolicy = b'J' Account,
    /// `i` account id, user id, policy name: a policy that belongs to one user.
    InlinePolicy = b'i' Account,
    /// `s` access key id of a session: the session with its sealed secret.
    Session = b's' Hanging,
    /// `z` account id, user id, access key id: nothing; lists the sessions of a user.
    SessionByUser = b'z' Account,
    /// `l` account id, user id: how the user logs in: password hash, second factor, failures.
    LoginProfile = b'l' Account,
    /// `9` account id, what: what the account's users come to, so that nobody reads them all to count them.
    UserTotal = b'9' Account,
    /// `R` digest of a reset token: whose password it sets. The token itself is never stored.
    ResetToken = b'R' Hanging,
    /// `o` account id: the connection to the account's identity provider.
    SamlConnection = b'o' Account,
    /// `q` digest of an assertion id: when it may be forgotten; an assertion counts once.
    SamlReplay = b'q' Passing,
    /// `Z` account id, sequence: an entry of the account's audit log. Kept as evidence for as long as the log keeps anything.
    Audit = b'Z' Kept,
    /// `y` account id: the newest audit entry's sequence and hash. Kept, or the log would begin anew at 1.
    AuditHead = b'y' Kept,
    /// `g` account id, region, day, what, committer: a counter of what the account used; reading sums. Kept for as long as a
    /// reseller may ask for it.
    Usage = b'g' Kept,
    /// `e` account id, minute, region, what, committer: a counter of the last hour, until it is folded into its day's. Kept
    /// until then.
    UsageLive = b'e' Kept,
    /// `K` access key id: key record with its user and sealed secret.
    AccessKey = b'K' Hanging,
    /// `k` account id, user id, access key id: nothing; lists the keys of a user.
    AccessKeyByUser = b'k' Account,
    /// `T` digest of an API token: the token's record. The token itself is never stored.
    ApiToken = b'T' Hanging,
    /// `t` account id, user id, digest: nothing; lists the tokens of a user.
    ApiTokenByUser = b't' Account,
    /// `2` account id, first digits of a token: its digest. No two tokens of an account begin alike.
    ApiTokenByShortId = b'2' Account,
    /// `3` digest of an API token: how often and when it was used.
    ApiTokenUse = b'3' Hanging,
    /// `4` account id: what its admins have set for API tokens.
    ApiTokenSettings = b'4' Account,
    /// `W` account id, capture id: a capture task, wanted and actual.
    CaptureTask = b'W' Account,
    /// `w` account id, capture id: nothing; finds the tasks that are not finished.
    CaptureUnfinished = b'w' Account,
    /// `h` account id, inverted submission time, capture id: nothing; lists the captures of an account, newest first.
    CaptureTaskByTime = b'h' Account,
    /// `r` account id: the id of the account's one full capture that is pending or running.
    CaptureActive = b'r' Account,
    /// `%` account id, capture id, file, part number: a part of a capture's file that its store has taken.
    CapturePart = b'%' Account,
    /// `$` account id, capture id, file: a file of a capture that has several.
    CaptureFile = b'$' Account,
    /// `!` account id: when the account's last sample was asked for, and which it is.
    SampleTurn = b'!' Account,
    /// `=` account id: what the account's captures of a day come to, where that is limited.
    CaptureDay = b'=' Account,
    /// `.`: the sealed key of the look-back ring.
    LookBackKey = b'.' Store,
    /// `;` account id, slot: the id of a capture task that is waiting or running. An account has so many slots.
    TaskSlot = b';' Account,
    /// `&` account id, folded instance, digest of a name: the id of the capture task that has the name.
    TaskName = b'&' Account,
    /// `:` account id, folded instance, inverted submission time, capture id: nothing; lists the capture tasks of an instance,
    /// newest first.
    TaskByTime = b':' Account,
    /// `,` when, account id, capture id: the object of a capture task whose time is over then. Goes by itself, also when the
    /// account went before.
    TaskExpiry = b',' Passing,
    /// `*` account id, slot: a schedule of captures. An account has so many slots.
    Schedule = b'*' Account,
    /// `-` when, account id, slot: the id of the schedule that is due then. Goes by itself, also when the account went before.
    ScheduleDue = b'-' Passing,
    /// `^` account id, capture id: the id of the schedule that began it, until the audit log is told. Goes by itself, also when the account
    /// went before.
    ScheduleBegan = b'^' Passing,
    /// `D` account id, ownership id: an ownership challenge of a destination.
    Ownership = b'D' Account,
    /// `d` account id, destination: the ownership id in force.
    OwnershipByDestination = b'd' Account,
    /// `x` account id: the ownership id made last. Making one is conditional on it, so that two which are made at once see
    /// each other and their number stays exact.
    OwnershipNewest = b'x' Account,
    /// `0` account id, key name: a named key under which objects are encrypted, its versions sealed.
    EncryptionKey = b'0' Account,
    /// `1` account id, key name: nothing; there is such an encryption key. A name without its key is a key that was lost, and
    /// none is made in its place.
    EncryptionKeyName = b'1' Account,
    /// `@` account id, agent id: an agent on another host.
    Agent = b'@' Account,
    /// `(` account id, digest of a token: what the token makes of who shows it. The token itself is never stored.
    AgentToken = b'(' Account,
    /// `#` SHA-256 of a certificate: the agent whose it is.
    AgentCertificate = b'#' Hanging,
    /// `)`: the authority that signs certificates of agents, its key sealed.
    AgentAuthority = b')' Store,
    /// `Y` name: facts about the store itself, such as its format and its id.
    System = b'Y' Store,
}

/// To whom the keys of a table belong: what a purge of an account has to remove, and how it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// To the account that is the first component of the key. A purge removes them.
    Account,
    /// To something of an account, which their keys or values name or which names them. They go with it.
    Hanging,
    /// To the account that is the first component of the key, and they outlive its purge; the row says why.
    Kept,
    /// To work under way: they go by themselves, soon, whoever's they were.
    Passing,
    /// To the store itself.
    Store,
}

impl Table {
    /// The table of a tag.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| *table as u8 == tag)
    }
}
