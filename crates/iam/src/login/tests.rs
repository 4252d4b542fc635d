//! Logging in as attackers and owners try it. Hashings are counted, never timed.

mod codes;
mod first;
mod profiles;
mod resets;
mod root_reset;
mod rotation;
mod totals;

use super::hashing::tests::CountingHasher;
use super::totp::TotpSecret;
use super::{Approach, Hashing, LogIn, LoggedIn, LoginError, NewPassword, PolicyViolation};
use crate::{AuthMethod, Error, Iam, Lookup, NewUser, Parts, Path, RootOverrides, SessionLength, Tags, UserInfo};
use baleen_meta::Meta;
use baleen_policy::{Action, Ask, Authorized, Caller, Context, Credential, Principal, Resource, Role, User, authorize};
use baleen_runtime::{Entropy, ManualClock, SeededEntropy};
use baleen_sealing::Sealer;
use baleen_types::{AccessKeyId, AccountId, RegionName, Secret, Timestamp, UserName};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

const PASSWORD: &str = "Password22";
const OTHER: &str = "Password24";

/// The master key of the tests.
const MASTER: [u8; 32] = *b"known to every test, not secret.";

/// A customer with its root and Ann, who has a password.
struct World {
    iam: Arc<Iam>,
    clock: Arc<ManualClock>,
    hasher: Arc<CountingHasher>,
    meta: Meta,
    account: AccountId,
    root: Principal,
    ann: UserInfo,
    addresses: AtomicU32,
    region: RegionName,
}

impl World {
    async fn new() -> Self {
        Self::of(SeededEntropy::new(1)).await
    }

    async fn of(entropy: Arc<dyn Entropy>) -> Self {
        let (meta, clock) = (
            Meta::open_model(),
            ManualClock::new(Timestamp::from_secs(1_700_000_000)),
        );
        let sealer = Arc::new(Sealer::new(&Zeroizing::new(MASTER)));
        let (iam, hasher) = service_with(&meta, &clock, entropy, sealer);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.json");
        iam.ensure_root(&crate::root::tests::reseller(), &RootOverrides::default(), &file)
            .await
            .unwrap();
        let made: crate::RootCredentials = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let key = AccessKeyId::parse(&made.access_key_id).unwrap();
        let root = iam.credential(&key).await.unwrap().found().unwrap().principal.clone();
        let account = root.user().unwrap().account;
        let new = NewUser {
            name: UserName::parse("ann@example.com").unwrap(),
            path: Path::default(),
            tags: Tags::default(),
        };
        let ann = iam.create_user(&by(&root), new).await.unwrap();
        let password = NewPassword::parse(&Secret::new(PASSWORD)).unwrap();
        let set = iam
            .update_login_profile(&by(&root), ann.id, Some(&password), Some(false))
            .await;
        set.unwrap();
        Self {
            iam,
            clock,
            hasher,
            meta,
            account,
            root,
            ann,
            addresses: AtomicU32::new(0),
            region: RegionName::parse("DCA02").unwrap(),
        }
    }

