//! Tokens as their owners, admins and thieves use them.

use super::ceiling::Ceiling;
use super::record::{Leading, StoredToken, v1, v2};
use super::*;
use crate::{AuthMethod, Error, Iam, NewUser, PageRequest, Parts, Path, PolicyName, RootOverrides, Tags, UserInfo};
use baleen_meta::Meta;
use baleen_policy::{Action, Ask, Authorized, Caller, Context, Principal, Resource, Role, User, authorize};
use baleen_runtime::{Clock as _, Entropy, ManualClock, SeededEntropy};
use baleen_sealing::Sealer;
use baleen_types::{AccessKeyId, UserName};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

struct World {
    iam: Arc<Iam>,
    clock: Arc<ManualClock>,
    meta: Meta,
    root: Principal,
    root_token: Secret,
    ann: UserInfo,
    bob: UserInfo,
}

impl World {
    async fn new() -> Self {
        Self::over(SeededEntropy::new(1)).await
    }

    async fn over(entropy: Arc<dyn Entropy>) -> Self {
        let (meta, clock) = (
            Meta::open_model(),
            ManualClock::new(Timestamp::from_secs(1_700_000_000)),
        );
        let iam = Iam::new(Parts {
            meta: meta.clone(),
            tenancy: crate::root::tests::tenancy(&meta),
            sealer: Arc::new(Sealer::new(&Zeroizing::new([3; 32]))),
            clock: clock.clone(),
            entropy,
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.json");
        iam.ensure_root(&crate::root::tests::reseller(), &RootOverrides::default(), &file)
            .await
            .unwrap();
        let made: crate::RootCredentials = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let key = AccessKeyId::parse(&made.access_key_id).unwrap();
        let root = iam.credential(&key).await.unwrap().found().unwrap().principal.clone();
        let new = |name: &str| NewUser {
            name: UserName::parse(name).unwrap(),
            path: Path::default(),
            tags: Tags::default(),
        };
        let by = allow(&root, Role::Root, None);
        let ann = iam.create_user(&by, new("ann@example.com")).await.unwrap();
        let bob = iam.create_user(&by, new("bob@example.com")).await.unwrap();
        Self {
            root_token: Secret::new(made.api_token.unwrap()),
            iam,
            clock,
            meta,
            root,
            ann,
            bob,
        }
    }

    fn root(&self) -> Authorized {
        allow(&self.root, Role::Root, None)
    }

    /// The user in a role; what it may is decided here and not by policies.
    fn by(&self, user: &UserInfo, role: Role) -> Authorized {
        allow(&self.root, role, Some(user))
    }

    async fn make(&self, by: &Authorized, owner: &UserInfo) -> Result<CreatedToken, Error> {
        self.iam
            .create_token(by, owner.id, TokenOptions::labelled("import"))
            .await
    }

    async fn state(&self, token: &Secret) -> &'static str {
        match self.iam.token(token).await.unwrap() {
            TokenLookup::Found(_) => "found",
            TokenLookup::Unknown => "unknown",
            TokenLookup::Suspended => "suspended",
        }
    }

    /// Lets a user do some actions to everything.
    async fn give(&self, user: &UserInfo, actions: &str) {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{actions}","Resource":"*"}}}}"#
        );
        let name = PolicyName::parse("given").unwrap();
        self.iam
            .put_user_policy(&self.root(), user.id, &name, &document)
            .await
            .unwrap();
    }

    async fn let_users_define(&self, yes: bool) {
        let change = TokenSettingsChange {
            lets_users_define: Some(yes),
            lets_guests_in: None,
        };
        self.iam.set_token_settings(&self.root(), change).await.unwrap();
    }
}

