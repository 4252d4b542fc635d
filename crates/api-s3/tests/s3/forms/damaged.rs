//! F33: forms that are cut, or changed anywhere.

use proptest::prelude::*;

use crate::harness::{Ask, Server, delete, get, key, put};
use crate::noise::{runner, runtime};

use super::{code, form};

/// F33: of a form that is cut anywhere, or has something wrong anywhere, nothing is stored over what was there.
#[tokio::test]
async fn a_cut_form_changes_nothing() {
    let server = Server::with_bucket().await;
    server.ok(put(&key("k")).body("before")).await;
    let whole = form().signed(&server).ask();
    let end = whole.body.len() - 4;
    for cut in (0..end).step_by(13).chain(end - 40..end) {
        let mut ask = whole.clone();
        ask.body.truncate(cut);
        let answer = server.raw(ask).await;
        assert!(answer.status.is_client_error(), "{cut}: {answer:?}");
    }
    assert_eq!(server.stored("k").await.unwrap(), b"before");
    let answer = server.raw(whole).await;
    assert_eq!(code(&answer), "", "{answer:?}");
}

/// Whatever is done to the bytes of a form, what is stored is what the policy says, but for the bytes of the file, which no
/// signature covers; or nothing is. And it is never an error of the server.
#[test]
fn any_form_is_judged() {
    let runtime = runtime();
    let server = runtime.block_on(Server::with_bucket());
    let whole = form()
        .field("Content-Type", "text/plain")
        .field("x-amz-meta-a", "1")
        .field(
            "tagging",
            "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
        )
        .signed(&server)
        .ask();
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4);
    let outcome = runner(256).run(&changes, |changes| {
        let mut ask = whole.clone();
        for (at, byte, kind) in changes {
            let at = at.index(ask.body.len());
            match kind {
                0 => ask.body[at] = byte,
                1 => ask.body.insert(at, byte),
                _ => {
                    ask.body.remove(at);
                }
            }
        }
        runtime.block_on(check(&server, ask));
        Ok(())
    });
    outcome.unwrap();
}

async fn check(server: &Server, ask: Ask) {
    let answer = server.raw(ask).await;
    assert!(
        !answer.status.is_server_error() || code(&answer) == "NotImplemented",
        "{answer:?}"
    );
    let wanted: &[&str] = if code(&answer).is_empty() { &["k"] } else { &[] };
    assert_eq!(server.stored_keys().await, wanted, "{answer:?}");
    if wanted.is_empty() {
        return;
    }
    let seen = server.ok(get(&key("k"))).await;
    let names = seen.headers.keys().map(http::HeaderName::as_str);
    let user: Vec<_> = names.filter(|name| name.starts_with("x-amz-meta-")).collect();
    assert_eq!(user, ["x-amz-meta-a"], "{seen:?}");
    for (name, value) in [
        ("content-type", "text/plain"),
        ("x-amz-meta-a", "1"),
        ("x-amz-tagging-count", "1"),
        ("cache-control", ""),
        ("content-disposition", ""),
        ("content-encoding", ""),
        ("content-language", ""),
        ("expires", ""),
        ("x-amz-server-side-encryption", ""),
    ] {
        assert_eq!(seen.header(name), value, "{name}: {seen:?}");
    }
    let tags = server.ok(get(&format!("{}?tagging", key("k")))).await;
    assert_eq!((tags.element("Key"), tags.element("Value")), ("a".into(), "b".into()));
    server.ok(delete(&key("k"))).await;
}
