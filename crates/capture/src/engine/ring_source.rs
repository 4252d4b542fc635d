//! A kernel ring as a source.

use super::source::{Batch, Counters, Description, Link, Source, Wake};
use baleen_filter::Program;
use baleen_ring::{Block, Error, Interface, LinkCounters, Packet, Ring, Settings, Statistics, link_statistics};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct RingSource {
    ring: Ring,
    /// By this it is known also after it was given another name.
    index: u32,
    /// As they were before the first packet.
    link_before: Option<LinkCounters>,
    description: Description,
}

impl RingSource {
    pub(crate) fn open(interface: &Interface, settings: &Settings, program: &Program) -> Result<Self, Error> {
        let link_before = link_statistics(interface.index);
        let ring = Ring::open(interface, settings, program.instructions())?;
        Ok(Self::of(ring, interface, settings, link_before))
    }

    /// So many rings that share what comes by on the interface.
    pub(crate) fn open_several(
        interface: &Interface,
        settings: &Settings,
        program: &Program,
        rings: usize,
    ) -> Result<Vec<Self>, Error> {
        let link_before = link_statistics(interface.index);
        let rings = Ring::open_several(interface, settings, program.instructions(), rings)?;
        Ok(rings
            .into_iter()
            .map(|ring| Self::of(ring, interface, settings, link_before))
            .collect())
    }

    fn of(ring: Ring, interface: &Interface, settings: &Settings, link_before: Option<LinkCounters>) -> Self {
        let description = Description {
            name: interface.name.clone(),
            link: ring.link_type(),
            mac: interface.mac,
            // A block is closed at the second tick of its timer at the latest.
            latency: settings.retire * 2,
            batches: ring.blocks() as u64,
        };
        Self {
            ring,
            index: interface.index,
            link_before,
            description,
        }
    }
}

impl From<Statistics> for Counters {
    fn from(statistics: Statistics) -> Self {
        Self {
            accepted: statistics.accepted,
            dropped: statistics.dropped,
        }
    }
}

impl Batch for Block<'_> {
    fn sequence(&self) -> u64 {
        Block::packets(self).sequence()
    }

    fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        Block::packets(self)
    }

    fn detach(&self) -> Result<(), Error> {
        Block::detach(self)
    }

    fn counters(&self) -> Result<Counters, Error> {
        Block::statistics(self).map(Counters::from)
    }
}

impl Source for RingSource {
    type Batch<'a> = Block<'a>;

    fn description(&self) -> &Description {
        &self.description
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let waker = self.ring.waker();
        Arc::new(move || waker.wake())
    }

    fn wait(&mut self, timeout: Duration) -> Result<Wake, Error> {
        Ok(match self.ring.wait(timeout)? {
            baleen_ring::Wake::Gone => Wake::Gone,
            // An interface that is down may come back; the capture goes on meanwhile.
            baleen_ring::Wake::Ready
            | baleen_ring::Wake::Timeout
            | baleen_ring::Wake::Woken
            | baleen_ring::Wake::Down => Wake::Look,
        })
    }

    fn next_batch(&mut self) -> Result<Option<Block<'_>>, Error> {
        self.ring.next_block()
    }

    fn detach(&mut self) -> Result<(), Error> {
        self.ring.detach()
    }

    fn counters(&self) -> Result<Counters, Error> {
        self.ring.statistics().map(Counters::from)
    }

    fn link(&self) -> Link {
        let (index, before) = (self.index, self.link_before);
        Arc::new(move || {
            let (now, before) = link_statistics(index).zip(before)?;
            Some(LinkCounters {
                received: now.received.saturating_sub(before.received),
                sent: now.sent.saturating_sub(before.sent),
                dropped: now.dropped.saturating_sub(before.dropped),
            })
        })
    }
}