/// Authorizes a user of any role. The decision is asked as root's and the role put in afterwards would need another crate;
/// so the role is that of the caller, and the action one that everybody has.
fn allow(root: &Principal, role: Role, user: Option<&UserInfo>) -> Authorized {
    let caller = root.caller().unwrap();
    let user = User {
        id: user.map_or(caller.user.id, |user| user.id),
        role,
        ..(*caller.user).clone()
    };
    let principal = Principal::Known(Arc::new(Caller {
        user: Arc::new(user),
        ..(**caller).clone()
    }));
    authorize(&Ask {
        principal: &principal,
        action: Action::StsGetCallerIdentity,
        resource: Resource::OwnAccount,
        context: &Context::new(Timestamp::EPOCH),
    })
    .unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "a test has no use for the outcome besides")]
fn why<T>(outcome: Result<T, Error>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(Error::NotAllowed(_)) => "not allowed",
        Err(Error::BeyondRights(_)) => "beyond rights",
        Err(Error::NoSuchEntity { .. }) => "no such entity",
        Err(Error::Invalid(_)) => "invalid",
        Err(Error::ConcurrentModification) => "concurrent",
        Err(_) => "another error",
    }
}

fn disabled() -> TokenChange {
    TokenChange {
        is_enabled: Some(false),
        ..TokenChange::default()
    }
}

#[tokio::test]
async fn a_token_stands_for_its_owner_within_its_methods() {
    let world = World::new().await;
    let made = world.make(&world.root(), &world.ann).await.unwrap();
    assert_eq!(made.token.expose().len(), 32);
    assert_eq!(made.info.short_id, made.token.expose()[..6]);
    assert!(!made.info.is_user_defined && made.info.is_enabled);
    for text in [made.token.expose().to_owned(), made.token.expose().to_uppercase()] {
        let TokenLookup::Found(known) = world.iam.token(&Secret::new(text)).await.unwrap() else {
            panic!("known in either case");
        };
        let caller = known.principal.caller().unwrap();
        assert_eq!(caller.user.id, world.ann.id);
        assert_eq!(caller.bounds.sets().len(), 1, "bounded");
        assert!(known.methods.has(Method::Upload) && !known.methods.has(Method::Search));
        let baleen_policy::Credential::ApiToken(grant) = &caller.credential else {
            panic!("a token");
        };
        assert_eq!(
            (&*grant.short_id, grant.must_log_in),
            (made.info.short_id.as_str(), false)
        );
    }
    let digits = made.token.expose();
    for wrong in [
        &digits[..31],
        &format!("{digits}0"),
        &digits.replace(&digits[..1], "g"),
        "",
        "../../etc/passwd",
    ] {
        assert_eq!(world.state(&Secret::new(wrong)).await, "unknown", "{wrong}");
    }
}

#[tokio::test]
async fn what_ends_a_token_is_felt_at_once() {
    let world = World::new().await;
    let by = world.root();
    for (case, after) in [
        ("disabled", "unknown"),
        ("deleted", "unknown"),
        ("expired", "unknown"),
        ("owner gone", "unknown"),
    ] {
        let owner = if case == "owner gone" { &world.bob } else { &world.ann };
        let made = world.make(&by, owner).await.unwrap();
        assert_eq!(world.state(&made.token).await, "found", "{case}: now in the cache");
        let short = &made.info.short_id;
        match case {
            "disabled" => drop(world.iam.update_token(&by, short, &disabled()).await.unwrap()),
            "deleted" => world.iam.delete_token(&by, short).await.unwrap(),
            "expired" => {
                let change = TokenChange {
                    expires: Some(Some(world.clock.now().plus(Duration::from_secs(60)))),
                    ..TokenChange::default()
                };
                world.iam.update_token(&by, short, &change).await.unwrap();
                world.clock.advance(Duration::from_nanos(59_999_999_999));
                assert_eq!(world.state(&made.token).await, "found");
                world.clock.advance(Duration::from_nanos(1));
            }
            _ => world.iam.delete_user(&by, owner.id).await.unwrap(),
        }
        assert_eq!(world.state(&made.token).await, after, "{case}");
    }
}

