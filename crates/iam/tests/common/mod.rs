//! An identity service of its own for each test, with a clock that stands and chance that repeats.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use baleen_iam::{
    Description, Error, Iam, Known, NewPolicy, NewUser, Parts, Path, PolicyArn, PolicyName, RootOverrides, Tags,
    UserInfo,
};
use baleen_meta::{FjallSettings, Meta};
use baleen_policy::{
    Action, Ask, Authorized, Bounds, Caller, Context, Denied, Principal, Resource, Role, User, authorize,
};
use baleen_runtime::{ManualClock, SeededEntropy};
use baleen_sealing::Sealer;
use baleen_tenancy::{AssumeRoleControl, NewCustomer, Tenancy};
use baleen_types::{AccessKeyId, AccountId, CustomerName, EmailAddress, Timestamp, UserName};
use std::sync::Arc;
use zeroize::Zeroizing;

pub const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#;

/// The master key of the tests.
pub const MASTER: [u8; 32] = *b"known to every test, not secret.";

pub struct World {
    pub iam: Arc<Iam>,
    pub clock: Arc<ManualClock>,
    pub root: Arc<Known>,
    pub root_key: AccessKeyId,
    pub account: AccountId,
    pub meta: Meta,
    pub tenancy: Arc<Tenancy>,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::over(Meta::open_model(), 1).await
    }

    /// One over each engine.
    pub async fn each() -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let meta = Meta::open_fjall(&folder.path().join("meta"), FjallSettings::default()).unwrap();
        let mut stored = Self::over(meta, 2).await;
        stored.folder = folder;
        [Self::new().await, stored]
    }

    pub async fn over(meta: Meta, seed: u64) -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let tenancy = tenancy(&meta, &clock, seed);
        let iam = service_with(&meta, &tenancy, &clock, seed);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root-credentials.json");
        iam.ensure_root(&reseller(), &RootOverrides::default(), &file)
            .await
            .unwrap();
        let made: baleen_iam::RootCredentials = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let root_key = AccessKeyId::parse(&made.access_key_id).unwrap();
        let root = iam.credential(&root_key).await.unwrap().found().unwrap();
        let account = root.principal.user().unwrap().account;
        Self {
            iam,
            clock,
            root,
            root_key,
            account,
            meta,
            tenancy,
            folder,
        }
    }

    /// Another process over the same store, whose secrets are sealed otherwise.
    pub fn restart_with(&mut self, sealer: &Arc<Sealer>) {
        self.iam = Iam::new(Parts {
            meta: self.meta.clone(),
            tenancy: Arc::clone(&self.tenancy),
            sealer: Arc::clone(sealer),
            clock: self.clock.clone(),
            entropy: SeededEntropy::new(3),
        });
    }

    /// Root, authorized to an action.
    pub fn by(&self, action: Action) -> Authorized {
        grant(&self.root.principal, action)
    }

    pub async fn user(&self, name: &str) -> UserInfo {
        let by = self.by(Action::IamCreateUser);
        self.iam.create_user(&by, new_user(name)).await.unwrap()
    }

    pub async fn key_of(&self, user: &UserInfo) -> AccessKeyId {
        let by = self.by(Action::IamCreateAccessKey);
        self.iam.create_access_key(&by, user.id).await.unwrap().info.id
    }

    pub async fn policy(&self, name: &str) -> PolicyArn {
        let by = self.by(Action::IamCreatePolicy);
        let info = self.iam.create_policy(&by, new_policy(name, ALLOW)).await.unwrap();
        PolicyArn::parse(&info.arn()).unwrap()
    }

    pub async fn attach(&self, user: &UserInfo, arn: &PolicyArn) -> Result<(), Error> {
        self.iam
            .attach(&self.by(Action::IamAttachUserPolicy), user.id, arn)
            .await
    }

    pub async fn detach(&self, user: &UserInfo, arn: &PolicyArn) -> Result<(), Error> {
        self.iam
            .detach(&self.by(Action::IamDetachUserPolicy), user.id, arn)
            .await
    }

    /// What a credential can do: the number of policies in force; or why it can do nothing.
    pub async fn force_of(&self, id: &AccessKeyId) -> Result<usize, &'static str> {
        force_of(&self.iam, id).await
    }
}

