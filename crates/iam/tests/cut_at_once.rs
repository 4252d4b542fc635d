//! A change is felt by every request that arrives after its answer: what was taken is gone, what was given is there.
//!
//! Threads ask without a pause, each with the whole way of a request: look-up, then decision. One more keeps making what is
//! cached old, so that somebody is always just reading it anew. The changes are made meanwhile; whoever begins to ask after
//! one was answered, and has its verdict before the next one begins, must have the new verdict. No time is measured: each
//! thread has to have asked some times between two changes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::{
    AssumeRole, AuthMethod, LoginKind, Method, Methods, NewSession, PolicyArn, SessionLength, SessionName, Tags,
    TokenChange, TokenLookup, TokenOptions, UserChange, UserInfo,
};
use baleen_meta::{FjallSettings, Meta};
use baleen_policy::{Action, Ask, BucketFacts, Context, Principal, Resource, Role, authorize};
use baleen_runtime::Clock as _;
use baleen_tenancy::{AssumeRoleControl, ModifyCustomer, NewCustomer, WantedStatus};
use baleen_types::{AccessKeyId, BucketName, CustomerName, EmailAddress, ObjectKey, Secret};
use common::{ALLOW, World, grant, policy_name};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};

/// Threads that ask.
const ASKING: usize = 4;
/// How often each has to have asked between two changes.
const ASKED_MIN: u64 = 4;
/// How often each change is made.
const ROUNDS: usize = 10;

const DENY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

/// What takes a right or a credential away, and gives it back where that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Attachment,
    DefaultVersion,
    NewVersion,
    InlineAllow,
    InlineDeny,
    KeyStatus,
    KeyStatusOfParent,
    CustomerStatus,
    AssumeRoleSwitch,
    TokenStatus,
    // One way from here on.
    KeyDeletion,
    KeyDeletionOfParent,
    EndOfParent,
    EndOfAll,
    Role,
    AuthMethod,
    UserDeletion,
    TokenDeletion,
}

impl Change {
    const BOTH_WAYS: [Self; 10] = [
        Self::Attachment,
        Self::DefaultVersion,
        Self::NewVersion,
        Self::InlineAllow,
        Self::InlineDeny,
        Self::KeyStatus,
        Self::KeyStatusOfParent,
        Self::CustomerStatus,
        Self::AssumeRoleSwitch,
        Self::TokenStatus,
    ];
    const ONE_WAY: [Self; 8] = [
        Self::KeyDeletion,
        Self::KeyDeletionOfParent,
        Self::EndOfParent,
        Self::EndOfAll,
        Self::Role,
        Self::AuthMethod,
        Self::UserDeletion,
        Self::TokenDeletion,
    ];

    /// Whether it is a credential that ends, and not a right.
    fn is_of_credential(self) -> bool {
        !matches!(
            self,
            Self::Attachment | Self::DefaultVersion | Self::NewVersion | Self::InlineAllow | Self::InlineDeny
        )
    }
}

/// Whom the threads ask for.
enum Watched {
    Key(AccessKeyId),
    Token(Secret),
}

/// Somebody who may read an object, in each of the ways that a change concerns.
struct Scene {
    world: World,
    user: UserInfo,
    key: AccessKeyId,
    /// What is derived from the key, and what from that.
    session: AccessKeyId,
    arn: PolicyArn,
    newest: AtomicU32,
    customer: CustomerName,
    /// Another customer of the same reseller.
    other: CustomerName,
    token: String,
    watched: Watched,
}

fn role() -> AssumeRole {
    AssumeRole {
        name: SessionName::parse("test").unwrap(),
        length: SessionLength::assumed(None).unwrap(),
        policy: None,
        policy_arns: Vec::new(),
        origin: None,
    }
}

fn login() -> NewSession {
    NewSession {
        kind: LoginKind::Password,
        length: SessionLength::login(None).unwrap(),
        with_second_factor: false,
        origin: None,
    }
}

