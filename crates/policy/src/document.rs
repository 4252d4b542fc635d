//! Policy documents: read strictly, compiled once.
//!
//! What is not understood is refused: a key which one reader ignores is the condition that another believed in. The one
//! exception is `Managed` beside the statements, which the source document prints and gives no meaning.

mod principals;
mod public;
mod read;
mod strangers;

use crate::arn::{Arn, ArnGlob};
use crate::condition::{Condition, Judgement};
use crate::glob::Valueless;
use crate::limits::{BUCKET_DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_MAX, DOCUMENT_CHARS_MAX};
use crate::scene::Scene;
use crate::{Action, KeyRef, TagFamily};
use baleen_types::{BucketName, Classify, FaultKind};
use principals::Principals;
pub(crate) use principals::Reach;
pub use strangers::{Strange, Stranger};

/// What a document is for, which decides what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// Attached to a user: has no principals.
    Identity,
    /// On a bucket: names principals.
    Bucket,
    /// Bounds a session: has no principals.
    Session,
}

/// A policy document, compiled.
#[derive(Debug)]
pub struct Policy {
    kind: DocumentKind,
    name: Option<Box<str>>,
    statements: Box<[Statement]>,
}

/// One statement.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// Whom it is about; everyone who has the policy, where it names no principals.
    pub(crate) principals: Option<Principals>,
    pub(crate) actions: ActionSet,
    /// Of a bucket's policy, an action that S3 has not.
    strange_action: Option<Box<str>>,
    /// Of a bucket's policy, an action that is never asked about one of its resources.
    idle_action: Option<Box<str>>,
    /// Whether it is about all resources but the named ones.
    pub(crate) but_resources: bool,
    pub(crate) resources: Box<[ArnGlob]>,
    pub(crate) conditions: Box<[Condition]>,
    /// The families of tags that its conditions and variables look at.
    pub(crate) tags: TagFamilies,
}

/// A set of families of tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagFamilies(u8);

impl TagFamilies {
    pub(crate) fn insert(&mut self, family: TagFamily) {
        self.0 |= 1 << family as u8;
    }

    pub(crate) fn contains(self, family: TagFamily) -> bool {
        self.0 >> family as u8 & 1 == 1
    }
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows, unless something denies.
    Allow,
    /// Denies, whatever allows.
    Deny,
}

/// A set of actions. Patterns were resolved when the document was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ActionSet([u64; ACTION_WORDS]);

const ACTION_WORDS: usize = Action::ALL.len().div_ceil(64);

impl ActionSet {
    pub(crate) fn insert(&mut self, action: Action) {
        self.0[action as usize / 64] |= 1 << (action as usize % 64);
    }

    pub(crate) fn contains(&self, action: Action) -> bool {
        self.0[action as usize / 64] >> (action as usize % 64) & 1 == 1
    }

    pub(crate) fn inverted(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}

/// What a policy says of one question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) denied: bool,
    pub(crate) allowed: Reach,
}

impl Verdict {
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            denied: self.denied || other.denied,
            allowed: self.allowed.max(other.allowed),
        }
    }
}

impl Policy {
    /// Reads and compiles a document.
    ///
    /// ```
    /// use baleen_policy::{DocumentKind, Policy};
    /// let text = r#"{"Version": "2012-10-17",
    ///     "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::evidence/*"}}"#;
    /// assert!(Policy::parse(text, DocumentKind::Identity).is_ok());
    /// assert!(Policy::parse(&text.replace("Effect", "effect"), DocumentKind::Identity).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Malformed`]; its text tells the writer of the document what to change.
    pub fn parse(text: &str, kind: DocumentKind) -> Result<Self, Malformed> {
        check_length(text, kind)?;
        let statements = read::statements(text, kind).map_err(Malformed::Syntax)?;
        Ok(Self {
            kind,
            name: None,
            statements,
        })
    }

    /// The policy with what people call it, for who reads why something was decided.
    #[must_use]
    pub fn named(self, name: impl Into<Box<str>>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// What people call it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What the document is for.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The statement of a bucket's policy that names a resource of another, which S3 forbids.
    pub fn strays_from(&self, bucket: &BucketName) -> Option<String> {
        let strays = |statement: &Statement| {
            let globs = &statement.resources;
            globs.iter().any(|glob| !read::stays_within(glob, bucket.as_str()))
        };
        let at = self.statements.iter().position(strays)?;
        Some(self.statement_in_words(at))
    }

    /// A statement as its writer finds it: by its place, and its Sid if it has one.
    fn statement_in_words(&self, at: usize) -> String {
        match self.statements.get(at).and_then(|statement| statement.sid.as_deref()) {
            Some(sid) => format!("statement {} ({sid})", at + 1),
            None => format!("statement {}", at + 1),
        }
    }

    /// Whether the policy lets everyone in: some Allow to everyone that no condition narrows to a fixed account, principal
    /// or network (AWS, "The meaning of public").
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(public::is_public)
    }

    /// Whether some Allow is to everyone, on whatever conditions. Without one, who has no credentials gets nothing.
    pub fn reaches_everyone(&self) -> bool {
        self.statements.iter().any(public::reaches_everyone)
    }

    /// Whether some statement on an action looks at tags of a family.
    pub(crate) fn looks_at_tags(&self, action: Action, family: TagFamily) -> bool {
        let looks = |statement: &Statement| statement.actions.contains(action) && statement.tags.contains(family);
        self.statements.iter().any(looks)
    }

