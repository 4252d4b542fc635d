//! The metadata store: one ordered keyspace, conditional commits, one fsync for all who wait.
