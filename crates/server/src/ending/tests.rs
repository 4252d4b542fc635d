use super::*;
use baleen_audit::{Order, Query};
use baleen_blob::Blobs;
use baleen_capture::Sites;
use baleen_iam::login::NewPassword;
use baleen_iam::{
    Description, LoginKind, MadeCustomer, Method, Methods, NewPolicy, NewSession, NewUser, Path, PolicyArn, PolicyName,
    RootOverrides, SessionLength, Tags, TokenOptions, TokenSettingsChange,
};
use baleen_meta::keys::{Belonging, KeyWriter, Table};
use baleen_meta::{Meta, Request, SCAN_ENTRIES_MAX, Scan};
use baleen_objects::{
    CreateBucket, DeleteObject, Expect, Governance, LegalHold, ObjectHeaders, ObjectLock, ObjectVersion, PutObject,
    Retention, RetentionMode, Version, WriteCondition, body_from_bytes,
};
use baleen_policy::{Action, Ask, Authorized, Caller, Context, Principal, Resource, Role, User, authorize};
use baleen_remote::Connections;
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown, Supervisor};
use baleen_sealing::Sealer;
use baleen_tenancy::{AssumeRoleControl, ModifyCustomer, NewCustomer, NewRule, Status, Subnet, WantedStatus};
use baleen_types::{
    AccessKeyId, BucketName, CustomerName, EmailAddress, ObjectKey, ObjectPath, RegionName, Secret, Timestamp, UserName,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zeroize::Zeroizing;

const REGION: &str = "us-east-1";
const HOLD: Duration = Duration::from_hours(24);
const CUSTOMER: &str = "newcorp";
const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

/// Tables of accounts that nothing writes yet.
const UNUSED: [Table; 2] = [Table::Version, Table::CopyDue];

struct World {
    meta: Meta,
    clock: Arc<ManualClock>,
    ending: Ending,
    reseller: Principal,
    _folder: tempfile::TempDir,
}

fn name(text: &str) -> CustomerName {
    CustomerName::parse(text).unwrap()
}

fn region() -> RegionName {
    RegionName::parse(REGION).unwrap()
}

/// Lets a user do an action of its own account, or with its customers.
fn by(principal: &Principal, action: Action) -> Authorized {
    let ask = |resource| {
        authorize(&Ask {
            principal,
            action,
            resource,
            context: &Context::new(Timestamp::EPOCH),
        })
    };
    ask(Resource::OwnAccount).or_else(|_| ask(Resource::Customers)).unwrap()
}

/// A root of a reseller, with the account of somebody: what is decided is not what these tests are about.
fn as_root(user: &User) -> Principal {
    let user = User {
        role: Role::Root,
        is_reseller: true,
        ..user.clone()
    };
    Caller::with_key(Arc::new(user), AccessKeyId::parse("AKIAROOTROOTROOTROOT").unwrap()).into()
}

impl World {
    async fn new() -> Self {
        let (meta, clock) = (
            Meta::open_model(),
            ManualClock::new(Timestamp::from_secs(1_800_000_000)),
        );
        let (folder, entropy) = (tempfile::tempdir().unwrap(), SeededEntropy::new(1));
        let sealer = Arc::new(Sealer::new(&Zeroizing::new([3; 32])));
        let tenancy = Tenancy::new(
            baleen_tenancy::Settings {
                hold: HOLD,
                ..baleen_tenancy::Settings::new(vec![region()])
            },
            baleen_tenancy::Parts {
                meta: meta.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
        );
        let iam = Iam::new(baleen_iam::Parts {
            meta: meta.clone(),
            tenancy: Arc::clone(&tenancy),
            sealer: Arc::clone(&sealer),
            clock: clock.clone(),
            entropy: entropy.clone(),
        });
        let file = folder.path().join("root.json");
        iam.ensure_root(&name("lyve"), &RootOverrides::default(), &file)
            .await
            .unwrap();
        let root: baleen_iam::RootCredentials = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let root = iam
            .credential(&AccessKeyId::parse(&root.access_key_id).unwrap())
            .await
            .unwrap();
        let volume = baleen_blob::Settings {
            reserve_bytes: 0,
            ..baleen_blob::Settings::default()
        };
        let objects = Objects::new(
            baleen_objects::Settings::default(),
            baleen_objects::Parts {
                meta: meta.clone(),
                blobs: Blobs::open(&folder.path().join("blobs"), volume, entropy.clone()).unwrap(),
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: Arc::clone(&sealer),
            },
        );
        let fleet = Fleet::open(baleen_fleet::Parts {
            meta: meta.clone(),
            sealer: Arc::clone(&sealer),
            clock: clock.clone(),
            entropy: entropy.clone(),
        });
        let fleet = fleet.await.unwrap();
        let captures = Captures::new(
            baleen_capture::Settings::default(),
            baleen_capture::Parts {
                meta: meta.clone(),
                objects: Arc::clone(&objects),
                sites: Sites::new(Vec::new()),
                sealer,
                clock: clock.clone(),
                entropy,
                supervisor: Supervisor::new(clock.clone(), Shutdown::new()),
                connections: Connections::new(),
            },
        );
        let audit = Audit::start(
            baleen_audit::Settings {
                data_events: false,
                retention: 400 * HOLD,
            },
            baleen_audit::Parts {
                meta: meta.clone(),
                clock: clock.clone(),
            },
        );
        Self {
            meta,
            clock: clock.clone(),
            ending: Ending {
                tenancy,
                iam,
                objects,
                captures,
                fleet,
                audit,
                clock,
            },
            reseller: root.found().unwrap().principal.clone(),
            _folder: folder,
        }
    }

    /// Every key there is.
    async fn keys(&self) -> BTreeSet<Vec<u8>> {
        let all = self.meta.scan(Scan::prefix(b"").keys_only()).await.unwrap();
        assert!(all.len() < SCAN_ENTRIES_MAX);
        all.into_iter().map(|entry| entry.key.to_vec()).collect()
    }

    /// Makes a customer with something in every table, and gives its account with its root.
    async fn customer(&self) -> Principal {
        let new = NewCustomer {
            name: name(CUSTOMER),
            email: EmailAddress::parse("admin@newcorp.com").unwrap(),
            assume_role_control: AssumeRoleControl::Off,
            replication_enforcement: false,
            regions: Vec::new(),
            restrict_service_access: false,
        };
        let (tenancy, iam) = (&self.ending.tenancy, &self.ending.iam);
        let making = by(&self.reseller, Action::IamRsCreateCustomer);
        let password = NewPassword::parse(&Secret::new("Password22")).unwrap();
        let made = iam.create_customer(&making, &new, Some(&password)).await.unwrap();
        let MadeCustomer { customer, root, .. } = made;
        let account = customer.account;
        let user = User::new(account, customer.project, root.id, root.name.clone(), Role::Root);
        let me = as_root(&user);
        let may = |action| by(&me, action);

        let ann = NewUser {
            name: UserName::parse("ann@newcorp.com").unwrap(),
            path: Path::default(),
            tags: Tags::default(),
        };
        let ann = iam.create_user(&may(Action::IamCreateUser), ann).await.unwrap();
        iam.issue_reset_token(&may(Action::IamRsGetToken), ann.id)
            .await
            .unwrap();
        iam.create_access_key(&may(Action::IamCreateAccessKey), ann.id)
            .await
            .unwrap();
        let reader = PolicyName::parse("reader").unwrap();
        let policy = NewPolicy {
            name: reader.clone(),
            path: Path::default(),
            description: Description::default(),
            tags: Tags::default(),
            document: ALLOW.to_owned(),
        };
        let policy = iam.create_policy(&may(Action::IamCreatePolicy), policy).await.unwrap();
        let arn = PolicyArn::parse(&policy.arn()).unwrap();
        iam.attach(&may(Action::IamAttachUserPolicy), ann.id, &arn)
            .await
            .unwrap();
        iam.put_user_policy(&may(Action::IamPutUserPolicy), ann.id, &reader, ALLOW)
            .await
            .unwrap();
        // As many as do not fit into one commit of a purge.
        for _ in 0..120 {
            let session = NewSession {
                kind: LoginKind::Password,
                length: SessionLength::login(None).unwrap(),
                with_second_factor: false,
                origin: None,
            };
            let ann = iam.get_user(account, ann.id).await.unwrap();
            iam.open_session(&ann, session).await.unwrap();
        }
        let options = TokenOptions {
            methods: Methods::of(&[Method::ALL[0]]),
            ..TokenOptions::labelled("upload")
        };
        let tokens = may(Action::CapturesManageTokens);
        let token = iam.create_token(&tokens, ann.id, options).await.unwrap();
        iam.note_token_use(&token.token, [127, 0, 0, 1].into());
        iam.write_token_uses().await.unwrap();
        iam.set_token_settings(&tokens, TokenSettingsChange::default())
            .await
            .unwrap();
        let rule = NewRule::new(Subnet::parse("10.0.0.0/8").unwrap(), Vec::new(), String::new(), None).unwrap();
        tenancy
            .add_rule(&may(Action::IamRsWhitelistAddRule), account, rule)
            .await
            .unwrap();
        self.store(account).await;
        let deed = Deed {
            account: Some(account),
            ..Deed::allowed(Weight::Change, "iam:CreateUser", "UserName=ann@newcorp.com")
        };
        let event = Event::of_server(self.ending.clock.now(), "CreateUser", deed);
        self.ending.audit.write(account, event).await.unwrap();
        self.fill_up(account).await;
        me
    }

    async fn store(&self, account: AccountId) {
        let objects = &self.ending.objects;
        let bucket = BucketName::parse("evidence").unwrap();
        let create = CreateBucket {
            owner: account,
            name: bucket.clone(),
            region: region(),
            object_lock: false,
        };
        objects.create_bucket(create).await.unwrap();
        for (key, bytes) in [("small", 5), ("large", 200_000)] {
            let put = PutObject {
                encrypt: baleen_objects::Encrypt::AsBucket,
                at: ObjectPath {
                    bucket: bucket.clone(),
                    key: ObjectKey::parse(key).unwrap(),
                },
                body: body_from_bytes(vec![7; bytes]),
                length: Some(bytes as u64),
                headers: ObjectHeaders::default(),
                lock: baleen_objects::Lock::default(),
                tags: baleen_objects::Tags::default(),
                expect: Expect::default(),
                condition: WriteCondition::None,
                acl: baleen_types::Acl::default(),
            };
            objects.put(put).await.unwrap();
        }
    }

    /// Puts a key into each table of accounts in which this account has none: what cannot be made here, and what is to come.
    async fn fill_up(&self, account: AccountId) {
        for table in Table::ALL
            .iter()
            .filter(|table| table.belonging() == Belonging::Account)
        {
            let prefix = KeyWriter::new(*table).u64(account.as_u64()).finish();
            if self.meta.scan(Scan::prefix(&prefix).limit(1)).await.unwrap().is_empty() {
                // An unfinished capture holds a purge up, as it should.
                if *table != Table::CaptureUnfinished {
                    let put = Request::new().put([prefix, vec![1; 16]].concat(), "");
                    self.meta.commit(put).await.unwrap();
                }
            }
        }
    }

    async fn set(&self, wanted: WantedStatus) {
        let change = ModifyCustomer {
            status: Some(wanted),
            ..ModifyCustomer::default()
        };
        let by = by(&self.reseller, Action::IamRsModifyCustomer);
        self.ending.tenancy.modify(&by, &name(CUSTOMER), change).await.unwrap();
    }

    async fn status(&self, account: AccountId) -> Status {
        self.ending.tenancy.customer(account).await.unwrap().unwrap().status
    }
}

#[tokio::test]
async fn a_purge_waits_for_the_hold_time_and_leaves_what_the_tables_say() {
    let world = World::new().await;
    let before = world.keys().await;
    let me = world.customer().await;
    let account = me.user().unwrap().account;
    world.ending.purge().await.unwrap();
    world.set(WantedStatus::Deleted).await;
    world.ending.purge().await.unwrap();
    assert_eq!(
        world.ending.objects.account_usage(account).await.unwrap().objects,
        2,
        "it is held"
    );

    let made: BTreeSet<_> = world.keys().await.difference(&before).cloned().collect();
    let mut by_table: BTreeMap<Table, usize> = BTreeMap::new();
    for key in &made {
        *by_table.entry(Table::from_tag(key[0]).unwrap()).or_default() += 1;
    }
    // Without this the test would say nothing of a table that it has nothing in.
    for table in Table::ALL {
        let is_seen = match table.belonging() {
            Belonging::Account => *table != Table::CaptureUnfinished,
            // What was used moves to the days later, below.
            Belonging::Kept => *table != Table::Usage,
            Belonging::Hanging | Belonging::Passing | Belonging::Store => continue,
        };
        assert_eq!(
            by_table.contains_key(table),
            is_seen && !UNUSED.contains(table),
            "{table:?}"
        );
    }
    for table in [
        Table::Session,
        Table::AccessKey,
        Table::ApiToken,
        Table::ApiTokenUse,
        Table::ResetToken,
    ] {
        assert!(by_table.contains_key(&table), "{table:?}");
    }

    world.clock.advance(HOLD);
    for pass in 0..2 {
        world.ending.purge().await.unwrap();
        assert!(matches!(world.status(account).await, Status::Purged { .. }), "{pass}");
        let left = world.keys().await;
        for key in left.difference(&before) {
            let table = Table::from_tag(key[0]).unwrap();
            let is_own = key.get(1..9) == Some(&account.as_u64().to_be_bytes());
            let may_stay = match table.belonging() {
                Belonging::Account | Belonging::Hanging => false,
                Belonging::Kept => is_own || table == Table::Audit || table == Table::AuditHead,
                Belonging::Passing | Belonging::Store => !is_own,
            };
            assert!(may_stay, "{table:?} {key:?}");
        }
        let gone: Vec<_> = before.difference(&left).collect();
        assert!(gone.is_empty(), "somebody else's: {gone:?}");
    }
    assert!(world.ending.tenancy.by_name(&name(CUSTOMER)).await.unwrap().is_none());

    // Both logs tell of it, once.
    for principal in [&me, &world.reseller] {
        let query = Query {
            order: Order::OldestFirst,
            limit: 10,
            ..Query::default()
        };
        let page = world
            .ending
            .audit
            .page(&by(principal, Action::IamListUsers), &query)
            .await
            .unwrap();
        let operations: Vec<_> = page.entries.iter().map(|(entry, _)| entry.operation.as_str()).collect();
        let wanted = if principal.user() == me.user() {
            &["CreateUser", "PurgeCustomer"][..]
        } else {
            &["PurgeCustomer"]
        };
        assert_eq!(operations, wanted);
    }

    // Its counters go when nobody may ask for them any more.
    let usage = || Scan::prefix(&KeyWriter::new(Table::Usage).u64(account.as_u64()).finish()).limit(1);
    world.ending.objects.usage().fold().await.unwrap();
    world.clock.advance(Duration::from_hours(2));
    world.ending.objects.usage().fold().await.unwrap();
    assert_eq!(world.meta.scan(usage()).await.unwrap().len(), 1);
    world.clock.advance(KEPT_AFTER_PURGE);
    world.ending.purge().await.unwrap();
    assert!(world.meta.scan(usage()).await.unwrap().is_empty());
}

/// As long as something is locked the customer can be opened again, whole: only its own people can lift a hold.
#[tokio::test]
async fn a_purge_waits_for_locked_versions() {
    let world = World::new().await;
    let account = world.customer().await.user().unwrap().account;
    let objects = &world.ending.objects;
    let bucket = BucketName::parse("evidence").unwrap();
    objects.set_versioning(&bucket, true).await.unwrap();
    objects.set_object_lock(&bucket, ObjectLock::default()).await.unwrap();
    let of = ObjectVersion::from(ObjectPath {
        bucket,
        key: ObjectKey::parse("large").unwrap(),
    });
    let until = world.ending.clock.now().plus(HOLD * 3);
    let retention = Retention::new(RetentionMode::Governance, until);
    objects
        .put_retention(&of, Some(retention), Governance::Holds)
        .await
        .unwrap();
    world.set(WantedStatus::Deleted).await;
    world.clock.advance(HOLD);
    let before = (
        world.keys().await,
        objects.account_usage(account).await.unwrap().objects,
    );
    for _ in 0..2 {
        world.ending.purge().await.unwrap();
        assert!(matches!(world.status(account).await, Status::Deleted { .. }));
        let now = (
            world.keys().await,
            objects.account_usage(account).await.unwrap().objects,
        );
        assert_eq!(now, before);
    }
    world.set(WantedStatus::Enabled).await;
    world.set(WantedStatus::Deleted).await;
    // A version that is not current holds as well.
    let clear = objects.put_retention(&of, None, Governance::Bypassed);
    clear.await.unwrap();
    objects.put_legal_hold(&of, LegalHold::On).await.unwrap();
    objects
        .delete(DeleteObject::from(ObjectVersion::from(of.at.clone())))
        .await
        .unwrap();
    world.clock.advance(HOLD * 4);
    world.ending.purge().await.unwrap();
    assert!(matches!(world.status(account).await, Status::Deleted { .. }));
    let held = ObjectVersion {
        version: Some(Version::Null),
        ..of
    };
    objects.put_legal_hold(&held, LegalHold::Off).await.unwrap();
    world.ending.purge().await.unwrap();
    assert!(matches!(world.status(account).await, Status::Purged { .. }));
    assert_eq!(objects.account_usage(account).await.unwrap().objects, 0);
}

#[tokio::test]
async fn a_purge_that_stopped_goes_on() {
    let world = World::new().await;
    let account = world.customer().await.user().unwrap().account;
    world.set(WantedStatus::Deleted).await;
    world.clock.advance(HOLD);
    // As after a kill behind each step.
    let ending = &world.ending;
    ending.tenancy.begin_purge(account).await.unwrap();
    ending.captures.purge_account(account).await.unwrap();
    ending.objects.purge_account(account).await.unwrap();
    assert!(
        ending.iam.purge_account(account).await.unwrap() > 120,
        "more than fit into one commit"
    );
    assert_eq!(ending.iam.purge_account(account).await.unwrap(), 0);
    assert!(matches!(world.status(account).await, Status::Purging { .. }));
    ending.purge().await.unwrap();
    assert!(matches!(world.status(account).await, Status::Purged { .. }));
}

#[tokio::test]
async fn a_customer_that_cannot_be_purged_yet_keeps_no_other() {
    let world = World::new().await;
    let account = world.customer().await.user().unwrap().account;
    world.set(WantedStatus::Deleted).await;
    world.clock.advance(HOLD);
    let unfinished = KeyWriter::new(Table::CaptureUnfinished).u64(account.as_u64()).finish();
    let unfinished = [unfinished, vec![1; 16]].concat();
    world
        .meta
        .commit(Request::new().put(unfinished.clone(), ""))
        .await
        .unwrap();
    let ending = &world.ending;
    ending.purge().await.unwrap();
    assert!(matches!(world.status(account).await, Status::Purging { .. }));
    assert_eq!(
        ending.objects.account_usage(account).await.unwrap().objects,
        2,
        "an upload may need its bucket"
    );
    world.meta.commit(Request::new().delete(unfinished)).await.unwrap();
    ending.purge().await.unwrap();
    assert!(matches!(world.status(account).await, Status::Purged { .. }));
}
