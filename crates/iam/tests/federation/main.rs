//! Federated logins, with an identity provider of the test's own.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking; its modules are its own"
)]

#[path = "../common/mod.rs"]
mod common;
mod idp;

use baleen_iam::login::{Approach, LoginError};
use baleen_iam::{
    AuthMethod, Error, FederatedAnswer, FederatedRefusal, LOGIN_CODE_LIFE, LOGIN_REQUEST_LIFE, Lookup, PublicUrl,
    SamlProvider, SessionLength, UserInfo,
};
use baleen_meta::Request;
use baleen_policy::Action;
use baleen_runtime::Clock as _;
use baleen_saml::Refused;
use baleen_types::{AccessKeyId, RegionName, Timestamp};
use common::World;
use idp::TestIdp;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

const ISSUER: &str = "https://idp.example/metadata";

/// An account with a connection, and a user who logs in through it.
struct Joined {
    world: World,
    idp: TestIdp,
    provider: SamlProvider,
    ana: UserInfo,
}

fn here() -> PublicUrl {
    PublicUrl::parse("https://baleen.example").unwrap()
}

/// Where browsers are.
fn there() -> Approach<'static> {
    static REGION: LazyLock<RegionName> = LazyLock::new(|| RegionName::parse("DCA02").unwrap());
    Approach {
        source: IpAddr::from([192, 0, 2, 7]),
        region: &REGION,
    }
}

impl Joined {
    async fn new() -> Self {
        let world = World::new().await;
        let idp = TestIdp::new(ISSUER, world.clock.now());
        let provider = SamlProvider::new("baleen", world.account);
        let by = world.by(Action::IamRsCreateSamlConnection);
        let metadata = idp.metadata();
        world
            .iam
            .create_saml_connection(&by, &provider, metadata.as_bytes(), &here())
            .await
            .unwrap();
        let ana = federated(&world, "ana@example.com").await;
        Self {
            world,
            idp,
            provider,
            ana,
        }
    }

    /// Begins a login and has the identity provider answer it for a name.
    async fn answered(&self, name: &str) -> (String, String, String) {
        let start = self
            .world
            .iam
            .begin_federated_login(&self.provider, &here(), there())
            .await
            .unwrap();
        let (response, relay_state) = self.idp.answer(&start.redirect_url, name, self.world.clock.now());
        (start.cookie.expose().to_owned(), relay_state, response)
    }

    async fn prove(&self, (cookie, relay_state, response): &(String, String, String)) -> Result<String, String> {
        let brought = FederatedAnswer {
            cookie: Some(cookie),
            relay_state,
            response,
        };
        let code = self
            .world
            .iam
            .prove_federated_login(&self.provider, &here(), &brought, there())
            .await;
        code.map(|(code, user)| {
            assert_eq!(user.account, self.provider.account());
            code.expose().to_owned()
        })
        .map_err(why)
    }

    async fn exchange(&self, code: &str) -> Result<AccessKeyId, String> {
        let length = SessionLength::login(None).unwrap();
        let opened = self.world.iam.exchange_federated_login(code, length, there()).await;
        opened.map(|(_, session)| session.id).map_err(why)
    }

    async fn session(&self) -> AccessKeyId {
        let code = self.prove(&self.answered("ana@example.com").await).await.unwrap();
        self.exchange(&code).await.unwrap()
    }

    async fn lives(&self, id: &AccessKeyId) -> bool {
        matches!(self.world.iam.credential(id).await.unwrap(), Lookup::Found(_))
    }
}

async fn federated(world: &World, name: &str) -> UserInfo {
    let user = world.user(name).await;
    let by = world.by(Action::IamRsSetUserAuthMethod);
    world
        .iam
        .set_auth_method(&by, user.id, AuthMethod::Federated)
        .await
        .unwrap();
    user
}

/// The reason, which the sender is not told.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn why(error: LoginError) -> String {
    let LoginError::Iam(Error::FederatedLogin(reason)) = &error else {
        return format!("{error:?}");
    };
    assert_eq!(error.to_string(), Refused::PUBLIC);
    format!("{reason:?}")
}

