//! `PUT /agent/v1/parts/{capture}/{generation}/{file}/{number}`: a part of a capture's file.
//!
//! Headers: `Content-Length`; `x-crc32c` (8 hex digits); `x-packets`, `x-bytes` and `x-dropped` (what the file holds with it);
//! `x-ends-file` (`true` or `false`). The answer comes when the part is in the store and noted: who did not get it sends the part again.
//! Nothing is read of one that would not be taken.

use super::{Place, decimal, no_content};
use crate::door::AgentDoor;
use crate::fault::Fault;
use crate::limits::{PART_TIMEOUT, PARTS_AT_ONCE};
use crate::room::Share;
use baleen_agentwire::OrderId;
use baleen_capture::{Counts, Delivery, Verdict};
use baleen_fleet::{Known, Seat};
use baleen_http::{Request, RequestBody, Response};
use baleen_types::AgentId;
use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) async fn run(door: &AgentDoor, known: Known, place: Place, request: Request) -> Result<Response, Fault> {
    let (order, file, number) = place.part.ok_or_else(Fault::not_found)?;
    let (head, body) = request.into_parts();
    let delivery = delivery(known.id, (order, file, number), &head.headers)?;
    if door.agents.would_take(&delivery)? == Verdict::Again {
        // Or what is sent of it would hold the window of its connection while it is waited for.
        drop(body);
        door.agents.deliver_again(&delivery).await?;
        return Ok(no_content());
    }
    let _way = OnItsWay::begin(&door.on_their_way, (known.id, order))?;
    let length = usize::try_from(delivery.bytes).map_err(|_| Fault::invalid("it is too long"))?;
    let room = door.room.take((known.account, known.id), length);
    let room = room.ok_or_else(|| Fault::busy("there is no room for parts now; send it again in a moment"))?;
    let bytes = tokio::select! {
        bytes = read(body, &delivery, length, (door.fleet.seat(known.id), room)) => bytes?,
        () = door.clock.sleep(PART_TIMEOUT) => return Err(Fault::busy("the part took too long; send it again")),
    };
    door.agents.deliver(&delivery, bytes).await?;
    Ok(no_content())
}

/// What is said of the part.
fn delivery(agent: AgentId, part: (OrderId, u16, u32), headers: &HeaderMap) -> Result<Delivery, Fault> {
    let said = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().and_then(|value| value.to_str().ok());
        value.filter(|_| values.next().is_none())
    };
    let missing = |name: &str| Fault::invalid(format!("the header {name} is missing or wrong"));
    let number = |name: &str| said(name).and_then(decimal::<u64>).ok_or_else(|| missing(name));
    let checksum = said("x-crc32c").filter(|text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    let checksum = checksum.and_then(|text| u32::from_str_radix(text, 16).ok());
    let (order, file, at) = part;
    Ok(Delivery {
        agent,
        order,
        file,
        number: at,
        bytes: number(CONTENT_LENGTH.as_str())?,
        crc32c: checksum.ok_or_else(|| missing("x-crc32c"))?,
        ends_file: match said("x-ends-file") {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(missing("x-ends-file")),
        },
        after: Counts {
            packets: number("x-packets")?,
            bytes: number("x-bytes")?,
            dropped: number("x-dropped")?,
        },
    })
}

/// Reads a part, whole and as it was announced, or not at all.
async fn read(
    mut body: RequestBody,
    delivery: &Delivery,
    length: usize,
    (seat, room): (Option<Arc<Seat>>, Share),
) -> Result<Bytes, Fault> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| Fault::of_body(&fault))?;
        if let Some(seat) = &seat {
            seat.hear_part();
        }
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if bytes.len() + data.len() > length {
            return Err(Fault::invalid("it is longer than was announced"));
        }
        bytes.extend_from_slice(data);
    }
    if bytes.len() != length {
        return Err(Fault::invalid("it is shorter than was announced"));
    }
    if crc_fast::checksum(Crc32Iscsi, &bytes) != u64::from(delivery.crc32c) {
        return Err(Fault::invalid("its checksum is another one"));
    }
    Ok(Bytes::from_owner(Held { bytes, _room: room }))
}

/// Bytes with the room that they take, which is given back when the last who has them drops them.
struct Held {
    bytes: Vec<u8>,
    _room: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

type Ways = Arc<Mutex<HashMap<(AgentId, OrderId), usize>>>;

/// A part that is being read or stored. An order has a few at a time, so that no agent takes all of the room.
struct OnItsWay {
    ways: Ways,
    key: (AgentId, OrderId),
}

impl OnItsWay {
    fn begin(ways: &Ways, key: (AgentId, OrderId)) -> Result<Self, Fault> {
        let mut open = ways.lock();
        let number = open.entry(key).or_default();
        if *number >= PARTS_AT_ONCE {
            return Err(Fault::new(
                StatusCode::CONFLICT,
                "TooManyParts",
                "other parts of this capture are on their way",
            ));
        }
        *number += 1;
        Ok(Self {
            ways: Arc::clone(ways),
            key,
        })
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut open = self.ways.lock();
        if let Some(number) = open.get_mut(&self.key) {
            *number -= 1;
            if *number == 0 {
                open.remove(&self.key);
            }
        }
    }
}
