//! `baleen admin` on the machine itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Entry, FjallSettings, Meta, Scan};
use baleen_types::AccountId;
use common::{Server, baleen, credentials, exchange, presigned, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn reset(data: &Path) -> Command {
    let mut command = baleen();
    command.args(["admin", "reset-root", "--json", "--data"]).arg(data);
    command
}

/// The status of root's look at its buckets.
fn look(server: &Server, credentials: &serde_json::Value) -> u16 {
    let host = server.address("s3");
    let target = presigned(credentials, "GET", "/", host);
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    exchange(host, &request).0
}

/// The operations in the audit log of an account, oldest first.
fn operations(data: &Path, account: &str) -> Vec<String> {
    let meta = Meta::open_fjall(&data.join("meta"), FjallSettings::default()).unwrap();
    let account = AccountId::parse(account).unwrap();
    let prefix = KeyWriter::new(Table::Audit).u64(account.as_u64()).finish();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entries = runtime.block_on(meta.scan(Scan::prefix(&prefix))).unwrap();
    let text = |entry: &Entry| {
        // A record is its line with a mark before it.
        let value = String::from_utf8_lossy(&entry.value).into_owned();
        let line = &value[value.find("{\"sequence\"").unwrap()..];
        let mut lines = serde_json::Deserializer::from_str(line).into_iter::<serde_json::Value>();
        lines.next().unwrap().unwrap()["operation"].as_str().unwrap().to_owned()
    };
    entries.iter().map(text).collect()
}

#[test]
fn root_gets_new_keys_while_no_server_runs() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    let before = credentials(&data);
    assert_eq!(look(&server, &before), 200);

    let (output, out, err) = run(&mut reset(&data));
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    assert!(
        err.contains(&format!("process {}", server.id())) && err.contains("stop it"),
        "{err}"
    );
    assert_eq!(credentials(&data), before);
    server.signal("TERM");
    let (status, _, log) = server.wait();
    assert!(status.success(), "{log}");

    // The mode of the file is set, not inherited.
    let file = data.join("root-credentials.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (output, out, err) = run(&mut reset(&data));
    assert!(output.status.success(), "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let after = credentials(&data);
    assert_eq!(told["accessKeyId"], after["accessKeyId"]);
    assert_eq!(
        (&told["accessKeysDeleted"], &told["apiTokensDeleted"]),
        (&1.into(), &1.into())
    );
    assert!(told["resetToken"].as_str().unwrap().starts_with("pwdreset-"));
    for secret in ["secretAccessKey", "apiToken"] {
        let secret = after[secret].as_str().unwrap();
        assert!(
            !out.contains(secret) && !err.contains(secret),
            "it is in the file alone"
        );
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for same in ["accountId", "projectId", "userName"] {
        assert_eq!(before[same], after[same], "{same}");
    }

    let entries = operations(&data, before["accountId"].as_str().unwrap());
    assert_eq!(entries.last().map(String::as_str), Some("ResetRoot"), "{entries:?}");

    let server = Server::start(&data, |_| {});
    assert_eq!((look(&server, &before), look(&server, &after)), (403, 200));
}

#[test]
fn what_is_no_store_of_ours_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing");
    let (output, _, err) = run(&mut reset(&missing));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("there is no store") && err.contains("--data DIR"), "{err}");
    assert!(!missing.exists());

    // Another master key would be of no use, and must not be made in silence.
    let data = place.path().join("data");
    drop(Server::start(&data, |_| {}));
    fs::remove_file(data.join("master.key")).unwrap();
    let before = credentials(&data);
    let (output, _, err) = run(&mut reset(&data));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("no master key") && err.contains("backup"), "{err}");
    assert!(!data.join("master.key").exists());
    assert_eq!(credentials(&data), before);
}

#[test]
fn who_is_not_there_is_not_shown() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    for (words, code) in [
        (&["user", "show"][..], 0),
        (&["user", "show", "nobody@example.com"], 1),
        (&["user", "show", "nobody@example.com", "--json"], 1),
    ] {
        let (output, out, err) = run(baleen().arg("admin").args(words).arg("--data").arg(&data));
        assert_eq!(output.status.code(), Some(code), "{words:?} {out} {err}");
        assert_eq!(
            (out.is_empty(), err.contains("NoSuchEntity")),
            (code == 1, code == 1),
            "{out} {err}"
        );
    }
    drop(server);
}

