//! What our processes give up when they start ([why so](../../../docs/decisions/0045-what-a-process-gives-up.md)), and what is said
//! where it stands in somebody's way.

mod make;
mod places;

pub(crate) use make::{make, make_all};
pub(crate) use places::{Place, Used, check, may_make, may_write, of_agent, of_server, unusable};

use crate::config::{Config, Listen};
use crate::failure::Failure;
use baleen_confine::{Calls, Confined, Needs, NoUser, Right, User, holds, names, while_holding};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use tracing::{info, warn};

/// Where Linux tells which port is the first that is not root's.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// That port, where it does not tell.
const FIRST_FREE_PORT_USUALLY: u16 = 1024;

/// What a server goes on with: the right to capture, that to its ports, if they are root's, and who the settings say that it is.
///
/// # Errors
/// When there is no such user.
pub(crate) fn needs_of_server(config: &Config) -> Result<Needs, Failure> {
    let told = std::fs::read_to_string(FIRST_FREE_PORT).unwrap_or_default();
    let first_free = told.trim().parse().unwrap_or(FIRST_FREE_PORT_USUALLY);
    Ok(Needs {
        rights: rights_with(&config.listen, first_free),
        user: user("process.user", config.process_user.as_deref())?,
    })
}

fn rights_with(listen: &Listen, first_free: u16) -> Vec<Right> {
    let addresses = [Some(listen.s3), Some(listen.api), Some(listen.ops), listen.agents];
    // Port 0 is one that the system chooses.
    let is_roots = |address: &SocketAddr| (1..first_free).contains(&address.port());
    let mut needs = vec![Right::CapturePackets];
    if addresses.iter().flatten().any(is_roots) {
        needs.push(Right::ListenOnLowPorts);
    }
    needs
}

/// What an agent goes on with, and as whom.
///
/// # Errors
/// When there is no such user.
pub(crate) fn needs_of_agent(named: Option<&str>) -> Result<Needs, Failure> {
    Ok(Needs {
        rights: vec![Right::CapturePackets],
        user: user("user", named)?,
    })
}

fn user(setting: &str, named: Option<&str>) -> Result<Option<User>, Failure> {
    let Some(name) = named else { return Ok(None) };
    let found = named_user(setting, name)?;
    if !found.is_this() && !is_root() {
        return Err(
            Failure::usage(format!("{setting}: only root can go on as user {found}"))
                .advise(format!("start it as root, or as {found} without the setting")),
        );
    }
    Ok(Some(found))
}

/// The user that a setting names.
///
/// # Errors
/// When there is none, or it is root.
pub(crate) fn named_user(setting: &str, name: &str) -> Result<User, Failure> {
    User::named(name).map_err(|error| {
        let failure = Failure::usage(format!("{setting}: {error}"));
        match error {
            NoUser::Unknown(name) => match name.parse().ok().map(User::name_of) {
                Some(Some(called)) => failure.advise(format!("{name} is {called}: name it so")),
                Some(None) => failure.advise("name a user, or a user and a group by number, as in 1000:1000"),
                None => failure.advise(format!(
                    "make one (useradd --system --no-create-home {name}), or name a user and a group by number, as in 1000:1000"
                )),
            },
            NoUser::InRootsGroup(_) => failure.advise("name a user, or two numbers, with a group of its own"),
            NoUser::Root(_) => failure.advise("name another user, or leave it out"),
            NoUser::Unreadable(_) => failure,
        }
    })
}

/// What a process has given up.
#[must_use]
pub(crate) struct Held(Option<Confined>);

