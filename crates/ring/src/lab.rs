//! A laboratory for tests: network namespaces, veth pairs, and a sender of raw frames. Needs root.
#![allow(
    clippy::missing_panics_doc,
    reason = "a test that cannot set up its laboratory has to fail"
)]

use crate::error::Error;
use crate::interface::find_interface;
use crate::sys::{Delivery, PacketSocket, enter_network_namespace, make_tunnel};
use std::fs::File;
use std::io::{self, Write as _};
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};

/// The environment variable that allows tests which need root to be left out.
pub const WITHOUT_ROOT: &str = "BALEEN_TESTS_WITHOUT_ROOT";

/// A network namespace of its own name, removed with everything in it when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

/// Runs `ip` with the given words and panics with its output when it fails.
fn ip(words: &[&str]) {
    let output = Command::new("ip")
        .args(words)
        .output()
        .expect("`ip` of iproute2 is installed");
    assert!(
        output.status.success(),
        "ip {}: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Namespace {
    /// Tells whether this process may make namespaces. Fails when not, so that no test passes without having run, unless
    /// the environment allows it with [`WITHOUT_ROOT`]`=1`; then it is said loudly, and the test has to return.
    pub fn is_possible() -> bool {
        let made = Command::new("ip")
            .args(["netns", "add", &format!("bl-probe-{}", id())])
            .output()
            .is_ok_and(|o| o.status.success());
        if made {
            ip(&["netns", "del", &format!("bl-probe-{}", id())]);
        } else {
            assert!(
                std::env::var_os(WITHOUT_ROOT).is_some_and(|value| value == "1"),
                "this test needs root and `ip` of iproute2 for network namespaces; {WITHOUT_ROOT}=1 leaves it out"
            );
            eprintln!("SKIPPED: this test needs root (network namespaces) and did NOT run");
        }
        made
    }

    /// Makes a namespace with its loopback interface up and without IPv6, so that the kernel sends nothing by itself.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bl{}-{}", id(), COUNT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name]);
        let this = Self { name };
        this.ip(&["link", "set", "lo", "up"]);
        this.run(
            "sysctl",
            &[
                "-qw",
                "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1",
            ],
        );
        this
    }

    /// Its name, for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` inside.
    pub fn ip(&self, words: &[&str]) {
        ip(&[&["-n", &self.name], words].concat());
    }

    /// Runs a program inside and ignores how it ends.
    pub fn run(&self, program: &str, words: &[&str]) {
        let _ = self.command(program, words).output();
    }

    /// A command that runs inside.
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).args(words);
        command
    }

    /// Makes a veth pair inside, both ends up, `mtu` 9000, silent.
    pub fn veth(&self, one: &str, other: &str) {
        self.ip(&["link", "add", one, "type", "veth", "peer", "name", other]);
        for end in [one, other] {
            self.ip(&["link", "set", end, "mtu", "9000", "arp", "off", "up"]);
        }
    }

    /// Moves the calling thread inside, for good; threads that it starts are inside too.
    pub fn enter(&self) {
        let file = File::open(format!("/run/netns/{}", self.name)).expect("the namespace was made");
        enter_network_namespace(&file).expect("root may enter it");
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// Sends frames on an interface as they are.
#[derive(Debug)]
pub struct Injector(PacketSocket);

impl Injector {
    /// Opens a sender on an interface of the calling thread's namespace.
    pub fn open(interface: &str) -> Result<Self, Error> {
        let interface = find_interface(interface)?;
        let socket = PacketSocket::open(Delivery::Raw)?;
        socket.bind(interface.index, 0)?;
        Ok(Self(socket))
    }

    /// Sends one frame, link header first.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame)
    }
}

/// A tunnel whose far end is the test: what it writes comes in on the interface. It is removed when this is dropped.
#[derive(Debug)]
pub struct Tunnel(File);

impl Tunnel {
    /// Makes a tunnel in the calling thread's namespace, which passes for one of this `ARPHRD_` type; it is not up yet.
    pub fn new(name: &str, hardware: u16) -> io::Result<Self> {
        let device = File::options().read(true).write(true).open("/dev/net/tun")?;
        make_tunnel(&device, name, hardware)?;
        Ok(Self(device))
    }

    /// Lets an IP packet come in.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write_all(packet)
    }
}
