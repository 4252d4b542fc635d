//! The command line.

pub(crate) mod config;

use crate::config::{Config, Loaded, Mistake, Sources, gather};
use crate::failure::Failure;
use crate::output;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;
use std::process::ExitCode;

/// A packet-capture cloud in one binary: asks the network for traffic, and keeps it as objects.
#[derive(Debug, Parser)]
#[command(name = "baleen", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Answer in JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the store and the capture API until SIGTERM or Ctrl-C.
    Serve(Box<Settings>),
    /// Capture packets of this machine to a bucket, a file or standard output.
    Capture(Box<crate::capture::Arguments>),
    /// Have a server capture by itself, again and again, within a budget.
    Schedule(Box<crate::schedule::Arguments>),
    /// Show the interfaces of a server in Wireshark, which runs this.
    Extcap(Box<crate::extcap::Arguments>),
    /// Capture on this host what a server elsewhere orders.
    Agent(Box<crate::agent::Arguments>),
    /// Manage people and their keys, from the command line.
    Admin(Box<crate::admin::Arguments>),
    /// Show the main job on live traffic of this machine, then serve on.
    Demo(Box<crate::demo::Arguments>),
    /// Say what is missing on this machine, and how to get it.
    Doctor(Box<Settings>),
    /// Check whether everything in a data folder is whole, while no server runs.
    ///
    /// Compares the records with each other and reads every stored byte; mends nothing, and notes what it found for `/background`.
    /// Ends with 1 if anything is damaged.
    Fsck(crate::fsck::Arguments),
    /// Copy a store into a folder of backups, while no server runs; a running one does so by itself (backup.folder).
    ///
    /// What is there from earlier backups is not copied again. The master keys are not in a backup, unless that is asked for.
    Backup(crate::backup::Arguments),
    /// Make a store of a backup, in a new folder.
    Restore(crate::restore::Arguments),
    /// Check or show the configuration.
    Config(config::Arguments),
    /// Write the completions of a shell to standard output.
    ///
    /// For bash: baleen completions bash > /etc/bash_completion.d/baleen
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual page to standard output.
    ///
    /// To install it: baleen man > /usr/local/share/man/man1/baleen.1
    Man,
    /// Say which Baleen this is.
    Version,
}

/// Where the settings are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Place {
    /// The configuration file (TOML); BALEEN_CONFIG names one too.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder; BALEEN_DATA names one too.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// The settings that have flags; docs/reference/settings.md lists all.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where the S3 door listens [default: 127.0.0.1:9000]; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen_s3: Option<String>,
    /// Where the capture API listens [default: 127.0.0.1:9001].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen_api: Option<String>,
    /// Where health and metrics are [default: 127.0.0.1:9002].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen_ops: Option<String>,
    /// An interface to capture from; may be repeated; `any` is all of them [default: that of the default route].
    #[arg(long, value_name = "IF")]
    pub(crate) capture_interface: Vec<String>,
    /// The site this server captures at [default: local].
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<String>,
    /// The domain below which buckets are host names.
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// What is logged [default: info]: error, warn, info, debug, trace, or by module.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// The shape of log lines [default: text]: text or json.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

impl Place {
    /// The sources that this place gives, without any other flag.
    fn sources(&self) -> Result<Sources, Mistake> {
        let mut sources = gather(self.config.as_deref())?;
        sources.flag("data", self.data.as_ref().map(|path| path.display().to_string()));
        Ok(sources)
    }

    /// The configuration of this place, or everything that is wrong with it.
    pub(crate) fn check(&self) -> Result<Loaded, Vec<Mistake>> {
        Config::load(self.sources().map_err(|mistake| vec![mistake])?)
    }

    /// The configuration of this place.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        self.check().map_err(|mistakes| Failure::mistakes(&mistakes))
    }
}

impl Settings {
    /// The configuration under these flags.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        let mut sources = self.place.sources().map_err(|mistake| Failure::mistakes(&[mistake]))?;
        let flags = self.clone();
        sources.flag("listen.s3", flags.listen_s3);
        sources.flag("listen.api", flags.listen_api);
        sources.flag("listen.ops", flags.listen_ops);
        for interface in flags.capture_interface {
            sources.flag("capture.interfaces", Some(interface));
        }
        sources.flag("site", flags.site);
        sources.flag("domain", flags.domain);
        sources.flag("log.level", flags.log_level);
        sources.flag("log.format", flags.log_format);
        Config::load(sources).map_err(|mistakes| Failure::mistakes(&mistakes))
    }
}

/// Writes the completions of `shell`.
pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "baleen", &mut text);
    output::bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual page: the command, then each of its subcommands.
pub(crate) fn man() -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    let failed = |error: std::io::Error| Failure::new(format!("the manual page cannot be rendered: {error}"));
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone())
        .render(&mut text)
        .map_err(failed)?;
    for subcommand in command
        .get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help")
    {
        let page = clap_mangen::Man::new(subcommand.clone());
        text.extend_from_slice(format!(".SH \"COMMAND: {}\"\n", subcommand.get_name().to_uppercase()).as_bytes());
        page.render_synopsis_section(&mut text).map_err(failed)?;
        page.render_description_section(&mut text).map_err(failed)?;
        page.render_options_section(&mut text).map_err(failed)?;
    }
    output::bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What clap answers to `--version` too.
fn version_line() -> String {
    format!("baleen {}", env!("CARGO_PKG_VERSION"))
}

/// Says which version this is.
pub(crate) fn version(json: bool) -> Result<ExitCode, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        output::json(&serde_json::json!({ "name": "baleen", "version": version }))?;
    } else {
        output::line(&version_line())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_version_flags_say_what_the_command_says() {
        for flag in ["-V", "--version"] {
            let answer = Cli::try_parse_from(["baleen", flag]).expect_err("it ends the parsing");
            assert_eq!(answer.kind(), clap::error::ErrorKind::DisplayVersion);
            assert_eq!(answer.to_string(), format!("{}\n", version_line()));
        }
    }

    #[test]
    fn man_page_and_completions_name_every_command() {
        let mut completions = Vec::new();
        clap_complete::generate(Shell::Bash, &mut Cli::command(), "baleen", &mut completions);
        let completions = String::from_utf8(completions).expect("completions are text");
        for command in Cli::command().get_subcommands() {
            assert!(completions.contains(command.get_name()), "{}", command.get_name());
        }
    }
}
