//! Compiling filters, off the main threads and a few at a time.

use crate::limits::COMPILING_MAX;
use crate::site::Site;
use crate::tasks::CaptureFilter;
use crate::{CaptureError, Captures};
use baleen_filter::Filter;
use baleen_types::{LinkType, SiteName};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The turns in which filters are compiled.
pub(crate) struct Compiling {
    plain: Arc<Semaphore>,
    /// Of those with names.
    looking_up: Arc<Semaphore>,
}

impl Default for Compiling {
    fn default() -> Self {
        let turns = || Arc::new(Semaphore::new(COMPILING_MAX));
        Self {
            plain: turns(),
            looking_up: turns(),
        }
    }
}

impl Compiling {
    /// Those of a filter. What waits for names keeps nothing that has none, as all of schedules have.
    fn turns(&self, filter: &CaptureFilter) -> &Arc<Semaphore> {
        match filter {
            CaptureFilter::Expression(text) if baleen_filter::check_no_names(text).is_err() => &self.looking_up,
            _ => &self.plain,
        }
    }
}

impl Captures {
    /// Compiles a filter for every type of link at a site, off the main threads and with only a few others at a time: libpcap
    /// may look up a host name, and a short expression can keep it busy for long.
    pub(crate) async fn compile(&self, filter: CaptureFilter, site: &Site) -> Result<Filter, CaptureError> {
        if matches!(filter, CaptureFilter::All) {
            return Ok(Filter::All);
        }
        let links = site.agent.links().await;
        let (name, is_elsewhere) = (site.name.clone(), site.agent.is_elsewhere());
        let turn = Arc::clone(self.compiling.turns(&filter)).acquire_owned().await;
        let turn = turn.map_err(|_| CaptureError::Stopping)?;
        let work = move || {
            // Held until the work is over, also when nobody waits for it any more.
            let _turn = turn;
            // Or it would be looked up in two places, with two answers.
            if is_elsewhere && let CaptureFilter::Expression(text) = &filter {
                baleen_filter::check_no_names(text).map_err(CaptureError::Filter)?;
            }
            compile(filter, &name, &links)
        };
        tokio::task::spawn_blocking(work).await.map_err(CaptureError::Task)?
    }
}

fn compile(filter: CaptureFilter, site: &SiteName, links: &[LinkType]) -> Result<Filter, CaptureError> {
    let filter = match filter {
        CaptureFilter::All => Filter::All,
        CaptureFilter::Tuple(tuple) => {
            tuple.check().map_err(CaptureError::Filter)?;
            Filter::Tuple(tuple)
        }
        CaptureFilter::Expression(text) => Filter::expression(&text).map_err(CaptureError::Filter)?,
        CaptureFilter::Rules(rules) => Filter::Rules(rules),
    };
    for link in links {
        filter.compile(*link).map_err(|source| CaptureError::FilterAtSite {
            site: site.clone(),
            link: *link,
            source,
        })?;
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever has names looked up by somebody slow keeps only others with names.
    #[test]
    fn what_has_to_be_looked_up_waits_by_itself() {
        let compiling = Compiling::default();
        for (filter, looks_up) in [
            (CaptureFilter::All, false),
            (
                CaptureFilter::Expression("tcp port 80 and net 10.0.0.0/8".to_owned()),
                false,
            ),
            (CaptureFilter::Expression("host slow.example and udp".to_owned()), true),
        ] {
            let turns = compiling.turns(&filter);
            assert_eq!(Arc::ptr_eq(turns, &compiling.looking_up), looks_up, "{filter:?}");
        }
    }
}
