//! Accounts, users, access keys and API tokens; secrets sealed at rest.
