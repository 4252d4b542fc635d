//! What is asked: a question for each row of each door and each kind of thing that the row can act on.

use super::people::Asker;
use super::world::Ask;
use std::collections::BTreeMap;

/// What a set-up has made, by name: ids that differ from world to world.
pub(super) type Made = BTreeMap<&'static str, String>;

/// Makes the request of an asker.
pub(super) type Asking = dyn Fn(&Asker, &Made) -> Ask + Send + Sync;

/// What a question needs besides the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Setup {
    Nothing,
    /// Buckets of the customer, an object and an upload.
    Buckets,
    /// A bucket whose ownership is to be proven.
    Challenge,
    /// A bucket whose ownership is proven.
    Ownership,
    /// A capture into it.
    Capture,
    /// A capture task.
    Task,
}

/// One line of the file.
pub(super) struct Question {
    pub(super) door: &'static str,
    pub(super) operation: &'static str,
    /// The permission, as policies name it; `-` where nothing is judged.
    pub(super) action: &'static str,
    /// What the row says it acts on.
    pub(super) extent: String,
    /// Which of those it is here.
    pub(super) target: &'static str,
    /// `read`, `write` or `secret`.
    pub(super) effect: &'static str,
    pub(super) setup: Setup,
    /// What the customer's root does first.
    pub(super) before: Vec<Ask>,
    pub(super) ask: Box<Asking>,
    /// The resource as a policy of the asker would name it.
    pub(super) resource: Box<dyn Fn(&Asker) -> String + Send + Sync>,
}

impl Question {
    /// What the line is known by.
    pub(super) fn key(&self) -> String {
        format!("{} {} {}", self.door, self.operation, self.target)
    }
}
