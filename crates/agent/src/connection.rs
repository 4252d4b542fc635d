//! One connection to the server: looked up, encrypted, and spoken HTTP/2 on.

use crate::error::Error;
use crate::limits::{
    ADDRESSES_MAX, ANSWER_BYTES_MAX, ASK_TIMEOUT, CONNECT_TIMEOUT, KEEP_ALIVE_PERIOD, KEEP_ALIVE_TIMEOUT,
    SEND_BUFFER_BYTES_MAX, UNSENT_BYTES_MAX,
};
use crate::progress::{self, Progress};
use baleen_runtime::Shutdown;
use baleen_types::Invalid;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Either, Full, Limited, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use socket2::SockRef;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Where the server takes agents: a name or an address, with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    host: String,
    port: u16,
    name: ServerName<'static>,
}

impl ServerAddress {
    /// Reads `capture.example:9003`, `192.0.2.7:9003` or `[2001:db8::7]:9003`; `https://` before it means nothing.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = || {
            Invalid::new(
                "server",
                "a name or an address with a port is expected, such as capture.example:9003",
            )
        };
        let bare = text.strip_prefix("https://").unwrap_or(text);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        let (host, port) = bare.rsplit_once(':').ok_or_else(refuse)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(refuse)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) if host.contains(':') => host,
            None if !host.contains(':') => host,
            _ => return Err(refuse()),
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| refuse())?;
        Ok(Self {
            host: host.to_owned(),
            port,
            name,
        })
    }

    /// The addresses that it has now.
    ///
    /// # Errors
    /// `Unknown`.
    pub async fn look_up(&self) -> Result<Vec<SocketAddr>, Error> {
        let looked = timeout(
            CONNECT_TIMEOUT,
            tokio::net::lookup_host((self.host.as_str(), self.port)),
        );
        let unknown = |source| Error::Unknown {
            server: self.to_string(),
            source,
        };
        // Nothing was sent to the server yet: that it is silent would lead to its firewall.
        let silent = |_| unknown(io::Error::new(io::ErrorKind::TimedOut, "DNS does not answer in time"));
        let found = looked.await.map_err(silent)?.map_err(unknown)?;
        let found: Vec<_> = found.take(ADDRESSES_MAX).collect();
        if found.is_empty() {
            return Err(unknown(io::Error::other("its name has no address")));
        }
        Ok(found)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

type Said = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// What is sent: bytes that are there, or frames as they come.
pub(crate) type Body = Either<Full<Bytes>, Said>;

/// A connection that stands, or did a moment ago. Clones are of the same one.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: http2::SendRequest<Body>,
    server: ServerAddress,
    tls: Arc<ClientConfig>,
    /// Where the server is.
    pub(crate) remote: SocketAddr,
    /// Stops when it has ended.
    pub(crate) over: Shutdown,
}

