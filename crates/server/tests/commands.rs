//! Commands that end by themselves: configuration, doctor, capture.

mod common;

use common::{Server, baleen, is_root, run, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn config_check_lists_every_mistake_and_show_hides_secrets() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("baleen.toml");
    fs::write(&file, "sight = \"x\"\n[listen]\ns3 = \"nowhere\"\n").expect("it can be written");
    let (output, out, err) = run(baleen().args(["config", "check"]).arg(&file));
    assert_eq!((output.status.code(), out.as_str()), (Some(2), ""));
    assert!(
        err.contains("2 mistakes") && err.contains(":3): an IP address") && err.contains(":1): there is no"),
        "{err}"
    );
    let (output, out, _) = run(baleen().args(["config", "check", "--json"]).arg(&file));
    assert_eq!(output.status.code(), Some(2));
    let told: serde_json::Value = serde_json::from_str(&out).expect("the result is JSON");
    assert_eq!(told["mistakes"].as_array().map(Vec::len), Some(2));
    let first = &told["mistakes"][0];
    assert_eq!(first["key"], "listen.s3");
    assert_eq!(first["place"], format!("{}:3", file.display()));
    assert!(
        first["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("an IP address"))
    );

    fs::write(&file, "site = \"ord02\"\n").expect("it can be written");
    let (output, out, _) = run(baleen().args(["config", "check"]).arg(&file));
    assert!(
        output.status.success() && out.contains("the configuration is right"),
        "{out}"
    );
    let token = "c0ffeec0ffeec0ffeec0ffeec0ffeec0";
    let mut show = baleen();
    show.args(["config", "show", "--site", "ams01", "--json"])
        .env("BALEEN_ROOT_API_TOKEN", token);
    let (_, out, _) = run(show.env("BALEEN_CONFIG", &file));
    let shown: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(
        (&shown["site"]["value"], &shown["site"]["origin"]),
        (&"ams01".into(), &"command line".into())
    );
    assert!(!out.contains(token), "{out}");
}

#[test]
fn limits_of_nothing_are_refused_by_flag() {
    for (flag, value) in [("-t", "0s"), ("-c", "0"), ("-C", "0")] {
        let (output, _, err) = run(baleen().args(["capture", "-i", "lo", flag, value, "-"]));
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains(&format!("{flag} must be")), "{err}");
    }
}

#[test]
fn a_filter_without_a_meaning_on_the_interface_is_told_before_anything_is_touched() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("caught.pcap");
    let mut capture = baleen();
    capture.args(["capture", "-i", "any", "-f", "ether host 02:00:00:00:00:01"]);
    let (output, _, err) = run(capture.arg(&file));
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        err.contains("not possible on any") && err.contains("LINUX_SLL2"),
        "{err}"
    );
    assert!(!file.exists());
}

#[test]
fn doctor_says_what_to_do_and_whether_it_will_work() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut doctor = baleen();
    doctor.args([
        "doctor",
        "--json",
        "--listen-s3",
        &address,
        "--listen-api",
        "127.0.0.1:0",
        "--listen-ops",
        "127.0.0.1:0",
    ]);
    doctor
        .args(["--capture-interface", "no-such-if", "--data"])
        .arg(place.path().join("data"));
    let (output, out, err) = run(&mut doctor);
    assert_eq!(output.status.code(), Some(1), "{err}");
    let found: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    let check = |name: &str| {
        let checks = found["checks"].as_array().expect("a list");
        checks
            .iter()
            .find(|check| check["check"] == name)
            .unwrap_or_else(|| panic!("no {name} in {out}"))
            .clone()
    };
    assert_eq!(check("port s3")["verdict"], "missing");
    assert!(
        check("port s3")["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("--listen-s3"))
    );
    assert_eq!(check("interfaces")["verdict"], "missing");
    for fine in ["libpcap", "disk flush", "port api"] {
        assert_eq!(check(fine)["verdict"], "ok", "{out}");
    }
    assert!(
        fs::read_dir(place.path()).expect("it is there").next().is_none(),
        "the doctor left something behind"
    );
}

#[test]
fn help_man_completions_and_version() {
    for arguments in [
        &["--help"][..],
        &["man"],
        &["completions", "zsh"],
        &["version", "--json"],
        &["capture", "--help"],
    ] {
        let (output, out, err) = run(baleen().args(arguments));
        assert!(output.status.success() && !out.is_empty(), "{arguments:?}: {err}");
    }
}