#[tokio::test]
async fn with_its_owner_go_all_tokens_and_what_is_known_of_them() {
    let world = World::new().await;
    let by = world.root();
    let kept = world.make(&by, &world.ann).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..=ending::AT_ONCE {
        made.push(world.make(&by, &world.bob).await.unwrap());
    }
    world
        .iam
        .note_token_use(&made[0].token, std::net::Ipv4Addr::LOCALHOST.into());
    world.iam.write_token_uses().await.unwrap();
    assert!(matches!(
        world
            .iam
            .delete_user(&by, world.iam.root_of(by.account()).await.unwrap().id)
            .await,
        Err(Error::DeleteConflict { .. })
    ));
    assert_eq!(world.state(&made[0].token).await, "found", "who stays keeps its tokens");
    world.iam.delete_user(&by, world.bob.id).await.unwrap();
    for token in &made {
        assert_eq!(world.state(&token.token).await, "unknown");
        assert_eq!(
            why(world.iam.token_info(&by, &token.info.short_id).await),
            "no such entity"
        );
    }
    let view = world.iam.view().await.unwrap();
    let hash = look_up::hash_of(&made[0].token);
    for key in [StoredToken::key(hash), record::StoredTokenUse::key(hash)] {
        assert!(view.bytes(&key).await.unwrap().is_none());
    }
    assert_eq!(world.state(&kept.token).await, "found", "another's");
}

