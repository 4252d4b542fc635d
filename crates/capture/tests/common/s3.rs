//! A store on the loopback that speaks enough of S3, and fails where a test says so.

use baleen_capture::{Endpoint, S3Credentials, S3Destination};
use baleen_types::{RegionName, Secret};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What a request of the store's client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Put,
    Begin,
    Part(u32),
    Complete,
    Abort,
    Head,
    Other,
}

/// What the store does with a request.
pub enum Act {
    /// As it should.
    Serve,
    /// Answers an error.
    Fail(u16, &'static str),
    /// Never answers.
    Hang,
    /// Does as it should, and never answers.
    ServeAndHang,
    /// Answers as it should when this is notified.
    Wait(Arc<tokio::sync::Notify>),
}

/// How much a store that was slowed down takes at once.
pub const PIECE_BYTES_MAX: usize = 64 << 10;

type Script = Box<dyn FnMut(&Call) -> Act + Send>;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Bytes>,
    headers: HashMap<String, http::HeaderMap>,
    uploads: HashMap<String, BTreeMap<u32, Bytes>>,
    calls: Vec<Call>,
    begun: u32,
}

pub struct FakeS3 {
    pub url: String,
    state: Mutex<State>,
    script: Mutex<Script>,
    pace: Mutex<Option<Arc<Semaphore>>>,
}

impl FakeS3 {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            state: Mutex::default(),
            script: Mutex::new(Box::new(|_| Act::Serve)),
            pace: Mutex::new(None),
        });
        let served = Arc::clone(&store);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let store = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let store = Arc::clone(&store);
                        async move { Ok::<_, Infallible>(store.serve(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        store
    }

    /// Decides what becomes of each call from now on.
    pub fn script(&self, script: impl FnMut(&Call) -> Act + Send + 'static) {
        *self.script.lock() = Box::new(script);
    }

    /// Takes parts only as fast as `pace` has permits, one for each byte.
    pub fn slow_down(&self, pace: Arc<Semaphore>) {
        *self.pace.lock() = Some(pace);
    }

    async fn read(&self, call: &Call, mut body: Incoming) -> Bytes {
        let pace = self.pace.lock().clone().filter(|_| matches!(call, Call::Part(_)));
        let mut whole = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(bytes) = frame.into_data() else { continue };
            for piece in bytes.chunks(PIECE_BYTES_MAX) {
                if let Some(pace) = &pace {
                    let bytes = u32::try_from(piece.len()).unwrap();
                    pace.acquire_many(bytes).await.unwrap().forget();
                }
                whole.extend_from_slice(piece);
            }
        }
        whole.into()
    }

    /// As the server's own configuration names it.
    pub fn configured(&self) -> S3Destination {
        S3Destination {
            endpoint: Endpoint::parse(&self.url).unwrap(),
            region: RegionName::parse("us-east-1").unwrap(),
            credentials: Some(S3Credentials {
                access_key_id: "AKIDCONFIGURED".to_owned(),
                secret: Secret::new("configured-secret"),
            }),
        }
    }

    pub fn object(&self, path: &str) -> Option<Bytes> {
        self.state.lock().objects.get(path).cloned()
    }

    pub fn header(&self, path: &str, name: &str) -> Option<String> {
        let state = self.state.lock();
        let value = state.headers.get(path)?.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    pub fn paths(&self) -> Vec<String> {
        self.state.lock().objects.keys().cloned().collect()
    }

    pub fn open_uploads(&self) -> usize {
        self.state.lock().uploads.len()
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        let members: HashMap<&str, &str> = query.split('&').map(|m| m.split_once('=').unwrap_or((m, ""))).collect();
        let call = match (&head.method, members.get("uploadId"), members.get("partNumber")) {
            (&Method::PUT, Some(_), Some(number)) => Call::Part(number.parse().unwrap()),
            (&Method::PUT, None, None) => Call::Put,
            (&Method::POST, None, _) if members.contains_key("uploads") => Call::Begin,
            (&Method::POST, Some(_), _) => Call::Complete,
            (&Method::DELETE, Some(_), _) => Call::Abort,
            (&Method::HEAD, None, None) => Call::Head,
            _ => Call::Other,
        };
        let body = self.read(&call, body).await;
        self.state.lock().calls.push(call.clone());
        let act = (self.script.lock())(&call);
        let hangs = matches!(act, Act::ServeAndHang);
        match act {
            Act::Serve | Act::ServeAndHang => {}
            Act::Fail(status, code) => return failure(status, code),
            Act::Hang => std::future::pending().await,
            Act::Wait(until) => until.notified().await,
        }
        let path = head.uri.path().to_owned();
        let upload = members.get("uploadId").copied().unwrap_or_default().to_owned();
        let answer = self.act(&call, path, &upload, head.headers, body);
        if hangs {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn act(
        &self,
        call: &Call,
        path: String,
        upload: &str,
        headers: http::HeaderMap,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        let mut state = self.state.lock();
        match call {
            Call::Put => {
                state.headers.insert(path.clone(), headers);
                state.objects.insert(path, body);
                answer(200, "")
            }
            Call::Begin => {
                state.begun += 1;
                let id = format!("upload-{}", state.begun);
                state.headers.insert(path, headers);
                state.uploads.insert(id.clone(), BTreeMap::new());
                answer(
                    200,
                    &format!(
                        "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                    ),
                )
            }
            Call::Part(number) => match state.uploads.get_mut(upload) {
                None => failure(404, "NoSuchUpload"),
                Some(parts) => {
                    parts.insert(*number, body);
                    let mut response = answer(200, "");
                    response
                        .headers_mut()
                        .insert("etag", format!("\"tag-{number}\"").parse().unwrap());
                    response
                }
            },
            Call::Complete => match state.uploads.remove(upload) {
                None => failure(404, "NoSuchUpload"),
                Some(parts) => {
                    let whole: Vec<u8> = parts.into_values().flatten().collect();
                    state.objects.insert(path, whole.into());
                    answer(
                        200,
                        "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>",
                    )
                }
            },
            Call::Abort => {
                state.uploads.remove(upload);
                answer(204, "")
            }
            Call::Head if state.objects.contains_key(&path) => answer(200, ""),
            Call::Head => answer(404, ""),
            Call::Other => failure(501, "NotImplemented"),
        }
    }
}

fn answer(status: u16, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if status == 200 && body.is_empty() {
        response.headers_mut().insert("etag", "\"tag\"".parse().unwrap());
    }
    response
}

fn failure(status: u16, code: &str) -> Response<Full<Bytes>> {
    answer(
        status,
        &format!("<Error><Code>{code}</Code><Message>as scripted</Message></Error>"),
    )
}
