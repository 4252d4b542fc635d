//! The shapes of API tokens that earlier releases stored, newest first.

use serde::{Deserialize, Serialize};

/// What the second shape and the third begin with. There is nothing of a struct itself in the bytes, so that they are those of its
/// fields in this order. It never changes; what tokens are now is in [`super::StoredToken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the options of the contract, as they are")]
pub(crate) struct Leading {
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
}

/// The shape before it was known what admins had set.
pub(crate) mod v3 {
    use super::{Leading, v2};
    use baleen_meta::record::Record;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct StoredToken {
        pub(crate) leading: Leading,
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
                leading: before.leading,
                retires_ns: None,
                created_ns: before.created_ns,
                created_by: before.created_by,
            }
        }
    }
}

/// The shape before tokens that were rotated.
pub(crate) mod v2 {
    use super::{Leading, v1};
    use crate::tokens::Methods;
    use crate::tokens::record::UNNAMED;
    use baleen_meta::record::Record;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct StoredToken {
        pub(crate) leading: Leading,
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
                leading: Leading {
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
                },
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
