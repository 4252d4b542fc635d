//! Who may become an agent, and how it is known afterwards.

use super::*;
use crate::limits::{ATTEMPTS_MAX, ATTEMPTS_PERIOD};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use baleen_agentwire::{Hello, ToAgent, ToServer};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::Ring;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use zeroize::Zeroizing;

const DAY: Duration = Duration::from_hours(24);

struct World {
    clock: Arc<ManualClock>,
    meta: Meta,
    fleet: Arc<Fleet>,
}

fn parts(meta: &Meta, clock: &Arc<ManualClock>, seed: u64) -> Parts {
    Parts {
        meta: meta.clone(),
        sealer: Arc::new(Sealer::of(&Ring::single(Zeroizing::new([7; 32])))),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: SeededEntropy::new(seed),
    }
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::new(Timestamp::parse_rfc3339("2026-06-01T00:00:00Z").unwrap());
        let meta = Meta::open_model();
        let fleet = Fleet::open(parts(&meta, &clock, 1)).await.unwrap();
        Self { clock, meta, fleet }
    }

    async fn token(&self, account: AccountId) -> AgentToken {
        self.fleet.new_token(account, new_token()).await.unwrap().0
    }

    async fn enrol(&self, token: &AgentToken) -> Result<Enrolled, Error> {
        let text = token.text().expose();
        self.fleet
            .enrol(HERE, text, &proof(Purpose::Enrol { token: text }), "host")
            .await
    }

    async fn agent(&self, account: AccountId) -> Enrolled {
        self.enrol(&self.token(account).await).await.unwrap()
    }

    async fn known(&self, certificate: &[u8]) -> Option<AgentId> {
        let known = self.fleet.known(&sha256(certificate)).await.unwrap();
        known.map(|known| known.id)
    }
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn account(number: u64) -> AccountId {
    AccountId::from_u64(100_000_000_000 + number).unwrap()
}

fn new_token() -> NewToken {
    NewToken {
        site: SiteName::parse("ord02").unwrap(),
        groups: vec![SiteName::parse("edge").unwrap()],
        is_shared: false,
        life: DAY,
    }
}

fn proof(purpose: Purpose<'_>) -> KeyProof {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let public_key = pair.public_key().as_ref().to_vec();
    let text = KeyProof::signed_text(&public_key, purpose);
    KeyProof {
        signature: pair.sign(&SystemRandom::new(), &text).unwrap().as_ref().to_vec(),
        public_key,
    }
}

#[tokio::test]
async fn a_token_lets_one_agent_in() {
    let world = World::new().await;
    let token = world.token(account(1)).await;
    let made = world.enrol(&token).await.unwrap();
    assert_eq!(made.authority, world.fleet.authority());
    assert_eq!(sha256(&made.authority), token.authority);
    assert_eq!(world.known(&made.certificate).await, Some(made.id));
    let seat = world.fleet.seat(made.id).unwrap();
    assert_eq!(
        (seat.account, seat.site.as_str(), seat.is_shared),
        (account(1), "ord02", false)
    );
    assert!(matches!(world.enrol(&token).await, Err(Error::BadToken)));
    // Neither is known by anybody else's name.
    assert_eq!(world.known(b"another certificate").await, None);
    let listed = world.fleet.agents(account(1)).await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].id, listed[0].name.as_str()),
        (1, made.id, "host")
    );
    assert_eq!(world.fleet.agents(account(2)).await.unwrap(), []);
}

#[tokio::test]
async fn a_token_shown_by_many_at_once_lets_one_in() {
    let world = World::new().await;
    for _ in 0..5 {
        let token = world.token(account(1)).await;
        let tried = (0..16).map(|_| {
            let (fleet, text) = (Arc::clone(&world.fleet), token.text().expose().to_owned());
            // From different places, so that none is kept from trying.
            let from = IpAddr::from(rand_address());
            tokio::spawn(async move {
                let proof = proof(Purpose::Enrol { token: &text });
                fleet.enrol(from, &text, &proof, "host").await.is_ok()
            })
        });
        let tried: Vec<_> = tried.collect();
        let mut let_in = 0;
        for tried in tried {
            let_in += usize::from(tried.await.unwrap());
        }
        assert_eq!(let_in, 1);
    }
    assert_eq!(world.fleet.agents(account(1)).await.unwrap().len(), 5);
    // Nothing is left of what lost.
    let certificates =
        Scan::prefix(&baleen_meta::keys::KeyWriter::new(baleen_meta::keys::Table::AgentCertificate).finish());
    assert_eq!(world.meta.scan(certificates).await.unwrap().len(), 5);
}

