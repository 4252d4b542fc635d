//! The shapes of API tokens that earlier releases stored, newest first.

/// The shape before it was known what admins had set.
pub(crate) mod v3 {
    use super::v2;
    use baleen_meta::record::Record;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[allow(clippy::struct_excessive_bools, reason = "the options of the contract, as they are")]
    pub(crate) struct StoredToken {
        pub(crate) account: u64,
        pub(crate) user: u64,
        pub(crate) short_id: String,
        pub(crate) label: String,
        pub(crate) group: Option<String>,
        pub(crate) group_write: bool,
        pub(crate) is_public: bool,
        pub(crate) default_tags: Vec<String>,
        pub(crate) profile: Option<String>,
        pub(crate) must_log_in: bool,
        pub(crate) methods: u16,
        pub(crate) is_unbounded: bool,
        pub(crate) is_user_defined: bool,
        pub(crate) is_enabled: bool,
        pub(crate) expires_ns: Option<i64>,
        pub(crate) retires_ns: Option<i64>,
        pub(crate) created_ns: i64,
        pub(crate) created_by: u64,
    }

    impl Record for StoredToken {
        const NAME: &'static str = "API token";
        const VERSION: u8 = 3;
        type Before = v2::StoredToken;
        fn migrate(before: v2::StoredToken) -> Self {
            // A rotation was an end like any other.
            Self {
                account: before.account,
                user: before.user,
                short_id: before.short_id,
                label: before.label,
                group: before.group,
                group_write: before.group_write,
                is_public: before.is_public,
                default_tags: before.default_tags,
                profile: before.profile,
                must_log_in: before.must_log_in,
                methods: before.methods,
                is_unbounded: before.is_unbounded,
                is_user_defined: before.is_user_defined,
                is_enabled: before.is_enabled,
                expires_ns: before.expires_ns,
                retires_ns: None,
                created_ns: before.created_ns,
                created_by: before.created_by,
            }
        }
    }
}

/// The shape before tokens that were rotated.
pub(crate) mod v2 {
    use super::v1;
    use crate::tokens::Methods;
    use crate::tokens::record::UNNAMED;
    use baleen_meta::record::Record;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[allow(clippy::struct_excessive_bools, reason = "the options of the contract, as they are")]
    pub(crate) struct StoredToken {
        pub(crate) account: u64,
        pub(crate) user: u64,
        pub(crate) short_id: String,
        pub(crate) label: String,
        pub(crate) group: Option<String>,
        pub(crate) group_write: bool,
        pub(crate) is_public: bool,
        pub(crate) default_tags: Vec<String>,
        pub(crate) profile: Option<String>,
        pub(crate) must_log_in: bool,
        pub(crate) methods: u16,
        pub(crate) is_unbounded: bool,
        pub(crate) is_user_defined: bool,
        pub(crate) is_enabled: bool,
        pub(crate) expires_ns: Option<i64>,
        pub(crate) created_ns: i64,
        pub(crate) created_by: u64,
    }

    impl Record for StoredToken {
        const NAME: &'static str = "API token";
        const VERSION: u8 = 2;
        type Before = v1::StoredToken;
        fn migrate(before: v1::StoredToken) -> Self {
            // The first releases knew the root's token alone, and did not keep its first digits.
            Self {
                account: before.account,
                user: before.user,
                short_id: UNNAMED.to_owned(),
                label: "root credentials".to_owned(),
                group: None,
                group_write: false,
                is_public: false,
                default_tags: Vec::new(),
                profile: None,
                must_log_in: false,
                methods: Methods::of(crate::Method::ALL).to_bits(),
                is_unbounded: true,
                is_user_defined: false,
                is_enabled: true,
                expires_ns: None,
                created_ns: before.created_ns,
                created_by: before.user,
            }
        }
    }
}

/// The shape of the first releases.
pub(crate) mod v1 {
    use baleen_meta::record::first_version;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct StoredToken {
        pub(crate) account: u64,
        pub(crate) user: u64,
        pub(crate) created_ns: i64,
    }
    first_version!(StoredToken, "API token");
}
