//! What several look-backs found, put together: pure.

use crate::agent::AgentError;
use crate::look_back::{Past, PastQuery};
use baleen_lookback::{Found, Interface};
use baleen_types::{LinkType, SiteName, Timestamp};

/// The packets of a sample, and what of its window may be missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// In the order of their stamps.
    pub(crate) packets: Vec<Found>,
    pub(crate) interfaces: Vec<Interface>,
    /// For who asked, one each.
    pub(crate) notes: Vec<String>,
}

/// Puts the finds of sites together; an error when none of them found anything because of trouble.
pub(crate) fn gather(found: Vec<(SiteName, Result<Past, AgentError>)>, asked: &PastQuery) -> Result<Gathered, String> {
    let mut all = Gathered::default();
    let (mut troubles, mut pasts) = (Vec::new(), Vec::new());
    for (site, found) in found {
        match found {
            Ok(past) => pasts.push((site, past)),
            Err(error) => troubles.push(format!("site {site}: {error}")),
        }
    }
    if pasts.is_empty() {
        return Err(troubles.join("; "));
    }
    let of_sites: Vec<_> = pasts.iter().map(|(_, past)| past).collect();
    all.notes = notes(&of_sites, asked);
    all.notes.splice(
        0..0,
        troubles.into_iter().map(|trouble| format!("nothing of {trouble}")),
    );
    let is_one = pasts.len() == 1;
    for (site, Past { sample, .. }) in pasts {
        let first = all.interfaces.len();
        for mut interface in sample.interfaces {
            if !is_one {
                interface.name = format!("{site}/{}", interface.name).into();
            }
            all.interfaces.push(interface);
        }
        all.packets.extend(sample.packets.into_iter().map(|packet| Found {
            interface: packet.interface + first,
            ..packet
        }));
    }
    // Stable: what each site found is in order.
    all.packets.sort_by_key(|packet| packet.stamp);
    all.packets.drain(..all.packets.len().saturating_sub(asked.limit));
    Ok(all)
}

fn notes(pasts: &[&Past], asked: &PastQuery) -> Vec<String> {
    let mut notes = Vec::new();
    let kept_since = pasts.iter().map(|past| past.kept_since).max().flatten();
    if pasts.iter().any(|past| past.kept_since.is_none()) {
        notes.push("no packet has been kept yet".to_owned());
    } else if let Some(since) = kept_since.filter(|since| *since > asked.window.start) {
        notes.push(format!("nothing is kept from before {}", shown(since)));
    }
    let found: usize = pasts.iter().map(|past| past.sample.packets.len()).sum();
    let cut_short = pasts
        .iter()
        .filter(|past| past.sample.packets.len() < asked.limit)
        .filter_map(|past| past.sample.complete_from)
        .max();
    if let Some(from) = cut_short {
        notes.push(format!(
            "as much as is allowed was read: before {} there may be more",
            shown(from)
        ));
    }
    let is_full = |past: &&Past| past.sample.packets.len() >= asked.limit && past.sample.complete_from.is_some();
    if found > asked.limit || pasts.iter().any(is_full) {
        notes.push(format!(
            "only the newest {} packets are in the file, there may be older ones",
            asked.limit
        ));
    }
    let sum = |of: fn(&Past) -> u64| pasts.iter().map(|past| of(past)).sum::<u64>();
    match sum(|past| past.sample.damaged) {
        0 => {}
        1 => notes.push("one place of what is kept is damaged".to_owned()),
        places => notes.push(format!("{places} places of what is kept are damaged")),
    }
    let lost = sum(|past| past.sample.dropped.saturating_add(past.sample.left_out));
    if lost > 0 {
        notes.push(format!(
            "about {lost} packets of that time were lost before they could be kept"
        ));
    }
    let mut links: Vec<LinkType> = pasts
        .iter()
        .flat_map(|past| past.sample.links_left_out.clone())
        .collect();
    links.sort_unstable_by_key(|link| link.number());
    links.dedup();
    for link in links {
        notes.push(format!(
            "the filter has no meaning on links of type {link}, whose packets are left out"
        ));
    }
    notes
}

fn shown(stamp: Timestamp) -> String {
    stamp.to_rfc3339_micros()
}

#[cfg(test)]
mod tests;
