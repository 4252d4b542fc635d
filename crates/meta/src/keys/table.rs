//! The registry of tables: the first byte of every key.

/// Defines the tags and their list from one set of rows.
macro_rules! tables {
    ($($(#[$doc:meta])+ $name:ident = $tag:literal,)+) => {
        /// A table of the keyspace; its tag is the first byte of each of its keys.
        ///
        /// This is the one registry: a new table is a new row here. A tag is never given a second meaning, because old
        /// stores keep the old one. The components of a key are in the row; their encoding is in [`crate::keys`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])+ $name = $tag,)+ }

        impl Table {
            /// All tables, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

tables! {
    /// `B` bucket name: id, owner, region, creation time, settings.
    Bucket = b'B',
    /// `b` owner account, bucket name: nothing; lists the buckets of an owner.
    BucketByOwner = b'b',
    /// `O` bucket id, object key: the current version, with its inline body or extent list. Never a delete marker, so
    /// that listing never skips.
    Object = b'O',
    /// `V` bucket id, object key, inverted version: older versions and delete markers.
    Version = b'V',
    /// `M` bucket id, object key, upload id: an open multipart upload.
    Upload = b'M',
    /// `P` upload id, part number: a part of an open upload.
    Part = b'P',
    /// `X` object id, page: extent pages of objects above about 1,000 parts.
    ExtentPage = b'X',
    /// `E` place (segment and offset, or blob id): an extent that a record names; what is not here is free.
    Extent = b'E',
    /// `I` body id: the bytes of a body that is too small for an extent. Apart from its record, so that listings read
    /// records alone.
    InlineBody = b'I',
    /// `m` upload id: the answer to a completed upload, for a client that repeats the call.
    CompletedUpload = b'm',
    /// `p` upload id: a counter of part changes, by which a completion sees that none came in between.
    PartChanges = b'p',
    /// `C` bucket id, committer, what: objects and bytes added by that committer; the value is a counter, reading sums.
    Counter = b'C',
    /// `F` committer, sequence: the change feed.
    Feed = b'F',
    /// `f` committer: sequence of its last feed entry.
    FeedHead = b'f',
    /// `Q` queue, visible-at, id: jobs; a lease is a compare-and-set move to a later visible-at.
    Queue = b'Q',
    /// `G` kind, id: what a commit left behind because it is too much for one request; a collector removes it.
    Garbage = b'G',
    /// `S` bucket id, object key, version, region: replication acknowledgements while incomplete.
    ReplicationAck = b'S',
    /// `L` name: leases of singletons.
    Lease = b'L',
    /// `A` account id: a customer with its project id.
    Account = b'A',
    /// `a` project id: the account it belongs to.
    AccountByProject = b'a',
    /// `U` account id, user id: a user. By id, since a name may change and an id is never used again.
    User = b'U',
    /// `c` customer name: the account it names.
    CustomerByName = b'c',
    /// `v` reseller's account id, customer's account id: nothing; lists the customers of a reseller.
    CustomerByReseller = b'v',
    /// `H` account id, rule id: a rule of the account's whitelist.
    WhitelistRule = b'H',
    /// `u` account id, folded user name: the user id.
    UserByName = b'u',
    /// `N` account id, folded policy name: a managed policy, without its documents.
    Policy = b'N',
    /// `n` account id, policy id, version number: one document of a managed policy.
    PolicyVersion = b'n',
    /// `j` account id, user id, folded policy name: nothing; the managed policies attached to a user.
    PolicyByUser = b'j',
    /// `J` account id, folded policy name, user id: nothing; the users a managed policy is attached to.
    UserByPolicy = b'J',
    /// `i` account id, user id, policy name: a policy that belongs to one user.
    InlinePolicy = b'i',
    /// `s` access key id of a session: the session with its sealed secret.
    Session = b's',
    /// `z` account id, user id, access key id: nothing; lists the sessions of a user.
    SessionByUser = b'z',
    /// `l` account id, user id: how the user logs in: password hash, second factor, failures.
    LoginProfile = b'l',
    /// `R` digest of a reset token: whose password it sets. The token itself is never stored.
    ResetToken = b'R',
    /// `o` account id: the connection to the account's identity provider.
    SamlConnection = b'o',
    /// `q` digest of an assertion id: when it may be forgotten; an assertion counts once.
    SamlReplay = b'q',
    /// `Z` account id, sequence: an entry of the account's audit log.
    Audit = b'Z',
    /// `y` account id: the newest audit entry's sequence and hash.
    AuditHead = b'y',
    /// `g` account id, region, day, what, committer: a counter of what the account used; reading sums.
    Usage = b'g',
    /// `e` account id, minute, region, what, committer: a counter of the last hour, until it is folded into its day's.
    UsageLive = b'e',
    /// `K` access key id: key record with its user and sealed secret.
    AccessKey = b'K',
    /// `k` account id, user id, access key id: nothing; lists the keys of a user.
    AccessKeyByUser = b'k',
    /// `T` digest of an API token: the token's record. The token itself is never stored.
    ApiToken = b'T',
    /// `t` account id, user id, digest: nothing; lists the tokens of a user.
    ApiTokenByUser = b't',
    /// `2` account id, first digits of a token: its digest. No two tokens of an account begin alike.
    ApiTokenByShortId = b'2',
    /// `3` digest of an API token: how often and when it was used.
    ApiTokenUse = b'3',
    /// `4` account id: what its admins have set for API tokens.
    ApiTokenSettings = b'4',
    /// `W` account id, capture id: a capture task, wanted and actual.
    CaptureTask = b'W',
    /// `w` account id, capture id: nothing; finds the tasks that are not finished.
    CaptureUnfinished = b'w',
    /// `h` account id, inverted submission time, capture id: nothing; lists the captures of an account, newest first.
    CaptureTaskByTime = b'h',
    /// `r` account id: the id of the account's one full capture that is pending or running.
    CaptureActive = b'r',
    /// `D` account id, ownership id: an ownership challenge of a destination.
    Ownership = b'D',
    /// `d` account id, destination: the ownership id in force.
    OwnershipByDestination = b'd',
    /// `x` account id: the ownership id made last. Making one is conditional on it, so that two which are made at once see
    /// each other and their number stays exact.
    OwnershipNewest = b'x',
    /// `Y` name: facts about the store itself, such as its format and its id.
    System = b'Y',
}

impl Table {
    /// The table of a tag.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| *table as u8 == tag)
    }
}