#[test]
fn flags_beat_the_environment() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let server = Server::start(&data, |_| {});
    let other = |command: &mut Command, names: &[&str]| {
        for name in names {
            command.env(name, "AKIAOTHEROTHEROTHER0");
        }
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    };
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    for names in [&[id, secret][..], &[id], &[secret]] {
        let mut flagged = baleen();
        flagged.args(["admin", "whoami", "--data"]).arg(&data);
        other(&mut flagged, names);
        let (output, out, err) = run(&mut flagged);
        assert!(output.status.success() && out.contains(":root"), "{out}{err}");
    }
    for name in [id, secret] {
        let mut half = baleen();
        half.args(["admin", "whoami"]).env("BALEEN_DATA", &data);
        half.env(name, "AKIAOTHEROTHEROTHER0");
        let (output, out, err) = run(&mut half);
        assert!(!output.status.success() && out.is_empty(), "{out}");
        assert!(err.contains("one half of an access key"), "{err}");
    }
    drop(server);
}

#[test]
fn a_whitelist_that_locks_everybody_out_has_a_way_out() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let admin = |words: &str| {
        let (output, out, err) = run(baleen()
            .args(["admin", "--json"])
            .args(words.split(' '))
            .arg("--data")
            .arg(&data));
        (output.status.success(), out, err)
    };
    let shut = |subnet: &str| {
        let (_, out, err) = admin(&format!("whitelist add baleen {subnet}"));
        let told: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
        let id = told["ruleId"].as_str().unwrap().to_owned();
        let (is_done, _, err) = admin(&format!("whitelist approve baleen {id} --force"));
        assert!(is_done, "{err}");
    };
    let reset_while_stopped = |server: Server| {
        server.signal("TERM");
        let (status, _, log) = server.wait();
        assert!(status.success(), "{log}");
        let (output, out, err) = run(&mut reset(&data));
        assert!(output.status.success(), "{err}");
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();
        (told["whitelistRulesLifted"].as_u64().unwrap(), err)
    };

    let server = Server::start(&data, |_| {});
    shut("127.0.0.0/8");
    // It lets the machine itself in, so it stays.
    let (lifted, err) = reset_while_stopped(server);
    assert!(lifted == 0 && !err.contains("whitelist"), "{err}");

    let server = Server::start(&data, |_| {});
    let (_, out, _) = admin("whitelist list baleen");
    let rules: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(rules[0]["status"], "Active");
    shut("192.0.2.0/24");
    let delete = format!("whitelist delete baleen {}", rules[0]["ruleId"].as_str().unwrap());
    let (is_done, _, err) = admin(&delete);
    assert!(!is_done && err.contains("--force"), "{err}");
    let (is_done, _, err) = admin(&format!("{delete} --force"));
    assert!(is_done, "{err}");
    let (is_done, _, err) = admin("whoami");
    assert!(
        !is_done && err.contains("AccessDenied") && err.contains("whitelist"),
        "{err}"
    );
    let (lifted, err) = reset_while_stopped(server);
    assert!(lifted == 1 && err.contains("whitelist"), "{err}");

    let server = Server::start(&data, |_| {});
    let (is_done, _, err) = admin("whoami");
    assert!(is_done, "{err}");
    let (_, out, _) = admin("whitelist list baleen");
    let rules: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&rules[0]["subNet"], &rules[0]["status"]),
        (&"192.0.2.0/24".into(), &"Pending".into())
    );
    drop(server);
}

#[test]
fn no_session_is_opened_that_cannot_be_kept() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("baleen")).unwrap();
    let file = place.path().join("baleen/profiles.toml");
    for (text, why) in [
        ("[theirs]\naccess_key_id = \"AKIALASTINGLASTING00\"\n", "does not end"),
        ("[\"theirs\"]\nregion = \"r\"\n", "does not follow"),
        ("[theirs\n", "profiles.toml:1"),
        // The one that gets as far as the door, which is not there.
        (
            "[theirs]\naccess_key_id = \"STX000000000000000000000\"\n",
            "does not answer",
        ),
        ("", "does not answer"),
    ] {
        fs::write(&file, text).unwrap();
        let mut command = baleen();
        command.args(["admin", "customer", "assume", "c", "--save", "theirs"]);
        command.args(["--endpoint-url", "http://127.0.0.1:1"]);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env(name, "AKIAOTHEROTHEROTHER0");
        }
        let (output, _, err) = run(command.env("XDG_CONFIG_HOME", place.path()));
        assert_eq!(output.status.code(), Some(1), "{text}: {err}");
        assert!(err.contains(why), "{text}: {err}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