#[test]
fn capture_refuses_before_it_begins() {
    for (arguments, code, word) in [
        (&["capture", "-f", "tcp prt 5", "x"][..], 2, "at character 5"),
        (&["capture", "gs://bucket/x"], 2, "s3://bucket/prefix/"),
        (&["capture", "s3://UPPER/x"], 2, "bucket name"),
        (&["capture", "-i", "lo", "s3://bucket/x"], 2, "--endpoint-url"),
        (&["capture", "-i", "lo", "-t", "soon", "x"], 2, "length of time"),
        (&["capture", "-i", "lo", "-c", "1", "icmp"], 2, "-f 'icmp'"),
        (
            &["capture", "-i", "lo", "-w", "x", "tcp", "port", "80"],
            2,
            "-f 'tcp port 80' x",
        ),
        (&["capture", "-i", "lo,no-such-if", "x"], 2, "-i lo -i no-such-if"),
        (
            &["capture", "-i", "lo", "--rotate", "1s", "--rotate", "3s", "x"],
            2,
            "given twice",
        ),
        (&["capture", "-i", "lo", "x.pcap.gz"], 2, "gzip"),
        (&["capture", "-i", "lo", "--anonymise", "/etc", "x"], 2, "is no file"),
    ] {
        let (output, _, err) = run(baleen().args(arguments));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(word) && !err.contains("panicked"), "{arguments:?}: {err}");
    }
}

#[test]
fn what_a_server_would_not_do_to_its_capture_is_refused_with_follow() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("followed.pcapng");
    let follow = |id: &str, words: &[&str]| {
        let mut command = baleen();
        command.args(["capture", "--follow", id, "--api", "http://127.0.0.1:1/client/v4"]);
        command.env("BALEEN_API_TOKEN", id).env("BALEEN_PROJECT", id);
        let (output, _, err) = run(command.args(words).arg(&file));
        assert!(!file.exists(), "{words:?}: an empty file is left behind");
        (output.status.code(), err)
    };
    let id = "0123456789ABCDEF0123456789abcdef";
    for words in [
        &["--headers-only"][..],
        &["--zero-payload"],
        &["--anonymise", "no-such-key"],
        &["-s", "64"],
        &["-p"],
        &["--rings", "2"],
        &["--endpoint-url", "http://127.0.0.1:1"],
        &["--region", "us-east-1"],
        &["--credentials", "none.json"],
        &["-f", "udp"],
        &["-i", "lo"],
        &["--rotate", "60s"],
        &["--make-bucket"],
    ] {
        let (code, err) = follow(id, words);
        assert_eq!(code, Some(2), "{words:?}: {err}");
        assert!(err.contains("cannot be used with"), "{words:?}: {err}");
    }
    // Nobody listens there.
    let (code, err) = follow(id, &["--quiet"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("the capture API does not answer"), "{err}");
    assert_eq!(follow("0123", &[]).0, Some(2));
}

#[test]
fn extcap_is_installed_where_tshark_looks_or_where_it_is_said() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (tools, own, other) = (
        place.path().join("tools"),
        place.path().join("own"),
        place.path().join("other"),
    );
    fs::create_dir(&tools).expect("it can be made");
    let tshark = tools.join("tshark");
    let answer = format!("Personal Extcap path:\t{}", own.display());
    let script = format!("#!/bin/sh\n[ \"$*\" = '-G folders' ] && printf '%s\\n' '{answer}'\n");
    fs::write(&tshark, script).expect("it can be written");
    fs::set_permissions(&tshark, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let install =
        |path: &Path, words: &[&str]| run(baleen().args(["extcap", "--install"]).args(words).env("PATH", path));
    let named = other.display().to_string();
    for (words, folder) in [(&[][..], &own), (&[named.as_str()], &other), (&[], &own)] {
        let (output, out, err) = install(&tools, words);
        assert!(output.status.success(), "{words:?}: {err}");
        let link = folder.join("baleen-extcap");
        assert_eq!(out.trim_end(), link.display().to_string());
        assert_eq!(
            fs::read_link(&link).expect("it is a link"),
            Path::new(env!("CARGO_BIN_EXE_baleen"))
        );
    }
    let (output, _, err) = install(place.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("baleen extcap --install ~/"), "{err}");
}

