//! A kernel ring as a source.

use super::source::{Batch, Counters, Description, Source, Wake};
use baleen_filter::Program;
use baleen_ring::{Block, Error, Interface, LinkCounters, Packet, Ring, Settings, link_statistics};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct RingSource {
    ring: Ring,
    description: Description,
}

impl RingSource {
    pub(crate) fn open(interface: &Interface, settings: &Settings, program: &Program) -> Result<Self, Error> {
        let ring = Ring::open(interface, settings, program.instructions())?;
        let description = Description {
            name: interface.name.clone(),
            link: ring.link_type(),
            mac: interface.mac,
            // A block is closed at the second tick of its timer at the latest.
            latency: settings.retire * 2,
            batches: ring.blocks() as u64,
        };
        Ok(Self { ring, description })
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

    fn counters(&mut self) -> Result<Counters, Error> {
        let statistics = self.ring.statistics()?;
        Ok(Counters {
            accepted: statistics.accepted,
            dropped: statistics.dropped,
        })
    }

    fn link_counters(&self) -> Option<LinkCounters> {
        link_statistics(&self.description.name)
    }
}
