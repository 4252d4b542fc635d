//! An order at an agent that is played by the test, over the seat of a fleet.

use super::*;
use crate::agent::{Format, Limits};
use baleen_agentwire::{Hello, Interface, ToAgent, ToServer};
use baleen_filter::Filter;
use baleen_fleet::{Attached, NewToken};
use baleen_meta::Meta;
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::Sealer;
use baleen_types::{AccountId, SiteName, Timestamp};
use futures::FutureExt as _;
use zeroize::Zeroizing;

mod absence;
mod view;

const MIB: u64 = 1 << 20;

struct World {
    clock: Arc<ManualClock>,
    agents: Arc<RemoteAgents>,
    agent: AgentId,
    attached: Attached,
}

/// A key with its proof, as an agent makes it.
fn proof(token: &str) -> baleen_agentwire::KeyProof {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let public_key = pair.public_key().as_ref().to_vec();
    let text = baleen_agentwire::KeyProof::signed_text(&public_key, baleen_agentwire::Purpose::Enrol { token });
    let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), &text).unwrap();
    baleen_agentwire::KeyProof {
        signature: signature.as_ref().to_vec(),
        public_key,
    }
}

fn hello() -> ToServer {
    let interface = |name: &str, link| Interface {
        name: name.to_owned(),
        link,
        is_up: true,
    };
    ToServer::Hello(Hello {
        protocol: 1,
        interfaces: vec![interface("eth1", 1), interface("tun0", 101), interface("eth0", 1)],
        ..Hello::default()
    })
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
        let fleet = Fleet::open(baleen_fleet::Parts {
            meta: Meta::open_model(),
            sealer: Arc::new(Sealer::new(&Zeroizing::new([7; 32]))),
            clock: clock.clone(),
            entropy: SeededEntropy::new(1),
        });
        let fleet = fleet.await.unwrap();
        let new = NewToken {
            site: SiteName::parse("far01").unwrap(),
            groups: Vec::new(),
            is_shared: false,
            life: Duration::from_secs(60),
        };
        let (token, _) = fleet.new_token(owner(), new).await.unwrap();
        let text = token.text().expose();
        let from = std::net::Ipv4Addr::LOCALHOST.into();
        let agent = fleet.enrol(from, text, &proof(text), "far").await.unwrap().id;
        let attached = fleet.seat(agent).unwrap().attach().unwrap();
        attached.take(hello()).unwrap();
        Self {
            agents: RemoteAgents::new(fleet, clock.clone()),
            clock,
            agent,
            attached,
        }
    }

    /// The agent as it is found by a request.
    fn site(&self) -> Site {
        self.agents.sites().remove(0)
    }

    /// One whose agent has delivered the first part of a capture, and nothing behind it; it may have said with how many it ended.
    async fn with_first_part(ended_with: Option<u32>) -> (Self, Catch, Delivery) {
        let mut world = Self::new().await;
        let mut catch = world.begin().await;
        let first = world.first_part(&mut catch).await;
        if let Some(parts) = ended_with {
            world.end(parts, parts.into());
        }
        (world, catch, first)
    }

    /// Begins, with the agent saying that it does.
    async fn begin(&mut self) -> Catch {
        let site = self.site();
        let begun = site.agent.begin(order());
        let agent = async {
            loop {
                let said = self.attached.next().await.expect("the connection stands");
                let ToAgent::Begin(order, begin) = said else { continue };
                assert_eq!((begin.packets, begin.site.as_str()), (10_000, "far01"));
                self.attached.take(ToServer::Began { order, interfaces: 2 }).unwrap();
                return;
            }
        };
        let (begun, ()) = tokio::join!(begun, agent);
        begun.unwrap()
    }

    /// The first part, which is taken and noted; nothing more has come.
    async fn first_part(&self, catch: &mut Catch) -> Delivery {
        let first = self.part(0, false);
        let (sent, ()) = tokio::join!(self.agents.deliver(&first, Bytes::from_static(b"one")), async {
            catch.pieces.next().await.unwrap();
            // Asked for the next one, it is noted.
            assert!(catch.pieces.next().now_or_never().is_none());
        });
        sent.unwrap();
        first
    }

    fn part(&self, number: u32, ends_file: bool) -> Delivery {
        Delivery {
            agent: self.agent,
            order: order_of(order().capture),
            file: 0,
            number,
            bytes: 6 * MIB,
            crc32c: number,
            ends_file,
            after: Counts {
                packets: u64::from(number + 1),
                bytes: 6 * MIB * u64::from(number + 1),
                dropped: 0,
            },
        }
    }

    fn end(&self, parts: u32, packets: u64) {
        let ended = baleen_agentwire::Ended {
            counts: baleen_agentwire::Counts {
                packets,
                bytes: 6 * MIB * packets,
                dropped: 0,
            },
            parts,
            trouble: None,
            missing: Some("a\nb".to_owned()),
        };
        self.attached
            .take(ToServer::Ended(order_of(order().capture), ended))
            .unwrap();
    }
}

fn owner() -> AccountId {
    AccountId::parse("123456789012").unwrap()
}

fn order() -> Order {
    Order {
        capture: CaptureId::from_bytes([5; 16]),
        site: SiteName::parse("far01").unwrap(),
        filter: Filter::All,
        exclude: Vec::new(),
        limits: Limits {
            time: Duration::from_secs(60),
            packets: 10_000,
            bytes: 100 * MIB,
        },
        format: Format::Pcap,
        snaplen: None,
        rotation: crate::engine::Rotation::default(),
        masking: baleen_packet::masking::Masking::default(),
        is_live: false,
        interfaces: Vec::new(),
    }
}

