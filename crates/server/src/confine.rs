//! What our processes give up when they start ([why so](../../../docs/decisions/0045-what-a-process-gives-up.md)), and what is said
//! where it stands in somebody's way.

use crate::config::{Config, Listen};
use crate::failure::Failure;
use baleen_confine::{Calls, Confined, Right, holds, names, while_holding};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tracing::{info, warn};

/// Where Linux tells which port is the first that is not root's.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// That port, where it does not tell.
const FIRST_FREE_PORT_USUALLY: u16 = 1024;

/// What a server goes on needing: to capture, and its ports, if they are root's.
pub(crate) fn needs_of_server(config: &Config) -> Vec<Right> {
    let told = std::fs::read_to_string(FIRST_FREE_PORT).unwrap_or_default();
    needs_with(&config.listen, told.trim().parse().unwrap_or(FIRST_FREE_PORT_USUALLY))
}

fn needs_with(listen: &Listen, first_free: u16) -> Vec<Right> {
    let addresses = [Some(listen.s3), Some(listen.api), Some(listen.ops), listen.agents];
    // Port 0 is one that the system chooses.
    let is_roots = |address: &SocketAddr| (1..first_free).contains(&address.port());
    let mut needs = vec![Right::CapturePackets];
    if addresses.iter().flatten().any(is_roots) {
        needs.push(Right::ListenOnLowPorts);
    }
    needs
}

/// What an agent goes on needing.
pub(crate) const NEEDS_OF_AGENT: [Right; 1] = [Right::CapturePackets];

/// What a process has given up.
#[must_use]
pub(crate) struct Held(Option<Confined>);

/// Gives up everything but `needs`, if that `is_on`. There has to be one thread yet.
pub(crate) fn enter(is_on: bool, needs: &[Right]) -> Result<Held, Failure> {
    if !is_on {
        return Ok(Held(None));
    }
    let confined = baleen_confine::enter(needs).map_err(|error| {
        Failure::because("what the process does not need cannot be given up", &error).advise(
            "process.confine = \"off\", BALEEN_PROCESS_CONFINE=off, or confine = false in agent.toml starts it all the same, with all that it has",
        )
    })?;
    Ok(Held(Some(confined)))
}

impl Held {
    /// Says it in the log.
    pub(crate) fn tell(&self) {
        let Some(confined) = &self.0 else {
            warn!(
                "process.confine is off: the process keeps all rights that it was started with, and may make any call to the kernel"
            );
            return;
        };
        let calls = match confined.calls {
            Calls::Listed => "listed",
            Calls::FilteredFromOutside => "filtered from outside",
        };
        info!(rights = %confined, calls, "what the process does not need was given up for good");
    }
}

/// Whether this is root, who may no longer use the files of others.
pub(crate) fn is_root_by_name_alone() -> bool {
    rustix::process::geteuid().is_root() && !holds(Right::UseFilesOfOthers)
}

/// What such a root can do about a folder of somebody else.
pub(crate) const ADVICE_TO_ROOT: &str = "root gives up its right to the files of others when it serves: start it as the user that owns them, or have root own them (chown -R root:)";

/// The folder itself, or one in it, that this process may not use, with who owns it.
fn unusable_in(folder: &Path) -> Option<(PathBuf, u32)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut all = std::iter::once(folder.to_owned()).chain(folders);
    let unusable = all.find(|path| !may(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK))?;
    let owner = std::fs::metadata(&unusable).map_or(u32::MAX, |found| found.uid());
    Some((unusable, owner))
}

/// Refuses a data folder in which something belongs to others, before a store in it fails halfway.
pub(crate) fn check_owner(folder: &Path) -> Result<(), Failure> {
    match unusable_in(folder) {
        Some((path, owner)) if is_root_by_name_alone() => Err(Failure::new(format!(
            "the data folder cannot be used: {} belongs to user {owner}",
            path.display()
        ))
        .advise(ADVICE_TO_ROOT)),
        _ => Ok(()),
    }
}