    /// An address that nobody has used, so that only the user's own counter is at work.
    fn fresh_address(&self) -> IpAddr {
        let n = self.addresses.fetch_add(1, Ordering::SeqCst);
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + (n << 8)))
    }

    /// There, as whitelists see it.
    fn from(&self, source: IpAddr) -> Approach<'_> {
        Approach {
            source,
            region: &self.region,
        }
    }

    async fn log_in(&self, customer: Option<AccountId>, user: &str, password: &str, code: &str) -> Outcome {
        let source = self.fresh_address();
        self.log_in_from(source, customer, user, password, code).await
    }

    async fn log_in_from(
        &self,
        source: IpAddr,
        account: Option<AccountId>,
        user: &str,
        password: &str,
        code: &str,
    ) -> Outcome {
        let (password, code) = (Secret::new(password), Secret::new(code));
        let ask = LogIn {
            customer: "newcorp",
            account,
            user,
            password: &password,
            code: Some(&code),
            length: SessionLength::login(None).unwrap(),
            source,
        };
        self.iam.log_in(ask).await
    }

    /// Ann logs in; her session as a principal.
    async fn ann(&self, password: &str, code: &str) -> Result<Principal, LoginError> {
        let done = self
            .log_in(Some(self.account), "ann@example.com", password, code)
            .await?;
        Ok(self
            .principal(&done.session.id)
            .await
            .expect("a session that was just opened"))
    }

    async fn principal(&self, id: &AccessKeyId) -> Option<Principal> {
        match self.iam.credential(id).await.unwrap() {
            Lookup::Found(known) => Some(known.principal.clone()),
            Lookup::Unknown | Lookup::Suspended | Lookup::Expired => None,
        }
    }

    async fn is_live(&self, principal: &Principal) -> bool {
        let session = principal.caller().unwrap().session().unwrap();
        self.principal(&session.id).await.is_some()
    }

    /// Gives Ann a second factor; her secret and her recovery codes.
    async fn second_factor(&self) -> (TotpSecret, Vec<Secret>) {
        let ann = self.ann(PASSWORD, "").await.unwrap();
        let prepared = self.iam.prepare_second_factor(&by(&ann)).await.unwrap();
        let secret = secret_of(&prepared.secret_base32);
        let code = secret.code_at(now(self));
        let codes = self
            .iam
            .enable_second_factor(&by(&ann), &code, self.fresh_address())
            .await
            .unwrap();
        self.clock.advance(Duration::from_secs(30));
        (secret, codes)
    }
}

type Outcome = Result<LoggedIn, LoginError>;

fn now(world: &World) -> Timestamp {
    use baleen_runtime::Clock as _;
    world.clock.now()
}

fn secret_of(base32: &Secret) -> TotpSecret {
    let bytes = totp_rs::Secret::try_from_base32(base32.expose()).unwrap();
    TotpSecret::from_hex(&Secret::new(hex::encode(bytes.as_bytes()))).unwrap()
}

fn service(meta: &Meta, clock: &Arc<ManualClock>, seed: u64) -> (Arc<Iam>, Arc<CountingHasher>) {
    let sealer = Arc::new(Sealer::new(&Zeroizing::new(MASTER)));
    service_with(meta, clock, SeededEntropy::new(seed), sealer)
}

fn service_with(
    meta: &Meta,
    clock: &Arc<ManualClock>,
    entropy: Arc<dyn Entropy>,
    sealer: Arc<Sealer>,
) -> (Arc<Iam>, Arc<CountingHasher>) {
    let hasher = CountingHasher::new();
    let hashing = Hashing::new(hasher.clone(), entropy.clone(), NonZeroUsize::new(2).unwrap());
    let parts = Parts {
        meta: meta.clone(),
        tenancy: crate::root::tests::tenancy(meta),
        sealer,
        clock: clock.clone(),
        entropy,
    };
    (Iam::with_hashing(parts, Arc::new(hashing)), hasher)
}

/// Lets a principal do what the test wants to do: who may is decided elsewhere, and not what these tests are about. The
/// caller keeps its id and its credential.
fn by(principal: &Principal) -> Authorized {
    let caller = principal.caller().unwrap();
    let user = User {
        role: Role::Root,
        ..(*caller.user).clone()
    };
    let user = Arc::new(user);
    let principal = Principal::Known(Arc::new(Caller {
        user: Arc::clone(&user),
        ..(**caller).clone()
    }));
    authorize(&Ask {
        principal: &principal,
        // What every session may, also one that has to change its password first.
        action: Action::IamRsGetUserInfo,
        resource: Resource::User((&*user).into()),
        context: &Context::new(Timestamp::EPOCH),
    })
    .unwrap()
}

/// The same user with an access key.
fn with_key(principal: &Principal) -> Principal {
    let caller = principal.caller().unwrap();
    Principal::Known(Arc::new(Caller {
        credential: Credential::AccessKey(AccessKeyId::parse("AKIAROOTROOTROOTROOT").unwrap()),
        ..(**caller).clone()
    }))
}