async fn new_customer(world: &World, name: &str) -> (CustomerName, UserInfo) {
    let name = CustomerName::parse(name).unwrap();
    let new = NewCustomer {
        email: EmailAddress::parse(&format!("root@{name}.example")).unwrap(),
        name: name.clone(),
        assume_role_control: AssumeRoleControl::Reseller,
        replication_enforcement: false,
        regions: Vec::new(),
        restrict_service_access: false,
    };
    let by = world.by(Action::IamRsCreateCustomer);
    let root = world.iam.create_customer(&by, &new, None).await.unwrap().root;
    (name, root)
}

impl Scene {
    async fn new(world: World, change: Change) -> Self {
        let iam = &world.iam;
        let by = world.by(Action::IamCreateUser);
        let user = world.user("user@example.com").await;
        let key = world.key_of(&user).await;
        let derive = async |from: &AccessKeyId| {
            let known = iam.credential(from).await.unwrap().found().unwrap();
            let by = grant(&known.principal, Action::StsAssumeRole);
            iam.assume_role(&by, role()).await.unwrap().id
        };
        let session = derive(&key).await;
        let deeper = derive(&session).await;
        let arn = world.policy("Allow").await;
        iam.create_policy_version(&by, &arn, DENY, false).await.unwrap();
        if change == Change::InlineAllow {
            iam.put_user_policy(&by, user.id, &policy_name("own"), ALLOW)
                .await
                .unwrap();
        } else {
            world.attach(&user, &arn).await.unwrap();
        }
        let [(customer, root), (other, _)] = [
            new_customer(&world, "newcorp").await,
            new_customer(&world, "other").await,
        ];
        let modify = ModifyCustomer {
            assume_role_enabled: Some(true),
            ..ModifyCustomer::default()
        };
        world.tenancy.modify(&by, &customer, modify).await.unwrap();
        let options = TokenOptions {
            methods: Methods::of(&[Method::Info]),
            ..TokenOptions::labelled("test")
        };
        let token = iam.create_token(&by, user.id, options).await.unwrap();
        let watched = match change {
            Change::KeyStatusOfParent | Change::KeyDeletionOfParent | Change::EndOfParent | Change::EndOfAll => {
                Watched::Key(deeper)
            }
            Change::Role => Watched::Key(session.clone()),
            Change::AuthMethod => Watched::Key(iam.open_session(&user, login()).await.unwrap().id),
            Change::UserDeletion => {
                world.detach(&user, &arn).await.unwrap();
                iam.delete_access_key(&by, user.id, &key).await.unwrap();
                Watched::Key(iam.open_session(&user, login()).await.unwrap().id)
            }
            Change::CustomerStatus => Watched::Key(iam.open_session(&root, login()).await.unwrap().id),
            Change::AssumeRoleSwitch => {
                let length = SessionLength::login(None).unwrap();
                let opened = iam.assume_customer_role(&by, &customer, length, None).await;
                Watched::Key(opened.unwrap().id)
            }
            Change::TokenStatus | Change::TokenDeletion => Watched::Token(token.token),
            _ => Watched::Key(key.clone()),
        };
        Self {
            user,
            key,
            session,
            arn,
            newest: AtomicU32::new(2),
            customer,
            other,
            token: token.info.short_id,
            watched,
            world,
        }
    }

