//! The service: tokens, enrolments, renewals, removals.

use crate::Error;
use crate::attempts::Attempts;
use crate::authority::{Authority, Kept};
use crate::limits::{
    AGENTS_MAX, AGENTS_PER_ACCOUNT_MAX, CERTIFICATE_LIFE, COMMIT_ATTEMPTS_MAX, GROUPS_MAX, NAME_BYTES_MAX,
    PREVIOUS_LIFE, RENEW_BEFORE, TOKEN_LIFE_MAX, TOKENS_PER_ACCOUNT_MAX,
};
use crate::record::{self as records, CONTEXT, StoredAgent, StoredAuthority, StoredCertificate, StoredToken};
use crate::seat::Seat;
use crate::token::{AgentToken, sha256};
use baleen_agentwire::{KeyProof, PUBLIC_KEY_BYTES, Purpose};
use baleen_meta::record;
use baleen_meta::{Entry, Meta, Request, SCAN_ENTRIES_MAX, Scan};
use baleen_runtime::{Clock, Entropy};
use baleen_sealing::Sealer;
use baleen_types::{AccountId, AgentId, Invalid, Secret, SiteName, Timestamp};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::info;
use zeroize::Zeroizing;

/// What the service is built from.
pub struct Parts {
    /// Where the records are.
    pub meta: Meta,
    /// Seals the key of the authority.
    pub sealer: Arc<Sealer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids, tokens and nonces.
    pub entropy: Arc<dyn Entropy>,
}

/// What a token is to make of the agent that shows it.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The site that the agent captures at.
    pub site: SiteName,
    /// What it answers to besides.
    pub groups: Vec<SiteName>,
    /// Whether all accounts may capture there.
    pub is_shared: bool,
    /// How long the token is good.
    pub life: Duration,
}

/// An agent that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Its id.
    pub id: AgentId,
    /// Its certificate.
    pub certificate: Vec<u8>,
    /// The authority's.
    pub authority: Vec<u8>,
}

/// An agent that showed its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub id: AgentId,
    /// What it showed.
    pub certificate: [u8; 32],
    /// Until when it is known by that, unless it is removed or renews.
    pub until: Timestamp,
}

impl Known {
    /// From when on it should renew.
    pub fn renews(&self) -> Timestamp {
        let before = i64::try_from(RENEW_BEFORE.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_nanos(self.until.as_nanos().saturating_sub(before))
    }
}

/// An agent, as its account is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInfo {
    /// Its id.
    pub id: AgentId,
    /// The name that it gave itself.
    pub name: String,
    /// Where it captures.
    pub site: String,
    /// What it answers to besides.
    pub groups: Vec<String>,
    /// Whether all accounts may capture there.
    pub is_shared: bool,
    /// When it was let in.
    pub enrolled: Timestamp,
    /// Until when its certificate is valid.
    pub certificate_until: Timestamp,
}

/// What a server shows to agents: its certificate and that of its authority, and its key (PKCS#8).
pub struct ServerIdentity {
    /// In DER, its own first.
    pub chain: Vec<Vec<u8>>,
    /// In DER.
    pub key: Zeroizing<Vec<u8>>,
}

/// An agent that is to be let in.
struct Admission {
    account: AccountId,
    key: [u8; PUBLIC_KEY_BYTES],
    name: String,
    stored: StoredToken,
    /// Where the token is, and what stands there.
    row: Vec<u8>,
    bytes: Bytes,
}

/// The agents of a store.
///
/// # Cancel safety
/// Every operation may be dropped at any point; what was to change has changed wholly or not at all.
pub struct Fleet {
    parts: Parts,
    authority: Authority,
    seats: RwLock<BTreeMap<AgentId, Arc<Seat>>>,
    attempts: Attempts,
    /// Held while an agent or a token is added or removed, so that what is counted stays so, and seats are those of the rows.
    turn: Mutex<()>,
}

