//! RSSpeedTestDownload and RSSpeedTestUpload (seed 004): how fast the way between a reseller and the server is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baleen_http::{BodyFault, RequestBody, Response, ResponseBody};
use baleen_runtime::{Clock, Entropy, SeededEntropy};
use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use parking_lot::Mutex;
use std::time::Duration;

use crate::fault::Fault;
use crate::limits::{SPEED_TEST_PIECE_BYTES, SPEED_TEST_TIME, SPEED_TESTS_MAX};

/// The tests under way.
pub(super) struct SpeedTests {
    clock: Arc<dyn Clock>,
    seeds: AtomicU64,
    /// When each test under way will have lasted its time.
    ends: Arc<Mutex<Vec<Duration>>>,
}

/// The place of a test. It is free again when this is dropped or the time of the test is over, whichever is first: a client that
/// stops reading keeps a connection, and no place.
struct Place {
    ends: Arc<Mutex<Vec<Duration>>>,
    end: Duration,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut ends = self.ends.lock();
        // Of those that end at once it does not matter which; none is left if this one's time is over.
        if let Some(at) = ends.iter().position(|end| *end == self.end) {
            ends.swap_remove(at);
        }
    }
}

impl SpeedTests {
    pub(super) fn new(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self {
            clock,
            seeds: AtomicU64::new(seed),
            ends: Arc::default(),
        }
    }

    fn place(&self) -> Result<Place, Fault> {
        let now = self.clock.monotonic();
        let end = now + SPEED_TEST_TIME;
        let mut ends = self.ends.lock();
        ends.retain(|end| *end > now);
        if ends.len() >= SPEED_TESTS_MAX {
            let message = format!("At most {SPEED_TESTS_MAX} speed tests run at once. Try again in a few seconds.");
            return Err(Fault::new("SlowDown", StatusCode::SERVICE_UNAVAILABLE, message));
        }
        ends.push(end);
        Ok(Place {
            ends: Arc::clone(&self.ends),
            end,
        })
    }

    /// Sends random bytes for as long as a test lasts, as fast as the client takes them: a piece is made when it is sent.
    pub(super) fn download(&self) -> Result<Response, Fault> {
        let place = self.place()?;
        let clock = Arc::clone(&self.clock);
        let end = place.end;
        // Nothing is to be kept secret, and a generator that is fast does not measure itself.
        let random = SeededEntropy::new(self.seeds.fetch_add(1, Ordering::Relaxed));
        let pieces = futures::stream::unfold((place, random), move |(place, random)| {
            let over = clock.monotonic() >= end;
            async move {
                if over {
                    return None;
                }
                let mut piece = BytesMut::zeroed(SPEED_TEST_PIECE_BYTES);
                random.fill(&mut piece);
                Some((Ok::<_, BodyFault>(Frame::data(piece.freeze())), (place, random)))
            }
        });
        let mut response = Response::new(ResponseBody::boxed(StreamBody::new(pieces)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// Reads a body, and forgets it, to its end or for as long as a test lasts.
    pub(super) async fn upload(&self, mut body: RequestBody) -> Result<Response, Fault> {
        let _place = self.place()?;
        let mut end = self.clock.sleep(SPEED_TEST_TIME);
        while let Either::Left((Some(frame), _)) = select(body.frame(), end.as_mut()).await {
            let _: Frame<Bytes> = frame.map_err(|fault| Fault::from(&fault))?;
        }
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }
}
