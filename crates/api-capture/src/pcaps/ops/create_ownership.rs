//! `POST /pcaps/ownership`: write a challenge into a bucket (seed 000, "Validating a bucket").

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::fields::Fields;
use crate::pcaps::wire;
use baleen_capture::Destination;
use serde_json::{Map, Value};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let mut fields = Fields::new(&call.body, "");
    let destination = decode_destination(&mut fields);
    fields.finish()?;
    let Some((_, destination)) = destination else {
        return Err(Fault::internal());
    };
    let created = call
        .captures
        .create_ownership(call.authorized.account(), &destination)
        .await;
    match created {
        Ok(ownership) => Ok(Answer::Result(wire::ownership(&ownership))),
        Err(error) => Err(Fault::of(error, pointers(&call.body))),
    }
}

/// Reads the destination under either spelling (seed 000 writes `destinaton_conf` in its answers).
pub(super) fn decode_destination(fields: &mut Fields<'_>) -> Option<(&'static str, Destination)> {
    let (name, text) = fields.either("destination_conf", "destinaton_conf")?;
    match Destination::parse(text) {
        Ok(destination) => Some((name, destination)),
        Err(invalid) => {
            fields.refuse(name, format!("{name}: {}", invalid.why));
            None
        }
    }
}

/// Where errors of the service about these members point.
pub(super) fn pointers(body: &Map<String, Value>) -> Pointers<'static> {
    let has = |name| body.get(name).is_some_and(|value: &Value| !value.is_null());
    let gives = |name| {
        body.get(name)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.trim().is_empty())
    };
    Pointers {
        destination: Some(if has("destination_conf") {
            "/destination_conf"
        } else {
            "/destinaton_conf"
        }),
        site: Some(if has("colo_name") { "/colo_name" } else { "/colo" }),
        // Who gives two of them is told before, but one of them may say nothing.
        filter: Some(if gives("filter_expression") {
            "/filter_expression"
        } else if gives("filter_v2") {
            "/filter_v2"
        } else {
            "/filter_v1"
        }),
        answer: Some("/ownership_challenge"),
    }
}