/// The name of an outcome, for tables.
fn why<T>(outcome: Result<T, LoginError>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(LoginError::Iam(Error::NotAllowed(_))) => "not allowed".to_owned(),
        Err(LoginError::Iam(Error::NoSuchEntity { .. })) => "no such entity".to_owned(),
        Err(LoginError::Iam(Error::EntityAlreadyExists { .. })) => "exists".to_owned(),
        Err(LoginError::Throttled { .. }) => "throttled".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn every_refusal_is_one_answer_after_the_same_work() {
    let world = World::new().await;
    let by_root = by(&world.root);
    let user = |name: &str| NewUser {
        name: UserName::parse(name).unwrap(),
        path: Path::default(),
        tags: Tags::default(),
    };
    world
        .iam
        .create_user(&by_root, user("nopassword@example.com"))
        .await
        .unwrap();
    let fed = world.iam.create_user(&by_root, user("fed@example.com")).await.unwrap();
    world
        .iam
        .set_auth_method(&by_root, fed.id, AuthMethod::Federated)
        .await
        .unwrap();
    let gone = world.iam.create_user(&by_root, user("gone@example.com")).await.unwrap();
    world.iam.delete_user(&by_root, gone.id).await.unwrap();
    world.second_factor().await;
    let own = Some(world.account);
    let long = "x".repeat(1 << 20);
    for (case, account, name, password, code) in [
        ("unknown customer", None, "ann@example.com", PASSWORD, ""),
        (
            "another customer",
            Some(AccountId::from_entropy(5)),
            "ann@example.com",
            PASSWORD,
            "",
        ),
        ("unknown user", own, "bob@example.com", PASSWORD, ""),
        ("no name at all", own, "", PASSWORD, ""),
        ("a name that is none", own, "a b\0", PASSWORD, ""),
        ("a name without end", own, long.as_str(), PASSWORD, ""),
        ("deleted user", own, "gone@example.com", PASSWORD, ""),
        ("no password set", own, "nopassword@example.com", PASSWORD, ""),
        ("federated user", own, "fed@example.com", PASSWORD, ""),
        ("wrong password", own, "ann@example.com", OTHER, ""),
        ("wrong password and a code", own, "ann@example.com", OTHER, "123456"),
        ("no password", own, "ann@example.com", "", ""),
        ("a password without end", own, "ann@example.com", &long, ""),
        ("wrong code", own, "ann@example.com", PASSWORD, "000000"),
        ("held back, though all is right", own, "ann@example.com", PASSWORD, ""),
    ] {
        let before = world.hasher.counts();
        let refused = world.log_in(account, name, password, code).await.unwrap_err();
        assert!(matches!(refused, LoginError::Denied), "{case}: {refused:?}");
        let after = world.hasher.counts();
        assert_eq!(
            (after.0 - before.0, after.1 - before.1),
            (0, 1),
            "{case}: one comparison and no more"
        );
    }
}

#[tokio::test]
async fn who_proves_it_gets_a_session() {
    let world = World::new().await;
    assert_eq!(
        world
            .iam
            .login_state(world.account, world.ann.id)
            .await
            .unwrap()
            .last_login,
        None
    );
    let done = world
        .log_in(Some(world.account), "ANN@example.com", PASSWORD, "")
        .await
        .unwrap();
    assert_eq!((done.user.id, done.user.must_change_password), (world.ann.id, false));
    assert_eq!(done.session.expires, now(&world).plus(Duration::from_secs(3_600)));
    assert!(done.session.token.is_none() && !done.has_second_factor);
    let session = world.principal(&done.session.id).await.unwrap();
    assert_eq!(session.user().unwrap().id, world.ann.id);
    let state = world.iam.login_state(world.account, world.ann.id).await.unwrap();
    assert_eq!(state.last_login, Some(now(&world)));
    world.clock.advance(Duration::from_secs(3_600));
    assert!(world.principal(&done.session.id).await.is_none(), "the time is over");
}

#[test]
fn the_length_of_a_session_has_a_range() {
    for (secs, fits) in [
        (None, true),
        (Some(0), false),
        (Some(59), false),
        (Some(60), true),
        (Some(43_200), true),
        (Some(43_201), false),
        (Some(u32::MAX), false),
    ] {
        assert_eq!(SessionLength::login(secs).is_ok(), fits, "{secs:?}");
    }
}

#[tokio::test]
async fn guesses_delay_a_user_and_never_lock_it() {
    let world = World::new().await;
    let own = Some(world.account);
    for _ in 0..12 {
        assert_eq!(why(world.log_in(own, "ann@example.com", OTHER, "").await), "Denied");
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(
        why(world.log_in(own, "ann@example.com", PASSWORD, "").await),
        "ok",
        "a minute later she is in"
    );
    for _ in 0..5 {
        assert_eq!(why(world.log_in(own, "ann@example.com", OTHER, "").await), "Denied");
    }
    assert_eq!(
        why(world.log_in(own, "ann@example.com", PASSWORD, "").await),
        "Denied",
        "held back for a second"
    );
    let password = NewPassword::parse(&Secret::new(OTHER)).unwrap();
    let set = world
        .iam
        .update_login_profile(&by(&world.root), world.ann.id, Some(&password), None)
        .await;
    set.unwrap();
    assert_eq!(
        why(world.log_in(own, "ann@example.com", OTHER, "").await),
        "ok",
        "an admin clears what held her back"
    );
}

#[tokio::test]
async fn one_address_is_turned_away_before_any_work() {
    let world = World::new().await;
    let source = world.fresh_address();
    for n in 0..20 {
        let tried = world.log_in_from(source, None, &format!("user{n}"), PASSWORD, "").await;
        assert_eq!(why(tried), "Denied");
    }
    let before = world.hasher.counts();
    for user in ["ann@example.com", "nobody@example.com"] {
        let refused = world.log_in_from(source, Some(world.account), user, PASSWORD, "").await;
        let Err(LoginError::Throttled { retry_after }) = refused else {
            panic!("{user}: {refused:?}");
        };
        assert_eq!(retry_after, Duration::from_secs(60));
    }
    assert_eq!(world.hasher.counts(), before);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(
        why(world
            .log_in_from(source, Some(world.account), "ann@example.com", PASSWORD, "")
            .await),
        "ok"
    );
}

#[tokio::test]
async fn two_hundred_at_once_hash_as_many_as_there_are_cores() {
    let world = Arc::new(World::new().await);
    world.hasher.hold(true);
    let tries: Vec<_> = (0..200)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { why(world.log_in(Some(world.account), &format!("u{n}"), PASSWORD, "").await) })
        })
        .collect();
    while world.hasher.running() < 2 || tries.iter().filter(|t| t.is_finished()).count() < 200 - 66 {
        tokio::task::yield_now().await;
    }
    world.hasher.hold(false);
    let mut answers = std::collections::BTreeMap::new();
    for one in tries {
        *answers.entry(one.await.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(
        answers,
        [("Denied".to_owned(), 66), ("throttled".to_owned(), 134)].into()
    );
    assert_eq!(world.hasher.running_most(), 2);
}

#[tokio::test]
async fn an_outdated_hash_is_made_anew_by_who_proves_it() {
    let world = World::new().await;
    world.hasher.set_cost(2);
    for (round, hashed) in [(1, 1), (2, 0)] {
        let before = world.hasher.counts();
        assert!(world.ann(PASSWORD, "").await.is_ok());
        assert_eq!(
            world.hasher.counts(),
            (before.0 + hashed, before.1 + 1),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn nothing_stored_or_logged_shows_a_secret() {
    let world = World::new().await;
    let (secret, codes) = world.second_factor().await;
    let token = world
        .iam
        .issue_reset_token(&by(&world.root), world.ann.id)
        .await
        .unwrap();
    let canaries = [
        PASSWORD.to_owned(),
        token.expose().to_owned(),
        secret.to_base32().expose().to_owned(),
        secret.to_hex().expose().to_owned(),
        codes[0].expose().to_owned(),
    ];
    let entries = world.meta.scan(baleen_meta::Scan::prefix(b"")).await.unwrap();
    let all: Vec<u8> = entries
        .iter()
        .flat_map(|e| [&e.key[..], &e.value[..]].concat())
        .collect();
    assert!(entries.len() > 10);
    for canary in canaries {
        // The counting hasher stores hex of the password, which is its own business; the text itself is nowhere.
        assert!(
            !all.windows(canary.len()).any(|window| window == canary.as_bytes()),
            "{canary}"
        );
    }
    let shown = format!("{secret:?} {codes:?} {token:?}");
    assert!(!shown.contains(token.expose()) && !shown.contains(codes[0].expose()));
}