/// A new address each time.
fn rand_address() -> [u8; 4] {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0x0a00_0000);
    NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes()
}

#[tokio::test]
async fn what_is_no_token_and_no_key_lets_nobody_in() {
    let world = World::new().await;
    let token = world.token(account(1)).await;
    let text = token.text().expose();
    let good = proof(Purpose::Enrol { token: text });
    let try_with = async |token: &str, proof: &KeyProof, name: &str| {
        let from = IpAddr::from(rand_address());
        world.fleet.enrol(from, token, proof, name).await
    };
    // Of another account, of another authority, guessed, and nothing at all.
    let other_account = text.replace(&account(1).to_string(), &account(2).to_string());
    let other_authority = format!("{}{}", &text[..text.len() - 64], "0".repeat(64));
    for wrong in [
        other_account.as_str(),
        &other_authority,
        "",
        "blagent1",
        &"x".repeat(100_000),
    ] {
        let refused = try_with(wrong, &proof(Purpose::Enrol { token: wrong }), "host").await;
        assert!(matches!(refused, Err(Error::BadToken)), "{refused:?}");
    }
    // A key that is proven for something else, one that is somebody else's, and what is none.
    let certificate = &[0; 32];
    let forged = [
        proof(Purpose::Renew { certificate }),
        proof(Purpose::Enrol { token: "other" }),
        KeyProof {
            public_key: proof(Purpose::Enrol { token: text }).public_key,
            ..good.clone()
        },
        KeyProof {
            public_key: Vec::new(),
            signature: Vec::new(),
        },
    ];
    for forged in forged {
        assert!(matches!(try_with(text, &forged, "host").await, Err(Error::BadProof(_))));
    }
    for name in ["", "a\nb", "\u{202e}evil", &"x".repeat(NAME_BYTES_MAX + 1)] {
        assert!(
            matches!(try_with(text, &good, name).await, Err(Error::Invalid(_))),
            "{name:?}"
        );
    }
    // None of them used it up.
    assert!(try_with(text, &good, "host").await.is_ok());
    // One that is over.
    let late = world.token(account(1)).await;
    world.clock.advance(DAY);
    assert!(matches!(world.enrol(&late).await, Err(Error::BadToken)));
}

#[tokio::test]
async fn who_guesses_is_not_listened_to() {
    let world = World::new().await;
    let token = world.token(account(1)).await;
    let guess = token
        .text()
        .expose()
        .replace(&account(1).to_string(), &account(2).to_string());
    for _ in 0..ATTEMPTS_MAX {
        let refused = world
            .fleet
            .enrol(HERE, &guess, &proof(Purpose::Enrol { token: &guess }), "h")
            .await;
        assert!(matches!(refused, Err(Error::BadToken)));
    }
    // Not even with a good one, from there; and from there only.
    assert!(matches!(world.enrol(&token).await, Err(Error::TooManyAttempts)));
    world.clock.advance(ATTEMPTS_PERIOD);
    assert!(world.enrol(&token).await.is_ok());
}

