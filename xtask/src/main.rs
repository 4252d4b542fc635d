//! Project chores: `cargo xtask tidy` holds the tree against its own rules, `cargo xtask ci` runs every check there is.

mod ci;
mod tidy;

use anyhow::{Result, bail};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Option<&str>) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    match chore {
        Some("tidy") => {
            let broken = tidy::check(root)?;
            for rule in &broken {
                eprintln!("tidy: {rule}");
            }
            if !broken.is_empty() {
                bail!("{} broken rules", broken.len());
            }
            eprintln!("tidy: all rules hold");
            Ok(())
        }
        Some("ci") => ci::check(root),
        Some("torture") => ci::torture(root),
        _ => bail!("usage: cargo xtask ci|tidy|torture"),
    }
}
