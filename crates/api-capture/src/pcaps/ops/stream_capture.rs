//! `POST /pcaps/stream` (ours): a capture whose file is the answer, as long as the client takes it.

use super::Call;
use super::create_capture::{decode_format, decode_site};
use super::create_ownership::pointers;
use super::{filter, privacy};
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::pcaps::fields::Fields;
use baleen_capture::limits::{
    SNAPLEN_MAX, SNAPLEN_MIN, STREAM_BYTES_MAX, STREAM_PACKETS_MAX, STREAM_TIME_MAX, TIME_LIMIT_MIN,
};
use baleen_capture::{Limits, StreamCapture};
use baleen_filter::{End, FiveTuple};
use baleen_types::AccountId;
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::time::Duration;

/// The IP protocol number of TCP.
const TCP: u8 = 6;

/// Interfaces that one request names.
const INTERFACES_MAX: usize = 16;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let request = decode(&call.body, call.authorized.account(), call.peer)?;
    let streamed = call.captures.stream(request).await;
    streamed
        .map(Answer::Live)
        .map_err(|error| Fault::of(error, pointers(&call.body)))
}

fn decode(body: &Map<String, Value>, account: AccountId, peer: Option<SocketAddr>) -> Result<StreamCapture, Fault> {
    let mut fields = Fields::new(body, "");
    let allowed = TIME_LIMIT_MIN.as_secs_f64()..=STREAM_TIME_MAX.as_secs_f64();
    let time = fields.number("time_limit", &allowed).map(Duration::from_secs_f64);
    let packets = fields.whole("packet_limit", &(1..=STREAM_PACKETS_MAX));
    let bytes = fields.whole("byte_limit", &(1..=STREAM_BYTES_MAX));
    let site = decode_site(&mut fields);
    let (filter, _) = filter::decode(&mut fields);
    let format = decode_format(&mut fields);
    let snaplen = fields.whole("snaplen", &(u64::from(SNAPLEN_MIN)..=u64::from(SNAPLEN_MAX)));
    let privacy = privacy::decode(&mut fields);
    let interfaces = decode_interfaces(&mut fields);
    fields.finish()?;
    Ok(StreamCapture {
        account,
        site: site.ok_or_else(Fault::internal)?,
        limits: Limits {
            time: time.unwrap_or(STREAM_TIME_MAX),
            packets: packets.unwrap_or(STREAM_PACKETS_MAX),
            bytes: bytes.unwrap_or(STREAM_BYTES_MAX),
        },
        filter,
        exclude: peer
            .filter(|peer| peer.port() != 0)
            .map(connection)
            .into_iter()
            .collect(),
        format,
        snaplen: snaplen.and_then(|bytes| u32::try_from(bytes).ok()),
        privacy,
        interfaces,
    })
}

/// The connection of the request: a capture that caught its own answer would feed on itself.
fn connection(peer: SocketAddr) -> FiveTuple {
    FiveTuple {
        source: End {
            addresses: vec![peer.ip().into()],
            ports: vec![peer.port()..=peer.port()],
        },
        protocol: Some(TCP),
        bidirectional: true,
        ..FiveTuple::default()
    }
}

fn decode_interfaces(fields: &mut Fields<'_>) -> Vec<String> {
    let Some(value) = fields.get("interfaces") else {
        return Vec::new();
    };
    let names = value.as_array().and_then(|names| {
        let names = names.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect::<Option<Vec<_>>>()
    });
    match names {
        Some(names) if (1..=INTERFACES_MAX).contains(&names.len()) => names,
        _ => {
            fields.refuse(
                "interfaces",
                format!("interfaces must be 1 to {INTERFACES_MAX} names of interfaces"),
            );
            Vec::new()
        }
    }
}
