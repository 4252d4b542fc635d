//! Stores as the first releases left them: one account, its root, a key and a token, and no indexes.

use super::*;
use crate::records::{StoredKeyStatus, keys, users};
use crate::tokens::record::v1 as token_v1;
use crate::{PageRequest, TokenLookup};
use baleen_policy::{Action, Ask, Authorized, Context, Principal, Resource, Role, authorize};
use baleen_types::UserName;

/// What the first release's first start wrote, and gave out.
struct Old {
    meta: Meta,
    account: AccountId,
    user: UserId,
    key: AccessKeyId,
    token: Secret,
}

async fn old_store() -> Old {
    let meta = Meta::open_model();
    let (account, user) = (AccountId::from_entropy(41), UserId::from_entropy(42));
    let (key, token) = (AccessKeyId::parse(KEY).unwrap(), Secret::new(TOKEN));
    let (account_number, user_number) = (account.as_u64(), user.as_u64());
    let sealer = Sealer::new(&Zeroizing::new([3; 32]));
    let hash = ApiTokenHash::of(&token);
    let root = Root {
        account: account_number,
        user: user_number,
        access_key: key.to_string(),
        token: hash,
    };
    let stored_user = users::v1::StoredUser {
        name: ROOT_USER_NAME.to_owned(),
        role: StoredRole::Root,
        created_ns: 7,
    };
    let stored_key = keys::v1::StoredKey {
        account: account_number,
        user: user_number,
        sealed_secret: sealer.seal(StoredKey::context(&key), &Secret::new(SECRET), [5; 12]),
        status: StoredKeyStatus::Active,
        created_ns: 7,
    };
    let stored_token = token_v1::StoredToken {
        account: account_number,
        user: user_number,
        created_ns: 7,
    };
    // An account was its version, its project id, and the time it was made as a zigzag varint.
    let stored_account = [&[1][..], &[9; 16], &[14]].concat();
    let by_project = KeyWriter::new(Table::AccountByProject).fixed(&[9; 16]).finish();
    let request = Request::new()
        .put(Root::key(), encode(&root).unwrap())
        .put(
            KeyWriter::new(Table::Account).u64(account_number).finish(),
            stored_account,
        )
        .put(by_project, account.to_string())
        .put(StoredUser::key(account, user), encode(&stored_user).unwrap())
        .put(StoredKey::key(&key), encode(&stored_key).unwrap())
        .put(StoredKey::by_user_key(account, user, &key), "")
        .put(StoredToken::key(hash), encode(&stored_token).unwrap())
        .put(StoredToken::by_user_key(account, user, hash), "");
    meta.commit(request).await.unwrap();
    Old {
        meta,
        account,
        user,
        key,
        token,
    }
}

async fn who(iam: &Iam, key: &AccessKeyId) -> Option<Principal> {
    let found = iam.credential(key).await.unwrap().found()?;
    Some(found.principal.clone())
}

fn may(principal: &Principal, action: Action) -> Authorized {
    authorize(&Ask {
        principal,
        action,
        resource: Resource::OwnAccount,
        context: &Context::new(Timestamp::from_secs(1)),
    })
    .unwrap()
}

/// Root is who it was, and is found as everybody is today.
async fn check(iam: &Iam, old: &Old, key: &AccessKeyId) {
    let root = who(iam, key).await.unwrap();
    let user = root.user().unwrap();
    assert_eq!((user.account, user.id, user.role), (old.account, old.user, Role::Root));
    assert!(user.is_reseller);
    assert_eq!(user.project.as_bytes(), &[9; 16]);
    let named = iam
        .find_user(old.account, &UserName::parse("ROOT").unwrap())
        .await
        .unwrap();
    assert_eq!(named.id, old.user);
    assert_eq!(iam.root_of(old.account).await.unwrap().id, old.user);
    assert_eq!(iam.count_users(old.account).await.unwrap().users, 1);
    let by = may(&root, Action::IamListUsers);
    let listed = iam
        .list_users(
            &by,
            &crate::PathPrefix::default(),
            &PageRequest::new(None, None).unwrap(),
        )
        .await;
    assert_eq!(listed.unwrap().items.len(), 1);
    let customer = iam.parts.tenancy.by_name(&reseller()).await.unwrap().unwrap();
    assert_eq!(customer.account, old.account);
    let counted = iam
        .view()
        .await
        .unwrap()
        .counter(&StoredUser::by_name_key(old.account, ""))
        .await;
    assert_eq!(counted.unwrap(), 1, "the users of the account, exactly");
}

