//! SIGHUP: what a terminal sends when it is closed, and what an operator sends to a server whose certificate is new.

mod common;

use common::{Server, baleen, credentials, exchange, is_root, presigned};
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything; only what is broken uses it up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done`, asking something that takes a while itself.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn hang_up(id: u32) {
    let sent = Command::new("kill").args(["-HUP", &id.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// The status of a HEAD or GET request to the store, signed by root.
fn status(server: &Server, data: &Path, method: &str, path: &str) -> u16 {
    let s3 = server.address("s3");
    let signed = presigned(&credentials(data), method, path, s3);
    exchange(
        s3,
        &format!("{method} {signed} HTTP/1.1\r\nhost: {s3}\r\nconnection: close\r\n\r\n"),
    )
    .0
}

#[test]
fn a_server_without_a_certificate_survives_it_and_says_so() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    for _ in 0..2 {
        server.signal("HUP");
        assert_eq!(server.get("ops", "/readyz", "").0, 200);
    }
    until("the signal is in the log", || {
        let log = fs::read_to_string(&server.log).expect("the log is text");
        server.get("ops", "/healthz", "").0 == 200 && log.contains("no certificate to read again")
    });
    server.signal("TERM");
    let (status, _, log) = server.wait();
    assert!(
        status.success() && log.contains("every upload of a capture was finished"),
        "{log}"
    );
}

/// A capture on loopback, whatever is in front of its arguments.
fn capture(mut command: Command, data: &Path, more: &[&str]) -> Command {
    command
        .args(["capture", "--json", "-i", "lo", "--data"])
        .arg(data)
        .args(more);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn report(child: Child) -> serde_json::Value {
    let output = child.wait_with_output().expect("it ends");
    let (out, err) = (common::text(&output.stdout), common::text(&output.stderr));
    assert!(output.status.success(), "{}: {err}", output.status);
    serde_json::from_str(&out).expect("the report is JSON")
}

#[test]
fn a_capture_keeps_what_it_has_when_its_terminal_is_closed() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});

    let object = "s3://evidence/hung-up.pcapng";
    let mut command = capture(baleen(), &data, &["--make-bucket", object]);
    let child = command.spawn().expect("it starts");
    // The bucket is made when the signals are listened for already.
    until("the capture begins", || {
        status(&server, &data, "HEAD", "/evidence") == 200
    });
    hang_up(child.id());
    assert_eq!(report(child)["ended"], "it was stopped");
    assert_eq!(status(&server, &data, "HEAD", "/evidence/hung-up.pcapng"), 200);

    // A terminal of its own, whose other end goes with the program that holds it.
    let line = format!(
        "exec {} capture -i lo --data {} --make-bucket s3://closed/closed.pcapng",
        env!("CARGO_BIN_EXE_baleen"),
        data.display()
    );
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--command", &line, "/dev/null"]);
    let mut terminal = terminal
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("script starts");
    until("the capture begins", || {
        status(&server, &data, "HEAD", "/closed") == 200
    });
    terminal.kill().expect("it is our child");
    terminal.wait().expect("it ended");
    until("the object is there", || {
        status(&server, &data, "HEAD", "/closed/closed.pcapng") == 200
    });
}

#[test]
fn under_nohup_a_capture_goes_on() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("on.pcapng");
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = receiver.local_addr().expect("an address").port();
    let filter = format!("udp port {port}");
    let mut nohup = Command::new("nohup");
    nohup.arg(env!("CARGO_BIN_EXE_baleen"));
    let more = ["-f", &filter, "-c", "20", &file.display().to_string()];
    let child = capture(nohup, &place.path().join("data"), &more)
        .spawn()
        .expect("it starts");
    // The file is made when the signals are listened for already.
    until("the capture begins", || file.exists());
    hang_up(child.id());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let target = receiver.local_addr().expect("an address");
    let (mut child, since) = (child, Instant::now());
    while child.try_wait().expect("it is our child").is_none() {
        assert!(since.elapsed() < PATIENCE);
        sender.send_to(b"on", target).expect("it is sent");
        std::io::stdout().flush().expect("a moment");
    }
    assert_eq!(report(child)["ended"], "the packet limit was reached");
}
