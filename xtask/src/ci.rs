//! `cargo xtask ci`: everything that must hold before a change lands, step by step, with the seconds of each.
//!
//! A broken step does not stop those after it, so that one run shows all that is wrong; only what cannot work without an
//! earlier step is left out.

use crate::step::Runner;
use anyhow::{Result, bail};
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Random cases per property under `torture`; the default of 256 is meant for every day.
/// With 8,192 the two models that wait for the disk in each case did not end within the hour.
const TORTURE_CASES: &str = "2048";

/// One command to run.
struct Step {
    name: &'static str,
    program: &'static str,
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, &'static str)>,
    /// A step that must have passed for this one to mean anything.
    after: Option<&'static str>,
}

enum Outcome {
    Passed,
    Failed,
    LeftOut,
}

/// Runs the checks of every day.
pub(crate) fn check(root: &Path) -> Result<()> {
    run(root, &everyday())
}

/// Runs the tests with many more random cases, and with many more kills.
pub(crate) fn torture(root: &Path) -> Result<()> {
    let mut steps = tests("torture");
    steps.push(binary());
    steps.push(Step {
        arguments: vec!["-s", "-k", "kills"],
        ..clients("kills")
    });
    for step in &mut steps {
        step.environment.push(("PROPTEST_CASES", TORTURE_CASES));
        step.environment.push(("BALEEN_TORTURE", "1"));
    }
    run(root, &steps)
}

fn documentation() -> Step {
    // With private items: those who read it are those who work on it.
    let mut step = cargo(
        "documentation",
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--locked",
            "--keep-going",
            "--document-private-items",
        ],
    );
    step.environment
        .push(("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"));
    step
}

fn everyday() -> Vec<Step> {
    let mut steps = vec![
        cargo("format", &["fmt", "--all", "--check"]),
        cargo("tidy", &["xtask", "tidy"]),
        cargo(
            "clippy",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
        ),
        documentation(),
    ];
    steps.extend(tests("default"));
    steps.push(binary());
    steps.push(clients("real clients"));
    steps
}

/// Built with the same features as the tests, so that nothing is compiled twice.
fn binary() -> Step {
    cargo("binary", &["build", "--workspace", "--bins", "--examples", "--locked"])
}

/// The tests that talk to the binary.
fn clients(name: &'static str) -> Step {
    Step {
        name,
        program: "tests/clients/run.sh",
        arguments: vec![],
        environment: vec![],
        after: Some("binary"),
    }
}

/// The Rust tests: by nextest where it is installed, which then needs a second run for the examples in the documentation.
/// `profile` is one of `.config/nextest.toml`, which says how long a test may take.
fn tests(profile: &'static str) -> Vec<Step> {
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output();
    if nextest.is_ok_and(|output| output.status.success()) {
        vec![
            cargo(
                "tests",
                &["nextest", "run", "--profile", profile, "--workspace", "--locked"],
            ),
            cargo("examples", &["test", "--workspace", "--doc", "--quiet", "--locked"]),
        ]
    } else {
        vec![cargo(
            "tests",
            &["test", "--workspace", "--no-fail-fast", "--quiet", "--locked"],
        )]
    }
}

fn cargo(name: &'static str, arguments: &[&'static str]) -> Step {
    Step {
        name,
        program: "cargo",
        arguments: arguments.to_vec(),
        environment: vec![],
        after: None,
    }
}

fn run(root: &Path, steps: &[Step]) -> Result<()> {
    let mut runner = Runner::new()?;
    let start = Instant::now();
    let mut results: Vec<(&str, Outcome, f64)> = Vec::new();
    for step in steps {
        let begun = Instant::now();
        let blocked = step.after.is_some_and(|name| {
            let earlier = results.iter().find(|(done, ..)| *done == name);
            !matches!(earlier, Some((_, Outcome::Passed, _)))
        });
        let outcome = if blocked {
            Outcome::LeftOut
        } else {
            eprintln!("\n=== {}: {} {}", step.name, step.program, step.arguments.join(" "));
            execute(root, step, &mut runner)?
        };
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("=== {}: {} in {seconds:.1} s", step.name, word(&outcome));
        results.push((step.name, outcome, seconds));
    }
    eprintln!("\n=== summary");
    for (name, outcome, seconds) in &results {
        eprintln!("{:>9}  {name:<14} {seconds:>7.1} s", word(outcome));
    }
    let broken = results
        .iter()
        .filter(|(_, outcome, _)| !matches!(outcome, Outcome::Passed))
        .count();
    let total = start.elapsed().as_secs_f64();
    if broken > 0 {
        bail!("{broken} of {} steps did not pass ({total:.0} s)", results.len());
    }
    eprintln!("all {} steps passed in {total:.0} s", results.len());
    Ok(())
}

fn execute(root: &Path, step: &Step, runner: &mut Runner) -> Result<Outcome> {
    // A relative program name would be looked up from wherever cargo was called.
    let program = if step.program.contains('/') {
        root.join(step.program).into_os_string()
    } else {
        step.program.into()
    };
    let mut command = Command::new(program);
    command
        .current_dir(root)
        .args(&step.arguments)
        .envs(step.environment.iter().copied());
    // `cargo run` tells its child which package it runs; a cargo below it must find that out for itself.
    for (name, _) in env::vars_os() {
        let ours = name
            .to_str()
            .is_some_and(|n| n.starts_with("CARGO_PKG_") || n == "CARGO_MANIFEST_DIR");
        if ours {
            command.env_remove(name);
        }
    }
    let status = runner.run(command)?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::LeftOut => "left out",
    }
}
