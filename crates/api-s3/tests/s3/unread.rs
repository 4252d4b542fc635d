//! Who may not is refused before a byte of the body is read, however it comes: other stores had ways of sending a body that were
//! read, and stored, before anybody asked who sends them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baleen_http::RequestBody;
use baleen_signing::{PayloadMode, sha256};
use bytes::Bytes;
use futures::StreamExt as _;
use http_body::Frame;
use http_body_util::StreamBody;

use crate::harness::{Ask, CLERK, OWNER, Server, key, policy, post, put, statement};

/// A body of these pieces, and how many of them were asked for.
fn counted(pieces: Vec<Bytes>) -> (RequestBody, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let frames = futures::stream::iter(pieces.into_iter().map(move |piece| {
        counter.fetch_add(1, Relaxed);
        Ok::<_, baleen_http::BodyFault>(Frame::data(piece))
    }));
    (RequestBody::boxed(StreamBody::new(frames)), read)
}

/// Sends what is signed already with a body that is counted; gives the status, and how much of the body was read.
async fn send(server: &Server, mut ask: Ask, pieces: Vec<Bytes>) -> (u16, usize) {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    // Who waits to be asked for the body sends nothing if nobody asks.
    ask = ask
        .header("content-length", &length.to_string())
        .header("expect", "100-continue");
    ask.body.clear();
    let (body, read) = counted(pieces);
    let answer = server.edge.handle(ask.build().map(|_| body)).await;
    (answer.status().as_u16(), read.load(Relaxed))
}

#[tokio::test]
async fn who_may_not_is_refused_before_the_body() {
    let server = Server::with_bucket().await;
    let id = server
        .ok(post(&format!("{}?uploads", key("k"))))
        .await
        .element("UploadId");
    let part = format!("{}?partNumber=1&uploadId={id}", key("k"));
    let pieces = || vec![Bytes::from_static(b"da"), Bytes::from_static(b"ta")];
    let chunked = ["content-encoding", "x-amz-decoded-content-length"];
    let modes = [
        PayloadMode::Sha256(sha256(b"data")),
        PayloadMode::Unsigned,
        PayloadMode::Streaming,
        PayloadMode::StreamingTrailer,
        PayloadMode::StreamingUnsignedTrailer,
    ];
    let mut cases = 0;
    for target in [key("k"), part] {
        for mode in modes {
            let mut ask = put(&target);
            if !matches!(mode, PayloadMode::Sha256(_) | PayloadMode::Unsigned) {
                for (name, value) in chunked.into_iter().zip(["aws-chunked", "4"]) {
                    ask = ask.header(name, value);
                }
            }
            if matches!(
                mode,
                PayloadMode::StreamingTrailer | PayloadMode::StreamingUnsignedTrailer
            ) {
                ask = ask.header("x-amz-trailer", "x-amz-checksum-crc32");
            }
            let life = Duration::from_mins(1);
            let asks = [
                ask.clone().signed(CLERK, mode, server.now()),
                ask.clone().presigned(CLERK, mode, server.now(), life),
                // Nobody, who says of the body what others say.
                ask.clone().header("x-amz-content-sha256", &mode.header_value()),
            ];
            for (from, ask) in asks.into_iter().enumerate() {
                let shown = format!("{target} {mode:?} {from}");
                let (status, read) = send(&server, ask, pieces()).await;
                assert!(status == 403 || status == 400, "{shown}: {status}");
                assert_eq!(read, 0, "{shown}");
                cases += 1;
            }
            if matches!(mode, PayloadMode::Unsigned) {
                let asks = [
                    ask.clone().signed_v2(CLERK, server.now()),
                    ask.presigned_v2(CLERK, server.now(), life),
                ];
                for ask in asks {
                    assert_eq!(send(&server, ask, pieces()).await, (403, 0), "{target} of Version 2");
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 2 * (5 * 3 + 2));
    assert!(server.stored_keys().await.is_empty());
}

/// The fields of a form say what it is about, so these are read. What happens while the file comes is too late to let it in.
#[tokio::test]
async fn who_may_not_is_refused_before_the_file_of_a_form() {
    let allow = statement("Allow", "\"*\"", "s3:PutObject", "bucket/*");
    for signer in [Some(CLERK), None] {
        let server = Server::with_bucket().await;
        let (head, behind) = crate::forms::in_two(&server, signer);
        let fields = Bytes::from(head.body.clone());
        let opened = put("/bucket?policy").body(policy(&[&allow]));
        let payload = PayloadMode::Sha256(sha256(&opened.body));
        let opened = opened.signed(OWNER, payload, server.now());
        let edge = Arc::clone(&server.edge);
        let file = async move {
            let answer = edge.handle(opened.build()).await;
            assert!(answer.status().is_success());
            Ok(Frame::data(Bytes::from([b"data", &behind[..]].concat())))
        };
        // A body is shared between threads, the future need not be.
        let mut file = Mutex::new(Box::pin(file));
        let file = std::future::poll_fn(move |cx| file.get_mut().unwrap().as_mut().poll(cx));
        let frames = futures::stream::iter([Ok::<_, baleen_http::BodyFault>(Frame::data(fields))]);
        let body = RequestBody::boxed(StreamBody::new(frames.chain(futures::stream::once(file))));
        let answer = server.edge.handle(head.build().map(|_| body)).await;
        assert_eq!(answer.status().as_u16(), 403, "{signer:?}");
        assert!(server.stored_keys().await.is_empty());
        // The file was taken, so that its sender reads the answer, and the bucket is open by now.
        let (head, behind) = crate::forms::in_two(&server, signer);
        let whole = [&head.body[..], b"data", &behind].concat();
        let answer = server.raw(head.body(whole)).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}
