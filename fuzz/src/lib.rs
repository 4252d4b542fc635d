//! What the targets share: an edge whose door reads bodies, and bodies that come in pieces; and a store behind the S3 door.

mod store;

pub use store::{KEY_ID, SECRET, Store};

use std::sync::Arc;

use async_trait::async_trait;
use baleen_http::{
    BodyFault, Credentials, Door, Edge, Form, KeyRecord, Lookup, Parts, Refusal, Request, RequestBody, Response,
    ResponseBody, Scheme, Unavailable,
};
use baleen_policy::Principal;
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_types::{RequestId, Timestamp};
use bytes::Bytes;
use futures::StreamExt as _;
use http::request::Parts as Head;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

/// Nobody has a key.
struct NoKeys;

#[async_trait]
impl Credentials for NoKeys {
    async fn access_key(&self, _id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Unknown)
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

/// Answers with the body that it was sent, if that was whole.
struct Echo;

#[async_trait]
impl Door for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn scheme(&self) -> Scheme {
        Scheme::SigV4 {
            services: &["s3"],
            version_2: true,
        }
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let fields = head.extensions.get::<Form>().map_or(0, |form| form.fields().len());
        let mut response = Response::default();
        match body.collect().await {
            Ok(body) => {
                *response.body_mut() = ResponseBody::full(body.to_bytes());
                response.headers_mut().insert("x-fields", fields.into());
            }
            Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
        }
        response
    }

    fn refuse(&self, refusal: &Refusal, _head: &Head) -> Response {
        assert_ne!(*refusal, Refusal::Panicked);
        let mut response = Response::default();
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    }

    fn stamp(&self, _id: RequestId, _headers: &mut HeaderMap) {}
}

/// Sends a request whose body comes in pieces of a size; gives status and body.
pub fn send(head: http::request::Builder, body: &[u8], piece: usize) -> (u16, Vec<u8>) {
    let pieces: Vec<_> = body.chunks(piece.max(1)).map(Bytes::copy_from_slice).collect();
    let frames = futures::stream::iter(pieces).map(|piece| Ok::<_, BodyFault>(Frame::data(piece)));
    let request = head
        .body(RequestBody::boxed(StreamBody::new(frames)))
        .expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let clock = ManualClock::new(Timestamp::from_secs(1_767_323_045));
        let parts = Parts::bare(Arc::new(NoKeys), clock, SeededEntropy::new(7));
        let response = Edge::new(Arc::new(Echo), parts).handle(request).await;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes().to_vec());
        (status, body.unwrap_or_default())
    })
}
