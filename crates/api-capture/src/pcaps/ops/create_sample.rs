//! `POST /pcaps` with `"type": "simple"`: a sample of what went by (capture contract, A.2, "Request of POST /pcaps").
//!
//! Members that only a full capture uses are ignored, as the contract has it.

use super::Call;
use super::create_capture::{check_system, decode_format, decode_time};
use super::create_ownership::pointers;
use super::filter;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::pcaps::fields::Fields;
use crate::pcaps::wire;
use baleen_capture::limits::PACKET_LIMIT_MAX;
use baleen_capture::{Asked, CreateSample};
use baleen_types::{AccountId, Timestamp};
use serde_json::{Map, Value};

/// The `type` of a sample.
pub(super) const TYPE: &str = "simple";

pub(super) async fn run(call: Call, asked: Asked) -> Result<Answer, Fault> {
    let request = decode(&call.body, call.authorized.account(), asked)?;
    match call.captures.create_sample(request).await {
        Ok(capture) => Ok(Answer::Result(wire::capture(&capture))),
        Err(error) => Err(Fault::of(error, pointers(&call.body))),
    }
}

fn decode(body: &Map<String, Value>, account: AccountId, asked: Asked) -> Result<CreateSample, Fault> {
    let mut fields = Fields::new(body, "");
    check_system(&mut fields);
    let time = decode_time(&mut fields);
    if fields.get("packet_limit").is_none() {
        fields.refuse("packet_limit", "packet_limit is required");
    }
    let packets = fields.whole("packet_limit", &(1..=PACKET_LIMIT_MAX));
    let until = decode_offset(&mut fields);
    let (filter, sent_filter) = filter::decode(&mut fields);
    let format = decode_format(&mut fields);
    // It would be no capture as it was asked for, and what is to be hidden would not be.
    if fields.get("privacy").is_some() {
        fields.refuse(
            "privacy",
            "packets of a sample are kept as they were; take a full capture",
        );
    }
    fields.finish()?;
    let (Some(time), Some(packets)) = (time, packets) else {
        return Err(Fault::internal());
    };
    Ok(CreateSample {
        account,
        time,
        until,
        packets,
        filter,
        sent_filter,
        format,
        asked,
    })
}

fn decode_offset(fields: &mut Fields<'_>) -> Option<Timestamp> {
    let text = fields.text("offset_time")?;
    let parsed = Timestamp::parse_rfc3339(text);
    if let Err(invalid) = &parsed {
        fields.refuse("offset_time", format!("offset_time: {}", invalid.why));
    }
    parsed.ok()
}