#[tokio::test]
async fn tokens_are_bounded_and_forgotten() {
    let world = World::new().await;
    for _ in 0..TOKENS_PER_ACCOUNT_MAX {
        world.token(account(1)).await;
    }
    let more = world.fleet.new_token(account(1), new_token()).await;
    assert!(matches!(more, Err(Error::TooManyTokens)));
    world.token(account(2)).await;
    world.clock.advance(DAY);
    world.token(account(1)).await;
    let held = world
        .meta
        .scan(Scan::prefix(&records::tokens_of(account(1))))
        .await
        .unwrap();
    assert_eq!(held.len(), 1);
    for (life, groups) in [
        (Duration::ZERO, 1),
        (TOKEN_LIFE_MAX + Duration::from_nanos(1), 1),
        (DAY, GROUPS_MAX + 1),
    ] {
        let wrong = NewToken {
            life,
            groups: vec![SiteName::parse("g").unwrap(); groups],
            ..new_token()
        };
        assert!(matches!(
            world.fleet.new_token(account(1), wrong).await,
            Err(Error::Invalid(_))
        ));
    }
    // A token is stored as what it cannot be had from.
    let stored = world
        .meta
        .scan(Scan::prefix(&records::tokens_of(account(2))))
        .await
        .unwrap();
    assert!(!format!("{stored:?}").contains("blagent1"));
}

#[tokio::test]
async fn agents_of_an_account_are_bounded() {
    let world = World::new().await;
    let stored = StoredAgent {
        name: "x".to_owned(),
        site: "x".to_owned(),
        groups: Vec::new(),
        is_shared: false,
        certificate: [0; 32],
        previous: None,
        certificate_until_ns: 0,
        enrolled_ns: 0,
    };
    for n in 0..AGENTS_PER_ACCOUNT_MAX as u128 {
        let row = records::agent(account(1), AgentId::from_bytes(n.to_be_bytes()));
        let put = Request::new().put(row, record::encode(&stored).unwrap());
        world.meta.commit(put).await.unwrap();
    }
    let token = world.token(account(1)).await;
    assert!(matches!(world.enrol(&token).await, Err(Error::TooManyAgents)));
    // The token is still good, once there is room.
    world
        .fleet
        .remove(account(1), AgentId::from_bytes([0; 16]))
        .await
        .unwrap();
    assert!(world.enrol(&token).await.is_ok());
}

#[tokio::test]
async fn a_removed_agent_is_unknown_at_once() {
    let world = World::new().await;
    let agent = world.agent(account(1)).await;
    let seat = world.fleet.seat(agent.id).unwrap();
    let mut attached = seat.attach().unwrap();
    attached
        .take(ToServer::Hello(Hello {
            protocol: 1,
            ..Hello::default()
        }))
        .unwrap();
    // Not by another account.
    let refused = world.fleet.remove(account(2), agent.id).await;
    assert!(matches!(refused, Err(Error::NoSuchAgent(_))));
    world.fleet.remove(account(1), agent.id).await.unwrap();
    assert_eq!(world.known(&agent.certificate).await, None);
    assert!(world.fleet.seat(agent.id).is_none() && seat.attach().is_err());
    // Its connection ends, and it is told not to come back.
    let mut said = Vec::new();
    while let Some(message) = attached.next().await {
        said.push(message);
    }
    assert!(
        matches!(said.last(), Some(ToAgent::Bye { come_back: false, .. })),
        "{said:?}"
    );
    // It does not renew what it had.
    let known = Known {
        account: account(1),
        id: agent.id,
        certificate: sha256(&agent.certificate),
        until: world.clock.now(),
    };
    let certificate = &known.certificate;
    let renewed = world.fleet.renew(&known, &proof(Purpose::Renew { certificate })).await;
    assert!(matches!(renewed, Err(Error::NoSuchAgent(_))));
    assert!(matches!(
        world.fleet.remove(account(1), agent.id).await,
        Err(Error::NoSuchAgent(_))
    ));
}

