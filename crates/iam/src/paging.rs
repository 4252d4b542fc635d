//! Pages of lists, and the markers between them.
//!
//! A marker is the place where the page before ended, sealed for who asked and what was asked. So it tells nothing, it
//! cannot be made up, and one that was given to somebody else or by another action is refused.

use crate::change::View;
use crate::limits::{PAGE_DEFAULT, PAGE_LOOKED_AT_MAX, PAGE_MAX};
use crate::{Error, Iam};
use baleen_meta::{Entry, Scan};
use baleen_policy::Authorized;
use baleen_sealing::Context;
use baleen_types::{Invalid, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Entries that are read at once.
const BATCH: usize = 256;

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    marker: Option<String>,
    items: usize,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What the request for the next page has to say; `None` when there is none. A page may be short and yet have one.
    pub next: Option<String>,
}

impl PageRequest {
    /// A page of `max_items`, 1 to 1000, behind a marker.
    ///
    /// # Errors
    /// `Invalid` when the number is out of range. The marker is looked at by the list it is for.
    pub fn new(marker: Option<&str>, max_items: Option<u32>) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("MaxItems", format!("1 to {PAGE_MAX} are expected"));
        let items = match max_items {
            None => PAGE_DEFAULT,
            Some(n) => usize::try_from(n)
                .ok()
                .filter(|n| (1..=PAGE_MAX).contains(n))
                .ok_or_else(wrong)?,
        };
        Ok(Self {
            marker: marker.map(str::to_owned),
            items,
        })
    }

    /// The largest first page.
    pub fn first() -> Self {
        Self {
            marker: None,
            items: PAGE_MAX,
        }
    }
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            next: self.next,
        }
    }
}

/// A page in the making: takes what fits and remembers where it ended.
pub(crate) struct Builder<T> {
    items: Vec<T>,
    items_max: usize,
    looked_at: usize,
    last: String,
    is_cut: bool,
}

impl<T> Builder<T> {
    pub(crate) fn new(ask: &PageRequest) -> Self {
        Self {
            items: Vec::new(),
            items_max: ask.items,
            looked_at: 0,
            last: String::new(),
            is_cut: false,
        }
    }

    /// Offers the entry at a place, `None` when it does not belong on the list; tells whether to go on.
    pub(crate) fn offer(&mut self, place: &str, item: Option<T>) -> bool {
        let full = item.is_some() && self.items.len() == self.items_max;
        if full || self.looked_at == PAGE_LOOKED_AT_MAX {
            self.is_cut = true;
            return false;
        }
        self.items.extend(item);
        self.looked_at += 1;
        place.clone_into(&mut self.last);
        true
    }

    /// Ends the page here, though there is more.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// The page, and the place behind which the next one begins.
    fn finish(self) -> (Vec<T>, Option<String>) {
        (self.items, self.is_cut.then_some(self.last))
    }
}

/// Reads what lies under a prefix, in order and in batches.
pub(crate) struct Walk<'a> {
    view: &'a View,
    prefix: Vec<u8>,
    from: Vec<u8>,
    is_done: bool,
    keys_only: bool,
}

impl<'a> Walk<'a> {
    /// Begins behind the prefix itself, where a counter may lie.
    pub(crate) fn new(view: &'a View, prefix: Vec<u8>) -> Self {
        Self {
            view,
            from: prefix.clone(),
            prefix,
            is_done: false,
            keys_only: false,
        }
    }

    #[must_use]
    pub(crate) fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// Begins behind a place, as it stands in keys.
    #[must_use]
    pub(crate) fn after(mut self, place: &[u8]) -> Self {
        self.from.extend_from_slice(place);
        self
    }

    /// The next entries, at least one; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Entry>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let mut scan = Scan::prefix(&self.prefix).after(self.from.clone()).limit(BATCH);
        scan.keys_only = self.keys_only;
        let entries = self.view.scan(scan).await?;
        self.is_done = entries.len() < BATCH;
        let Some(last) = entries.last() else { return Ok(None) };
        self.from = last.key.to_vec();
        Ok(Some(entries))
    }

    /// What a key has behind the prefix.
    pub(crate) fn place<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        key.get(self.prefix.len()..).unwrap_or_default()
    }

    /// The same as text.
    pub(crate) fn place_text<'k>(&self, key: &'k [u8]) -> Result<&'k str, Error> {
        std::str::from_utf8(self.place(key)).map_err(|_| Error::Damaged("key"))
    }
}