#[test]
fn a_write_that_fails_leaves_a_file_that_ends_behind_a_packet() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("full.pcapng");
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let target = receiver.local_addr().expect("an address");
    // A file may have 64 KiB and no more, as if the disk were full.
    let line = format!(
        "trap '' XFSZ; ulimit -f 64; exec {} capture -q -i lo -f 'udp port {}' -c 2000 {}",
        env!("CARGO_BIN_EXE_baleen"),
        target.port(),
        file.display()
    );
    let mut capture = Command::new("bash");
    capture.args(["-c", &line]).stderr(Stdio::piped());
    let mut child = capture.spawn().expect("it starts");
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    while child.try_wait().expect("it is our child").is_none() {
        sender.send_to(&[7; 33], target).expect("it is sent");
    }
    let output = child.wait_with_output().expect("it ended");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    let packets = tshark(&file).len();
    assert!(
        packets > 100 && fs::metadata(&file).expect("it is there").len() < 64 << 10,
        "{packets}"
    );
    assert!(
        err.contains(&format!("the {packets} packets written until then are kept")),
        "{err}"
    );

    // What is no file is not said to be one, and what has nothing to flush is no failure.
    for (device, code) in [("/dev/full", 1), ("/dev/null", 0)] {
        let (output, _, err) = run(baleen().args(["capture", "-i", "lo", "-t", "100ms", device]));
        assert_eq!(output.status.code(), Some(code), "{device}: {err}");
        assert!(!err.contains("valid capture file"), "{device}: {err}");
    }
}

#[test]
fn secrets_that_others_may_read_are_warned_of() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("baleen/profiles.toml");
    fs::create_dir(place.path().join("baleen")).expect("it can be made");
    fs::write(
        &file,
        "[extcap]\napi = \"http://127.0.0.1:1\"\napi_token = \"t\"\nproject = \"p\"\n",
    )
    .expect("it can be written");
    for (mode, is_told) in [(0o644, true), (0o640, true), (0o600, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        for words in [
            &["extcap", "--extcap-interfaces"][..],
            &["extcap", "--extcap-interfaces", "--profile", "extcap"],
        ] {
            let (_, _, err) = run(baleen().args(words).env("XDG_CONFIG_HOME", place.path()));
            assert!(err.contains("does not answer"), "{err}");
            assert_eq!(
                err.contains(&format!("chmod 600 {}", file.display())),
                is_told,
                "{mode:o}: {err}"
            );
        }
    }
}

#[test]
fn files_of_an_earlier_capture_are_told_of() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let capture = || {
        let mut command = baleen();
        command.args(["capture", "-q", "-i", "lo", "-t", "100ms", "--rotate", "60s"]);
        let (output, _, err) = run(command.arg(place.path().join("trace.pcapng")));
        assert!(output.status.success(), "{err}");
        err
    };
    assert_eq!(capture(), "");
    // What is written over is what was asked for.
    assert_eq!(capture(), "");
    fs::write(place.path().join("trace_0001.pcapng"), "older").expect("it can be written");
    let told = capture();
    assert!(
        told.contains("trace_0001.pcapng") && told.contains("of an earlier capture"),
        "{told}"
    );
}

#[test]
fn without_the_right_to_capture_one_line_says_what_to_grant() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("x.pcapng");
    let mut command = Command::new("setpriv");
    command.args([
        "--bounding-set",
        "-net_raw",
        "--inh-caps",
        "-net_raw",
        env!("CARGO_BIN_EXE_baleen"),
    ]);
    let (output, _, err) = run(command.args(["capture", "-i", "lo", "-t", "1s"]).arg(&file));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err.contains("sudo setcap cap_net_raw+ep /") && err.lines().count() == 1,
        "{err}"
    );
    assert!(!file.exists(), "an empty file was left behind");
}

/// A network namespace with one end of a veth pair on which frames of the other arrive; gone when dropped.
struct Namespace(String);

impl Namespace {
    fn new() -> Self {
        let name = format!("baleen-server-{}", std::process::id());
        let made = Self(name.clone());
        sh(&format!("ip netns add {name}"));
        made.exec(
            "ip link add va type veth peer name vb address 02:00:00:00:00:02 && ip link set lo up && ip link set va up \
             && ip link set vb up && ip addr add 10.9.0.1/24 dev va \
             && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va",
        );
        made
    }

