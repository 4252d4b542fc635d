//! The store, the clock and the client of these tests.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baleen_runtime::{Clock, SeededEntropy};
use baleen_types::{BucketName, ObjectKey, ObjectPath, RegionName, Secret, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Addressing, Auth, Connections, Credentials, Endpoint, Parts, RetrySettings, S3, Settings};

pub(crate) const ACCESS_KEY_ID: &str = "AKEXAMPLE0000000000";
pub(crate) const SECRET: &str = "canary-secret/0123456789+=abcdef";

/// 2026-01-02T03:04:05Z.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// The request target, untouched.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the store does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes; the connection stays.
    Say(Vec<u8>),
    /// Sends these bytes and closes.
    SayAndHangUp(Vec<u8>),
    /// Sends these bytes and is silent from then on.
    SayAndStall(Vec<u8>),
    /// Sends these bytes as soon as the head is there, then takes the body without reading it.
    SayAtOnce(Vec<u8>),
    /// Reads no more than the head, and closes.
    HangUpAfterHead,
}

/// An answer with a body and its length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Act {
    Act::Say(
        format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// An error as S3 words it.
pub(crate) fn error(status: &str, code: &str) -> Act {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message><RequestId>R7</RequestId></Error>"
    );
    answer(status, "content-type: application/xml\r\n", &body)
}

/// A store which plays a script, one act a request; the last act is repeated.
pub(crate) struct Store {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Store {
    pub(crate) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let seen = received.clone();
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, script.clone(), seen.clone()));
            }
        });
        Self { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// Serves one connection until the script or the peer ends it.
async fn serve(mut socket: TcpStream, script: Arc<Vec<Act>>, seen: Arc<Mutex<Vec<Received>>>) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_head(&mut socket, &mut buffer).await {
        let turn = seen.lock().unwrap().len().min(script.len() - 1);
        let act = script[turn].clone();
        if matches!(act, Act::HangUpAfterHead) {
            seen.lock().unwrap().push(request);
            return;
        }
        if let Act::SayAtOnce(bytes) = &act {
            seen.lock().unwrap().push(request);
            let _ = socket.write_all(bytes).await;
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
            return;
        }
        let length: usize = request.header("content-length").map_or(0, |text| text.parse().unwrap());
        while buffer.len() < length {
            if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        request.body = buffer.drain(..length).collect();
        seen.lock().unwrap().push(request);
        let (Act::Say(bytes) | Act::SayAndHangUp(bytes) | Act::SayAndStall(bytes)) = &act else {
            return;
        };
        let _ = socket.write_all(bytes).await;
        match act {
            Act::Say(_) => {}
            Act::SayAndStall(_) => std::future::pending().await,
            Act::SayAndHangUp(_) | Act::SayAtOnce(_) | Act::HangUpAfterHead => return,
        }
    }
}

async fn read_head(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head: Vec<u8> = buffer.drain(..end + 4).collect();
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Received {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: Vec::new(),
    })
}

/// A clock on which short sleeps are over at once and are noted, and long ones never end. So the pauses between tries
/// cost nothing, and a timeout strikes exactly when it was made short.
pub(crate) struct HurriedClock {
    slept: Mutex<Vec<Duration>>,
    passed: Mutex<Duration>,
}

impl HurriedClock {
    const LONG: Duration = Duration::from_secs(40);

    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl Clock for HurriedClock {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn monotonic(&self) -> Duration {
        *self.passed.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if duration >= Self::LONG {
            return Box::pin(std::future::pending());
        }
        self.slept.lock().unwrap().push(duration);
        *self.passed.lock().unwrap() += duration;
        Box::pin(std::future::ready(()))
    }
}

/// Timeouts which strike at once, for stores that never answer.
pub(crate) fn impatient() -> Settings {
    Settings {
        stall_timeout: Duration::from_secs(7),
        ..patient()
    }
}

/// Timeouts which never strike.
pub(crate) fn patient() -> Settings {
    let never = HurriedClock::LONG * 25;
    Settings {
        stall_timeout: never,
        complete_timeout: never,
        transfer_grace: never,
        answer_timeout: never,
        retry: RetrySettings::default(),
    }
}

pub(crate) fn client(url: &str, settings: Settings) -> (S3, Arc<HurriedClock>) {
    client_over(Connections::new(), url, settings)
}

pub(crate) fn client_over(connections: Connections, url: &str, settings: Settings) -> (S3, Arc<HurriedClock>) {
    let clock = Arc::new(HurriedClock {
        slept: Mutex::default(),
        passed: Mutex::default(),
    });
    let endpoint = Endpoint {
        url: url.to_owned(),
        region: RegionName::parse("eu-test-1").unwrap(),
        addressing: Addressing::Path,
        auth: Auth::Keys(Credentials {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret: Secret::new(SECRET),
            session_token: Some(Secret::new("canary-token")),
        }),
    };
    let parts = Parts {
        clock: clock.clone(),
        entropy: SeededEntropy::new(1),
        connections,
    };
    (S3::new(endpoint, settings, parts).unwrap(), clock)
}

pub(crate) fn at(key: &str) -> ObjectPath {
    ObjectPath {
        bucket: BucketName::parse("evidence").unwrap(),
        key: ObjectKey::parse(key).unwrap(),
    }
}

/// What clients of these tests work with.
pub(crate) fn parts() -> Parts {
    Parts {
        clock: Arc::new(HurriedClock {
            slept: Mutex::default(),
            passed: Mutex::default(),
        }),
        entropy: SeededEntropy::new(1),
        connections: Connections::new(),
    }
}

/// A patient client that shows who it is in this way.
pub(crate) fn client_by(url: &str, auth: Auth) -> S3 {
    let endpoint = Endpoint {
        url: url.to_owned(),
        region: RegionName::parse("auto").unwrap(),
        addressing: Addressing::Path,
        auth,
    };
    S3::new(endpoint, patient(), parts()).unwrap()
}
