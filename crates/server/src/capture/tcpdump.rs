//! Flags that hands know from tcpdump: what they mean here is done, and what is called otherwise is said.

use crate::failure::Failure;
use crate::output;
use clap::Args;
use serde_json::json;

/// Those of its flags that are none of ours.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Flags {
    /// List the interfaces of this machine, and capture nothing.
    #[arg(short = 'D', long = "list-interfaces", conflicts_with = "follow")]
    list: bool,
    /// Names are never looked up here.
    #[arg(short = 'n', action = clap::ArgAction::Count, hide = true)]
    plain: u8,
    #[arg(short = 'r', value_name = "FILE", hide = true)]
    read: Option<String>,
    #[arg(short = 'G', value_name = "SECONDS", hide = true)]
    every: Option<String>,
    #[arg(short = 'W', value_name = "FILES", hide = true)]
    files: Option<String>,
}

impl Flags {
    /// Does what is asked for in place of a capture; whether that was all.
    ///
    /// # Errors
    /// What is called otherwise here, with how.
    pub(super) fn are_answered(&self, as_json: bool) -> Result<bool, Failure> {
        if let Some(file) = &self.read {
            return Err(Failure::usage("-r reads a file, and this command captures")
                .advise(format!("to look into one: tshark -r {file}, or tcpdump -r {file}")));
        }
        if let Some(seconds) = &self.every {
            return Err(Failure::usage("-G is called --rotate here").advise(format!(
                "as in: baleen capture --rotate {}s trace.pcapng, which numbers its files",
                seconds.trim_end_matches('s')
            )));
        }
        if self.files.is_some() {
            return Err(Failure::usage("-W is not known here").advise(
                "as in: baleen capture --rotate 100MiB --keep 10 trace.pcapng, which keeps the last ten files",
            ));
        }
        if self.list {
            list(as_json)?;
        }
        Ok(self.list)
    }
}

fn list(as_json: bool) -> Result<(), Failure> {
    let found = baleen_ring::interfaces();
    let mut found = found.map_err(|error| Failure::because("the interfaces cannot be listed", &error))?;
    found.push(baleen_ring::Interface::any());
    if as_json {
        let all: Vec<_> = found
            .iter()
            .map(|one| json!({ "name": one.name, "link": one.link_type().to_string(), "isUp": one.is_up }))
            .collect();
        return output::json(&json!(all));
    }
    for one in &found {
        let state = match (one.is_up, one.is_loopback) {
            (false, _) => "down",
            (true, true) => "up, of this machine alone",
            (true, false) => "up",
        };
        output::line(&format!("{:<16} {state}", one.name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn answered(words: &[&str]) -> Result<bool, String> {
        let all = ["baleen", "capture"].iter().chain(words);
        let cli = Cli::try_parse_from(all).map_err(|error| error.to_string())?;
        let Command::Capture(arguments) = cli.command else {
            panic!("it is a capture");
        };
        arguments
            .of_tcpdump
            .are_answered(true)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_tcpdump_has_is_done_or_told() {
        for words in [
            &["-n", "-"][..],
            &["-nn", "-s", "0", "-w", "x.pcap"],
            &["-ni", "lo", "-c", "1", "-"],
        ] {
            assert_eq!(answered(words), Ok(false), "{words:?}");
        }
        assert_eq!(answered(&["-D"]), Ok(true));
        for (words, told) in [
            (&["-r", "x.pcap"][..], "tshark -r x.pcap"),
            (&["-G", "60", "-w", "x.pcap"], "--rotate 60s"),
            (&["-W", "10", "-w", "x.pcap"], "--keep 10"),
            (&["-D", "--follow", "1"], "cannot be used with"),
            (&[], "DEST"),
        ] {
            let refused = answered(words).unwrap_err();
            assert!(refused.contains(told), "{words:?}: {refused}");
        }
    }
}
