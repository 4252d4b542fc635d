//! A server that is killed, or stopped, while agents capture for it: the next one takes up what they are at.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_capture::{Capture, Status};
use common::{Disk, Feed, Host, Program, World, linked, orders, owner, until};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const ROOM: usize = 256 << 20;

/// A server in threads of its own, so that it can be ended as a killed process is.
struct Server {
    runtime: Runtime,
    world: World,
}

impl Server {
    fn on(disk: &Disk, seed: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let world = runtime.block_on(World::on(disk.clone(), seed, ROOM));
        Self { runtime, world }
    }

    fn kill(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }

    fn end(&self, capture: &Capture, status: Status) -> Capture {
        self.runtime.block_on(self.world.until(owner(), capture.id, status))
    }

    fn object(&self, capture: &Capture) -> Option<Vec<u8>> {
        let key = format!("pcap_{}.pcap", capture.id);
        self.runtime.block_on(self.world.read("taken", &key))
    }
}

/// A server, an agent that is linked with it, and a capture that it is at.
struct Scene {
    disk: Disk,
    /// Of the line.
    lines: Runtime,
    server: Server,
    host: Host,
    program: Program,
    capture: Capture,
    feed: Arc<Feed>,
}

impl Scene {
    fn new() -> Self {
        let disk = Disk::new();
        let server = Server::on(&disk, 1);
        let lines = Runtime::new().unwrap();
        server.runtime.block_on(server.world.make_bucket(owner(), "taken"));
        let host = lines.block_on(Host::enrol(&server.world, "far01"));
        let mut program = host.start();
        let (capture, feed) = server.runtime.block_on(async {
            linked(&server.world, &host).await;
            let capture = server.world.create(owner(), &host.site, "taken").await;
            let (_, feed) = program.begun().await;
            server.world.until(owner(), capture.id, Status::Running).await;
            (capture, feed)
        });
        Self {
            disk,
            lines,
            server,
            host,
            program,
            capture,
            feed,
        }
    }

    /// Ends the server and starts another, which finds what it left.
    fn restart(self, between: impl FnOnce(&Self)) -> (Self, Vec<u8>) {
        between(&self);
        let Self {
            disk,
            lines,
            server,
            host,
            program,
            capture,
            feed,
        } = self;
        server.kill();
        let meanwhile = feed.catch_mib(9);
        let server = Server::on(&disk, 2);
        host.line.lead_to(server.world.address);
        let scene = Self {
            disk,
            lines,
            server,
            host,
            program,
            capture,
            feed,
        };
        (scene, meanwhile)
    }

    /// Waits until so many parts are in the store.
    fn stored(&self, parts: usize) {
        let spool = common::settings(self.host.line.address, self.host.folder.path()).spool();
        let is_gone = |number: usize| {
            let order = orders(&spool).remove(0);
            !order.join(format!("part-{number}")).exists()
        };
        let all = until("parts are stored", || (0..parts).all(is_gone));
        self.lines.block_on(all);
    }
}

/// Killed with no part in the store, with some, and with one of which the agent does not know that it is.
#[test]
fn a_killed_server_loses_nothing_of_a_capture_elsewhere() {
    for (mib, parts) in [(0, 0), (3, 0), (20, 2)] {
        let scene = Scene::new();
        let mut whole = scene.feed.catch(24).to_vec();
        whole.extend(scene.feed.catch_mib(mib));
        let (scene, meanwhile) = scene.restart(|scene| scene.stored(parts));
        whole.extend(meanwhile);
        scene.server.runtime.block_on(linked(&scene.server.world, &scene.host));
        whole.extend(scene.feed.catch_mib(9));
        scene.feed.end(None);
        let done = scene.server.end(&scene.capture, Status::Success);
        assert_eq!(
            (done.counts.packets, done.message),
            (1 + 4 * (mib as u64 + 18), None),
            "{mib} MiB"
        );
        assert!(scene.server.object(&scene.capture).unwrap() == whole, "{mib} MiB");
    }
}

