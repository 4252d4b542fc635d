//! Agents that are silent, away, or there for moments: each capture at them ends.

use super::*;

/// However an agent falls silent, a capture ends, and its message says what is not there.
#[tokio::test]
async fn a_capture_does_not_hang_at_an_agent() {
    for has_ended in [true, false] {
        let (world, mut catch, first) = World::with_first_part(has_ended.then_some(3)).await;
        let clock = Arc::clone(&world.clock);
        let passing = async {
            for _ in 0..30 {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                clock.advance(Duration::from_mins(1));
            }
            std::future::pending::<()>().await;
        };
        let (ended, rest) = tokio::select! {
            done = async { tokio::join!(catch.running.ended(), catch.pieces.next()) } => done,
            () = passing => unreachable!("it pends"),
        };
        assert!(rest.is_none());
        // The file's, and not what the agent says.
        assert_eq!(ended.counts, first.after, "{has_ended}");
        assert!(ended.trouble.unwrap().contains("did not deliver"));
    }
}

/// `agents.away` may be a day. What is there and silent is given up all the same.
#[tokio::test]
async fn an_agent_that_is_away_is_waited_for_as_long_as_the_fleet_says() {
    for has_ended in [true, false] {
        let (world, mut catch, first) = World::with_first_part(has_ended.then_some(2)).await;
        let World {
            agents,
            attached,
            clock,
            agent,
        } = world;
        drop(attached);
        let running = Arc::clone(&catch.running);
        let mut over = Box::pin(async { tokio::join!(running.ended(), catch.pieces.next()) });
        for _ in 0..23 * 4 {
            assert!(over.as_mut().now_or_never().is_none(), "{has_ended}");
            agents.fleet.give_up_after(Duration::from_hours(24));
            clock.advance(Duration::from_mins(15));
            // Or the runtime would find that this test asks too much at once, and answer nothing.
            tokio::task::yield_now().await;
        }
        let attached = agents.fleet.seat(agent).unwrap().attach().unwrap();
        let held = vec![order_of(order().capture)];
        let ToServer::Hello(greeting) = hello() else {
            unreachable!("it is one")
        };
        attached.take(ToServer::Hello(Hello { held, ..greeting })).unwrap();
        let mut minutes = 0;
        let (ended, rest) = loop {
            if let Some(over) = over.as_mut().now_or_never() {
                break over;
            }
            minutes += 1;
            assert!(minutes < 30, "it is there, and says nothing");
            clock.advance(Duration::from_mins(1));
            tokio::task::yield_now().await;
        };
        assert!(minutes >= 8 && rest.is_none(), "{minutes}");
        assert_eq!(ended.counts, first.after);
        assert!(ended.trouble.unwrap().contains("did not deliver"));
    }
}

/// An agent that comes for a moment, holds what it holds, and says nothing of it has an end too.
#[tokio::test]
async fn an_agent_that_comes_and_goes_does_not_keep_a_capture_for_ever() {
    for has_ended in [true, false] {
        let (world, mut catch, _) = World::with_first_part(has_ended.then_some(2)).await;
        let World {
            agents,
            attached,
            clock,
            agent,
        } = world;
        drop(attached);
        let seat = agents.fleet.seat(agent).unwrap();
        let running = Arc::clone(&catch.running);
        let mut over = Box::pin(async { tokio::join!(running.ended(), catch.pieces.next()) });
        let held = vec![order_of(order().capture)];
        let (away_max, period) = (Duration::from_mins(10), Duration::from_secs(15));
        let mut waited = Duration::ZERO;
        let (ended, rest) = loop {
            if let Some(over) = over.as_mut().now_or_never() {
                break over;
            }
            assert!(waited < Duration::from_mins(60), "{has_ended}");
            clock.advance(period);
            waited += period;
            agents.fleet.give_up_after(away_max);
            let ToServer::Hello(greeting) = hello() else {
                unreachable!("it is one")
            };
            let held = held.clone();
            let attached = seat.attach().unwrap();
            attached.take(ToServer::Hello(Hello { held, ..greeting })).unwrap();
            drop(attached);
            tokio::task::yield_now().await;
        };
        assert!(waited >= away_max && rest.is_none(), "{waited:?}");
        assert!(ended.trouble.unwrap().contains("did not deliver"));
    }
}

/// Over a slow line a part may be the next of many.
#[tokio::test]
async fn who_sends_parts_of_other_captures_is_waited_for_longer() {
    let mut world = World::new().await;
    let mut catch = world.begin().await;
    let seat = world.agents.fleet.seat(world.agent).unwrap();
    world.end(2, 2);
    let running = Arc::clone(&catch.running);
    let mut over = Box::pin(async { tokio::join!(running.ended(), catch.pieces.next()) });
    let mut minutes = 0;
    while over.as_mut().now_or_never().is_none() {
        minutes += 1;
        if minutes < 100 {
            seat.hear_part();
        }
        assert!(minutes < 200, "nothing comes any more");
        world.clock.advance(Duration::from_mins(1));
        tokio::task::yield_now().await;
    }
    assert!((108..=120).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn a_lost_agent_leaves_what_has_come() {
    let mut world = World::new().await;
    let mut catch = world.begin().await;
    let first = world.first_part(&mut catch).await;
    let World {
        agents,
        attached,
        clock,
        ..
    } = world;
    drop(attached);
    clock.advance(Duration::from_secs(61));
    agents.fleet.give_up_after(Duration::from_mins(1));
    let (ended, rest) = tokio::join!(catch.running.ended(), catch.pieces.next());
    assert!(rest.is_none());
    assert_eq!(ended.counts, first.after);
    assert!(ended.trouble.unwrap().contains("did not come back"));
}
