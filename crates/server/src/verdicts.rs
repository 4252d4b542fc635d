//! Every operation of every door, asked by everybody: the verdicts are compared with a reviewed file, and what is denied is
//! seen to change nothing.

mod calls;
mod data;
mod identity;
mod page;
mod people;
mod questions;
mod world;

use baleen_http::Verdict;
use baleen_iam::Method as TokenMethod;
use baleen_saml::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calls::{call, element, policy};
use data::SetUp;
use people::{ADMIN_ALL_BUT, ALL_BUT, Asker, ONE};
use questions::{Made, Question};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use world::{Dump, Heard, Volume, World};

/// Operations that nobody here can bring to a good end: they need a proof from elsewhere, or have nothing to give yet.
const NEVER_DONE: &[&str] = &[
    "RSEnableTFA",
    "RSFederatedLogin",
    "SAMLConsume",
    "DownloadCapture",
    "FollowCapture",
    "DeleteAgent",
    "DeleteCaptureTasks",
    "GetCaptureResult",
    "GetCaptureFile",
    "GetAccountPublicAccessBlock",
    "(unknown action)",
    "(unknown call)",
    "(unknown route)",
    "GetBucketWebsite",
    "GetBucketReplication",
    "GetBucketAnalyticsConfiguration",
    "GetBucketIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration",
    "GetBucketMetricsConfiguration",
    "(GetObjectTorrent)",
    "(PutBucketWebsite)",
    "(PATCH)",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_asks_for_everything() {
    let metadata_xml: Arc<str> = metadata_xml().into();
    let volume = Volume::new();
    let first = World::over(&Dump::new(), &volume, 1).await;
    let (facts, askers) = people::settle(&first, &metadata_xml).await;
    let root = askers.iter().find(|asker| asker.letter == 'R').unwrap();
    let set_up = SetUp::of(&first, root, &facts).await;
    let (facts, scene) = (Arc::new(facts), Arc::new(Scene { askers, set_up, volume }));
    let mut questions = identity::actions(&facts, &metadata_xml);
    questions.extend(identity::whitelist(&facts));
    questions.extend(identity::saml(&facts));
    questions.extend(data::s3());
    questions.extend(data::pcaps(&facts));
    questions.extend(data::tasks(&facts));
    let questions = Arc::new(questions);

    let work = (0..2).map(|half| {
        let (questions, scene) = (Arc::clone(&questions), Arc::clone(&scene));
        tokio::spawn(async move {
            let mut told = Vec::new();
            for at in (half..questions.len()).step_by(2) {
                told.push((at, scene.ask_everybody(&questions[at], at).await));
            }
            told
        })
    });
    let mut told: Vec<_> = futures::future::join_all(work)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    told.sort_by_key(|(at, _)| *at);

    let done: BTreeSet<_> = told
        .iter()
        .filter(|(_, answers)| answers.verdicts.values().any(|verdict| *verdict == '+'))
        .map(|(at, _)| questions[*at].operation)
        .collect();
    let mut problems: Vec<_> = told.iter().flat_map(|(_, answers)| answers.problems.clone()).collect();
    let operations: BTreeSet<_> = questions.iter().map(|question| question.operation).collect();
    // Else a bad request would pass for an allowed one.
    let strange = operations
        .iter()
        .filter(|name| done.contains(*name) == NEVER_DONE.contains(name));
    problems.extend(strange.map(|name| format!("{name}: somebody has to succeed, unless it is in NEVER_DONE")));

    let lines: Vec<_> = told
        .iter()
        .map(|(at, answers)| page::Line::new(&questions[*at], &answers.verdicts))
        .collect();
    let written = std::fs::read_to_string(page::path()).unwrap_or_default();
    let found = page::page(&lines, &page::remarks(&written));
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(page::path(), &found).unwrap();
    } else if written != found {
        let differences = page::differences(&written, &found);
        problems.push(format!(
            "review, then UPDATE_REFERENCE=1 cargo test -p baleen verdicts\n{differences}"
        ));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What all questions have in common.
struct Scene {
    askers: Vec<Asker>,
    set_up: SetUp,
    volume: Volume,
}

/// What one question was answered.
#[derive(Default)]
struct Answers {
    /// By the letter of who asked.
    verdicts: BTreeMap<char, char>,
    /// What must not be, whatever the verdict.
    problems: Vec<String>,
}

impl Scene {
    fn asker(&self, letter: char) -> &Asker {
        self.askers.iter().find(|asker| asker.letter == letter).unwrap()
    }

    /// One line of the file. The world is made anew after each call that changed something.
    async fn ask_everybody(&self, question: &Question, number: usize) -> Answers {
        let seed = |turn: usize| (number * 100 + turn + 2) as u64;
        let (narrow, made, first) = self.stage(question, seed(0)).await;
        let stored = first.dump().await;
        let mut answers = Answers::default();
        let mut standing = Some(first);
        for (turn, asker) in self.askers.iter().enumerate() {
            let world = match standing.take() {
                Some(world) => world,
                None => World::over(&stored, &self.volume, seed(turn + 1)).await,
            };
            let asker = if asker.letter == 'n' { &narrow } else { asker };
            let ask = (question.ask)(asker, made);
            let heard = world.send(&ask, asker.key.as_ref(), asker.token.as_deref()).await;
            let verdict = verdict(question, &heard, asker);
            let is_unchanged = world.dump().await == stored;
            // A proof that was wrong is counted.
            let may_change = question.effect != "read" && matches!(verdict, '+' | 'e');
            if (!is_unchanged && !may_change) || (heard.status >= 500 && heard.status != 501) {
                let (key, letter) = (question.key(), asker.letter);
                let changed = if is_unchanged {
                    ""
                } else {
                    ", though it changed what is stored"
                };
                answers.problems.push(format!(
                    "{key} as {letter}: {verdict}{changed}: {} {}",
                    heard.status, heard.body
                ));
            }
            answers.verdicts.insert(asker.letter, verdict);
            standing = is_unchanged.then_some(world);
        }
        answers
    }

    /// A world in which one question can be asked, with a session (and a token) of root that may do what is asked for and
    /// nothing else.
    async fn stage<'s>(&'s self, question: &Question, seed: u64) -> (Asker, &'s Made, World) {
        let (dump, made) = self.set_up.get(question.setup);
        let world = World::over(dump, &self.volume, seed).await;
        let mut narrow = self.asker('n').clone();
        let key = self.asker('R').key.as_ref().unwrap();
        for ask in &question.before {
            world.must(key, ask).await;
        }
        if question.action == "-" {
            return (narrow, made, world);
        }
        let granted = |letter: char| policy(&[("Allow", question.action, &(question.resource)(self.asker(letter)))]);
        let but = policy(&[("Allow", "*", "*"), ("Deny", question.action, "*")]);
        for (user, document) in [(ONE, &granted('1')), (ALL_BUT, &but), (ADMIN_ALL_BUT, &but)] {
            let put = [
                ("UserName", user),
                ("PolicyName", "only"),
                ("PolicyDocument", document.as_str()),
            ];
            world.must(key, &call("PutUserPolicy", &put)).await;
        }
        narrow.key = Some(world.derive(key, Some(&granted('R'))).await);
        if let Some(method) = token_method(question.action) {
            narrow.token = Some(world.token(key, people::ROOT, &[method]).await);
        }
        (narrow, made, world)
    }
}

/// The method of a token that is an action.
fn token_method(action: &str) -> Option<TokenMethod> {
    Some(match action.strip_prefix("pcaps:")? {
        "ListCaptures" => TokenMethod::Search,
        "GetCapture" => TokenMethod::Info,
        "DownloadCapture" | "FollowCapture" => TokenMethod::Download,
        _ => TokenMethod::Capture,
    })
}

/// What an answer says of the asker's rights: by who answered, by what the audit log was told, and by its code.
fn verdict(question: &Question, heard: &Heard, asker: &Asker) -> char {
    let code = code(heard);
    let is_denial = matches!(code.as_str(), "AccessDenied" | "9109" | "APIGW.0302");
    let is_nobody = asker.key.is_none();
    if !heard.by_door {
        let deed = heard.event.as_ref().and_then(|event| event.deed.as_ref());
        assert!(deed.is_none(), "{heard:?}");
        return if is_denial { 's' } else { 'k' };
    }
    let deed = heard.event.as_ref().and_then(|event| event.deed.as_ref());
    let judged = deed.map(|deed| deed.verdict);
    let is_done = heard.status < 400;
    // Nobody is judged where an operation asks for a proof of its own: the audit log is told of a try that failed.
    if question.extent == "-" && question.door != "s3" {
        return match code.as_str() {
            "MissingAuthenticationToken" => 'u',
            _ if is_done => '+',
            _ if heard.status == 404 => 'o',
            _ => 'e',
        };
    }
    match (judged, code.as_str()) {
        (Some(Verdict::Denied), _) if is_nobody => 'u',
        (Some(Verdict::Denied), "1002" | "CFW.00200005") => 'h',
        (Some(Verdict::Denied), _) => {
            assert!(is_denial, "the audit log was told of a denial: {heard:?}");
            '-'
        }
        (_, "MissingAuthenticationToken") => 'u',
        (None, "AccessDenied") if is_nobody && question.door == "s3" => 'u',
        (Some(Verdict::Allowed), "AccessDenied" | "9109" | "APIGW.0302") => '-',
        _ if is_done => '+',
        _ if heard.status == 404 => 'o',
        _ => 'e',
    }
}

/// The code of an error, in the words of its door; that of an answer without a body follows from its status.
fn code(heard: &Heard) -> String {
    // What a speed test downloads may begin so too.
    if heard.body.starts_with('{')
        && let Ok(told) = serde_json::from_str::<Value>(&heard.body)
    {
        let named = told
            .get("Code")
            .or(told.get("code"))
            .or(told.get("error_code"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let numbered = || told["errors"][0]["code"].as_u64().map(|code| code.to_string());
        return named.or_else(numbered).unwrap_or_default();
    }
    match (heard.status, heard.body.contains("<Error")) {
        (_, true) => element(&heard.body, "Code"),
        (403, false) => "AccessDenied".to_owned(),
        _ => String::new(),
    }
}

/// The metadata of an identity provider.
fn metadata_xml() -> String {
    let key = SigningKey::generate("idp", world::NOW).unwrap();
    format!(
        concat!(
            r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/metadata">"#,
            r#"<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">"#,
            r#"<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>"#,
            r#"<X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"#,
            r#"<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" "#,
            r#"Location="https://idp.example/login"/></IDPSSODescriptor></EntityDescriptor>"#
        ),
        STANDARD.encode(key.certificate())
    )
}