#[tokio::test]
async fn a_renewed_certificate_replaces_the_one_before() {
    let world = World::new().await;
    let agent = world.agent(account(1)).await;
    let renew = async |certificate: &[u8]| {
        let known = world.fleet.known(&sha256(certificate)).await.unwrap().unwrap();
        let proof = proof(Purpose::Renew {
            certificate: &known.certificate,
        });
        world.fleet.renew(&known, &proof).await.unwrap().certificate
    };
    // Its answer was lost: the one before is known for as long as it is good, and renews again; what nobody got is unknown.
    let second = renew(&agent.certificate).await;
    assert_ne!(second, agent.certificate);
    world.clock.advance(DAY);
    assert_eq!(world.known(&agent.certificate).await, Some(agent.id));
    let third = renew(&agent.certificate).await;
    assert_eq!(world.known(&second).await, None);
    // From when the new one is first shown, the one before is known for some minutes and renews no more, however often it tries.
    assert_eq!(world.known(&third).await, Some(agent.id));
    world.clock.advance(PREVIOUS_LIFE / 2);
    assert_eq!(world.known(&third).await, Some(agent.id));
    let known = world.fleet.known(&sha256(&agent.certificate)).await.unwrap().unwrap();
    let again = proof(Purpose::Renew {
        certificate: &known.certificate,
    });
    assert!(matches!(world.fleet.renew(&known, &again).await, Err(Error::Succeeded)));
    world.clock.advance(PREVIOUS_LIFE / 2);
    assert_eq!(
        (world.known(&agent.certificate).await, world.known(&third).await),
        (None, Some(agent.id))
    );
    // A proof for another certificate is none for this one.
    let known = world.fleet.known(&sha256(&third)).await.unwrap().unwrap();
    let other = proof(Purpose::Renew { certificate: &[1; 32] });
    assert!(matches!(
        world.fleet.renew(&known, &other).await,
        Err(Error::BadProof(_))
    ));
    // Nothing of it is left when it goes.
    world.fleet.remove(account(1), agent.id).await.unwrap();
    for certificate in [&agent.certificate, &second, &third] {
        assert_eq!(world.known(certificate).await, None);
    }
}

/// A connection that stands for longer than its certificate makes nobody of it.
#[tokio::test]
async fn a_certificate_ends_when_it_says() {
    let world = World::new().await;
    let agent = world.agent(account(1)).await;
    let known = world.fleet.known(&sha256(&agent.certificate)).await.unwrap().unwrap();
    assert_eq!(known.until, world.clock.now().plus(CERTIFICATE_LIFE));
    assert_eq!(known.renews(), world.clock.now().plus(DAY * 60));
    // Not a renewal that nobody got lengthens it, nor many.
    for _ in 0..3 {
        world.clock.advance(DAY * 20);
        let certificate = &known.certificate;
        let proof = proof(Purpose::Renew { certificate });
        world.fleet.renew(&known, &proof).await.unwrap();
        assert_eq!(world.known(&agent.certificate).await, Some(agent.id));
    }
    world.clock.advance(DAY * 29 + Duration::from_secs(86_399));
    assert_eq!(world.known(&agent.certificate).await, Some(agent.id));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.known(&agent.certificate).await, None);
}

