//! No derived credential is stronger than what it was derived from, lasts longer, or outlives it.
//!
//! Random people with random policies derive chains of sessions, with and without policies of their own, act for a customer,
//! and make API tokens; every credential of a chain is then asked every question and compared with its parent: with that which
//! it was derived from, but that of a reseller within a customer with the customer's root, as long as the reseller may open it,
//! and with nobody at all when it may not (identity contract, section 2, note f). Documents have no conditions: what a document says of the credential itself (`aws:TokenIssueTime`) is its author's wish.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_iam::{
    AssumeRole, Error, LoginKind, Methods, NewSession, PolicyArn, SessionLength, SessionName, TokenLookup, TokenOptions,
};
use baleen_policy::{
    Action, Ask, BucketFacts, Caller, Context, CustomerFacts, DocumentKind, Policy, PolicyFacts, Principal, Resource,
    Role, User, UserFacts, authorize,
};
use baleen_runtime::Clock as _;
use baleen_tenancy::ModifyCustomer;
use baleen_types::{AccessKeyId, BucketName, CustomerName, ObjectKey, Secret, Timestamp};
use common::{World, grant, new_policy, policy_name, try_grant};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Managed policies of the account, for attaching and for `PolicyArns`.
const MANAGED: usize = 3;

/// How a credential is derived from another.
#[derive(Clone, Debug)]
enum Step {
    AssumeRole {
        policy: Option<String>,
        arns: Vec<usize>,
        secs: u32,
    },
    GetSessionToken {
        secs: u32,
    },
    AssumeCustomerRole {
        secs: u32,
    },
}

/// Somebody, and what is derived from it.
#[derive(Clone, Debug)]
struct Story {
    role: Role,
    managed: Vec<String>,
    attached: Vec<usize>,
    inline: Option<String>,
    bucket: Option<String>,
    /// A login and its length, or an access key.
    login_secs: Option<u32>,
    steps: Vec<Step>,
    methods: Vec<&'static str>,
    /// Which credential of the chain ends.
    ended: usize,
}

