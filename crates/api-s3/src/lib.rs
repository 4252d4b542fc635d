//! The S3 door: s3s as codec behind our own edge.