pub async fn force_of(iam: &Iam, id: &AccessKeyId) -> Result<usize, &'static str> {
    match iam.credential(id).await.unwrap() {
        baleen_iam::Lookup::Found(known) => Ok(known.principal.caller().unwrap().policies.len()),
        baleen_iam::Lookup::Unknown => Err("unknown"),
        baleen_iam::Lookup::Suspended => Err("suspended"),
        baleen_iam::Lookup::Expired => Err("expired"),
    }
}

pub fn service(meta: &Meta, clock: &Arc<ManualClock>, seed: u64) -> Arc<Iam> {
    service_with(meta, &tenancy(meta, clock, seed), clock, seed)
}

fn service_with(meta: &Meta, tenancy: &Arc<Tenancy>, clock: &Arc<ManualClock>, seed: u64) -> Arc<Iam> {
    Iam::new(Parts {
        meta: meta.clone(),
        tenancy: Arc::clone(tenancy),
        sealer: Arc::new(Sealer::new(&Zeroizing::new(MASTER))),
        clock: clock.clone(),
        entropy: SeededEntropy::new(seed),
    })
}

pub fn tenancy(meta: &Meta, clock: &Arc<ManualClock>, seed: u64) -> Arc<Tenancy> {
    Tenancy::new(
        baleen_tenancy::Settings::new(Vec::new()),
        baleen_tenancy::Parts {
            meta: meta.clone(),
            clock: clock.clone(),
            entropy: SeededEntropy::new(seed + 1_000),
        },
    )
}

pub fn reseller() -> CustomerName {
    CustomerName::parse("baleen").unwrap()
}

/// Lets a principal do an action. What is decided is not what these tests are about: who asks is taken for a root that no
/// policy holds, with its own id and credential.
pub fn grant(principal: &Principal, action: Action) -> Authorized {
    try_grant(principal, action).unwrap()
}

/// The same; no when the credential is not one for the action.
pub fn try_grant(principal: &Principal, action: Action) -> Result<Authorized, Denied> {
    let caller = principal.caller().unwrap();
    let user = User {
        role: Role::Root,
        is_reseller: true,
        ..(*caller.user).clone()
    };
    let principal = Principal::Known(Arc::new(Caller {
        user: Arc::new(user),
        policies: [].into(),
        bounds: Bounds::NONE,
        ..(**caller).clone()
    }));
    let ask = |resource| {
        authorize(&Ask {
            principal: &principal,
            action,
            resource,
            context: &Context::new(Timestamp::EPOCH),
        })
    };
    // Some are acts on customers and not on the account itself.
    ask(Resource::OwnAccount).or_else(|_| ask(Resource::Customers))
}

pub fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

pub fn policy_name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

pub fn new_user(text: &str) -> NewUser {
    NewUser {
        name: name(text),
        path: Path::default(),
        tags: Tags::default(),
    }
}

pub fn new_policy(text: &str, document: &str) -> NewPolicy {
    NewPolicy {
        name: policy_name(text),
        path: Path::default(),
        description: Description::default(),
        tags: Tags::default(),
        document: document.to_owned(),
    }
}

/// The name of an error, for tables.
pub fn why<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(Error::NoSuchEntity { .. }) => "no such entity".to_owned(),
        Err(Error::EntityAlreadyExists { .. }) => "exists".to_owned(),
        Err(Error::DeleteConflict { why }) => format!("{why:?}"),
        Err(Error::LimitExceeded { .. }) => "limit".to_owned(),
        Err(Error::MalformedPolicyDocument(_)) => "malformed".to_owned(),
        Err(Error::Invalid(_)) => "invalid".to_owned(),
        Err(Error::NotAllowed(_)) => "not allowed".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

/// A customer to be made, whose root has this mail address and which its reseller may be let act for.
pub fn new_customer(name: &CustomerName) -> NewCustomer {
    NewCustomer {
        name: name.clone(),
        email: EmailAddress::parse("root@newcorp.example").unwrap(),
        assume_role_control: AssumeRoleControl::Reseller,
        replication_enforcement: false,
        regions: Vec::new(),
        restrict_service_access: false,
    }
}