#[tokio::test]
async fn users_define_tokens_only_while_they_may() {
    let world = World::new().await;
    let (ann, bob) = (world.by(&world.ann, Role::User), world.by(&world.bob, Role::User));
    let ask = PageRequest::first();
    assert_eq!(why(world.make(&ann, &world.ann).await), "not allowed", "off by default");
    assert_eq!(why(world.iam.list_tokens(&ann, None, &ask).await), "not allowed");
    assert_eq!(
        why(world.iam.set_token_settings(&ann, TokenSettingsChange::default()).await),
        "not allowed"
    );
    world.let_users_define(true).await;
    assert_eq!(
        why(world.make(&ann, &world.ann).await),
        "beyond rights",
        "there is nothing yet that it could do"
    );
    world.give(&world.ann, "captures:*").await;
    let own = world.make(&ann, &world.ann).await.unwrap();
    assert!(own.info.is_user_defined);
    assert_eq!(
        why(world.make(&ann, &world.bob).await),
        "not allowed",
        "for oneself alone"
    );
    let grouped = TokenOptions {
        group: Some("qa".to_owned()),
        ..TokenOptions::labelled("x")
    };
    assert_eq!(
        why(world.iam.create_token(&ann, world.ann.id, grouped.clone()).await),
        "not allowed"
    );
    let short = own.info.short_id.as_str();
    let into_group = TokenChange {
        group: Some(Some("qa".to_owned())),
        ..TokenChange::default()
    };
    assert_eq!(
        why(world.iam.update_token(&ann, short, &into_group).await),
        "not allowed"
    );
    for outcome in [
        why(world.iam.token_info(&bob, short).await),
        why(world.iam.update_token(&bob, short, &disabled()).await),
        why(world.iam.delete_token(&bob, short).await),
        why(world.iam.rotate_token(&bob, short, world.clock.now()).await),
    ] {
        assert_eq!(outcome, "no such entity", "others do not even learn of it");
    }
    assert_eq!(
        world
            .iam
            .list_tokens(&bob, Some(world.ann.id), &ask)
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(world.iam.list_tokens(&ann, None, &ask).await.unwrap().items.len(), 1);

    world.let_users_define(false).await;
    for (by, short) in [(&ann, short), (&bob, short), (&bob, "000000")] {
        assert_eq!(why(world.iam.token_info(by, short).await), "not allowed");
    }
    assert_eq!(world.state(&own.token).await, "found", "it keeps working");
    let admins = world.make(&world.root(), &world.ann).await.unwrap();
    assert_eq!(why(world.iam.disable_user_defined_tokens(&ann).await), "not allowed");
    assert_eq!(world.iam.disable_user_defined_tokens(&world.root()).await.unwrap(), 1);
    assert_eq!(world.iam.disable_user_defined_tokens(&world.root()).await.unwrap(), 0);
    assert_eq!(
        (world.state(&own.token).await, world.state(&admins.token).await),
        ("unknown", "found")
    );
    assert_eq!(world.state(&world.root_token).await, "found");
}

#[tokio::test]
async fn admins_manage_everyone_but_root() {
    let world = World::new().await;
    let admin = world.by(&world.bob, Role::Admin);
    let root = world.root.user().unwrap().id;
    let of_root = world
        .iam
        .create_token(&world.root(), root, TokenOptions::labelled("root's"))
        .await
        .unwrap();
    assert_eq!(
        why(world.iam.create_token(&admin, root, TokenOptions::labelled("x")).await),
        "not allowed"
    );
    assert_eq!(
        why(world.iam.delete_token(&admin, &of_root.info.short_id).await),
        "not allowed"
    );
    assert_eq!(
        why(world
            .iam
            .rotate_token(&admin, &of_root.info.short_id, world.clock.now())
            .await),
        "not allowed"
    );
    let of_ann = world.make(&admin, &world.ann).await.unwrap();
    assert_eq!(of_ann.info.created_by, world.bob.id);
    assert_eq!(why(world.iam.delete_token(&admin, &of_ann.info.short_id).await), "ok");
    let first = &world.root_token.expose()[..6];
    for by in [&admin, &world.root()] {
        assert_eq!(why(world.iam.update_token(by, first, &disabled()).await), "not allowed");
    }
    let public = TokenOptions {
        is_public: true,
        ..TokenOptions::labelled("x")
    };
    assert_eq!(
        why(world.iam.create_token(&admin, world.ann.id, public).await),
        "invalid",
        "no guests are let in"
    );
    let nobody = baleen_types::UserId::from_entropy(77);
    assert_eq!(
        why(world
            .iam
            .create_token(&admin, nobody, TokenOptions::labelled("x"))
            .await),
        "no such entity"
    );
}

#[tokio::test]
async fn users_ask_for_no_more_than_they_may() {
    let world = World::new().await;
    let ann = world.by(&world.ann, Role::User);
    world.let_users_define(true).await;
    world.give(&world.ann, "captures:Upload").await;
    let own = world.make(&ann, &world.ann).await.unwrap();
    let wide = |methods: &[Method]| TokenChange {
        methods: Some(Methods::of(methods)),
        ..TokenChange::default()
    };
    let short = own.info.short_id.as_str();
    let asked = wide(&[Method::Upload, Method::Delete, Method::Search]);
    let refused = world.iam.update_token(&ann, short, &asked).await.unwrap_err();
    assert!(refused.to_string().ends_with(": search, delete"), "{refused}");
    // What others may stays unsaid.
    assert_eq!(why(world.make(&ann, &world.bob).await), "not allowed");
    // An admin may prepare a token for rights that come later, and is told.
    let told = world.iam.update_token(&world.root(), short, &asked).await.unwrap();
    assert_eq!(told.idle, Methods::of(&[Method::Search, Method::Delete]));
    world.give(&world.ann, "captures:*").await;
    let info = || async { world.iam.token_info(&ann, short).await.unwrap() };
    assert_eq!(info().await.idle, Methods::NONE);
    world
        .iam
        .update_token(&world.root(), short, &wide(&[Method::Merge]))
        .await
        .unwrap();
    assert_eq!(info().await.idle, Methods::of(&[Method::Merge]), "merge needs upload");
    // A token outlives the rights that it was made with: it is bounded, and rotated all the same.
    world.give(&world.ann, "captures:Read").await;
    world.iam.rotate_token(&ann, short, world.clock.now()).await.unwrap();
}

/// What an admin set, the owner does not undo: not by a change, not by a rotation.
#[tokio::test]
async fn only_admins_loosen_what_an_admin_set() {
    let world = World::new().await;
    world.let_users_define(true).await;
    world.give(&world.ann, "captures:*").await;
    let (root, ann) = (world.root(), world.by(&world.ann, Role::User));
    let settings = TokenSettingsChange {
        lets_users_define: None,
        lets_guests_in: Some(true),
    };
    world.iam.set_token_settings(&root, settings).await.unwrap();
    let none = TokenChange::default;
    let methods = |methods: &[Method]| TokenChange {
        methods: Some(Methods::of(methods)),
        ..none()
    };
    let ends = |days: u64| TokenChange {
        expires: Some(Some(world.clock.now().plus(Duration::from_secs(days * 86_400)))),
        ..none()
    };
    let endless = TokenChange {
        expires: Some(None),
        ..none()
    };
    let log_in = |yes| TokenChange {
        must_log_in: Some(yes),
        ..none()
    };
    let public = |yes| TokenChange {
        is_public: Some(yes),
        ..none()
    };
    let enabled = TokenChange {
        is_enabled: Some(true),
        ..none()
    };
    use Method::{Info, Search, Upload};
    for (case, set, tighter, looser) in [
        (
            "methods",
            methods(&[Upload, Info]),
            methods(&[Info]),
            vec![methods(&[Search]), methods(&[Upload, Info, Search])],
        ),
        ("end", ends(7), ends(6), vec![ends(8), endless]),
        ("login", log_in(true), log_in(true), vec![log_in(false)]),
        ("guests", public(false), public(false), vec![public(true)]),
        ("disabled", disabled(), disabled(), vec![enabled]),
    ] {
        // Whoever made it.
        for maker in [&root, &ann] {
            let own = world.make(maker, &world.ann).await.unwrap();
            let short = own.info.short_id.as_str();
            let update =
                async |by: &Authorized, change: &TokenChange| why(world.iam.update_token(by, short, change).await);
            assert_eq!(update(&root, &set).await, "ok", "{case}");
            for change in [&set, &tighter] {
                let outcome = if case == "disabled" {
                    "ok"
                } else {
                    update(&ann, change).await
                };
                assert_eq!(outcome, "ok", "{case}: as it is, or tighter");
            }
            for change in &looser {
                assert_eq!(update(&ann, change).await, "not allowed", "{case}");
            }
            let label = TokenChange {
                label: Some("mine".to_owned()),
                ..none()
            };
            assert_eq!(update(&ann, &label).await, "ok", "{case}: the rest is the owner's");
            let rotated = world.iam.rotate_token(&ann, short, world.clock.now()).await;
            if case == "disabled" {
                assert_eq!(why(rotated), "not allowed", "{case}");
            } else {
                let rotated = rotated.unwrap().info;
                for change in &looser {
                    let outcome = world.iam.update_token(&ann, &rotated.short_id, change).await;
                    assert_eq!(why(outcome), "not allowed", "{case}: rotated");
                    let outcome = world.iam.update_token(&root, &rotated.short_id, change).await;
                    assert_eq!(why(outcome), "ok", "{case}: an admin does");
                }
                let last = looser.last().unwrap();
                assert_eq!(
                    why(world.iam.update_token(&ann, &rotated.short_id, last).await),
                    "ok",
                    "{case}: now"
                );
            }
        }
    }
}

/// What an admin gives when making a token is set too; and a token that all of them were disabled with stays so.
#[tokio::test]
async fn what_a_token_was_made_with_is_set() {
    let world = World::new().await;
    world.let_users_define(true).await;
    world.give(&world.ann, "captures:*").await;
    let ann = world.by(&world.ann, Role::User);
    let search = TokenChange {
        methods: Some(Methods::of(&[Method::Search])),
        ..TokenChange::default()
    };
    let enabled = TokenChange {
        is_enabled: Some(true),
        ..TokenChange::default()
    };
    let given = world.make(&world.root(), &world.ann).await.unwrap().info.short_id;
    assert_eq!(why(world.iam.update_token(&ann, &given, &search).await), "not allowed");
    let own = world.make(&ann, &world.ann).await.unwrap().info.short_id;
    assert_eq!(why(world.iam.update_token(&ann, &own, &search).await), "ok");
    // What the owner has disabled, the owner enables.
    assert_eq!(why(world.iam.update_token(&ann, &own, &disabled()).await), "ok");
    assert_eq!(why(world.iam.update_token(&ann, &own, &enabled).await), "ok");
    assert_eq!(why(world.iam.update_token(&ann, &own, &disabled()).await), "ok");
    assert_eq!(world.iam.disable_user_defined_tokens(&world.root()).await.unwrap(), 1);
    assert_eq!(why(world.iam.update_token(&ann, &own, &enabled).await), "not allowed");
    assert_eq!(why(world.iam.update_token(&world.root(), &own, &enabled).await), "ok");
}

#[tokio::test]
async fn a_change_leaves_the_rest() {
    let world = World::new().await;
    let by = world.root();
    let options = TokenOptions {
        group: Some("qa".to_owned()),
        group_write: true,
        profile: Some("wide".to_owned()),
        default_tags: vec!["a".to_owned()],
        must_log_in: true,
        expires: Some(world.clock.now().plus(Duration::from_secs(9))),
        ..TokenOptions::labelled("import")
    };
    let made = world
        .iam
        .create_token(&by, world.ann.id, options.clone())
        .await
        .unwrap();
    let short = made.info.short_id.as_str();
    let change = |change: TokenChange| {
        let (world, by) = (&world, &by);
        async move { world.iam.update_token(by, short, &change).await }
    };
    let next = change(TokenChange {
        label: Some("other".to_owned()),
        ..TokenChange::default()
    });
    let labelled = TokenOptions {
        label: "other".to_owned(),
        ..options
    };
    assert_eq!(next.await.unwrap().options, labelled);
    let next = change(TokenChange {
        group: Some(None),
        profile: Some(None),
        expires: Some(None),
        ..TokenChange::default()
    });
    let bare = TokenOptions {
        group: None,
        group_write: false,
        profile: None,
        expires: None,
        ..labelled
    };
    assert_eq!(next.await.unwrap().options, bare);
    assert_eq!(change(TokenChange::default()).await.unwrap().options, bare);
    let now = world.clock.now();
    let ends = |at| TokenChange {
        expires: Some(Some(at)),
        ..TokenChange::default()
    };
    assert_eq!(why(change(ends(now)).await), "invalid", "an end that has passed");
    assert_eq!(why(change(ends(now.plus(Duration::from_nanos(1)))).await), "ok");
    world.clock.advance(Duration::from_nanos(1));
    assert_eq!(
        why(world.iam.rotate_token(&by, short, world.clock.now()).await),
        "invalid",
        "what is over has nothing to hand on"
    );
}

#[tokio::test]
async fn rotation_keeps_the_options_and_ends_the_old_one() {
    let world = World::new().await;
    let by = world.root();
    let options = TokenOptions {
        default_tags: vec!["qa".to_owned()],
        methods: Methods::of(&[Method::Upload, Method::Search]),
        ..TokenOptions::labelled("import")
    };
    let old = world
        .iam
        .create_token(&by, world.ann.id, options.clone())
        .await
        .unwrap();
    let deadline = world.clock.now().plus(Duration::from_secs(3_600));
    let new = world.iam.rotate_token(&by, &old.info.short_id, deadline).await.unwrap();
    assert_eq!((&new.info.options, new.info.owner), (&options, world.ann.id));
    assert_ne!(new.token.expose(), old.token.expose());
    let sooner = world.clock.now().plus(Duration::from_secs(60));
    let again = world.iam.rotate_token(&by, &old.info.short_id, sooner).await.unwrap();
    assert_eq!(
        (again.info.options, again.info.retires),
        (options, None),
        "the end of the old one is not the new one's"
    );
    world.iam.rotate_token(&by, &old.info.short_id, deadline).await.unwrap();
    let ending = world.iam.token_info(&by, &old.info.short_id).await.unwrap();
    assert_eq!((ending.retires, ending.options.expires), (Some(sooner), None));
    assert_eq!(world.state(&old.token).await, "found");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(
        world.state(&old.token).await,
        "unknown",
        "a later deadline gives no life back"
    );
    assert_eq!(world.state(&new.token).await, "found");
}

#[tokio::test]
async fn first_digits_are_never_shared() {
    /// Draws tokens that begin alike, until it has drawn some.
    struct Alike(SeededEntropyOf);
    type SeededEntropyOf = (Arc<SeededEntropy>, std::sync::atomic::AtomicU32);
    impl Entropy for Alike {
        fn fill(&self, bytes: &mut [u8]) {
            self.0.0.fill(bytes);
            let nth = self.0.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if bytes.len() == 16 && !nth.is_multiple_of(7) {
                bytes[..3].fill(0xab);
            }
        }
    }
    let world = World::over(Arc::new(Alike((SeededEntropy::new(1), 0.into())))).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..4 {
        let made = world.make(&world.root(), &world.ann).await.unwrap();
        assert!(seen.insert(made.info.short_id.clone()), "{}", made.info.short_id);
        assert_eq!(world.state(&made.token).await, "found");
    }
}

#[tokio::test]
async fn uses_are_counted_and_written_lazily() {
    let world = World::new().await;
    let made = world.make(&world.root(), &world.ann).await.unwrap();
    let info = || async { world.iam.token_info(&world.root(), &made.info.short_id).await.unwrap() };
    for _ in 0..3 {
        world.iam.note_token_use(&made.token, "192.0.2.1".parse().unwrap());
    }
    assert_eq!((info().await.use_count, info().await.last_used), (0, None));
    world.iam.write_token_uses().await.unwrap();
    world.iam.write_token_uses().await.unwrap();
    let used = info().await;
    assert_eq!((used.use_count, used.last_used), (3, Some(world.clock.now())));
    assert_eq!(used.last_used_from, Some("192.0.2.1".parse().unwrap()));
    world.iam.note_token_use(&made.token, "192.0.2.2".parse().unwrap());
    world
        .iam
        .delete_token(&world.root(), &made.info.short_id)
        .await
        .unwrap();
    world.iam.write_token_uses().await.unwrap();
    let rows = world.meta.scan(baleen_meta::Scan::prefix(b"3")).await.unwrap();
    assert!(rows.is_empty(), "nothing stays of a deleted token");
}

#[tokio::test]
async fn lists_have_pages_and_no_secrets() {
    let world = World::new().await;
    let mut tokens = Vec::new();
    for owner in [&world.ann, &world.bob, &world.ann] {
        tokens.push(world.make(&world.root(), owner).await.unwrap().token);
    }
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let ask = PageRequest::new(marker.as_deref(), Some(1)).unwrap();
        let page = world.iam.list_tokens(&world.root(), None, &ask).await.unwrap();
        found.extend(page.items);
        marker = page.next;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 4, "with the token of the first start");
    assert!(found.is_sorted_by(|a, b| a.short_id < b.short_id));
    let ask = PageRequest::first();
    let anns = world
        .iam
        .list_tokens(&world.root(), Some(world.ann.id), &ask)
        .await
        .unwrap();
    assert_eq!(anns.items.len(), 2);
    let stored = world.meta.scan(baleen_meta::Scan::prefix(b"")).await.unwrap();
    let all: Vec<u8> = stored
        .iter()
        .flat_map(|e| [&e.key[..], &e.value[..]].concat())
        .collect();
    for token in tokens {
        let text = token.expose();
        assert!(!all.windows(32).any(|w| w == text.as_bytes()));
        assert!(!format!("{found:?}").contains(&text[..8]));
    }
}