impl Fleet {
    /// Opens the fleet of a store; the first time, its authority is made.
    ///
    /// # Errors
    /// Those of the metadata store; `Damaged` when the authority does not open.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, Error> {
        let authority = authority(&parts).await?;
        let mut seats = BTreeMap::new();
        let mut scan = Scan::prefix(&records::agents()).limit(SCAN_ENTRIES_MAX);
        loop {
            let page = parts.meta.scan(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan = scan.after(last.key.to_vec());
            for entry in &page {
                let stored: StoredAgent = record::decode(&entry.value)?;
                let owner = records::agent_of(&entry.key)?;
                seats.insert(owner.1, seat(owner, &stored, &parts.clock)?);
            }
        }
        Ok(Arc::new(Self {
            parts,
            authority,
            seats: RwLock::new(seats),
            attempts: Attempts::default(),
            turn: Mutex::new(()),
        }))
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> &[u8] {
        &self.authority.der
    }

    /// A new key of this server with a certificate for these names and addresses, good for as long as an agent's.
    ///
    /// # Errors
    /// `Certificate` for a name that there cannot be.
    pub fn server_identity(&self, names: &[String]) -> Result<ServerIdentity, Error> {
        let made = self
            .authority
            .of_server(names, self.parts.clock.now(), &*self.parts.entropy)
            .map_err(Error::Certificate)?;
        Ok(ServerIdentity {
            chain: vec![made.certificate, self.authority.der.clone()],
            key: made.key,
        })
    }

    /// Makes a token for an agent of an account. It is shown here and never again.
    ///
    /// # Errors
    /// `Invalid` for groups or a life that are too many or too long; `TooManyTokens`.
    pub async fn new_token(&self, account: AccountId, new: NewToken) -> Result<(AgentToken, Timestamp), Error> {
        if new.groups.len() > GROUPS_MAX {
            return Err(Invalid::new("groups", format!("at most {GROUPS_MAX} are possible")).into());
        }
        if new.life.is_zero() || new.life > TOKEN_LIFE_MAX {
            return Err(Invalid::new(
                "life of a token",
                "more than nothing and at most seven days are possible",
            )
            .into());
        }
        let now = self.parts.clock.now();
        let _turn = self.turn.lock().await;
        let held = Scan::prefix(&records::tokens_of(account)).limit(SCAN_ENTRIES_MAX);
        let held = self.parts.meta.scan(held).await?;
        let mut request = Request::new();
        let mut live = 0;
        for entry in &held {
            let stored: StoredToken = record::decode(&entry.value)?;
            if Timestamp::from_nanos(stored.expires_ns) <= now {
                request = request.delete(entry.key.to_vec());
            } else {
                live += 1;
            }
        }
        if live >= TOKENS_PER_ACCOUNT_MAX {
            return Err(Error::TooManyTokens);
        }
        let token = AgentToken::new(account, self.parts.entropy.bytes(), self.authority.sha256);
        let expires = now.plus(new.life);
        let stored = StoredToken {
            site: new.site.to_string(),
            groups: new.groups.iter().map(ToString::to_string).collect(),
            is_shared: new.is_shared,
            expires_ns: expires.as_nanos(),
        };
        let row = records::token(account, &token.digest());
        self.parts
            .meta
            .commit(request.put(row, record::encode(&stored)?))
            .await?;
        Ok((token, expires))
    }

    /// Lets an agent in that has a token, with the key that it has proven. The token is used up in the commit that makes the agent.
    ///
    /// # Errors
    /// `BadToken`, `TooManyAttempts`, `BadProof`, `TooManyAgents`, `StoreFull`; `Invalid` for a name.
    pub async fn enrol(
        self: &Arc<Self>,
        from: IpAddr,
        token: &str,
        proof: &KeyProof,
        name: &str,
    ) -> Result<Enrolled, Error> {
        if !self.attempts.may_try(from, self.parts.clock.monotonic()) {
            return Err(Error::TooManyAttempts);
        }
        let enrolled = self.try_enrol(token, proof, name).await;
        if matches!(enrolled, Err(Error::BadToken | Error::BadProof(_))) {
            self.attempts.failed(from, self.parts.clock.monotonic());
        }
        enrolled
    }

    async fn try_enrol(self: &Arc<Self>, token: &str, proof: &KeyProof, name: &str) -> Result<Enrolled, Error> {
        let token = AgentToken::parse(token).map_err(|_| Error::BadToken)?;
        let account = token.account;
        let row = records::token(account, &token.digest());
        let found = records::read::<StoredToken>(&self.parts.meta, &row).await?;
        let (stored, bytes) = found.ok_or(Error::BadToken)?;
        let now = self.parts.clock.now();
        if Timestamp::from_nanos(stored.expires_ns) <= now {
            return Err(Error::BadToken);
        }
        let purpose = Purpose::Enrol {
            token: token.text().expose(),
        };
        let key = proof.check(purpose)?;
        let name = checked_name(name)?;
        let admission = Admission {
            account,
            key: *key,
            name,
            stored,
            row,
            bytes,
        };
        let fleet = Arc::clone(self);
        // Whoever asked may go away: an agent whose row is there has its seat.
        let made = tokio::spawn(async move { fleet.let_in(admission, now).await });
        made.await.map_err(|_| Error::Busy)?
    }

    async fn let_in(&self, admission: Admission, now: Timestamp) -> Result<Enrolled, Error> {
        let Admission {
            account,
            key,
            name,
            stored,
            row,
            bytes,
        } = admission;
        let _turn = self.turn.lock().await;
        let agents = Scan::prefix(&records::agents_of(account))
            .keys_only()
            .limit(AGENTS_PER_ACCOUNT_MAX);
        if self.parts.meta.scan(agents).await?.len() >= AGENTS_PER_ACCOUNT_MAX {
            return Err(Error::TooManyAgents);
        }
        if self.seats.read().len() >= AGENTS_MAX {
            return Err(Error::StoreFull);
        }
        let id = AgentId::from_bytes(self.parts.entropy.bytes());
        let certificate = self
            .authority
            .of_agent(id, &key, now, &*self.parts.entropy)
            .map_err(Error::Certificate)?;
        let fingerprint = sha256(&certificate);
        let agent = StoredAgent {
            name,
            site: stored.site,
            groups: stored.groups,
            is_shared: stored.is_shared,
            certificate: fingerprint,
            previous: None,
            certificate_until_ns: now.plus(CERTIFICATE_LIFE).as_nanos(),
            enrolled_ns: now.as_nanos(),
        };
        let owner = (account, id);
        let seat = seat(owner, &agent, &self.parts.clock)?;
        let request = Request::new()
            .unchanged(row.clone(), Some(bytes))
            .delete(row)
            .absent(records::agent(account, id))
            .put(records::agent(account, id), record::encode(&agent)?)
            .put(records::certificate(&fingerprint), record::encode(&of(owner, None))?);
        if !self.parts.meta.commit(request).await?.is_committed() {
            // Somebody else was quicker with it.
            return Err(Error::BadToken);
        }
        self.seats.write().insert(id, seat);
        info!(agent = %id, %account, site = agent.site, name = agent.name, "an agent enrolled");
        Ok(Enrolled {
            id,
            certificate,
            authority: self.authority.der.clone(),
        })
    }

    /// The agent whose certificate this is the SHA-256 of; `None` when it is nobody's, nobody's any more, or over.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn known(&self, certificate: &[u8; 32]) -> Result<Option<Known>, Error> {
        let row = records::certificate(certificate);
        let Some((stored, row_bytes)) = records::read::<StoredCertificate>(&self.parts.meta, &row).await? else {
            return Ok(None);
        };
        let account = AccountId::from_u64(stored.account)?;
        let id = AgentId::from_bytes(stored.agent);
        let found = records::read::<StoredAgent>(&self.parts.meta, &records::agent(account, id)).await?;
        let Some((agent, agent_bytes)) = found else {
            return Ok(None);
        };
        let until_ns = if agent.certificate == *certificate {
            agent.certificate_until_ns
        } else if agent.previous == Some(*certificate) {
            // One that took another's place had been shown.
            stored.until_ns.unwrap_or_default()
        } else {
            return Ok(None);
        };
        let until = Timestamp::from_nanos(until_ns);
        if until <= self.parts.clock.now() {
            return Ok(None);
        }
        if stored.until_ns.is_none() {
            let unchanged = [(row, row_bytes), (records::agent(account, id), agent_bytes)];
            self.first_shown((account, id), &agent, unchanged).await?;
        }
        Ok(Some(Known {
            account,
            id,
            certificate: *certificate,
            until,
        }))
    }