    /// Takes away, or gives back.
    async fn make(&self, change: Change, give: bool) {
        let (iam, user) = (&self.world.iam, self.user.id);
        let by = self.world.by(Action::IamUpdateUser);
        let own = policy_name("own");
        match change {
            Change::Attachment if give => iam.attach(&by, user, &self.arn).await.unwrap(),
            Change::Attachment => iam.detach(&by, user, &self.arn).await.unwrap(),
            Change::DefaultVersion => {
                let number = baleen_iam::VersionNumber::parse(if give { "v1" } else { "v2" }).unwrap();
                iam.set_default_version(&by, &self.arn, number).await.unwrap();
            }
            Change::NewVersion => {
                let document = if give { ALLOW } else { DENY };
                let made = iam.create_policy_version(&by, &self.arn, document, true).await.unwrap();
                let before = self.newest.fetch_add(1, SeqCst);
                assert_eq!(made.number.to_string(), format!("v{}", before + 1));
                let before = baleen_iam::VersionNumber::parse(&format!("v{before}")).unwrap();
                iam.delete_policy_version(&by, &self.arn, before).await.unwrap();
            }
            Change::InlineAllow if give => iam.put_user_policy(&by, user, &own, ALLOW).await.unwrap(),
            Change::InlineDeny if !give => iam.put_user_policy(&by, user, &own, DENY).await.unwrap(),
            Change::InlineAllow | Change::InlineDeny => iam.delete_user_policy(&by, user, &own).await.unwrap(),
            Change::KeyStatus | Change::KeyStatusOfParent => {
                iam.update_access_key(&by, user, &self.key, give).await.unwrap();
            }
            Change::CustomerStatus => {
                let status = if give {
                    WantedStatus::Enabled
                } else {
                    WantedStatus::Disabled
                };
                let modify = ModifyCustomer {
                    status: Some(status),
                    ..ModifyCustomer::default()
                };
                self.world.tenancy.modify(&by, &self.customer, modify).await.unwrap();
            }
            Change::AssumeRoleSwitch => {
                let modify = ModifyCustomer {
                    assume_role_enabled: Some(give),
                    ..ModifyCustomer::default()
                };
                self.world.tenancy.modify(&by, &self.customer, modify).await.unwrap();
            }
            Change::TokenStatus => {
                let change = TokenChange {
                    is_enabled: Some(give),
                    ..TokenChange::default()
                };
                iam.update_token(&by, &self.token, &change).await.unwrap();
            }
            Change::KeyDeletion | Change::KeyDeletionOfParent => {
                iam.delete_access_key(&by, user, &self.key).await.unwrap();
            }
            Change::EndOfParent => iam.end_session(&by, user, &self.session).await.unwrap(),
            Change::EndOfAll => iam.end_sessions(&by, user).await.unwrap(),
            Change::Role => {
                let change = UserChange {
                    role: Some(Role::Admin),
                    ..UserChange::default()
                };
                iam.update_user(&by, user, &change).await.unwrap();
            }
            Change::AuthMethod => iam.set_auth_method(&by, user, AuthMethod::Federated).await.unwrap(),
            Change::UserDeletion => iam.delete_user(&by, user).await.unwrap(),
            Change::TokenDeletion => iam.delete_token(&by, &self.token).await.unwrap(),
        }
    }

    /// A request: who asks, and whether it may.
    async fn ask(&self, change: Change) -> bool {
        let iam = &self.world.iam;
        let principal = match &self.watched {
            Watched::Key(id) => iam
                .credential(id)
                .await
                .unwrap()
                .found()
                .map(|known| known.principal.clone()),
            Watched::Token(token) => match iam.token(token).await.unwrap() {
                TokenLookup::Found(known) => Some(known.principal.clone()),
                TokenLookup::Unknown | TokenLookup::Suspended => None,
            },
        };
        let Some(principal) = principal else { return false };
        change.is_of_credential() || self.may_read(&principal)
    }

    /// Changes something else, so that what is watched is read anew.
    async fn disturb(&self, change: Change) {
        let by = self.world.by(Action::IamTagUser);
        if matches!(change, Change::CustomerStatus | Change::AssumeRoleSwitch) {
            let modify = ModifyCustomer {
                replication_enforcement: Some(false),
                ..ModifyCustomer::default()
            };
            self.world.tenancy.modify(&by, &self.other, modify).await.unwrap();
        } else {
            let tags = Tags::parse(vec![("a".to_owned(), "b".to_owned())]).unwrap();
            // The user may be deleted by now.
            let _ = self.world.iam.tag_user(&by, self.user.id, &tags).await;
        }
    }

