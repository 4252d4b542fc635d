//! The server as a process: first start, doors, secrets, drain.

mod common;

use common::{Server, answer, baleen, connect, credentials, exchange, presigned, run};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

/// A folder for one test, with room for the log beside the data.
fn place() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn the_first_start_makes_credentials_and_later_ones_keep_them() {
    let place = place();
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    let file = data.join("root-credentials.json");
    assert_eq!(
        server.endpoints["rootCredentials"],
        file.canonicalize().expect("it is there").display().to_string()
    );
    let mode = |path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&file), mode(&data), mode(&data.join("master.key"))),
        (0o600, 0o700, 0o600)
    );
    let made = credentials(&data);
    let length = |name: &str| made[name].as_str().map_or(0, str::len);
    assert_eq!(
        (length("accountId"), length("projectId"), length("apiToken")),
        (12, 32, 32)
    );
    assert!(length("accessKeyId") >= 16 && length("secretAccessKey") >= 32 && made["userName"] == "root");

    let (status, ready) = server.get("ops", "/readyz", "");
    assert_eq!(status, 200, "{ready}");
    let (status, metrics) = server.get("ops", "/metrics", "");
    assert!(status == 200 && metrics.contains("baleen_requests_total"), "{metrics}");
    let token = made["apiToken"].as_str().expect("a text");
    let path = format!(
        "/client/v4/accounts/{}/pcaps",
        made["projectId"].as_str().expect("a text")
    );
    assert_eq!(
        server
            .get("api", &path, &format!("authorization: Bearer {token}\r\n"))
            .0,
        200
    );
    assert_eq!(server.get("api", &path, "").0, 400);
    assert_eq!(server.get("s3", "/", "").0, 403);

    server.signal("TERM");
    let (status, rest, log) = server.wait();
    assert!(status.success() && rest.is_empty(), "{status} {rest} {log}");
    assert!(!data.join("endpoints.json").exists());

    let again = Server::start(&data, |_| {});
    assert_eq!(credentials(&data), made);
    again.signal("INT");
    assert!(again.wait().0.success());
}

#[test]
fn the_environment_sets_the_credentials_and_nothing_secret_is_logged() {
    let place = place();
    let data = place.path().join("data");
    let (secret, token) = ("canary-secret-canary-secret", "c0ffeec0ffeec0ffeec0ffeec0ffeec0");
    let server = Server::start(&data, |command| {
        command
            .env("BALEEN_ROOT_ACCESS_KEY_ID", "AKIACANARYCANARY")
            .env("BALEEN_ROOT_SECRET_ACCESS_KEY", secret)
            .env("BALEEN_ROOT_API_TOKEN", token)
            .args(["--log-level", "trace", "--log-format", "json"]);
    });
    let made = credentials(&data);
    assert_eq!(
        (&made["accessKeyId"], &made["secretAccessKey"]),
        (&"AKIACANARYCANARY".into(), &secret.into())
    );
    let s3 = server.address("s3");
    let make = presigned(&made, "PUT", "/evidence", s3);
    let (status, text) = exchange(
        s3,
        &format!("PUT {make} HTTP/1.1\r\nhost: {s3}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    );
    assert_eq!(status, 200, "{text}");
    let path = format!(
        "/client/v4/accounts/{}/pcaps",
        made["projectId"].as_str().expect("a text")
    );
    assert_eq!(
        server
            .get("api", &path, &format!("authorization: Bearer {token}\r\n"))
            .0,
        200
    );
    let wrong = "deadbeefdeadbeefdeadbeefdeadbeef";
    assert_eq!(
        server
            .get("api", &path, &format!("authorization: Bearer {wrong}\r\n"))
            .0,
        401
    );
    server.signal("TERM");
    let (status, rest, log) = server.wait();
    assert!(status.success() && rest.is_empty());
    let master = fs::read_to_string(data.join("master.key")).expect("it is there");
    let master = master.split_whitespace().last().expect("it holds a key");
    let signature = make.rsplit('=').next().expect("a query has a last value");
    for hidden in [secret, token, wrong, master, signature] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
    for line in log.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "no JSON: {line}"
        );
    }
}

