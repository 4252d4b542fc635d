//! What is in force for a user: its rights as every request of it sees them.

use crate::change::View;
use crate::epochs::{Scope, Ticket};
use crate::records::{StoredAuth, StoredInline, StoredPolicy, StoredVersion, attached_key, decode};
use crate::{Error, Iam};
use baleen_meta::Scan;
use baleen_policy::{DocumentKind, Policy, User};
use baleen_types::{AccountId, UserId};
use std::sync::Arc;

/// A user with its policies.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) user: Arc<User>,
    pub(crate) policies: Arc<[Arc<Policy>]>,
    pub(crate) auth: StoredAuth,
    pub(crate) must_change_password: bool,
    pub(crate) generation: u32,
    pub(crate) login_generation: u32,
}

impl Iam {
    /// A user and its policies, with a ticket for how long this holds; `None` when customer or user are gone or disabled.
    pub(crate) async fn in_force(
        &self,
        account: AccountId,
        id: UserId,
    ) -> Result<Option<(Arc<InForce>, Ticket)>, Error> {
        if let Some(known) = self.users.get(&(account, id), &self.epochs) {
            return Ok(Some(known));
        }
        let ticket = self.epochs.ticket(&[Scope::Account(account), Scope::User(account, id)]);
        let Some(owner) = self.active_customer(account).await? else {
            return Ok(None);
        };
        let view = self.view().await?;
        let Some(stored) = view.user(account, id).await? else {
            return Ok(None);
        };
        let stored = stored.value;
        let policies = self.policies_in_force(&view, account, id).await?;
        let boxed = |(key, value): (String, String)| (key.into_boxed_str(), value.into_boxed_str());
        let known = Arc::new(InForce {
            auth: stored.auth,
            must_change_password: stored.must_change_password,
            generation: stored.generation,
            login_generation: stored.login_generation,
            user: Arc::new(User {
                account,
                project: owner.project,
                id,
                name: stored.name()?,
                role: stored.role.into(),
                path: stored.path.into_boxed_str(),
                tags: stored.tags.into_iter().map(boxed).collect(),
                is_reseller: owner.is_reseller(),
            }),
            policies: policies.into(),
        });
        self.users.put((account, id), &known, &ticket);
        Ok(Some((known, ticket)))
    }

    /// The default versions of what is attached, and the user's own.
    async fn policies_in_force(&self, view: &View, account: AccountId, id: UserId) -> Result<Vec<Arc<Policy>>, Error> {
        let mut policies = Vec::new();
        let start = attached_key(account, id, "");
        for entry in view.scan(Scan::prefix(&start).keys_only()).await? {
            let folded = std::str::from_utf8(&entry.key[start.len()..]).map_err(|_| Error::Damaged("attachment"))?;
            let policy = view.get::<StoredPolicy>(&StoredPolicy::key(account, folded)).await?;
            let policy = policy.ok_or(Error::Damaged("attachment"))?.value;
            // A version never changes, so its document need not be read to know it.
            let name = format!("{}v{}", policy.id, policy.default_version);
            if let Some(known) = self.compiled(&name) {
                policies.push(known);
                continue;
            }
            let key = StoredVersion::key(account, &policy, policy.default_version)?;
            let version = view
                .get::<StoredVersion>(&key)
                .await?
                .ok_or(Error::Damaged("policy version"))?;
            let called = format!("policy {}", policy.name);
            policies.push(self.compile(name, &version.value.document, &called));
        }
        let start = StoredInline::of_user(account, id).finish();
        for entry in view.scan(Scan::prefix(&start)).await? {
            let own: StoredInline = decode(&entry.value)?;
            let known = self.compiled(&own.id);
            let called = || format!("inline policy {}", String::from_utf8_lossy(&entry.key[start.len()..]));
            policies.push(known.unwrap_or_else(|| self.compile(own.id, &own.document, &called())));
        }
        Ok(policies)
    }

    fn compiled(&self, name: &str) -> Option<Arc<Policy>> {
        self.compiled.value(&name.to_owned(), &self.epochs)
    }

    /// Compiles a document that is known by `name`, which no other ever has, and that people call `called`.
    fn compile(&self, name: String, document: &str, called: &str) -> Arc<Policy> {
        let policy = Arc::new(compile(&name, document, DocumentKind::Identity).named(called));
        self.compiled.put(name, &policy, &Ticket::default());
        policy
    }
}

/// Compiles a stored document. One that was taken once and is not understood today denies everything: what it denied is
/// not known any more, so nothing may be let through.
pub(crate) fn compile(name: &str, document: &str, kind: DocumentKind) -> Policy {
    Policy::parse(document, kind).unwrap_or_else(|why| {
        tracing::error!(policy = name, reason = %why, "a stored policy is not understood and denies everything");
        const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
        Policy::parse(DENY_ALL, kind).expect("this document is a policy")
    })
}