    /// The statements that apply to a question, each with its place and how far it reaches to the caller.
    pub(crate) fn applying<'p>(
        &'p self,
        action: Action,
        arn: &'p Arn<'p>,
        scene: &'p Scene<'p>,
    ) -> impl Iterator<Item = (usize, &'p Statement, Reach)> {
        let numbered = self.statements.iter().enumerate();
        numbered.filter_map(move |(at, statement)| {
            let reach = statement.reach(action, arn, scene);
            (reach != Reach::Nowhere).then_some((at, statement, reach))
        })
    }

    /// What the policy says of a question.
    pub(crate) fn verdict(&self, action: Action, arn: &Arn<'_>, scene: &Scene<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        for (_, statement, reach) in self.applying(action, arn, scene) {
            match statement.effect {
                Effect::Deny => {
                    verdict.denied = true;
                    break;
                }
                Effect::Allow => verdict.allowed = verdict.allowed.max(reach),
            }
        }
        verdict
    }

    /// Whether some statement allows an action, on whatever and whenever.
    pub(crate) fn allows_somewhere(&self, action: Action) -> bool {
        let allows = |statement: &Statement| {
            statement.effect == Effect::Allow && statement.actions.contains(action) && statement.may_concern(action)
        };
        self.statements.iter().any(allows)
    }

    /// Whether some statement denies an action on everything and always.
    pub(crate) fn denies_everywhere(&self, action: Action) -> bool {
        let denies = |statement: &Statement| {
            let is_about_all = statement.resources.iter().any(|glob| matches!(glob, ArnGlob::Any));
            statement.effect == Effect::Deny
                && statement.actions.contains(action)
                && is_about_all
                && !statement.but_resources
                && statement.conditions.is_empty()
        };
        self.statements.iter().any(denies)
    }

    /// The keys that the document's conditions and variables look at.
    pub(crate) fn keys(&self) -> Vec<&KeyRef> {
        self.statements.iter().flat_map(Statement::keys).collect()
    }
}

impl Statement {
    /// The keys that its conditions and variables look at.
    pub(crate) fn keys(&self) -> Vec<&KeyRef> {
        let resources = self.resources.iter().flat_map(ArnGlob::variables);
        let mut keys: Vec<_> = resources.map(|variable| &variable.key).collect();
        for condition in &self.conditions {
            keys.push(&condition.key);
            keys.extend(condition.variables().into_iter().map(|variable| &variable.key));
        }
        keys
    }

    /// Whether one of its resources may be of an action's service.
    fn may_concern(&self, action: Action) -> bool {
        const SERVICE: usize = 2;
        let is_of_it = |glob: &ArnGlob| {
            let service = glob.field(SERVICE);
            service.is_none_or(|glob| glob.fits(action.service()) || glob.variables().next().is_some())
        };
        self.but_resources || self.resources.iter().any(is_of_it)
    }

    /// How far the statement applies to a question: not at all, or to the caller as its principals say.
    fn reach(&self, action: Action, arn: &Arn<'_>, scene: &Scene<'_>) -> Reach {
        if !self.actions.contains(action) {
            return Reach::Nowhere;
        }
        let reach = match &self.principals {
            None => Reach::Caller,
            Some(principals) => principals.reach(self.effect, scene),
        };
        if reach == Reach::Nowhere {
            return reach;
        }
        let mut judgement = self.judge_resource(arn, scene);
        for condition in &self.conditions {
            if judgement == Judgement::Fails {
                break;
            }
            judgement = judgement.and(condition.judge(scene));
        }
        match (judgement, self.effect) {
            (Judgement::Holds, _) | (Judgement::Unsure, Effect::Deny) => reach,
            (Judgement::Unsure, Effect::Allow) | (Judgement::Fails, _) => Reach::Nowhere,
        }
    }

    fn judge_resource(&self, arn: &Arn<'_>, scene: &Scene<'_>) -> Judgement {
        let mut open = false;
        for glob in &self.resources {
            match glob.matches(arn, scene) {
                Ok(true) => return (!self.but_resources).into(),
                Ok(false) => {}
                Err(Valueless) => open = true,
            }
        }
        if open {
            Judgement::Unsure
        } else {
            self.but_resources.into()
        }
    }
}

fn check_length(text: &str, kind: DocumentKind) -> Result<(), Malformed> {
    let fits = match kind {
        DocumentKind::Bucket => text.len() <= BUCKET_DOCUMENT_BYTES_MAX,
        DocumentKind::Identity | DocumentKind::Session => {
            let chars = text.chars().filter(|c| !c.is_whitespace()).count();
            text.len() <= DOCUMENT_BYTES_MAX && chars <= DOCUMENT_CHARS_MAX
        }
    };
    match (fits, kind) {
        (true, _) => Ok(()),
        (false, DocumentKind::Bucket) => Err(Malformed::BucketTooLong),
        (false, DocumentKind::Identity | DocumentKind::Session) => Err(Malformed::TooLong),
    }
}

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It has more than [`DOCUMENT_CHARS_MAX`] characters without white space.
    TooLong,
    /// It is a bucket's and has more than [`BUCKET_DOCUMENT_BYTES_MAX`] bytes.
    BucketTooLong,
    /// It does not say what a policy says, or not in this form.
    Syntax(String),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BucketTooLong => {
                write!(f, "the policy is longer than {BUCKET_DOCUMENT_BYTES_MAX} bytes")
            }
            Self::TooLong => write!(
                f,
                "the policy is longer than {DOCUMENT_CHARS_MAX} characters, white space not counted"
            ),
            Self::Syntax(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Malformed {}

impl Classify for Malformed {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TooLong | Self::BucketTooLong => FaultKind::TooLarge,
            Self::Syntax(_) => FaultKind::Invalid,
        }
    }
}

#[cfg(test)]
mod tests;
