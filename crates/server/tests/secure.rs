//! Commands and a server that speaks TLS, with a certificate that no authority of the system knows.

mod common;

use base64::Engine as _;
use common::{Server, baleen, is_root, run};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// A certificate and its key in files.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn new(folder: &Path, name: &str, last_year: i32) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let signed = params.self_signed(&key).expect("a certificate");
        let pair = Self {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        fs::write(&pair.certificate, pem("CERTIFICATE", signed.der())).expect("it can be written");
        fs::write(&pair.key, pem("PRIVATE KEY", &key.serialize_der())).expect("it can be written");
        pair
    }

    fn set<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("BALEEN_TLS_CERTIFICATE", &self.certificate)
            .env("BALEEN_TLS_KEY", &self.key)
    }
}

#[test]
fn commands_trust_the_server_of_the_data_folder_and_say_how_to_trust_another() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let data = place.path().join("data");
    let pair = Pair::new(place.path(), "good", 2040);
    let server = Server::start(&data, |command| _ = pair.set(command));
    let of_folder = |words: &[&str]| run(baleen().args(words).arg("--data").arg(&data));
    let (output, out, err) = of_folder(&["admin", "whoami"]);
    assert!(output.status.success(), "{out} {err}");
    let (output, out, err) = of_folder(&["extcap", "--extcap-interfaces"]);
    assert!(
        output.status.success() && out.contains("interface {value=baleen:local:lo}"),
        "{out} {err}"
    );
    let nobody = "0123456789abcdef0123456789abcdef";
    let file = place.path().join("followed.pcapng").display().to_string();
    let (_, _, err) = of_folder(&["capture", "--follow", nobody, &file]);
    assert!(err.contains("the capture API answered 404"), "{err}");
    if is_root() {
        let words = [
            "capture",
            "-i",
            "lo",
            "-t",
            "100ms",
            "--make-bucket",
            "s3://evidence/x/",
        ];
        let (output, out, err) = of_folder(&words);
        assert!(
            output.status.success() && out.contains("s3://evidence/x/capture_"),
            "{out} {err}"
        );
        assert!(!err.contains("X-Amz-Signature"), "a link that nobody asked for: {err}");
    }

    // By another name it is anybody's.
    let url = |door: &str| {
        server.endpoints[door]
            .as_str()
            .expect("a text")
            .replace("127.0.0.1", "localhost")
    };
    let (s3, api) = (url("s3"), url("api"));
    let mut admin = baleen();
    admin.args(["admin", "whoami", "--endpoint-url", &s3]);
    let mut capture = baleen();
    capture.args(["capture", "-i", "lo", "--endpoint-url", &s3, "s3://evidence/x/"]);
    let mut follow = baleen();
    follow.args(["capture", "--follow", nobody, "--api", &api, &file]);
    for command in [&mut admin, &mut capture, &mut follow] {
        command
            .env("AWS_ACCESS_KEY_ID", "AKIA0123456789ABCDEF")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("BALEEN_API_TOKEN", nobody)
            .env("BALEEN_PROJECT", nobody);
        let (output, _, err) = run(command);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("SSL_CERT_FILE=") && !err.contains("running?"), "{err}");
    }
    let (_, _, err) = run(follow.env("SSL_CERT_FILE", &pair.certificate));
    assert!(err.contains("the capture API answered 401"), "{err}");
}

#[test]
fn what_would_keep_a_server_from_being_trusted_is_told_before() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (good, over) = (
        Pair::new(place.path(), "good", 2040),
        Pair::new(place.path(), "over", 2021),
    );
    let mismatched = Pair {
        certificate: good.certificate.clone(),
        key: over.key.clone(),
    };
    let mut taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    for (pair, verdict, word, checked) in [
        (&good, "ok", "good until 2040-01-01", Some(0)),
        (&over, "warning", "it ended at 2021-01-01", Some(0)),
        (&mismatched, "missing", "cannot be used together", Some(2)),
    ] {
        let address = taken.local_addr().expect("an address").to_string();
        let mut doctor = baleen();
        doctor.args(["doctor", "--json"]).env("BALEEN_LISTEN_AGENTS", &address);
        let (_, out, err) = run(pair.set(&mut doctor));
        let told: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {err}"));
        let found = |name: &str| {
            let mut checks = told["checks"].as_array().expect("a list").iter();
            checks
                .find(|check| check["check"] == name)
                .expect("it is looked at")
                .clone()
        };
        let certificate = found("certificate");
        assert_eq!(certificate["verdict"], verdict, "{certificate}");
        assert!(
            certificate["found"].as_str().is_some_and(|found| found.contains(word)),
            "{certificate}"
        );
        let agents = found("port agents");
        assert_eq!(agents["verdict"], "missing", "{agents}");
        assert!(
            agents["advice"]
                .as_str()
                .is_some_and(|advice| advice.contains("listen.agents")),
            "{agents}"
        );
        taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");

        let (output, out, err) = run(pair.set(baleen().args(["config", "check"])));
        assert_eq!(output.status.code(), checked, "{out} {err}");
        assert!(
            checked == Some(0) || err.contains("tls.certificate (BALEEN_TLS_CERTIFICATE)"),
            "{err}"
        );
    }
    // It is served all the same, since some clients do not look.
    let server = Server::start(&place.path().join("data"), |command| _ = over.set(command));
    server.signal("TERM");
    let (status, _, log) = server.wait();
    assert!(status.success() && log.contains("it ended at 2021-01-01"), "{log}");
}

#[test]
fn a_folder_that_may_not_be_read_is_not_one_without_a_server() {
    if !is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().expect("a temporary folder");
    let data = place.path().join("data");
    fs::create_dir(&data).expect("it can be made");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o000)).expect("it is ours");
    let nobody = "0123456789abcdef0123456789abcdef";
    for words in [
        &["admin", "whoami"][..],
        &["capture", "--follow", nobody],
        &["capture", "-i", "lo", "s3://evidence/x/"],
    ] {
        let mut command = Command::new("setpriv");
        // Root without what lets root in everywhere.
        let without = "-dac_override,-dac_read_search";
        command.args([
            "--bounding-set",
            without,
            "--inh-caps",
            without,
            env!("CARGO_BIN_EXE_baleen"),
        ]);
        command.args(words).arg("--data").arg(&data);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BALEEN_") || name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        let (output, _, err) = run(&mut command);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {err}");
        assert!(err.contains("may not be read by this user"), "{words:?}: {err}");
    }
}
