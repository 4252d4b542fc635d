//! A fixed number of part buffers, which come back when the last holder of their bytes drops them.

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
struct State {
    free: Vec<Vec<u8>>,
    /// Buffers that may still be made.
    left: usize,
    is_closed: bool,
}

/// The buffers of one capture; clonable handle.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    inner: Arc<(Mutex<State>, Condvar)>,
}

impl Pool {
    pub(crate) fn new(buffers: usize) -> Self {
        let state = State {
            free: Vec::with_capacity(buffers),
            left: buffers,
            is_closed: false,
        };
        Self {
            inner: Arc::new((Mutex::new(state), Condvar::new())),
        }
    }

    /// Takes an empty buffer with room for `capacity` bytes; `None` while all of them are in use.
    pub(crate) fn take(&self, capacity: usize) -> Option<Vec<u8>> {
        let mut buffer = {
            let mut state = self.inner.0.lock();
            match state.free.pop() {
                Some(buffer) => buffer,
                None if state.left > 0 => {
                    state.left -= 1;
                    Vec::new()
                }
                None => return None,
            }
        };
        buffer.clear();
        buffer.reserve_exact(capacity);
        Some(buffer)
    }

    /// Waits until a buffer may be free, at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        let (state, returned) = &*self.inner;
        let mut state = state.lock();
        if state.free.is_empty() && state.left == 0 {
            returned.wait_for(&mut state, timeout);
        }
    }

    /// Freezes a filled buffer; it comes back when the bytes and all slices of them are gone.
    pub(crate) fn freeze(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            pool: self.clone(),
        })
    }

    /// Gives the memory back, that of each lent buffer when it comes: a capture that is over may still have its last part sent for
    /// hours.
    pub(crate) fn close(&self) {
        let mut state = self.inner.0.lock();
        state.is_closed = true;
        state.left = 0;
        state.free = Vec::new();
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let (state, returned) = &*self.inner;
        let mut state = state.lock();
        if !state.is_closed {
            state.free.push(buffer);
        }
        drop(state);
        returned.notify_all();
    }
}

struct Lent {
    buffer: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_with_the_last_slice() {
        let pool = Pool::new(2);
        let mut first = pool.take(100).unwrap();
        let second = pool.take(100).unwrap();
        assert!(pool.take(100).is_none());
        first.extend_from_slice(b"abcdef");
        let address = first.as_ptr();
        let bytes = pool.freeze(first);
        let slice = bytes.slice(2..4);
        drop(bytes);
        assert!(pool.take(100).is_none());
        assert_eq!(&slice[..], b"cd");
        drop(slice);
        let again = pool.take(100).unwrap();
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
        drop(second);
        // A buffer that was never frozen was lost by its holder, not by the pool; nothing else counts on it.
        assert!(pool.take(100).is_none());
    }

    #[test]
    fn a_closed_pool_keeps_no_memory() {
        let pool = Pool::new(3);
        let lent = pool.freeze(pool.take(100).unwrap());
        drop(pool.freeze(pool.take(100).unwrap()));
        assert_eq!(pool.inner.0.lock().free.len(), 1);
        pool.close();
        drop(lent);
        let state = pool.inner.0.lock();
        assert_eq!((state.free.capacity(), state.left), (0, 0));
    }
}
