//! A server process of its own, and as much of a client as the tests need.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of this")]

use baleen_signing::sign::{Request, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// Longest wait for anything; only a broken server uses it up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command under test, without the settings of whoever runs the tests.
pub fn baleen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baleen"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BALEEN_") || name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> (Output, String, String) {
    let output = command.stdin(Stdio::null()).output().expect("the command runs");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server; killed with the test if the test does not stop it.
pub struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    pub endpoints: serde_json::Value,
    pub log: PathBuf,
}

impl Server {
    /// Starts a server in `data` with free ports, and waits for its line of endpoints.
    pub fn start(data: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let log = data.with_extension("log");
        let mut command = baleen();
        command
            .args(["serve", "--json", "--capture-interface", "lo", "--data"])
            .arg(data);
        for door in ["--listen-s3", "--listen-api", "--listen-ops"] {
            command.args([door, "127.0.0.1:0"]);
        }
        change(&mut command);
        let log_file = fs::File::create(&log).expect("the log can be written");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
        let mut child = command.spawn().expect("the server starts");
        let mut out = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line is text");
        let endpoints = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!(
                "no endpoints in {line:?}; the log: {}",
                fs::read_to_string(&log).unwrap_or_default()
            )
        });
        Self {
            child,
            out,
            endpoints,
            log,
        }
    }

    /// Where a door listens.
    pub fn address(&self, door: &str) -> SocketAddr {
        let url = self.endpoints[door].as_str().expect("it is a text");
        url.trim_start_matches("http://").parse().expect("it is an address")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end; gives the exit status, what else was printed, and the log.
    pub fn wait(mut self) -> (ExitStatus, String, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("the rest is text");
        let status = self.child.wait().expect("it was our child");
        (status, rest, fs::read_to_string(&self.log).expect("the log is text"))
    }

    /// Sends a request without a body and gives the status and the whole answer.
    pub fn get(&self, door: &str, path: &str, headers: &str) -> (u16, String) {
        exchange(
            self.address(door),
            &format!(
                "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n",
                self.address(door)
            ),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own.
pub fn exchange(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).expect("the request is sent");
    answer(&mut stream)
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// Reads an answer to the end of its connection.
pub fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the answer arrives");
    let text = text(&bytes);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {text:?}")), text)
}

/// The root credentials that a server wrote.
pub fn credentials(data: &Path) -> serde_json::Value {
    let file = fs::read(data.join("root-credentials.json")).expect("the file is there");
    serde_json::from_slice(&file).expect("it is JSON")
}

/// A presigned path with query for one request, signed now.
pub fn presigned(credentials: &serde_json::Value, method: &str, path: &str, host: SocketAddr) -> String {
    let text = |name: &str| credentials[name].as_str().expect("it is a text").to_owned();
    let (id, secret, host) = (text("accessKeyId"), text("secretAccessKey"), host.to_string());
    let signer = Signer {
        access_key_id: &id,
        secret: &secret,
        session_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let request = Request {
        method,
        path,
        query: "",
        headers: &[("host", host.as_bytes())],
        payload: PayloadMode::Unsigned,
        style: PathStyle::S3,
    };
    use baleen_runtime::Clock;
    let now = AmzDate::from_timestamp(baleen_runtime::SystemClock::new().now());
    let query = signer.presign(&request, now, PATIENCE).expect("a minute is allowed");
    format!("{path}?{query}")
}

/// Whether this process may make network namespaces and packet sockets.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    text(&id.stdout).trim() == "0"
}