    fn may_read(&self, principal: &Principal) -> bool {
        let name = BucketName::parse("notes").unwrap();
        let bucket = BucketFacts {
            name: &name,
            owner: Some(self.world.account),
            policy: None,
            acls: baleen_policy::Acls::default(),
        };
        let ask = Ask {
            principal,
            action: Action::S3GetObject,
            resource: Resource::Object(bucket, &ObjectKey::parse("seen").unwrap()),
            context: &Context::new(self.world.clock.now()),
        };
        authorize(&ask).is_ok()
    }
}

/// What the threads and who changes tell one another.
#[derive(Default)]
struct Board {
    /// Four numbers a round: may, is being taken, may not, is being given.
    phase: AtomicU64,
    asked: [AtomicU64; ASKING],
    tried: AtomicU64,
    is_over: AtomicBool,
    is_wrong: AtomicBool,
}

impl Board {
    /// Waits until each thread has asked some times since now.
    fn wait(&self) {
        let asked: Vec<_> = self.asked.iter().map(|n| n.load(SeqCst)).collect();
        let is_behind = || {
            self.asked
                .iter()
                .zip(&asked)
                .any(|(now, then)| now.load(SeqCst) - then < ASKED_MIN)
        };
        while is_behind() && !self.is_wrong.load(SeqCst) {
            std::thread::yield_now();
        }
    }
}

/// Ends the threads, also when a change fails.
struct Over<'a>(&'a Board);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, SeqCst);
    }
}

fn check(meta: impl Fn() -> Meta, change: Change, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let one_way = Change::ONE_WAY.contains(&change);
    let (scenes, rounds) = if one_way { (rounds, 1) } else { (1, rounds) };
    for _ in 0..scenes {
        let scene = runtime.block_on(async { Scene::new(World::over(meta(), 1).await, change).await });
        let board = Board::default();
        std::thread::scope(|scope| {
            for at in 0..ASKING {
                let (scene, board, runtime) = (&scene, &board, &runtime);
                scope.spawn(move || {
                    while !board.is_over.load(SeqCst) {
                        board.tried.fetch_add(1, SeqCst);
                        let before = board.phase.load(SeqCst);
                        let may = runtime.block_on(scene.ask(change));
                        if before.is_multiple_of(2) && before == board.phase.load(SeqCst) {
                            if may != before.is_multiple_of(4) {
                                board.is_wrong.store(true, SeqCst);
                            }
                            board.asked[at].fetch_add(1, SeqCst);
                        }
                    }
                });
            }
            scope.spawn(|| {
                while !board.is_over.load(SeqCst) {
                    runtime.block_on(scene.disturb(change));
                    // What was made old is read anew before it is made old again.
                    let tried = board.tried.load(SeqCst);
                    while board.tried.load(SeqCst) == tried && !board.is_over.load(SeqCst) {
                        std::thread::yield_now();
                    }
                }
            });
            let _over = Over(&board);
            board.wait();
            for _ in 0..rounds {
                for give in [false, true] {
                    if one_way && give {
                        continue;
                    }
                    board.phase.fetch_add(1, SeqCst);
                    runtime.block_on(scene.make(change, give));
                    board.phase.fetch_add(1, SeqCst);
                    board.wait();
                }
            }
        });
        assert!(!board.is_wrong.load(SeqCst), "{change:?}: a verdict was old");
    }
}

#[test]
fn what_is_taken_and_given_is_felt_at_once() {
    for change in Change::BOTH_WAYS {
        check(Meta::open_model, change, ROUNDS);
    }
}

#[test]
fn what_ends_has_ended_at_once() {
    for change in Change::ONE_WAY {
        check(Meta::open_model, change, ROUNDS);
    }
}

#[test]
fn also_on_a_disk() {
    for change in [Change::BOTH_WAYS.as_slice(), &Change::ONE_WAY].concat() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Meta::open_fjall(&folder.path().join("meta"), FjallSettings::default()).unwrap();
        check(open, change, if Change::ONE_WAY.contains(&change) { 1 } else { 3 });
    }
}