#[tokio::test]
async fn a_federated_owner_changes_nothing() {
    let world = World::new().await;
    let made = world.make(&world.root(), &world.ann).await.unwrap();
    world
        .iam
        .set_auth_method(&world.root(), world.ann.id, AuthMethod::Federated)
        .await
        .unwrap();
    assert_eq!(world.state(&made.token).await, "found");
}

#[test]
fn a_token_from_before_rotations_had_an_end_of_their_own() {
    let leading = Leading {
        account: 100_000_000_001,
        user: 100_000_000_002,
        short_id: "ab12cd".to_owned(),
        label: "import".to_owned(),
        group: Some("qa".to_owned()),
        group_write: true,
        is_public: false,
        default_tags: vec!["a".to_owned()],
        profile: None,
        must_log_in: true,
        methods: 5,
        is_unbounded: false,
        is_user_defined: true,
        is_enabled: true,
        expires_ns: Some(7),
    };
    let old = v2::StoredToken {
        leading: leading.clone(),
        created_ns: 5,
        created_by: 100_000_000_003,
    };
    let bytes = baleen_meta::record::encode(&old).unwrap();
    let now: StoredToken = baleen_meta::record::decode(&bytes).unwrap();
    assert_eq!(
        (now.expires_ns, now.retires_ns, now.ends_ns()),
        (Some(7), None, Some(7))
    );
    assert_eq!(
        (now.methods, now.created_by, now.group),
        (5, 100_000_000_003, Some("qa".to_owned()))
    );
    assert!(now.must_log_in && now.is_user_defined && now.group_write && !now.is_unbounded);
    assert_eq!(now.ceiling, Ceiling::default(), "a user's own, and enabled");
    let of_admin = v2::StoredToken {
        leading: Leading {
            is_user_defined: false,
            is_enabled: false,
            ..leading
        },
        ..old
    };
    let bytes = baleen_meta::record::encode(&of_admin).unwrap();
    let now: StoredToken = baleen_meta::record::decode(&bytes).unwrap();
    let mut set = Ceiling::of(&now.options());
    set.is_disabled = true;
    assert_eq!(now.ceiling, set, "taken for an admin's");
}