fn debug(refusal: &FederatedRefusal) -> String {
    format!("{refusal:?}")
}

#[tokio::test]
async fn login_after_a_change_of_the_master_key() {
    let mut joined = Joined::new().await;
    let before = joined.answered("ana@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("master.key");
    baleen_keyring::write_private(&file, hex::encode(common::MASTER).as_bytes()).unwrap();
    let keyring = baleen_keyring::Keyring::open(baleen_keyring::Parts {
        meta: joined.world.meta.clone(),
        file: baleen_keyring::KeyFile::at(&file),
        kinds: baleen_iam::SEALED.to_vec(),
        clock: joined.world.clock.clone(),
        entropy: baleen_runtime::SeededEntropy::new(7),
    })
    .await
    .unwrap();
    let status = keyring.rotate(|_| {}).await.unwrap();
    let saml = status.sealed.kinds.iter().find(|kind| kind.name == "SAML keys");
    assert_eq!(saml.map(|kind| kind.resealed), Some(1));
    keyring.retire(|_| {}).await.unwrap();
    joined.world.restart_with(keyring.sealer());
    // Our key signs on; a login that was begun with what the old key sealed is begun anew.
    assert_eq!(joined.prove(&before).await, Err(debug(&FederatedRefusal::OtherBrowser)));
    let id = joined.session().await;
    assert!(joined.lives(&id).await);
}

#[tokio::test]
async fn login() {
    let joined = Joined::new().await;
    let id = joined.session().await;
    let Lookup::Found(known) = joined.world.iam.credential(&id).await.unwrap() else {
        panic!("a session")
    };
    assert_eq!(known.principal.user().unwrap().id, joined.ana.id);
    let state = joined.world.iam.login_state(joined.world.account, joined.ana.id).await;
    assert_eq!(state.unwrap().last_login, Some(joined.world.clock.now()), "LastAccess");
    // Names are compared without case, as everywhere.
    assert!(joined.prove(&joined.answered("Ana@Example.COM").await).await.is_ok());
}

#[tokio::test]
async fn connection_as_admins_see_it() {
    let joined = Joined::new().await;
    let iam = &joined.world.iam;
    let by = joined.world.by(Action::IamRsGetSamlConnection);
    let seen = iam.saml_connection(&by, &here()).await.unwrap();
    let name = format!("baleen-{}-saml", joined.world.account);
    assert_eq!(seen.provider, name);
    assert_eq!(seen.entity_id, format!("urn:baleen:{name}"));
    assert_eq!(seen.provider_url, format!("https://baleen.example/saml/{name}/acs"));
    assert!(seen.expiry > joined.world.clock.now());
    let metadata = iam.saml_metadata(&joined.provider, &here(), there()).await.unwrap();
    assert!(metadata.contains(&seen.entity_id) && metadata.contains(&seen.provider_url));

    let again = iam
        .create_saml_connection(&by, &joined.provider, joined.idp.metadata().as_bytes(), &here())
        .await;
    assert!(matches!(again, Err(Error::EntityAlreadyExists { .. })));
    for metadata in ["", "<a/>", "<!DOCTYPE a><a/>"] {
        let updated = iam.update_saml_connection(&by, metadata.as_bytes(), &here()).await;
        assert!(matches!(updated, Err(Error::BadMetadata(_))), "{metadata}");
    }
    iam.delete_saml_connection(&by).await.unwrap();
    assert!(matches!(
        iam.saml_connection(&by, &here()).await,
        Err(Error::NoSuchEntity { .. })
    ));
    assert!(matches!(
        iam.delete_saml_connection(&by).await,
        Err(Error::NoSuchEntity { .. })
    ));
}

#[tokio::test]
async fn connections_that_are_not_there() {
    let joined = Joined::new().await;
    let iam = &joined.world.iam;
    let other = SamlProvider::new("other", joined.world.account);
    assert!(matches!(
        iam.begin_federated_login(&other, &here(), there()).await,
        Err(LoginError::Iam(Error::NoSuchEntity { .. }))
    ));
    assert!(matches!(
        iam.saml_metadata(&other, &here(), there()).await,
        Err(LoginError::Iam(Error::NoSuchEntity { .. }))
    ));
}

#[tokio::test]
async fn names_of_nobody() {
    let joined = Joined::new().await;
    joined.world.user("password@example.com").await;
    let nobody = debug(&FederatedRefusal::NoSuchUser);
    let root = joined.world.root.principal.user().unwrap().name.to_string();
    for name in ["unknown@example.com", "password@example.com", "a b", &root] {
        assert_eq!(
            joined.prove(&joined.answered(name).await).await,
            Err(nobody.clone()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn other_browsers() {
    let joined = Joined::new().await;
    let (mine, theirs) = (
        joined.answered("ana@example.com").await,
        joined.answered("ana@example.com").await,
    );
    let other_browser = debug(&FederatedRefusal::OtherBrowser);
    // Login CSRF: the answer to one browser's request is brought by another browser.
    let mixed = (mine.0.clone(), theirs.1.clone(), theirs.2.clone());
    assert_eq!(joined.prove(&mixed).await, Err(other_browser.clone()));
    let mixed = (mine.0.clone(), mine.1.clone(), theirs.2.clone());
    assert_eq!(
        joined.prove(&mixed).await,
        Err(debug(&FederatedRefusal::Answer(Refused::OtherRequest)))
    );
    for cookie in ["", "00", &"0".repeat(5000), &mine.0.replace('a', "b")] {
        let forged = (cookie.to_owned(), mine.1.clone(), mine.2.clone());
        assert_eq!(joined.prove(&forged).await, Err(other_browser.clone()));
    }
    let brought = FederatedAnswer {
        cookie: None,
        relay_state: &mine.1,
        response: &mine.2,
    };
    let without = joined
        .world
        .iam
        .prove_federated_login(&joined.provider, &here(), &brought, there())
        .await;
    assert_eq!(without.map(|_| ()).map_err(why), Err(other_browser));
    assert!(joined.prove(&mine).await.is_ok());
}

#[tokio::test]
async fn used_twice() {
    let joined = Joined::new().await;
    let answered = joined.answered("ana@example.com").await;
    let code = joined.prove(&answered).await.unwrap();
    assert_eq!(
        joined.prove(&answered).await,
        Err(debug(&FederatedRefusal::Answer(Refused::Replayed)))
    );
    joined.exchange(&code).await.unwrap();
    assert_eq!(joined.exchange(&code).await, Err(debug(&FederatedRefusal::Code)));
    // Forgotten only when it is refused by its time.
    joined.world.iam.sweep_used_assertions().await.unwrap();
    assert_eq!(
        joined.prove(&answered).await,
        Err(debug(&FederatedRefusal::Answer(Refused::Replayed)))
    );
    joined.world.clock.advance(LOGIN_REQUEST_LIFE);
    joined.world.iam.sweep_used_assertions().await.unwrap();
    assert_eq!(
        joined.prove(&answered).await,
        Err(debug(&FederatedRefusal::OtherBrowser))
    );
}

#[tokio::test]
async fn too_late() {
    let joined = Joined::new().await;
    let code = joined.prove(&joined.answered("ana@example.com").await).await.unwrap();
    joined.world.clock.advance(LOGIN_CODE_LIFE);
    assert_eq!(joined.exchange(&code).await, Err(debug(&FederatedRefusal::Code)));
    for code in ["", "00", "x", &joined.answered("ana@example.com").await.0] {
        assert_eq!(
            joined.exchange(code).await,
            Err(debug(&FederatedRefusal::Code)),
            "{code}"
        );
    }
}

#[tokio::test]
async fn user_that_changed_meanwhile() {
    let joined = Joined::new().await;
    let code = joined.prove(&joined.answered("ana@example.com").await).await.unwrap();
    let by = joined.world.by(Action::IamRsSetUserAuthMethod);
    joined
        .world
        .iam
        .set_auth_method(&by, joined.ana.id, AuthMethod::Password)
        .await
        .unwrap();
    assert_eq!(joined.exchange(&code).await, Err(debug(&FederatedRefusal::Code)));
}

#[tokio::test]
async fn another_identity_provider_ends_sessions() {
    let joined = Joined::new().await;
    let iam = &joined.world.iam;
    let id = joined.session().await;
    let code = joined.prove(&joined.answered("ana@example.com").await).await.unwrap();
    let begun = joined.answered("ana@example.com").await;
    let by = joined.world.by(Action::IamRsUpdateSamlConnection);

    // The same one with another certificate: nothing ends.
    let rolled = TestIdp::new(ISSUER, joined.world.clock.now());
    iam.update_saml_connection(&by, rolled.metadata().as_bytes(), &here())
        .await
        .unwrap();
    assert!(joined.lives(&id).await);
    let refused = joined.prove(&begun).await.unwrap_err();
    assert!(
        refused.contains("Signature"),
        "the former key is not trusted any more: {refused}"
    );

    let another = TestIdp::new("https://other.example/metadata", joined.world.clock.now());
    iam.update_saml_connection(&by, another.metadata().as_bytes(), &here())
        .await
        .unwrap();
    assert!(!joined.lives(&id).await);
    assert_eq!(joined.exchange(&code).await, Err(debug(&FederatedRefusal::Code)));
    assert_eq!(
        joined.prove(&begun).await,
        Err(debug(&FederatedRefusal::OtherConnection))
    );
    let joined = Joined { idp: another, ..joined };
    assert!(joined.lives(&joined.session().await).await);
}

/// Ending a connection, cut at each point at which it waits: either nothing has ended, or all has. In no state does anybody come
/// through a connection that lets nobody in.
#[tokio::test]
async fn an_end_that_is_cut() {
    for is_deletion in [true, false] {
        let joined = Joined::new().await;
        federated(&joined.world, "bob@example.com").await;
        let by = joined.world.by(Action::IamRsDeleteSamlConnection);
        let another = TestIdp::new("https://other.example/metadata", joined.world.clock.now()).metadata();
        let (iam, at) = (&joined.world.iam, here());
        for polls in 0.. {
            let mut sessions = Vec::new();
            for name in ["ana@example.com", "bob@example.com"] {
                let code = joined.prove(&joined.answered(name).await).await.unwrap();
                sessions.push(joined.exchange(&code).await.unwrap());
            }
            {
                let ending = async {
                    if is_deletion {
                        iam.delete_saml_connection(&by).await.unwrap();
                    } else {
                        let updated = iam.update_saml_connection(&by, another.as_bytes(), &at);
                        updated.await.unwrap();
                    }
                };
                let mut ending = std::pin::pin!(ending);
                for _ in 0..polls {
                    if futures::poll!(&mut ending).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            // What was handed over before the cut is still done, and before anything that is handed over now.
            let behind_it = Request::new().put(b"behind".to_vec(), b"".to_vec());
            assert!(joined.world.meta.commit(behind_it).await.unwrap().is_committed());
            let is_open = match iam.begin_federated_login(&joined.provider, &at, there()).await {
                Ok(_) => joined.prove(&joined.answered("ana@example.com").await).await.is_ok(),
                Err(_) => false,
            };
            let restarted = common::service(&joined.world.meta, &joined.world.clock, 9);
            for id in &sessions {
                assert_eq!(
                    joined.lives(id).await,
                    is_open,
                    "deletion: {is_deletion}, {polls} polls"
                );
                let lives = matches!(restarted.credential(id).await.unwrap(), Lookup::Found(_));
                assert_eq!(lives, is_open, "deletion: {is_deletion}, {polls} polls, read anew");
            }
            if !is_open {
                break;
            }
            assert!(polls < 1_000, "it never ends");
        }
    }
}

#[tokio::test]
async fn deletion_ends_sessions() {
    let joined = Joined::new().await;
    let id = joined.session().await;
    let code = joined.prove(&joined.answered("ana@example.com").await).await.unwrap();
    let begun = joined.answered("ana@example.com").await;
    let by = joined.world.by(Action::IamRsDeleteSamlConnection);
    joined.world.iam.delete_saml_connection(&by).await.unwrap();
    assert!(!joined.lives(&id).await);
    assert_eq!(joined.exchange(&code).await, Err(debug(&FederatedRefusal::Code)));
    assert_eq!(
        joined.prove(&begun).await,
        Err(debug(&FederatedRefusal::OtherConnection))
    );
}

#[tokio::test]
async fn session_ends_when_the_identity_provider_wants() {
    let joined = Joined::new().await;
    let now = joined.world.clock.now();
    let end = now.plus(Duration::from_secs(90));
    let start = joined
        .world
        .iam
        .begin_federated_login(&joined.provider, &here(), there())
        .await
        .unwrap();
    let (response, relay_state) = joined
        .idp
        .answer_until(&start.redirect_url, "ana@example.com", now, Some(end));
    let code = joined
        .prove(&(start.cookie.expose().to_owned(), relay_state, response))
        .await
        .unwrap();
    let length = SessionLength::login(None).unwrap();
    let (_, opened) = joined
        .world
        .iam
        .exchange_federated_login(&code, length, there())
        .await
        .unwrap();
    assert_eq!(opened.expires, end);
}

#[tokio::test]
async fn key_is_sealed() {
    let joined = Joined::new().await;
    let all = joined.world.meta.scan(baleen_meta::Scan::prefix(b"o")).await.unwrap();
    assert_eq!(all.len(), 1);
    let raw = String::from_utf8_lossy(&all[0].value).into_owned();
    // Every RSA key in PKCS #8 begins so, in base64.
    assert!(!raw.contains("MIIE"));
}

#[tokio::test]
async fn clock_of_the_answer() {
    let joined = Joined::new().await;
    let start = joined
        .world
        .iam
        .begin_federated_login(&joined.provider, &here(), there())
        .await
        .unwrap();
    let earlier = Timestamp::from_secs(joined.world.clock.now().as_secs() - 3600);
    let (response, relay_state) = joined.idp.answer(&start.redirect_url, "ana@example.com", earlier);
    let refused = joined
        .prove(&(start.cookie.expose().to_owned(), relay_state, response))
        .await
        .unwrap_err();
    assert!(refused.contains("Time"), "{refused}");
}

/// Whoever keeps sending what proves nothing is turned away before any of it is looked at; whoever proves something is not
/// counted, however many do so from one address.
#[tokio::test]
async fn what_fails_is_counted_by_address() {
    let joined = Joined::new().await;
    let other = SamlProvider::new("other", joined.world.account);
    for _ in 0..50 {
        let code = joined.prove(&joined.answered("ana@example.com").await).await.unwrap();
        joined.exchange(&code).await.unwrap();
    }
    let good = joined.answered("ana@example.com").await;
    let forged = (good.0.clone(), good.1.clone(), "AAAA".to_owned());
    let iam = &joined.world.iam;
    for _ in 0..5 {
        assert!(joined.prove(&forged).await.unwrap_err().contains("Xml"));
        assert_eq!(joined.exchange("00").await, Err(debug(&FederatedRefusal::Code)));
        assert!(iam.begin_federated_login(&other, &here(), there()).await.is_err());
        assert!(iam.saml_metadata(&other, &here(), there()).await.is_err());
    }
    let brought = FederatedAnswer {
        cookie: Some(&good.0),
        relay_state: &good.1,
        response: &good.2,
    };
    let length = SessionLength::login(None).unwrap();
    let at = here();
    for outcome in [
        iam.prove_federated_login(&joined.provider, &at, &brought, there())
            .await
            .map(drop),
        iam.exchange_federated_login("00", length, there()).await.map(drop),
        iam.begin_federated_login(&joined.provider, &at, there())
            .await
            .map(drop),
        iam.saml_metadata(&joined.provider, &at, there()).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(LoginError::Throttled { .. })), "{outcome:?}");
    }
    let elsewhere = Approach {
        source: IpAddr::from([198, 51, 100, 7]),
        ..there()
    };
    iam.saml_metadata(&joined.provider, &at, elsewhere).await.unwrap();
    joined.world.clock.advance(Duration::from_secs(60));
    joined.prove(&good).await.unwrap();
}
