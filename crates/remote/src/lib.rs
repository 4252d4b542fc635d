//! Clients of S3-compatible storage endpoints, which send keys unchanged.
