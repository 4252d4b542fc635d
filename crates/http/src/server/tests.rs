//! The listener over real sockets on the loopback.

use async_trait::async_trait;
use baleen_policy::Principal;
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_types::{RequestId, Timestamp};
use http::HeaderMap;
use http::request::Parts as Head;
use http_body::Frame;
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::*;
use crate::{
    Credentials, Door, KeyRecord, Lookup, Parts, Refusal, Request, Response, ResponseBody, Scheme, Unavailable,
};

/// Reads the body but for `/unread`; waits to be let go at `/wait`.
struct Slow {
    entered: Notify,
    go: Notify,
}

#[async_trait]
impl Door for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn scheme(&self) -> Scheme {
        Scheme::None
    }

    fn sees_through(&self) -> bool {
        false
    }

    async fn serve(&self, request: Request) -> Response {
        match request.uri().path() {
            "/unread" => Response::new(ResponseBody::full("not read")),
            "/empty" => Response::default(),
            "/pieces" => Response::new(ResponseBody::boxed(Pieces(vec!["one ", "two"]))),
            "/large" => Response::new(ResponseBody::boxed(Pieces::large())),
            "/wait" => {
                self.entered.notify_one();
                self.go.notified().await;
                Response::new(ResponseBody::full("waited"))
            }
            _ => {
                let body = request
                    .into_body()
                    .collect()
                    .await
                    .map_or_else(|fault| format!("{fault:?}").into(), http_body_util::Collected::to_bytes);
                Response::new(ResponseBody::full(body))
            }
        }
    }

    fn refuse(&self, _refusal: &Refusal, _head: &Head) -> Response {
        Response::default()
    }

    fn stamp(&self, _id: RequestId, _headers: &mut HeaderMap) {}
}

/// A body of known length which does not say when its last piece was taken.
struct Pieces(Vec<&'static str>);

impl http_body::Body for Pieces {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<bytes::Bytes>>>> {
        let pieces = &mut self.0;
        Poll::Ready((!pieces.is_empty()).then(|| Ok(Frame::data(bytes::Bytes::from(pieces.remove(0))))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

impl Pieces {
    /// More than the buffers of both sides hold.
    fn large() -> Self {
        const PIECE: &str = match std::str::from_utf8(&[b'x'; 64 << 10]) {
            Ok(piece) => piece,
            Err(_) => "",
        };
        Self(vec![PIECE; 1024])
    }
}

struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn access_key(&self, _id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        Ok(Lookup::Unknown)
    }

    async fn api_token(&self, _token: &str) -> Result<Lookup<Principal>, Unavailable> {
        Ok(Lookup::Unknown)
    }
}

struct Running {
    door: Arc<Slow>,
    address: SocketAddr,
    shutdown: Shutdown,
    served: tokio::task::JoinHandle<DrainReport>,
}

async fn start(settings: ServerSettings) -> Running {
    let door = Arc::new(Slow {
        entered: Notify::new(),
        go: Notify::new(),
    });
    let parts = Parts::bare(
        Arc::new(NoCredentials),
        ManualClock::new(Timestamp::EPOCH),
        SeededEntropy::new(1),
    );
    let edge = Edge::new(Arc::clone(&door) as Arc<dyn Door>, parts);
    let listener = Listener::bind(settings).await.unwrap();
    let address = listener.address().unwrap();
    let shutdown = Shutdown::new();
    let served = tokio::spawn(listener.serve(edge, shutdown.clone()));
    Running {
        door,
        address,
        shutdown,
        served,
    }
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn until_closed(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A reset connection ends the text as well as a closed one.
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn port_0_is_a_real_port_and_serves() {
    let running = start(ServerSettings::default()).await;
    assert_ne!(running.address.port(), 0);
    assert!(running.address.ip().is_loopback());
    let stream = send(
        running.address,
        "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
    )
    .await;
    let text = until_closed(stream).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hi"), "{text}");
    running.shutdown.stop();
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 0 });
}

#[tokio::test]
async fn a_stop_waits_for_the_request_at_work() {
    let running = start(ServerSettings::default()).await;
    let stream = send(running.address, "GET /wait HTTP/1.1\r\nhost: h\r\n\r\n").await;
    running.door.entered.notified().await;
    running.shutdown.stop();
    running.door.go.notify_one();
    let text = until_closed(stream).await;
    assert!(text.ends_with("waited"), "{text}");
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 0 });
}

#[tokio::test]
async fn a_stop_cuts_at_the_deadline() {
    let settings = ServerSettings {
        drain_deadline: Duration::from_millis(20),
        ..ServerSettings::default()
    };
    let running = start(settings).await;
    let stream = send(running.address, "GET /wait HTTP/1.1\r\nhost: h\r\n\r\n").await;
    running.door.entered.notified().await;
    running.shutdown.stop();
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 1 });
    assert_eq!(until_closed(stream).await, "");
}

