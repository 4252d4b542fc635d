//! A client of the capture API, as small as the demonstration needs it.

use crate::failure::Failure;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

/// The longest answer that is read: a capture file of the demonstration and a lot more.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long the server on this machine may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Speaks HTTP to this machine.
#[derive(Clone)]
pub(super) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    /// A client that keeps no connection, so that each request shows as a conversation of its own.
    pub(super) fn new() -> Self {
        Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build_http(),
        )
    }

    /// Fetches a URL.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, Failure> {
        let request = Request::get(url).body(Full::default());
        let request = request.map_err(|error| Failure::because(format!("{url} is no address"), &error))?;
        let (status, body) = self.send(request).await?;
        match status {
            StatusCode::OK => Ok(body),
            other => Err(Failure::new(format!("the link answered {other}"))),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let failed = |error: &dyn std::error::Error| Failure::because("the server does not answer", error);
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| failed(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Failure::new(format!("the answer broke off: {error}")))?;
            Ok((status, body.to_bytes()))
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|error| failed(&error))?
    }
}

/// The capture API of one account.
pub(super) struct Api {
    pub(super) http: Http,
    /// `http://127.0.0.1:9001/client/v4/accounts/<id>/pcaps`.
    pub(super) base: String,
    pub(super) token: baleen_types::Secret,
}

impl Api {
    /// Asks, and gives the `result` of the answer's envelope.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.base);
        let uri: Uri = url
            .parse()
            .map_err(|error| Failure::because(format!("{url} is no address"), &error))?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(CONTENT_TYPE, "application/json")
            .body(body.map(|body| Full::from(body.to_string())).unwrap_or_default())
            .map_err(|error| Failure::because("the request cannot be made", &error))?;
        let (status, answer) = self.http.send(request).await?;
        let mut answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() {
            return Ok(answer["result"].take());
        }
        let message = answer["errors"][0]["message"].as_str().unwrap_or("no reason was given");
        Err(Failure::new(format!("the capture API answered {status}: {message}")))
    }
}
