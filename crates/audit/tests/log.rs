//! The log over the store: durable, in order, bounded, forgetful when told, and honest about all of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use baleen_audit::limits::{EXPORT_PIECE_ENTRIES, PAGE_ENTRIES_MAX, QUEUE_EVENTS_MAX, REFUSALS_MAX};
use baleen_audit::{
    Audit, CredentialKind, Decision, Deed, Error, Event, Order, Parts, Query, Recorder as _, Settings, Unrecorded,
    Weight,
};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{CommitterId, Decide, Engine, Meta, Request, View};
use baleen_policy::{
    Action, Ask, Authorized, Caller, Context, Origin, Principal, Resource, Role, Session, SessionKind, TokenGrant,
    User, authorize,
};
use baleen_runtime::{Clock as _, ManualClock};
use baleen_types::{AccessKeyId, AccountId, ProjectId, RequestId, Timestamp, UserId, UserName};
use bytes::Bytes;

const DAY: Duration = Duration::from_hours(24);

struct Log {
    audit: Arc<Audit>,
    meta: Meta,
    clock: Arc<ManualClock>,
}

impl Log {
    fn over(meta: Meta, data_events: bool) -> Self {
        let clock = ManualClock::new(Timestamp::parse_basic("20260102T030405Z").unwrap());
        let settings = Settings {
            data_events,
            retention: 30 * DAY,
        };
        let parts = Parts {
            meta: meta.clone(),
            clock: clock.clone(),
        };
        Self {
            audit: Audit::start(settings, parts),
            meta,
            clock,
        }
    }

    fn new() -> Self {
        Self::over(Meta::open_model(), false)
    }

    fn event(&self, account: u64, deed: Option<Deed>) -> Event {
        Event {
            at: self.clock.now(),
            request: RequestId::from_bytes([7; 8]),
            principal: Caller::with_key(user(account, "ann@example.com"), key()).into(),
            origin: origin("198.51.100.1", "10.0.0.1:99"),
            door: "iam",
            operation: "CreateUser",
            deed,
            refusal: None,
            status: 200,
        }
    }

    fn change(&self, account: u64) -> Event {
        self.event(
            account,
            Some(Deed::allowed(
                Weight::Change,
                "iam:CreateUser",
                "arn:aws:iam::1:user/bob",
            )),
        )
    }

    fn refused(&self, account: u64) -> Event {
        Event {
            refusal: Some("the signature does not match"),
            status: 403,
            ..self.event(account, None)
        }
    }

    async fn page(&self, account: u64, query: Query) -> Vec<u64> {
        let query = Query {
            limit: if query.limit == 0 { 100 } else { query.limit },
            ..query
        };
        let page = self.audit.page(&allowed(account), &query).await.unwrap();
        page.entries.iter().map(|(entry, _)| entry.sequence).collect()
    }