/// Whoever asks may go away at any point: seats are those of the agents that are stored.
#[tokio::test]
async fn seats_are_those_of_the_rows_whoever_goes_away() {
    let world = World::new().await;
    for polls in 0..12 {
        let token = world.token(account(1)).await;
        let mut enrolling = Box::pin(world.enrol(&token));
        for _ in 0..polls {
            if is_done(&mut enrolling).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(enrolling);
        settle(&world).await;
        for agent in world.fleet.agents(account(1)).await.unwrap() {
            let mut removing = Box::pin(world.fleet.remove(account(1), agent.id));
            for _ in 0..polls / 2 {
                if is_done(&mut removing).await {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(removing);
            settle(&world).await;
        }
    }
}

/// Asks once.
async fn is_done<F: Future>(work: &mut std::pin::Pin<Box<F>>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(work.as_mut().poll(context).is_ready())).await
}

/// Waits for what goes on without who asked for it, and compares.
async fn settle(world: &World) {
    for _ in 0..100 {
        tokio::task::yield_now().await;
        drop(world.fleet.turn.lock().await);
    }
    let stored = world.fleet.agents(account(1)).await.unwrap();
    let stored: Vec<_> = stored.iter().map(|agent| agent.id).collect();
    let seats: Vec<_> = world.fleet.seats().iter().map(|seat| seat.id).collect();
    assert_eq!(stored, seats);
}

#[tokio::test]
async fn a_purge_waits_for_who_is_being_let_in() {
    let world = World::new().await;
    world.agent(account(1)).await;
    let turn = world.fleet.turn.lock().await;
    let mut purge = Box::pin(world.fleet.purge_account(account(1)));
    assert!(!is_done(&mut purge).await);
    assert_eq!(world.fleet.seats().len(), 1);
    drop(turn);
    assert_eq!(purge.await.unwrap(), 1);
    assert!(world.fleet.seats().is_empty());
}

#[tokio::test]
async fn a_purge_leaves_nothing() {
    let world = World::new().await;
    let (mine, other) = (world.agent(account(1)).await, world.agent(account(2)).await);
    world.token(account(1)).await;
    assert_eq!(world.fleet.purge_account(account(1)).await.unwrap(), 1);
    assert_eq!(world.fleet.purge_account(account(1)).await.unwrap(), 0);
    assert_eq!(world.known(&mine.certificate).await, None);
    assert_eq!(world.known(&other.certificate).await, Some(other.id));
    for rows in [records::agents_of(account(1)), records::tokens_of(account(1))] {
        assert_eq!(world.meta.scan(Scan::prefix(&rows)).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_restart_knows_the_same_agents_and_the_same_authority() {
    let world = World::new().await;
    let agent = world.agent(account(1)).await;
    let again = Fleet::open(parts(&world.meta, &world.clock, 2)).await.unwrap();
    assert_eq!(again.authority(), world.fleet.authority());
    assert!(again.seat(agent.id).is_some());
    assert!(again.known(&sha256(&agent.certificate)).await.unwrap().is_some());
    // With another master key it does not open, and no other takes its place.
    let mut other = parts(&world.meta, &world.clock, 3);
    other.sealer = Arc::new(Sealer::of(&Ring::single(Zeroizing::new([8; 32]))));
    assert!(matches!(Fleet::open(other).await, Err(Error::Damaged(_))));
    // Its key stands nowhere in the clear.
    let stored = world.meta.get(&records::authority()).await.unwrap().unwrap();
    let opened: StoredAuthority = record::decode(&stored).unwrap();
    let key = parts(&world.meta, &world.clock, 4)
        .sealer
        .open(CONTEXT, &opened.sealed_key)
        .unwrap();
    let key = hex::decode(key.expose()).unwrap();
    // Behind it in PKCS#8 (RFC 5915, 3) stands the public key, which is in the certificate too.
    let private = &key[36..68];
    assert!(
        !stored
            .windows(16)
            .any(|window| private.windows(16).any(|part| part == window))
    );
}

/// Certificates are what they are for, and nothing else, for as long as they say.
#[tokio::test]
async fn certificates_are_good_for_one_thing() {
    let world = World::new().await;
    let agent = world.agent(account(1)).await;
    let server = world
        .fleet
        .server_identity(&["localhost".to_owned(), "192.0.2.9".to_owned()])
        .unwrap();
    assert!(world.fleet.server_identity(&["na\u{ef}ve".to_owned()]).is_err());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(world.fleet.authority().to_vec()))
        .unwrap();
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let servers = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .build()
        .unwrap();
    let at =
        |days: u64| UnixTime::since_unix_epoch(Duration::from_secs(1_780_272_000) + DAY * u32::try_from(days).unwrap());
    let is_client = |der: &[u8], days| {
        let der = CertificateDer::from(der.to_vec());
        clients.verify_client_cert(&der, &[], at(days)).is_ok()
    };
    let is_server = |der: &[u8], name: &str| {
        let (der, name) = (
            CertificateDer::from(der.to_vec()),
            ServerName::try_from(name.to_owned()).unwrap(),
        );
        servers.verify_server_cert(&der, &[], &name, &[], at(1)).is_ok()
    };
    assert_eq!(world.clock.now().as_secs(), 1_780_272_000);
    for (days, expected) in [(0, true), (89, true), (91, false)] {
        assert_eq!(is_client(&agent.certificate, days), expected, "{days}");
    }
    assert!(is_server(&server.chain[0], "localhost") && is_server(&server.chain[0], "192.0.2.9"));
    assert!(!is_server(&server.chain[0], "other"));
    // An agent is no server and a server is no agent; an agent signs nobody.
    assert!(!is_server(&agent.certificate, "localhost") && !is_client(&server.chain[0], 1));
}