/// Gives up everything but `needs`, if that `is_on`. There has to be one thread yet.
pub(crate) fn enter(is_on: bool, needs: &Needs) -> Result<Held, Failure> {
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
        let is_sealed = confined.is_sealed;
        let user = in_words(rustix::process::geteuid().as_raw());
        match confined.calls {
            Calls::Listed => {
                info!(user, rights = %confined, calls = "listed", is_sealed, "what the process does not need was given up for good");
            }
            // What that filter lets through is not known here.
            Calls::FilteredFromOutside => warn!(
                user,
                rights = %confined,
                calls = "filtered from outside",
                is_sealed,
                "rights were given up for good; which calls the process may make is up to who started it, whose filter lets it set none"
            ),
        }
        if is_root() {
            warn!("{ROOT_OWNS}; {ADVICE_AGAINST_ROOT}");
        }
    }
}

/// Why rights are not all that root has.
pub(crate) const ROOT_OWNS: &str =
    "it runs as root, who owns the system: who takes it over writes programs and disks without any further right";

/// What is to be done about that.
pub(crate) const ADVICE_AGAINST_ROOT: &str = "name a user to go on as (process.user; user in agent.toml), or start it as one, with AmbientCapabilities=CAP_NET_RAW";

/// Whether this is root, whatever it may.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who this process is, if it has given up the right to the files of others: root by name alone, or the user that the settings name.
pub(crate) fn by_name_alone(user: Option<&User>) -> Option<String> {
    match user {
        Some(user) if user.is_this() => Some(user.name.clone()),
        _ if is_root() && !holds(Right::UseFilesOfOthers) => Some("root".to_owned()),
        _ => None,
    }
}

/// A user by number, with its name where it has one.
pub(crate) fn in_words(id: u32) -> String {
    User::name_of(id).map_or_else(|| id.to_string(), |name| format!("{id} ({name})"))
}

/// What such a process can do about a place of somebody else.
pub(crate) fn advice_on(path: &Path, who: &str) -> String {
    let command = chown_for(who, path);
    if who == "root" {
        // Most likely its settings were forgotten; who gives the place to root keeps that user out.
        let owner = std::fs::metadata(path)
            .ok()
            .map(|found| found.uid())
            .filter(|id| *id != 0);
        let named = owner.map_or("the user that owns them".to_owned(), |id| {
            User::name_of(id).unwrap_or_else(|| format!("user {id}"))
        });
        format!(
            "root gives up its right to the files of others when it serves: go on as {named} (process.user; user in agent.toml), start it as that user, \
             or, if nobody else serves with them, have root own them ({command})"
        )
    } else {
        format!("the process goes on as {who}, who has to own it, or has to be let in: {command}")
    }
}

/// The command that gives all of a place to a user.
fn chown_for(who: &str, path: &Path) -> String {
    let group = if who.contains(':') { "" } else { ":" };
    format!("chown -R {who}{group} {}", path.display())
}

/// What `look` sees as a confined process will; with all there is, if that cannot be tried.
pub(crate) fn as_confined<T>(is_on: bool, needs: &Needs, look: impl Fn() -> T) -> T {
    if is_on && let Ok(seen) = while_holding(needs, &look) {
        return seen;
    }
    look()
}

/// What `baleen capture` goes on needing, besides capturing if `packets` are its own: who runs it by sudo has files written in a folder of
/// their own, which root alone could not. Whether it `can_go_on` without the right to the files of others is asked where there is none.
pub(crate) fn needs_of_capture(packets: bool, can_go_on: impl FnOnce() -> bool) -> Needs {
    let mut rights = if packets {
        vec![Right::CapturePackets]
    } else {
        Vec::new()
    };
    if !while_holding(&Needs::default(), can_go_on).unwrap_or(true) {
        rights.push(Right::UseFilesOfOthers);
    }
    Needs { rights, user: None }
}

/// What `baleen serve` will keep, in words.
pub(crate) fn kept_in_words(needs: &Needs) -> String {
    let user = needs.user.as_ref().map(|user| format!(", goes on as {user}"));
    format!(
        "baleen serve keeps {} of its rights{}, and makes the calls alone that it needs",
        names(&needs.rights),
        user.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