impl Connection {
    /// Connects to the first of these addresses that answers.
    pub(crate) async fn open(
        server: &ServerAddress,
        addresses: &[SocketAddr],
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, Error> {
        let mut failed = Error::Timeout;
        for address in addresses {
            match Self::open_at(server, *address, tls).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn open_at(server: &ServerAddress, at: SocketAddr, tls: &Arc<ClientConfig>) -> Result<Self, Error> {
        let too_late = || unreachable_at(at, io::ErrorKind::TimedOut.into());
        let unreachable = |source| unreachable_at(at, source);
        let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(error)),
            Err(_) => return Err(too_late()),
        };
        // Or a beat would wait for the acknowledgement of the one before.
        stream.set_nodelay(true).map_err(unreachable)?;
        // Or seconds of parts would be in the kernel before it.
        SockRef::from(&stream)
            .set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
            .map_err(unreachable)?;
        let handshake = TlsConnector::from(Arc::clone(tls)).connect(server.name.clone(), stream);
        let stream = match timeout(CONNECT_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => return Err(Error::Stranger { at, source }),
            Err(_) => return Err(too_late()),
        };
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_PERIOD)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Error::Ended)?;
        let over = Shutdown::new();
        let ended = over.clone();
        tokio::spawn(async move {
            let _ = connection.await;
            ended.stop();
        });
        Ok(Self {
            sender,
            server: server.clone(),
            tls: Arc::clone(tls),
            remote: at,
            over,
        })
    }

    /// Another connection to the same place, as the same agent.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub(crate) async fn another(&self) -> Result<Self, Error> {
        Self::open_at(&self.server, self.remote, &self.tls).await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("https://{}/agent/v1/{path}", self.server))
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        self.sender.clone().send_request(request).await.map_err(Error::Ended)
    }

    /// Asks for something small.
    pub(crate) async fn ask(&self, operation: &str, body: &Value) -> Result<Value, Error> {
        let body = Either::Left(Full::new(body.to_string().into()));
        let request = self.request(Method::POST, operation).body(body);
        let request = request.map_err(|_| Error::Answer("the request cannot be made"))?;
        let asked = async {
            let answer = self.send(request).await?;
            read(answer).await
        };
        let (status, body) = timeout(ASK_TIMEOUT, asked).await.map_err(|_| Error::Timeout)??;
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        serde_json::from_slice(&body).map_err(|_| Error::Answer("it is not the JSON that is expected"))
    }

    /// Whether the server knows whose connection this is. It is asked by a method that there is not, which it tells those alone whom it knows.
    ///
    /// # Errors
    /// `Refused` when it does not.
    pub(crate) async fn is_known(&self) -> Result<(), Error> {
        let request = self.request(Method::GET, "link").body(Either::Left(Full::default()));
        let request = request.map_err(|_| Error::Answer("the request cannot be made"))?;
        let asked = async { read(self.send(request).await?).await };
        let (status, body) = timeout(ASK_TIMEOUT, asked).await.map_err(|_| Error::Timeout)??;
        if status == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(());
        }
        Err(refusal(status, &body))
    }

    /// Sends bytes with what is said of them, and notes how far that is.
    pub(crate) async fn put(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        (bytes, progress): (Bytes, &Arc<Progress>),
    ) -> Result<Answer, Error> {
        let mut request = self.request(Method::PUT, path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(streamed(progress::frames(bytes, progress)));
        let request = request.map_err(|_| Error::Answer("the request cannot be made"))?;
        let answer = self.send(request).await?;
        let (status, body) = read(answer).await?;
        Ok(Answer {
            status,
            code: word(&body, "code"),
            message: word(&body, "message"),
            next: number(&body, "next"),
        })
    }

    /// Sends what comes until it ends, or the server takes no more.
    ///
    /// # Errors
    /// The connection ended, or the server refused.
    pub(crate) async fn show(&self, path: &str, shown: BoxStream<'static, Bytes>) -> Result<(), Error> {
        let request = self.request(Method::POST, path).body(streamed(shown));
        let request = request.map_err(|_| Error::Answer("the request cannot be made"))?;
        let (status, body) = read(self.send(request).await?).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(());
        }
        Err(refusal(status, &body))
    }

    /// Opens the link: says what `said` yields, for what is answered.
    pub(crate) async fn link(&self, said: BoxStream<'static, Bytes>) -> Result<Incoming, Error> {
        let request = self.request(Method::POST, "link").body(streamed(said));
        let request = request.map_err(|_| Error::Answer("the request cannot be made"))?;
        let opened = async {
            let answer = self.send(request).await?;
            if answer.status() == StatusCode::OK {
                return Ok(answer.into_body());
            }
            let (status, body) = read(answer).await?;
            Err(refusal(status, &body))
        };
        timeout(ASK_TIMEOUT, opened).await.map_err(|_| Error::Timeout)?
    }
}

/// Bytes that are sent as they come.
fn streamed(bytes: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Either::Right(StreamBody::new(bytes.map(|bytes| Ok(Frame::data(bytes))).boxed()))
}

fn unreachable_at(at: SocketAddr, source: io::Error) -> Error {
    Error::Unreachable { at, source }
}

/// How a part was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The code of a refusal.
    pub(crate) code: String,
    /// Its words.
    pub(crate) message: String,
    /// The part that is wanted instead.
    pub(crate) next: Option<u32>,
}

async fn read(answer: Response<Incoming>) -> Result<(StatusCode, Bytes), Error> {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Error::Answer("it is cut off or too long"))?;
    Ok((status, body.to_bytes()))
}

fn refusal(status: StatusCode, body: &[u8]) -> Error {
    Error::Refused {
        status: status.as_u16(),
        message: word(body, "message"),
    }
}

/// A number in an answer that refuses.
fn number(body: &[u8], name: &str) -> Option<u32> {
    let body: Value = serde_json::from_slice(body).ok()?;
    u32::try_from(body["error"][name].as_u64()?).ok()
}

/// What an answer that refuses says, in one line.
fn word(body: &[u8], name: &str) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = body["error"][name].as_str().unwrap_or_default();
    word.chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_name_and_a_port() {
        for (text, shown) in [
            ("capture.example:9003", "capture.example:9003"),
            ("https://capture.example:9003", "capture.example:9003"),
            ("https://capture.example:9003/", "capture.example:9003"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("[2001:db8::7]:9003", "[2001:db8::7]:9003"),
            ("localhost:65535", "localhost:65535"),
        ] {
            assert_eq!(ServerAddress::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            ":9003",
            "capture.example",
            "capture.example:",
            "capture.example:0",
            "capture.example:65536",
            "http://capture.example:9003",
            "2001:db8::7:9003",
            "[capture.example]:9003",
            "[2001:db8::7]",
            "capture example:9003",
            "user@capture.example:9003",
            "capture.example:9003/x",
        ] {
            assert!(ServerAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        assert_eq!(word(br#"{"error":{"message":"a\nb"}}"#, "message"), "a b");
        assert_eq!(word(b"<html>", "message"), "");
        for (body, expected) in [
            (&br#"{"error":{"next":4}}"#[..], Some(4)),
            (br#"{"error":{"next":4294967296}}"#, None),
            (br#"{"error":{"next":-1}}"#, None),
            (br#"{"error":{"next":"4"}}"#, None),
            (br#"{"error":4}"#, None),
            (b"4", None),
        ] {
            assert_eq!(number(body, "next"), expected);
        }
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(10_000));
        assert_eq!(word(long.as_bytes(), "message").len(), 200);
    }
}
