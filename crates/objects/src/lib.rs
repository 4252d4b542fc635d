//! Buckets, objects and multipart uploads over meta and blob.
