//! Reading: pages in either order, filtered, and lines to take away.

use std::ops::Bound;

use baleen_meta::{Scan, record};
use baleen_policy::Authorized;
use baleen_types::{Timestamp, UserName};

use crate::limits::{PAGE_ENTRIES_MAX, PAGE_SCANNED_MAX, STEP_ENTRIES};
use crate::records::StoredLine;
use crate::{Audit, Entry, Error};

/// The order of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// What happened last comes first.
    #[default]
    NewestFirst,
    /// As it happened; the order in which a chain is checked.
    OldestFirst,
}

/// Which entries are wanted. The default is the newest page of everything.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The order.
    pub order: Order,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub till: Option<Timestamp>,
    /// By this user.
    pub user: Option<UserName>,
    /// With this action or operation, without case; `iam:*` is all of a service.
    pub action: Option<String>,
    /// Behind the entry of this number, in the order of the page: `next` of the page before.
    pub after: Option<u64>,
    /// Most entries, within [`PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, each with its line as it is stored.
    pub entries: Vec<(Entry, String)>,
    /// Where to go on; `None` at the end. A page may have fewer entries than asked for, or none, and go on all the same.
    pub next: Option<u64>,
}

impl Page {
    /// The page as JSON lines, each ended.
    #[must_use]
    pub fn to_lines(&self) -> String {
        let bytes = self.entries.iter().map(|(_, line)| line.len() + 1).sum();
        self.entries
            .iter()
            .fold(String::with_capacity(bytes), |mut lines, (_, line)| {
                lines.push_str(line);
                lines.push('\n');
                lines
            })
    }
}

impl Query {
    fn wants(&self, entry: &Entry) -> bool {
        let same = |wanted: &str, text: &str| wanted.eq_ignore_ascii_case(text);
        let by_user = |name: &UserName| entry.user.as_deref().is_some_and(|user| same(name.as_str(), user));
        let with_action = |wanted: &String| {
            let action = entry.action.as_deref().unwrap_or_default();
            match wanted.strip_suffix('*') {
                Some(prefix) => action.get(..prefix.len()).is_some_and(|start| same(prefix, start)),
                None => same(wanted, action) || same(wanted, &entry.operation),
            }
        };
        self.user.as_ref().is_none_or(by_user) && self.action.as_ref().is_none_or(with_action)
    }

    /// How an entry's time lies to what is wanted. Times rise with numbers but for clocks set back, so that an entry out
    /// of range ends nothing.
    fn is_in_time(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.till.is_none_or(|till| at < till)
    }
}

impl Audit {
    /// Reads a page of the log of the account that was authorized.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses, `Corrupt` when a line is none.
    pub async fn page(&self, authorized: &Authorized, query: &Query) -> Result<Page, Error> {
        let account = authorized.account();
        let limit = query.limit.clamp(1, PAGE_ENTRIES_MAX);
        let view = self.meta.snapshot().await?;
        let mut page = Page::default();
        let mut after = query.after;
        let mut scanned = 0;
        while scanned < PAGE_SCANNED_MAX {
            let key = |sequence| StoredLine::key(account, sequence);
            let scan = Scan::range(Bound::Included(key(0)), Bound::Included(key(u64::MAX)));
            let scan = match query.order {
                Order::NewestFirst => scan.backward(),
                Order::OldestFirst => scan,
            };
            let scan = match after {
                Some(after) => scan.after(key(after)),
                None => scan,
            };
            let found = view.scan(scan.limit(STEP_ENTRIES)).await?;
            let is_last = found.len() < STEP_ENTRIES;
            for stored in found {
                let sequence = StoredLine::sequence(&stored.key)?;
                let StoredLine { line } = record::decode(&stored.value)?;
                let damaged = |why| Error::Damaged { sequence, why };
                let entry: Entry = serde_json::from_str(&line).map_err(|_| damaged("it is no entry"))?;
                let at = Timestamp::parse_rfc3339(&entry.time).map_err(|_| damaged("its time is none"))?;
                after = Some(sequence);
                scanned += 1;
                if query.is_in_time(at) && query.wants(&entry) {
                    page.entries.push((entry, line));
                }
                if page.entries.len() == limit {
                    page.next = after;
                    return Ok(page);
                }
            }
            if is_last {
                return Ok(page);
            }
        }
        page.next = after;
        Ok(page)
    }
}