    async fn lines(&self, account: u64) -> Vec<serde_json::Value> {
        let query = Query {
            order: Order::OldestFirst,
            limit: PAGE_ENTRIES_MAX,
            ..Query::default()
        };
        let page = self.audit.page(&allowed(account), &query).await.unwrap();
        page.to_lines()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn key() -> AccessKeyId {
    AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap()
}

fn account(number: u64) -> AccountId {
    AccountId::from_entropy(number)
}

fn user(number: u64, name: &str) -> User {
    let name = UserName::parse(name).unwrap();
    User::new(
        account(number),
        ProjectId::from_bytes([1; 16]),
        UserId::from_entropy(number),
        name,
        Role::Admin,
    )
}

fn origin(source: &str, peer: &str) -> Origin {
    Origin {
        source: source.parse().unwrap(),
        peer: peer.parse().unwrap(),
        is_secure: true,
    }
}

fn allowed(number: u64) -> Authorized {
    let root = User {
        role: Role::Root,
        ..user(number, "root@example.com")
    };
    let principal = Principal::from(Caller::with_key(root, key()));
    authorize(&Ask {
        principal: &principal,
        action: Action::S3ListAllMyBuckets,
        resource: Resource::OwnAccount,
        context: &Context::new(Timestamp::EPOCH),
    })
    .unwrap()
}

#[tokio::test]
async fn a_change_is_durable_before_it_is_answered() {
    let log = Log::new();
    log.audit.record(log.change(1)).await.unwrap();
    assert_eq!(log.page(1, Query::default()).await, [1]);
    let line = log.lines(1).await.remove(0);
    let wanted = serde_json::json!({
        "sequence": 1, "before": "0".repeat(64), "time": "2026-01-02T03:04:05.000000Z", "request": "07".repeat(8),
        "account": account(1).to_string(), "principal": user(1, "ann@example.com").arn(), "user": "ann@example.com",
        "userId": UserId::from_entropy(1).to_string(), "credential": "access-key", "credentialId": "AKIAIOSFODNN7EXAMPLE",
        "source": "198.51.100.1", "peer": "10.0.0.1:99", "door": "iam", "operation": "CreateUser",
        "action": "iam:CreateUser", "resource": "arn:aws:iam::1:user/bob", "decision": "allowed", "status": 200,
    });
    assert_eq!(line, wanted);
}

#[tokio::test]
async fn each_credential_is_named_and_so_is_who_stands_behind_it() {
    let log = Log::new();
    let session = |kind| Session {
        id: AccessKeyId::parse("STX000000000000000000001").unwrap(),
        kind,
        name: "name".into(),
        issued: Timestamp::EPOCH,
        expires: Timestamp::EPOCH,
        mfa_at: None,
        must_change_password: false,
    };
    let reseller = Arc::new(user(9, "seller@example.com"));
    let in_session = |kind| Caller::with_session(user(1, "ann@example.com"), session(kind));
    let grant = TokenGrant {
        short_id: "012345".into(),
        must_log_in: false,
    };
    let callers = [
        in_session(SessionKind::Login),
        in_session(SessionKind::Federated),
        in_session(SessionKind::Derived),
        in_session(SessionKind::Reseller {
            by: Arc::new(Caller::with_key(
                Arc::clone(&reseller),
                AccessKeyId::parse("AKIA0000000000000000").unwrap(),
            )),
        }),
        Caller::with_token(user(1, "ann@example.com"), grant),
    ];
    for caller in callers {
        let event = Event {
            principal: caller.into(),
            ..log.change(1)
        };
        log.audit.record(event).await.unwrap();
    }
    let query = Query {
        order: Order::OldestFirst,
        limit: 10,
        ..Query::default()
    };
    let page = log.audit.page(&allowed(1), &query).await.unwrap();
    let seen: Vec<_> = page
        .entries
        .iter()
        .map(|(entry, _)| {
            (
                entry.credential,
                entry.reseller.clone(),
                entry.credential_id.clone().unwrap(),
            )
        })
        .collect();
    let stx = || "STX000000000000000000001".to_owned();
    assert_eq!(
        seen,
        [
            (CredentialKind::LoginSession, None, stx()),
            (CredentialKind::FederatedSession, None, stx()),
            (CredentialKind::DerivedSession, None, stx()),
            (CredentialKind::ResellerSession, Some(reseller.arn()), stx()),
            (CredentialKind::ApiToken, None, "012345".to_owned()),
        ]
    );
}

#[tokio::test]
async fn chains_of_many_accounts_at_once_are_whole() {
    let log = Log::new();
    let writes = (0..600u64).map(|number| log.audit.record(log.change(number % 3)));
    let written = futures::future::join_all(writes).await;
    assert!(written.iter().all(Result::is_ok));
    for number in 0..3 {
        let verified = log.audit.verify(account(number)).await.unwrap().unwrap();
        assert_eq!((verified.first, verified.last), (1, 200));
    }
    // Two logs over one store, as two nodes have.
    let other = Log::over(log.meta.clone(), false);
    let both = (0..200u64).map(|number| {
        let log = if number % 2 == 0 { &log } else { &other };
        log.audit.record(log.change(0))
    });
    futures::future::join_all(both).await;
    assert_eq!(log.audit.verify(account(0)).await.unwrap().unwrap().last, 400);
}

#[tokio::test]
async fn damage_in_the_store_is_found() {
    let entry = |sequence: u64| {
        KeyWriter::new(Table::Audit)
            .u64(account(1).as_u64())
            .u64(sequence)
            .finish()
    };
    let head = || KeyWriter::new(Table::AuditHead).u64(account(1).as_u64()).finish();
    for (name, broken_at) in [
        ("drop", 3),
        ("drop the first", 1),
        ("drop the last", 5),
        ("swap", 2),
        ("head", 1),
    ] {
        let log = Log::new();
        for _ in 0..5 {
            log.audit.record(log.change(1)).await.unwrap();
        }
        assert!(log.audit.verify(account(1)).await.unwrap().is_ok());
        let request = match name {
            "drop" => Request::new().delete(entry(3)),
            "drop the first" => Request::new().delete(entry(1)),
            "drop the last" => Request::new().delete(entry(5)),
            "head" => Request::new().delete(head()),
            _ => {
                let (two, four) = (
                    log.meta.get(&entry(2)).await.unwrap(),
                    log.meta.get(&entry(4)).await.unwrap(),
                );
                Request::new().put(entry(2), four.unwrap()).put(entry(4), two.unwrap())
            }
        };
        log.meta.commit(request).await.unwrap();
        let broken = log.audit.verify(account(1)).await.unwrap().unwrap_err();
        assert_eq!(broken.sequence, broken_at, "{name}: {broken}");
    }
}

#[tokio::test]
async fn pages_in_either_order_with_filters() {
    let log = Log::new();
    for number in 0..12u64 {
        let name = if number % 2 == 0 {
            "ann@example.com"
        } else {
            "bob@example.com"
        };
        let action = if number % 3 == 0 {
            "iam:CreateUser"
        } else {
            "s3:PutBucketPolicy"
        };
        let event = Event {
            principal: Caller::with_key(user(1, name), key()).into(),
            operation: if number == 11 { "Special" } else { "Usual" },
            ..log.event(1, Some(Deed::allowed(Weight::Change, action, "r")))
        };
        log.audit.record(event).await.unwrap();
        log.clock.advance(Duration::from_secs(60));
    }
    log.audit.record(log.change(2)).await.unwrap();
    let oldest = || Query {
        order: Order::OldestFirst,
        ..Query::default()
    };
    let start = Timestamp::parse_basic("20260102T030405Z").unwrap();
    let minute = |minutes: u64| Some(start.plus(Duration::from_secs(60 * minutes)));
    for (query, wanted) in [
        (
            Query {
                limit: 3,
                ..Query::default()
            },
            &[12, 11, 10][..],
        ),
        (
            Query {
                limit: 3,
                after: Some(10),
                ..Query::default()
            },
            &[9, 8, 7],
        ),
        (Query { limit: 3, ..oldest() }, &[1, 2, 3]),
        (
            Query {
                limit: 3,
                after: Some(10),
                ..oldest()
            },
            &[11, 12],
        ),
        (
            Query {
                after: Some(12),
                ..oldest()
            },
            &[],
        ),
        (
            Query {
                user: Some(UserName::parse("ANN@example.com").unwrap()),
                ..oldest()
            },
            &[1, 3, 5, 7, 9, 11],
        ),
        (
            Query {
                user: Some(UserName::parse("eve@example.com").unwrap()),
                ..oldest()
            },
            &[],
        ),
        (
            Query {
                action: Some("iam:createuser".into()),
                ..oldest()
            },
            &[1, 4, 7, 10],
        ),
        (
            Query {
                action: Some("IAM:*".into()),
                ..oldest()
            },
            &[1, 4, 7, 10],
        ),
        (
            Query {
                action: Some("special".into()),
                ..oldest()
            },
            &[12],
        ),
        (
            Query {
                action: Some("*".into()),
                limit: 2,
                ..oldest()
            },
            &[1, 2],
        ),
        (
            Query {
                from: minute(2),
                till: minute(4),
                ..oldest()
            },
            &[3, 4],
        ),
        (
            Query {
                user: Some(UserName::parse("ann@example.com").unwrap()),
                action: Some("iam:*".into()),
                limit: 1,
                ..Query::default()
            },
            &[7],
        ),
    ] {
        assert_eq!(log.page(1, query.clone()).await, wanted, "{query:?}");
    }
    // Page by page it is the whole, and no other account's.
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let query = Query {
            after,
            limit: 5,
            ..Query::default()
        };
        let page = log.audit.page(&allowed(1), &query).await.unwrap();
        all.extend(page.entries.iter().map(|(entry, _)| entry.sequence));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(all, (1..=12).rev().collect::<Vec<_>>());
}

/// Each line proves the one before it, with nothing but SHA-256.
#[tokio::test]
async fn an_exported_log_can_be_checked_by_anyone() {
    let log = Log::new();
    for _ in 0..4 {
        log.audit.record(log.change(1)).await.unwrap();
    }
    let query = Query {
        order: Order::OldestFirst,
        limit: 10,
        ..Query::default()
    };
    let exported = log.audit.page(&allowed(1), &query).await.unwrap().to_lines();
    let mut before = [0; 32];
    for line in exported.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(entry["before"], hex::encode(before));
        before = baleen_signing::sha256(line.as_bytes());
    }
    let verified = log.audit.verify(account(1)).await.unwrap().unwrap();
    assert_eq!(verified.newest, hex::encode(before));
}

#[tokio::test]
async fn an_export_is_what_was_there_when_it_began() {
    let log = Log::new();
    let take = async |query: Query| {
        let mut export = log.audit.export(&allowed(1), query).await.unwrap();
        let mut pieces = Vec::new();
        while let Some(piece) = export.next().await.unwrap() {
            pieces.push(piece);
            log.audit.record(log.change(1)).await.unwrap();
        }
        pieces
    };
    assert_eq!(take(Query::default()).await, Vec::<String>::new(), "of an empty log");
    let count = EXPORT_PIECE_ENTRIES * 2 + 1;
    let events = (0..count).map(|_| log.audit.record(log.change(1)));
    futures::future::try_join_all(events).await.unwrap();
    log.audit.record(log.change(2)).await.unwrap();

    let pieces = take(Query::default()).await;
    let lengths: Vec<_> = pieces.iter().map(|piece| piece.lines().count()).collect();
    assert_eq!(lengths, [EXPORT_PIECE_ENTRIES, EXPORT_PIECE_ENTRIES, 1]);
    let page = Query {
        order: Order::OldestFirst,
        limit: count,
        ..Query::default()
    };
    assert_eq!(
        pieces.concat(),
        log.audit.page(&allowed(1), &page).await.unwrap().to_lines()
    );
    let nobody = Query {
        user: Some(UserName::parse("nobody@example.com").unwrap()),
        ..Query::default()
    };
    assert_eq!(take(nobody).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_flood_of_refusals_is_a_number() {
    let log = Log::new();
    for _ in 0..1000 {
        log.audit.record(log.refused(1)).await.unwrap();
    }
    log.audit.flush().await.unwrap();
    assert_eq!(log.lines(1).await.len(), REFUSALS_MAX as usize);
    // The next entry tells of the rest, whatever it is about; without one, the upkeep does.
    log.audit.record(log.change(1)).await.unwrap();
    let spared = 1000 - u64::from(REFUSALS_MAX);
    let told: u64 = log
        .lines(1)
        .await
        .iter()
        .filter_map(|line| line["leftOut"].as_u64())
        .sum();
    assert_eq!(told, spared);
    log.audit.record(log.refused(1)).await.unwrap();
    log.audit.upkeep().await.unwrap();
    let lines = log.lines(1).await;
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["operation"], &last["leftOut"]),
        (&"RefusalsLeftOut".into(), &1.into())
    );
    log.audit.upkeep().await.unwrap();
    assert_eq!(log.lines(1).await.len(), lines.len(), "told once");
    assert!(log.audit.verify(account(1)).await.unwrap().is_ok());
}

#[tokio::test]
async fn what_is_recorded_and_what_is_not() {
    let data = |log: &Log| log.event(1, Some(Deed::allowed(Weight::Data, "s3:GetObject", "arn:aws:s3:::b/k")));
    for (data_events, wanted) in [(false, 4), (true, 5)] {
        let log = Log::over(Meta::open_model(), data_events);
        log.audit.record(data(&log)).await.unwrap();
        log.audit
            .record(log.event(1, Some(Deed::allowed(Weight::Look, "iam:ListUsers", "r"))))
            .await
            .unwrap();
        // Refused, of whatever weight; and by a door that does not say more than 403.
        let denied = Event {
            status: 403,
            ..log.event(1, Some(Deed::denied(Weight::Data, "s3:GetObject", "arn:aws:s3:::b/k")))
        };
        log.audit.record(denied).await.unwrap();
        let silent = Event {
            status: 403,
            ..log.event(1, None)
        };
        log.audit.record(silent).await.unwrap();
        log.audit.record(log.event(1, None)).await.unwrap();
        // Nobody's request belongs to the owner of the thing, or to nobody.
        let nobody = |account| Event {
            principal: Principal::Nobody,
            ..log.event(
                1,
                Some(Deed {
                    account,
                    ..Deed::denied(Weight::Data, "s3:GetObject", "arn:aws:s3:::b/k")
                }),
            )
        };
        log.audit.record(nobody(Some(account(1)))).await.unwrap();
        log.audit.record(nobody(None)).await.unwrap();
        log.audit.flush().await.unwrap();
        let lines = log.lines(1).await;
        assert_eq!(lines.len(), wanted, "{lines:#?}");
        let denied = lines.iter().filter(|line| line["decision"] == "denied").count();
        assert_eq!(denied, 3);
    }
    assert_eq!(serde_json::to_value(Decision::Refused).unwrap(), "refused");
}

#[tokio::test]
async fn old_entries_are_forgotten_and_the_chain_stays_whole() {
    let log = Log::new();
    for _ in 0..700 {
        log.audit.record(log.change(1)).await.unwrap();
    }
    log.clock.advance(20 * DAY);
    for _ in 0..3 {
        log.audit.record(log.change(1)).await.unwrap();
    }
    log.audit.upkeep().await.unwrap();
    assert_eq!(log.audit.verify(account(1)).await.unwrap().unwrap().first, 1);
    log.clock.advance(11 * DAY);
    log.audit.upkeep().await.unwrap();
    let verified = log.audit.verify(account(1)).await.unwrap().unwrap();
    assert_eq!((verified.first, verified.last), (701, 703));
    // What is missing at the old end is still missed.
    let oldest = KeyWriter::new(Table::Audit).u64(account(1).as_u64()).u64(701).finish();
    let taken = log.meta.get(&oldest).await.unwrap().unwrap();
    log.meta.commit(Request::new().delete(oldest.clone())).await.unwrap();
    assert_eq!(log.audit.verify(account(1)).await.unwrap().unwrap_err().sequence, 701);
    log.meta.commit(Request::new().put(oldest, taken)).await.unwrap();

    log.clock.advance(60 * DAY);
    log.audit.upkeep().await.unwrap();
    let verified = log.audit.verify(account(1)).await.unwrap().unwrap();
    assert_eq!((verified.first, verified.last), (704, 703));
    log.audit.record(log.change(1)).await.unwrap();
    assert_eq!(log.page(1, Query::default()).await, [704]);
    assert!(log.audit.verify(account(1)).await.unwrap().is_ok());
}

/// A store that can be made to refuse.
struct Fragile {
    inner: tokio::sync::Mutex<std::collections::BTreeMap<Vec<u8>, Bytes>>,
    refuses: Arc<AtomicBool>,
}

#[async_trait]
impl Engine for Fragile {
    async fn get_many(&self, keys: &[Vec<u8>]) -> baleen_meta::Result<Vec<Option<Bytes>>> {
        let map = self.inner.lock().await;
        Ok(keys.iter().map(|key| map.get(key).cloned()).collect())
    }