impl Iam {
    /// The place behind which the asked page begins; the empty one at the start.
    pub(crate) fn place_of(&self, by: &Authorized, ask: &PageRequest) -> Result<String, Error> {
        let Some(marker) = &ask.marker else {
            return Ok(String::new());
        };
        self.open_marker(by, marker)
    }

    /// Makes the marker of a place, for who asked and what was asked: for lists that lie elsewhere, so that their markers are as
    /// these.
    pub fn seal_marker(&self, by: &Authorized, place: String) -> String {
        let (id, nonce) = (marker_id(by), self.parts.entropy.bytes());
        let sealed = self.parts.sealer.seal(marker_context(&id), &Secret::new(place), nonce);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The place that a marker was made of.
    ///
    /// # Errors
    /// `Invalid` for one that was not made here, or for somebody else or another action.
    pub fn open_marker(&self, by: &Authorized, marker: &str) -> Result<String, Error> {
        let wrong = || Invalid::new("Marker", "the one that the page before gave is expected");
        let sealed = URL_SAFE_NO_PAD.decode(marker).map_err(|_| wrong())?;
        let opened = self.parts.sealer.open(marker_context(&marker_id(by)), &sealed);
        Ok(opened.map_err(|_| wrong())?.expose().to_owned())
    }

    pub(crate) fn finish_page<T>(&self, by: &Authorized, page: Builder<T>) -> Page<T> {
        let (items, last) = page.finish();
        Page {
            items,
            next: last.map(|place| self.seal_marker(by, place)),
        }
    }

    /// A page of a list that is short enough to be read whole; the places must come in order.
    pub(crate) fn page_of<T>(
        &self,
        by: &Authorized,
        ask: &PageRequest,
        all: impl IntoIterator<Item = (String, T)>,
    ) -> Result<Page<T>, Error> {
        let after = self.place_of(by, ask)?;
        let mut page = Builder::new(ask);
        for (place, item) in all {
            if place > after && !page.offer(&place, Some(item)) {
                break;
            }
        }
        Ok(self.finish_page(by, page))
    }
}

fn marker_id(by: &Authorized) -> String {
    let user = by.user().map(|user| user.id.to_string()).unwrap_or_default();
    format!("{}/{user}/{}", by.account(), by.action().name())
}

fn marker_context(id: &str) -> Context<'_> {
    Context { purpose: "marker", id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_there_is_more() {
        let ask = |items| PageRequest { marker: None, items };
        for (items, offered, expected) in [
            (2, &[("a", true), ("b", true)][..], (2, None)),
            (2, &[("a", true), ("b", true), ("c", false)], (2, None)),
            (2, &[("a", true), ("b", true), ("c", true)], (2, Some("b"))),
            (
                2,
                &[("a", true), ("b", true), ("c", false), ("d", true)],
                (2, Some("c")),
            ),
            (1, &[("a", false), ("b", true), ("c", true)], (1, Some("b"))),
            (1, &[], (0, None)),
        ] {
            let mut page = Builder::new(&ask(items));
            for (place, fits) in offered {
                if !page.offer(place, fits.then_some(())) {
                    break;
                }
            }
            let (taken, next) = page.finish();
            assert_eq!((taken.len(), next.as_deref()), expected, "{offered:?}");
        }
        let mut page = Builder::<()>::new(&ask(5));
        let looked_at = (0..2 * PAGE_LOOKED_AT_MAX)
            .take_while(|n| page.offer(&format!("{n:09}"), None))
            .count();
        assert_eq!(
            looked_at, PAGE_LOOKED_AT_MAX,
            "a filter that nothing passes does not read the table"
        );
        assert!(page.finish().1.is_some());
    }

    #[test]
    fn max_items_have_a_range() {
        for (items, fits) in [
            (None, true),
            (Some(0), false),
            (Some(1), true),
            (Some(1000), true),
            (Some(1001), false),
        ] {
            assert_eq!(PageRequest::new(None, items).is_ok(), fits, "{items:?}");
        }
    }
}
