//! The root user: made at the first start, or as the environment says.
//!
//! The credentials file is written and synced *before* the store knows the keys. A crash between the two leaves a file that
//! the next start overwrites, never a root user whose keys nobody has.

use crate::master_key::write_private;
use crate::records::{
    ApiTokenHash, KeyStatus, Root, StoredAccount, StoredKey, StoredRole, StoredToken, StoredUser, access_key_id,
    account_id, encode, stamp, user_id,
};
use crate::{Error, Iam};
use baleen_meta::{Outcome, Request};
use baleen_runtime::Entropy;
use baleen_types::{AccessKeyId, AccountId, Invalid, ProjectId, Secret, UserId};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the first user of a store.
pub const ROOT_USER_NAME: &str = "root";

/// Characters in a generated secret key: 40 of 62 letters and digits are 238 bits, and no tool has to escape them.
const SECRET_KEY_CHARACTERS: usize = 40;

/// The root user's credentials as they lie in `root-credentials.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootCredentials {
    /// The 12-digit account, as in ARNs.
    pub account_id: String,
    /// The 32-hex id of the same customer: PCAPs' `account_id`, CFW's `project_id`.
    pub project_id: String,
    /// The root user's name; also the e-mail of `X-Auth-Email`.
    pub user_name: String,
    /// The access key id for S3.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: String,
    /// The 32-hex API token of the capture door; `None` only when the file was lost, since the store keeps its hash alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_token: Option<String>,
}

impl std::fmt::Debug for RootCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RootCredentials({}, hidden)", self.access_key_id)
    }
}

/// What the operator sets instead of what would be generated (`BALEEN_ROOT_…`).
#[derive(Clone, Debug, Default)]
pub struct RootOverrides {
    /// The access key: id and secret, only both together.
    pub access_key: Option<(AccessKeyId, Secret)>,
    /// The API token: 32 lower-case hex digits.
    pub api_token: Option<Secret>,
}

impl RootOverrides {
    /// Checks what the environment gives.
    ///
    /// # Errors
    /// `Invalid` when a part is malformed, or one half of the access key is missing.
    pub fn parse(id: Option<&str>, secret: Option<&str>, token: Option<&str>) -> Result<Self, Invalid> {
        let access_key = match (id, secret) {
            (None, None) => None,
            (Some(id), Some(secret)) => {
                if !(16..=128).contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(Invalid::new(
                        "root secret access key",
                        "16 to 128 visible ASCII characters are expected",
                    ));
                }
                Some((AccessKeyId::parse(id)?, Secret::new(secret)))
            }
            _ => {
                return Err(Invalid::new(
                    "root access key",
                    "BALEEN_ROOT_ACCESS_KEY_ID and BALEEN_ROOT_SECRET_ACCESS_KEY must be set together",
                ));
            }
        };
        let api_token = match token {
            None => None,
            Some(token) if is_token(token) => Some(Secret::new(token)),
            Some(_) => return Err(Invalid::new("root API token", "32 lower-case hex digits are expected")),
        };
        Ok(Self { access_key, api_token })
    }
}