    async fn snapshot(&self) -> baleen_meta::Result<Box<dyn View>> {
        Err(baleen_meta::Error::Closed)
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> baleen_meta::Result<()> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(baleen_meta::Error::NoSpace { doing: "a test" });
        }
        let mut map = self.inner.lock().await;
        let values: Vec<_> = keys.iter().map(|key| map.get(key).cloned()).collect();
        for change in decide(&values).changes {
            match change.value {
                Some(value) => map.insert(change.key, value),
                None => map.remove(&change.key),
            };
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_refuses_lets_no_change_be_answered_and_loses_no_count() {
    let refuses = Arc::new(AtomicBool::new(true));
    let engine = Fragile {
        inner: tokio::sync::Mutex::default(),
        refuses: Arc::clone(&refuses),
    };
    let log = Log::over(Meta::with_engine(engine, CommitterId::EMBEDDED).unwrap(), false);
    assert_eq!(log.audit.record(log.change(1)).await, Err(Unrecorded));
    assert_eq!(log.audit.record(log.refused(1)).await, Ok(()));
    assert!(matches!(
        log.audit.write(account(1), log.change(1)).await,
        Err(Error::Meta(_))
    ));
    refuses.store(false, Ordering::Relaxed);
    log.audit.record(log.change(1)).await.unwrap();
    let head = KeyWriter::new(Table::AuditHead).u64(account(1).as_u64()).finish();
    assert!(log.meta.get(&head).await.unwrap().is_some());
}

/// Who only looks never waits for the log, and what finds no place in the queue is counted.
#[tokio::test]
async fn a_full_queue_holds_up_nobody_who_only_looks() {
    let log = Log::new();
    let looks = 3 * QUEUE_EVENTS_MAX;
    for _ in 0..looks {
        // The writer has no turn in between, since this never waits.
        let look = log.event(1, Some(Deed::allowed(Weight::Look, "iam:ListUsers", "r")));
        log.audit.record(look).await.unwrap();
    }
    log.audit.flush().await.unwrap();
    log.audit.record(log.change(1)).await.unwrap();
    let verified = log.audit.verify(account(1)).await.unwrap().unwrap();
    let mut query = Query {
        order: Order::OldestFirst,
        limit: PAGE_ENTRIES_MAX,
        ..Query::default()
    };
    let mut told = 0;
    loop {
        let page = log.audit.page(&allowed(1), &query).await.unwrap();
        told += page.entries.iter().map(|(entry, _)| entry.left_out + 1).sum::<u64>();
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(told, looks as u64 + 1);
    assert!(verified.last >= QUEUE_EVENTS_MAX as u64);
}
