//! `baleen extcap`: the interfaces of a server as remote interfaces of Wireshark and tshark.
//!
//! Wireshark runs the program with one of a few questions, and reads lines from it (Wireshark's `doc/extcap.4`): which interfaces
//! there are, of which link type, which options they take, whether a capture filter is right; and at last to capture into a named
//! pipe, until it is killed. The captures are streams of the PCAPs door, which end with their connection: a killed program leaves
//! nothing behind.
//!
//! Wireshark asks at every start, and shows an error of ours as an error of its own. So without a server there are no interfaces,
//! and the reason is on standard error alone.

mod lines;

use crate::cli::Place;
use crate::failure::Failure;
use crate::output;
use crate::pcaps::{Door, Whom};
use crate::serve::{Signals, runtime};
use baleen_filter::Filter;
use baleen_types::LinkType;
use clap::Args;
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lines::{RemoteInterface, of_sites};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::unix::pipe::{OpenOptions, Sender};

/// The name under which Wireshark finds the program, and by which it knows what is asked of it.
pub(crate) const PROGRAM: &str = "baleen-extcap";

/// The error of a pipe that nobody reads yet (`ENXIO`).
const NOBODY_READS: i32 = 6;

/// How often it is looked whether somebody reads.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a reader is awaited.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// What Wireshark asks.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "they are Wireshark's flags")]
pub(crate) struct Arguments {
    /// List the interfaces of the server.
    #[arg(long)]
    extcap_interfaces: bool,
    /// Wireshark's version.
    #[arg(long, value_name = "VERSION")]
    extcap_version: Option<String>,
    /// The interface that is asked about.
    #[arg(long, value_name = "IF")]
    extcap_interface: Option<String>,
    /// List its link types.
    #[arg(long)]
    extcap_dlts: bool,
    /// List its options.
    #[arg(long)]
    extcap_config: bool,
    /// Check a filter, or capture by it; in tcpdump's language.
    #[arg(long, value_name = "EXPR")]
    extcap_capture_filter: Option<String>,
    /// An option whose values are to be listed; there is none.
    #[arg(long, value_name = "OPTION", hide = true)]
    extcap_reload_option: Option<String>,
    /// Capture.
    #[arg(long)]
    capture: bool,
    /// Where to.
    #[arg(long, value_name = "PIPE")]
    fifo: Option<PathBuf>,
    /// Keep only so many bytes of each packet.
    #[arg(long, value_name = "BYTES")]
    snaplen: Option<u32>,
    /// The server's capture API [default: that of the profile, BALEEN_API, or the baleen that runs in the data folder].
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// A profile of ~/.config/baleen/profiles.toml, with api, api_token and project [default: BALEEN_PROFILE, or one called extcap].
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Make this program known to Wireshark: in DIR, or where tshark looks.
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "the flag may be given without a folder")]
    install: Option<Option<PathBuf>>,
    #[command(flatten)]
    place: Place,
}

/// Answers.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if let Some(folder) = &arguments.install {
        return install(folder.as_deref());
    }
    if arguments.extcap_interfaces {
        return interfaces(arguments);
    }
    let Some(interface) = &arguments.extcap_interface else {
        return Err(Failure::usage("nothing is asked").advise(format!(
            "Wireshark runs this program; make it known to it with: baleen extcap --install, which makes a link called {PROGRAM}"
        )));
    };
    let interface = RemoteInterface::parse(interface)
        .ok_or_else(|| Failure::usage(format!("{interface} is none of the interfaces of this program")))?;
    if arguments.extcap_dlts {
        // What comes names its own link types.
        output::line("dlt {number=1}{name=EN10MB}{display=as the interface is}")?;
    } else if arguments.extcap_config {
        for line in lines::OPTIONS {
            output::line(line)?;
        }
    } else if arguments.capture {
        return capture(arguments, &interface);
    } else if let Some(filter) = &arguments.extcap_capture_filter {
        // Nothing is said of a right one.
        if let Err(why) = check(filter) {
            output::line(&why)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a filter, on a link as most are; the server looks at it again for the links that it has.
fn check(filter: &str) -> Result<(), String> {
    let filter = Filter::expression(filter).map_err(|error| error.to_string())?;
    filter
        .compile(LinkType::ETHERNET)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn whom(arguments: &Arguments) -> Whom {
    Whom {
        api: arguments.api.clone().filter(|url| !url.is_empty()),
        profile: arguments.profile.clone().filter(|name| !name.is_empty()),
        or_profile: Some("extcap"),
    }
}

fn interfaces(arguments: &Arguments) -> Result<ExitCode, Failure> {
    output::line(&format!(
        "extcap {{version={}}}{{display=Baleen}}",
        env!("CARGO_PKG_VERSION")
    ))?;
    let asked = Door::find(&whom(arguments), &arguments.place).and_then(|door| {
        let runtime = runtime()?;
        let answer = runtime.block_on(door.ask("/sites"));
        runtime.shutdown_background();
        answer
    });
    match asked {
        Ok(sites) => {
            for interface in of_sites(&sites) {
                output::line(&interface.line())?;
            }
        }
        Err(failure) => output::note(&failure.to_string()),
    }
    Ok(ExitCode::SUCCESS)
}

fn capture(arguments: &Arguments, interface: &RemoteInterface) -> Result<ExitCode, Failure> {
    let fifo = arguments
        .fifo
        .as_deref()
        .ok_or_else(|| Failure::usage("--capture needs --fifo"))?;
    let body = request(interface, arguments);
    let door = Door::find(&whom(arguments), &arguments.place)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let work = async {
            let out = open(fifo).await?;
            let live = door.live(Method::POST, "/stream", Some(&body)).await?;
            write_all(live, out).await
        };
        tokio::select! {
            written = work => written,
            () = signals.next() => Ok(()),
        }
    });
    // A pipe that nobody reads must not keep the process.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

fn request(interface: &RemoteInterface, arguments: &Arguments) -> Value {
    let mut body = json!({
        "colo_name": interface.site,
        "interfaces": [interface.name],
        "format": "pcapng",
    });
    if let Some(filter) = arguments
        .extcap_capture_filter
        .as_deref()
        .filter(|filter| !filter.trim().is_empty())
    {
        body["filter_expression"] = json!(filter);
    }
    if let Some(bytes) = arguments.snaplen.filter(|bytes| *bytes > 0) {
        body["snaplen"] = json!(bytes);
    }
    body
}

/// Opens the pipe when somebody reads it: Wireshark runs this program before it does.
async fn open(fifo: &Path) -> Result<Sender, Failure> {
    let open = async {
        loop {
            match OpenOptions::new().open_sender(fifo) {
                Err(error) if error.raw_os_error() == Some(NOBODY_READS) => tokio::time::sleep(LOOK_EVERY).await,
                opened => return opened,
            }
        }
    };
    let failed =
        |error: &dyn std::error::Error| Failure::because(format!("{} cannot be written", fifo.display()), error);
    let opened = tokio::time::timeout(READER_PATIENCE, open).await;
    opened.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

/// Writes the file as it comes. That who reads has gone ends it, also while nothing comes.
async fn write_all(mut live: Incoming, mut out: Sender) -> Result<(), Failure> {
    loop {
        let frame = tokio::select! {
            frame = live.frame() => frame,
            () = is_left(&out) => return Ok(()),
        };
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|error| Failure::because("the capture broke off", &error))?;
        let Ok(bytes) = frame.into_data() else { continue };
        match out.write_all(&bytes).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::because("the capture cannot be written", &error)),
        }
    }
}

