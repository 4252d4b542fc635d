//! What it costs to know who asks and to decide, with few users and with many: ten policies of three statements each are
//! attached to every user, out of a thousand of the account, and the last one allows.
//!
//! `cargo run --release -p baleen-iam --example many_users [users]...`
//!
//! One core, users taken by chance, the store on a disk. Up to the size of the cache a request costs the same whatever the
//! number of users; beyond it a part of the requests reads the store: two thirds of them with 100,000 users, of whom 32,768 are
//! held in memory. A benchmark, never a test.
//!
//! Seen on two cores of an EPYC that also built other things: 0.8 us with 10 users, 1.2 with 1,000, 2.8 with 10,000 (the
//! policies no longer fit into the processor's own cache; up to 12 beside four compilers), 237 with 100,000, so that one that
//! is not held in memory costs about 350.

#![allow(clippy::print_stdout, reason = "an example talks to who runs it")]

use baleen_iam::{
    Description, Iam, NewPolicy, NewUser, Parts, Path, PolicyArn, PolicyName, RootCredentials, RootOverrides, Tags,
};
use baleen_meta::{FjallSettings, Meta};
use baleen_policy::{Action, Ask, Authorized, BucketFacts, Context, Principal, Resource, authorize};
use baleen_runtime::{Clock as _, SystemClock, SystemEntropy};
use baleen_sealing::Sealer;
use baleen_types::{AccessKeyId, AccountId, BucketName, CustomerName, ObjectKey, UserName};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Policies of the account.
const POLICIES: usize = 1_000;
/// Policies of each user.
const ATTACHED: usize = 10;
/// Requests measured.
const ROUNDS: usize = 200_000;
/// Changes at once while the store is filled.
const AT_ONCE: usize = 128;

struct Bench {
    iam: Arc<Iam>,
    root: Principal,
    account: AccountId,
    arns: Vec<PolicyArn>,
    keys: Vec<AccessKeyId>,
    _folder: tempfile::TempDir,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Bench {
    async fn new() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let (clock, entropy) = (SystemClock::new(), SystemEntropy::new());
        let meta = Meta::open_fjall(&folder.path().join("meta"), FjallSettings::default())?;
        let tenancy = baleen_tenancy::Tenancy::new(
            baleen_tenancy::Settings::new(Vec::new()),
            baleen_tenancy::Parts {
                meta: meta.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
        );
        let iam = Iam::new(Parts {
            meta,
            tenancy,
            sealer: Arc::new(Sealer::new(&Zeroizing::new([3; 32]))),
            clock,
            entropy,
        });
        let file = folder.path().join("root.json");
        let reseller = CustomerName::parse("baleen")?;
        iam.ensure_root(&reseller, &RootOverrides::default(), &file).await?;
        let made: RootCredentials = serde_json::from_slice(&std::fs::read(&file)?)?;
        let key = AccessKeyId::parse(&made.access_key_id)?;
        let root = iam
            .credential(&key)
            .await?
            .found()
            .ok_or("root has a key")?
            .principal
            .clone();
        let account = root.user().ok_or("root is a user")?.account;
        let mut bench = Self {
            iam,
            root,
            account,
            arns: Vec::new(),
            keys: Vec::new(),
            _folder: folder,
        };
        for at in 0..POLICIES {
            let new = NewPolicy {
                name: PolicyName::parse(&format!("policy-{at}"))?,
                path: Path::default(),
                description: Description::default(),
                tags: Tags::default(),
                document: document(at),
            };
            let made = bench
                .iam
                .create_policy(&bench.by(Action::IamCreatePolicy)?, new)
                .await?;
            bench.arns.push(PolicyArn::parse(&made.arn())?);
        }
        Ok(bench)
    }

    fn by(&self, action: Action) -> Result<Authorized, Failed> {
        Ok(authorize(&Ask {
            principal: &self.root,
            action,
            resource: Resource::OwnAccount,
            context: &Context::new(SystemClock::new().now()),
        })?)
    }

    /// Makes users until there are so many. Root is one of them.
    async fn grow(&mut self, users: usize) -> Result<(), Failed> {
        let made = stream::iter(self.keys.len()..users.saturating_sub(1)).map(|at| self.user(at));
        let made: Vec<_> = made.buffer_unordered(AT_ONCE).try_collect().await?;
        self.keys.extend(made);
        Ok(())
    }

    async fn user(&self, at: usize) -> Result<AccessKeyId, Failed> {
        let by = self.by(Action::IamCreateUser)?;
        let new = NewUser {
            name: UserName::parse(&format!("user-{at}@example.com"))?,
            path: Path::default(),
            tags: Tags::default(),
        };
        let user = self.iam.create_user(&by, new).await?.id;
        for nth in 0..ATTACHED - 1 {
            let arn = &self.arns[(at * 7 + nth * 101) % (POLICIES - 1)];
            self.iam.attach(&by, user, arn).await?;
        }
        // Its name sorts last of those that begin so, and it is asked last.
        self.iam.attach(&by, user, &self.arns[POLICIES - 1]).await?;
        Ok(self.iam.create_access_key(&by, user).await?.info.id)
    }

    /// One request.
    async fn ask(&self, id: &AccessKeyId, bucket: &BucketName, key: &ObjectKey) -> Result<bool, Failed> {
        let known = self.iam.credential(id).await?.found().ok_or("a key that was made")?;
        let facts = BucketFacts {
            name: bucket,
            owner: Some(self.account),
            policy: None,
            acls: baleen_policy::Acls::default(),
        };
        let decided = authorize(&Ask {
            principal: &known.principal,
            action: Action::S3GetObject,
            resource: Resource::Object(facts, key),
            context: &Context::new(SystemClock::new().now()),
        });
        Ok(black_box(decided).is_ok())
    }

    /// Microseconds of a request on the average, once everybody has asked.
    async fn measure(&self) -> Result<f64, Failed> {
        let (bucket, key) = (
            BucketName::parse("evidence")?,
            ObjectKey::parse("case-17/capture-1.pcapng")?,
        );
        for id in &self.keys {
            assert!(self.ask(id, &bucket, &key).await?, "the last policy allows");
        }
        let clock = SystemClock::new();
        let begun = clock.monotonic();
        let mut chance = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..ROUNDS {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let at = usize::try_from(chance >> 16)? % self.keys.len();
            black_box(self.ask(&self.keys[at], &bucket, &key).await?);
        }
        Ok(each(clock.monotonic().saturating_sub(begun)))
    }
}

fn each(all: Duration) -> f64 {
    all.as_secs_f64() * 1e6 / f64::from(u32::try_from(ROUNDS).unwrap_or(u32::MAX))
}

fn document(at: usize) -> String {
    let bucket = if at == POLICIES - 1 {
        "evidence".to_owned()
    } else {
        format!("case-{at}")
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::{bucket}"}},
        {{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::{bucket}/secret/*"}},
        {{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::{bucket}/*"}}]}}"#
    )
}

fn main() -> Result<(), Failed> {
    let asked: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let sizes = if asked.is_empty() {
        vec![10, 10_000, 100_000]
    } else {
        asked
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut bench = Bench::new().await?;
        for users in sizes {
            bench.grow(users).await?;
            println!("{users:>7} users: {:.2} us a request", bench.measure().await?);
        }
        Ok(())
    })
}
