//! `POST /pcaps`: start a full capture, or take a sample (`create_sample.rs`) (capture contract, A.2, "Request of POST /pcaps").

use super::Call;
use super::create_ownership::{decode_destination, pointers};
use super::{create_sample, filter, privacy};
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::pcaps::fields::Fields;
use crate::pcaps::wire;
use baleen_capture::limits::{
    BYTE_LIMIT_MAX, PACKET_LIMIT_MAX, ROTATE_BYTES_MIN, ROTATE_TIME_MIN, SNAPLEN_MAX, SNAPLEN_MIN, TIME_LIMIT_MAX,
    TIME_LIMIT_MIN,
};
use baleen_capture::{Asked, CreateCapture, Format, Limits, Rotation};
use baleen_types::{AccountId, SiteName};
use serde_json::{Map, Value};
use std::time::Duration;

/// The one system there is (capture contract, A.2).
const SYSTEM: &str = "magic-transit";

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let asked = asked(&call);
    if call.body.get("type").and_then(Value::as_str) == Some(create_sample::TYPE) {
        return create_sample::run(call, asked).await;
    }
    let request = decode(&call.body, call.authorized.account(), asked)?;
    match call.captures.create(request).await {
        Ok(capture) => Ok(Answer::Result(wire::capture(&capture))),
        Err(error) => Err(Fault::of(error, pointers(&call.body))),
    }
}

/// What was asked. It is written again, which the same bytes are in the same way.
pub(super) fn asked(call: &Call) -> Asked {
    let body = Value::Object(call.body.clone()).to_string();
    Asked::of(body.as_bytes(), call.is_repeated)
}

fn decode(body: &Map<String, Value>, account: AccountId, asked: Asked) -> Result<CreateCapture, Fault> {
    let mut fields = Fields::new(body, "");
    let request = decode_full(&mut fields, account, asked, "type must be full or simple");
    fields.finish()?;
    request.ok_or_else(Fault::internal)
}

/// Reads a full capture; nothing where something is wrong, which is noted in `fields`.
pub(super) fn decode_full(
    fields: &mut Fields<'_>,
    account: AccountId,
    asked: Asked,
    other_type: &'static str,
) -> Option<CreateCapture> {
    check_system(fields);
    match fields.required_text("type") {
        Some("full") | None => {}
        Some(_) => fields.refuse("type", other_type),
    }
    let time = decode_time(fields);
    let packets = fields.whole("packet_limit", &(1..=PACKET_LIMIT_MAX));
    let bytes = fields.whole("byte_limit", &(1..=BYTE_LIMIT_MAX));
    let site = decode_site(fields);
    let destination = decode_destination(fields);
    let (filter, sent_filter) = filter::decode(fields);
    let format = decode_format(fields);
    let rotation = decode_rotation(fields);
    let snaplen = fields.whole("snaplen", &(u64::from(SNAPLEN_MIN)..=u64::from(SNAPLEN_MAX)));
    let privacy = privacy::decode(fields);
    let (_, destination) = destination?;
    Some(CreateCapture {
        account,
        site: site?,
        destination,
        limits: Limits {
            time: time?,
            // What a full capture means without them (capture contract, A.2).
            packets: packets.unwrap_or(PACKET_LIMIT_MAX),
            bytes: bytes.unwrap_or(BYTE_LIMIT_MAX),
        },
        filter,
        sent_filter,
        format,
        rotation,
        snaplen: snaplen.and_then(|bytes| u32::try_from(bytes).ok()),
        privacy,
        asked,
    })
}

pub(super) fn check_system(fields: &mut Fields<'_>) {
    if let Some(system) = fields.required_text("system")
        && system != SYSTEM
    {
        fields.refuse("system", format!("system must be {SYSTEM}"));
    }
}

pub(super) fn decode_time(fields: &mut Fields<'_>) -> Option<Duration> {
    if fields.get("time_limit").is_none() {
        fields.refuse("time_limit", "time_limit is required");
    }
    let allowed = TIME_LIMIT_MIN.as_secs_f64()..=TIME_LIMIT_MAX.as_secs_f64();
    fields.number("time_limit", &allowed).map(Duration::from_secs_f64)
}

/// Reads the site under its name or the alias of the guide's examples.
pub(super) fn decode_site(fields: &mut Fields<'_>) -> Option<SiteName> {
    let (name, text) = fields.either("colo_name", "colo")?;
    match SiteName::parse(text) {
        Ok(site) => Some(site),
        Err(invalid) => {
            fields.refuse(name, format!("{name}: {}", invalid.why));
            None
        }
    }
}

pub(super) fn decode_format(fields: &mut Fields<'_>) -> Format {
    match fields.text("format") {
        None | Some("pcap") => Format::Pcap,
        Some("pcapng") => Format::PcapNg,
        Some(_) => {
            fields.refuse("format", "format must be pcap or pcapng");
            Format::Pcap
        }
    }
}

/// When a further file begins (ours): by size, by time, or by whichever comes first.
fn decode_rotation(fields: &mut Fields<'_>) -> Rotation {
    let Some(object) = fields.object("rotate") else {
        return Rotation::default();
    };
    let mut inner = Fields::new(object, "/rotate");
    inner.only(&["bytes", "seconds"]);
    let bytes = inner.whole("bytes", &(ROTATE_BYTES_MIN..=BYTE_LIMIT_MAX));
    let seconds = inner.whole("seconds", &(ROTATE_TIME_MIN.as_secs()..=TIME_LIMIT_MAX.as_secs()));
    if inner.get("bytes").is_none() && inner.get("seconds").is_none() {
        fields.refuse("rotate", "rotate must have bytes, seconds, or both");
    }
    fields.take_problems(inner);
    Rotation {
        bytes,
        every: seconds.map(Duration::from_secs),
    }
}