/// What `look` sees with what a confined process will have; with all there is, if that cannot be tried.
pub(crate) fn as_confined<T>(is_on: bool, needs: &[Right], look: impl Fn() -> T) -> T {
    if is_on && let Ok(seen) = while_holding(needs, &look) {
        return seen;
    }
    look()
}

/// What `baleen capture` goes on needing, besides capturing if `packets` are its own: who runs it by sudo has a file written in a folder of
/// their own, which root alone could not.
pub(crate) fn needs_of_capture(packets: bool, file: Option<&Path>) -> Vec<Right> {
    let mut needs = if packets {
        vec![Right::CapturePackets]
    } else {
        Vec::new()
    };
    let is_others = |file: &Path| !while_holding(&[], || may_write(file)).unwrap_or(true);
    if file.is_some_and(is_others) {
        needs.push(Right::UseFilesOfOthers);
    }
    needs
}

/// Whether a file can be written, or made where it is to be.
fn may_write(file: &Path) -> bool {
    match accessat(CWD, file, Access::WRITE_OK, AtFlags::EACCESS) {
        Err(Errno::NOENT) => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            may(folder.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)
        }
        Ok(()) if file.is_dir() => may(file, Access::WRITE_OK | Access::EXEC_OK),
        Err(Errno::ACCESS) => false,
        Ok(()) | Err(_) => true,
    }
}

/// Whether this process may do something with a path. What cannot be told shows when it is done.
fn may(path: &Path, what: Access) -> bool {
    !matches!(accessat(CWD, path, what, AtFlags::EACCESS), Err(Errno::ACCESS))
}

/// What `baleen serve` will keep, in words.
pub(crate) fn kept_in_words(needs: &[Right]) -> String {
    format!(
        "baleen serve keeps {} of its rights, and makes the calls alone that it needs",
        names(needs)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_http::TrustedProxies;

    #[test]
    fn a_right_to_low_ports_is_kept_where_one_is_listened_on() {
        let listen = |s3: &str, agents: Option<&str>| Listen {
            s3: s3.parse().unwrap(),
            api: "127.0.0.1:0".parse().unwrap(),
            ops: "127.0.0.1:9002".parse().unwrap(),
            agents: agents.map(|agents| agents.parse().unwrap()),
            proxies: TrustedProxies::new(Vec::new()),
        };
        for (s3, agents, first_free, is_kept) in [
            ("127.0.0.1:9000", None, 1024, false),
            ("127.0.0.1:0", Some("127.0.0.1:1024"), 1024, false),
            ("127.0.0.1:443", None, 1024, true),
            ("127.0.0.1:443", None, 0, false),
            ("127.0.0.1:443", None, 443, false),
            ("127.0.0.1:9000", Some("[::1]:1023"), 1024, true),
        ] {
            let needs = needs_with(&listen(s3, agents), first_free);
            assert_eq!(
                needs.contains(&Right::ListenOnLowPorts),
                is_kept,
                "{s3} {agents:?} {first_free}"
            );
            assert!(needs.contains(&Right::CapturePackets));
        }
    }

    #[test]
    fn a_capture_keeps_the_right_to_files_only_where_it_is_needed() {
        let place = tempfile::tempdir().unwrap();
        let own = place.path().join("own.pcapng");
        assert_eq!(needs_of_capture(true, Some(&own)), [Right::CapturePackets]);
        assert_eq!(needs_of_capture(false, Some(&own)), []);
        assert_eq!(needs_of_capture(true, None), [Right::CapturePackets]);
        let folder = place.path().join("theirs");
        std::fs::create_dir(&folder).unwrap();
        // Only root can give it away, and only root needs the right.
        if std::os::unix::fs::chown(&folder, Some(65_534), None).is_ok() && holds(Right::UseFilesOfOthers) {
            for file in [folder.join("x.pcapng"), folder.clone()] {
                assert_eq!(
                    needs_of_capture(true, Some(&file)),
                    [Right::CapturePackets, Right::UseFilesOfOthers],
                    "{}",
                    file.display()
                );
            }
            assert_eq!(
                while_holding(&[], || unusable_in(place.path())).unwrap(),
                Some((folder, 65_534))
            );
        }
        assert_eq!(unusable_in(place.path()), None);
    }
}