#[test]
fn a_token_of_the_first_releases_keeps_all_rights() {
    let old = v1::StoredToken {
        account: 100_000_000_001,
        user: 100_000_000_002,
        created_ns: 5,
    };
    let bytes = baleen_meta::record::encode(&old).unwrap();
    let now: StoredToken = baleen_meta::record::decode(&bytes).unwrap();
    assert!(now.is_unbounded && now.is_enabled && now.expires_ns.is_none());
    assert_eq!(
        (now.account, now.user, now.short_id.as_str()),
        (old.account, old.user, "root")
    );
}

/// Records as each release wrote them, put together by another implementation: whatever these shapes are made of here, their bytes
/// stay.
#[test]
fn the_bytes_of_each_release_are_read() {
    // Account, user, first digits, label; group and its writing, public, tags, profile; log-in, methods, unbounded, a user's own,
    // enabled, end.
    let shown = [
        "81d0dbc3f40282d0dbc3f4020661623132636406696d706f7274",
        "010271610100010161000105000101010e",
    ]
    .concat();
    let made = "0a83d0dbc3f402";
    let read = |hex: &str| baleen_meta::record::decode::<StoredToken>(&hex::decode(hex).unwrap()).unwrap();
    let expected = |retires_ns| StoredToken {
        account: 100_000_000_001,
        user: 100_000_000_002,
        short_id: "ab12cd".to_owned(),
        label: "import".to_owned(),
        group: Some("qa".to_owned()),
        group_write: true,
        is_public: false,
        default_tags: vec!["a".to_owned()],
        profile: None,
        must_log_in: true,
        methods: 5,
        is_unbounded: false,
        is_user_defined: true,
        is_enabled: true,
        expires_ns: Some(7),
        retires_ns,
        created_ns: 5,
        created_by: 100_000_000_003,
        ceiling: Ceiling::default(),
    };
    let mut first = StoredToken::of_root(100_000_000_001, 100_000_000_002, "root".to_owned(), 5);
    first.ceiling = Ceiling::of(&first.options());
    assert_eq!(read("0181d0dbc3f40282d0dbc3f4020a"), first);
    assert_eq!(read(&format!("02{shown}{made}")), expected(None));
    assert_eq!(read(&format!("03{shown}010c{made}")), expected(Some(6)));
    let now = format!("04{shown}010c{made}0000000000");
    assert_eq!(read(&now), expected(Some(6)));
    assert_eq!(
        hex::encode(baleen_meta::record::encode(&expected(Some(6))).unwrap()),
        now
    );
}