    /// Notes that a certificate has been shown, so that its agent has it: the minutes of the one before begin. When others change the
    /// same at that moment, the next request notes it.
    async fn first_shown(
        &self,
        owner: (AccountId, AgentId),
        agent: &StoredAgent,
        unchanged: [(Vec<u8>, Bytes); 2],
    ) -> Result<(), Error> {
        let shown = of(owner, Some(agent.certificate_until_ns));
        let mut request = Request::new().put(records::certificate(&agent.certificate), record::encode(&shown)?);
        for (row, bytes) in unchanged {
            request = request.unchanged(row, Some(bytes));
        }
        if let Some(previous) = agent.previous {
            let row = records::certificate(&previous);
            if let Some((mut stored, bytes)) = records::read::<StoredCertificate>(&self.parts.meta, &row).await? {
                let soon = self.parts.clock.now().plus(PREVIOUS_LIFE).as_nanos();
                stored.until_ns = Some(stored.until_ns.map_or(soon, |until| until.min(soon)));
                request = request
                    .unchanged(row.clone(), Some(bytes))
                    .put(row, record::encode(&stored)?);
            }
        }
        self.parts.meta.commit(request).await?;
        Ok(())
    }

    /// Gives an agent a new certificate, for the key that it has proven. The one that it has shown stays known as long as the new one is
    /// not shown, and for some minutes more; so an agent that did not get the answer renews again.
    ///
    /// # Errors
    /// `BadProof`; `NoSuchAgent` when it was removed meanwhile; `Succeeded` when the certificate has a successor that was shown.
    pub async fn renew(&self, known: &Known, proof: &KeyProof) -> Result<Enrolled, Error> {
        let purpose = Purpose::Renew {
            certificate: &known.certificate,
        };
        let key = proof.check(purpose)?;
        let owner = (known.account, known.id);
        let row = records::agent(known.account, known.id);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let now = self.parts.clock.now();
            let found = records::read::<StoredAgent>(&self.parts.meta, &row).await?;
            let (mut agent, bytes) = found.ok_or(Error::NoSuchAgent(known.id))?;
            let mut request = Request::new().unchanged(row.clone(), Some(bytes));
            let current = records::certificate(&agent.certificate);
            if agent.certificate == known.certificate {
                // What was before it goes; how long it is known itself was noted when it was first shown.
                if let Some(previous) = agent.previous {
                    request = request.delete(records::certificate(&previous));
                }
                let shown = of(owner, Some(agent.certificate_until_ns));
                request = request.put(current, record::encode(&shown)?);
            } else if agent.previous == Some(known.certificate) {
                let found = records::read::<StoredCertificate>(&self.parts.meta, &current).await?;
                let (stored, bytes) = found.ok_or(Error::NoSuchAgent(known.id))?;
                if stored.until_ns.is_some() {
                    return Err(Error::Succeeded);
                }
                request = request.unchanged(current.clone(), Some(bytes)).delete(current);
            } else {
                return Err(Error::NoSuchAgent(known.id));
            }
            let certificate = self
                .authority
                .of_agent(known.id, key, now, &*self.parts.entropy)
                .map_err(Error::Certificate)?;
            let fingerprint = sha256(&certificate);
            agent.previous = Some(known.certificate);
            agent.certificate = fingerprint;
            agent.certificate_until_ns = now.plus(CERTIFICATE_LIFE).as_nanos();
            let request = request
                .put(records::certificate(&fingerprint), record::encode(&of(owner, None))?)
                .put(row.clone(), record::encode(&agent)?);
            if self.parts.meta.commit(request).await?.is_committed() {
                info!(agent = %known.id, "the certificate of an agent was renewed");
                return Ok(Enrolled {
                    id: known.id,
                    certificate,
                    authority: self.authority.der.clone(),
                });
            }
        }
        Err(Error::Busy)
    }

    /// The agents of an account.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn agents(&self, account: AccountId) -> Result<Vec<AgentInfo>, Error> {
        let scan = Scan::prefix(&records::agents_of(account)).limit(AGENTS_PER_ACCOUNT_MAX);
        let found = self.parts.meta.scan(scan).await?;
        let shown = found.iter().map(|entry| {
            let (_, id) = records::agent_of(&entry.key)?;
            let stored: StoredAgent = record::decode(&entry.value)?;
            Ok(AgentInfo {
                id,
                name: stored.name,
                site: stored.site,
                groups: stored.groups,
                is_shared: stored.is_shared,
                enrolled: Timestamp::from_nanos(stored.enrolled_ns),
                certificate_until: Timestamp::from_nanos(stored.certificate_until_ns),
            })
        });
        shown.collect()
    }

    /// Removes an agent of an account: it is unknown from here on, and what it is at ends.
    ///
    /// # Errors
    /// `NoSuchAgent`.
    pub async fn remove(self: &Arc<Self>, account: AccountId, id: AgentId) -> Result<(), Error> {
        let fleet = Arc::clone(self);
        // Whoever asked may go away: an agent whose row is gone has no seat.
        let removed = tokio::spawn(async move { fleet.remove_in_turn(account, id).await });
        removed.await.map_err(|_| Error::Busy)?
    }

    async fn remove_in_turn(&self, account: AccountId, id: AgentId) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let row = records::agent(account, id);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let found = records::read::<StoredAgent>(&self.parts.meta, &row).await?;
            let (agent, bytes) = found.ok_or(Error::NoSuchAgent(id))?;
            let mut request = Request::new().unchanged(row.clone(), Some(bytes)).delete(row.clone());
            for certificate in std::iter::once(agent.certificate).chain(agent.previous) {
                request = request.delete(records::certificate(&certificate));
            }
            if self.parts.meta.commit(request).await?.is_committed() {
                let seat = self.seats.write().remove(&id);
                if let Some(seat) = seat {
                    seat.remove();
                }
                info!(agent = %id, %account, "an agent was removed");
                return Ok(());
            }
        }
        Err(Error::Busy)
    }

    /// Removes all agents and tokens of an account; returns how many agents there were. May stop anywhere and be called again.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn purge_account(&self, account: AccountId) -> Result<u64, Error> {
        // Or an agent that enrols at this moment had a seat and no row, or a row and no seat.
        let _turn = self.turn.lock().await;
        let mut gone = Vec::new();
        self.seats.write().retain(|_, seat| {
            let stays = seat.account != account;
            if !stays {
                gone.push(Arc::clone(seat));
            }
            stays
        });
        for seat in gone {
            seat.remove();
        }
        let meta = &self.parts.meta;
        meta.remove_all(&records::tokens_of(account), |_| Ok(Vec::new()))
            .await?;
        let hanging = |entry: &Entry| {
            // What cannot be read has nothing that could be found by it.
            let stored = record::decode::<StoredAgent>(&entry.value).ok();
            let certificates = stored
                .into_iter()
                .flat_map(|agent| [Some(agent.certificate), agent.previous]);
            Ok(certificates
                .flatten()
                .map(|sha256| records::certificate(&sha256))
                .collect())
        };
        Ok(meta.remove_all(&records::agents_of(account), hanging).await?)
    }

    /// The place of an agent.
    pub fn seat(&self, id: AgentId) -> Option<Arc<Seat>> {
        self.seats.read().get(&id).cloned()
    }

    /// The places of all agents, in an order that stays.
    pub fn seats(&self) -> Vec<Arc<Seat>> {
        self.seats.read().values().cloned().collect()
    }

    /// Gives up what agents are at that have been away for longer than they may; to be called every second or so.
    pub fn give_up_after(&self, away_max: Duration) {
        for seat in self.seats() {
            seat.give_up_after(away_max);
        }
    }
}