#[test]
fn the_demonstration_catches_dns_and_http() {
    if !common::is_root() {
        return;
    }
    let place = place();
    let mut demo = baleen();
    demo.args([
        "demo",
        "--json",
        "--oneshot",
        "--time",
        "1s",
        "--capture-interface",
        "lo",
    ]);
    for door in ["--listen-s3", "--listen-api", "--listen-ops"] {
        demo.args([door, "127.0.0.1:0"]);
    }
    let (output, out, err) = run(demo.arg("--data").arg(place.path().join("data")));
    assert!(output.status.success(), "{err}");
    let caught: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    for protocol in ["DNS", "HTTP"] {
        assert!(
            caught["protocols"]
                .as_array()
                .expect("a list")
                .contains(&protocol.into()),
            "{out}"
        );
    }
    assert!(
        caught["object"]
            .as_str()
            .is_some_and(|at| at.starts_with("s3://baleen-demo/catch/pcap_")),
        "{out}"
    );
    assert!(
        caught["packets"].as_u64() > Some(0) && caught["conversations"].as_u64() > Some(0),
        "{out}"
    );
}

#[test]
fn a_second_process_is_refused_by_name() {
    let place = place();
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    let (output, _, err) = run(baleen().arg("serve").arg("--data").arg(&data));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err.contains(&format!("in use by another baleen (process {})", server.id())),
        "{err}"
    );
    assert!(err.contains("--data DIR"), "{err}");
}

#[test]
fn a_taken_address_says_which_flag_to_use() {
    let place = place();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = place.path().join("data");
    let (output, _, err) = run(baleen().args(["serve", "--listen-s3", &address, "--data"]).arg(&data));
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains(&address) && err.contains("--listen-s3"), "{err}");
}

#[test]
fn a_stop_lets_requests_at_work_end() {
    let place = place();
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    let (made, s3) = (credentials(&data), server.address("s3"));
    let make = presigned(&made, "PUT", "/evidence", s3);
    exchange(
        s3,
        &format!("PUT {make} HTTP/1.1\r\nhost: {s3}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    );

    // Half a body, and the server's word that it wants the rest, so that the request is at work when the signal comes.
    let put = presigned(&made, "PUT", "/evidence/slow", s3);
    let mut stream = connect(s3);
    let head = format!("PUT {put} HTTP/1.1\r\nhost: {s3}\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut word = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut word).expect("the server answers");
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"01234").expect("half is sent");
    server.signal("TERM");
    // The other doors tell of it while the request is at work.
    while server.get("ops", "/readyz", "").0 == 200 {
        std::thread::yield_now();
    }
    stream.write_all(b"56789").expect("the rest is sent");
    let (status, text) = answer(&mut stream);
    assert_eq!(status, 200, "{text}");
    let (status, _, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(log.contains("every upload of a capture was finished"), "{log}");

    let server = Server::start(&data, |_| {});
    let get = presigned(&made, "GET", "/evidence/slow", server.address("s3"));
    let (status, text) = server.get("s3", &get, "");
    assert!(status == 200 && text.ends_with("0123456789"), "{text}");
}

#[test]
fn a_request_that_does_not_end_is_cut_at_the_deadline() {
    let place = place();
    let data = place.path().join("data");
    let server = Server::start(&data, |command| {
        command.env("BALEEN_DRAIN", "100ms");
    });
    let (made, s3) = (credentials(&data), server.address("s3"));
    let put = presigned(&made, "PUT", "/evidence", s3);
    let mut stream = connect(s3);
    let head = format!("PUT {put} HTTP/1.1\r\nhost: {s3}\r\ncontent-length: 10\r\n\r\n01234");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    // An answer of another door says that the server had time to see the head.
    assert_eq!(server.get("ops", "/healthz", "").0, 200);
    server.signal("TERM");
    assert!(server.wait().0.success());
}