/// Waits until nobody reads the pipe any more.
async fn is_left(out: &Sender) {
    loop {
        match out.ready(Interest::ERROR).await {
            Ok(ready) if ready.is_error() || ready.is_write_closed() => return,
            Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
            Err(_) => return,
        }
    }
}

/// Makes a link to this program in a folder where Wireshark looks for such ones.
fn install(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let (folder, told) = match folder {
        Some(folder) => (folder.to_owned(), Told::Typed),
        None => (told_by_tshark()?, Told::ByTshark),
    };
    let failed = |error: &dyn std::error::Error| {
        Failure::because(format!("no link can be made in {}", folder.display()), error)
            .advise("name another folder, which Wireshark may be told of with WIRESHARK_EXTCAP_DIR")
    };
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    make_folder(&folder, told)?;
    let link = folder.join(PROGRAM);
    // An older one of ours; what is no link is somebody else's.
    if link.is_symlink() {
        std::fs::remove_file(&link).map_err(|error| failed(&error))?;
    }
    symlink(&program, &link).map_err(|error| failed(&error))?;
    output::line(&link.display().to_string())?;
    if told == Told::Typed {
        output::note(&format!(
            "if Wireshark does not look there by itself: export WIRESHARK_EXTCAP_DIR={}",
            folder.display()
        ));
    }
    output::note("a Wireshark that runs shows the interfaces when it is started again; rm takes the link away");
    Ok(ExitCode::SUCCESS)
}

/// Who named a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// A person, who mistypes.
    Typed,
    ByTshark,
}

/// Makes the folder of the link, and what is above it only where that is known to be right: else a slip would look like a success.
fn make_folder(folder: &Path, told: Told) -> Result<(), Failure> {
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above.filter(|above| told == Told::Typed && !above.is_dir()) {
        return Err(Failure::usage(format!("there is no folder {}", above.display()))
            .advise(format!("is the name right? if it is: mkdir -p {}", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::because(format!("no link can be made in {}", folder.display()), &error)
            .advise("name another folder, which Wireshark may be told of with WIRESHARK_EXTCAP_DIR")
    })
}

/// The folder that tshark names: the person's own where it has one, as from version 4.2 on.
fn told_by_tshark() -> Result<PathBuf, Failure> {
    let advice = "name the folder, as in: baleen extcap --install ~/.local/lib/wireshark/extcap";
    let told = Command::new("tshark").args(["-G", "folders"]).output();
    let told =
        told.map_err(|error| Failure::because("tshark cannot be asked for its folders", &error).advise(advice))?;
    let text = String::from_utf8_lossy(&told.stdout);
    lines::extcap_folder(&text).ok_or_else(|| Failure::new("tshark names no folder of extcap programs").advise(advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_folder_is_no_success() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (place.path().join("extcap"), place.path().join("mistyped/extcap"));
        assert!(make_folder(&one, Told::Typed).is_ok() && one.is_dir());
        assert!(make_folder(&two, Told::Typed).is_err() && !two.exists());
        assert!(make_folder(&two, Told::ByTshark).is_ok() && two.is_dir());
    }
}