/// Tells whether a text has the form of an API token: 32 lower-case hex digits (CloudShark contract, section 1).
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What [`Iam::ensure_root`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootStart {
    /// The first start: account and root user were made, the file was written.
    Created,
    /// The operator's values differ from the stored ones and replaced them; the file was written.
    Replaced,
    /// Nothing had to be done; the file was not looked at.
    Kept,
}

impl Iam {
    /// Makes sure that there is a root user with the credentials the operator wants.
    ///
    /// # Errors
    /// `File` when `file` cannot be written; `Race` when another process does the same.
    pub async fn ensure_root(&self, overrides: &RootOverrides, file: &Path) -> Result<RootStart, Error> {
        match self.read_root().await? {
            None => self.create_root(overrides, file).await,
            Some(root) => self.replace_root_keys(root, overrides, file).await,
        }
    }

    async fn create_root(&self, overrides: &RootOverrides, file: &Path) -> Result<RootStart, Error> {
        let entropy = &*self.parts.entropy;
        let at = stamp(self.parts.clock.now());
        let (account, user) = (
            AccountId::from_entropy(entropy.number()),
            UserId::from_entropy(entropy.number()),
        );
        let project = ProjectId::from_bytes(entropy.bytes());
        let stored_account = StoredAccount {
            project: *project.as_bytes(),
            created_ns: at,
        };
        let stored_user = StoredUser {
            name: ROOT_USER_NAME.to_owned(),
            role: StoredRole::Root,
            created_ns: at,
        };
        let fresh_key = || (new_access_key_id(entropy), new_secret_key(entropy));
        let (key_id, secret) = overrides.access_key.clone().unwrap_or_else(fresh_key);
        let token = overrides
            .api_token
            .clone()
            .unwrap_or_else(|| Secret::new(hex::encode(entropy.bytes::<16>())));
        let owner = Owner { account, user };
        let root = Root {
            account: account.as_u64(),
            user: user.as_u64(),
            access_key: key_id.to_string(),
            token: ApiTokenHash::of(&token),
        };
        let request = Request::new()
            .absent(Root::key())
            .put(Root::key(), encode(&root)?)
            .put(StoredAccount::key(account), encode(&stored_account)?)
            .put(StoredAccount::by_project_key(project), account.to_string())
            .put(StoredUser::key(account, user), encode(&stored_user)?)
            .and(self.add_key(owner, &key_id, &secret)?)
            .and(self.add_token(owner, root.token)?);
        let credentials = RootCredentials {
            account_id: account.to_string(),
            project_id: project.to_string(),
            user_name: stored_user.name,
            access_key_id: key_id.to_string(),
            secret_access_key: secret.expose().to_owned(),
            api_token: Some(token.expose().to_owned()),
        };
        save(&credentials, file)?;
        self.commit(request).await?;
        Ok(RootStart::Created)
    }

    async fn replace_root_keys(&self, root: Root, overrides: &RootOverrides, file: &Path) -> Result<RootStart, Error> {
        let key_id = access_key_id(&root.access_key)?;
        let stored = self.read_key(&key_id).await?.ok_or(Error::Damaged("root access key"))?;
        let old_secret = self.open_key(&key_id, &stored)?;
        let differs = |(id, secret): &&(AccessKeyId, Secret)| *id != key_id || secret.expose() != old_secret.expose();
        let new_key = overrides.access_key.as_ref().filter(differs);
        let new_token = overrides
            .api_token
            .as_ref()
            .filter(|token| ApiTokenHash::of(token) != root.token);
        if new_key.is_none() && new_token.is_none() {
            return Ok(RootStart::Kept);
        }
        let owner = Owner {
            account: account_id(root.account)?,
            user: user_id(root.user)?,
        };
        let user = self.user(owner.account, owner.user).await?;
        let mut next = root.clone();
        let mut request = Request::new().unchanged(Root::key(), Some(encode(&root)?));
        let mut secret = old_secret.clone();
        if let Some((id, wanted)) = new_key {
            request = request
                .delete(StoredKey::key(&key_id))
                .delete(StoredKey::by_user_key(owner.account, owner.user, &key_id))
                .and(self.add_key(owner, id, wanted)?);
            next.access_key = id.to_string();
            secret = wanted.clone();
        }
        // The store has the token's hash alone; an unchanged token stays in the file if the file still has it.
        let kept = read_file(file).and_then(|old| old.api_token);
        let mut token = kept.filter(|t| ApiTokenHash::of(&Secret::new(t)) == root.token);
        if let Some(wanted) = new_token {
            next.token = ApiTokenHash::of(wanted);
            request = request
                .delete(StoredToken::key(root.token))
                .delete(StoredToken::by_user_key(owner.account, owner.user, root.token))
                .and(self.add_token(owner, next.token)?);
            token = Some(wanted.expose().to_owned());
        }
        let credentials = RootCredentials {
            account_id: owner.account.to_string(),
            project_id: user.project.to_string(),
            user_name: user.name.to_string(),
            access_key_id: next.access_key.clone(),
            secret_access_key: secret.expose().to_owned(),
            api_token: token,
        };
        save(&credentials, file)?;
        self.commit(request.put(Root::key(), encode(&next)?)).await?;
        self.keys.forget_all();
        Ok(RootStart::Replaced)
    }

    fn add_key(&self, owner: Owner, id: &AccessKeyId, secret: &Secret) -> Result<Request, Error> {
        let record = StoredKey {
            account: owner.account.as_u64(),
            user: owner.user.as_u64(),
            sealed_secret: self
                .parts
                .sealer
                .seal(StoredKey::context(id), secret, self.parts.entropy.bytes()),
            status: KeyStatus::Active,
            created_ns: stamp(self.parts.clock.now()),
        };
        let listed = StoredKey::by_user_key(owner.account, owner.user, id);
        Ok(Request::new().put(StoredKey::key(id), encode(&record)?).put(listed, ""))
    }

    fn add_token(&self, owner: Owner, hash: ApiTokenHash) -> Result<Request, Error> {
        let record = StoredToken {
            account: owner.account.as_u64(),
            user: owner.user.as_u64(),
            created_ns: stamp(self.parts.clock.now()),
        };
        let listed = StoredToken::by_user_key(owner.account, owner.user, hash);
        Ok(Request::new()
            .put(StoredToken::key(hash), encode(&record)?)
            .put(listed, ""))
    }

    async fn commit(&self, request: Request) -> Result<(), Error> {
        match self.parts.meta.commit(request).await.map_err(Error::Meta)? {
            Outcome::Committed => Ok(()),
            Outcome::Conflict { .. } => Err(Error::Race),
        }
    }
}

/// Whose a key or a token is.
#[derive(Clone, Copy)]
struct Owner {
    account: AccountId,
    user: UserId,
}

/// `AKIA` and 16 characters of base 32, as AWS makes them and tools expect them (identity contract, section 1).
fn new_access_key_id(entropy: &dyn Entropy) -> AccessKeyId {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let tail = entropy.bytes::<16>().map(|b| char::from(ALPHABET[usize::from(b % 32)]));
    AccessKeyId::parse(&format!("AKIA{}", tail.iter().collect::<String>())).expect("20 letters and digits fit")
}

fn new_secret_key(entropy: &dyn Entropy) -> Secret {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(SECRET_KEY_CHARACTERS);
    while text.len() < SECRET_KEY_CHARACTERS {
        // Bytes above the last multiple of 62 are dropped, so that every character is equally likely.
        let fair = entropy.bytes::<64>().into_iter().filter(|b| *b < 248);
        text.extend(
            fair.take(SECRET_KEY_CHARACTERS - text.len())
                .map(|b| char::from(ALPHABET[usize::from(b % 62)])),
        );
    }
    Secret::new(text)
}

fn save(credentials: &RootCredentials, file: &Path) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(credentials).expect("plain text fields always serialize");
    text.push('\n');
    let source = |source| Error::File {
        doing: "write",
        path: file.to_owned(),
        source,
    };
    write_private(file, text.as_bytes()).map_err(source)
}

fn read_file(file: &Path) -> Option<RootCredentials> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

#[cfg(test)]
mod tests;