#[tokio::test]
async fn a_start_brings_it_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let old = old_store().await;
    let none = RootOverrides::default();
    for start in 1..=3 {
        let iam = iam(&old.meta, start);
        assert_eq!(
            iam.ensure_root(&reseller(), &none, &file).await.unwrap(),
            RootStart::Kept
        );
        assert!(!file.exists(), "nothing was made");
        check(&iam, &old, &old.key).await;
        assert!(knows(&iam, old.token.expose()).await);
        let hash = hex::encode(ApiTokenHash::of(&old.token).0);
        assert_eq!(
            named_tokens(&iam, &old.key).await,
            [&hash[..6]],
            "the digits are not known"
        );
        // As after a crash between the indexes and the note that they are made.
        old.meta
            .commit(Request::new().delete(names_are_indexed_key()))
            .await
            .unwrap();
    }
    // What is new works on it: a first user, and root's values of the environment.
    let iam = iam(&old.meta, 4);
    let wanted = overrides(Some("AKIAOTHEROTHEROTHERO"), Some(SECRET), Some(&"ab".repeat(16)));
    assert_eq!(
        iam.ensure_root(&reseller(), &wanted, &file).await.unwrap(),
        RootStart::Replaced
    );
    check(&iam, &old, &AccessKeyId::parse("AKIAOTHEROTHEROTHERO").unwrap()).await;
    assert!(who(&iam, &old.key).await.is_none());
    assert!(!knows(&iam, old.token.expose()).await);
}

async fn named_tokens(iam: &Iam, key: &AccessKeyId) -> Vec<String> {
    let root = who(iam, key).await.unwrap();
    let by = may(&root, Action::CapturesManageTokens);
    let page = iam.list_tokens(&by, None, &PageRequest::first()).await.unwrap();
    page.items.into_iter().map(|token| token.short_id).collect()
}

#[tokio::test]
async fn its_token_is_named_by_its_digits_when_the_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let old = old_store().await;
    let kept = RootCredentials {
        account_id: old.account.to_string(),
        project_id: String::new(),
        user_name: ROOT_USER_NAME.to_owned(),
        access_key_id: KEY.to_owned(),
        secret_access_key: SECRET.to_owned(),
        api_token: Some(TOKEN.to_owned()),
    };
    save(&kept, &file).unwrap();
    let iam = iam(&old.meta, 1);
    let start = iam.ensure_root(&reseller(), &RootOverrides::default(), &file).await;
    assert_eq!(start.unwrap(), RootStart::Kept);
    assert_eq!(named_tokens(&iam, &old.key).await, [&TOKEN[..6]]);

    let root = who(&iam, &old.key).await.unwrap();
    let by = may(&root, Action::CapturesManageTokens);
    assert_eq!(iam.token_info(&by, &TOKEN[..6]).await.unwrap().owner, old.user);
    // As of every root's: it is the operator's to change.
    assert!(matches!(
        iam.delete_token(&by, &TOKEN[..6]).await,
        Err(Error::NotAllowed(_))
    ));
    let wanted = overrides(None, None, Some(&"ab".repeat(16)));
    let start = iam.ensure_root(&reseller(), &wanted, &file).await;
    assert_eq!(start.unwrap(), RootStart::Replaced);
    assert_eq!(named_tokens(&iam, &old.key).await, ["ababab"]);
    assert!(!knows(&iam, TOKEN).await);
}

#[tokio::test]
async fn root_is_reset_before_any_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root-credentials.json");
    let old = old_store().await;
    let first = iam(&old.meta, 1);
    let reset = first
        .reset_root(&reseller(), &RootOverrides::default(), &file)
        .await
        .unwrap();
    assert_eq!((reset.access_keys, reset.api_tokens), (1, 1));
    for iam in [first, iam(&old.meta, 2)] {
        assert!(who(&iam, &old.key).await.is_none());
        assert!(matches!(iam.token(&old.token).await.unwrap(), TokenLookup::Unknown));
        let key = AccessKeyId::parse(&reset.credentials.access_key_id).unwrap();
        check(&iam, &old, &key).await;
        assert!(knows(&iam, reset.credentials.api_token.as_deref().unwrap()).await);
        let kept = iam.ensure_root(&reseller(), &RootOverrides::default(), &file).await;
        assert_eq!(kept.unwrap(), RootStart::Kept);
    }
}
