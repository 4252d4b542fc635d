//! Captures that are watched: followed, and for who watches alone.

use super::*;
use crate::agent::Followed;
use crate::engine::{FOLLOWERS_MAX, FollowError};
use futures::stream::BoxStream;

fn live() -> Order {
    Order {
        is_live: true,
        interfaces: vec!["eth1".to_owned()],
        ..order()
    }
}

fn id() -> OrderId {
    order_of(order().capture)
}

impl World {
    /// One whose agent speaks this version.
    async fn speaking(protocol: u16) -> Self {
        let mut world = Self::new().await;
        let ToServer::Hello(hello) = hello() else {
            unreachable!("it greets")
        };
        world.attached = world.attached.seat().attach().unwrap();
        world
            .attached
            .take(ToServer::Hello(Hello { protocol, ..hello }))
            .unwrap();
        world
    }

    /// Begins a capture for who watches, with the agent saying that it does.
    async fn begin_live(&mut self) -> Catch {
        let site = self.site();
        let begun = site.agent.begin(live());
        let agent = async {
            loop {
                let said = self.attached.next().await.expect("the connection stands");
                let ToAgent::BeginLive(order, _, live) = said else {
                    continue;
                };
                assert_eq!((order, live.interfaces), (id(), vec!["eth1".to_owned()]));
                self.attached.take(ToServer::Began { order, interfaces: 1 }).unwrap();
                return;
            }
        };
        let (begun, ()) = tokio::join!(begun, agent);
        begun.unwrap()
    }

    fn tell_end(&self, trouble: Option<&str>) {
        let ended = baleen_agentwire::Ended {
            counts: baleen_agentwire::Counts {
                packets: 3,
                bytes: 30,
                dropped: 1,
            },
            parts: 0,
            trouble: trouble.map(str::to_owned),
            missing: None,
        };
        self.attached.take(ToServer::Ended(id(), ended)).unwrap();
    }

    /// The view that the agent was asked for.
    fn asked_for(&mut self) -> Option<u32> {
        std::iter::from_fn(|| self.attached.next().now_or_never().flatten()).find_map(|said| match said {
            ToAgent::Show(order, view) if order == id() => Some(view),
            _ => None,
        })
    }

    fn sink(&self, view: u32) -> Option<ViewSink> {
        self.agents.view(self.agent, id(), view)
    }
}

/// Time goes on, and never ends.
async fn passing(clock: &ManualClock) {
    loop {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1));
    }
}

async fn all(mut bytes: BoxStream<'static, Bytes>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(more) = bytes.next().await {
        all.extend_from_slice(&more);
    }
    all
}

#[tokio::test]
async fn what_an_agent_catches_is_shown() {
    let mut world = World::speaking(2).await;
    let catch = world.begin_live().await;
    assert_eq!(catch.interfaces, Some(1));
    // Another agent's, another view, another order: nobody waits for those.
    assert!(world.agents.view(AgentId::from_bytes([1; 16]), id(), 0).is_none());
    assert!(world.sink(1).is_none());
    let sink = world.sink(0).unwrap();
    assert!(world.sink(0).is_none(), "it is sent once");
    let sending = async {
        for bytes in [&b"one"[..], b"two", b"three"] {
            assert!(sink.push(Bytes::from_static(bytes)).await);
        }
        sink.end().await;
        world.tell_end(None);
    };
    let shown = all(catch.pieces.map(|piece| piece.bytes).boxed());
    let (shown, ended, ()) = tokio::join!(shown, catch.running.ended(), sending);
    assert_eq!(shown, b"onetwothree");
    assert_eq!(
        (ended.counts.packets, ended.counts.dropped, ended.trouble),
        (3, 1, None)
    );
}

/// Whatever breaks off, it is said, and nobody waits for ever.
#[tokio::test]
async fn what_is_cut_off_is_no_end() {
    for (has_begun, told, words) in [
        (true, None, "was cut"),
        (true, Some("the network interface eth1 was removed"), "was removed"),
        (false, Some("no such place"), "no such place"),
    ] {
        let mut world = World::speaking(2).await;
        let mut catch = world.begin_live().await;
        if has_begun {
            let sink = world.sink(0).unwrap();
            let (sent, piece) = tokio::join!(sink.push(Bytes::from_static(b"one")), catch.pieces.next());
            assert!(sent && piece.unwrap().bytes == "one");
        }
        if told.is_some() {
            world.tell_end(told);
        }
        let clock = Arc::clone(&world.clock);
        let (ended, rest) = tokio::select! {
            done = async { tokio::join!(catch.running.ended(), catch.pieces.next()) } => done,
            () = passing(&clock) => unreachable!("it goes on"),
        };
        assert!(rest.is_none());
        assert!(ended.trouble.as_ref().unwrap().contains(words), "{ended:?}");
        assert!(world.sink(0).is_none(), "nobody waits for it any more");
    }
}

#[tokio::test]
async fn who_goes_ends_it() {
    let mut world = World::speaking(2).await;
    let catch = world.begin_live().await;
    let sink = world.sink(0).unwrap();
    drop(catch.pieces);
    assert!(!sink.push(Bytes::from_static(b"one")).await);
    world.tell_end(None);
    assert_eq!(catch.running.ended().await.counts.packets, 3);
    drop(catch.running);
    let said: Vec<_> = std::iter::from_fn(|| world.attached.next().now_or_never().flatten()).collect();
    assert_eq!(said, [ToAgent::Stop(id()), ToAgent::Forget(id())]);
}

