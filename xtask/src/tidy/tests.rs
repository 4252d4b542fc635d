use super::*;

#[test]
fn arrows_point_down() {
    let uses = |name: &str, used: &str| arrows(name, &[used]);
    for (name, used) in [
        ("policy", "types"),
        ("objects", "meta"),
        ("capture", "objects"),
        ("api-s3", "objects"),
    ] {
        assert_eq!(uses(name, used), Vec::<String>::new(), "{name} -> {used}");
    }
    for (name, used) in [
        ("types", "policy"),
        ("objects", "capture"),
        ("api-s3", "api-capture"),
        ("api-s3", "meta"),
        ("http", "iam"),
    ] {
        assert!(!uses(name, used).is_empty(), "{name} -> {used}");
    }
    assert!(
        !uses("newcomer", "types").is_empty(),
        "a crate without a layer is refused"
    );
}

#[test]
fn each_crate_is_described() {
    let page = "# A\n\n### `meta`\nKeeps. *Never* knows HTTP.\n\n### `blob`\nBytes.\n";
    assert_eq!(paragraph(page, "meta"), None);
    assert!(paragraph(page, "blob").is_some(), "no Never");
    assert!(paragraph(page, "ring").is_some(), "no section");
}

#[test]
fn words_that_must_not_stand() {
    assert!(!words("crates/meta/src/lib.rs", concat!("#![allow(unsafe", "_code)]")).is_empty());
    assert!(words("crates/ring/src/mmap.rs", concat!("#![allow(unsafe", "_code)]")).is_empty());
    assert!(!words("README.md", concat!("cd /ro", "ot/x")).is_empty());
}

#[test]
fn dependencies_stand_in_the_workspace_table() {
    let table: toml::Table = "fjall.workspace = true\nbytes = \"1\"\nlibc = { version = \"1\" }"
        .parse()
        .unwrap();
    assert_eq!(outside_the_table("meta", &table).len(), 2);
}