fn words(words: &[&'static str]) -> impl Strategy<Value = &'static str> + use<> {
    prop::sample::select(words.to_vec())
}

fn statement(with_principal: bool) -> impl Strategy<Value = String> {
    let action = words(&[
        r#""Action":"*""#,
        r#""Action":"s3:*""#,
        r#""Action":["s3:Get*","s3:ListBucket"]"#,
        r#""Action":["sts:*","s3:PutObject"]"#,
        r#""Action":["captures:*","pcaps:*"]"#,
        r#""Action":"iam:*""#,
        r#""NotAction":"s3:GetObject""#,
        r#""NotAction":["iam:*","s3:PutObject"]"#,
    ]);
    let resource = words(if with_principal {
        &[
            r#""Resource":"arn:aws:s3:::bkt/*""#,
            r#""Resource":["arn:aws:s3:::bkt","arn:aws:s3:::bkt/k"]"#,
        ]
    } else {
        &[
            r#""Resource":"*""#,
            r#""Resource":"arn:aws:s3:::bkt/*""#,
            r#""Resource":["arn:aws:s3:::bkt","arn:aws:s3:::ccc/*"]"#,
            r#""NotResource":"arn:aws:s3:::bkt/k""#,
        ]
    });
    // A bucket's policy speaks of its own actions alone.
    let action = action.prop_map(move |a| {
        if with_principal && !a.contains("s3:*") {
            r#""Action":"s3:GetObject""#
        } else {
            a
        }
    });
    (words(&["Allow", "Allow", "Allow", "Deny"]), action, resource).prop_map(move |(effect, action, resource)| {
        let who = if with_principal { r#""Principal":"*","# } else { "" };
        format!(r#"{{"Effect":"{effect}",{who}{action},{resource}}}"#)
    })
}

fn document(with_principal: bool) -> impl Strategy<Value = String> {
    let statements = prop::collection::vec(statement(with_principal), 1..4);
    statements.prop_map(|all| format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, all.join(",")))
}

fn step() -> impl Strategy<Value = Step> {
    let assume = (
        prop::option::of(document(false)),
        prop::collection::vec(0..MANAGED, 0..3),
        900..4_000_u32,
    );
    prop_oneof![
        4 => assume.prop_map(|(policy, arns, secs)| Step::AssumeRole { policy, arns, secs }),
        1 => (900..4_000_u32).prop_map(|secs| Step::GetSessionToken { secs }),
        1 => (900..4_000_u32).prop_map(|secs| Step::AssumeCustomerRole { secs }),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    (
        prop::sample::select(vec![Role::User, Role::User, Role::Admin, Role::Root]),
        prop::collection::vec(document(false), MANAGED),
        prop::collection::vec(0..MANAGED, 0..3),
        prop::option::of(document(false)),
        prop::option::of(document(true)),
        prop::option::of(60..4_000_u32),
        prop::collection::vec(step(), 1..5),
        prop::collection::vec(
            words(&["upload", "info", "search", "download", "delete", "capture"]),
            1..4,
        ),
        0..5_usize,
    )
        .prop_map(
            |(role, managed, attached, inline, bucket, login_secs, steps, methods, ended)| Story {
                role,
                managed,
                attached,
                inline,
                bucket,
                login_secs,
                steps,
                methods,
                ended,
            },
        )
}

/// Every action on one thing of each kind, with a `yes` or `no` each.
fn verdicts(principal: &Principal, scene: &Scene) -> Vec<(Action, &'static str, bool)> {
    let (bkt, ccc) = (BucketName::parse("bkt").unwrap(), BucketName::parse("ccc").unwrap());
    let key = ObjectKey::parse("k").unwrap();
    let bucket = |name, policy| BucketFacts {
        name,
        owner: Some(scene.owner.account),
        policy,
        acls: baleen_policy::Acls::default(),
    };
    let other = UserFacts {
        account: scene.owner.account,
        name: &scene.other,
        path: "/",
        found: None,
    };
    let policy = PolicyFacts {
        account: scene.owner.account,
        path: "/",
        name: "m0",
        is_attached: false,
    };
    let things = [
        ("own account", Resource::OwnAccount),
        ("project", Resource::Project(scene.owner.project)),
        (
            "item",
            Resource::Item {
                project: scene.owner.project,
                path: "capture/1",
            },
        ),
        ("bkt", Resource::Bucket(bucket(&bkt, scene.bucket.as_deref()))),
        ("bkt/k", Resource::Object(bucket(&bkt, scene.bucket.as_deref()), &key)),
        ("ccc", Resource::Bucket(bucket(&ccc, None))),
        ("ccc/k", Resource::Object(bucket(&ccc, None), &key)),
        ("itself", Resource::User(UserFacts::from(&*scene.owner))),
        ("another", Resource::User(other)),
        ("policy", Resource::Policy(policy)),
        ("customers", Resource::Customers),
    ];
    let context = Context::new(scene.now);
    let ask = |action, resource| {
        authorize(&Ask {
            principal,
            action,
            resource,
            context: &context,
        })
        .is_ok()
    };
    let all = Action::ALL
        .iter()
        .flat_map(|action| things.map(|(name, resource)| (*action, name, resource)));
    let is_named = |name: &str| !matches!(name, "own account" | "customers");
    all.filter(|(_, name, _)| !scene.is_foreign || is_named(name))
        .map(|(action, name, resource)| (action, name, ask(action, resource)))
        .collect()
}

/// What is asked about: things of one user's account.
struct Scene {
    owner: Arc<User>,
    other: baleen_types::UserName,
    bucket: Option<Arc<Policy>>,
    now: Timestamp,
    /// Whether it is another account than that of who asks, who then has an "own" one besides.
    is_foreign: bool,
}

async fn principal(world: &World, id: &AccessKeyId) -> Option<Principal> {
    let known = world.iam.credential(id).await.unwrap().found()?;
    Some(known.principal.clone())
}

/// Every yes of the one is a yes of the other.
fn is_no_stronger(child: &Principal, parent: &Principal, scene: &Scene) -> Result<(), TestCaseError> {
    for ((action, thing, child), (_, _, parent)) in verdicts(child, scene).into_iter().zip(verdicts(parent, scene)) {
        prop_assert!(!child || parent, "{} on {thing}", action.name());
    }
    Ok(())
}

async fn tell(story: Story) -> Result<(), TestCaseError> {
    let world = World::new().await;
    let iam = &world.iam;
    let by = world.by(Action::IamCreatePolicy);
    let customer = new_customer(&world).await;

    let mut arns = Vec::new();
    for (at, document) in story.managed.iter().enumerate() {
        let made = iam
            .create_policy(&by, new_policy(&format!("m{at}"), document))
            .await
            .unwrap();
        arns.push(PolicyArn::parse(&made.arn()).unwrap());
    }
    let user = match story.role {
        Role::Root => iam.root_of(world.account).await.unwrap(),
        role => {
            let user = world.user("user@example.com").await;
            let change = baleen_iam::UserChange {
                role: Some(role),
                ..baleen_iam::UserChange::default()
            };
            iam.update_user(&by, user.id, &change).await.unwrap()
        }
    };
    for at in &story.attached {
        world.attach(&user, &arns[*at]).await.unwrap();
    }
    if let Some(own) = &story.inline {
        iam.put_user_policy(&by, user.id, &policy_name("own"), own)
            .await
            .unwrap();
    }
    let first = match story.login_secs {
        // Its password is to be changed first, so its login derives nothing.
        _ if story.role == Role::Root => world.root_key.clone(),
        None => world.key_of(&user).await,
        Some(secs) => {
            iam.update_login_profile(&by, user.id, None, Some(false)).await.unwrap();
            let user = iam.get_user(world.account, user.id).await.unwrap();
            let new = NewSession {
                kind: LoginKind::Password,
                length: SessionLength::login(Some(secs)).unwrap(),
                with_second_factor: true,
                origin: None,
            };
            iam.open_session(&user, new).await.unwrap().id
        }
    };

    let mut chain = vec![first];
    for step in &story.steps {
        let from = chain.last().unwrap();
        let parent = principal(&world, from).await;
        // A login whose password is to be changed first derives nothing.
        let Some(parent) = parent else { break };
        let Some(child) = derive(&world, &parent, step, &arns, &customer).await? else {
            continue;
        };
        chain.push(child);
    }
    compare(&world, &story, &chain).await?;
    tokens(&world, &story, &chain).await?;
    end_one(&world, &story, chain).await
}

/// Derives a credential; `None` when who asks may not have one.
async fn derive(
    world: &World,
    parent: &Principal,
    step: &Step,
    arns: &[PolicyArn],
    customer: &CustomerName,
) -> Result<Option<AccessKeyId>, TestCaseError> {
    let (policy, named, secs) = match step {
        Step::AssumeRole { policy, arns, secs } => (policy.clone(), &arns[..], *secs),
        Step::GetSessionToken { secs } => (None, &[][..], *secs),
        Step::AssumeCustomerRole { secs } => {
            let Ok(by) = try_grant(parent, Action::StsRsAssumeCustomerRole) else {
                return Ok(None);
            };
            let length = SessionLength::login(Some(*secs)).unwrap();
            // `grant` has made a reseller's root of who asks; only those whose session it is are.
            return match world.iam.assume_customer_role(&by, customer, length, None).await {
                Ok(opened) => {
                    let made = principal(world, &opened.id).await;
                    let asks = parent.user().unwrap();
                    let may = asks.is_reseller && matches!(asks.role, Role::Root | Role::Admin);
                    prop_assert!(may || made.is_none(), "only who manages the customer acts for it");
                    Ok(made.map(|_| opened.id))
                }
                Err(Error::NotAllowed(_) | Error::Tenancy(_)) => Ok(None),
                Err(other) => Err(TestCaseError::fail(format!("{other:?}"))),
            };
        }
    };
    let ask = AssumeRole {
        name: SessionName::parse("test").unwrap(),
        length: SessionLength::assumed(Some(secs)).unwrap(),
        policy,
        policy_arns: named.iter().map(|at| arns[*at].clone()).collect(),
        origin: None,
    };
    // What a session's own policy would refuse is derived all the same: it must not be stronger either.
    let Ok(by) = try_grant(parent, Action::StsAssumeRole) else {
        return Ok(None);
    };
    match world.iam.assume_role(&by, ask).await {
        Ok(opened) => Ok(Some(opened.id)),
        // A reseller's session names policies of the customer, which has none.
        Err(Error::NotAllowed(_) | Error::NoSuchEntity { .. }) => Ok(None),
        Err(other) => Err(TestCaseError::fail(format!("{other:?}"))),
    }
}

/// Each is at most as strong as the one before, and ends with it at the latest.
async fn compare(world: &World, story: &Story, chain: &[AccessKeyId]) -> Result<(), TestCaseError> {
    let bucket = story.bucket.as_deref();
    let bucket = bucket.map(|text| Arc::new(Policy::parse(text, DocumentKind::Bucket).unwrap()));
    let mut before: Option<Principal> = None;
    for id in chain {
        let now = principal(world, id).await.expect("nothing of the chain has ended");
        if let Some(parent) = &before {
            let (child, above) = (now.caller().unwrap(), parent.caller().unwrap());
            let is_resold = above.user.account != child.user.account;
            let ends = |caller: &Caller| caller.session().map(|session| session.expires);
            prop_assert!(ends(above).is_none_or(|end| ends(child).is_some_and(|own| own <= end)));
            let above = if is_resold {
                // The customer's root, proven as the reseller is and held to all that its credential is held to.
                Caller {
                    user: Arc::clone(&child.user),
                    policies: Arc::clone(&child.policies),
                    ..(**above).clone()
                }
            } else {
                (**above).clone()
            };
            let above = Principal::from(above);
            let scene = Scene {
                owner: Arc::clone(&child.user),
                other: common::name("other@example.com"),
                bucket: bucket.clone(),
                now: world.clock.now(),
                is_foreign: false,
            };
            is_no_stronger(&now, &above, &scene)?;
            if is_resold {
                let at_home = Scene {
                    owner: Arc::clone(parent.user().unwrap()),
                    other: scene.other.clone(),
                    bucket: scene.bucket.clone(),
                    now: scene.now,
                    is_foreign: true,
                };
                is_no_stronger(&now, &above, &at_home)?;
                let may_open = may_open(parent, &now, scene.now);
                for scene in [&scene, &at_home] {
                    let may = verdicts(&now, scene).iter().any(|(_, _, may)| *may);
                    // Its own data is always root's, unless the reseller is shut out of the whole session.
                    prop_assert!(!may || may_open, "it may something and its reseller may not open it");
                    prop_assert!(
                        scene.is_foreign || may == may_open,
                        "it may nothing and its reseller may open it"
                    );
                }
            }
        }
        before = Some(now);
    }
    Ok(())
}

/// Whether the reseller would be let open the session now.
fn may_open(reseller: &Principal, session: &Principal, now: Timestamp) -> bool {
    let customer = CustomerFacts {
        account: session.user().unwrap().account,
        reseller: reseller.user().unwrap().account,
    };
    let ask = Ask {
        principal: reseller,
        action: Action::StsRsAssumeCustomerRole,
        resource: Resource::Customer(customer),
        context: &Context::new(now),
    };
    authorize(&ask).is_ok()
}

/// A token may what its owner may and its methods are for, and opens nothing further. Who was handed a borrowed credential
/// makes none.
async fn tokens(world: &World, story: &Story, chain: &[AccessKeyId]) -> Result<(), TestCaseError> {
    let first = principal(world, &chain[0]).await.unwrap();
    let owner = Arc::clone(first.user().unwrap());
    let scene = Scene {
        owner: Arc::clone(&owner),
        other: common::name("other@example.com"),
        bucket: None,
        now: world.clock.now(),
        is_foreign: false,
    };
    let options = TokenOptions {
        methods: Methods::parse(story.methods.iter().copied()).unwrap(),
        ..TokenOptions::labelled("test")
    };
    let by = world.by(Action::IamCreateUser);
    let token: Secret = world.iam.create_token(&by, owner.id, options).await.unwrap().token;
    let TokenLookup::Found(known) = world.iam.token(&token).await.unwrap() else {
        return Err(TestCaseError::fail("a token that was just made"));
    };
    is_no_stronger(&known.principal, &first, &scene)?;
    let opens = derive(
        world,
        &known.principal,
        &Step::GetSessionToken { secs: 900 },
        &[],
        &CustomerName::parse("newcorp").unwrap(),
    )
    .await?;
    prop_assert!(opens.is_none(), "an API token opens no session");
    for id in &chain[1..] {
        let borrowed = principal(world, id).await.unwrap();
        for (action, thing, may) in verdicts(&borrowed, &scene) {
            let lasts = matches!(
                action,
                Action::IamCreateAccessKey
                    | Action::IamRsGetToken
                    | Action::IamChangePassword
                    | Action::IamRsEnableTfa
                    | Action::IamCreateLoginProfile
                    | Action::IamUpdateLoginProfile
                    | Action::CapturesManageTokens
            );
            prop_assert!(
                !(may && lasts),
                "{} on {thing}: leaves behind what lasts",
                action.name()
            );
        }
    }
    Ok(())
}

/// When one ends, all that was derived from it has ended, and nothing else; and all end when the first one's time is over.
async fn end_one(world: &World, story: &Story, chain: Vec<AccessKeyId>) -> Result<(), TestCaseError> {
    let at = story.ended % chain.len();
    let ended = principal(world, &chain[at]).await.unwrap();
    let caller = ended.caller().unwrap();
    // Its user ends it: a session that may nothing any more ends nothing either.
    let user = Caller::with_key(Arc::clone(&caller.user), world.root_key.clone());
    let by = grant(&user.into(), Action::IamGetUser);
    if caller.session().is_some() {
        world.iam.end_session(&by, caller.user.id, &chain[at]).await.unwrap();
    } else {
        world
            .iam
            .delete_access_key(&by, caller.user.id, &chain[at])
            .await
            .unwrap();
    }
    for (place, id) in chain.iter().enumerate() {
        let lives = principal(world, id).await.is_some();
        prop_assert_eq!(lives, place < at, "{} after the end of {}", place, at);
    }
    world.clock.advance(Duration::from_secs(4_000));
    for id in chain.iter().skip(1) {
        prop_assert!(principal(world, id).await.is_none(), "its time is over");
    }
    Ok(())
}

async fn new_customer(world: &World) -> CustomerName {
    let name = CustomerName::parse("newcorp").unwrap();
    let new = common::new_customer(&name);
    let by = world.by(Action::IamRsCreateCustomer);
    world.iam.create_customer(&by, &new, None).await.unwrap();
    let modify = ModifyCustomer {
        assume_role_enabled: Some(true),
        ..ModifyCustomer::default()
    };
    world.tenancy.modify(&by, &name, modify).await.unwrap();
    name
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]
    #[test]
    fn no_derived_credential_is_stronger_than_its_parent(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(tell(story))?;
    }
}

/// A story that chance told: the reseller's admin is held back from a bucket that is open to everybody; or from all.
#[tokio::test]
async fn a_reseller_within_a_customer_is_held_to_what_opens_its_session_and_nothing_else() {
    let everybody = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":["arn:aws:s3:::bkt","arn:aws:s3:::bkt/k"]}}"#;
    let deny = |what: &str| format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny",{what}}}}}"#);
    for inline in [
        r#""Action":"*","Resource":"*""#,
        r#""Action":"*","Resource":["arn:aws:s3:::bkt","arn:aws:s3:::ccc/*"]"#,
        r#""Action":"sts:RSAssumeCustomerRole","Resource":"*""#,
        r#""NotAction":["iam:*","s3:PutObject"],"Resource":"*""#,
    ] {
        let story = Story {
            role: Role::Admin,
            managed: vec![common::ALLOW.to_owned(); MANAGED],
            attached: Vec::new(),
            inline: Some(deny(inline)),
            bucket: Some(everybody.to_owned()),
            login_secs: None,
            steps: vec![Step::AssumeCustomerRole { secs: 900 }],
            methods: vec!["upload"],
            ended: 1,
        };
        tell(story).await.unwrap();
    }
}