    fn exec(&self, script: &str) {
        sh(&format!("ip netns exec {} bash -c '{script}'", self.0));
    }

    fn baleen(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.0, env!("CARGO_BIN_EXE_baleen")])
            .args(arguments);
        command
    }

    /// Sends datagrams until `child` has ended.
    fn send_until_end(&self, child: &mut std::process::Child) {
        while child.try_wait().expect("it is our child").is_none() {
            self.exec("for i in 1 2 3 4 5 6 7 8 9 10; do echo -n catch-me > /dev/udp/10.9.0.2/4242; done");
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        sh(&format!("ip netns del {}", self.0));
    }
}

fn sh(script: &str) {
    let done = Command::new("bash").args(["-c", script]).output().expect("bash runs");
    assert!(done.status.success(), "{script}: {}", text(&done.stderr));
}

/// What tshark reads out of a file: one line a packet.
fn tshark(file: &Path) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.args(["-r"]).arg(file).args([
        "-T",
        "fields",
        "-e",
        "udp.dstport",
        "-e",
        "data.text",
        "-e",
        "data.data",
    ]);
    let (output, out, err) = run(&mut command);
    assert!(output.status.success(), "{err}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn captures_go_to_a_file_a_pipe_and_a_bucket() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let net = Namespace::new();

    // A file, with an exact packet limit, in both forms.
    for (name, form) in [("a.pcap", "pcap"), ("b.pcapng", "pcapng")] {
        let file = place.path().join(name);
        let mut capture = net.baleen(&["capture", "--json", "-i", "vb", "-f", "udp port 4242", "-c", "25"]);
        let mut child = capture.arg(&file).stdout(Stdio::piped()).spawn().expect("it starts");
        net.send_until_end(&mut child);
        let output = child.wait_with_output().expect("it ended");
        assert!(output.status.success());
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
        assert_eq!(
            (&report["packets"], &report["ended"]),
            (&25.into(), &"the packet limit was reached".into())
        );
        let packets = tshark(&file);
        assert_eq!(packets.len(), 25);
        assert!(packets.iter().all(|line| line.starts_with("4242")), "{packets:?}");
        let (_, kind, _) = run(Command::new("capinfos").arg("-t").arg(&file));
        assert!(kind.trim_end().ends_with(form), "{kind}");
    }

    // A pipe into tshark, which ends the capture by having seen enough.
    let mut capture = net.baleen(&["capture", "-q", "-i", "vb", "-"]);
    let mut child = capture.stdout(Stdio::piped()).spawn().expect("it starts");
    let pipe = child.stdout.take().expect("it is a pipe");
    let reader = {
        // The command goes at the end of this block, and with it our own end of the pipe.
        let mut tshark = Command::new("tshark");
        tshark.args(["-r", "-", "-c", "5", "-T", "fields", "-e", "udp.dstport"]);
        tshark.stdin(pipe).stdout(Stdio::piped()).stderr(Stdio::null());
        tshark.spawn().expect("tshark starts")
    };
    net.send_until_end(&mut child);
    assert!(child.wait().expect("it ended").success());
    let seen = reader.wait_with_output().expect("tshark ended");
    assert!(text(&seen.stdout).lines().count() >= 5, "{}", text(&seen.stdout));
}

#[test]
fn a_capture_goes_to_a_bucket_of_the_server_in_the_data_folder() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    let capture = |more: &[&str]| {
        let mut command = baleen();
        command
            .args(["capture", "--json", "-i", "lo", "-t", "300ms", "--data"])
            .arg(&data)
            .args(more);
        run(&mut command)
    };
    let (output, _, err) = capture(&["s3://evidence/case-17/"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("--make-bucket") && err.contains("NoSuchBucket"), "{err}");
    let (output, out, err) = capture(&["s3://evidence/case-17/", "--make-bucket"]);
    assert!(output.status.success(), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).expect("the report is JSON");
    let address = report["destination"].as_str().expect("a text");
    assert!(
        address.starts_with("s3://evidence/case-17/capture_") && address.ends_with("_lo.pcapng"),
        "{address}"
    );
    let link = report["link"].as_str().expect("a text");
    let path = link.trim_start_matches(server.endpoints["s3"].as_str().expect("a text"));
    let (status, _) = server.get("s3", path, "");
    assert_eq!(status, 200);
}