#[tokio::test]
async fn an_unfinished_head_and_a_huge_one_end() {
    let settings = ServerSettings {
        head_timeout: Duration::from_millis(20),
        ..ServerSettings::default()
    };
    let running = start(settings).await;
    let text = until_closed(send(running.address, "GET / HTTP/1.1\r\nhost: h\r\n").await).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    // Also that of a later request, and the wait for one.
    let one = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    for rest in ["", "GET ", "GET / HTTP/1.1\r\nhost: h\r\n"] {
        let text = until_closed(send(running.address, &[one, one, rest].concat()).await).await;
        assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
    }
    let huge = format!(
        "GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n",
        "y".repeat(REQUEST_HEAD_BYTES_MAX)
    );
    let text = until_closed(send(running.address, &huge).await).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(REQUEST_HEADERS_MAX + 1));
    let text = until_closed(send(running.address, &many).await).await;
    assert!(text.starts_with("HTTP/1.1 431"), "{text}");
}

/// F34: the body is asked for when somebody reads it, and never when the answer is known without.
#[tokio::test]
async fn continue_is_sent_only_when_the_body_is_read() {
    let running = start(ServerSettings::default()).await;
    let head = "host: h\r\ncontent-length: 2\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    let text = until_closed(send(running.address, &format!("PUT /unread HTTP/1.1\r\n{head}")).await).await;
    assert!(
        text.starts_with("HTTP/1.1 200") && !text.contains("100 Continue"),
        "{text}"
    );

    let mut stream = send(running.address, &format!("PUT / HTTP/1.1\r\n{head}")).await;
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").await.unwrap();
    let text = until_closed(stream).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hi"), "{text}");
}

#[tokio::test]
async fn a_silent_sender_is_not_waited_for() {
    let settings = ServerSettings {
        stall_timeout: Duration::from_millis(20),
        ..ServerSettings::default()
    };
    let running = start(settings).await;
    let stream = send(
        running.address,
        "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nh",
    )
    .await;
    let text = until_closed(stream).await;
    assert!(text.ends_with("Stalled"), "{text}");
}

/// A client that sends without asking first has to get to read the answer, not a reset connection.
#[tokio::test]
async fn an_early_answer_is_read_by_who_sends_megabytes() {
    let running = start(ServerSettings::default()).await;
    let length = 4 << 20;
    let head = format!("PUT /unread HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n");
    let mut stream = send(running.address, &head).await;
    stream.write_all(&vec![b'x'; length]).await.unwrap();
    // The connection is good for another request.
    stream
        .write_all(b"GET /empty HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("not read"), "{text}");
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
}

/// The access log says of an answer whether all of it was handed over.
#[tokio::test]
async fn whole_answers_are_logged_as_whole() {
    let lines = crate::edge::tests::Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let running = start(ServerSettings::default()).await;
    for request in ["GET /empty", "GET /unread", "GET /pieces", "HEAD /empty"] {
        let text = format!("{request} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        let answer = until_closed(send(running.address, &text).await).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let mut gone = send(running.address, "GET /large HTTP/1.1\r\nhost: h\r\n\r\n").await;
    gone.read_exact(&mut [0; 100]).await.unwrap();
    drop(gone);
    running.shutdown.stop();
    running.served.await.unwrap();
    let written = lines.text();
    let whole = |line: &&str| line.contains("request served") && line.contains("whole=true");
    assert_eq!(written.lines().filter(whole).count(), 4, "{written}");
}

#[tokio::test]
async fn a_reader_that_stops_is_not_waited_for() {
    let settings = ServerSettings {
        stall_timeout: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let running = start(settings).await;
    let mut stream = send(running.address, "GET /large HTTP/1.1\r\nhost: h\r\n\r\n").await;
    stream.read_exact(&mut [0; 100]).await.unwrap();
    running.shutdown.stop();
    // Nobody reads: the drain would last until its deadline, and then cut.
    assert_eq!(running.served.await.unwrap(), DrainReport { cut: 0 });
    drop(stream);
}
