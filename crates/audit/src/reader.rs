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
    /// By this user, or about it.
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

/// Whether a resource is a user of this name: among the names that a request has (`UserName=ann`), or by its ARN, of which the name
/// is what stands behind the path. A log-in that was refused has nobody who did it, only this.
fn is_about(resource: &str, name: &UserName) -> bool {
    // The key of an object is whatever somebody wrote there.
    !resource.starts_with("arn:aws:s3:")
        && resource.split(' ').any(|part| {
            let named = ["UserName=", "Name="]
                .iter()
                .find_map(|prefix| part.strip_prefix(prefix));
            let by_arn = || {
                let rest = part.strip_prefix("arn:aws:iam::")?.split_once(':')?.1;
                match rest.strip_prefix("user/") {
                    Some(path) => path.rsplit('/').next(),
                    None => Some(rest).filter(|rest| *rest == "root"),
                }
            };
            named
                .or_else(by_arn)
                .is_some_and(|found| found.eq_ignore_ascii_case(name.as_str()))
        })
}

impl Query {
    fn wants(&self, entry: &Entry) -> bool {
        let same = |wanted: &str, text: &str| wanted.eq_ignore_ascii_case(text);
        let by_or_about = |name: &UserName| {
            let by = entry.user.as_deref().is_some_and(|user| same(name.as_str(), user));
            by || entry
                .resource
                .as_deref()
                .is_some_and(|resource| is_about(resource, name))
        };
        let with_action = |wanted: &String| {
            let action = entry.action.as_deref().unwrap_or_default();
            match wanted.strip_suffix('*') {
                Some(prefix) => action.get(..prefix.len()).is_some_and(|start| same(prefix, start)),
                None => same(wanted, action) || same(wanted, &entry.operation),
            }
        };
        self.user.as_ref().is_none_or(by_or_about) && self.action.as_ref().is_none_or(with_action)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_a_user() {
        for (resource, name, is_it) in [
            ("UserName=Ann@example.com", "ann@example.com", true),
            ("Name=ann@example.com", "ann@example.com", true),
            (
                "UserName=ann@example.com PolicyArn=arn:aws:iam::1:policy/p",
                "ann@example.com",
                true,
            ),
            (
                "Connection=baleen-1-saml UserName=ann@example.com",
                "ann@example.com",
                true,
            ),
            ("UserName=joann@example.com", "ann@example.com", false),
            ("PolicyName=ann@example.com", "ann@example.com", false),
            (
                "arn:aws:iam::100000000288:user/ann@example.com",
                "ANN@example.com",
                true,
            ),
            (
                "arn:aws:iam::100000000288:user/a/b/ann@example.com",
                "ann@example.com",
                true,
            ),
            (
                "arn:aws:iam::100000000288:user/ann@example.com/b",
                "ann@example.com",
                false,
            ),
            (
                "arn:aws:iam::100000000288:policy/ann@example.com",
                "ann@example.com",
                false,
            ),
            ("arn:aws:iam::100000000288:root", "root", true),
            ("arn:aws:s3:::b/x UserName=ann@example.com", "ann@example.com", false),
            (
                "arn:aws:s3:::b/x arn:aws:iam::1:user/ann@example.com",
                "ann@example.com",
                false,
            ),
            ("arn:aws:s3:::notes/ann@example.com", "ann@example.com", false),
            ("", "ann@example.com", false),
        ] {
            let name = UserName::parse(name).expect("it is a name");
            assert_eq!(is_about(resource, &name), is_it, "{resource}");
        }
    }
}