#[tokio::test]
async fn an_agent_is_a_site_of_its_account() {
    let world = World::new().await;
    let site = world.site();
    assert_eq!((site.name.as_str(), site.agent.is_connected()), ("far01", true));
    assert_eq!(site.accounts, Accounts::Only(vec![owner()]));
    assert_eq!(site.agent.links().await, [LinkType::ETHERNET, LinkType::RAW]);
    let seen = crate::Sites::new(Vec::new()).with_agents(Arc::clone(&world.agents));
    let wanted = SiteName::parse("FAR").unwrap();
    assert!(seen.find(&wanted, owner()).is_some());
    assert!(seen.find(&wanted, AccountId::parse("123456789013").unwrap()).is_none());
}

#[tokio::test]
async fn parts_come_through_and_each_is_answered_when_the_next_is_asked_for() {
    let mut world = World::new().await;
    let mut catch = world.begin().await;
    assert_eq!(catch.interfaces, Some(2));
    let first = world.part(0, false);
    let mut sent = Box::pin(world.agents.deliver(&first, Bytes::from_static(b"one")));
    assert!(sent.as_mut().now_or_never().is_none());
    let piece = catch.pieces.next().await.unwrap();
    assert_eq!(
        (&piece.bytes[..], piece.ends_file, piece.after),
        (&b"one"[..], false, first.after)
    );
    // It is not noted yet.
    assert!(sent.as_mut().now_or_never().is_none());
    let last = world.part(1, true);
    let (done, last_done, piece, end) = tokio::join!(
        sent,
        world.agents.deliver(&last, Bytes::from_static(b"two")),
        async {
            let piece = catch.pieces.next().await.unwrap();
            assert!(catch.pieces.next().await.is_none());
            piece
        },
        async {
            // What the file holds counts, and not this.
            world.end(2, 9_999);
            catch.running.ended().await
        }
    );
    assert_eq!((done, last_done, &piece.bytes[..]), (Ok(()), Ok(()), &b"two"[..]));
    assert_eq!(
        (end.counts.packets, end.trouble, end.missing.as_deref()),
        (2, None, Some("a b"))
    );
    // When the run is over, its parts are nobody's, and the agent may forget it.
    drop(catch);
    assert_eq!(
        world.agents.would_take(&world.part(2, false)),
        Err(PartRefused::NotOrdered)
    );
    assert_eq!(
        world.attached.next().await,
        Some(ToAgent::Forget(order_of(order().capture)))
    );
}

/// What is said to have come before and has not is not taken for it, nor is its place given to no bytes.
#[tokio::test]
async fn a_part_that_comes_again_has_come_before() {
    let mut world = World::new().await;
    let mut catch = world.begin().await;
    let first = world.first_part(&mut catch).await;
    assert_eq!(world.agents.deliver_again(&first).await, Ok(()));
    let second = world.part(1, false);
    let refused = Err(PartRefused::NotOrdered);
    assert_eq!(world.agents.deliver_again(&second).await, refused);
    assert_eq!(world.agents.would_take(&second), Ok(Verdict::Next));
    // A run that another has replaced takes nothing of it away.
    let (lane, _parts) = Lane::resumed(&Before::nothing(order().limits));
    let other = Registered::new(&world.agents, (world.agent, first.order), lane);
    drop(catch);
    assert_eq!(world.agents.would_take(&world.part(0, false)), Ok(Verdict::Next));
    drop(other);
    assert_eq!(world.agents.would_take(&first), Err(PartRefused::NotOrdered));
}

#[tokio::test]
async fn what_was_not_ordered_is_not_there() {
    let mut world = World::new().await;
    let part = world.part(0, false);
    assert_eq!(world.agents.would_take(&part), Err(PartRefused::NotOrdered));
    let _catch = world.begin().await;
    assert_eq!(world.agents.would_take(&part), Ok(Verdict::Next));
    let other = |agent, order| Delivery { agent, order, ..part };
    let late = OrderId {
        generation: 2,
        ..part.order
    };
    let foreign = OrderId {
        capture: [6; 16],
        ..part.order
    };
    for wrong in [
        other(AgentId::from_bytes([0; 16]), part.order),
        other(part.agent, late),
        other(part.agent, foreign),
    ] {
        assert_eq!(world.agents.would_take(&wrong), Err(PartRefused::NotOrdered));
        let delivered = world.agents.deliver(&wrong, Bytes::new()).await;
        assert_eq!(delivered, Err(PartRefused::NotOrdered));
    }
}

#[tokio::test]
async fn an_agent_that_does_not_begin_is_not_waited_for() {
    let world = World::new().await;
    let site = world.site();
    let begun = site.agent.begin(order());
    let (begun, ()) = tokio::join!(begun, async {
        while world.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        // What it is not asked for, and then why not.
        world.clock.advance(REMOTE_BEGIN_PATIENCE);
    });
    assert!(begun.err().unwrap().0.contains("did not begin"));
    let refusal = |why: &str| ToServer::Refused {
        order: order_of(order().capture),
        why: why.to_owned(),
    };
    let (begun, ()) = tokio::join!(site.agent.begin(order()), async {
        tokio::task::yield_now().await;
        world.attached.take(refusal("this interface\nis not allowed")).unwrap();
    });
    assert_eq!(begun.err().unwrap().0, "this interface is not allowed");
    let World { agents, attached, .. } = world;
    drop(attached);
    let away = agents.sites().remove(0);
    assert!(!away.agent.is_connected());
    assert!(
        away.agent
            .begin(order())
            .await
            .err()
            .unwrap()
            .0
            .contains("not connected")
    );
    assert!(agents.lanes.lock().is_empty());
}