fn of((account, id): (AccountId, AgentId), until_ns: Option<i64>) -> StoredCertificate {
    StoredCertificate {
        account: account.as_u64(),
        agent: *id.as_bytes(),
        until_ns,
    }
}

fn seat(owner: (AccountId, AgentId), stored: &StoredAgent, clock: &Arc<dyn Clock>) -> Result<Arc<Seat>, Error> {
    let site = SiteName::parse(&stored.site)?;
    let groups: Result<_, _> = stored.groups.iter().map(|group| SiteName::parse(group)).collect();
    Ok(Seat::new(
        owner,
        stored.name.clone(),
        (site, groups?),
        stored.is_shared,
        Arc::clone(clock),
    ))
}

/// The name that an agent gives itself is shown to people, and means nothing.
fn checked_name(name: &str) -> Result<String, Error> {
    let is_plain = name.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !is_plain {
        return Err(Invalid::new("name of an agent", "1 to 255 visible ASCII characters are expected").into());
    }
    Ok(name.to_owned())
}

/// The authority of the store, which is made if there is none.
async fn authority(parts: &Parts) -> Result<Authority, Error> {
    let row = records::authority();
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        if let Some((stored, _)) = records::read::<StoredAuthority>(&parts.meta, &row).await? {
            let key = parts
                .sealer
                .open(CONTEXT, &stored.sealed_key)
                .map_err(|error| Error::Damaged(error.into()))?;
            let key = hex::decode(key.expose())
                .map(Zeroizing::new)
                .map_err(|error| Error::Damaged(error.into()))?;
            return Authority::of(Kept {
                name: stored.name,
                certificate: stored.certificate,
                key,
            })
            .map_err(|error| Error::Damaged(error.into()));
        }
        let drawn = Authority::draw(parts.clock.now(), &*parts.entropy).map_err(Error::Certificate)?;
        let secret = Secret::new(hex::encode(&*drawn.key));
        let stored = StoredAuthority {
            name: drawn.name,
            certificate: drawn.certificate,
            sealed_key: parts.sealer.seal(CONTEXT, &secret, parts.entropy.bytes()),
        };
        // Of two that make one, both take up that of the first.
        let request = Request::new()
            .absent(row.clone())
            .put(row.clone(), record::encode(&stored)?);
        parts.meta.commit(request).await?;
    }
    Err(Error::Busy)
}

#[cfg(test)]
mod tests;
