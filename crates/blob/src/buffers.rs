//! Memory for bytes on their way, with one bound for all who carry some.
//!
//! A transfer has two speeds. It is lent *units* of four blocks out of a pool that has so many and no more; where the pool has
//! none for it, it goes on with single *blocks*, one at a time, which are never refused. So few transfers read and write ahead,
//! many stay bounded, and nobody ever waits for memory that somebody else holds: not for that of a client who takes nothing.
//!
//! Who holds more is refused sooner: a transfer gets its first unit as long as there is one, its second while less than half of
//! them are lent, its third while less than a third are. Those who came first leave some to those who come later.
//!
//! Buffers are used again. To allocate them each time, on one thread, and to free them on another, leaves many threads with
//! pages of their own of which little is used. So what is not needed is freed now and then and not at once: see
//! [`Buffers::give_back`].

use crate::format::{HEADER_LEN, STRIDE_LEN};
use crate::settings::UNIT_BLOCKS;
use bytes::Bytes;
use parking_lot::Mutex;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a unit: the header of an extent, and blocks with their checksums.
const UNIT_LEN: usize = HEADER_LEN + STRIDE_LEN * 4;
const _: () = assert!(UNIT_BLOCKS == 4);

/// The same of one block.
const ONE_LEN: usize = HEADER_LEN + STRIDE_LEN;

/// Up to here a buffer is as long as what it is for, and of no pool: there are many small bodies, and a block for each would be
/// too much.
const EXACT_LEN_MAX: usize = 32 << 10;

/// The memory of a volume for bytes on their way. Clones share it.
#[derive(Clone, Debug)]
pub struct Buffers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    units_max: usize,
    units: Mutex<Shelf>,
    ones: Mutex<Shelf>,
}

/// Buffers of one length.
#[derive(Debug, Default)]
struct Shelf {
    lent: usize,
    /// Most that were lent at once since spare ones were freed last.
    lent_most: usize,
    spare: Vec<Vec<u8>>,
}

/// What one transfer holds. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Share(Arc<AtomicUsize>);

/// Bytes in memory, as far as they are filled.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    lent: Option<Lent>,
}

/// Where a buffer goes back to.
#[derive(Debug)]
enum Lent {
    Unit(Buffers, Share),
    One(Buffers),
}

impl Buffers {
    /// A pool of so many bytes, as many units as fit in.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let units_max = usize::try_from(bytes_max).unwrap_or(usize::MAX) / UNIT_LEN;
        Self(Arc::new(Pool {
            units_max,
            units: Mutex::default(),
            ones: Mutex::default(),
        }))
    }

    /// Bytes that are held now, in units and in blocks, and those that wait to be used again.
    pub fn held_bytes(&self) -> usize {
        let count = |shelf: &Mutex<Shelf>| {
            let shelf = shelf.lock();
            shelf.lent + shelf.spare.len()
        };
        count(&self.0.units) * UNIT_LEN + count(&self.0.ones) * ONE_LEN
    }

    /// Frees what nobody has needed since the last call. To be called every few seconds.
    pub fn give_back(&self) {
        for shelf in [&self.0.units, &self.0.ones] {
            let unneeded = shelf.lock().unneeded();
            // Not under the lock.
            drop(unneeded);
        }
    }

    /// A buffer for `wanted` bytes, or for as many of them as there is memory for: one block at least.
    pub fn take(&self, share: &Share, wanted: usize) -> Buffer {
        if wanted <= ONE_LEN {
            return self.block(wanted);
        }
        self.try_unit(share).unwrap_or_else(|| self.block(ONE_LEN))
    }

    /// A unit, if there is one for who holds as much already.
    pub fn try_unit(&self, share: &Share) -> Option<Buffer> {
        let Pool { units_max, units, .. } = &*self.0;
        let held = share.0.load(Ordering::Relaxed);
        let spare = {
            let mut shelf = units.lock();
            if shelf.lent.saturating_mul(held + 1) >= *units_max {
                return None;
            }
            shelf.lend()
        };
        share.0.fetch_add(1, Ordering::Relaxed);
        let lent = Lent::Unit(self.clone(), share.clone());
        Some(Buffer::new(spare, UNIT_LEN, Some(lent)))
    }

    fn block(&self, wanted: usize) -> Buffer {
        if wanted <= EXACT_LEN_MAX {
            return Buffer::exact(wanted);
        }
        let spare = self.0.ones.lock().lend();
        Buffer::new(spare, ONE_LEN, Some(Lent::One(self.clone())))
    }
}

impl Shelf {
    fn lend(&mut self) -> Option<Vec<u8>> {
        self.lent += 1;
        self.lent_most = self.lent_most.max(self.lent);
        self.spare.pop()
    }

    fn take_back(&mut self, bytes: Vec<u8>) {
        self.lent -= 1;
        self.spare.push(bytes);
    }

    /// Takes out what would be left if again as many were lent as at most.
    fn unneeded(&mut self) -> Vec<Vec<u8>> {
        let needed = self.lent_most.saturating_sub(self.lent);
        self.lent_most = self.lent;
        self.spare.split_off(needed.min(self.spare.len()))
    }
}

impl Buffer {
    fn new(spare: Option<Vec<u8>>, len: usize, lent: Option<Lent>) -> Self {
        Self {
            // Zeroed once: what is read of it is what was filled.
            bytes: spare.unwrap_or_else(|| vec![0; len]),
            filled: 0,
            lent,
        }
    }

    /// One of that length, which is nobody's.
    pub(crate) fn exact(len: usize) -> Self {
        Self::new(None, len, None)
    }

    /// Bytes that still fit in.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }

    /// Takes the first of `bytes`, as many as there is room for, and tells how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room());
        self.bytes[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        count
    }

    /// Has the next `count` bytes filled, no more than there is room for; they count only if that goes well.
    pub(crate) fn fill<E>(&mut self, count: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<(), E> {
        let count = count.min(self.room());
        fill(&mut self.bytes[self.filled..self.filled + count])?;
        self.filled += count;
        Ok(())
    }

    /// The same bytes, which can be shared and cut. They go back when the last piece is dropped.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let shelf = match &self.lent {
            None => return,
            Some(Lent::Unit(buffers, share)) => {
                share.0.fetch_sub(1, Ordering::Relaxed);
                &buffers.0.units
            }
            Some(Lent::One(buffers)) => &buffers.0.ones,
        };
        shelf.lock().take_back(bytes);
    }
}

#[cfg(test)]
mod tests;