#[test]
fn what_ended_while_the_server_was_away_is_told_to_the_next() {
    let scene = Scene::new();
    let mut whole = scene.feed.catch_mib(1);
    let (scene, meanwhile) = scene.restart(|_| ());
    whole.extend(meanwhile);
    scene.feed.end(Some("the network interface eth1 was removed"));
    let done = scene.server.end(&scene.capture, Status::Success);
    assert!(done.message.unwrap().contains("eth1 was removed"));
    assert!(scene.server.object(&scene.capture).unwrap() == whole);
}

#[test]
fn a_stop_is_heard_from_the_next_server() {
    let scene = Scene::new();
    let mut whole = scene.feed.catch_mib(1);
    // Asked for, and the server is gone before the agent hears of it.
    let (scene, meanwhile) = scene.restart(|scene| {
        scene.host.line.cut();
        let world = &scene.server.world;
        scene.server.runtime.block_on(async {
            let seat = world.fleet.seat(scene.host.identity.id).unwrap();
            until("the link is cut", || !seat.is_connected()).await;
            world.captures.stop(owner(), scene.capture.id).await.unwrap();
        });
    });
    whole.extend(meanwhile);
    scene.host.line.mend();
    let done = scene.server.end(&scene.capture, Status::Success);
    assert!(scene.feed.stop.is_stopping());
    assert_eq!(done.message, None);
    assert!(scene.server.object(&scene.capture).unwrap() == whole);
}

/// Both are killed: the agent's next process has what is on its disk, and the server's next asks for it.
#[test]
fn both_may_be_killed() {
    let scene = Scene::new();
    let whole = scene.feed.catch_mib(20);
    scene.stored(2);
    let Scene {
        disk,
        lines,
        server,
        host,
        program,
        capture,
        ..
    } = scene;
    let spool = common::settings(host.line.address, host.folder.path()).spool();
    lines.block_on(until("all of it is on disk", || {
        let order = orders(&spool).remove(0);
        std::fs::metadata(order.join("part-2")).is_ok_and(|found| found.len() == 4 << 20)
    }));
    server.kill();
    program.kill();
    let server = Server::on(&disk, 2);
    host.line.lead_to(server.world.address);
    let _next = host.start();
    let done = server.end(&capture, Status::Success);
    assert!(done.message.unwrap().contains("the agent was ended while it captured"));
    assert_eq!(done.counts.packets, 80);
    assert!(server.object(&capture).unwrap() == whole);
}

/// An agent that does not come back: the file has what has come, or there is none.
#[test]
fn who_does_not_come_back_is_not_waited_for_without_end() {
    for (mib, parts, status) in [(1, 0, Status::Failed), (20, 2, Status::Success)] {
        let scene = Scene::new();
        let whole = scene.feed.catch_mib(mib);
        let (scene, _) = scene.restart(|scene| {
            scene.stored(parts);
            scene.host.line.cut();
        });
        let world = &scene.server.world;
        world.clock.advance(Duration::from_secs(599));
        world.fleet.give_up_after(Duration::from_mins(10));
        let status_now = scene
            .server
            .runtime
            .block_on(world.captures.get(owner(), scene.capture.id));
        assert_eq!(status_now.unwrap().status, Status::Running);
        world.clock.advance(Duration::from_secs(2));
        world.fleet.give_up_after(Duration::from_mins(10));
        let done = scene.server.end(&scene.capture, status);
        assert!(done.message.unwrap().contains("did not come back"));
        match scene.server.object(&scene.capture) {
            Some(object) => assert!(object == whole[..parts * (8 << 20)] && parts > 0),
            None => assert_eq!(parts, 0),
        }
        assert_eq!(done.counts.packets, 32 * parts as u64);
        // What it still holds is nobody's any more.
        scene.host.line.mend();
        let spool = common::settings(scene.host.line.address, scene.host.folder.path()).spool();
        let gone = until("nothing is left", || orders(&spool).is_empty());
        scene.lines.block_on(gone);
        drop(scene.program);
    }
}
