//! The operations door: is it alive, is it ready, what are the numbers, what goes on in the background.
//!
//! Ready means that the metadata store commits: a probe is written and flushed, as a client's write would be; and that the folder
//! of bodies is where it was, since nothing is written while it is not. The door
//! asks for no credentials, so the probe is made at most once a second however often it is asked for.

use async_trait::async_trait;
use baleen_http::{Door, OperationName, Refusal, Request, Response, ResponseBody, Scheme};
use baleen_meta::Meta;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_objects::Objects;
use baleen_runtime::{Clock, Supervisor, TaskReport};
use baleen_types::{RequestId, Timestamp};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the answer of one probe holds.
const PROBE_LASTS: Duration = Duration::from_secs(1);

/// How long a probe may take. A store that needs longer is not ready, whatever it will answer.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// The media type of Prometheus' text format (Prometheus, "Exposition formats").
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What the door is built from.
pub(crate) struct Parts {
    pub(crate) meta: Meta,
    pub(crate) objects: Arc<Objects>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: PrometheusHandle,
    /// Knows the background tasks. Its token stops when the other doors begin to drain: from then on the server is not ready.
    pub(crate) supervisor: Supervisor,
}

/// The door.
pub(crate) struct Operations {
    parts: Parts,
    /// When the last probe ended, by the monotonic clock, and why it failed.
    probe: Mutex<Option<(Duration, Result<(), String>)>>,
}

impl Operations {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            probe: Mutex::new(None),
        })
    }

    async fn ready(&self) -> Result<(), String> {
        if self.parts.supervisor.shutdown().is_stopping() {
            return Err("stopping".to_owned());
        }
        // Held while probing, so that those who ask meanwhile share the answer.
        let mut last = self.probe.lock().await;
        let now = self.parts.clock.monotonic();
        if let Some((at, answer)) = &*last
            && now.saturating_sub(*at) < PROBE_LASTS
        {
            return answer.clone();
        }
        let answer = match self.commit_probe().await {
            Ok(()) => self.look_at_home().await,
            failed => failed,
        };
        *last = Some((self.parts.clock.monotonic(), answer.clone()));
        answer
    }

    /// Ready, and what is not as it should be nevertheless: without a region, reads and writes go on.
    fn ready_in_words(&self) -> String {
        let lacking = self.parts.objects.lacking_regions();
        let lines = lacking
            .into_iter()
            .map(|(region, lack)| format!("region {region}: {lack}\n"));
        std::iter::once("ready\n".to_owned()).chain(lines).collect()
    }

    async fn look_at_home(&self) -> Result<(), String> {
        let objects = Arc::clone(&self.parts.objects);
        // Of a disk that hangs no answer comes.
        let looking = tokio::task::spawn_blocking(move || objects.is_home_there());
        tokio::select! {
            looked = looking => if looked.unwrap_or(false) {
                Ok(())
            } else {
                let folder = self.parts.objects.volume().dir().display();
                tracing::error!(%folder, "the folder of bodies is not where it was, or is another; nothing is written until it is back");
                Err("the folder of bodies is not where it was; the log says which".to_owned())
            },
            () = self.parts.clock.sleep(PROBE_PATIENCE) => Err("the folder of bodies does not answer in time".to_owned()),
        }
    }

    async fn commit_probe(&self) -> Result<(), String> {
        let key = KeyWriter::new(Table::System).tail("readiness");
        let probe = baleen_meta::Request::new().put(key, self.parts.clock.now().to_rfc3339_millis());
        tokio::select! {
            committed = self.parts.meta.commit(probe) => match committed {
                Ok(_) => Ok(()),
                Err(error) => {
                    // The cause may name files; the door shows it to anyone who asks.
                    tracing::warn!(%error, "the metadata store does not commit");
                    Err("the metadata store does not commit; the log says why".to_owned())
                }
            },
            () = self.parts.clock.sleep(PROBE_PATIENCE) => Err("the metadata store does not answer in time".to_owned()),
        }
    }
}

#[async_trait]
impl Door for Operations {
    fn name(&self) -> &'static str {
        "ops"
    }

    fn scheme(&self) -> Scheme {
        Scheme::None
    }

    /// It changes nothing.
    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        let operation = match request.uri().path() {
            "/healthz" => "Health",
            "/readyz" => "Ready",
            "/metrics" => "Metrics",
            "/background" => "Background",
            _ => {
                return answer(
                    "unknown",
                    StatusCode::NOT_FOUND,
                    "there are /healthz, /readyz, /metrics and /background\n",
                );
            }
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = answer(operation, StatusCode::METHOD_NOT_ALLOWED, "GET is expected\n");
            refused
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match operation {
            "Ready" => match self.ready().await {
                Ok(()) => answer(operation, StatusCode::OK, self.ready_in_words()),
                Err(why) => answer(
                    operation,
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("not ready: {why}\n"),
                ),
            },
            "Metrics" => {
                let mut page = answer(operation, StatusCode::OK, self.parts.metrics.render());
                page.headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
                page
            }
            "Background" => {
                let tasks: Vec<_> = self.parts.supervisor.reports().into_iter().map(task).collect();
                let mut page = answer(operation, StatusCode::OK, format!("{:#}\n", serde_json::json!(tasks)));
                page.headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                page
            }
            _ => answer(operation, StatusCode::OK, "alive\n"),
        }
    }

    fn refuse(&self, refusal: &Refusal, _head: &Head) -> Response {
        match refusal {
            Refusal::Auth(_) | Refusal::Barred | Refusal::Body(_) | Refusal::Unaudited => {
                answer("unknown", StatusCode::BAD_REQUEST, "the request is malformed\n")
            }
            Refusal::Panicked => answer("unknown", StatusCode::INTERNAL_SERVER_ERROR, "an error of the server\n"),
        }
    }

    fn stamp(&self, id: RequestId, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
            headers.insert("x-request-id", id);
        }
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn loggable<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        Some(uri.path())
    }
}

/// A background task as the door tells of it.
fn task((name, report): (String, TaskReport)) -> serde_json::Value {
    serde_json::json!({
        "task": name,
        "running": report.is_running,
        "runs": report.runs,
        "lastRun": report.last_run.map(Timestamp::to_rfc3339_millis),
        "lastError": report.last_error,
        "progress": report.progress,
    })
}

fn answer(operation: &'static str, status: StatusCode, text: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(ResponseBody::full(text));
    *response.status_mut() = status;
    response.extensions_mut().insert(OperationName(operation));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
