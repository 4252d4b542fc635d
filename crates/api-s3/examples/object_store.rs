//! Takes a running S3 door through the integration tests of the `object_store` crate, as its own stores are: each fails by panic.
//!
//! `AWS_ACCESS_KEY_ID=.. AWS_SECRET_ACCESS_KEY=.. object_store http://127.0.0.1:9000 BUCKET`
//!
//! The bucket must be there, and empty. Part of the tests with real clients.
#![allow(clippy::print_stdout, reason = "a program's answer belongs to standard output")]

use std::process::ExitCode;

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3CopyIfNotExists};
use object_store::integration as suite;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

#[tokio::main]
async fn main() -> ExitCode {
    let [endpoint, bucket] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        eprintln!("usage: object_store ENDPOINT BUCKET");
        return ExitCode::from(2);
    };
    let settings = || {
        AmazonS3Builder::from_env()
            .with_endpoint(endpoint)
            .with_bucket_name(bucket)
            .with_region("us-east-1")
            .with_allow_http(true)
    };
    let built = |builder: AmazonS3Builder| builder.build().expect("the settings are whole");
    // Both ways to write only what is not there: a header, and a multipart upload that is completed on a condition.
    let header = S3CopyIfNotExists::Header("if-none-match".into(), "*".into());
    for (name, way) in [("by parts", S3CopyIfNotExists::Multipart), ("by header", header)] {
        let store = built(settings().with_copy_if_not_exists(way));
        suite::copy_if_not_exists(&store).await;
        suite::copy_rename_nonexistent_object(&store).await;
        println!("copies of what is not there, {name}");
    }
    for (name, builder) in [
        ("unsigned", settings().with_unsigned_payload(true)),
        ("SHA-256", settings().with_checksum_algorithm(Checksum::SHA256)),
        ("CRC-64/NVME", settings().with_checksum_algorithm(Checksum::CRC64NVME)),
    ] {
        suite::put_get_delete_list(&built(builder)).await;
        println!("bodies: {name}");
    }
    nothing_there(
        &built(settings()),
        &built(settings().with_bucket_name("nobody-made-this")),
    )
    .await;
    println!("what is not there");
    whole(&built(settings())).await;
    println!("with its defaults");
    ExitCode::SUCCESS
}

/// What the crate runs against each of its own stores.
async fn whole(store: &AmazonS3) {
    suite::put_get_delete_list(store).await;
    suite::list_with_offset_exclusivity(store).await;
    suite::get_opts(store).await;
    suite::list_uses_directories_correctly(store).await;
    suite::list_with_delimiter(store).await;
    suite::rename_and_copy(store).await;
    suite::stream_get(store).await;
    suite::multipart(store, store).await;
    suite::multipart_with_opts(store, store).await;
    suite::multipart_put_part_out_of_order(store, store).await;
    suite::multipart_race_condition(store, true).await;
    suite::multipart_out_of_order(store).await;
    suite::put_get_attributes(store).await;
    suite::put_opts(store, true).await;
    // Last, since it leaves objects behind.
    suite::list_paginated(store, store).await;
}

async fn nothing_there(store: &AmazonS3, no_bucket: &AmazonS3) {
    let path = Path::from("none");
    for store in [store, no_bucket] {
        let refused = suite::get_nonexistent_object(store, Some(path.clone())).await;
        assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    }
    store.delete(&path).await.expect("a deletion of nothing is one");
    let refused = no_bucket.delete(&path).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    let refused = no_bucket.put(&path, "data".into()).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
}