/// An agent that does not hear that it is to end, or does not want to, ends it for nobody else.
#[tokio::test]
async fn a_stream_ends_whatever_its_agent_does() {
    for (is_stopped, is_removed) in [(true, false), (false, true), (false, false)] {
        let mut world = World::speaking(2).await;
        let mut catch = world.begin_live().await;
        let sink = world.sink(0).unwrap();
        if is_stopped {
            catch.running.stop();
        }
        if is_removed {
            world.agents.fleet().remove(owner(), world.agent).await.unwrap();
        }
        let clock = Arc::clone(&world.clock);
        let begun = clock.monotonic();
        let sending = async { while sink.push(Bytes::from_static(b"more")).await {} };
        let taking = async { while catch.pieces.next().await.is_some() {} };
        tokio::select! {
            _ = async { tokio::join!(taking, sending) } => {}
            () = passing(&clock) => unreachable!("it goes on"),
        }
        let most = if is_stopped || is_removed { 60 } else { 60 + 5 * 60 + 60 };
        let took = clock.monotonic().checked_sub(begun).unwrap();
        assert!(took <= Duration::from_secs(most), "{is_stopped} {is_removed}: {took:?}");
    }
}

/// Somebody follows, and the agent begins to send with these bytes.
async fn follow(world: &mut World, catch: &Catch, head: &'static [u8]) -> (Followed, ViewSink) {
    let mut following = catch.running.follow();
    assert!(following.as_mut().now_or_never().is_none());
    let view = world.asked_for().unwrap();
    let sink = world.sink(view).unwrap();
    let (followed, sent) = tokio::join!(following, sink.push(Bytes::from_static(head)));
    assert!(sent);
    (followed.unwrap(), sink)
}

#[tokio::test]
async fn a_capture_in_parts_is_followed() {
    let mut world = World::speaking(2).await;
    let catch = world.begin().await;
    let (first, one) = follow(&mut world, &catch, b"one").await;
    let (second, two) = follow(&mut world, &catch, b"two").await;
    let all = async |followed: Followed| {
        let all: Vec<_> = followed.collect().await;
        all.into_iter().map(|bytes| bytes.unwrap()).collect::<Vec<_>>().concat()
    };
    let sending = async {
        assert!(one.push(Bytes::from_static(b" more")).await);
        one.end().await;
        two.end().await;
    };
    let (one, two, ()) = tokio::join!(all(first), all(second), sending);
    assert_eq!((&one[..], &two[..]), (&b"one more"[..], &b"two"[..]));
    // What is cut off is no end.
    let (mut third, sink) = follow(&mut world, &catch, b"three").await;
    drop(sink);
    assert_eq!(third.next().await.unwrap().unwrap(), "three");
    assert!(third.next().await.unwrap().is_err() && third.next().await.is_none());
    // Who goes is missed at once, and not with the next packet.
    let (fourth, sink) = follow(&mut world, &catch, b"four").await;
    assert!(sink.closed().now_or_never().is_none());
    drop(fourth);
    sink.closed().await;
}

#[tokio::test]
async fn so_many_follow_and_no_more() {
    let mut world = World::speaking(2).await;
    let catch = world.begin().await;
    let mut followed = Vec::new();
    for _ in 0..FOLLOWERS_MAX {
        followed.push(follow(&mut world, &catch, b"one").await);
    }
    assert_eq!(catch.running.follow().await.err(), Some(FollowError::TooMany));
    followed.pop();
    followed.push(follow(&mut world, &catch, b"one").await);
    drop(followed);
    // What the agent says to be over is not asked for.
    world.end(1, 1);
    assert_eq!(catch.running.follow().await.err(), Some(FollowError::Over));
}

#[tokio::test]
async fn who_cannot_show_it_says_so() {
    let mut world = World::speaking(1).await;
    let refused = world.site().agent.begin(live()).await.err().unwrap();
    assert!(refused.to_string().contains("too old"), "{refused}");
    assert!(world.sink(0).is_none());
    let catch = world.begin().await;
    assert_eq!(catch.running.follow().await.err(), Some(FollowError::Unable));
    drop(world.attached);
    assert_eq!(catch.running.follow().await.err(), Some(FollowError::Away));
    assert!(world.agents.views.lock().is_empty());

    let mut world = World::speaking(2).await;
    let catch = world.begin().await;
    for is_empty in [true, false] {
        let mut following = catch.running.follow();
        assert!(following.as_mut().now_or_never().is_none());
        let view = world.asked_for().unwrap();
        // It was over there; or nothing of it comes in time.
        let expected = if is_empty {
            world.sink(view).unwrap().end().await;
            FollowError::Over
        } else {
            FollowError::Away
        };
        let clock = Arc::clone(&world.clock);
        let followed = tokio::select! {
            followed = following => followed,
            () = passing(&clock) => unreachable!("it goes on"),
        };
        assert_eq!(followed.err(), Some(expected));
        assert!(world.sink(view).is_none());
    }
}
