//! The rules of the tree that no compiler checks.
//!
//! * Arrows between crates point down, as in the layer table below, which `ARCHITECTURE.md` explains.
//! * Every crate has its paragraph and its "Never" in `ARCHITECTURE.md`.
//! * Dependencies are named once, in the workspace table.
//! * `unsafe` code is allowed in `ring` alone.
//! * No file carries the path of somebody's machine.
//! * The tests that the page of proofs names are there.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

mod proofs;

/// Layers from the ground up. A crate may use crates of lower layers, and what [`SIDEWAYS`] lists.
const LAYERS: &[(&str, &[&str])] = &[
    ("vocabulary", &["types"]),
    (
        "pure",
        &[
            "policy",
            "saml",
            "sealing",
            "signing",
            "filter",
            "packet",
            "pcapfile",
            "agentwire",
        ],
    ),
    ("effects", &["runtime"]),
    (
        "effects over runtime",
        &["meta", "blob", "ring", "remote", "lookback", "confine"],
    ),
    (
        "services that others count on",
        &["audit", "keyring", "tenancy", "usage"],
    ),
    ("services over the master keys", &["kms", "fleet"]),
    ("services", &["objects", "iam"]),
    ("services over objects", &["capture", "backup"]),
    ("the program on other hosts", &["agent"]),
    ("edge plumbing", &["http"]),
    ("doors", &["api-s3", "api-iam", "api-capture", "api-agent"]),
    ("root", &["server"]),
];

/// What doors and edge plumbing must not see, however low it lies: they talk to services.
const HIDDEN_FROM_THE_EDGE: &[&str] = &["meta", "blob", "ring", "remote", "lookback", "confine", "iam", "fleet"];
const EDGE: &[&str] = &["http", "api-s3", "api-iam", "api-capture", "api-agent"];
/// What one door alone may see: the identity door is made for the identity service, and that of agents for the fleet.
const SHOWN_TO: &[(&str, &str)] = &[("api-iam", "iam"), ("api-agent", "fleet")];

/// Arrows within one layer, each with its reason.
const SIDEWAYS: &[(&str, &str)] = &[];

/// Checks the tree under `root`; one line for each broken rule.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    for (name, dependencies) in manifests(root)? {
        broken.extend(outside_the_table(&name, &dependencies));
        let ours: Vec<_> = dependencies.keys().filter_map(|k| k.strip_prefix("baleen-")).collect();
        broken.extend(arrows(&name, &ours));
        broken.extend(paragraph(&architecture, &name));
    }
    for path in sources(root)? {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        broken.extend(words(&shown, &text));
    }
    broken.extend(proofs::check(root));
    Ok(broken)
}

/// The crates with what each depends on, tests left out: a test may look wherever it must.
fn manifests(root: &Path) -> Result<BTreeMap<String, toml::Table>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root.join("crates")).context("read crates/")? {
        let folder = entry?.path();
        let name = folder
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_owned();
        let path = folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let manifest: toml::Table = text.parse().with_context(|| format!("parse {}", path.display()))?;
        let table = manifest
            .get("dependencies")
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default();
        found.insert(name, table);
    }
    Ok(found)
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, members)| members.contains(&name))
}

/// Dependencies which a crate names by a version of its own.
fn outside_the_table(name: &str, dependencies: &toml::Table) -> Vec<String> {
    let inherits = |value: &toml::Value| value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    let own = dependencies.iter().filter(|(_, value)| !inherits(value));
    own.map(|(used, _)| format!("crate {name} names {used} itself; it belongs into the workspace table"))
        .collect()
}

fn arrows(name: &str, dependencies: &[&str]) -> Vec<String> {
    let Some(own) = layer(name) else {
        return vec![format!(
            "crate {name} has no layer; give it one in xtask/src/tidy.rs and in ARCHITECTURE.md"
        )];
    };
    let mut broken = Vec::new();
    for used in dependencies {
        let down = layer(used).is_some_and(|l| l < own) || SIDEWAYS.contains(&(name, used));
        if !down {
            broken.push(format!("crate {name} uses {used}, which does not lie below it"));
        }
        let hidden = HIDDEN_FROM_THE_EDGE.contains(used) && !SHOWN_TO.contains(&(name, used));
        if EDGE.contains(&name) && hidden {
            broken.push(format!("crate {name} uses {used}; the edge talks to services only"));
        }
    }
    broken
}

fn paragraph(architecture: &str, name: &str) -> Option<String> {
    let heading = format!("### `{name}`");
    let section = architecture
        .split("\n### ")
        .map(|s| format!("### {s}"))
        .find(|s| s.starts_with(&heading));
    match section {
        None => Some(format!("ARCHITECTURE.md has no section \"{heading}\"")),
        Some(text) if !text.contains("Never") => Some(format!("ARCHITECTURE.md does not say what {name} never does")),
        Some(_) => None,
    }
}

/// Every text file of ours: sources, manifests, scripts, pages.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    const KINDS: &[&str] = &["rs", "toml", "md", "sh", "py", "yaml", "yml", "txt"];
    const SKIPPED: &[&str] = &["target", ".git", "node_modules", "__pycache__"];
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() && !SKIPPED.contains(&name) && !name.starts_with(".venv") {
                folders.push(path);
            } else if path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| KINDS.contains(&e))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn words(shown: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let guarded = concat!("allow(unsafe", "_code");
    if text.contains(guarded) && !shown.starts_with("crates/ring/") {
        broken.push(format!("{shown} allows unsafe code; only crates/ring may"));
    }
    for place in [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")] {
        if text.contains(place) {
            broken.push(format!("{shown} carries the path of a machine ({place})"));
        }
    }
    broken
}

#[cfg(test)]
mod tests;
