//! The S3 door in process: the edge, the codec and a real object service on the model keyspace and a temporary volume.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod account_blocks;
mod acls;
mod addresses;
mod attributes;
mod audit;
mod authorization;
mod buckets;
mod conditions;
mod deletions;
mod encryption;
mod encryption_keys;
mod forms;
mod harness;
mod hostile;
mod keys;
mod lifecycle;
mod listing;
mod lock;
mod logging;
mod multipart;
mod noise;
mod objects;
mod policies;
mod public;
mod renames;
mod replication;
mod signatures;
mod subresources;
mod tag_conditions;
mod tagging;
mod unread;
mod vendor;
mod versions;
