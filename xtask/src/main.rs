//! Project chores: `cargo xtask tidy` holds the tree against its own rules, `cargo xtask ci` runs every check there is.

mod ci;
mod step;
mod tidy;

use anyhow::{Context as _, Result, bail};
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Option<&str>) -> Result<()> {
    let root = &root()?;
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

/// The root of the workspace that asked. It is not compiled in: clones that share a target folder share this program.
fn root() -> Result<PathBuf> {
    let mut folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?);
    folder.pop();
    Ok(folder)
}
